/* SPDX-License-Identifier: Apache-2.0
 *
 * Receipts in /sync: one m.receipt event a room.
 */
#include "ephemeral.h"

#include <string.h>

struct receipt_query {
	int64_t             since, upto;
	struct hearth_texts joined_rooms, fresh_rooms;
	const char         *user_id;
};

static const struct hearth_field RECEIPT_QUERY[] = {
	HEARTH_COLUMNS(struct receipt_query, since, upto, joined_rooms, fresh_rooms, user_id)
};

struct receipt_row {
	const char *room_id, *event_id, *receipt_type, *user_id, *thread_id;
	int64_t     received_ts;
};

static const struct hearth_field RECEIPT_ROW[] = {
	HEARTH_COLUMNS(struct receipt_row, room_id, event_id, receipt_type, user_id, thread_id, received_ts)
};

/* Private receipts are their owner's alone. Unthreaded ones come first among those of one user on one event. */
static const struct hearth_statement SELECT_RECEIPTS = {
	.name = "ephemeral.select_receipts",
	.sql = "SELECT room_id, event_id, receipt_type, user_id, thread_id, received_ts FROM receipts"
	       " WHERE ((stream_id > $1 AND stream_id <= $2 AND room_id = ANY ($3))"
	       " OR (room_id = ANY ($4) AND stream_id <= $2))"
	       " AND (receipt_type <> 'm.read.private' OR user_id = $5)"
	       " ORDER BY room_id, event_id, receipt_type, user_id, thread_id",
	.params = RECEIPT_QUERY, .row = RECEIPT_ROW, .row_size = sizeof(struct receipt_row),
};

static bool same(const char *a, const char *b)
{
	return !strcmp(a, b);
}

/* Writes the rows of one user on one event: JSON has room for one of them, so that the first one stands. */
static void write_user(struct hearth_writer *w, const struct receipt_row *row)
{
	hearth_write_object(w, row->user_id);
	hearth_write_int(w, "ts", row->received_ts);
	if (*row->thread_id)
		hearth_write_string(w, "thread_id", row->thread_id);
	hearth_write_end(w);
}

static const struct receipt_row *write_event(struct hearth_writer *w, const struct receipt_row *row,
					     const struct receipt_row *end)
{
	const struct receipt_row *first = row;

	hearth_write_object(w, first->event_id);
	while (row < end && same(row->room_id, first->room_id) && same(row->event_id, first->event_id)) {
		const char *type = row->receipt_type, *last_user = "";

		hearth_write_object(w, type);
		for (; row < end && same(row->room_id, first->room_id) && same(row->event_id, first->event_id) &&
		       same(row->receipt_type, type); row++) {
			if (!same(row->user_id, last_user))
				write_user(w, row);
			last_user = row->user_id;
		}
		hearth_write_end(w);
	}
	hearth_write_end(w);
	return row;
}

static const struct receipt_row *write_room(struct hearth_arena *arena, const struct receipt_row *row,
					    const struct receipt_row *end, struct hearth_sync_sink *sink)
{
	struct hearth_writer *w = hearth_writer_new(arena);
	const char *room_id = row->room_id, *text;
	size_t length;

	hearth_write_object(w, NULL);
	hearth_write_string(w, "type", "m.receipt");
	hearth_write_object(w, "content");
	while (row < end && same(row->room_id, room_id))
		row = write_event(w, row, end);
	hearth_write_end(w);
	hearth_write_end(w);
	text = hearth_writer_text(w, &length);
	sink->add(sink, HEARTH_SYNC_EPHEMERAL, room_id, NULL, "m.receipt", NULL, text, length);
	return row;
}

int receipts_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
		  struct hearth_sync_sink *sink, struct hearth_error *err)
{
	struct ephemeral *ephemeral = self;
	struct receipt_query params = {
		.since = query->since, .upto = query->upto, .user_id = query->user_id,
		.joined_rooms = { query->joined_rooms, query->joined_count },
		.fresh_rooms = { query->fresh_rooms, query->fresh_count },
	};
	const struct receipt_row *row, *end;
	struct hearth_rows rows;
	int r;

	r = ephemeral->db->read(task, &SELECT_RECEIPTS, &params, &rows, err);
	if (r < 0)
		return r;
	row = rows.items;
	end = row + rows.count;
	while (row < end)
		row = write_room(ephemeral->tasks->arena(task), row, end, sink);
	return 0;
}
