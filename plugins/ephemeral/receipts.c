/* SPDX-License-Identifier: Apache-2.0
 *
 * Read receipts and read markers (spec client-server, "Receipts" and "Read and unread markers").
 */
#include "ephemeral.h"

#include <string.h>

struct receipt {
	const char *room_id, *user_id, *receipt_type, *thread_id, *event_id;
	int64_t     event_ordering, received_ts, stream_id;
};

static const struct hearth_field RECEIPT[] = {
	HEARTH_COLUMNS(struct receipt, room_id, user_id, receipt_type, thread_id, event_id, event_ordering, received_ts,
		       stream_id)
};

static const struct hearth_statement UPSERT_RECEIPT = {
	.name = "ephemeral.upsert_receipt",
	.sql = "INSERT INTO receipts AS old (room_id, user_id, receipt_type, thread_id, event_id, event_ordering,"
	       " received_ts, stream_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
	       " ON CONFLICT (room_id, user_id, receipt_type, thread_id) DO UPDATE SET event_id = excluded.event_id,"
	       " event_ordering = excluded.event_ordering, received_ts = excluded.received_ts,"
	       " stream_id = excluded.stream_id WHERE old.event_ordering < excluded.event_ordering",
	.params = RECEIPT,
};

struct receipt_args {
	const char               *room_id;
	const char               *type;
	const char               *event_id;
	const struct hearth_json *thread_id;
};

static const struct hearth_field RECEIPT_ARGS[] = {
	HEARTH_PATH(struct receipt_args, room_id, "roomId", .format = HEARTH_ROOM_ID),
	HEARTH_PATH(struct receipt_args, type, "receiptType", .choices = "m.read|m.read.private|m.fully_read"),
	HEARTH_PATH(struct receipt_args, event_id, "eventId", .format = HEARTH_EVENT_ID),
	HEARTH_BODY(struct receipt_args, thread_id, "thread_id"),
	HEARTH_FIELDS_END
};

struct marker_args {
	const char *room_id;
	const char *fully_read;
	const char *read;
	const char *read_private;
};

static const struct hearth_field MARKER_ARGS[] = {
	HEARTH_PATH(struct marker_args, room_id, "roomId", .format = HEARTH_ROOM_ID),
	HEARTH_BODY(struct marker_args, fully_read, "m.fully_read", .format = HEARTH_EVENT_ID),
	HEARTH_BODY(struct marker_args, read, "m.read", .format = HEARTH_EVENT_ID),
	HEARTH_BODY(struct marker_args, read_private, "m.read.private", .format = HEARTH_EVENT_ID),
	HEARTH_FIELDS_END
};

/* The stream ordering of an event of the room. A thread's root is one, too: receipts of what is none would be endless. */
HEARTH_SUSPENDS static int ordering_of(struct ephemeral *ephemeral, struct hearth_task *task, const struct receipt *receipt,
				       int64_t *ret_ordering, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = ephemeral->rooms;
	const char *ids[2] = { receipt->event_id, receipt->thread_id };
	size_t count = *receipt->thread_id && strcmp(receipt->thread_id, "main") ? 2 : 1;
	const struct hearth_stored_event *events;
	int r;

	r = rooms->events(rooms, task, ids, count, &events, err);
	if (r < 0)
		return r;
	if (!events[0].event_id || strcmp(events[0].room_id, receipt->room_id))
		return hearth_refuse(err, 404, "M_NOT_FOUND", "room %.80s has no event %.80s", receipt->room_id,
				     receipt->event_id);
	if (count > 1 && (!events[1].event_id || strcmp(events[1].room_id, receipt->room_id)))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "thread_id: room %.80s has no event %.80s", receipt->room_id,
				     receipt->thread_id);
	*ret_ordering = events[0].stream_ordering;
	return 0;
}

struct store {
	struct ephemeral *ephemeral;
	struct receipt    receipt;
};

HEARTH_SUSPENDS static int store_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
				       struct hearth_error *err)
{
	struct store *store = argument;
	struct ephemeral *ephemeral = store->ephemeral;
	struct receipt *receipt = &store->receipt;
	bool private = !strcmp(receipt->receipt_type, "m.read.private");
	struct hearth_news news = { .users = &receipt->user_id, .user_count = 1, .rooms = &receipt->room_id,
				    .room_count = private ? 0 : 1 };
	struct hearth_hook_receipt subject = {
		.tx = tx, .user_id = receipt->user_id, .room_id = receipt->room_id, .event_id = receipt->event_id,
		.thread_id = *receipt->thread_id ? receipt->thread_id : NULL, .type = receipt->receipt_type,
		.event_ordering = receipt->event_ordering,
	};
	struct hearth_rows rows;
	int r;

	r = ephemeral->streams->next(tx, ephemeral->receipts_stream, 1, &news, &receipt->stream_id, err);
	if (r < 0)
		return r;
	r = ephemeral->db->query(tx, &UPSERT_RECEIPT, receipt, &rows, err);
	if (r < 0 || !rows.affected)
		return r;
	r = ephemeral->hooks->run(ephemeral->host, task, HEARTH_HOOK_RECEIPT_STORED, &subject, err);
	return r < 0 ? r : 0;
}

HEARTH_SUSPENDS static int store_receipt(struct ephemeral *ephemeral, struct hearth_task *task, const char *user_id,
					 const char *room_id, const char *type, const char *event_id,
					 const char *thread_id, struct hearth_error *err)
{
	struct store store = {
		.ephemeral = ephemeral,
		.receipt = { .room_id = room_id, .user_id = user_id, .receipt_type = type,
			     .thread_id = thread_id ? thread_id : "", .event_id = event_id,
			     .received_ts = ephemeral->tasks->now_ms() },
	};
	int r;

	r = ordering_of(ephemeral, task, &store.receipt, &store.receipt.event_ordering, err);
	if (r < 0)
		return r;
	return ephemeral->db->transact(task, HEARTH_TX_WRITE, store_in_tx, &store, err);
}

/* m.fully_read is room account data that never goes back. */
HEARTH_SUSPENDS static int store_marker(struct ephemeral *ephemeral, struct hearth_task *task, const char *user_id,
					const char *room_id, const char *event_id, struct hearth_error *err)
{
	const struct hearth_accounts *accounts = ephemeral->accounts;
	const struct hearth_rooms *rooms = ephemeral->rooms;
	struct hearth_arena *arena = ephemeral->tasks->arena(task);
	const struct hearth_json *old;
	struct hearth_json *content = hearth_json_object_new(arena);
	const struct hearth_stored_event *events;
	const char *ids[2] = { event_id };
	int r;

	r = accounts->account_data_get(accounts, task, user_id, room_id, "m.fully_read", &old, err);
	if (r < 0)
		return r;
	ids[1] = hearth_json_get_string(old, "event_id");
	r = rooms->events(rooms, task, ids, ids[1] ? 2 : 1, &events, err);
	if (r < 0)
		return r;
	if (!events[0].event_id || strcmp(events[0].room_id, room_id))
		return hearth_refuse(err, 404, "M_NOT_FOUND", "room %.80s has no event %.80s", room_id, event_id);
	if (ids[1] && events[1].event_id && events[1].stream_ordering >= events[0].stream_ordering)
		return 0;
	hearth_json_set_string(content, "event_id", event_id);
	return accounts->account_data_put(accounts, task, user_id, room_id, "m.fully_read", content, err);
}

/* A thread id is a thread's root, or "main"; spec "Threaded read receipts". */
static int read_thread(const struct receipt_args *args, const char **ret_thread_id, struct hearth_error *err)
{
	const char *text = hearth_json_string(args->thread_id, NULL);

	*ret_thread_id = text;
	if (!args->thread_id)
		return 0;
	if (!strcmp(args->type, "m.fully_read"))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "thread_id: m.fully_read has no threads");
	if (!text || !*text || strlen(text) > 255)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "thread_id: expected \"main\" or an event id");
	return 0;
}

HEARTH_SUSPENDS static int post_receipt(void *self, struct hearth_task *task, struct hearth_request *req,
					const void *fields, struct hearth_error *err)
{
	struct ephemeral *ephemeral = self;
	const struct receipt_args *args = fields;
	const char *user_id = req->user->user_id, *thread_id;
	int r;

	r = read_thread(args, &thread_id, err);
	if (r < 0)
		return r;
	r = ephemeral_check_joined(ephemeral, task, args->room_id, user_id, err);
	if (r < 0)
		return r;
	if (!strcmp(args->type, "m.fully_read"))
		return store_marker(ephemeral, task, user_id, args->room_id, args->event_id, err);
	return store_receipt(ephemeral, task, user_id, args->room_id, args->type, args->event_id, thread_id, err);
}

HEARTH_SUSPENDS static int post_markers(void *self, struct hearth_task *task, struct hearth_request *req,
					const void *fields, struct hearth_error *err)
{
	struct ephemeral *ephemeral = self;
	const struct marker_args *args = fields;
	const char *user_id = req->user->user_id;
	int r;

	r = ephemeral_check_joined(ephemeral, task, args->room_id, user_id, err);
	if (r >= 0 && args->read)
		r = store_receipt(ephemeral, task, user_id, args->room_id, "m.read", args->read, NULL, err);
	if (r >= 0 && args->read_private)
		r = store_receipt(ephemeral, task, user_id, args->room_id, "m.read.private", args->read_private, NULL, err);
	if (r >= 0 && args->fully_read)
		r = store_marker(ephemeral, task, user_id, args->room_id, args->fully_read, err);
	return r;
}

const struct hearth_stream RECEIPTS_STREAM = {
	.name = "receipts", .sequence = "receipts_sequence", .writers = "receipts", .sync_slot = 3, .sync = receipts_sync,
	.about = "Read receipts.",
};

const struct hearth_endpoint RECEIPT_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/rooms/{roomId}/receipt/{receiptType}/{eventId}",
	  .also = "r0 unstable", .access = HEARTH_ACCESS_GUEST, .flags = HEARTH_ENDPOINT_OPTIONAL_BODY,
	  .fields = RECEIPT_ARGS, .args_size = sizeof(struct receipt_args), .handler = post_receipt },
	{ .method = "POST", .path = "/_matrix/client/v3/rooms/{roomId}/read_markers", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_GUEST, .fields = MARKER_ARGS, .args_size = sizeof(struct marker_args),
	  .handler = post_markers },
	HEARTH_ENDPOINTS_END
};
