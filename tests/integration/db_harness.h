/* SPDX-License-Identifier: Apache-2.0
 *
 * db_harness.h - the host's loop, tasks and database service for tests and benches, on the PostgreSQL of tools/testenv.
 */
#ifndef TESTS_INTEGRATION_DB_HARNESS_H
#define TESTS_INTEGRATION_DB_HARNESS_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "db/db.h"
#include "loop/loop.h"
#include "stream/stream.h"
#include "task/task.h"

/* Inside a task: notes what is wrong and ends the body. (cmocka's own checks jump, which a coroutine's stack forbids.) */
#define CHECK(condition)                                                                \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			harness.failed = true;                                          \
			return;                                                         \
		}                                                                       \
	} while (0)

/* As CHECK, of a call's result, with the error's message. */
#define CHECK_CODE(call, expected)                                                                             \
	do {                                                                                                   \
		int code_ = (call);                                                                            \
		if (code_ != (expected)) {                                                                     \
			fprintf(stderr, "%s:%d: %s: %d (%s)\n", __FILE__, __LINE__, #call, code_, err.message); \
			harness.failed = true;                                                                 \
			return;                                                                                \
		}                                                                                              \
		hearth_error_clear(&err);                                                                      \
	} while (0)

typedef void body_fn(struct hearth_task *task, void *argument);

static struct {
	bool failed;
	int  running; /* tasks of harness_spawn */
	struct config *config;
} harness;

/* Writes "key=value key=value" as the database: section. */
static inline void harness_write_config(FILE *file, const char *connection, int most)
{
	char *copy = strdup(connection), *rest = copy, *word;

	fprintf(file, "database:\n  name: psycopg2\n  args:\n    cp_max: %d\n", most);
	while ((word = strsep(&rest, " ")))
		if (strchr(word, '='))
			fprintf(file, "    %.*s: \"%s\"\n", (int)strcspn(word, "="), word, strchr(word, '=') + 1);
	free(copy);
}

static inline void harness_use_config(const char *text)
{
	char path[] = "/tmp/hearth-db-test.XXXXXX.yaml";
	struct hearth_error err = { 0 };
	const char *paths[] = { path };
	int fd = mkstemps(path, 5);

	hearth_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	if (config_load(paths, 1, &harness.config, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		abort();
	}
	unlink(path);
	config_use(harness.config);
}


struct harness_body {
	body_fn *fn;
	void *argument;
	bool stops;
};

static inline void harness_task(struct hearth_task *task, void *argument)
{
	struct harness_body body = *(struct harness_body *)argument;

	free(argument);
	body.fn(task, body.argument);
	if (body.stops)
		loop_stop();
	else
		harness.running--;
}

static inline struct hearth_task *harness_start(body_fn *fn, void *argument, bool stops)
{
	struct harness_body *body = malloc(sizeof(*body));
	struct hearth_error err = { 0 };
	struct hearth_task *task;

	*body = (struct harness_body){ fn, argument, stops };
	hearth_assert(task_spawn("host", "test", harness_task, body, &task, &err) == 0);
	return task;
}

/* Runs fn as a task, and the loop until it has ended. */
static inline bool harness_run(body_fn *fn)
{
	harness.failed = false;
	harness_start(fn, NULL, true);
	loop_run(NULL, NULL);
	return !harness.failed;
}

/* From a body: another task beside it. */
static inline struct hearth_task *harness_spawn(body_fn *fn, void *argument)
{
	harness.running++;
	return harness_start(fn, argument, false);
}

/* Until all of them have ended. */
static inline void harness_join(struct hearth_task *task)
{
	struct hearth_error err = { 0 };

	while (harness.running)
		if (task_service()->sleep(task, 1, &err) < 0)
			return;
}

static inline void harness_up(int most)
{
	const char *connection = getenv("HEARTH_TEST_PG");
	struct hearth_error err = { 0 };
	char text[2048] = "";
	FILE *file = fmemopen(text, sizeof(text) - 1, "w");

	if (!connection) {
		fprintf(stderr, "HEARTH_TEST_PG is not set: run it with tools/testenv run -- COMMAND\n");
		exit(1);
	}
	harness_write_config(file, connection, most);
	fclose(file);
	harness_use_config(text);
	hearth_assert(loop_init(&err) == 0 && task_init(&err) == 0);
}

static inline void harness_down(void)
{
	task_cancel_all();
	db_stop();
	task_finish();
	loop_finish();
	config_use(NULL);
	config_free(harness.config);
}

#endif
