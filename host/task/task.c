/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks: fibers with an arena, a deadline and a place in the queue of those that may run. */
#include "task/task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <hearth/arena.h>

#include "log/log.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "task/fiber.h"
#include "task/task_internal.h"

#define ARENAS_KEPT   64
#define TRIM_EVERY_MS 1000 /* stacks of tasks that have been parked for that long give memory back */

TAILQ_HEAD(task_queue, hearth_task);

static struct {
	struct task_queue all;   /* oldest first */
	struct task_queue ready; /* next turn's first */
	struct event *turn;
	bool in_turn;
	struct event *trim;
	size_t count;
	size_t limit;
	struct hearth_arena *arenas[ARENAS_KEPT];
	size_t arena_count;
	int no_suspend; /* scopes open on the running task */
	struct hearth_metric *alive;
	struct hearth_metric *refused;
} tasks;

/* Tasks run on the loop's thread alone; on a pool thread this stays NULL, whatever the loop does. */
static _Thread_local struct hearth_task *current;

static void check(const struct hearth_task *task)
{
	hearth_assert(task && task->magic == TASK_MAGIC);
}

/* ---- running ---- */

/* What gets ready during a turn has to let the loop look at its sockets first: an active event would not. */
static void ask_for_turn(void)
{
	const struct timeval now = { 0 };

	if (!tasks.in_turn)
		event_active(tasks.turn, EV_TIMEOUT, 1);
	else if (!event_pending(tasks.turn, EV_TIMEOUT, NULL))
		event_add(tasks.turn, &now);
}

static void make_ready(struct hearth_task *task, int result)
{
	task->result = result;
	task->state = TASK_READY;
	TAILQ_INSERT_TAIL(&tasks.ready, task, by_turn);
	ask_for_turn();
}

static struct hearth_arena *take_arena(void)
{
	return tasks.arena_count ? tasks.arenas[--tasks.arena_count] : hearth_arena_new();
}

static void give_arena(struct hearth_arena *arena)
{
	hearth_arena_clear(arena);
	if (tasks.arena_count < ARENAS_KEPT)
		tasks.arenas[tasks.arena_count++] = arena;
	else
		hearth_arena_free(arena);
}

HEARTH_SUSPENDS static void task_main(void *argument)
{
	struct hearth_task *task = argument;

	task->fn(task, task->argument);
	task_no_suspend_begin();
	lock_release_all(task);
	give_arena(task->arena);
	task_no_suspend_end();
	task->arena = NULL;
	task->state = TASK_ENDED;
}

static void bury(struct hearth_task *task)
{
	event_del(&task->timer);
	TAILQ_REMOVE(&tasks.all, task, by_age);
	fiber_free(task->fiber);
	task->magic = 0;
	free(task);
	tasks.count--;
	metrics_set(tasks.alive, NULL, (double)tasks.count);
}

static void run(struct hearth_task *task)
{
	size_t depth = watch_depth();

	task->state = TASK_RUNNING;
	watch_attach(&task->labels);
	current = task;
	fiber_enter(task->fiber);
	current = NULL;
	watch_detach(depth, &task->labels);
	if (fiber_ended(task->fiber))
		bury(task);
}

static void on_turn(evutil_socket_t fd, short events, void *argument)
{
	struct task_queue batch = TAILQ_HEAD_INITIALIZER(batch);

	(void)fd, (void)events, (void)argument;
	TAILQ_CONCAT(&batch, &tasks.ready, by_turn);
	tasks.in_turn = true;
	while (!TAILQ_EMPTY(&batch)) {
		struct hearth_task *task = TAILQ_FIRST(&batch);

		TAILQ_REMOVE(&batch, task, by_turn);
		run(task);
	}
	tasks.in_turn = false;
}

/* ---- time ---- */

static void set_timer(struct hearth_task *task, int64_t at_ms)
{
	int64_t ms = at_ms - loop_monotonic_ms();
	struct timeval interval;

	if (ms < 0)
		ms = 0;
	interval = (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	event_add(&task->timer, &interval);
	task->timer_ms = at_ms;
}

/* A timer stays set when a wait ends early: most tasks wait many times under one deadline, and few see it. */
static void on_timer(evutil_socket_t fd, short events, void *argument)
{
	struct hearth_task *task = argument;

	(void)fd, (void)events;
	task->timer_ms = 0;
	if (task->state != TASK_PARKED || task->firm || !task->wait_until_ms)
		return;
	if (task->wait_until_ms <= loop_monotonic_ms())
		make_ready(task, -ETIMEDOUT);
	else
		set_timer(task, task->wait_until_ms);
}

static void on_trim(evutil_socket_t fd, short events, void *argument)
{
	int64_t before_ms = loop_monotonic_ms() - TRIM_EVERY_MS;
	struct hearth_task *task;

	(void)fd, (void)events, (void)argument;
	TAILQ_FOREACH(task, &tasks.all, by_age) {
		if (task->state != TASK_PARKED || task->trimmed || task->parked_ms > before_ms)
			continue;
		fiber_trim(task->fiber);
		task->trimmed = true;
	}
}

/* ---- life ---- */

int task_init(struct hearth_error *err)
{
	const struct timeval every = { .tv_sec = TRIM_EVERY_MS / 1000 };

	TAILQ_INIT(&tasks.all);
	TAILQ_INIT(&tasks.ready);
	tasks.turn = event_new(loop_base(), -1, 0, on_turn, NULL);
	tasks.trim = event_new(loop_base(), -1, EV_PERSIST, on_trim, NULL);
	if (!tasks.turn || !tasks.trim || event_add(tasks.trim, &every) < 0)
		return hearth_fail(err, -ENOMEM, "no memory for tasks");
	tasks.limit = fiber_limit();
	tasks.alive = metrics_define("host", HEARTH_GAUGE, "tasks", "Tasks alive.", NULL);
	tasks.refused = metrics_define("host", HEARTH_COUNTER, "tasks_refused_total",
				       "Tasks that were not started because there were too many.", NULL);
	return 0;
}

/* Lets every task that is left unwind by cancellation. */
static void end_all(void)
{
	int64_t give_up_ms = loop_monotonic_ms() + 10000;

	while (tasks.count && loop_monotonic_ms() < give_up_ms) {
		task_cancel_all();
		event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	}
	if (tasks.count)
		task_log_late(0);
}

void task_finish(void)
{
	if (!tasks.turn)
		return;
	end_all();
	offload_finish();
	event_free(tasks.turn);
	event_free(tasks.trim);
	tasks.turn = tasks.trim = NULL;
	while (tasks.arena_count)
		hearth_arena_free(tasks.arenas[--tasks.arena_count]);
	fiber_pool_clear();
	lock_table_free();
}

static int too_many(struct hearth_error *err)
{
	metrics_add(tasks.refused, NULL, 1);
	hearth_fail(err, -EAGAIN, "the server has too much to do right now");
	if (err)
		err->http_status = 503;
	return -EAGAIN;
}

int task_spawn(const char *plugin, const char *name, HEARTH_SUSPENDS void (*fn)(struct hearth_task *task, void *argument),
	       void *argument, struct hearth_task **ret_task, struct hearth_error *err)
{
	struct hearth_task *task;

	if (tasks.count >= tasks.limit)
		return too_many(err);
	task = calloc(1, sizeof(*task));
	hearth_assert(task);
	task->fiber = fiber_new(task_main, task);
	if (!task->fiber) {
		free(task);
		return too_many(err);
	}
	task->magic = TASK_MAGIC;
	task->arena = take_arena();
	task->plugin = plugin;
	task->name = name;
	task->fn = fn;
	task->argument = argument;
	task->started_ms = loop_monotonic_ms();
	task->labels = (struct watch_labels){ .count = 1, .plugin = { plugin }, .subject = { name } };
	LIST_INIT(&task->locks);
	event_assign(&task->timer, loop_base(), -1, 0, on_timer, task);
	TAILQ_INSERT_TAIL(&tasks.all, task, by_age);
	tasks.count++;
	metrics_set(tasks.alive, NULL, (double)tasks.count);
	make_ready(task, 0);
	if (ret_task)
		*ret_task = task;
	return 0;
}

struct hearth_task *task_current(void)
{
	return current;
}

/* ---- waiting ---- */

void task_may_suspend(void)
{
	if (current && !tasks.no_suspend)
		return;
	fprintf(stderr, "hearthd: %s\n",
		current ? "a wait inside code that must not suspend" : "a wait outside of any task");
	abort();
}

void task_no_suspend_begin(void)
{
	tasks.no_suspend++;
}

void task_no_suspend_end(void)
{
	hearth_assert(tasks.no_suspend > 0);
	tasks.no_suspend--;
}

static int64_t earlier(int64_t a, int64_t b)
{
	if (!a || !b)
		return a ? a : b;
	return a < b ? a : b;
}

HEARTH_SUSPENDS static int suspend(struct hearth_task *task, int64_t until_ms, bool firm)
{
	hearth_assert(task == current);
	task->wait_until_ms = until_ms;
	task->firm = firm;
	task->trimmed = false;
	task->parked_ms = loop_monotonic_ms();
	if (until_ms && !firm && (!task->timer_ms || task->timer_ms > until_ms))
		set_timer(task, until_ms);
	task->state = TASK_PARKED;
	fiber_leave(task->fiber);
	return task->result;
}

int task_park(struct hearth_task *task, int64_t timeout_ms, struct hearth_error *err)
{
	int64_t until_ms;
	int r = 0;

	check(task);
	task_may_suspend();
	until_ms = earlier(task->deadline_ms, timeout_ms > 0 ? loop_monotonic_ms() + timeout_ms : 0);
	if (task->cancelled)
		r = -ECANCELED;
	else if (task->woken)
		r = 0;
	else if (until_ms && until_ms <= loop_monotonic_ms())
		r = -ETIMEDOUT;
	else
		r = suspend(task, until_ms, false);
	task->woken = false;
	if (r == -ECANCELED)
		return hearth_fail(err, r, "canceled");
	if (r == -ETIMEDOUT)
		return hearth_fail(err, r, "it took too long");
	return r;
}

void task_park_firmly(struct hearth_task *task)
{
	check(task);
	task_may_suspend();
	if (!task->woken)
		suspend(task, 0, true);
	task->woken = false;
}

void task_wake(struct hearth_task *task)
{
	check(task);
	if (task->state == TASK_PARKED)
		make_ready(task, 0);
	else if (task->state == TASK_READY && task->result < 0)
		task->result = 0; /* what it waited for came before it could run */
	else
		task->woken = true;
}

void task_cancel(struct hearth_task *task)
{
	check(task);
	task->cancelled = true;
	if (task->state == TASK_PARKED && !task->firm)
		make_ready(task, -ECANCELED);
}

int task_sleep(struct hearth_task *task, int64_t ms, struct hearth_error *err)
{
	int64_t until_ms = loop_monotonic_ms() + ms;
	int64_t left_ms;

	task_may_suspend();
	while ((left_ms = until_ms - loop_monotonic_ms()) > 0) {
		struct hearth_error ended = { 0 };
		int r = task_park(task, left_ms, &ended);

		if (r == -ETIMEDOUT && loop_monotonic_ms() >= until_ms)
			return 0;
		if (r < 0)
			return hearth_fail(err, r, "%s", ended.message);
	}
	return 0;
}

int task_yield(struct hearth_task *task, struct hearth_error *err)
{
	check(task);
	task_may_suspend();
	hearth_assert(task == current);
	make_ready(task, 0);
	fiber_leave(task->fiber);
	if (task->cancelled)
		return hearth_fail(err, -ECANCELED, "canceled");
	if (task->deadline_ms && task->deadline_ms <= loop_monotonic_ms())
		return hearth_fail(err, -ETIMEDOUT, "it took too long");
	return 0;
}

int64_t task_set_deadline(struct hearth_task *task, int64_t ms)
{
	int64_t now_ms = loop_monotonic_ms();
	int64_t left_ms = 0;

	check(task);
	if (task->deadline_ms)
		left_ms = task->deadline_ms > now_ms ? task->deadline_ms - now_ms : 1;
	task->deadline_ms = ms > 0 ? now_ms + ms : 0;
	return left_ms;
}

/* ---- what a task knows ---- */

const char *task_plugin(const struct hearth_task *task)
{
	return task->plugin;
}

const char *task_name(const struct hearth_task *task)
{
	return task->name;
}

void task_set_request_id(struct hearth_task *task, const char *request_id)
{
	check(task);
	task->request_id = hearth_arena_strdup(task->arena, request_id);
}

const char *task_request_id(const struct hearth_task *task)
{
	return task->request_id;
}

struct hearth_arena *task_arena(struct hearth_task *task)
{
	check(task);
	return task->arena;
}

size_t task_count(void)
{
	return tasks.count;
}

void task_log_late(int64_t older_than_ms)
{
	int64_t now_ms = loop_monotonic_ms();
	struct hearth_task *task;

	TAILQ_FOREACH(task, &tasks.all, by_age) {
		int64_t age_ms = now_ms - task->started_ms;

		if (age_ms >= older_than_ms)
			log_warning(task->plugin, "task '%s' has been running for %lld ms", task->name, (long long)age_ms);
	}
}

void task_cancel_all(void)
{
	struct hearth_task *task;

	TAILQ_FOREACH(task, &tasks.all, by_age)
		if (task != current)
			task_cancel(task);
}
