/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs: each runs by the clock in a task of its own, so that it never overlaps itself. The first run comes after a
 * random part of the interval, so that the jobs of many processes and plugins do not all start at once.
 */
#include "plugin/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "log/log.h"
#include "loop/loop.h"
#include "task/task.h"

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

HEARTH_SUSPENDS static void run_job(struct hearth_task *task, void *argument)
{
	const struct running_job job = *(struct running_job *)argument;
	int64_t wait_ms = random_part(job.job->every_ms < 60000 ? job.job->every_ms : 60000);

	free(argument);
	for (;;) {
		struct hearth_error err = { 0 };
		int r;

		task_set_deadline(task, 0);
		if (task_service()->sleep(task, wait_ms, &err) < 0)
			return;
		loop_watch_begin(job.plugin->descriptor.name, job.job->name);
		r = job.job->run(job.plugin->self, task, &err);
		loop_watch_end();
		if (r == -ECANCELED)
			return;
		if (r < 0)
			log_warning(job.plugin->descriptor.name, "job %s failed, and will run again: %s", job.job->name,
				    err.code ? err.message : strerror(-r));
		hearth_arena_clear(task_arena(task));
		wait_ms = job.job->every_ms;
	}
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
