/* SPDX-License-Identifier: Apache-2.0 */
/* The stall watchdog: a stack of labels with the time each was opened. */
#include "loop/watch.h"

#include "log/log.h"
#include "loop/loop.h"
#include "metrics/metrics.h"

#define STALL_MS  50
#define MAX_DEPTH 32

struct label {
	const char *plugin;
	const char *subject;
	int64_t since_ms;
	int64_t told_ms; /* of it, reported already by labels inside */
};

static struct label labels[MAX_DEPTH];
static size_t depth;

/* A pool thread's own label; on the loop's thread these stay NULL. */
static _Thread_local const char *thread_plugin;
static _Thread_local const char *thread_subject;

static void report_stall(const struct label *label, int64_t ms)
{
	struct hearth_metric *stalls =
		metrics_define(label->plugin, HEARTH_COUNTER, "loop_stalls_total",
			       "Turns that kept the event loop for more than 50 ms.", "subject");

	metrics_add(stalls, label->subject, 1);
	log_warning(label->plugin, "%s kept the event loop for %lld ms", label->subject, (long long)ms);
}

void loop_watch_begin(const char *plugin, const char *subject)
{
	int64_t now_ms = loop_monotonic_ms();

	if (depth < MAX_DEPTH)
		labels[depth] = (struct label){ .plugin = plugin, .subject = subject, .since_ms = now_ms };
	if (!depth++)
		hang_turn(now_ms);
}

void loop_watch_end(void)
{
	struct label *label;
	int64_t elapsed_ms;

	hearth_assert(depth > 0);
	if (!--depth)
		hang_turn(0);
	if (depth >= MAX_DEPTH)
		return;
	label = &labels[depth];
	elapsed_ms = loop_monotonic_ms() - label->since_ms;
	if (elapsed_ms - label->told_ms > STALL_MS) {
		report_stall(label, elapsed_ms - label->told_ms);
		label->told_ms = elapsed_ms;
	}
	if (depth > 0)
		labels[depth - 1].told_ms += label->told_ms;
}

size_t watch_depth(void)
{
	return depth;
}

void watch_detach(size_t base, struct watch_labels *ret_labels)
{
	ret_labels->count = depth - base;
	hearth_assert(ret_labels->count <= WATCH_DEPTH);
	for (size_t i = ret_labels->count; i-- > 0;) {
		size_t at = base + i;

		ret_labels->plugin[i] = at < MAX_DEPTH ? labels[at].plugin : "host";
		ret_labels->subject[i] = at < MAX_DEPTH ? labels[at].subject : "deeply nested work";
		loop_watch_end();
	}
}

void watch_attach(const struct watch_labels *saved)
{
	for (size_t i = 0; i < saved->count; i++)
		loop_watch_begin(saved->plugin[i], saved->subject[i]);
}

void watch_current(const char **ret_plugin, const char **ret_subject)
{
	size_t at = depth < MAX_DEPTH ? depth : MAX_DEPTH;

	*ret_plugin = thread_plugin ? thread_plugin : at ? labels[at - 1].plugin : NULL;
	*ret_subject = thread_plugin ? thread_subject : at ? labels[at - 1].subject : NULL;
}

void watch_set_thread(const char *plugin, const char *subject)
{
	thread_plugin = plugin;
	thread_subject = subject;
}
