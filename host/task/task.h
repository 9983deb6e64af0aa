/* SPDX-License-Identifier: Apache-2.0
 *
 * host/task/task.h - tasks as the host's own parts use them; hearth/task.h is what plugins see.
 */
#ifndef HOST_TASK_TASK_H
#define HOST_TASK_TASK_H

#include <hearth/task.h>

int task_init(struct hearth_error *err); /* after loop_init */
void task_finish(void);

/* As hearth_tasks.spawn; plugin: its name, or "host". ret_task may be NULL; the task's first turn comes later, on the loop. */
int task_spawn(const char *plugin, const char *name, HEARTH_SUSPENDS void (*fn)(struct hearth_task *task, void *argument),
	       void *argument, struct hearth_task **ret_task, struct hearth_error *err);

/* The task that runs now; NULL on the loop's own stack. */
struct hearth_task *task_current(void);

/*
 * Parks the current task until task_wake, the deadline or cancellation: 0, -ETIMEDOUT, -ECANCELED (err is set).
 * timeout_ms 0: the task's own deadline alone. Every suspending function of the host rests on this one.
 *
 * It may return 0 for a wake that was meant for an earlier wait, or for none: callers keep what they wait for in a variable
 * of their own, and park in a loop until that is so.
 */
HEARTH_SUSPENDS int task_park(struct hearth_task *task, int64_t timeout_ms, struct hearth_error *err);

/* As task_park, but neither deadline nor cancellation ends it: for waits whose memory others write to. */
HEARTH_SUSPENDS void task_park_firmly(struct hearth_task *task);

/*
 * Makes a parked task run at the loop's next turn. Where it is not parked it is remembered, once, and ends the task's next
 * wait at once, whatever that one waits for. Callable from the loop only.
 */
void task_wake(struct hearth_task *task);

/* Its current and every later wait returns -ECANCELED. */
void task_cancel(struct hearth_task *task);

/* Which plugin and what for; the request id that its log lines carry (copied to the arena). */
const char *task_plugin(const struct hearth_task *task);
const char *task_name(const struct hearth_task *task);
void task_set_request_id(struct hearth_task *task, const char *request_id);
const char *task_request_id(const struct hearth_task *task); /* NULL: none */
struct hearth_arena *task_arena(struct hearth_task *task);
int64_t task_set_deadline(struct hearth_task *task, int64_t ms);

/* Aborts with the reason where the caller is no task or a no-suspend scope is open. First line of what suspends. */
void task_may_suspend(void);
/* Opens and closes a scope in which suspending aborts (hooks that must not suspend). */
void task_no_suspend_begin(void);
void task_no_suspend_end(void);

/* Tasks alive; logs those older than that, by name (draining). */
size_t task_count(void);
void task_log_late(int64_t older_than_ms);
void task_cancel_all(void);

/* The table that plugins get. */
const struct hearth_tasks *task_service(void);

#endif
