/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks: who answers at which point, in the order of the configuration's plugin list.
 */
#include "plugin/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"
#include "loop/loop.h"
#include "task/task.h"

#define HANDLERS_MAX 1024

struct handler {
	const struct plugin            *plugin;
	const struct hearth_hook       *hook;
	const struct hearth_hook_point *point;
	size_t                          place; /* in the list, which sorting keeps */
};

static struct handler *handlers; /* sorted by hook id */
static size_t handler_count;

/* What the host itself runs. */
static const struct hearth_hook_point HOST_POINTS[] = {
	{ .id = HEARTH_HOOK_RATELIMIT_OVERRIDE, .chain = HEARTH_CHAIN_FIRST, .failure = HEARTH_FAIL_OPEN,
	  .about = "Something is counted against a rate limit" },
	{ .id = NULL }
};

const struct hearth_hook_point *hook_host_points(void)
{
	return HOST_POINTS;
}

static const struct hearth_hook_point *find_point(const char *id)
{
	for (const struct hearth_hook_point *point = HOST_POINTS; point->id; point++)
		if (!strcmp(point->id, id))
			return point;
	for (size_t i = 0; i < plugin_count; i++)
		for (const struct hearth_hook_point *point = plugins[i]->descriptor.hook_points; point && point->id; point++)
			if (!strcmp(point->id, id))
				return point;
	return NULL;
}

static int by_id(const void *a, const void *b)
{
	const struct handler *left = a, *right = b;
	int order = strcmp(left->hook->id, right->hook->id);

	return order ? order : (left->place > right->place) - (left->place < right->place);
}

static int check_points(struct hearth_error *err)
{
	for (size_t i = 0; i < plugin_count; i++)
		for (const struct hearth_hook_point *point = plugins[i]->descriptor.hook_points; point && point->id; point++)
			if (find_point(point->id) != point)
				return hearth_fail(err, -EEXIST, "plugin '%s' runs hook %s, which another plugin runs already;"
						   " take one of the two from the plugins: list",
						   plugins[i]->descriptor.name, point->id);
	return 0;
}

int hooks_build(struct hearth_error *err)
{
	if (check_points(err) < 0)
		return -EEXIST;
	handlers = calloc(HANDLERS_MAX, sizeof(*handlers));
	hearth_assert(handlers);
	for (size_t i = 0; i < plugin_count; i++)
		for (const struct hearth_hook *hook = plugins[i]->descriptor.hooks; hook && hook->id; hook++) {
			const struct hearth_hook_point *point = find_point(hook->id);

			if (!point) {
				log_info("plugin", "%s answers hook %s, which no loaded plugin runs",
					 plugins[i]->descriptor.name, hook->id);
				continue;
			}
			if (handler_count == HANDLERS_MAX)
				return hearth_fail(err, -E2BIG, "more than %d hook handlers", HANDLERS_MAX);
			handlers[handler_count] = (struct handler){ plugins[i], hook, point, handler_count };
			handler_count++;
		}
	qsort(handlers, handler_count, sizeof(*handlers), by_id);
	return 0;
}

void hooks_finish(void)
{
	free(handlers);
	handlers = NULL;
	handler_count = 0;
}

static size_t first_of(const char *id)
{
	size_t low = 0, high = handler_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(handlers[middle].hook->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(size_t index, const char *id)
{
	return index < handler_count && !strcmp(handlers[index].hook->id, id);
}

static int present(const struct hearth_host *host, const char *id)
{
	(void)host;
	return is_at(first_of(id), id);
}

/*
 * Handlers of a point that forbids it do not suspend. What a plugin put behind the pointer is known at run time alone, where
 * it is checked; so the mark of the pointer's type (tools/check-suspends) is taken off here.
 */
static int call_at_once(const struct handler *handler, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	int (*fn)(void *self, struct hearth_task *task, void *subject, struct hearth_error *err);
	int r;

	memcpy(&fn, &handler->hook->fn, sizeof(fn));
	task_no_suspend_begin();
	r = fn(handler->plugin->self, task, subject, err);
	task_no_suspend_end();
	return r;
}

/* Returns the deadline that the task had before: ms from now, 0 for none. */
static int64_t shorten_deadline(struct hearth_task *task, int64_t limit_ms)
{
	int64_t left_ms = task_set_deadline(task, limit_ms);

	if (left_ms && left_ms < limit_ms)
		task_set_deadline(task, left_ms);
	return left_ms;
}

static void restore_deadline(struct hearth_task *task, int64_t left_ms, int64_t took_ms)
{
	task_set_deadline(task, left_ms == 0 ? 0 : left_ms > took_ms ? left_ms - took_ms : 1);
}

HEARTH_SUSPENDS static int call_in_time(const struct handler *handler, struct hearth_task *task, void *subject,
					struct hearth_error *err)
{
	int64_t limit_ms = handler->point->deadline_ms ? handler->point->deadline_ms : HEARTH_HOOK_DEADLINE_MS;
	int64_t began_ms = loop_monotonic_ms(), left_ms = shorten_deadline(task, limit_ms), took_ms;
	int r = handler->hook->fn(handler->plugin->self, task, subject, err);

	took_ms = loop_monotonic_ms() - began_ms;
	restore_deadline(task, left_ms, took_ms);
	if (r == -ETIMEDOUT && took_ms >= limit_ms)
		log_error(handler->plugin->descriptor.name, "hook %s took longer than %lld ms", handler->hook->id,
			  (long long)limit_ms);
	return r;
}

HEARTH_SUSPENDS static int call(const struct handler *handler, struct hearth_task *task, void *subject,
				struct hearth_error *err)
{
	int r;

	loop_watch_begin(handler->plugin->descriptor.name, handler->hook->id);
	r = handler->point->suspends ? call_in_time(handler, task, subject, err) :
				       call_at_once(handler, task, subject, err);
	loop_watch_end();
	return r;
}

/* What a lost connection or a cancelled task says is for the caller to deal with, not a fault of the handler. */
static bool is_circumstance(int code)
{
	return code == -EAGAIN || code == -EBUSY || code == -ECANCELED || code == -ETIMEDOUT;
}

/* What only tells of something that has happened already cannot be refused. */
static bool only_tells(const struct hearth_hook_point *point)
{
	return point->chain == HEARTH_CHAIN_ALL && point->failure == HEARTH_FAIL_OPEN;
}

static int judge(const struct handler *handler, int r, const struct hearth_error *said, struct hearth_error *err)
{
	bool refusal = said->http_status != 0 && !only_tells(handler->point);

	if (!refusal && !is_circumstance(r))
		log_error(handler->plugin->descriptor.name, "hook %s failed (%s): %s", handler->hook->id,
			  handler->point->failure == HEARTH_FAIL_OPEN ? "passed over" : "the action fails",
			  said->code ? said->message : strerror(-r));
	if (!refusal && handler->point->failure == HEARTH_FAIL_OPEN)
		return 0;
	if (err && !err->code)
		*err = *said;
	return refusal || said->code ? r : hearth_fail(err, r, "hook %s failed", handler->hook->id);
}

HEARTH_SUSPENDS static int run(const struct hearth_host *host, struct hearth_task *task, const char *id, void *subject,
			       struct hearth_error *err)
{
	int decided = 0;

	(void)host;
	for (size_t i = first_of(id); is_at(i, id); i++) {
		struct hearth_error said = { 0 };
		int r = call(&handlers[i], task, subject, &said);

		if (r < 0)
			r = judge(&handlers[i], r, &said, err);
		if (r < 0)
			return r;
		decided |= r > 0;
		if (r > 0 && handlers[i].point->chain == HEARTH_CHAIN_FIRST)
			break;
	}
	return decided;
}

int hook_ask(const char *id, void *subject)
{
	int decided = 0;

	for (size_t i = first_of(id); is_at(i, id) && !decided; i++) {
		struct hearth_error said = { 0 };
		int r;

		loop_watch_begin(handlers[i].plugin->descriptor.name, id);
		r = call_at_once(&handlers[i], NULL, subject, &said);
		loop_watch_end();
		if (r < 0)
			(void)judge(&handlers[i], r, &said, NULL);
		decided = r > 0;
	}
	return decided;
}

const struct hearth_hooks *hook_service(void)
{
	static const struct hearth_hooks service = {
		.base = { .size = sizeof(service), .major = HEARTH_HOOKS_MAJOR, .minor = HEARTH_HOOKS_MINOR,
			  .id = HEARTH_HOOKS_ID },
		.present = present,
		.run = run,
	};

	return &service;
}
