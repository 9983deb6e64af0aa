/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: each runs by the clock in a task of its own, so that it never overlaps itself, and on the one process that has its
 * lease. The first run comes after a random part of the interval, so that they do not all start at once.
 */
#include "plugin/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lease/lease.h"
#include "log/log.h"
#include "loop/loop.h"
#include "task/task.h"

#define FIRST_MS 60000 /* the first run comes within a minute */
#define AGAIN_MS 1000
#define ASK_FOR_MS 3600000
#define JOB_NAME_BYTES 200

struct running_job {
	struct plugin           *plugin;
	const struct hearth_job *job;
};

static int64_t random_part(int64_t of_ms)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		return of_ms / 2;
	return (int64_t)((double)of_ms * (number / (double)UINT32_MAX));
}

HEARTH_SUSPENDS static void run_once(struct hearth_task *task, const struct running_job *job)
{
	struct hearth_error err = { 0 };
	int r;

	loop_watch_begin(job->plugin->descriptor.name, job->job->name);
	r = job->job->run(job->plugin->self, task, &err);
	loop_watch_end();
	if (r < 0 && r != -ECANCELED)
		log_warning(job->plugin->descriptor.name, "job %s failed, and will run again: %s", job->job->name,
			    err.code ? err.message : strerror(-r));
}

static void wake_job(void *argument)
{
	task_service()->wake_all(argument);
}

/* Until another process has it, or this one ends; lost wakes. */
HEARTH_SUSPENDS static void run_while_held(struct hearth_task *task, const struct running_job *job,
					   struct hearth_lease *lease, struct hearth_signal *lost)
{
	int64_t wait_ms = random_part(job->job->every_ms < FIRST_MS ? job->job->every_ms : FIRST_MS);

	if (lease)
		lease_service()->on_lost(lease, wake_job, lost);
	while (!lease || lease_service()->held(lease)) {
		struct hearth_error err = { 0 };

		if (task_service()->wait(task, lost, wait_ms > 0 ? wait_ms : 1, &err) != -ETIMEDOUT)
			return;
		if (lease && !lease_service()->held(lease))
			return;
		run_once(task, job);
		hearth_arena_clear(task_arena(task));
		task_set_deadline(task, 0);
		wait_ms = job->job->every_ms;
	}
}

HEARTH_SUSPENDS static void run_job(struct hearth_task *task, void *argument)
{
	const struct running_job job = *(struct running_job *)argument;
	struct hearth_signal *lost = task_service()->signal_new();
	char name[JOB_NAME_BYTES];

	free(argument);
	snprintf(name, sizeof(name), "job.%s", job.job->name);
	while (!task_service()->cancelled(task)) {
		struct hearth_lease *lease = NULL;
		struct hearth_error err = { 0 };
		int r = 0;

		task_set_deadline(task, 0);
		if (!job.job->everywhere)
			r = lease_service()->acquire(task, name, ASK_FOR_MS, &lease, &err);
		if (r < 0 && r != -ETIMEDOUT) /* the database is away, or the task is cancelled */
			r = task_service()->sleep(task, AGAIN_MS, &err);
		else if (r >= 0)
			run_while_held(task, &job, lease, lost);
		lease_service()->release(&lease);
		hearth_arena_clear(task_arena(task));
	}
	task_service()->signal_free(lost);
}

static int start_job(struct plugin *plugin, const struct hearth_job *job, struct hearth_error *err)
{
	struct running_job *running = calloc(1, sizeof(*running));
	int r;

	hearth_assert(running);
	*running = (struct running_job){ plugin, job };
	r = task_spawn(plugin->descriptor.name, job->name, run_job, running, NULL, err);
	if (r < 0)
		free(running);
	return r;
}

int jobs_start(struct hearth_error *err)
{
	int r = 0;

	for (size_t i = 0; i < plugin_count; i++)
		for (const struct hearth_job *job = plugins[i]->descriptor.jobs; job && job->name && r >= 0; job++)
			r = start_job(plugins[i], job, err);
	return r;
}
