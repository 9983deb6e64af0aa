/* SPDX-License-Identifier: Apache-2.0 */
/* Work off the loop: a few threads, a bounded queue, and an eventfd that brings the results back. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "log/log.h"
#include "loop/loop.h"
#include "loop/watch.h"
#include "task/task_internal.h"

#define THREADS_MAX 4
#define QUEUE_MAX   256

/* Lives on the waiting task's stack, which stays in place until the job is done. */
struct job {
	struct hearth_task *task;
	const char *plugin;
	const char *name;
	void (*fn)(void *argument);
	void *argument;
	bool taken; /* by a thread */
	bool done;  /* written on the loop */
	TAILQ_ENTRY(job) order;
};

TAILQ_HEAD(job_queue, job);

static struct {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct job_queue waiting;
	struct job_queue done;
	size_t waiting_count;
	bool ending;
	pthread_t threads[THREADS_MAX];
	size_t thread_count;
	int fd; /* eventfd: done is not empty */
	struct event *event;
} pool = { .lock = PTHREAD_MUTEX_INITIALIZER, .more = PTHREAD_COND_INITIALIZER, .fd = -1 };

/* With the lock held. NULL: the pool ends. */
static struct job *next_job(void)
{
	struct job *job;

	while (TAILQ_EMPTY(&pool.waiting) && !pool.ending)
		pthread_cond_wait(&pool.more, &pool.lock);
	job = TAILQ_FIRST(&pool.waiting);
	if (!job)
		return NULL;
	TAILQ_REMOVE(&pool.waiting, job, order);
	pool.waiting_count--;
	job->taken = true;
	return job;
}

static void *thread_main(void *argument)
{
	const uint64_t one = 1;
	struct job *job;

	(void)argument;
	pthread_mutex_lock(&pool.lock);
	while ((job = next_job())) {
		pthread_mutex_unlock(&pool.lock);
		watch_set_thread(job->plugin, job->name);
		job->fn(job->argument);
		watch_set_thread(NULL, NULL);
		pthread_mutex_lock(&pool.lock);
		TAILQ_INSERT_TAIL(&pool.done, job, order);
		if (write(pool.fd, &one, sizeof(one)) != sizeof(one))
			abort(); /* an eventfd refuses only 2^64 of them */
	}
	pthread_mutex_unlock(&pool.lock);
	return NULL;
}

static void on_done(evutil_socket_t fd, short events, void *argument)
{
	struct job_queue batch = TAILQ_HEAD_INITIALIZER(batch);
	uint64_t count;

	(void)events, (void)argument;
	if (read(fd, &count, sizeof(count)) < 0)
		return;
	pthread_mutex_lock(&pool.lock);
	TAILQ_CONCAT(&batch, &pool.done, order);
	pthread_mutex_unlock(&pool.lock);
	while (!TAILQ_EMPTY(&batch)) {
		struct job *job = TAILQ_FIRST(&batch);

		TAILQ_REMOVE(&batch, job, order);
		job->done = true;
		task_wake(job->task);
	}
}

static size_t threads_wanted(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors < 2 ? 2 : processors > THREADS_MAX ? THREADS_MAX : (size_t)processors;
}

/* Signals are the loop's: threads start with all of them blocked. */
static int start_threads(struct hearth_error *err)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (pool.thread_count < threads_wanted() &&
	       pthread_create(&pool.threads[pool.thread_count], NULL, thread_main, NULL) == 0)
		pool.thread_count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pool.thread_count ? 0 : hearth_fail(err, -EBUSY, "no thread could be started");
}

static int pool_start(struct hearth_error *err)
{
	if (pool.thread_count)
		return 0;
	if (pool.fd < 0) {
		TAILQ_INIT(&pool.waiting);
		TAILQ_INIT(&pool.done);
		pool.ending = false;
		pool.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (pool.fd < 0)
			return hearth_fail(err, -EBUSY, "no file descriptor for work off the loop");
		pool.event = event_new(loop_base(), pool.fd, EV_READ | EV_PERSIST, on_done, NULL);
		hearth_assert(pool.event && event_add(pool.event, NULL) == 0);
	}
	return start_threads(err);
}

/* Takes a job that no thread has begun out of the queue. */
static bool withdraw(struct job *job)
{
	bool taken;

	pthread_mutex_lock(&pool.lock);
	taken = job->taken;
	if (!taken) {
		TAILQ_REMOVE(&pool.waiting, job, order);
		pool.waiting_count--;
	}
	pthread_mutex_unlock(&pool.lock);
	return !taken;
}

int offload_run(struct hearth_task *task, void (*fn)(void *argument), void *argument, struct hearth_error *err)
{
	struct job job = { .task = task, .plugin = task->plugin, .name = task->name, .fn = fn, .argument = argument };
	struct hearth_error ended = { 0 };
	bool full;
	int r;

	task_may_suspend();
	r = pool_start(err);
	if (r < 0)
		return r;
	pthread_mutex_lock(&pool.lock);
	full = pool.waiting_count >= QUEUE_MAX;
	if (!full) {
		TAILQ_INSERT_TAIL(&pool.waiting, &job, order);
		pool.waiting_count++;
		pthread_cond_signal(&pool.more);
	}
	pthread_mutex_unlock(&pool.lock);
	if (full)
		return hearth_fail(err, -EBUSY, "the server has too much to compute right now");
	while (!job.done && r == 0)
		r = task_park(task, 0, &ended);
	if (!job.done && withdraw(&job))
		return hearth_fail(err, r, "%s", ended.message);
	while (!job.done)
		task_park_firmly(task);
	return 0;
}

void offload_finish(void)
{
	if (pool.fd < 0)
		return;
	pthread_mutex_lock(&pool.lock);
	pool.ending = true;
	pthread_cond_broadcast(&pool.more);
	pthread_mutex_unlock(&pool.lock);
	while (pool.thread_count)
		pthread_join(pool.threads[--pool.thread_count], NULL);
	event_free(pool.event);
	close(pool.fd);
	pool.fd = -1;
}
