/* SPDX-License-Identifier: Apache-2.0 */
/* The command line, and what both kinds of load share. */
#include "driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char USAGE[] =
	"Usage: hearth-bench http URL --input JOBS [--connections N] [--each N] [--seconds S] [--bodies FILE] [--hold]\n"
	"       hearth-bench replay CONNECTION --input TRANSACTIONS [--warm N]\n"
	"\n"
	"http: a job is a line METHOD TAB TARGET TAB TOKEN TAB BODY; \"{}\" in TARGET becomes a number of its own at each\n"
	"request. Each connection takes a job, does it --each times, and takes the next; with --each 0 it stays at one until\n"
	"--seconds are over. --hold: one request for each connection, \"open\" when all are sent; the end of standard input\n"
	"ends it.\n"
	"replay: TRANSACTIONS is what tests/bench/replay.py writes. Each connection runs --warm of its own, then all say\n"
	"\"ready\", a line on standard input starts the rest, and its end ends the connections.\n";

double now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void samples_add(struct samples *samples, double ms)
{
	if (samples->count == samples->capacity) {
		samples->capacity = samples->capacity ? samples->capacity * 2 : 1024;
		samples->ms = realloc(samples->ms, samples->capacity * sizeof(*samples->ms));
		if (!samples->ms)
			abort();
	}
	samples->ms[samples->count++] = (float)ms;
}

static int by_size(const void *a, const void *b)
{
	float left = *(const float *)a, right = *(const float *)b;

	return (left > right) - (left < right);
}

static double percentile(const struct samples *samples, double part)
{
	return samples->count ? (double)samples->ms[(size_t)((double)(samples->count - 1) * part)] : 0;
}

void samples_print(struct samples *samples)
{
	if (samples->count)
		qsort(samples->ms, samples->count, sizeof(*samples->ms), by_size);
	printf("\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f", percentile(samples, 0.5), percentile(samples, 0.99),
	       percentile(samples, 1));
}

void samples_free(struct samples *samples)
{
	free(samples->ms);
}

char *read_file(const char *path)
{
	FILE *file = path ? fopen(path, "r") : NULL;
	long size = file && !fseek(file, 0, SEEK_END) ? ftell(file) : -1;
	char *text = size >= 0 ? malloc((size_t)size + 1) : NULL;

	if (text) {
		rewind(file);
		text[fread(text, 1, (size_t)size, file)] = '\0';
	} else {
		perror(path ? path : "--input");
	}
	if (file)
		fclose(file);
	return text;
}

static int take(struct options *options, char **argument)
{
	if (!strcmp(*argument, "--hold"))
		return options->hold = 1;
	if (!argument[1])
		return 0;
	if (!strcmp(*argument, "--connections"))
		options->connections = (unsigned)strtoul(argument[1], NULL, 10);
	else if (!strcmp(*argument, "--each"))
		options->each = (unsigned)strtoul(argument[1], NULL, 10);
	else if (!strcmp(*argument, "--seconds"))
		options->seconds = strtod(argument[1], NULL);
	else if (!strcmp(*argument, "--warm"))
		options->warm = (unsigned)strtoul(argument[1], NULL, 10);
	else if (!strcmp(*argument, "--input"))
		options->input = argument[1];
	else if (!strcmp(*argument, "--bodies"))
		options->bodies = argument[1];
	else
		return 0;
	return 2;
}

int main(int argc, char **argv)
{
	struct options options = { .connections = 1, .each = 1 };
	int taken = 0;

	if (argc < 3) {
		fputs(USAGE, stderr);
		return 2;
	}
	options.url = argv[2];
	for (char **argument = argv + 3; *argument; argument += taken) {
		taken = take(&options, argument);
		if (!taken) {
			fprintf(stderr, "hearth-bench: '%s' is not understood\n\n%s", *argument, USAGE);
			return 2;
		}
	}
	if (options.connections && !strcmp(argv[1], "http") && (options.each || options.seconds > 0))
		return http_run(&options);
	if (!strcmp(argv[1], "replay"))
		return replay_run(&options);
	fputs(USAGE, stderr);
	return 2;
}
