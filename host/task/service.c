/* SPDX-License-Identifier: Apache-2.0 */
/* hearth.task/1: the table that plugins get. */
#include "loop/loop.h"
#include "plugin/plugin.h"
#include "task/task_internal.h"

static int spawn(const struct hearth_host *host, const char *name,
		 HEARTH_SUSPENDS void (*fn)(struct hearth_task *task, void *argument), void *argument, struct hearth_error *err)
{
	return task_spawn(plugin_name_of(host), name, fn, argument, NULL, err);
}

static int cancelled(const struct hearth_task *task)
{
	return task->cancelled;
}

HEARTH_SUSPENDS static int lock(const struct hearth_host *host, struct hearth_task *task, const char *key,
				struct hearth_lock **ret_lock, struct hearth_error *err)
{
	return lock_take(plugin_name_of(host), task, key, ret_lock, err);
}

const struct hearth_tasks *task_service(void)
{
	static const struct hearth_tasks TASKS = {
		.base = { .size = sizeof(TASKS), .major = HEARTH_TASK_MAJOR, .minor = HEARTH_TASK_MINOR,
			  .id = HEARTH_TASK_ID },
		.spawn = spawn,
		.arena = task_arena,
		.now_ms = loop_now_ms,
		.monotonic_ms = loop_monotonic_ms,
		.sleep = task_sleep,
		.yield = task_yield,
		.set_deadline = task_set_deadline,
		.cancelled = cancelled,
		.offload = offload_run,
		.signal_new = signal_new,
		.signal_free = signal_free,
		.wait = signal_wait,
		.wake_one = signal_wake_one,
		.wake_all = signal_wake_all,
		.lock = lock,
		.unlock = lock_give,
	};

	return &TASKS;
}
