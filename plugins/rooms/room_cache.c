/* SPDX-License-Identifier: Apache-2.0 */
/* Rooms and parsed events in memory, and numbers for new rows. */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/map.h>

struct ids_params {
	struct hearth_texts ids;
};
static const struct hearth_field IDS[] = { HEARTH_COLUMNS(struct ids_params, ids) };

struct room_row {
	int64_t number, state_group, last_ordering, x_number, x_depth, x_after;
	const char *room_id, *version, *x_event_id;
};
static const struct hearth_field ROOM_ROW[] = {
	HEARTH_COLUMNS(struct room_row, number, state_group, last_ordering, x_number, x_depth, x_after, room_id,
		       version, x_event_id)
};
static const struct hearth_statement SELECT_ROOMS = {
	.name = "rooms.select_rooms",
	.sql = "SELECT r.number, r.state_group, r.last_ordering, coalesce(e.number, 0), coalesce(e.depth, 0), "
	       "coalesce(e.state_after, e.state_group, 0), r.room_id, r.version, e.event_id "
	       "FROM rooms r LEFT JOIN events e ON e.number = ANY(r.extremities) "
	       "WHERE r.room_id = ANY($1) ORDER BY r.number, e.number",
	.params = IDS, .row = ROOM_ROW, .row_size = sizeof(struct room_row),
};

struct parsed_row {
	int64_t number, flags, chain, seq, extended;
	const char *version, *event_id, *json;
};
struct numbers_params {
	struct hearth_ints numbers;
};
static const struct hearth_field NUMBERS[] = { HEARTH_COLUMNS(struct numbers_params, numbers) };
#define PARSED(member) HEARTH_COLUMN(struct parsed_row, member)
static const struct hearth_field PARSED_ROW[] = { PARSED(number), PARSED(flags), PARSED(chain), PARSED(seq), PARSED(extended),
						  PARSED(version), PARSED(event_id), PARSED(json), HEARTH_FIELDS_END };
#define PARSED_COLUMNS                                                                                          \
	"SELECT e.number, e.flags::bigint, coalesce(e.chain, 0), coalesce(e.chain_seq, 0), (EXISTS (SELECT FROM events x " \
	"WHERE x.chain = e.chain AND x.chain_seq = e.chain_seq + 1))::int::bigint, r.version, e.event_id, e.json "       \
	"FROM events e JOIN rooms r ON r.number = e.room WHERE "
static const struct hearth_statement SELECT_PARSED = {
	.name = "rooms.select_events_to_parse",
	.sql = PARSED_COLUMNS "e.number = ANY($1)",
	.params = NUMBERS, .row = PARSED_ROW, .row_size = sizeof(struct parsed_row),
};
static const struct hearth_statement SELECT_PARSED_IDS = {
	.name = "rooms.select_events_to_parse_by_id",
	.sql = PARSED_COLUMNS "e.event_id = ANY($1)",
	.params = IDS, .row = PARSED_ROW, .row_size = sizeof(struct parsed_row),
};

struct block_row {
	int64_t block;
};
static const struct hearth_field BLOCK_ROW[] = { HEARTH_COLUMNS(struct block_row, block) };
static const struct hearth_statement NEXT_BLOCK = {
	.name = "rooms.next_numbers",
	.sql = "SELECT nextval('rooms_number_seq') FROM generate_series(1, 8)",
	.row = BLOCK_ROW, .row_size = sizeof(struct block_row),
};
#define BLOCK_NUMBERS 1024
#define PARSED_AT_ONCE 256

struct rooms_room *rooms_room_new(int64_t number, const char *room_id, const struct hearth_room_version *version)
{
	struct rooms_room *room = calloc(1, sizeof(*room));

	hearth_assert(room);
	room->number = number;
	room->version = version;
	strncpy(room->room_id, room_id, sizeof(room->room_id) - 1);
	room->node.key = room->room_id;
	room->node.key_bytes = strlen(room->room_id);
	room->node.bytes = sizeof(*room) + 256;
	return room;
}

void rooms_room_set_group(struct rooms_room *room, struct rooms_group *group)
{
	struct rooms_group *old = room->group;

	if (group)
		rooms_lru_ref(&group->node);
	room->group = group;
	room->state_group = group ? group->number : 0;
	if (old)
		rooms_lru_unref(&old->node);
}

void rooms_room_set_extremities(struct rooms_room *room, const struct rooms_extremity *extremities, size_t count)
{
	size_t bytes = count * sizeof(*extremities);
	struct rooms_extremity *copy;
	char *text;

	for (size_t i = 0; i < count; i++)
		bytes += strlen(extremities[i].event_id) + 1;
	copy = malloc(bytes + 1);
	hearth_assert(copy);
	text = (char *)(copy + count);
	for (size_t i = 0; i < count; i++) {
		copy[i] = extremities[i];
		copy[i].event_id = text;
		text = stpcpy(text, extremities[i].event_id) + 1;
	}
	free(room->extremities);
	room->extremities = copy;
	room->extremity_count = count;
}

/* rows[0..count) are of one room. NULL: a version that this build does not know. */
static struct rooms_room *room_of_rows(struct hearth_arena *arena, const struct room_row *rows, size_t count)
{
	struct rooms_extremity *extremities = hearth_arena_array_of(arena, struct rooms_extremity, count);
	const struct hearth_room_version *version = hearth_room_version(rows->version);
	struct rooms_room *room;
	size_t extremity_count = 0;

	if (!version)
		return NULL;
	room = rooms_room_new(rows->number, rows->room_id, version);
	room->last_ordering = rows->last_ordering;
	room->state_group = rows->state_group;
	for (size_t i = 0; i < count; i++)
		if (rows[i].x_number)
			extremities[extremity_count++] = (struct rooms_extremity){ rows[i].x_number, rows[i].x_depth,
										   rows[i].x_after, rows[i].x_event_id };
	rooms_room_set_extremities(room, extremities, extremity_count);
	return room;
}

static void unref_room(void *argument)
{
	rooms_lru_unref(argument);
}

/* Caches a room that was read, unless something left the cache meanwhile: then what was read may be old. */
static struct rooms_room *keep_room(struct rooms *r, struct hearth_arena *arena, struct rooms_room *room, bool fresh)
{
	struct rooms_room *present = rooms_lru_get(r->room_cache, arena, room->node.key, room->node.key_bytes);

	if (present || fresh)
		return rooms_lru_put(r->room_cache, arena, &room->node);
	room->node.lru = r->room_cache;
	rooms_lru_ref(&room->node);
	hearth_arena_defer(arena, unref_room, room);
	return room;
}

HEARTH_SUSPENDS static int read_rooms(struct rooms *r, struct hearth_task *task, const struct ids_params *params,
				      struct rooms_room **ret_rooms, size_t *ret_count, struct hearth_error *err)
{
	uint64_t generation = rooms_lru_generation(r->room_cache);
	struct hearth_arena *arena = r->tasks->arena(task);
	const struct room_row *items;
	struct hearth_rows rows;
	size_t count = 0;
	int rc;

	rc = r->db->read(task, &SELECT_ROOMS, params, &rows, err);
	if (rc < 0)
		return rc;
	items = rows.items;
	for (size_t i = 0, end; i < rows.count; i = end) {
		struct rooms_room *room;

		for (end = i; end < rows.count && items[end].number == items[i].number;)
			end++;
		room = room_of_rows(arena, items + i, end - i);
		if (room)
			ret_rooms[count++] =
				keep_room(r, arena, room, generation == rooms_lru_generation(r->room_cache));
	}
	*ret_count = count;
	return 0;
}

int rooms_rooms_load(struct rooms *r, struct hearth_task *task, const char *const *room_ids, size_t count,
		     struct rooms_room **ret_rooms, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	const char **missing = hearth_arena_array_of(arena, const char *, count);
	struct rooms_room **found = hearth_arena_array_of(arena, struct rooms_room *, count);
	size_t missing_count = 0, found_count = 0;
	struct hearth_map by_id;
	int rc;

	for (size_t i = 0; i < count; i++) {
		ret_rooms[i] = rooms_lru_get(r->room_cache, arena, room_ids[i], strlen(room_ids[i]));
		if (!ret_rooms[i] && *room_ids[i])
			missing[missing_count++] = room_ids[i];
	}
	r->metrics->add(r->metric.cache, missing_count ? "rooms_miss" : "rooms_hit", 1);
	if (!missing_count)
		return 0;
	rc = read_rooms(r, task, &(struct ids_params){ { missing, missing_count } }, found, &found_count, err);
	if (rc < 0)
		return rc;
	hearth_map_init(&by_id, arena, found_count);
	for (size_t i = 0; i < found_count; i++)
		hearth_map_at(&by_id, found[i]->room_id, "")->value = found[i];
	for (size_t i = 0; i < count; i++)
		if (!ret_rooms[i])
			ret_rooms[i] = hearth_map_get(&by_id, room_ids[i], "");
	return 0;
}

int rooms_facts(struct rooms *r, struct hearth_task *task, const char *const *room_ids, size_t count,
		struct rooms_facts *ret_facts, struct hearth_error *err)
{
	struct rooms_room **rooms = hearth_arena_array_of(r->tasks->arena(task), struct rooms_room *, count);
	int rc = rooms_rooms_load(r, task, room_ids, count, rooms, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		ret_facts[i] = (struct rooms_facts){ 0 };
		if (rooms[i])
			ret_facts[i] = (struct rooms_facts){ rooms[i]->number, rooms[i]->last_ordering, rooms[i]->version };
	}
	return 0;
}

int rooms_parsed_put(struct rooms *r, struct hearth_arena *arena, const struct rooms_text *text,
		     struct rooms_event **ret_event, struct hearth_error *err)
{
	struct rooms_event *event = calloc(1, sizeof(*event));
	const struct hearth_json *pdu;
	int rc;

	hearth_assert(event);
	event->number = text->number;
	event->place = text->place;
	event->extended = text->extended;
	event->flags = text->flags;
	event->arena = hearth_arena_new();
	event->json = hearth_arena_strndup(event->arena, text->json, text->json_length);
	event->json_length = text->json_length;
	rc = hearth_json_parse(event->arena, event->json, text->json_length, HEARTH_JSON_BIG_INTS, &pdu, err);
	if (rc >= 0)
		rc = hearth_event_read(event->arena, text->version, pdu, hearth_arena_strdup(event->arena, text->event_id),
				       &event->event, err);
	if (rc < 0) {
		hearth_arena_free(event->arena);
		free(event);
		return rc;
	}
	if (text->flags & ROOMS_REJECTED)
		((struct hearth_event *)(uintptr_t)event->event)->rejected = 1;
	event->node.key = &event->number;
	event->node.key_bytes = sizeof(event->number);
	event->node.bytes = sizeof(*event) + hearth_arena_size(event->arena);
	*ret_event = rooms_lru_put(r->event_cache, arena, &event->node);
	return 0;
}

/*
 * Rows to cached events; ret_events[i] belongs to row i, NULL of a room version that this build does not know. Many of them
 * take long: others have their turn meanwhile.
 */
HEARTH_SUSPENDS static int parse_rows(struct rooms *r, struct hearth_task *task, const struct hearth_rows *rows,
				      struct rooms_event **ret_events, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < rows->count; i++) {
		const struct parsed_row *row = (const struct parsed_row *)rows->items + i;
		const struct rooms_text text = { .number = row->number, .place = { row->chain, row->seq },
						 .extended = row->extended != 0, .flags = (uint32_t)row->flags,
						 .version = hearth_room_version(row->version), .event_id = row->event_id,
						 .json = row->json, .json_length = strlen(row->json) };

		ret_events[i] = NULL;
		if (text.version)
			rc = rooms_parsed_put(r, arena, &text, &ret_events[i], err);
		if (rc >= 0 && i % PARSED_AT_ONCE == PARSED_AT_ONCE - 1)
			rc = r->tasks->yield(task, err);
	}
	return rc;
}

/* Into the cache; once more where an outlier was placed meanwhile, since it can be one of them. */
HEARTH_SUSPENDS static int read_parsed(struct rooms *r, struct hearth_task *task, const int64_t *numbers, size_t count,
				       struct hearth_error *err)
{
	struct rooms_event **parsed = hearth_arena_array_of(r->tasks->arena(task), struct rooms_event *, count);
	struct hearth_rows rows;
	int rc = 0;

	for (uint64_t placed = r->placed + 1; rc >= 0 && placed != r->placed;) {
		placed = r->placed;
		rc = r->db->read(task, &SELECT_PARSED, &(struct numbers_params){ { numbers, count } }, &rows, err);
		if (rc >= 0)
			rc = parse_rows(r, task, &rows, parsed, err);
		for (size_t i = 0; placed != r->placed && i < count; i++)
			rooms_lru_drop(r->event_cache, &numbers[i], sizeof(numbers[i]));
	}
	return rc;
}

int rooms_parsed_load(struct rooms *r, struct hearth_task *task, const int64_t *numbers, size_t count,
		      struct rooms_event **ret_events, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	int64_t *missing = hearth_arena_array_of(arena, int64_t, count);
	size_t missing_count;
	int rc;

	missing_count = rooms_lru_get_numbers(r->event_cache, arena, numbers, count, ret_events, missing);
	r->metrics->add(r->metric.cache, missing_count ? "events_miss" : "events_hit", 1);
	if (!missing_count)
		return 0;
	rc = read_parsed(r, task, missing, missing_count, err);
	if (rc >= 0)
		rooms_lru_get_numbers(r->event_cache, arena, numbers, count, ret_events, missing);
	return rc < 0 ? rc : 0;
}

int rooms_parsed_load_ids(struct rooms *r, struct hearth_task *task, const char *const *ids, size_t count,
			  struct rooms_event **ret_events, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	struct rooms_event **parsed;
	struct hearth_map by_id;
	struct hearth_rows rows;
	int rc;

	memset(ret_events, 0, count * sizeof(*ret_events));
	if (!count)
		return 0;
	rc = r->db->read(task, &SELECT_PARSED_IDS, &(struct ids_params){ { ids, count } }, &rows, err);
	if (rc < 0)
		return rc;
	parsed = hearth_arena_array_of(arena, struct rooms_event *, rows.count);
	rc = parse_rows(r, task, &rows, parsed, err);
	hearth_map_init(&by_id, arena, rows.count);
	for (size_t i = 0; rc >= 0 && i < rows.count; i++)
		if (parsed[i])
			hearth_map_at(&by_id, parsed[i]->event->event_id, "")->value = parsed[i];
	for (size_t i = 0; rc >= 0 && i < count; i++)
		ret_events[i] = hearth_map_get(&by_id, ids[i], "");
	return rc < 0 ? rc : 0;
}

int rooms_numbers(struct rooms *r, struct hearth_task *task, size_t count, int64_t *ret_first,
		  struct hearth_error *err)
{
	if ((size_t)(r->number_end - r->number_next) < count) {
		const struct block_row *blocks;
		struct hearth_rows rows;
		size_t in_a_row = 1;
		int rc;

		if (count > BLOCK_NUMBERS)
			return hearth_fail(err, -EFBIG, "too many events at once");
		rc = r->db->write(task, &NEXT_BLOCK, NULL, &rows, err);
		if (rc < 0)
			return rc;
		blocks = rows.items;
		while (in_a_row < rows.count && blocks[in_a_row].block == blocks[0].block + (int64_t)in_a_row)
			in_a_row++;
		r->number_next = blocks[0].block * BLOCK_NUMBERS;
		r->number_end = r->number_next + (int64_t)in_a_row * BLOCK_NUMBERS;
	}
	*ret_first = r->number_next;
	r->number_next += (int64_t)count;
	return 0;
}
