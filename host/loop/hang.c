/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hang watchdog: the stall watchdog speaks when a turn has ended, this one while it does not. Its thread only looks at
 * the clock; what runs is told by the loop's own thread, from a signal handler, where the labels cannot move.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hearth/base.h>

#include "loop/loop.h"
#include "loop/watch.h"

#define LOOK_MS  500
#define TELL_MS  5000
#define STACK_BYTES 262144
#define ASK SIGURG /* ignored by default, so that one that comes late harms nobody */

static _Atomic int64_t turn_since_ms; /* 0: the loop waits */
static _Atomic int64_t limit_ms;      /* of a turn; 0: none */
static atomic_bool too_long;
static pthread_t loop_thread;

void hang_turn(int64_t since_ms)
{
	atomic_store_explicit(&turn_since_ms, since_ms, memory_order_relaxed);
}

void hang_limit(int64_t ms)
{
	atomic_store(&limit_ms, ms);
}

static void on_ask(int number)
{
	bool final = atomic_load(&too_long);

	(void)number;
	if (!atomic_load_explicit(&turn_since_ms, memory_order_relaxed))
		return;
	watch_say(final ? "ended, since stuck" : "stuck");
	if (final)
		_exit(EXIT_FAILURE);
}

static void *look(void *argument)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	int64_t told_ms = 0;

	(void)argument;
	for (;;) {
		int64_t since_ms, limit, took_ms;

		clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		since_ms = atomic_load_explicit(&turn_since_ms, memory_order_relaxed);
		limit = atomic_load(&limit_ms);
		took_ms = loop_monotonic_ms() - since_ms;
		if (!since_ms || took_ms < TELL_MS)
			continue;
		if (limit && took_ms > limit)
			atomic_store(&too_long, true);
		if (since_ms != told_ms || atomic_load(&too_long))
			pthread_kill(loop_thread, ASK);
		told_ms = since_ms;
	}
	return NULL;
}

void hang_watch_start(void)
{
	struct sigaction action = { .sa_handler = on_ask, .sa_flags = SA_RESTART | SA_ONSTACK };
	sigset_t all, before;
	pthread_attr_t attributes;
	pthread_t thread;

	loop_thread = pthread_self();
	sigemptyset(&action.sa_mask);
	sigaction(ASK, &action, NULL);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	hearth_assert(!pthread_create(&thread, &attributes, look, NULL));
	pthread_attr_destroy(&attributes);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
