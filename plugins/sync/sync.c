/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /sync: builds a response, and where it says nothing waits for news and builds again.
 */
#include "sync.h"

#include <errno.h>
#include <string.h>

#define TIMEOUT_MAX_MS (10 * 60 * 1000)
#define UNSTABLE_STATE_AFTER "org.matrix.msc4222.state_after"

struct sync_args {
	const char *since;
	const char *filter;
	const char *set_presence;
	int64_t     timeout;
	bool        full_state;
	bool        use_state_after, use_msc4222;
};

static const struct hearth_field SYNC_ARGS[] = {
	HEARTH_QUERY(struct sync_args, since, "since", .max = 4096),
	HEARTH_QUERY(struct sync_args, filter, "filter", .max = 65536,
		     .about = "the id of a stored filter, or a filter as JSON"),
	HEARTH_QUERY(struct sync_args, set_presence, "set_presence", .choices = "online|offline|unavailable",
		     .fallback = "online"),
	HEARTH_QUERY(struct sync_args, timeout, "timeout", .min = 0, .max = INT64_MAX, .fallback = "0"),
	HEARTH_QUERY(struct sync_args, full_state, "full_state"),
	HEARTH_QUERY(struct sync_args, use_state_after, "use_state_after"),
	HEARTH_QUERY(struct sync_args, use_msc4222, "org.matrix.msc4222.use_state_after",
		     .about = "use_state_after, as clients from before v1.16 say it; the answer speaks likewise"),
	HEARTH_FIELDS_END
};

/* A filter is an inline object where it starts like one (spec: "{" decides). */
HEARTH_SUSPENDS static int find_filter(struct sync_build *build, const char *text, struct hearth_error *err)
{
	const struct hearth_accounts *accounts = build->sync->accounts;
	const struct hearth_json *json;
	int r;

	if (!text || !*text) {
		build->filter = hearth_filter_all();
		return 0;
	}
	if (*text == '{')
		r = hearth_json_parse(build->arena, text, strlen(text), 0, &json, err);
	else
		r = accounts->filter(accounts, build->task, build->user_id, text, &json, err);
	if (r < 0)
		return hearth_error_prefix(err, "filter");
	return hearth_filter_parse(build->arena, json, &build->filter, err);
}

HEARTH_SUSPENDS static int bundle(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	struct hearth_stored_event *events;
	size_t count = 0;

	for (size_t i = 0; i < build->room_count; i++)
		count += build->rooms[i].active ? build->rooms[i].timeline_count : 0;
	if (!count)
		return 0;
	events = hearth_arena_array_of(build->arena, struct hearth_stored_event, count);
	count = 0;
	for (size_t i = 0; i < build->room_count; i++)
		for (size_t j = 0; build->rooms[i].active && j < build->rooms[i].timeline_count; j++)
			events[count++] = build->rooms[i].timeline[j];
	return rooms->bundle(rooms, build->task, build->user_id, events, count, &build->bundled, err);
}

/* Gathers all that happened in (since, upto]. Leaves build->news 0 where there is nothing to say. */
HEARTH_SUSPENDS static int gather(struct sync_build *build, struct hearth_error *err)
{
	int r;

	build->items.end = &build->items.first;
	r = sync_choose_rooms(build, err);
	if (r < 0)
		return r;
	r = sync_load_timelines(build, err);
	if (r < 0)
		return r;
	r = sync_collect(build, false, err);
	if (r < 0)
		return r;
	if (!build->news && !build->initial)
		return 0;
	r = sync_load_states(build, err);
	if (r < 0)
		return r;
	r = sync_load_stripped(build, err);
	if (r < 0)
		return r;
	return bundle(build, err);
}

static bool moved(const struct sync_build *build)
{
	for (size_t i = 0; i < build->sync->count; i++)
		if (build->upto[i] > build->since[i])
			return true;
	return false;
}

static struct hearth_waiter *start_waiting(struct sync_build *build)
{
	const char **rooms = hearth_arena_array_of(build->arena, const char *, build->membership_count);
	size_t count = 0;

	for (size_t i = 0; i < build->membership_count; i++)
		if (!strcmp(build->memberships[i].membership, "join"))
			rooms[count++] = build->memberships[i].room_id;
	return build->sync->streams->waiter_new(build->task, build->user_id, rooms, count);
}

/* One look: who waits is registered before positions are read, so that no news falls in between. */
HEARTH_SUSPENDS static int look(struct sync_build *build, struct hearth_waiter **waiter, struct hearth_error *err)
{
	struct sync *sync = build->sync;
	int r;

	r = sync->rooms->memberships(sync->rooms, build->task, build->user_id, INT64_MAX, &build->memberships,
				     &build->membership_count, err);
	if (r < 0)
		return r;
	sync->streams->waiter_free(waiter);
	*waiter = start_waiting(build);
	build->upto = sync_token_now(sync, build->arena);
	if (!build->initial && !build->full_state && !moved(build))
		return 0;
	r = sync->rooms->memberships(sync->rooms, build->task, build->user_id, sync_events_upto(build),
				     &build->memberships, &build->membership_count, err);
	if (r < 0)
		return r;
	return gather(build, err);
}

/* Looks, and looks again at each piece of news, until there is something to say or the time is over. */
HEARTH_SUSPENDS static int wait_for_news(struct sync_build *build, int64_t timeout_ms, struct hearth_error *err)
{
	struct sync *sync = build->sync;
	struct hearth_waiter *waiter = NULL;
	const struct sync_build blank = *build;
	const struct hearth_arena_mark mark = hearth_arena_mark(build->arena);
	int64_t end = sync->tasks->monotonic_ms() + timeout_ms;
	int r;

	for (;;) {
		int64_t left = end - sync->tasks->monotonic_ms();

		r = look(build, &waiter, err);
		if (r < 0 || build->news || build->initial || left <= 0)
			break;
		r = sync->streams->wait(build->task, waiter, left, err);
		if (r < 0 && r != -ETIMEDOUT)
			break;
		if (r == -ETIMEDOUT)
			end = 0; /* one last look */
		/* News that a filter hides may come by the thousand: each look starts with the memory of the first. */
		sync->streams->waiter_free(&waiter);
		hearth_arena_rewind(build->arena, &mark);
		*build = blank;
	}
	sync->streams->waiter_free(&waiter);
	return r;
}

HEARTH_SUSPENDS static int tell_presence(struct sync_build *build, const char *presence, struct hearth_error *err)
{
	struct hearth_hook_syncing subject = { build->user_id, build->device_id, presence };
	const struct sync *sync = build->sync;

	if (!sync->hooks->present(sync->host, HEARTH_HOOK_USER_SYNCING))
		return 0;
	return sync->hooks->run(sync->host, build->task, HEARTH_HOOK_USER_SYNCING, &subject, err);
}

HEARTH_SUSPENDS static int get_sync(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	const struct sync_args *args = fields;
	struct sync *sync = self;
	struct sync_build build = {
		.sync = sync, .task = task, .arena = req->arena,
		.user_id = req->user->user_id, .device_id = req->user->device_id,
		.initial = !args->since || !*args->since,
		.full_state = args->full_state, .state_after = args->use_state_after || args->use_msc4222,
		.state_key = args->use_state_after ? "state_after" : args->use_msc4222 ? UNSTABLE_STATE_AFTER : "state",
	};
	int64_t timeout_ms = args->timeout < TIMEOUT_MAX_MS ? args->timeout : TIMEOUT_MAX_MS;
	int64_t *since = hearth_arena_array_of(req->arena, int64_t, sync->count);
	int r;

	if (!build.initial) {
		r = sync_token_parse(sync, req->arena, args->since, &since, err);
		if (r < 0)
			return r;
	}
	build.since = since;
	r = find_filter(&build, args->filter, err);
	if (r < 0)
		return r;
	r = tell_presence(&build, args->set_presence, err);
	if (r < 0)
		return r;
	sync->tasks->set_deadline(task, timeout_ms + 60 * 1000);
	r = wait_for_news(&build, timeout_ms, err);
	if (r < 0)
		return r;
	r = sync_collect(&build, true, err);
	if (r < 0)
		return r;
	sync_write(&build, req->out);
	return 0;
}

const struct hearth_endpoint SYNC_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v3/sync", .also = "r0 unstable", .access = HEARTH_ACCESS_GUEST,
	  .flags = HEARTH_ENDPOINT_LONG_POLL, .fields = SYNC_ARGS, .args_size = sizeof(struct sync_args),
	  .deadline_ms = TIMEOUT_MAX_MS + 60 * 1000, .handler = get_sync },
	HEARTH_ENDPOINTS_END
};
