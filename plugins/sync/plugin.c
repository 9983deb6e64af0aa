/* SPDX-License-Identifier: Apache-2.0
 *
 * The sync plugin: tells clients what has happened. It owns no tables; every stream brings its own part.
 */
#include "sync.h"

#include <errno.h>

static const struct hearth_need NEEDS[] = {
	HEARTH_NEED(HEARTH_TASK), HEARTH_NEED(HEARTH_STREAMS), HEARTH_NEED(HEARTH_HOOKS), HEARTH_NEED(HEARTH_ACCOUNTS),
	HEARTH_NEED(HEARTH_ROOMS), { .id = NULL }
};

static const struct hearth_hook_point HOOK_POINTS[] = {
	{ .id = HEARTH_HOOK_USER_SYNCING, .chain = HEARTH_CHAIN_ALL, .failure = HEARTH_FAIL_OPEN, .suspends = 1,
	  .about = "A client asks for /sync." },
	{ .id = NULL }
};

static const struct hearth_endpoint *const ENDPOINTS[] = { SYNC_ENDPOINTS, CHANGES_ENDPOINTS, NULL };

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct hearth_arena *arena = hearth_arena_new();
	struct sync *sync = hearth_arena_new_of(arena, struct sync);

	(void)err;
	sync->arena = arena;
	sync->host = host;
	sync->tasks = hearth_tasks(host);
	sync->streams = hearth_streams(host);
	sync->hooks = hearth_hooks(host);
	sync->accounts = hearth_accounts(host);
	sync->rooms = hearth_rooms(host);
	*ret_self = sync;
	return 0;
}

/* Every plugin has declared its streams by now. */
static int start(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct sync *sync = self;
	const struct hearth_stream_ref *ref;
	bool found = false;
	size_t count = 0;

	(void)task;
	while (sync->streams->at(count))
		count++;
	sync->list = hearth_arena_array_of(sync->arena, struct sync_stream, count);
	for (size_t i = 0; (ref = sync->streams->at(i)); i++) {
		struct sync_stream *stream = &sync->list[sync->count++];

		stream->ref = ref;
		stream->declaration = sync->streams->declaration(ref, &stream->self);
		if (stream->declaration->sync_slot == 0) {
			sync->events = i;
			found = true;
		}
	}
	return found ? 0 : hearth_fail(err, -ENOENT, "no plugin declares the events stream; add rooms to plugins:");
}

static void stop(void *self)
{
	struct sync *sync = self;

	hearth_arena_free(sync->arena);
}

HEARTH_PLUGIN(sync,
	.version = "1.0.0", .license = "Apache-2.0", .summary = "Tells clients what has happened: /sync.",
	.apps = "homeserver|generic_worker",
	.needs = NEEDS, .endpoints = ENDPOINTS, .hook_points = HOOK_POINTS,
	.load = load, .start = start, .stop = stop);
