/* SPDX-License-Identifier: Apache-2.0 */
#include "db/listen.h"

#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "db/failure.h"
#include "db/pool.h"
#include "db/session.h"
#include "log/log.h"
#include "task/task.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000

struct listener {
	struct listener *next;
	char *channel;
	void (*fn)(void *argument, const char *payload);
	void *argument;
	bool listening; /* on the present connection */
};

static struct {
	struct listener *first;
	struct hearth_task *task; /* NULL: none runs */
	bool started;             /* the pool's settings are there */
} state;

static void tell(const char *channel, const char *payload)
{
	task_no_suspend_begin();
	for (struct listener *listener = state.first; listener; listener = listener->next)
		if (!channel || !strcmp(listener->channel, channel))
			listener->fn(listener->argument, payload);
	task_no_suspend_end();
}

HEARTH_SUSPENDS static int listen_on(struct hearth_task *task, PGconn *pg, struct listener *listener,
				     struct hearth_error *err)
{
	char *quoted = PQescapeIdentifier(pg, listener->channel, strlen(listener->channel));
	struct hearth_arena *arena = hearth_arena_new();
	int r = -EINVAL;

	if (quoted)
		r = db_session_run(task, pg, "listening", hearth_arena_printf(arena, "LISTEN %s", quoted), NULL, err);
	else
		hearth_fail(err, r, "'%s' is no channel's name", listener->channel);
	PQfreemem(quoted);
	hearth_arena_free(arena);
	listener->listening = r == 0;
	return r;
}

HEARTH_SUSPENDS static int listen_on_new(struct hearth_task *task, PGconn *pg, struct hearth_error *err)
{
	int r;

	for (struct listener *listener = state.first; listener; listener = listener->next) {
		if (listener->listening)
			continue;
		r = listen_on(task, pg, listener, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void deliver(PGconn *pg)
{
	PGnotify *notice;

	while ((notice = PQnotifies(pg))) {
		tell(notice->relname, notice->extra);
		PQfreemem(notice);
	}
}

/* Serves one connection until it breaks. */
HEARTH_SUSPENDS static int serve(struct hearth_task *task, bool again, struct hearth_error *err)
{
	HEARTH_CLEANUP(db_session_closep) PGconn *pg = NULL;
	int r;

	r = db_session_open(task, db_pool_settings(), &pg, err);
	if (r < 0)
		return r;
	for (struct listener *listener = state.first; listener; listener = listener->next)
		listener->listening = false;
	r = listen_on_new(task, pg, err);
	if (r == 0 && again)
		tell(NULL, NULL);
	while (r == 0) {
		deliver(pg);
		r = db_session_wait(task, pg, EV_READ, 0, err);
		if (r == 0 && !PQconsumeInput(pg))
			return hearth_fail(err, -EBUSY, "the listening connection to the database was lost");
		if (r == 0)
			r = listen_on_new(task, pg, err);
	}
	return r;
}

HEARTH_SUSPENDS static void run(struct hearth_task *task, void *argument)
{
	int64_t pause_ms = PAUSE_MIN_MS;
	int r = 0;

	(void)argument;
	task_set_deadline(task, 0);
	for (bool again = false; r != -ECANCELED; again = true) {
		struct hearth_error err = { 0 };
		int64_t began_ms = task_service()->monotonic_ms();

		r = serve(task, again, &err);
		if (r == -ECANCELED)
			break;
		log_warning("db", "%s; listening again", err.message);
		hearth_error_clear(&err);
		pause_ms = task_service()->monotonic_ms() - began_ms > PAUSE_MAX_MS ? PAUSE_MIN_MS : 2 * pause_ms;
		if (pause_ms > PAUSE_MAX_MS)
			pause_ms = PAUSE_MAX_MS;
		r = task_service()->sleep(task, pause_ms, &err);
	}
	state.task = NULL;
}

int db_listen_start(struct hearth_error *err)
{
	state.started = true;
	if (!state.first || state.task)
		return 0;
	return task_spawn("host", "listen to the database", run, NULL, &state.task, err);
}

int db_listen(const struct hearth_host *host, const char *channel, void (*fn)(void *argument, const char *payload),
	      void *argument, struct hearth_error *err)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	struct listener **last = &state.first;

	(void)host;
	hearth_assert(listener);
	*listener = (struct listener){ .channel = strdup(channel), .fn = fn, .argument = argument };
	hearth_assert(listener->channel);
	while (*last)
		last = &(*last)->next;
	*last = listener;
	if (state.task)
		task_wake(state.task);
	return state.started ? db_listen_start(err) : 0;
}

void db_listen_stop(void)
{
	if (state.task)
		task_cancel(state.task);
	while (state.first) {
		struct listener *listener = state.first;

		state.first = listener->next;
		free(listener->channel);
		free(listener);
	}
	state.started = false;
}
