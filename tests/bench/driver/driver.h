/* SPDX-License-Identifier: Apache-2.0 */
/* hearth-bench: the load of tests/bench/run. Cheap, so that the measured server and not its driver fills the machine. */
#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <stddef.h>
#include <stdint.h>

struct options {
	const char *url;         /* http: where the server listens; replay: libpq's connection string */
	const char *input;
	const char *bodies;      /* http: the file that takes the answers' bodies, one a line; NULL: none */
	unsigned    connections;
	unsigned    each;        /* http: requests of each job; 0: one job for each connection, until seconds are over */
	unsigned    warm;        /* replay: transactions of each connection that run before the others, unmeasured */
	double      seconds;     /* http: stop after that long; 0: when every job is done */
	int         hold;
};

/* Latencies in the order in which they came. */
struct samples {
	float *ms;
	size_t count, capacity;
};

double now_ms(void);
void samples_add(struct samples *samples, double ms);
/* "p50_ms": .., "p99_ms": .., "max_ms": .. of a JSON object; sorts the samples. */
void samples_print(struct samples *samples);
void samples_free(struct samples *samples);

/* The text of a file, to be freed; NULL, after a complaint: it cannot be read. */
char *read_file(const char *path);

int http_run(const struct options *options);
int replay_run(const struct options *options);

#endif
