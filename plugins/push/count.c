/* SPDX-License-Identifier: Apache-2.0
 *
 * Counts events for those who have not read them, inside the transaction that stores the events.
 *
 * Everything is asked through that transaction, and only of rooms and users that the cache does not hold: a warm group
 * of events costs one queued statement.
 */
#include "push.h"

#include <hearth/matrix/auth.h>
#include <hearth/matrix/id.h>

#include <string.h>

#define NOTIFICATION_POWER_DEFAULT 50

struct member_change {
	const char *room_id, *user_id, *display_name;
};

static const struct hearth_field MEMBER_CHANGE[] = {
	HEARTH_COLUMNS(struct member_change, room_id, user_id, display_name)
};
static const struct hearth_field MEMBER_GONE[] = { HEARTH_COLUMNS(struct member_change, room_id, user_id) };

static const struct hearth_statement UPSERT_MEMBER = {
	.name = "push.upsert_member",
	.sql = "INSERT INTO push_members (room_id, user_id, display_name) VALUES ($1, $2, $3)"
	       " ON CONFLICT (room_id, user_id) DO UPDATE SET display_name = excluded.display_name",
	.params = MEMBER_CHANGE,
};
static const struct hearth_statement DELETE_MEMBER = {
	.name = "push.delete_member",
	.sql = "WITH unread AS (DELETE FROM push_actions WHERE room_id = $1 AND user_id = $2)"
	       " DELETE FROM push_members WHERE room_id = $1 AND user_id = $2",
	.params = MEMBER_GONE,
};

static const struct hearth_field ROOM_KEY[] = { HEARTH_COLUMNS(struct member_change, room_id) };
static const struct hearth_field MEMBER_ROW[] = { HEARTH_COLUMNS(struct push_member, user_id, display_name) };
static const struct hearth_statement SELECT_MEMBERS = {
	.name = "push.select_members",
	.sql = "SELECT user_id, display_name FROM push_members WHERE room_id = $1",
	.params = ROOM_KEY, .row = MEMBER_ROW, .row_size = sizeof(struct push_member),
};

struct actions {
	struct hearth_texts user_ids, room_ids, thread_ids;
	struct hearth_ints  stream_orderings, highlights;
};

static const struct hearth_field ACTIONS[] = {
	HEARTH_COLUMNS(struct actions, user_ids, room_ids, stream_orderings, thread_ids, highlights)
};
static const struct hearth_statement INSERT_ACTIONS = {
	.name = "push.insert_actions",
	.sql = "INSERT INTO push_actions (user_id, room_id, stream_ordering, thread_id, highlight)"
	       " SELECT u, r, s, t, h <> 0 FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[], $5::bigint[])"
	       " AS new (u, r, s, t, h) ON CONFLICT DO NOTHING",
	.params = ACTIONS,
};

#define MISSING_AT_ONCE 500

/* The rows that a group of events makes. */
struct counting {
	struct push         *push;
	struct hearth_task  *task;
	struct hearth_tx    *tx;
	struct hearth_arena *arena;
	const char         **user_ids, **room_ids, **thread_ids;
	int64_t             *orderings, *highlights;
	size_t               count, capacity;
};

static void *grown(struct counting *counting, void *old, size_t capacity)
{
	return hearth_arena_grow(counting->arena, old, counting->capacity * sizeof(int64_t), capacity * sizeof(int64_t));
}

static void add_action(struct counting *counting, const char *user_id, const struct hearth_persisting_event *event,
		       const char *thread_id, bool highlight)
{
	size_t n = counting->count++;

	if (n == counting->capacity) {
		size_t capacity = n ? 2 * n : 64;

		_Static_assert(sizeof(char *) == sizeof(int64_t), "one growth fits pointers and integers");
		counting->user_ids = grown(counting, counting->user_ids, capacity);
		counting->room_ids = grown(counting, counting->room_ids, capacity);
		counting->thread_ids = grown(counting, counting->thread_ids, capacity);
		counting->orderings = grown(counting, counting->orderings, capacity);
		counting->highlights = grown(counting, counting->highlights, capacity);
		counting->capacity = capacity;
	}
	counting->user_ids[n] = user_id;
	counting->room_ids[n] = event->event->room_id;
	counting->thread_ids[n] = thread_id;
	counting->orderings[n] = event->stream_ordering;
	counting->highlights[n] = highlight;
}

/* A membership that has changed in a room's state moves our copy of the member list along. */
static int note_member(struct push *push, struct hearth_tx *tx, const struct hearth_persisting_change *changed,
		       struct hearth_error *err)
{
	const struct hearth_json *content = changed->event ? changed->event->content : NULL;
	const char *membership = hearth_json_get_string(content, "membership");
	struct member_change change = { changed->room_id, changed->state_key, hearth_json_get_string(content, "displayname") };

	push_cache_forget_room(push->cache, changed->room_id);
	if (membership && !strcmp(membership, "join"))
		return push->db->exec(tx, &UPSERT_MEMBER, &change, err);
	return push->db->exec(tx, &DELETE_MEMBER, &change, err);
}

HEARTH_SUSPENDS static int room_of(struct counting *counting, const char *room_id, const struct push_room **ret_room,
				   struct hearth_error *err)
{
	struct push *push = counting->push;
	struct member_change params = { .room_id = room_id };
	struct hearth_rows rows;
	int r;

	*ret_room = push_cache_room(push->cache, room_id);
	if (*ret_room)
		return 0;
	r = push->db->query(counting->tx, &SELECT_MEMBERS, &params, &rows, err);
	if (r < 0)
		return r;
	push_cache_put_room(push->cache, room_id, rows.items, rows.count, push->server_name);
	*ret_room = push_cache_room(push->cache, room_id);
	return 0;
}

static const char *thread_of(const struct hearth_event *event)
{
	const struct hearth_json *relation = hearth_json_get_object(event->content, "m.relates_to");
	const char *type = hearth_json_get_string(relation, "rel_type"), *root = hearth_json_get_string(relation, "event_id");

	return type && root && !strcmp(type, "m.thread") ? root : "main";
}

static bool asks_for_power(const struct hearth_event *event)
{
	const struct hearth_json *mentions = hearth_json_get_object(event->content, "m.mentions");
	const char *body = hearth_json_get_string(event->content, "body");

	return hearth_json_get_bool(mentions, "room", 0) || (body && strstr(body, "@room"));
}

/* Power is looked at by rules about @room alone, so that few events pay for finding it out. */
HEARTH_SUSPENDS static int find_power(struct counting *counting, const struct hearth_event *event,
				      struct hearth_push_event *subject, struct hearth_error *err)
{
	static const char *const types[] = { "m.room.power_levels", "m.room.create" };
	static const char *const keys[] = { "", "" };
	const struct hearth_rooms *rooms = counting->push->rooms;
	struct hearth_state_query query = { .size = sizeof(query), .room_id = event->room_id, .at = INT64_MAX,
					    .types = types, .state_keys = keys, .pair_count = 2 };
	const struct hearth_event *found[2] = { NULL, NULL };
	struct hearth_state_result state;
	int r;

	subject->room_notification_power = NOTIFICATION_POWER_DEFAULT;
	if (!asks_for_power(event))
		return 0;
	r = rooms->states(rooms, counting->task, &query, 1, &state, err);
	for (size_t i = 0; r >= 0 && i < state.count; i++) {
		const struct hearth_stored_event *stored = &state.events[i];
		const struct hearth_json *pdu;

		r = hearth_json_parse(counting->arena, stored->json, stored->json_length, HEARTH_JSON_BIG_INTS, &pdu, err);
		if (r >= 0)
			r = hearth_event_read(counting->arena, event->version, pdu, stored->event_id,
					      &found[!strcmp(stored->type, types[1])], err);
	}
	if (r < 0)
		return r;
	subject->sender_power = hearth_power_of_user(event->version, found[0], found[1], event->sender);
	subject->room_notification_power = hearth_power_to_act(event->version, found[0], "notifications.room");
	return 0;
}

/* One event, and the members whose unread counts it may change. */
struct audience {
	const struct hearth_persisting_event *persisting;
	const struct hearth_push_event       *subject;
	struct push_member                   *members; /* user_id NULL: done */
	size_t                                count;
};

/* Whether the member's rules are at hand. Done at once where they are: the cache may let go of them for the next member's. */
static bool evaluate(struct counting *counting, const struct audience *audience, struct push_member *member)
{
	const struct hearth_push_rules *rules = push_cache_rules(counting->push->cache, member->user_id);
	const struct hearth_event *event = audience->persisting->event;
	struct hearth_push_outcome outcome = { 0 };

	if (!rules)
		return false;
	hearth_push_evaluate(rules, audience->subject, member->display_name, &outcome);
	if (outcome.notify)
		add_action(counting, member->user_id, audience->persisting, thread_of(event), outcome.highlight);
	member->user_id = NULL;
	return true;
}

/* Compiles the rules of members whose rules are not at hand; one query for all of them. */
HEARTH_SUSPENDS static int load_and_evaluate(struct counting *counting, const struct audience *audience,
					     struct push_member *const *members, size_t count, struct hearth_error *err)
{
	struct push *push = counting->push;
	uint64_t changes = push_cache_changes(push->cache);
	const char **ids = hearth_arena_array_of(counting->arena, const char *, count);
	struct hearth_rows rows;
	int r;

	for (size_t i = 0; i < count; i++)
		ids[i] = members[i]->user_id;
	r = ruleset_select(push, counting->task, counting->tx, ids, count, &rows, err);
	/* Rules that changed meanwhile are asked for again, by the next round. */
	if (r < 0 || changes != push_cache_changes(push->cache))
		return r;
	for (size_t i = 0; r >= 0 && i < count; i++) {
		r = push_cache_put_rules(push->cache, ids[i], ruleset_build(counting->arena, ids[i], &rows), err);
		if (r >= 0)
			(void)evaluate(counting, audience, members[i]);
	}
	return r;
}

HEARTH_SUSPENDS static int evaluate_all(struct counting *counting, const struct audience *audience, struct hearth_error *err)
{
	struct push_member **missing = hearth_arena_array_of(counting->arena, struct push_member *, MISSING_AT_ONCE);
	size_t n;
	int r = 0;

	do {
		n = 0;
		for (size_t i = 0; i < audience->count && n < MISSING_AT_ONCE; i++) {
			struct push_member *member = &audience->members[i];

			if (member->user_id && !evaluate(counting, audience, member))
				missing[n++] = member;
		}
		if (n)
			r = load_and_evaluate(counting, audience, missing, n, err);
	} while (r >= 0 && n);
	return r;
}

HEARTH_SUSPENDS static int count_event(struct counting *counting, const struct hearth_persisting_event *persisting,
				       struct hearth_error *err)
{
	const struct hearth_event *event = persisting->event;
	struct hearth_push_event subject = { .event = event->json };
	struct audience audience = { .persisting = persisting, .subject = &subject };
	const struct push_room *room;
	int r;

	r = room_of(counting, event->room_id, &room, err);
	if (r < 0)
		return r;
	subject.member_count = (int64_t)room->joined_count;
	/* The cache may let go of the room while rules are loaded. */
	audience.members = hearth_arena_array_of(counting->arena, struct push_member, room->local_count);
	for (size_t i = 0; i < room->local_count; i++)
		if (strcmp(room->members[i].user_id, event->sender))
			audience.members[audience.count++] =
				(struct push_member){ hearth_arena_strdup(counting->arena, room->members[i].user_id),
						      hearth_arena_strdup(counting->arena, room->members[i].display_name) };
	r = find_power(counting, event, &subject, err);
	return r < 0 ? r : evaluate_all(counting, &audience, err);
}

static bool counts(const struct hearth_persisting_event *event)
{
	return !event->outlier && !event->soft_failed && !event->rejected && event->stream_ordering > 0;
}

/* A group that does not commit may have left members in the cache that nobody is. */
static void on_end(void *argument, int committed)
{
	struct push *push = argument;

	if (committed > 0)
		return;
	push_cache_free(push->cache);
	push->cache = push_cache_new();
}

int count_on_persisting(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	struct push *push = self;
	const struct hearth_hook_persisting *group = subject;
	struct counting counting = { .push = push, .task = task, .tx = group->tx, .arena = push->tasks->arena(task) };
	struct actions params;
	size_t next = 0;
	int r = 0;

	push->db->on_end(group->tx, on_end, push);
	for (size_t i = 0; r >= 0 && i < group->count; i++) {
		const struct hearth_persisting_event *event = &group->events[i];

		for (; r >= 0 && next < group->change_count; next++) {
			const struct hearth_persisting_change *change = &group->changes[next];

			if (change->stream_ordering > event->stream_ordering)
				break;
			if (!strcmp(change->type, "m.room.member"))
				r = note_member(push, group->tx, change, err);
		}
		if (r >= 0 && counts(event))
			r = count_event(&counting, event, err);
	}
	if (r < 0 || !counting.count)
		return r;
	params = (struct actions){ { counting.user_ids, counting.count }, { counting.room_ids, counting.count },
				   { counting.thread_ids, counting.count }, { counting.orderings, counting.count },
				   { counting.highlights, counting.count } };
	return push->db->exec(group->tx, &INSERT_ACTIONS, &params, err);
}
