/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ctl/top.c - hearthctl top: a running server's metrics, as totals and as what happened since the last look.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"

#include "ctl.h"

#define METRICS_PATH "/_synapse/metrics"
#define SERIES_MAX 20000
#define SHOWN_MAX 15

static const char USAGE[] = "Usage: hearthctl top [-c FILE] [--once] [SERVER-URL]\n\n"
			    "Shows requests, database, streams and tasks of a server that has a metrics listener, every\n"
			    "second until Ctrl-C. --once: one look, without rates.\n";

struct series {
	const char *name; /* with its labels */
	double      value;
};

struct look {
	struct hearth_arena *arena;
	struct series       *series;
	size_t               count;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct series *)a)->name, ((const struct series *)b)->name);
}

/* Lines of "name{labels} value"; buckets of histograms are left out. */
static void parse(struct look *look, const char *text)
{
	look->series = hearth_arena_array_of(look->arena, struct series, SERIES_MAX);
	while (*text && look->count < SERIES_MAX) {
		size_t length = strcspn(text, "\n");
		char *line = hearth_arena_strndup(look->arena, text, length);
		char *space = strrchr(line, ' ');
		text += length + (text[length] == '\n');
		if (*line == '#' || !space || strstr(line, "_bucket{"))
			continue;
		*space = '\0';
		look->series[look->count++] = (struct series){ line, strtod(space + 1, NULL) };
	}
	qsort(look->series, look->count, sizeof(*look->series), by_name);
}

struct row {
	const char *name;
	double      value, rate;
};

static int by_rate(const void *a, const void *b)
{
	const struct row *left = a, *right = b;

	if (left->rate > right->rate || left->rate < right->rate)
		return left->rate < right->rate ? 1 : -1;
	return (left->value < right->value) - (left->value > right->value);
}

static void show_part(const struct look *now, const struct look *before, const char *title, const char *prefix)
{
	struct row *rows = hearth_arena_array_of(now->arena, struct row, now->count);
	size_t count = 0;

	for (size_t i = 0; i < now->count; i++) {
		if (strncmp(now->series[i].name, prefix, strlen(prefix)) != 0)
			continue;
		const struct series *old = before->count ? bsearch(&now->series[i], before->series, before->count,
								   sizeof(*before->series), by_name) :
							   NULL;
		rows[count++] = (struct row){ now->series[i].name, now->series[i].value,
					      old ? now->series[i].value - old->value : 0 };
	}
	if (count == 0)
		return;
	qsort(rows, count, sizeof(*rows), by_rate);
	printf("%-84s %14s %10s\n", title, "value", "change/s");
	for (size_t i = 0; i < count && i < SHOWN_MAX; i++)
		printf("  %-82.82s %14.6g %10.4g\n", rows[i].name + strlen("hearth_"), rows[i].value, rows[i].rate);
}

static void show(const struct look *now, const struct look *before)
{
	static const char *const PARTS[][2] = {
		{ "REQUESTS", "hearth_http_" }, { "DATABASE", "hearth_db_" },	{ "STREAMS", "hearth_stream" },
		{ "TASKS", "hearth_task" },	{ "OUTBOUND", "hearth_outbound_" }, { "LOOP", "hearth_loop_" },
	};

	for (size_t i = 0; i < HEARTH_COUNT(PARTS); i++)
		show_part(now, before, PARTS[i][0], PARTS[i][1]);
}

static int look_at(const struct ctl_server *server, struct look *look, struct hearth_error *err)
{
	struct ctl_answer answer;

	*look = (struct look){ .arena = hearth_arena_new() };
	int r = ctl_http(look->arena, server, METRICS_PATH, NULL, &answer, err);
	if (r >= 0 && answer.status != 200)
		r = hearth_fail(err, -1, "%s%s answers %ld; name a listener with the resource 'metrics'", server->url,
				METRICS_PATH, answer.status);
	if (r >= 0)
		parse(look, answer.body);
	return r;
}

static int watch(const struct ctl_server *server, int once, struct hearth_error *err)
{
	struct look before = { 0 }, now;
	int r;

	for (;;) {
		r = look_at(server, &now, err);
		hearth_arena_free(r < 0 ? now.arena : NULL);
		if (r < 0)
			break;
		if (!once)
			fputs("\033[H\033[2J", stdout);
		show(&now, &before);
		fflush(stdout);
		hearth_arena_free(before.arena);
		before = now;
		if (once)
			break;
		sleep(1);
	}
	hearth_arena_free(before.arena);
	return r;
}

int ctl_top(int argc, char **argv)
{
	static const struct option OPTIONS[] = { { "config", required_argument, NULL, 'c' },
						 { "once", no_argument, NULL, '1' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL } };
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct ctl_server server = { 0 };
	struct hearth_error err = { 0 };
	const char *path = NULL;
	struct config *config = NULL;
	int option, once = 0, r = 0;

	while ((option = getopt_long(argc, argv, "c:h", OPTIONS, NULL)) != -1)
		switch (option) {
		case 'c': path = optarg; break;
		case '1': once = 1; break;
		case 'h': fputs(USAGE, stdout); return CTL_DONE;
		default: fputs(USAGE, stderr); return CTL_USAGE;
		}
	server.url = optind < argc ? argv[optind] : path ? NULL : "http://127.0.0.1:8008";
	if (!server.url) {
		r = config_load(&path, 1, &config, &err);
		if (r >= 0)
			r = ctl_find_server(arena, config, "metrics", &server, &err);
	}
	if (r >= 0)
		r = watch(&server, once, &err);
	config_free(config);
	return r < 0 ? ctl_fail(&err) : CTL_DONE;
}
