/* SPDX-License-Identifier: Apache-2.0 */
/* Reading stored events: rows to events, redacted ones in their redacted form. */
#include "cache.h"

#include <errno.h>
#include <string.h>

#include <hearth/map.h>

#include "number_map.h"

#define ROW(member) HEARTH_COLUMN(struct rooms_event_row, member)
const struct hearth_field ROOMS_EVENT_ROW[] = {
	ROW(number), ROW(stream_ordering), ROW(depth), ROW(origin_server_ts), ROW(state_group), ROW(flags), ROW(event_id),
	ROW(room_id), ROW(version), ROW(type), ROW(sender), ROW(state_key), ROW(txn_device), ROW(txn_id), ROW(json),
	ROW(because_id), ROW(because_json), ROW(replaces_id), ROW(replaces_json), HEARTH_FIELDS_END
};

struct ids_params {
	struct hearth_texts ids;
};
struct numbers_params {
	struct hearth_ints numbers;
};
static const struct hearth_field IDS[] = { HEARTH_COLUMNS(struct ids_params, ids) };
static const struct hearth_field NUMBERS[] = { HEARTH_COLUMNS(struct numbers_params, numbers) };
static const struct hearth_statement SELECT_BY_ID = {
	.name = "rooms.select_events",
	.sql = "SELECT " ROOMS_EVENT_COLUMNS " FROM " ROOMS_EVENT_TABLES " WHERE e.event_id = ANY($1)",
	.params = IDS, .row = ROOMS_EVENT_ROW, .row_size = sizeof(struct rooms_event_row),
};
static const struct hearth_statement SELECT_BY_NUMBER = {
	.name = "rooms.select_events_by_number",
	.sql = "SELECT " ROOMS_EVENT_COLUMNS " FROM " ROOMS_EVENT_TABLES " WHERE e.number = ANY($1)",
	.params = NUMBERS, .row = ROOMS_EVENT_ROW, .row_size = sizeof(struct rooms_event_row),
};

/* Writes the redacted form over event->json, and the redaction for unsigned.redacted_because. */
static int redact(struct hearth_arena *arena, const struct rooms_event_row *row, struct hearth_stored_event *event,
		  struct hearth_error *err)
{
	const struct hearth_room_version *version = hearth_room_version(row->version);
	const struct hearth_json *pdu;
	struct hearth_writer *w;
	char *text;
	int rc;

	if (!version)
		return hearth_fail(err, -EIO, "event %s is of an unknown room version", row->event_id);
	rc = hearth_json_parse(arena, row->json, strlen(row->json), HEARTH_JSON_BIG_INTS, &pdu, err);
	if (rc < 0)
		return rc;
	rc = hearth_json_canonical(arena, hearth_event_redact(arena, version, pdu), HEARTH_JSON_BIG_INTS, &text,
				   &event->json_length, err);
	if (rc < 0)
		return rc;
	event->json = text;
	event->redacted = 1;
	if (row->because_json) {
		const struct hearth_stored_event because = { .event_id = row->because_id, .room_id = row->room_id,
							     .type = "m.room.redaction",
							     .json = row->because_json,
							     .json_length = strlen(row->because_json) };

		w = hearth_writer_new(arena);
		rooms_write_event(NULL, w, NULL, &because, NULL);
		event->redacted_because = hearth_writer_text(w, NULL);
	}
	return 0;
}

int rooms_events_of_rows(struct hearth_arena *arena, const struct rooms_event_row *rows, size_t count,
			 struct hearth_stored_event **ret_events, struct hearth_error *err)
{
	struct hearth_stored_event *events = hearth_arena_array_of(arena, struct hearth_stored_event, count);

	for (size_t i = 0; i < count; i++) {
		const struct rooms_event_row *row = &rows[i];

		events[i] = (struct hearth_stored_event){
			.size = sizeof(events[i]), .outlier = row->flags & 1, .rejected = row->flags >> 1 & 1,
			.soft_failed = row->flags >> 2 & 1, .stream_ordering = row->stream_ordering, .depth = row->depth,
			.origin_server_ts = row->origin_server_ts, .event_id = row->event_id, .room_id = row->room_id,
			.type = row->type, .sender = row->sender, .state_key = row->state_key, .json = row->json,
			.json_length = strlen(row->json), .txn_id = row->txn_id, .txn_device = row->txn_device,
			.replaces_id = row->replaces_id, .replaces_json = row->replaces_json, .number = row->number,
			.state_group = row->state_group,
		};
		if (row->because_id) {
			int rc = redact(arena, row, &events[i], err);

			if (rc < 0)
				return rc;
		}
	}
	*ret_events = events;
	return 0;
}

int rooms_events(struct rooms *r, struct hearth_task *task, const char *const *ids, size_t count,
		 struct hearth_stored_event **ret_events, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	struct hearth_stored_event *found, *events = hearth_arena_array_of(arena, struct hearth_stored_event, count);
	struct hearth_rows rows;
	struct hearth_map by_id;
	int rc;

	*ret_events = events;
	if (!count)
		return 0;
	rc = r->db->read(task, &SELECT_BY_ID, &(struct ids_params){ { ids, count } }, &rows, err);
	if (rc >= 0)
		rc = rooms_events_of_rows(arena, rows.items, rows.count, &found, err);
	if (rc < 0)
		return rc;
	hearth_map_init(&by_id, arena, rows.count);
	for (size_t i = 0; i < rows.count; i++)
		hearth_map_at(&by_id, found[i].event_id, "")->value = &found[i];
	for (size_t i = 0; i < count; i++) {
		const struct hearth_stored_event *event = hearth_map_get(&by_id, ids[i], "");

		if (event)
			events[i] = *event;
	}
	return 0;
}

int rooms_events_by_number(struct rooms *r, struct hearth_task *task, const int64_t *numbers, size_t count,
			   struct hearth_stored_event **ret_events, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	struct hearth_stored_event *found, *events = hearth_arena_array_of(arena, struct hearth_stored_event, count);
	struct rooms_number_map places; /* from 1 */
	struct hearth_rows rows;
	int rc;

	*ret_events = events;
	if (!count)
		return 0;
	rc = r->db->read(task, &SELECT_BY_NUMBER, &(struct numbers_params){ { numbers, count } }, &rows, err);
	if (rc >= 0)
		rc = rooms_events_of_rows(arena, rows.items, rows.count, &found, err);
	if (rc < 0)
		return rc;
	rooms_number_map_init(&places, arena, rows.count);
	for (size_t i = 0; i < rows.count; i++)
		*rooms_number_map_at(&places, found[i].number) = (int64_t)i + 1;
	for (size_t i = 0; i < count; i++) {
		int64_t place = rooms_number_map_get(&places, numbers[i]);

		if (place)
			events[i] = found[place - 1];
	}
	return 0;
}

int rooms_parse(struct rooms *r, struct hearth_task *task, const struct hearth_stored_event *stored,
		const struct hearth_event **ret_event, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	const struct hearth_json *pdu;
	struct rooms_facts facts;
	int rc;

	rc = rooms_facts(r, task, &stored->room_id, 1, &facts, err);
	if (rc < 0)
		return rc;
	if (!facts.number)
		return hearth_fail(err, -EIO, "event %s is of an unknown room", stored->event_id);
	rc = hearth_json_parse(arena, stored->json, stored->json_length, HEARTH_JSON_BIG_INTS, &pdu, err);
	return rc < 0 ? rc : hearth_event_read(arena, facts.version, pdu, stored->event_id, ret_event, err);
}
