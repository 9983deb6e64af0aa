/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/task.h - hearth.task/1: tasks, time, waiting, locks and work off the loop.
 *
 * A task is a stackful coroutine on the process's only loop thread. It runs until it calls something marked
 * HEARTH_SUSPENDS; nothing else can interleave with it. Its stack is 256 KiB: no large arrays, no unbounded recursion.
 * Every wait ends early with -ETIMEDOUT at the task's deadline and with -ECANCELED when the task is cancelled (its client
 * has gone, the process drains): code needs no branch for it beyond returning errors.
 *
 * 1.0  first version
 */
#ifndef HEARTH_TASK_H
#define HEARTH_TASK_H

#include <hearth/host.h>

HEARTH_BEGIN_DECLS

#define HEARTH_TASK_ID "hearth.task"
#define HEARTH_TASK_MAJOR 1
#define HEARTH_TASK_MINOR 0

struct hearth_signal; /* what tasks wait for */
struct hearth_mutex;  /* one task at a time; first come, first served */
struct hearth_lock;   /* a key that is held */

struct hearth_tasks {
	struct hearth_service base;

	/*
	 * Starts a task that runs fn(task, argument) soon, on behalf of the calling plugin. name: as long as the
	 * process. Its arena and everything deferred on it end with it. -EAGAIN: the process has too many tasks.
	 */
	int (*spawn)(const struct hearth_host *host, const char *name,
		     HEARTH_SUSPENDS void (*fn)(struct hearth_task *task, void *argument), void *argument,
		     struct hearth_error *err);

	/* The task's arena; ends with the task. */
	struct hearth_arena *(*arena)(struct hearth_task *task);

	/* Wall clock, ms since 1970. */
	int64_t (*now_ms)(void);
	/* Never goes back; for intervals. */
	int64_t (*monotonic_ms)(void);

	/* Waits that long: 0; -ETIMEDOUT at the task's deadline, -ECANCELED. */
	HEARTH_SUSPENDS int (*sleep)(struct hearth_task *task, int64_t ms, struct hearth_error *err);

	/* Lets other tasks run, then goes on. Call it in long computations that cannot be offloaded. */
	HEARTH_SUSPENDS int (*yield)(struct hearth_task *task, struct hearth_error *err);

	/* Moves the deadline: ms from now; 0 takes it away. Returns the ms that were left, or 0 for none. */
	int64_t (*set_deadline)(struct hearth_task *task, int64_t ms);
	/* 1 where the task has been cancelled. */
	int (*cancelled)(const struct hearth_task *task);

	/*
	 * Runs fn(argument) on a worker thread while the task sleeps. fn touches nothing but argument, calls no service,
	 * and cannot be interrupted: the call returns only when fn has (so argument may live on the task's stack).
	 */
	HEARTH_SUSPENDS int (*offload)(struct hearth_task *task, void (*fn)(void *argument), void *argument,
				       struct hearth_error *err);

	/* --- signals --- */
	/* A signal that tasks wait for; owned: signal_free, once nobody waits. */
	struct hearth_signal *(*signal_new)(void);
	void (*signal_free)(struct hearth_signal *signal);
	/* Waits until the next wake. timeout_ms 0: until the task's deadline. 0, or -ETIMEDOUT, -ECANCELED. */
	HEARTH_SUSPENDS int (*wait)(struct hearth_task *task, struct hearth_signal *signal, int64_t timeout_ms,
				    struct hearth_error *err);
	void (*wake_one)(struct hearth_signal *signal);
	void (*wake_all)(struct hearth_signal *signal);

	/* --- locks inside this process --- */
	/*
	 * Waits for the key to be free and takes it ("room:!abc:example.com"). Keys of different plugins differ.
	 * ret_lock: owned, unlock; released by the host if the task ends first.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*lock)(const struct hearth_host *host, struct hearth_task *task, const char *key,
		    struct hearth_lock **ret_lock, struct hearth_error *err);
	/* Gives the key back, to who waits longest. *lock may be NULL; becomes NULL. */
	void (*unlock)(struct hearth_lock **lock);
};

static inline const struct hearth_tasks *hearth_tasks(const struct hearth_host *host)
{
	return (const struct hearth_tasks *)host->service(host, HEARTH_TASK_ID, HEARTH_TASK_MAJOR, HEARTH_TASK_MINOR);
}

HEARTH_END_DECLS
#endif
