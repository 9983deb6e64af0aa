/* SPDX-License-Identifier: Apache-2.0 */
/* History visibility (spec client-server, "Room History Visibility"), by the state before each event. */
#include "cache.h"

#include <string.h>

#include <hearth/map.h>

struct left_params {
	const char *user_id;
	struct hearth_texts room_ids;
};
struct left_row {
	const char *room_id;
	int64_t until; /* shared history is theirs up to here */
};
static const struct hearth_field LEFT_PARAMS[] = { HEARTH_COLUMNS(struct left_params, user_id, room_ids) };
static const struct hearth_field LEFT_ROW[] = { HEARTH_COLUMNS(struct left_row, room_id, until) };
static const struct hearth_statement SELECT_SHARED_UNTIL = {
	.name = "rooms.select_shared_until",
	.sql = "SELECT r.room_id, CASE WHEN m.membership = 'join' THEN 9223372036854775807 ELSE coalesce(("
	       "SELECT max(d.stream_ordering) FROM current_state_deltas d JOIN events p ON p.number = d.prev_event "
	       "WHERE d.room = r.number AND d.type = 'm.room.member' AND d.state_key = $1 "
	       "AND " ROOMS_PDU("p") " -> 'content' ->> 'membership' = 'join'), -9223372036854775807) END "
	       "FROM rooms r JOIN memberships m ON m.room = r.number AND m.user_id = $1 WHERE r.room_id = ANY($2)",
	.params = LEFT_PARAMS, .row = LEFT_ROW, .row_size = sizeof(struct left_row),
};

struct seen {
	const char *visibility, *membership;
};

static const char *content_of(const struct rooms_event *event, const char *key)
{
	return event ? hearth_json_get_string(event->event->content, key) : NULL;
}

static size_t drop_unplaced(struct hearth_stored_event *events, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (events[i].event_id && !events[i].outlier && !events[i].rejected && !events[i].soft_failed)
			events[kept++] = events[i];
	return kept;
}

/* The visibility and the viewer's membership in the state before each event. */
HEARTH_SUSPENDS static int look_up(struct rooms *r, struct hearth_task *task, const char *user_id,
				   const struct hearth_stored_event *events, size_t count, struct seen *ret_seen,
				   struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	struct rooms_group **groups = hearth_arena_array_of(arena, struct rooms_group *, count);
	int64_t *numbers = hearth_arena_array_of(arena, int64_t, count * 2);
	struct rooms_event **parsed = hearth_arena_array_of(arena, struct rooms_event *, count * 2);
	uint64_t visibility = rooms_state_hash(r->hash_key, "m.room.history_visibility", "");
	uint64_t member = rooms_state_hash(r->hash_key, "m.room.member", user_id);
	int rc;

	for (size_t i = 0; i < count; i++)
		numbers[i] = events[i].state_group;
	rc = rooms_groups_load(r, task, numbers, count, groups, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		numbers[2 * i] = rooms_group_find(groups[i], visibility);
		numbers[2 * i + 1] = rooms_group_find(groups[i], member);
	}
	rc = rooms_parsed_load(r, task, numbers, count * 2, parsed, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		ret_seen[i] = (struct seen){ content_of(parsed[2 * i], "history_visibility"),
					     content_of(parsed[2 * i + 1], "membership") };
	return rc;
}

static bool is(const char *value, const char *wanted)
{
	return value && strcmp(value, wanted) == 0;
}

/* 1 visible, 0 hidden, -1 visible where the room's history is shared with the viewer. */
static int decide(const char *visibility, const char *membership)
{
	if (is(visibility, "world_readable") || is(membership, "join"))
		return 1;
	if (is(visibility, "joined"))
		return 0;
	if (is(visibility, "invited"))
		return is(membership, "invite");
	return -1;
}

/* An event that changes the visibility or the viewer's membership counts by what is more open, before or after. */
static int decide_event(struct hearth_arena *arena, const struct hearth_stored_event *event, const char *user_id,
			struct seen *seen)
{
	int before = decide(seen->visibility, seen->membership), after;
	bool own = event->state_key && is(event->type, "m.room.member") && is(event->state_key, user_id);
	bool history = event->state_key && is(event->type, "m.room.history_visibility") && !event->state_key[0];
	const struct hearth_json *pdu, *content;

	if (before == 1 && !own)
		return 1;
	if ((!own && !history) || hearth_json_parse(arena, event->json, event->json_length, HEARTH_JSON_BIG_INTS, &pdu,
						     NULL) < 0)
		return before;
	content = hearth_json_get_object(pdu, "content");
	if (own)
		seen->membership = hearth_json_get_string(content, "membership");
	after = history ? decide(hearth_json_get_string(content, "history_visibility"), seen->membership)
			: decide(seen->visibility, seen->membership);
	return before == 1 || after == 1 ? 1 : before == -1 || after == -1 ? -1 : 0;
}

HEARTH_SUSPENDS static int shared_until(struct rooms *r, struct hearth_task *task, const char *user_id,
					const struct hearth_stored_event *events, size_t count, const int *decisions,
					struct hearth_rows *ret_rows, struct hearth_error *err)
{
	const char **rooms = hearth_arena_array_of(r->tasks->arena(task), const char *, count);
	size_t room_count = 0;

	*ret_rows = (struct hearth_rows){ 0 };
	for (size_t i = 0; i < count; i++)
		if (decisions[i] < 0 && (!room_count || strcmp(rooms[room_count - 1], events[i].room_id)))
			rooms[room_count++] = events[i].room_id;
	if (!room_count)
		return 0;
	return r->db->read(task, &SELECT_SHARED_UNTIL, &(struct left_params){ user_id, { rooms, room_count } }, ret_rows,
			   err);
}

static bool shared(const struct hearth_rows *rows, const struct hearth_stored_event *event)
{
	for (size_t i = 0; i < rows->count; i++) {
		const struct left_row *row = (const struct left_row *)rows->items + i;

		if (strcmp(row->room_id, event->room_id) == 0)
			return event->stream_ordering <= row->until;
	}
	return false;
}

int rooms_filter_history(struct rooms *r, struct hearth_task *task, const char *user_id,
			 struct hearth_stored_event *events, size_t *count, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	size_t n = drop_unplaced(events, *count), kept = 0;
	struct seen *seen = hearth_arena_array_of(arena, struct seen, n);
	int *decisions = hearth_arena_array_of(arena, int, n);
	struct hearth_rows rows;
	int rc;

	*count = n;
	if (!n)
		return 0;
	rc = look_up(r, task, user_id, events, n, seen, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++)
		decisions[i] = decide_event(arena, &events[i], user_id, &seen[i]);
	rc = shared_until(r, task, user_id, events, n, decisions, &rows, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < n; i++) {
		if (decisions[i] == 0 || (decisions[i] < 0 && !shared(&rows, &events[i])))
			continue;
		events[kept] = events[i];
		events[kept++].viewer_membership = seen[i].membership ? seen[i].membership : "leave";
	}
	*count = kept;
	return 0;
}

int rooms_filter_visible(struct rooms *r, struct hearth_task *task, const char *user_id,
			 struct hearth_stored_event *events, size_t *count, struct hearth_error *err)
{
	struct hearth_texts ignoring = { 0 };
	struct hearth_map ignored;
	size_t kept = 0;
	int rc = rooms_filter_history(r, task, user_id, events, count, err);

	if (rc >= 0 && *count && r->accounts)
		rc = r->accounts->ignored_by(r->accounts, task, user_id, &ignoring, err);
	if (rc < 0 || !ignoring.count)
		return rc;
	hearth_map_init(&ignored, r->tasks->arena(task), ignoring.count);
	for (size_t i = 0; i < ignoring.count; i++)
		hearth_map_at(&ignored, ignoring.items[i], "")->number = 1;
	for (size_t i = 0; i < *count; i++)
		if (events[i].state_key || !hearth_map_find(&ignored, events[i].sender, ""))
			events[kept++] = events[i];
	*count = kept;
	return 0;
}
