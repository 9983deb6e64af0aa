/* SPDX-License-Identifier: Apache-2.0
 *
 * Unread counts: what receipts take away, and what /sync says of each room (spec "Receiving notifications").
 */
#include "push.h"

#include <hearth/map.h>

#include <string.h>

struct reading {
	const char *user_id, *room_id;
	int64_t     stream_ordering;
	const char *thread_id; /* NULL: all threads */
};

static const struct hearth_field READING[] = {
	HEARTH_COLUMNS(struct reading, user_id, room_id, stream_ordering, thread_id)
};

static const struct hearth_statement DELETE_READ = {
	.name = "push.delete_read",
	.sql = "DELETE FROM push_actions WHERE user_id = $1 AND room_id = $2 AND stream_ordering <= $3"
	       " AND ($4::text IS NULL OR thread_id = $4)",
	.params = READING,
};

int unread_on_receipt(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	struct push *push = self;
	const struct hearth_hook_receipt *receipt = subject;
	struct reading params = { receipt->user_id, receipt->room_id, receipt->event_ordering, receipt->thread_id };

	(void)task;
	return push->db->exec(receipt->tx, &DELETE_READ, &params, err);
}

struct count_query {
	const char         *user_id;
	struct hearth_texts room_ids;
};

static const struct hearth_field COUNT_QUERY[] = { HEARTH_COLUMNS(struct count_query, user_id, room_ids) };

struct count_row {
	const char *room_id, *thread_id;
	int64_t     notifications, highlights;
};

static const struct hearth_field COUNT_ROW[] = {
	HEARTH_COLUMNS(struct count_row, room_id, thread_id, notifications, highlights)
};

static const struct hearth_statement COUNT_UNREAD = {
	.name = "push.count_unread",
	.sql = "SELECT room_id, thread_id, count(*), count(*) FILTER (WHERE highlight) FROM push_actions"
	       " WHERE user_id = $1 AND room_id = ANY ($2) GROUP BY room_id, thread_id ORDER BY room_id",
	.params = COUNT_QUERY, .row = COUNT_ROW, .row_size = sizeof(struct count_row),
};

static void write_counts(struct hearth_writer *w, const char *key, int64_t notifications, int64_t highlights)
{
	hearth_write_object(w, key);
	hearth_write_int(w, "highlight_count", highlights);
	hearth_write_int(w, "notification_count", notifications);
	hearth_write_end(w);
}

static void give(struct hearth_writer *w, struct hearth_sync_sink *sink, const char *room_id, const char *key)
{
	size_t length;
	const char *text = hearth_writer_text(w, &length);

	sink->add(sink, HEARTH_SYNC_ROOM, room_id, key, NULL, NULL, text, length);
}

/*
 * The rows of one room, which stand together. Threads count for themselves where the filter asks for that, and with the
 * room where it does not.
 */
static void give_room(struct hearth_arena *arena, const struct hearth_sync_query *query, const struct count_row *row,
		      const struct count_row *end, const char *room_id, struct hearth_sync_sink *sink)
{
	struct hearth_writer *w = hearth_writer_new(arena), *threads = hearth_writer_new(arena);
	int64_t notifications = 0, highlights = 0;
	size_t thread_count = 0;

	hearth_write_object(threads, NULL);
	for (; row && row < end && !strcmp(row->room_id, room_id); row++) {
		if (query->thread_counts && strcmp(row->thread_id, "main")) {
			write_counts(threads, row->thread_id, row->notifications, row->highlights);
			thread_count++;
		} else {
			notifications += row->notifications;
			highlights += row->highlights;
		}
	}
	hearth_write_end(threads);
	write_counts(w, NULL, notifications, highlights);
	give(w, sink, room_id, "unread_notifications");
	if (thread_count)
		give(threads, sink, room_id, "unread_thread_notifications");
}

HEARTH_SUSPENDS static int unread_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
				       struct hearth_sync_sink *sink, struct hearth_error *err)
{
	struct push *push = self;
	struct hearth_arena *arena = push->tasks->arena(task);
	struct count_query params = { query->user_id, { query->active_rooms, query->active_count } };
	const struct count_row *items;
	struct hearth_map first_rows;
	struct hearth_rows rows;
	int r;

	if (!query->active_count)
		return 0;
	r = push->db->read(task, &COUNT_UNREAD, &params, &rows, err);
	if (r < 0)
		return r;
	items = rows.items;
	hearth_map_init(&first_rows, arena, rows.count);
	for (size_t i = rows.count; i-- > 0;)
		hearth_map_at(&first_rows, items[i].room_id, "")->value = (void *)&items[i];
	for (size_t i = 0; i < query->active_count; i++)
		give_room(arena, query, hearth_map_get(&first_rows, query->active_rooms[i], ""), items + rows.count,
			  query->active_rooms[i], sink);
	return 0;
}

const struct hearth_stream UNREAD_STREAM = {
	.name = "unread_counts", .memory = 1, .sync_slot = HEARTH_SYNC_LAST, .sync = unread_sync,
	.about = "Not a stream of its own: the unread counts of the rooms in a sync response.",
};
