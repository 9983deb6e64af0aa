/* SPDX-License-Identifier: Apache-2.0 */
/* What is here of the events that a batch's events name. */
#include "incoming.h"

#include <string.h>

#include "number_map.h"

struct ids_params {
	struct hearth_texts ids;
};
struct id_row {
	const char *event_id;
};
static const struct hearth_field IDS[] = { HEARTH_COLUMNS(struct ids_params, ids) };
static const struct hearth_field ID_ROW[] = { HEARTH_COLUMNS(struct id_row, event_id) };
#define KNOWN(member) HEARTH_COLUMN(struct rooms_known, member)
static const struct hearth_field KNOWN_ROW[] = { KNOWN(number), KNOWN(room), KNOWN(flags), KNOWN(state_after),
						 KNOWN(event_id), HEARTH_FIELDS_END };
static const struct hearth_statement SELECT_KNOWN = {
	.name = "rooms.select_known_events",
	.sql = "SELECT number, room, flags::bigint, coalesce(state_after, state_group), event_id FROM events "
	       "WHERE event_id = ANY($1)",
	.params = IDS, .row = KNOWN_ROW, .row_size = sizeof(struct rooms_known),
};
static const struct hearth_statement SELECT_REFERENCED = {
	.name = "rooms.select_referenced_gaps",
	.sql = "SELECT DISTINCT g.event_id FROM event_gaps g JOIN events e ON e.number = g.referrer "
	       "WHERE g.event_id = ANY($1) AND e.flags = 0",
	.params = IDS, .row = ID_ROW, .row_size = sizeof(struct id_row),
};

struct numbers_params {
	struct hearth_ints numbers;
};
struct number_row {
	int64_t number;
};
static const struct hearth_field NUMBERS[] = { HEARTH_COLUMNS(struct numbers_params, numbers) };
static const struct hearth_field NUMBER_ROW[] = { HEARTH_COLUMNS(struct number_row, number) };
static const struct hearth_statement SELECT_BEHIND = {
	.name = "rooms.select_behind_unaccepted",
	.sql = "WITH RECURSIVE behind AS (SELECT number, prev, flags FROM events WHERE number = ANY($1) "
	       "UNION SELECT e.number, e.prev, e.flags FROM behind b JOIN events e ON e.number = ANY(b.prev) "
	       "WHERE b.flags <> 0) SELECT number FROM behind LIMIT 10000",
	.params = NUMBERS, .row = NUMBER_ROW, .row_size = sizeof(struct number_row),
};

struct key_row {
	int64_t number;
	const char *type, *state_key;
};
static const struct hearth_field KEY_ROW[] = { HEARTH_COLUMNS(struct key_row, number, type, state_key) };
static const struct hearth_statement SELECT_KEYS = {
	.name = "rooms.select_state_keys",
	.sql = "SELECT number, type, state_key FROM events WHERE number = ANY($1) AND state_key IS NOT NULL AND flags & 2 = 0",
	.params = NUMBERS, .row = KEY_ROW, .row_size = sizeof(struct key_row),
};

struct names {
	struct hearth_map map;
	const char **ids;
	size_t count, capacity;
};

static void name(struct hearth_arena *arena, struct names *names, const char *event_id)
{
	struct hearth_map_entry *entry = hearth_map_at(&names->map, event_id, "");

	if (entry->number)
		return;
	entry->number = 1;
	if (names->count == names->capacity) {
		size_t old = names->capacity;

		names->capacity = old ? old * 2 : 64;
		names->ids = hearth_arena_grow(arena, names->ids, old * sizeof(*names->ids),
					       names->capacity * sizeof(*names->ids));
	}
	names->ids[names->count++] = event_id;
}

static void name_all(struct hearth_arena *arena, struct names *names, const char *const *ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		name(arena, names, ids[i]);
}

HEARTH_SUSPENDS static int load_referenced(struct rooms_incoming *in, struct hearth_error *err)
{
	struct hearth_arena *arena = in->work->arena;
	const char **ids = hearth_arena_array_of(arena, const char *, in->job->pdu_count);
	struct hearth_rows rows;
	size_t count = 0;
	int rc;

	hearth_map_init(&in->referenced, arena, 0);
	for (size_t i = 0; i < in->job->pdu_count; i++)
		if (in->job->pdus[i].event && !in->job->pdus[i].outlier)
			ids[count++] = in->job->pdus[i].event->event_id;
	if (!count)
		return 0;
	rc = in->work->r->db->read(in->work->task, &SELECT_REFERENCED, &(struct ids_params){ { ids, count } }, &rows, err);
	for (size_t i = 0; rc >= 0 && i < rows.count; i++)
		hearth_map_at(&in->referenced, ((const struct id_row *)rows.items)[i].event_id, "")->number = 1;
	return rc;
}

int rooms_known_load(struct rooms_incoming *in, struct hearth_error *err)
{
	struct hearth_arena *arena = in->work->arena;
	struct names names = { .count = 0 };
	struct hearth_rows rows;
	int rc;

	hearth_map_init(&names.map, arena, in->job->pdu_count * 4);
	for (size_t i = 0; i < in->job->pdu_count; i++) {
		const struct rooms_pdu *pdu = &in->job->pdus[i];

		if (!pdu->event)
			continue;
		name(arena, &names, pdu->event->event_id);
		name_all(arena, &names, pdu->event->auth_events, pdu->event->auth_count);
		name_all(arena, &names, pdu->event->prev_events, pdu->event->prev_count);
		for (size_t s = 0; s < pdu->state_count; s++)
			name_all(arena, &names, pdu->states[s].items, pdu->states[s].count);
	}
	if (in->create_id)
		name(arena, &names, in->create_id);
	hearth_map_init(&in->known, arena, names.count);
	if (!names.count)
		return 0;
	rc = in->work->r->db->read(in->work->task, &SELECT_KNOWN, &(struct ids_params){ { names.ids, names.count } }, &rows,
				   err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < rows.count; i++) {
		struct rooms_known *known = (struct rooms_known *)(uintptr_t)rows.items + i;

		hearth_map_at(&in->known, known->event_id, "")->value = known;
	}
	return load_referenced(in, err);
}

struct rooms_known *rooms_known(const struct rooms_incoming *in, const char *event_id)
{
	return hearth_map_get(&in->known, event_id, "");
}

void rooms_known_add(struct rooms_incoming *in, const struct rooms_made *made)
{
	struct rooms_known *known = hearth_arena_new_of(in->work->arena, struct rooms_known);

	*known = (struct rooms_known){
		.number = made->number, .room = made->room->number, .flags = made->flags,
		.state_after = made->state_after ? made->state_after : made->state_before,
		.event_id = made->event->event_id, .made = made - in->work->made + 1,
	};
	hearth_map_at(&in->known, known->event_id, "")->value = known;
	for (size_t i = 0; i < made->gap_count && !made->flags; i++)
		hearth_map_at(&in->referenced, made->gaps[i], "")->number = 1;
}

/* Pushes what has not been pushed yet. */
static void push(struct rooms_incoming *in, struct rooms_number_map *seen, struct rooms_number_list *list, int64_t number)
{
	int64_t *place = rooms_number_map_at(seen, number);

	if (*place)
		return;
	*place = 1;
	if ((list->count & (list->count - 1)) == 0)
		list->items = hearth_arena_grow(in->work->arena, list->items, list->count * sizeof(int64_t),
						(list->count ? list->count * 2 : 1) * sizeof(int64_t));
	list->items[list->count++] = number;
}

static const struct rooms_made *find_made(const struct rooms_group_work *work, int64_t number)
{
	for (size_t i = 0; i < work->made_count; i++)
		if (work->made[i].number == number)
			return &work->made[i];
	return NULL;
}

int rooms_known_behind(struct rooms_incoming *in, const struct rooms_made *made, struct rooms_number_list *ret_behind,
		       struct hearth_error *err)
{
	struct rooms_number_list behind = { 0 }, stored = { 0 };
	struct rooms_number_map seen, seen_stored;
	struct hearth_rows rows;
	bool unaccepted = false;
	int rc;

	rooms_number_map_init(&seen, in->work->arena, made->prev_count);
	rooms_number_map_init(&seen_stored, in->work->arena, made->prev_count);
	for (size_t i = 0; i < made->prev_count; i++)
		push(in, &seen, &behind, made->prev[i]);
	for (size_t i = 0; i < behind.count; i++) {
		const struct rooms_made *other = find_made(in->work, behind.items[i]);

		if (!other)
			push(in, &seen_stored, &stored, behind.items[i]);
		for (size_t p = 0; other && other->flags && p < other->prev_count; p++)
			push(in, &seen, &behind, other->prev[p]);
		unaccepted = unaccepted || (other && other->flags);
	}
	for (size_t i = 0; i < made->event->prev_count; i++) {
		const struct rooms_known *known = rooms_known(in, made->event->prev_events[i]);

		unaccepted = unaccepted || (known && known->flags);
	}
	*ret_behind = behind;
	if (!unaccepted || !stored.count)
		return 0;
	rc = in->work->r->db->read(in->work->task, &SELECT_BEHIND,
				   &(struct numbers_params){ { stored.items, stored.count } }, &rows, err);
	for (size_t i = 0; rc >= 0 && i < rows.count; i++)
		push(in, &seen, &behind, ((const struct number_row *)rows.items)[i].number);
	*ret_behind = behind;
	return rc;
}

int rooms_known_entries(struct rooms_incoming *in, const int64_t *numbers, size_t count, struct rooms_entry *ret_entries,
			size_t *ret_count, struct hearth_error *err)
{
	struct rooms_group_work *work = in->work;
	struct rooms_number_list stored = { hearth_arena_array_of(work->arena, int64_t, count), 0 };
	const uint64_t *hash_key = work->r->hash_key;
	struct hearth_rows rows;
	size_t n = 0;
	int rc;

	for (size_t i = 0; i < count; i++) {
		const struct rooms_made *made = find_made(work, numbers[i]);

		if (!made)
			stored.items[stored.count++] = numbers[i];
		else if (made->event->state_key && !(made->flags & ROOMS_REJECTED))
			ret_entries[n++] = (struct rooms_entry){
				rooms_state_hash(hash_key, made->event->type, made->event->state_key), made->number };
	}
	rc = work->r->db->read(work->task, &SELECT_KEYS, &(struct numbers_params){ { stored.items, stored.count } }, &rows,
			       err);
	for (size_t i = 0; rc >= 0 && i < rows.count; i++) {
		const struct key_row *row = (const struct key_row *)rows.items + i;

		ret_entries[n++] = (struct rooms_entry){ rooms_state_hash(hash_key, row->type, row->state_key), row->number };
	}
	*ret_count = rooms_entries_sort(ret_entries, n);
	return rc;
}
