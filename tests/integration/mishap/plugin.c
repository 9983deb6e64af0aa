/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin that misbehaves when a message says so: what the host then says of it is what test_process.py looks at. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <hearth/hook.h>
#include <hearth/plugin.h>

#define STALL_MS 200

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void stall(void)
{
	for (int64_t until_ms = now_ms() + STALL_MS; now_ms() < until_ms;)
		;
}

static void crash(void)
{
	int *volatile nowhere = (int *)(uintptr_t)64; /* not NULL: the sanitizers would have the word */

	*nowhere = 1;
}

static int overflow(const volatile char *above)
{
	volatile char here[2048];

	here[0] = above ? above[0] : 1;
	if (here[0] != 1)
		return 0;
	return overflow(here) + here[0];
}

static int check_spam(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	const struct hearth_hook_event *hook = subject;
	const char *body = hearth_json_get_string(hook->event->content, "body");

	(void)self, (void)task;
	if (!body)
		return HEARTH_HOOK_PASS;
	if (!strcmp(body, "stall"))
		stall();
	else if (!strcmp(body, "crash"))
		crash();
	else if (!strcmp(body, "overflow"))
		return overflow(NULL) ? HEARTH_HOOK_PASS : HEARTH_HOOK_DONE;
	else if (!strcmp(body, "assert"))
		hearth_assert(!"what a message asked for");
	else if (!strcmp(body, "refuse"))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "refused by mishap");
	return HEARTH_HOOK_PASS;
}

static const struct hearth_hook HOOKS[] = {
	{ .id = HEARTH_HOOK_EVENT_CHECK_SPAM, .fn = check_spam },
	{ .id = NULL },
};

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	(void)host, (void)err;
	*ret_self = NULL;
	return 0;
}

HEARTH_PLUGIN(mishap, .version = "1.0.0", .license = "Apache-2.0", .summary = "Stalls and crashes on demand.",
	      .hooks = HOOKS, .load = load);
