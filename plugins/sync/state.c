/* SPDX-License-Identifier: Apache-2.0
 *
 * The state block of each room: with use_state_after the state at the response's end, else the state at the start of
 * its timeline, completed by what the timeline does not show. Members may be lazy (spec "Lazy-loading room members").
 */
#include "sync.h"

#include <string.h>

static bool is_member(const char *type)
{
	return !strcmp(type, "m.room.member");
}

static bool lazy(const struct sync_build *build)
{
	return build->filter->room_state.lazy_load_members;
}

static void want_member(struct hearth_map *seen, struct hearth_texts *members, const char *user_id)
{
	struct hearth_map_entry *entry = hearth_map_at(seen, user_id, "");

	if (!entry->value)
		((const char **)members->items)[members->count++] = user_id;
	entry->value = members;
}

/* Whose membership a lazy reader needs: its own, the senders that it is shown, and those whom the room is called after. */
static const struct hearth_texts *members_wanted(struct sync_build *build, const struct sync_room *room)
{
	struct hearth_texts *members = hearth_arena_new_of(build->arena, struct hearth_texts);
	size_t most = room->timeline_count + 1;
	struct hearth_map seen;

	if (room->summary)
		most += room->summary->heroes.count;
	members->items = hearth_arena_array_of(build->arena, const char *, most);
	hearth_map_init(&seen, build->arena, most);
	if (room->full)
		want_member(&seen, members, build->user_id);
	for (size_t i = 0; i < room->timeline_count; i++)
		want_member(&seen, members, room->timeline[i].sender);
	for (size_t i = 0; room->summary && i < room->summary->heroes.count; i++)
		want_member(&seen, members, room->summary->heroes.items[i]);
	return members;
}

/* The whole state of full rooms; of others, when lazy, the members who speak. */
static bool query_of(struct sync_build *build, struct sync_room *room, struct hearth_state_query *query)
{
	const struct hearth_texts *members = lazy(build) ? members_wanted(build, room) : NULL;

	*query = (struct hearth_state_query){ .size = sizeof(*query), .room_id = room->room_id, .at = room->upto };
	if (!build->state_after && room->timeline_count)
		query->at = room->timeline[0].stream_ordering - 1;
	if (room->full) {
		query->members = members;
		return true;
	}
	if (!members || !members->count)
		return false;
	query->pair_count = members->count;
	query->state_keys = members->items;
	query->types = hearth_arena_array_of(build->arena, const char *, members->count);
	for (size_t i = 0; i < members->count; i++)
		((const char **)query->types)[i] = "m.room.member";
	return true;
}

static struct sync_state_entry *entry_of(struct sync_build *build, struct sync_room *room, const char *type,
					 const char *state_key)
{
	struct hearth_map_entry *entry = hearth_map_at(&room->state, type, state_key);

	if (!entry->value)
		entry->value = hearth_arena_new_of(build->arena, struct sync_state_entry);
	return entry->value;
}

static bool membership_moved(const struct sync_room *room)
{
	for (size_t i = 0; i < room->delta_count; i++)
		if (is_member(room->deltas[i].type))
			return true;
	return room->full;
}

HEARTH_SUSPENDS static int load_summaries(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	const char **ids = hearth_arena_array_of(build->arena, const char *, build->room_count);
	struct sync_room **asked = hearth_arena_array_of(build->arena, struct sync_room *, build->room_count);
	struct hearth_room_summary *summaries;
	size_t count = 0;
	int r;

	for (size_t i = 0; i < build->room_count; i++)
		if (build->rooms[i].joined && build->rooms[i].active && membership_moved(&build->rooms[i])) {
			ids[count] = build->rooms[i].room_id;
			asked[count++] = &build->rooms[i];
		}
	if (!count)
		return 0;
	summaries = hearth_arena_array_of(build->arena, struct hearth_room_summary, count);
	r = rooms->summaries(rooms, build->task, ids, count, build->user_id, summaries, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		asked[i]->summary = &summaries[i];
	return 0;
}

HEARTH_SUSPENDS static int load_bases(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	size_t most = build->room_count, count = 0;
	struct hearth_state_query *queries = hearth_arena_array_of(build->arena, struct hearth_state_query, most);
	struct hearth_state_result *results = hearth_arena_array_of(build->arena, struct hearth_state_result, most);
	struct sync_room **asked = hearth_arena_array_of(build->arena, struct sync_room *, most);
	int r;

	for (size_t i = 0; i < build->room_count; i++)
		if (build->rooms[i].active && query_of(build, &build->rooms[i], &queries[count]))
			asked[count++] = &build->rooms[i];
	if (!count)
		return 0;
	r = rooms->states(rooms, build->task, queries, count, results, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < results[i].count; j++) {
			const struct hearth_stored_event *event = &results[i].events[j];

			entry_of(build, asked[i], event->type, event->state_key)->event = event;
		}
	return 0;
}

static bool in_timeline(const struct hearth_map *shown, const char *event_id)
{
	return hearth_map_get(shown, event_id, "");
}

/* What the changes of state add to the base: the value before the timeline, or the final one where it is not shown. */
static void apply_deltas(struct sync_build *build, struct sync_room *room)
{
	int64_t start = room->timeline_count ? room->timeline[0].stream_ordering : INT64_MAX;
	struct hearth_map shown;

	if (build->state_after)
		start = INT64_MAX;
	hearth_map_init(&shown, build->arena, room->timeline_count);
	for (size_t i = 0; i < room->timeline_count && !build->state_after; i++)
		hearth_map_at(&shown, room->timeline[i].event_id, "")->value = &room->timeline[i];
	for (size_t i = 0; i < room->delta_count; i++) {
		const struct hearth_state_delta *delta = &room->deltas[i];
		struct sync_state_entry *entry = entry_of(build, room, delta->type, delta->state_key);

		if (entry->final_id && !in_timeline(&shown, entry->final_id))
			entry->wanted_id = entry->final_id;
		else if (delta->stream_ordering < start && !room->full)
			entry->wanted_id = delta->event_id;
		if (!entry->final_id)
			entry->event = NULL;
	}
}

static bool wants(const struct sync_build *build, const struct sync_room *room, const struct hearth_map_entry *slot)
{
	const struct sync_state_entry *entry = slot->value;

	if (!entry->wanted_id && !entry->event)
		return false;
	/* A lazy reader of a gap asks for the members it does not see; without a gap it is told of every change. */
	if (lazy(build) && room->limited && entry->wanted_id && is_member(slot->first) && !entry->event &&
	    strcmp(slot->second, build->user_id))
		return false;
	return true;
}

/* Fetches the events that the blocks name, all rooms' in one query. */
HEARTH_SUSPENDS static int fetch_wanted(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	const struct hearth_stored_event *events;
	struct sync_state_entry **entries;
	const char **ids;
	size_t count = 0, most = 0;
	int r;

	for (size_t i = 0; i < build->room_count; i++)
		most += build->rooms[i].active ? build->rooms[i].state.count : 0;
	ids = hearth_arena_array_of(build->arena, const char *, most);
	entries = hearth_arena_array_of(build->arena, struct sync_state_entry *, most);
	for (size_t i = 0; i < build->room_count; i++) {
		if (!build->rooms[i].active)
			continue;
		for (struct hearth_map_entry *slot = NULL; (slot = hearth_map_next(&build->rooms[i].state, slot));) {
			struct sync_state_entry *entry = slot->value;

			if (!entry->wanted_id || !wants(build, &build->rooms[i], slot))
				continue;
			entries[count] = entry;
			ids[count++] = entry->wanted_id;
		}
	}
	if (!count)
		return 0;
	r = rooms->events(rooms, build->task, ids, count, &events, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (events[i].event_id)
			entries[i]->event = &events[i];
	return 0;
}

/* How the user's membership ended, where what they may know of the room ends before it. */
HEARTH_SUSPENDS static int load_departures(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	const struct hearth_stored_event *events;
	const char **ids = hearth_arena_array_of(build->arena, const char *, build->room_count);
	struct sync_room **asked = hearth_arena_array_of(build->arena, struct sync_room *, build->room_count);
	size_t count = 0;
	int r;

	for (size_t i = 0; i < build->room_count; i++) {
		struct sync_room *room = &build->rooms[i];

		if (room->joined || (room->left && room->upto >= room->membership->stream_ordering))
			continue;
		ids[count] = room->membership->event_id;
		asked[count++] = room;
	}
	if (!count)
		return 0;
	r = rooms->events(rooms, build->task, ids, count, &events, err);
	for (size_t i = 0; r >= 0 && i < count; i++) {
		struct sync_state_entry *entry = entry_of(build, asked[i], "m.room.member", build->user_id);

		entry->wanted_id = ids[i];
		entry->event = events[i].event_id ? &events[i] : NULL;
	}
	return r;
}

/* The filter of the state decides last: lists of types and senders. */
static void fill_block(struct sync_build *build, struct sync_room *room)
{
	room->block = hearth_arena_calloc(build->arena, room->state.count, sizeof(*room->block));
	for (struct hearth_map_entry *slot = NULL; (slot = hearth_map_next(&room->state, slot));) {
		const struct hearth_stored_event *event;

		if (!wants(build, room, slot))
			continue;
		event = ((const struct sync_state_entry *)slot->value)->event;
		if (event && hearth_event_filter_passes(&build->filter->room_state, event->type, event->sender,
							room->room_id, NULL))
			room->block[room->block_count++] = event;
	}
}

int sync_load_states(struct sync_build *build, struct hearth_error *err)
{
	int r;

	r = load_summaries(build, err);
	if (r < 0)
		return r;
	r = load_bases(build, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < build->room_count; i++)
		if (build->rooms[i].active)
			apply_deltas(build, &build->rooms[i]);
	r = fetch_wanted(build, err);
	if (r >= 0)
		r = load_departures(build, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < build->room_count; i++)
		if (build->rooms[i].active)
			fill_block(build, &build->rooms[i]);
	return 0;
}

/* What someone outside a room may know of it (spec client-server, "Stripped state"). */
static const char *const STRIPPED_TYPES[] = {
	"m.room.create", "m.room.name",       "m.room.avatar",     "m.room.topic",
	"m.room.join_rules", "m.room.canonical_alias", "m.room.encryption", "m.room.member", "m.room.member",
};

static struct hearth_state_query stripped_query(struct sync_build *build, const struct hearth_membership *membership)
{
	const char **keys = hearth_arena_array_of(build->arena, const char *, HEARTH_COUNT(STRIPPED_TYPES));

	for (size_t i = 0; i < HEARTH_COUNT(STRIPPED_TYPES); i++)
		keys[i] = "";
	keys[HEARTH_COUNT(STRIPPED_TYPES) - 2] = membership->sender;
	keys[HEARTH_COUNT(STRIPPED_TYPES) - 1] = membership->user_id;
	return (struct hearth_state_query){ .size = sizeof(struct hearth_state_query), .room_id = membership->room_id,
					    .at = membership->stream_ordering, .types = STRIPPED_TYPES, .state_keys = keys,
					    .pair_count = HEARTH_COUNT(STRIPPED_TYPES) };
}

int sync_load_stripped(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	size_t count = build->invite_count + build->knock_count;
	struct hearth_state_query *queries;
	struct hearth_state_result *results;

	if (!count)
		return 0;
	queries = hearth_arena_array_of(build->arena, struct hearth_state_query, count);
	results = hearth_arena_array_of(build->arena, struct hearth_state_result, count);
	for (size_t i = 0; i < build->invite_count; i++)
		queries[i] = stripped_query(build, build->invites[i]);
	for (size_t i = 0; i < build->knock_count; i++)
		queries[build->invite_count + i] = stripped_query(build, build->knocks[i]);
	build->invite_states = results;
	build->knock_states = results + build->invite_count;
	return rooms->states(rooms, build->task, queries, count, results, err);
}
