/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of a group: a constant number of statements, whatever the number of events. */
#include "persist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/matrix/id.h>

#include "number_map.h"
#include "rows.h"

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

/* --- filling --- */

static void push_ints(struct hearth_arena *arena, struct hearth_ints *list, const int64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		push_int(arena, list, values[i]);
}

static void fill_event(struct hearth_arena *arena, struct rooms_event_rows *p, const struct rooms_made *made)
{
	const struct hearth_event *event = made->event;
	const char *txn_id = made->draft ? made->draft->txn_id : NULL;

	push_int(arena, &p->number, made->number);
	push_int(arena, &p->room, made->room->number);
	push_int(arena, &p->ordering, made->stream_ordering);
	push_int(arena, &p->depth, event->depth);
	push_int(arena, &p->ts, event->origin_server_ts);
	push_int(arena, &p->before, made->state_before);
	push_int(arena, &p->after, made->state_after);
	push_int(arena, &p->replaces, made->replaces);
	push_int(arena, &p->bits, (event->state_key ? ROOMS_BIT_STATE_KEY : 0) | (txn_id ? ROOMS_BIT_TXN : 0) |
					  (int64_t)made->flags << ROOMS_BIT_FLAGS);
	push_int(arena, &p->chain, made->placing.place.chain);
	push_int(arena, &p->seq, made->placing.place.seq);
	push_ints(arena, &p->prev, made->prev, made->prev_count);
	push_ints(arena, &p->auth, made->auth, made->auth_count);
	for (size_t i = 0; i < made->placing.link_count; i++) {
		push_int(arena, &p->links, made->placing.links[i].chain);
		push_int(arena, &p->links, made->placing.links[i].seq);
	}
	push_int(arena, &p->prev_end, (int64_t)p->prev.count);
	push_int(arena, &p->auth_end, (int64_t)p->auth.count);
	push_int(arena, &p->link_end, (int64_t)p->links.count);
	push_text(arena, &p->event_id, event->event_id);
	push_text(arena, &p->type, event->type);
	push_text(arena, &p->sender, event->sender);
	push_text(arena, &p->state_key, event->state_key);
	push_text(arena, &p->txn_device, txn_id ? made->draft->device_id : NULL);
	push_text(arena, &p->txn_id, txn_id);
	push_text(arena, &p->rejection, made->rejection);
	push_text(arena, &p->json, made->json);
}

static void fill_gap(struct hearth_arena *arena, struct rooms_gap_rows *p, const struct rooms_made *made,
		     const char *event_id)
{
	push_int(arena, &p->number, made->number);
	push_int(arena, &p->room, made->room->number);
	push_text(arena, &p->event_id, event_id);
}

static void fill_gaps(struct hearth_arena *arena, struct rooms_rows *rows, const struct rooms_made *made)
{
	for (size_t i = 0; i < made->gap_count; i++)
		fill_gap(arena, &rows->gaps, made, made->gaps[i]);
	if (!made->draft)
		fill_gap(arena, &rows->foreign, made, made->event->event_id);
	if (!made->draft && !(made->flags & ROOMS_OUTLIER))
		fill_gap(arena, &rows->arrived, made, made->event->event_id);
}

/* A membership that the state has no more counts as left. */
static void fill_member(struct hearth_arena *arena, struct rooms_member_rows *p, const struct rooms_made *made,
			const struct rooms_change *change)
{
	const char *membership = change->now ? hearth_json_get_string(change->now->content, "membership") : "leave";

	if (strcmp(change->type, "m.room.member") || !membership)
		return;
	push_int(arena, &p->room, made->room->number);
	push_int(arena, &p->ordering, made->stream_ordering);
	push_int(arena, &p->event, change->now ? change->event : change->prev);
	push_text(arena, &p->user_id, change->state_key);
	push_text(arena, &p->membership, membership);
	push_text(arena, &p->sender, change->now ? change->now->sender : change->state_key);
}

static void fill_state(struct hearth_arena *arena, struct rooms_rows *rows, const struct rooms_made *made)
{
	for (size_t i = 0; i < made->change_count; i++) {
		const struct rooms_change *change = &made->changes[i];

		push_int(arena, &rows->state.room, made->room->number);
		push_int(arena, &rows->state.ordering, made->stream_ordering);
		push_int(arena, &rows->state.event, change->event);
		push_int(arena, &rows->state.replaces, change->prev);
		push_text(arena, &rows->state.type, change->type);
		push_text(arena, &rows->state.state_key, change->state_key);
		fill_member(arena, &rows->members, made, change);
	}
}

static void fill_redaction(struct hearth_arena *arena, struct rooms_redaction_rows *p, const struct rooms_made *made)
{
	if (!made->event->redacts || strcmp(made->event->type, "m.room.redaction"))
		return;
	push_int(arena, &p->event, made->number);
	push_int(arena, &p->by_power, made->by_power);
	push_text(arena, &p->redacts, made->event->redacts);
}

static void fill_relation(struct hearth_arena *arena, struct rooms_relation_rows *p, const struct rooms_made *made)
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

static void fill_room(struct hearth_arena *arena, struct rooms_room_rows *p, const struct rooms_touched *touched)
{
	const struct rooms_room *room = touched->room;

	push_int(arena, &p->number, room->number);
	push_int(arena, &p->state_group, room->state_group);
	push_int(arena, &p->ordering, touched->ordering);
	push_int(arena, &p->before, room->last_ordering);
	for (size_t i = 0; i < room->extremity_count; i++)
		push_int(arena, &p->extremities, room->extremities[i].number);
	push_int(arena, &p->extremity_end, (int64_t)p->extremities.count);
}

static const struct rooms_job *job_of_new(const struct rooms_group_work *work, const struct rooms_room *room)
{
	for (size_t i = 0; i < work->new_room_count; i++)
		if (work->new_rooms[i] == room)
			return work->new_room_jobs[i];
	return NULL;
}

static void fill_new_room(struct rooms_group_work *work, struct rooms_rows *rows, const struct rooms_touched *touched,
			  const struct rooms_job *job)
{
	const struct rooms_room *room = touched->room;
	const char *creator = touched->first->event->sender;
	int64_t now_ms = work->r->tasks->now_ms();

	push_int(work->arena, &rows->inserted.created_ms, now_ms);
	push_int(work->arena, &rows->inserted.published, job->published);
	push_text(work->arena, &rows->inserted.room_id, room->room_id);
	push_text(work->arena, &rows->inserted.version, room->version->name);
	push_text(work->arena, &rows->inserted.creator, creator);
	if (!job->alias)
		return;
	push_text(work->arena, &rows->aliases.alias, job->alias);
	push_text(work->arena, &rows->aliases.creator, creator);
	push_int(work->arena, &rows->aliases.room, room->number);
	push_int(work->arena, &rows->aliases.created_ms, now_ms);
}

/* The rooms of the group, each once, with the ordering of its newest event. */
static void find_touched(struct rooms_group_work *work)
{
	struct rooms_number_map index;

	rooms_number_map_init(&index, work->arena, work->job_count);
	work->touched = hearth_arena_array_of(work->arena, struct rooms_touched, work->made_count);
	work->touched_count = 0;
	for (size_t i = 0; i < work->made_count; i++) {
		struct rooms_room *room = work->made[i].room;
		int64_t *place = rooms_number_map_at(&index, room->number);

		if (!*place) {
			work->touched[work->touched_count] =
				(struct rooms_touched){ room, &work->made[i], room->last_ordering };
			*place = (int64_t)++work->touched_count;
		}
		if (work->made[i].stream_ordering > 0)
			work->touched[*place - 1].ordering = work->made[i].stream_ordering;
	}
}

static void fill_rooms(struct rooms_group_work *work, struct rooms_rows *rows)
{
	find_touched(work);
	for (size_t i = 0; i < work->touched_count; i++) {
		const struct rooms_job *job = job_of_new(work, work->touched[i].room);

		fill_room(work->arena, job ? &rows->inserted : &rows->updated, &work->touched[i]);
		if (job)
			fill_new_room(work, rows, &work->touched[i], job);
	}
}

static void fill_groups(struct rooms_group_work *work, struct rooms_group_rows *p)
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

static struct rooms_rows *fill_rows(struct rooms_group_work *work)
{
	struct rooms_rows *rows = hearth_arena_new_of(work->arena, struct rooms_rows);

	for (size_t i = 0; i < work->made_count; i++) {
		const struct rooms_made *made = &work->made[i];

		fill_event(work->arena, made->known ? &rows->placed : &rows->events, made);
		fill_gaps(work->arena, rows, made);
		fill_state(work->arena, rows, made);
		if (made->flags)
			continue;
		fill_relation(work->arena, &rows->relations, made);
		fill_redaction(work->arena, &rows->redactions, made);
	}
	fill_rooms(work, rows);
	fill_groups(work, &rows->groups);
	return rows;
}

/* --- the transaction --- */

static int queue(const struct rooms *r, struct hearth_tx *tx, const struct rooms_rows *rows, struct hearth_error *err)
{
	const struct {
		size_t count;
		const struct hearth_statement *statement;
		const void *params;
	} steps[] = {
		{ rows->inserted.number.count, &ROOMS_INSERT_ROOMS, &rows->inserted },
		{ rows->aliases.alias.count, &ROOMS_INSERT_ALIASES, &rows->aliases },
		{ rows->updated.number.count, &ROOMS_UPDATE_ROOMS, &rows->updated },
		{ rows->events.number.count, &ROOMS_INSERT_EVENTS, &rows->events },
		{ rows->placed.number.count, &ROOMS_PLACE_OUTLIERS, &rows->placed },
		{ rows->gaps.number.count, &ROOMS_INSERT_GAPS, &rows->gaps },
		{ rows->arrived.number.count, &ROOMS_FILL_GAPS, &rows->arrived },
		{ rows->groups.number.count, &ROOMS_INSERT_GROUPS, &rows->groups },
		{ rows->state.room.count, &ROOMS_INSERT_STATE, &rows->state },
		{ rows->members.room.count, &ROOMS_INSERT_MEMBERS, &rows->members },
		{ rows->relations.event.count, &ROOMS_INSERT_RELATIONS, &rows->relations },
		{ rows->redactions.event.count, &ROOMS_INSERT_REDACTIONS, &rows->redactions },
		{ rows->redactions.event.count, &ROOMS_REDACT_EARLIER, &rows->redactions },
		{ rows->foreign.number.count, &ROOMS_REDACT_LATER, &rows->foreign },
	};

	for (size_t i = 0; i < HEARTH_COUNT(steps); i++) {
		int rc = steps[i].count ? r->db->exec(tx, steps[i].statement, steps[i].params, err) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

static bool is_current(const struct rooms_made *made)
{
	for (size_t i = 0; i < made->change_count; i++)
		if (made->changes[i].event == made->number)
			return true;
	return false;
}

static const struct hearth_persisting_change *list_changes(const struct rooms_group_work *work, size_t count)
{
	struct hearth_persisting_change *changes =
		hearth_arena_array_of(work->arena, struct hearth_persisting_change, count);
	size_t n = 0;

	for (size_t i = 0; i < work->made_count; i++) {
		const struct rooms_made *made = &work->made[i];

		for (size_t c = 0; c < made->change_count; c++)
			changes[n++] = (struct hearth_persisting_change){
				.event = made->changes[c].now, .room_id = made->room->room_id, .type = made->changes[c].type,
				.state_key = made->changes[c].state_key, .room_number = made->room->number,
				.stream_ordering = made->stream_ordering,
			};
	}
	return changes;
}

HEARTH_SUSPENDS static int run_persisting(struct rooms_group_work *work, struct hearth_tx *tx, struct hearth_error *err)
{
	struct rooms *r = work->r;
	struct hearth_persisting_event *events;
	struct hearth_hook_persisting subject = { .tx = tx, .count = work->made_count };
	size_t change_count = 0;

	if (!r->hooks->present(r->host, HEARTH_HOOK_EVENT_PERSISTING))
		return 0;
	events = hearth_arena_array_of(work->arena, struct hearth_persisting_event, work->made_count);
	for (size_t i = 0; i < work->made_count; i++) {
		const struct rooms_made *made = &work->made[i];

		events[i] = (struct hearth_persisting_event){
			.event = made->event, .stream_ordering = made->stream_ordering, .room_number = made->room->number,
			.event_number = made->number, .outlier = made->flags & ROOMS_OUTLIER ? 1 : 0,
			.rejected = made->flags & ROOMS_REJECTED ? 1 : 0,
			.soft_failed = made->flags & ROOMS_SOFT_FAILED ? 1 : 0, .is_current_state = is_current(made),
			.transaction_device = made->draft ? made->draft->device_id : NULL,
		};
		change_count += made->change_count;
	}
	subject.events = events;
	subject.changes = list_changes(work, change_count);
	subject.change_count = change_count;
	return r->hooks->run(r->host, work->task, HEARTH_HOOK_EVENT_PERSISTING, &subject, err);
}

/* Rooms that have changed, and users whose membership has: their waiters may not wait on the room yet. */
static void gather_news(struct rooms_group_work *work, struct hearth_news *news)
{
	const char **rooms = hearth_arena_array_of(work->arena, const char *, work->made_count);
	const char **users;
	size_t change_count = 0;

	for (size_t i = 0; i < work->made_count; i++)
		change_count += work->made[i].change_count;
	users = hearth_arena_array_of(work->arena, const char *, change_count);
	for (size_t i = 0; i < work->made_count; i++) {
		const struct rooms_made *made = &work->made[i];

		if (!news->room_count || rooms[news->room_count - 1] != made->room->room_id)
			rooms[news->room_count++] = made->room->room_id;
		for (size_t c = 0; c < made->change_count; c++)
			if (strcmp(made->changes[c].type, "m.room.member") == 0)
				users[news->user_count++] = made->changes[c].state_key;
	}
	news->rooms = rooms;
	news->users = users;
}

/* Backfilled events count downwards from 0 in a stream of their own. */
HEARTH_SUSPENDS static int draw_orderings(struct rooms_group_work *work, struct hearth_tx *tx, struct hearth_error *err)
{
	const struct hearth_streams *streams = work->r->streams;
	struct hearth_news news = { 0 };
	int64_t next = 0, next_backfilled = 0;
	size_t backfilled = 0;
	int rc = 0;

	for (size_t i = 0; i < work->made_count; i++)
		backfilled += work->made[i].backfilled;
	gather_news(work, &news);
	if (backfilled < work->made_count)
		rc = streams->next(tx, work->r->events_stream, work->made_count - backfilled, &news, &next, err);
	if (rc >= 0 && backfilled)
		rc = streams->next(tx, work->r->backfill_stream, backfilled, NULL, &next_backfilled, err);
	for (size_t i = 0; i < work->made_count; i++)
		work->made[i].stream_ordering = work->made[i].backfilled ? -next_backfilled++ : next++;
	return rc;
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
	int rc;

	rc = work->r->db->begin(work->task, HEARTH_TX_WRITE, &open.tx, err);
	if (rc < 0)
		return rc;
	work->r->db->on_end(open.tx, rooms_group_ended, work);
	rc = draw_orderings(work, open.tx, err);
	if (rc < 0)
		return rc;
	rc = queue(work->r, open.tx, fill_rows(work), err);
	if (rc >= 0)
		rc = run_persisting(work, open.tx, err);
	if (rc >= 0)
		rc = work->r->db->commit(&open.tx, err);
	return rc < 0 ? rc : 0;
}
