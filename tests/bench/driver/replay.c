/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements that a server wrote, run again by libpq alone: what PostgreSQL can do with these rows.
 *
 * Input, in lines: "S SQL" is the next statement, counted from 0; "L" opens the next connection's list; "T EVENTS" begins
 * a transaction there; "X NUMBER TAB PARAMETER..." runs a statement in it. Text is escaped as COPY's: \N \\ \t \n \r.
 */
#include "driver.h"

#include <libpq-fe.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENTS_MAX 64
#define LANES_MAX 256

struct call {
	unsigned statement;
	unsigned events; /* of the transaction that begins here; 0: it has begun */
	int      count;
	size_t   first; /* of its values */
};

struct lane {
	struct call *calls;
	size_t       count, next, capacity;
	unsigned     in_flight; /* events of the transaction that runs */
	unsigned     started;   /* transactions */
	PGconn      *connection;
	double       started_ms;
};

struct replay {
	const struct options *options;
	char                 *statements[STATEMENTS_MAX];
	unsigned              statement_count;
	char                **values;
	size_t                value_count, value_capacity;
	struct lane          *lanes;
	size_t                lane_count;
	unsigned              limit; /* transactions that a lane may start by now */
	size_t                done, commits;
	struct samples        samples;
};

/* --- input --- */

static char *unescape(char *text)
{
	char *out = text;

	if (!strcmp(text, "\\N"))
		return NULL;
	for (const char *in = text; *in; in++) {
		if (*in != '\\' || !in[1]) {
			*out++ = *in;
			continue;
		}
		in++;
		*out++ = (char)(*in == 't' ? '\t' : *in == 'n' ? '\n' : *in == 'r' ? '\r' : *in);
	}
	*out = '\0';
	return text;
}

/* The array with room for one more, NULL where there is no memory. */
static void *grown(void *items, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return items;
	*capacity = *capacity ? *capacity * 2 : 256;
	return realloc(items, *capacity * size);
}

static int add_call(struct replay *replay, char *line, unsigned events)
{
	struct lane *lane = &replay->lanes[replay->lane_count - 1];
	struct call *call;
	char *part;

	lane->calls = grown(lane->calls, lane->count, &lane->capacity, sizeof(*lane->calls));
	if (!lane->calls)
		return -1;
	call = &lane->calls[lane->count++];
	*call = (struct call){ .statement = (unsigned)strtoul(strsep(&line, "\t"), NULL, 10), .events = events,
			       .first = replay->value_count };
	while ((part = strsep(&line, "\t"))) {
		replay->values = grown(replay->values, replay->value_count, &replay->value_capacity, sizeof(*replay->values));
		if (!replay->values)
			return -1;
		replay->values[replay->value_count++] = unescape(part);
		call->count++;
	}
	return call->statement < replay->statement_count ? 0 : -1;
}

static int parse(struct replay *replay, char *text)
{
	char *line;
	unsigned events = 0;

	replay->lanes = calloc(LANES_MAX, sizeof(*replay->lanes));
	while (replay->lanes && (line = strsep(&text, "\n"))) {
		if (*line == 'S' && replay->statement_count < STATEMENTS_MAX) {
			replay->statements[replay->statement_count++] = unescape(line + 2);
		} else if (*line == 'L' && replay->lane_count < LANES_MAX) {
			replay->lane_count++;
		} else if (*line == 'T' && replay->lane_count) {
			events = (unsigned)strtoul(line + 1, NULL, 10);
		} else if (*line == 'X' && replay->lane_count) {
			if (add_call(replay, line + 2, events) < 0)
				return -1;
			events = 0;
		} else if (*line) {
			return -1;
		}
	}
	return replay->lane_count ? 0 : -1;
}

/* --- connections --- */

static int complain(const struct lane *lane, const char *what)
{
	fprintf(stderr, "hearth-bench: %s: %s", what, PQerrorMessage(lane->connection));
	return -1;
}

static void name_of(unsigned statement, char name[16])
{
	snprintf(name, 16, "s%u", statement);
}

static int connect_lane(const struct replay *replay, struct lane *lane)
{
	char name[16];

	lane->connection = PQconnectdb(replay->options->url);
	if (PQstatus(lane->connection) != CONNECTION_OK)
		return complain(lane, "connect");
	for (unsigned i = 0; i < replay->statement_count; i++) {
		PGresult *result;
		int good;

		name_of(i, name);
		result = PQprepare(lane->connection, name, replay->statements[i], 0, NULL);
		good = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
		if (!good)
			return complain(lane, replay->statements[i]);
	}
	return PQenterPipelineMode(lane->connection) && !PQsetnonblocking(lane->connection, 1) ? 0 :
											 complain(lane, "pipeline");
}

static int plain(struct lane *lane, const char *sql)
{
	return PQsendQueryParams(lane->connection, sql, 0, NULL, NULL, NULL, NULL, 0) ? 0 : complain(lane, sql);
}

/* The lane's next transaction. 0: sent, 1: there is none to start now. */
static int send_transaction(const struct replay *replay, struct lane *lane)
{
	char name[16];

	if (lane->next == lane->count || lane->started == replay->limit)
		return 1;
	if (plain(lane, "BEGIN") < 0)
		return -1;
	lane->in_flight = lane->calls[lane->next].events;
	lane->started++;
	do {
		const struct call *call = &lane->calls[lane->next++];
		const char *const *values = (const char *const *)(replay->values + call->first);

		name_of(call->statement, name);
		if (!PQsendQueryPrepared(lane->connection, name, call->count, values, NULL, NULL, 0))
			return complain(lane, replay->statements[call->statement]);
	} while (lane->next < lane->count && !lane->calls[lane->next].events);
	if (plain(lane, "COMMIT") < 0)
		return -1;
	lane->started_ms = now_ms();
	return PQpipelineSync(lane->connection) ? 0 : complain(lane, "sync");
}

/* 1: the commit is done, 0: more must come. */
static int take_results(struct lane *lane)
{
	while (!PQisBusy(lane->connection)) {
		PGresult *result = PQgetResult(lane->connection);
		ExecStatusType status = PQresultStatus(result);
		int empty = !result;

		PQclear(result);
		if (status == PGRES_PIPELINE_SYNC)
			return 1;
		if (!empty && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
			return complain(lane, "statement");
	}
	return 0;
}

/* 1: this lane is through. */
static int serve(struct replay *replay, struct lane *lane, short events)
{
	int rc;

	if (events & (POLLIN | POLLERR | POLLHUP) && !PQconsumeInput(lane->connection))
		return complain(lane, "read");
	if (PQflush(lane->connection) < 0)
		return complain(lane, "write");
	rc = take_results(lane);
	if (rc <= 0)
		return rc;
	samples_add(&replay->samples, now_ms() - lane->started_ms);
	replay->done += lane->in_flight;
	replay->commits++;
	rc = send_transaction(replay, lane);
	if (rc)
		return rc;
	return PQflush(lane->connection) < 0 ? complain(lane, "write") : 0;
}

static int loop(struct replay *replay)
{
	struct pollfd *polls = calloc(replay->lane_count, sizeof(*polls));
	size_t active = 0;
	int rc = polls ? 0 : -1;

	for (size_t i = 0; i < replay->lane_count && rc >= 0; i++) {
		rc = send_transaction(replay, &replay->lanes[i]);
		polls[i].fd = rc ? -1 : PQsocket(replay->lanes[i].connection);
		active += !rc;
	}
	while (active && rc >= 0) {
		for (size_t i = 0; i < replay->lane_count; i++)
			polls[i].events = (short)(PQflush(replay->lanes[i].connection) ? POLLIN | POLLOUT : POLLIN);
		if (poll(polls, replay->lane_count, 1000) < 0)
			rc = -1;
		for (size_t i = 0; i < replay->lane_count && rc >= 0; i++) {
			if (polls[i].fd < 0 || !polls[i].revents)
				continue;
			rc = serve(replay, &replay->lanes[i], polls[i].revents);
			if (rc > 0)
				polls[i].fd = -1;
			active -= rc > 0;
		}
	}
	free(polls);
	return rc < 0 ? -1 : 0;
}

/* Warms the connections up, and starts when it is told to: nothing of that is measured. */
static int warm_up(struct replay *replay)
{
	for (size_t i = 0; i < replay->lane_count; i++)
		if (connect_lane(replay, &replay->lanes[i]) < 0)
			return -1;
	replay->limit = replay->options->warm;
	if (replay->limit && loop(replay) < 0)
		return -1;
	replay->limit = UINT_MAX;
	replay->done = replay->commits = replay->samples.count = 0;
	printf("ready\n");
	fflush(stdout);
	return getchar() == EOF ? -1 : 0;
}

static void finish(struct replay *replay)
{
	for (size_t i = 0; i < replay->lane_count; i++) {
		PQfinish(replay->lanes[i].connection);
		free(replay->lanes[i].calls);
	}
	free(replay->lanes);
	free(replay->values);
	samples_free(&replay->samples);
}

int replay_run(const struct options *options)
{
	struct replay replay = { .options = options };
	char *text = read_file(options->input);
	double started_ms;
	int rc = -1;

	if (text && parse(&replay, text) < 0)
		fprintf(stderr, "hearth-bench: %s: the transactions are not as expected\n", options->input);
	else if (text)
		rc = warm_up(&replay);
	started_ms = now_ms();
	if (rc >= 0)
		rc = loop(&replay);
	if (rc >= 0) {
		printf("{\"good\": %zu, \"commits\": %zu, \"seconds\": %.4f, ", replay.done, replay.commits,
		       (now_ms() - started_ms) / 1e3);
		samples_print(&replay.samples);
		printf("}\n");
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	finish(&replay);
	free(text);
	return rc < 0 ? 1 : 0;
}
