/* SPDX-License-Identifier: Apache-2.0 */
/* Signals: tasks wait in order for the next wake. */
#include <errno.h>
#include <stdlib.h>

#include "loop/loop.h"
#include "task/task_internal.h"

struct waiter {
	struct hearth_task *task;
	bool woken;
	TAILQ_ENTRY(waiter) order;
};

struct hearth_signal {
	TAILQ_HEAD(, waiter) waiters;
};

struct hearth_signal *signal_new(void)
{
	struct hearth_signal *signal = malloc(sizeof(*signal));

	hearth_assert(signal);
	TAILQ_INIT(&signal->waiters);
	return signal;
}

void signal_free(struct hearth_signal *signal)
{
	if (!signal)
		return;
	hearth_assert(TAILQ_EMPTY(&signal->waiters));
	free(signal);
}

int signal_wait(struct hearth_task *task, struct hearth_signal *signal, int64_t timeout_ms, struct hearth_error *err)
{
	int64_t until_ms = timeout_ms > 0 ? loop_monotonic_ms() + timeout_ms : 0;
	struct waiter waiter = { .task = task };
	int r = 0;

	task_may_suspend();
	TAILQ_INSERT_TAIL(&signal->waiters, &waiter, order);
	while (!waiter.woken && r == 0) {
		int64_t left_ms = until_ms ? until_ms - loop_monotonic_ms() : 0;

		r = until_ms && left_ms <= 0 ? hearth_fail(err, -ETIMEDOUT, "it took too long") :
					       task_park(task, left_ms, err);
	}
	if (!waiter.woken)
		TAILQ_REMOVE(&signal->waiters, &waiter, order);
	return waiter.woken ? 0 : r;
}

void signal_wake_one(struct hearth_signal *signal)
{
	struct waiter *waiter = TAILQ_FIRST(&signal->waiters);

	if (!waiter)
		return;
	TAILQ_REMOVE(&signal->waiters, waiter, order);
	waiter->woken = true;
	task_wake(waiter->task);
}

void signal_wake_all(struct hearth_signal *signal)
{
	while (!TAILQ_EMPTY(&signal->waiters))
		signal_wake_one(signal);
}
