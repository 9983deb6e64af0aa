/* SPDX-License-Identifier: Apache-2.0
 *
 * The push plugin: push rules, and unread counts by them.
 */
#include "push.h"

#include <errno.h>
#include <stdlib.h>

extern const struct hearth_migration push_migrations[];

static const struct hearth_need NEEDS[] = {
	HEARTH_NEED(HEARTH_TASK), HEARTH_NEED(HEARTH_DB), HEARTH_NEED(HEARTH_STREAMS), HEARTH_NEED(HEARTH_ROOMS),
	{ .id = NULL }
};

static const struct hearth_hook HOOKS[] = {
	{ .id = HEARTH_HOOK_EVENT_PERSISTING, .fn = count_on_persisting },
	{ .id = HEARTH_HOOK_RECEIPT_STORED, .fn = unread_on_receipt },
	{ .id = HEARTH_HOOK_ROOM_ON_FOLLOWED, .fn = follow_on_followed },
	{ .id = NULL }
};

static const struct hearth_endpoint *const ENDPOINTS[] = { RULE_ENDPOINTS, NULL };
static const struct hearth_stream *const STREAMS[] = { &PUSH_RULES_STREAM, &UNREAD_STREAM, NULL };

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct push *push = calloc(1, sizeof(*push));

	if (!push)
		return hearth_fail(err, -ENOMEM, "out of memory");
	push->host = host;
	push->tasks = hearth_tasks(host);
	push->db = hearth_db(host);
	push->streams = hearth_streams(host);
	push->rooms = hearth_rooms(host);
	push->server_name = host->info(host, HEARTH_INFO_SERVER_NAME);
	push->cache = push_cache_new();
	*ret_self = push;
	return 0;
}

static int start(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct push *push = self;

	(void)task;
	(void)err;
	push->stream = push->streams->find(push->host, "push_rules");
	return 0;
}

static void stop(void *self)
{
	struct push *push = self;

	push_cache_free(push->cache);
	free(push);
}

HEARTH_PLUGIN(push,
	.version = "1.0.0", .license = "Apache-2.0", .summary = "Push rules and unread counts.",
	.apps = "homeserver|generic_worker",
	.needs = NEEDS, .endpoints = ENDPOINTS, .streams = STREAMS, .hooks = HOOKS, .migrations = push_migrations,
	.load = load, .start = start, .stop = stop);
