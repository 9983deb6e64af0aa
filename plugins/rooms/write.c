/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a group: a constant number of statements, whatever the number of events. */
#include "persist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/matrix/id.h>

/* --- columns that grow, in the shape of a statement's parameters --- */

static void push_int(struct hearth_arena *arena, struct hearth_ints *list, int64_t value)
{
	int64_t *items = (int64_t *)(uintptr_t)list->items;

	if ((list->count & (list->count - 1)) == 0)
		items = hearth_arena_grow(arena, items, list->count * sizeof(*items),
					  (list->count ? list->count * 2 : 1) * sizeof(*items));
	items[list->count++] = value;
	list->items = items;
}

static void push_text(struct hearth_arena *arena, struct hearth_texts *list, const char *value)
{
	const char **items = (const char **)(uintptr_t)list->items;

	if ((list->count & (list->count - 1)) == 0)
		items = hearth_arena_grow(arena, items, list->count * sizeof(*items),
					  (list->count ? list->count * 2 : 1) * sizeof(*items));
	items[list->count++] = value ? value : "";
	list->items = items;
}

/* --- statements --- */

struct event_params {
	struct hearth_ints number, room, ordering, depth, ts, before, after, replaces, auth_depth, flags, prev_end, auth_end,
		prev, auth;
	struct hearth_texts event_id, type, sender, state_key, txn_device, txn_id, json;
};
#define EVENT(member) HEARTH_COLUMN(struct event_params, member)
static const struct hearth_field EVENT_PARAMS[] = {
	EVENT(number), EVENT(room), EVENT(ordering), EVENT(depth), EVENT(ts), EVENT(before), EVENT(after), EVENT(replaces),
	EVENT(auth_depth), EVENT(flags), EVENT(prev_end), EVENT(auth_end), EVENT(prev), EVENT(auth), EVENT(event_id),
	EVENT(type), EVENT(sender), EVENT(state_key), EVENT(txn_device), EVENT(txn_id), EVENT(json), HEARTH_FIELDS_END
};
/* flags here: 1 it has a state key, 2 it has a transaction id. prev_end, auth_end: where its part of prev, auth ends. */
static const struct hearth_statement INSERT_EVENTS = {
	.name = "rooms.insert_events",
	.sql = "INSERT INTO events (number, room, stream_ordering, depth, origin_server_ts, state_group, state_after, "
	       "replaces, auth_depth, flags, prev, auth, event_id, type, sender, state_key, txn_device, txn_id, json) "
	       "SELECT n, room, ordering, depth, ts, before, nullif(after, 0), nullif(replaces, 0), auth_depth, 0, "
	       "($13::bigint[])[lag(prev_end, 1, 0::bigint) OVER w + 1 : prev_end], "
	       "($14::bigint[])[lag(auth_end, 1, 0::bigint) OVER w + 1 : auth_end], event_id, type, sender, "
	       "CASE WHEN f & 1 <> 0 THEN state_key END, CASE WHEN f & 2 <> 0 THEN txn_device END, "
	       "CASE WHEN f & 2 <> 0 THEN txn_id END, json "
	       "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], "
	       "$7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $15::text[], "
	       "$16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::text[]) WITH ORDINALITY "
	       "AS v(n, room, ordering, depth, ts, before, after, replaces, auth_depth, f, prev_end, auth_end, event_id, "
	       "type, sender, state_key, txn_device, txn_id, json, at) WINDOW w AS (ORDER BY at)",
	.params = EVENT_PARAMS,
};

struct room_params {
	struct hearth_ints number, state_group, ordering, extremity, created_ms, published;
	struct hearth_texts room_id, version, creator;
};
#define ROOM(member) HEARTH_COLUMN(struct room_params, member)
static const struct hearth_field ROOM_UPDATE[] = { ROOM(number), ROOM(state_group), ROOM(ordering), ROOM(extremity),
						   HEARTH_FIELDS_END };
static const struct hearth_statement UPDATE_ROOMS = {
	.name = "rooms.update_rooms",
	.sql = "UPDATE rooms SET state_group = v.state_group, last_ordering = v.ordering, extremities = ARRAY[v.extremity] "
	       "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) "
	       "AS v(number, state_group, ordering, extremity) WHERE rooms.number = v.number",
	.params = ROOM_UPDATE,
};
static const struct hearth_field ROOM_INSERT[] = {
	ROOM(number), ROOM(state_group), ROOM(ordering), ROOM(extremity), ROOM(created_ms), ROOM(published), ROOM(room_id),
	ROOM(version), ROOM(creator), HEARTH_FIELDS_END
};
static const struct hearth_statement INSERT_ROOMS = {
	.name = "rooms.insert_rooms",
	.sql = "INSERT INTO rooms (number, state_group, last_ordering, extremities, created_ms, public, room_id, version, "
	       "creator) SELECT n, g, o, ARRAY[x], c, p <> 0, i, v, u FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], "
	       "$4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[]) "
	       "AS q(n, g, o, x, c, p, i, v, u)",
	.params = ROOM_INSERT,
};

struct alias_params {
	struct hearth_texts alias, creator;
	struct hearth_ints room, created_ms;
};
static const struct hearth_field ALIAS_PARAMS[] = {
	HEARTH_COLUMN(struct alias_params, alias), HEARTH_COLUMN(struct alias_params, creator),
	HEARTH_COLUMN(struct alias_params, room), HEARTH_COLUMN(struct alias_params, created_ms), HEARTH_FIELDS_END
};
static const struct hearth_statement INSERT_ALIASES = {
	.name = "rooms.insert_new_rooms_aliases",
	.sql = "INSERT INTO room_aliases (alias, creator, room, created_ms) "
	       "SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])",
	.params = ALIAS_PARAMS,
};

struct group_params {
	struct hearth_ints number, room, base, height, start, size;
	struct hearth_bytes entries;
};
#define GROUP(member) HEARTH_COLUMN(struct group_params, member)
static const struct hearth_field GROUP_PARAMS[] = { GROUP(number), GROUP(room), GROUP(base), GROUP(height), GROUP(start),
						    GROUP(size), GROUP(entries), HEARTH_FIELDS_END };
static const struct hearth_statement INSERT_GROUPS = {
	.name = "rooms.insert_state_groups",
	.sql = "INSERT INTO state_groups (number, room, base, height, entries) "
	       "SELECT n, r, b, h, substring($7::bytea FROM at::int FOR size::int) "
	       "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) "
	       "AS v(n, r, b, h, at, size)",
	.params = GROUP_PARAMS,
};

struct state_params {
	struct hearth_ints room, ordering, event, replaces;
	struct hearth_texts type, state_key;
};
#define STATE(member) HEARTH_COLUMN(struct state_params, member)
static const struct hearth_field STATE_PARAMS[] = { STATE(room), STATE(ordering), STATE(event), STATE(replaces),
						    STATE(type), STATE(state_key), HEARTH_FIELDS_END };
static const struct hearth_statement INSERT_STATE = {
	.name = "rooms.insert_current_state",
	.sql = "WITH v AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[],"
			" $6::text[]) "
	       "AS v(room, ordering, event, replaces, type, state_key)), "
	       "deltas AS (INSERT INTO current_state_deltas (room, stream_ordering, event, prev_event, type, state_key) "
	       "SELECT room, ordering, event, nullif(replaces, 0), type, state_key FROM v) "
	       "INSERT INTO current_state (room, type, state_key, event) "
	       "SELECT DISTINCT ON (room, type, state_key) room, type, state_key, event FROM v "
	       "ORDER BY room, type, state_key, ordering DESC "
	       "ON CONFLICT (room, type, state_key) DO UPDATE SET event = excluded.event",
	.params = STATE_PARAMS,
};

struct member_params {
	struct hearth_ints room, ordering, event;
	struct hearth_texts user_id, membership, sender;
};
#define MEMBER(member) HEARTH_COLUMN(struct member_params, member)
static const struct hearth_field MEMBER_PARAMS[] = { MEMBER(room), MEMBER(ordering), MEMBER(event), MEMBER(user_id),
						     MEMBER(membership), MEMBER(sender), HEARTH_FIELDS_END };
static const struct hearth_statement INSERT_MEMBERS = {
	.name = "rooms.insert_memberships",
	.sql = "INSERT INTO memberships (room, stream_ordering, event, user_id, membership, sender) "
	       "SELECT DISTINCT ON (room, user_id) room, ordering, event, user_id, membership, sender "
	       "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[]) "
	       "AS v(room, ordering, event, user_id, membership, sender) ORDER BY room, user_id, ordering DESC "
	       "ON CONFLICT (room, user_id) DO UPDATE SET stream_ordering = excluded.stream_ordering, "
	       "event = excluded.event, membership = excluded.membership, sender = excluded.sender, forgotten = "
	       "memberships.forgotten AND excluded.membership IN ('leave', 'ban')",
	.params = MEMBER_PARAMS,
};

struct redaction_params {
	struct hearth_ints event, target;
	struct hearth_texts redacts;
};
static const struct hearth_field REDACTION_PARAMS[] = { HEARTH_COLUMN(struct redaction_params, event),
							HEARTH_COLUMN(struct redaction_params, target),
							HEARTH_COLUMN(struct redaction_params, redacts),
							HEARTH_FIELDS_END };
static const struct hearth_statement INSERT_REDACTIONS = {
	.name = "rooms.insert_redactions",
	.sql = "WITH v AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS v(event, target, redacts)), "
	       "applied AS (UPDATE events SET redacted_by = v.event FROM v "
	       "WHERE events.number = v.target AND events.redacted_by IS NULL), "
	       "unrelated AS (DELETE FROM event_relations USING v WHERE event_relations.event = v.target) "
	       "INSERT INTO redactions (event, redacts) SELECT event, redacts FROM v",
	.params = REDACTION_PARAMS,
};

struct relation_params {
	struct hearth_ints event, room, ordering;
	struct hearth_texts parent, rel_type, type, sender, key;
};
#define RELATION(member) HEARTH_COLUMN(struct relation_params, member)
static const struct hearth_field RELATION_PARAMS[] = {
	RELATION(event), RELATION(room), RELATION(ordering), RELATION(parent), RELATION(rel_type), RELATION(type),
	RELATION(sender), RELATION(key), HEARTH_FIELDS_END
};
static const struct hearth_statement INSERT_RELATIONS = {
	.name = "rooms.insert_relations",
	.sql = "INSERT INTO event_relations (event, room, stream_ordering, parent, rel_type, type, sender, key) "
	       "SELECT e, r, o, p, rt, t, s, nullif(k, '') FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], "
	       "$5::text[], $6::text[], $7::text[], $8::text[]) AS v(e, r, o, p, rt, t, s, k)",
	.params = RELATION_PARAMS,
};

/* --- filling --- */

struct rows {
	struct event_params events;
	struct room_params updated, inserted;
	struct alias_params aliases;
	struct group_params groups;
	struct state_params state;
	struct member_params members;
	struct redaction_params redactions;
	struct relation_params relations;
};

static void fill_event(struct hearth_arena *arena, struct event_params *p, const struct rooms_made *made)
{
	const struct hearth_event *event = made->event;
	const struct hearth_draft *draft = &made->job->drafts[made->draft];

	push_int(arena, &p->number, made->number);
	push_int(arena, &p->room, made->room->number);
	push_int(arena, &p->ordering, made->stream_ordering);
	push_int(arena, &p->depth, event->depth);
	push_int(arena, &p->ts, event->origin_server_ts);
	push_int(arena, &p->before, made->state_before);
	push_int(arena, &p->after, made->state_after);
	push_int(arena, &p->replaces, made->replaces);
	push_int(arena, &p->auth_depth, made->auth_depth);
	push_int(arena, &p->flags, (event->state_key ? 1 : 0) | (draft->txn_id ? 2 : 0));
	for (size_t i = 0; i < event->prev_count; i++)
		push_int(arena, &p->prev, made->prev[i]);
	for (size_t i = 0; i < event->auth_count; i++)
		push_int(arena, &p->auth, made->auth[i]);
	push_int(arena, &p->prev_end, (int64_t)p->prev.count);
	push_int(arena, &p->auth_end, (int64_t)p->auth.count);
	push_text(arena, &p->event_id, event->event_id);
	push_text(arena, &p->type, event->type);
	push_text(arena, &p->sender, event->sender);
	push_text(arena, &p->state_key, event->state_key);
	push_text(arena, &p->txn_device, draft->device_id);
	push_text(arena, &p->txn_id, draft->txn_id);
	push_text(arena, &p->json, made->json);
}

static void fill_state(struct hearth_arena *arena, struct rows *rows, const struct rooms_made *made)
{
	const struct hearth_event *event = made->event;
	const char *membership = hearth_json_get_string(event->content, "membership");

	push_int(arena, &rows->state.room, made->room->number);
	push_int(arena, &rows->state.ordering, made->stream_ordering);
	push_int(arena, &rows->state.event, made->number);
	push_int(arena, &rows->state.replaces, made->replaces);
	push_text(arena, &rows->state.type, event->type);
	push_text(arena, &rows->state.state_key, event->state_key);
	if (strcmp(event->type, "m.room.member") || !membership)
		return;
	push_int(arena, &rows->members.room, made->room->number);
	push_int(arena, &rows->members.ordering, made->stream_ordering);
	push_int(arena, &rows->members.event, made->number);
	push_text(arena, &rows->members.user_id, event->state_key);
	push_text(arena, &rows->members.membership, membership);
	push_text(arena, &rows->members.sender, event->sender);
}

static void fill_relation(struct hearth_arena *arena, struct relation_params *p, const struct rooms_made *made)
{
	const struct hearth_json *relation = hearth_json_get_object(made->event->content, "m.relates_to");
	const char *rel_type = hearth_json_get_string(relation, "rel_type");
	const char *parent = hearth_json_get_string(relation, "event_id");

	if (!rel_type || !parent || made->event->state_key || !hearth_id_is_event(parent) || strlen(rel_type) > 255)
		return;
	push_int(arena, &p->event, made->number);
	push_int(arena, &p->room, made->room->number);
	push_int(arena, &p->ordering, made->stream_ordering);
	push_text(arena, &p->parent, parent);
	push_text(arena, &p->rel_type, rel_type);
	push_text(arena, &p->type, made->event->type);
	push_text(arena, &p->sender, made->event->sender);
	push_text(arena, &p->key, hearth_json_get_string(relation, "key"));
}

static void fill_room(struct hearth_arena *arena, struct room_params *p, const struct rooms_room *room, int64_t ordering)
{
	push_int(arena, &p->number, room->number);
	push_int(arena, &p->state_group, room->state_group);
	push_int(arena, &p->ordering, ordering);
	push_int(arena, &p->extremity, room->extremities[0].number);
}

static bool is_new(const struct rooms_group_work *work, const struct rooms_room *room)
{
	for (size_t i = 0; i < work->new_room_count; i++)
		if (work->new_rooms[i] == room)
			return true;
	return false;
}

static void fill_rooms(struct rooms_group_work *work, struct rows *rows)
{
	for (size_t i = 0; i < work->made_count; i++) {
		struct rooms_room *room = work->made[i].room;

		/* once for each room, at the last of its events */
		if (room->extremities[0].number == work->made[i].number && !is_new(work, room))
			fill_room(work->arena, &rows->updated, room, work->made[i].stream_ordering);
	}
	for (size_t i = 0; i < work->new_room_count; i++) {
		const struct rooms_job *job = work->new_room_jobs[i];
		struct rooms_room *room = work->new_rooms[i];
		int64_t ordering = 0, now_ms = work->r->tasks->now_ms();

		for (size_t m = 0; m < work->made_count; m++)
			if (work->made[m].room == room)
				ordering = work->made[m].stream_ordering;
		fill_room(work->arena, &rows->inserted, room, ordering);
		push_int(work->arena, &rows->inserted.created_ms, now_ms);
		push_int(work->arena, &rows->inserted.published, job->published);
		push_text(work->arena, &rows->inserted.room_id, room->room_id);
		push_text(work->arena, &rows->inserted.version, room->version->name);
		push_text(work->arena, &rows->inserted.creator, job->drafts[0].sender);
		if (!job->alias)
			continue;
		push_text(work->arena, &rows->aliases.alias, job->alias);
		push_text(work->arena, &rows->aliases.creator, job->drafts[0].sender);
		push_int(work->arena, &rows->aliases.room, room->number);
		push_int(work->arena, &rows->aliases.created_ms, now_ms);
	}
}

static void fill_groups(struct rooms_group_work *work, struct group_params *p)
{
	size_t size = 0, at = 0;
	uint8_t *bytes;

	for (size_t i = 0; i < work->new_group_count; i++)
		size += work->new_groups[i]->count * ROOMS_ENTRY_BYTES;
	bytes = hearth_arena_alloc(work->arena, size + 1);
	for (size_t i = 0; i < work->new_group_count; i++) {
		const struct rooms_group *group = work->new_groups[i];

		push_int(work->arena, &p->number, group->number);
		push_int(work->arena, &p->room, group->room);
		push_int(work->arena, &p->base, group->base ? group->base->number : 0);
		push_int(work->arena, &p->height, group->height);
		push_int(work->arena, &p->start, (int64_t)at + 1);
		push_int(work->arena, &p->size, (int64_t)(group->count * ROOMS_ENTRY_BYTES));
		rooms_entries_pack(group->entries, group->count, bytes + at);
		at += group->count * ROOMS_ENTRY_BYTES;
	}
	p->entries = (struct hearth_bytes){ bytes, size };
}

static struct rows *fill_rows(struct rooms_group_work *work)
{
	struct rows *rows = hearth_arena_new_of(work->arena, struct rows);

	for (size_t i = 0; i < work->made_count; i++) {
		const struct rooms_made *made = &work->made[i];

		fill_event(work->arena, &rows->events, made);
		fill_relation(work->arena, &rows->relations, made);
		if (made->state_after)
			fill_state(work->arena, rows, made);
		if (made->event->redacts && strcmp(made->event->type, "m.room.redaction") == 0) {
			push_int(work->arena, &rows->redactions.event, made->number);
			push_int(work->arena, &rows->redactions.target, made->redacts);
			push_text(work->arena, &rows->redactions.redacts, made->event->redacts);
		}
	}
	fill_rooms(work, rows);
	fill_groups(work, &rows->groups);
	return rows;
}

/* --- the transaction --- */

static int queue(const struct rooms *r, struct hearth_tx *tx, const struct rows *rows, struct hearth_error *err)
{
	const struct {
		size_t count;
		const struct hearth_statement *statement;
		const void *params;
	} steps[] = {
		{ rows->inserted.number.count, &INSERT_ROOMS, &rows->inserted },
		{ rows->aliases.alias.count, &INSERT_ALIASES, &rows->aliases },
		{ rows->events.number.count, &INSERT_EVENTS, &rows->events },
		{ rows->updated.number.count, &UPDATE_ROOMS, &rows->updated },
		{ rows->groups.number.count, &INSERT_GROUPS, &rows->groups },
		{ rows->state.room.count, &INSERT_STATE, &rows->state },
		{ rows->members.room.count, &INSERT_MEMBERS, &rows->members },
		{ rows->redactions.event.count, &INSERT_REDACTIONS, &rows->redactions },
		{ rows->relations.event.count, &INSERT_RELATIONS, &rows->relations },
	};

	for (size_t i = 0; i < HEARTH_COUNT(steps); i++) {
		int rc = steps[i].count ? r->db->exec(tx, steps[i].statement, steps[i].params, err) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

static int run_persisting(struct rooms_group_work *work, struct hearth_tx *tx, struct hearth_error *err)
{
	struct rooms *r = work->r;
	struct hearth_persisting_event *events;
	struct hearth_hook_persisting subject = { .tx = tx, .count = work->made_count };

	if (!r->hooks->present(r->host, HEARTH_HOOK_EVENT_PERSISTING))
		return 0;
	events = hearth_arena_array_of(work->arena, struct hearth_persisting_event, work->made_count);
	for (size_t i = 0; i < work->made_count; i++) {
		const struct rooms_made *made = &work->made[i];

		events[i] = (struct hearth_persisting_event){
			.event = made->event, .stream_ordering = made->stream_ordering, .room_number = made->room->number,
			.event_number = made->number, .is_current_state = made->state_after != 0,
			.transaction_device = made->job->drafts[made->draft].device_id,
		};
	}
	subject.events = events;
	return r->hooks->run(r->host, work->task, HEARTH_HOOK_EVENT_PERSISTING, &subject, err);
}

/* Rooms that have changed, and users whose membership has: their waiters may not wait on the room yet. */
static void gather_news(struct rooms_group_work *work, struct hearth_news *news)
{
	const char **rooms = hearth_arena_array_of(work->arena, const char *, work->made_count);
	const char **users = hearth_arena_array_of(work->arena, const char *, work->made_count);

	for (size_t i = 0; i < work->made_count; i++) {
		const struct rooms_made *made = &work->made[i];

		if (made->room->extremities[0].number == made->number)
			rooms[news->room_count++] = made->room->room_id;
		if (made->state_after && strcmp(made->event->type, "m.room.member") == 0)
			users[news->user_count++] = made->event->state_key;
	}
	news->rooms = rooms;
	news->users = users;
}

struct open_tx {
	const struct hearth_db *db;
	struct hearth_tx *tx;
};

static void closep(struct open_tx *open)
{
	if (open->tx)
		open->db->rollback(&open->tx);
}

int rooms_write_group(struct rooms_group_work *work, struct hearth_error *err)
{
	HEARTH_CLEANUP(closep) struct open_tx open = { work->r->db, NULL };
	struct hearth_news news = { 0 };
	int64_t first;
	int rc;

	gather_news(work, &news);
	rc = work->r->db->begin(work->task, HEARTH_TX_WRITE, &open.tx, err);
	if (rc < 0)
		return rc;
	work->r->db->on_end(open.tx, rooms_group_ended, work);
	rc = work->r->streams->next(open.tx, work->r->events_stream, work->made_count, &news, &first, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < work->made_count; i++)
		work->made[i].stream_ordering = first + (int64_t)i;
	rc = queue(work->r, open.tx, fill_rows(work), err);
	if (rc >= 0)
		rc = run_persisting(work, open.tx, err);
	if (rc >= 0)
		rc = work->r->db->commit(&open.tx, err);
	return rc < 0 ? rc : 0;
}
