/* SPDX-License-Identifier: Apache-2.0
 *
 * Which rooms a response looks at, and from where to where in each (spec client-server, "Syncing").
 */
#include "sync.h"

#include <string.h>

static bool is(const char *text, const char *other)
{
	return !strcmp(text, other);
}

static bool is_ignored(const struct hearth_texts *ignored, const char *user_id)
{
	for (size_t i = 0; i < ignored->count; i++)
		if (is(ignored->items[i], user_id))
			return true;
	return false;
}

/* A join after the token is only news of a name where the user was in the room before. Asked when there is one at all. */
HEARTH_SUSPENDS static int load_past(struct sync_build *build, struct hearth_map *ret_joined, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	const struct hearth_membership *past;
	bool needed = false;
	size_t count;
	int r;

	hearth_map_init(ret_joined, build->arena, 0);
	if (build->initial)
		return 0;
	for (size_t i = 0; i < build->membership_count && !needed; i++)
		needed = build->memberships[i].stream_ordering > sync_events_since(build) &&
			 !is(build->memberships[i].membership, "invite") && !is(build->memberships[i].membership, "knock");
	if (!needed)
		return 0;
	r = rooms->memberships(rooms, build->task, build->user_id, sync_events_since(build), &past, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (is(past[i].membership, "join"))
			hearth_map_at(ret_joined, past[i].room_id, "")->value = (void *)&past[i];
	return 0;
}

static void add_room(struct sync_build *build, const struct hearth_membership *membership, bool joined, bool was_joined)
{
	struct sync_room *room = &build->rooms[build->room_count++];

	room->membership = membership;
	room->room_id = membership->room_id;
	room->joined = joined;
	room->fresh = build->initial || (joined && !was_joined && membership->stream_ordering > sync_events_since(build));
	room->full = room->fresh || (build->full_state && joined);
	room->from = room->fresh ? INT64_MIN : sync_events_since(build);
	room->upto = joined ? sync_events_upto(build) : membership->stream_ordering;
	room->active = room->fresh || room->full || !joined;
	room->items.end = &room->items.first;
	hearth_map_at(&build->by_id, room->room_id, "")->value = room;
}

static void choose(struct sync_build *build, const struct hearth_membership *membership,
		   const struct hearth_map *was_joined, const struct hearth_texts *ignored)
{
	bool moved = build->initial || membership->stream_ordering > sync_events_since(build);

	if (!hearth_filter_passes_room(build->filter, membership->room_id))
		return;
	if (is(membership->membership, "join")) {
		add_room(build, membership, true, !moved || hearth_map_get(was_joined, membership->room_id, ""));
	} else if (is(membership->membership, "invite")) {
		if (moved && !is_ignored(ignored, membership->sender))
			build->invites[build->invite_count++] = membership;
	} else if (is(membership->membership, "knock")) {
		if (moved)
			build->knocks[build->knock_count++] = membership;
	} else if (moved && (!build->initial || build->filter->include_leave)) {
		add_room(build, membership, false, hearth_map_get(was_joined, membership->room_id, ""));
	}
}

/* Who wants no invitations sees none (m.invite_permission_config); looked up only where there is one. */
HEARTH_SUSPENDS static int drop_unwanted(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_accounts *accounts = build->sync->accounts;
	const struct hearth_json *config;
	const char *action;
	int r;

	if (!build->invite_count)
		return 0;
	r = accounts->account_data_get(accounts, build->task, build->user_id, /* room_id= */ NULL,
				       "m.invite_permission_config", &config, err);
	if (r < 0)
		return r;
	action = hearth_json_get_string(config, "default_action");
	if (action && !strcmp(action, "block"))
		build->invite_count = 0;
	return 0;
}

/*
 * Of rooms that the user is not in they learn what happened until their last stay ended, not until they turned another
 * invitation down, say. Of rooms that they have never been in, nothing but their own membership.
 */
HEARTH_SUSPENDS static int bound_left(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	const char **ids = hearth_arena_array_of(build->arena, const char *, build->room_count);
	struct sync_room **left = hearth_arena_array_of(build->arena, struct sync_room *, build->room_count);
	int64_t *ends;
	size_t count = 0;
	int r;

	for (size_t i = 0; i < build->room_count; i++)
		if (!build->rooms[i].joined) {
			ids[count] = build->rooms[i].room_id;
			left[count++] = &build->rooms[i];
		}
	if (!count)
		return 0;
	ends = hearth_arena_array_of(build->arena, int64_t, count);
	r = rooms->left_at(rooms, build->task, build->user_id, ids, count, sync_events_upto(build), ends, err);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		left[i]->left = ends[i] > sync_events_since(build);
		left[i]->upto = ends[i];
		if (ends[i] != INT64_MIN)
			continue;
		left[i]->fresh = left[i]->full = false;
		left[i]->from = left[i]->upto = left[i]->membership->stream_ordering;
	}
	return r;
}

int sync_choose_rooms(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_accounts *accounts = build->sync->accounts;
	struct hearth_texts ignored;
	struct hearth_map was_joined;
	int r;

	r = load_past(build, &was_joined, err);
	if (r < 0)
		return r;
	r = accounts->ignored_by(accounts, build->task, build->user_id, &ignored, err);
	if (r < 0)
		return r;
	hearth_map_init(&build->by_id, build->arena, build->membership_count);
	build->rooms = hearth_arena_array_of(build->arena, struct sync_room, build->membership_count);
	build->invites = hearth_arena_calloc(build->arena, build->membership_count, sizeof(*build->invites));
	build->knocks = hearth_arena_calloc(build->arena, build->membership_count, sizeof(*build->knocks));
	for (size_t i = 0; i < build->membership_count; i++)
		choose(build, &build->memberships[i], &was_joined, &ignored);
	r = bound_left(build, err);
	if (r >= 0)
		r = drop_unwanted(build, err);
	if (r < 0)
		return r;
	build->news |= build->invite_count || build->knock_count;
	return 0;
}
