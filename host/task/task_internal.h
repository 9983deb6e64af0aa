/* SPDX-License-Identifier: Apache-2.0
 *
 * host/task/task_internal.h - what the files of host/task share.
 */
#ifndef HOST_TASK_TASK_INTERNAL_H
#define HOST_TASK_TASK_INTERNAL_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "loop/watch.h"
#include "task/task.h"

#define TASK_MAGIC 0x7461736bu

enum task_state { TASK_READY = 1, TASK_RUNNING, TASK_PARKED, TASK_ENDED };

LIST_HEAD(lock_list, hearth_lock);

struct hearth_task {
	uint32_t magic;
	uint32_t state; /* enum task_state */
	struct fiber *fiber;
	struct hearth_arena *arena;
	const char *plugin;
	const char *name;
	const char *request_id;
	HEARTH_SUSPENDS void (*fn)(struct hearth_task *task, void *argument);
	void *argument;
	int64_t started_ms;
	int64_t deadline_ms; /* monotonic; 0: none */
	int64_t wait_until_ms; /* of the current wait; 0: no end */
	int64_t timer_ms; /* when the timer is set to; 0: not set */
	int64_t parked_ms;
	struct event timer;
	int result; /* of the wait that ends */
	bool cancelled;
	bool woken; /* task_wake came while it was not parked */
	bool firm;  /* the current wait ends by task_wake alone */
	bool trimmed;
	struct watch_labels labels;
	struct lock_list locks;
	TAILQ_ENTRY(hearth_task) by_age;
	TAILQ_ENTRY(hearth_task) by_turn;
};

HEARTH_SUSPENDS int task_sleep(struct hearth_task *task, int64_t ms, struct hearth_error *err);
HEARTH_SUSPENDS int task_yield(struct hearth_task *task, struct hearth_error *err);

/* lock.c: gives up what a task still holds when it ends. */
void lock_release_all(struct hearth_task *task);
HEARTH_SUSPENDS int lock_take(const char *plugin, struct hearth_task *task, const char *key,
			      struct hearth_lock **ret_lock, struct hearth_error *err);
void lock_give(struct hearth_lock **lock);
void lock_table_free(void);

/* signal.c */
struct hearth_signal *signal_new(void);
void signal_free(struct hearth_signal *signal);
HEARTH_SUSPENDS int signal_wait(struct hearth_task *task, struct hearth_signal *signal, int64_t timeout_ms,
				struct hearth_error *err);
void signal_wake_one(struct hearth_signal *signal);
void signal_wake_all(struct hearth_signal *signal);

/* offload.c */
HEARTH_SUSPENDS int offload_run(struct hearth_task *task, void (*fn)(void *argument), void *argument,
				struct hearth_error *err);
void offload_finish(void);

#endif
