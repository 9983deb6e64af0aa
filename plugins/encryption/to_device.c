/* SPDX-License-Identifier: Apache-2.0
 *
 * Send-to-device messages (spec client-server, "Send-to-Device messaging"): each is delivered until the device's next
 * token acknowledges it.
 */
#include "encryption.h"

#include <hearth/matrix/id.h>

#include <string.h>

#define DELIVERED_AT_ONCE 100
#define RECIPIENTS_MAX 10000
#define BYTES_MAX (16 * 1024 * 1024) /* of a request whose "*" stand for many devices */
#define TXN_LIFE_MS (24 * 60 * 60 * 1000)

struct send_args {
	const char               *type, *txn_id;
	const struct hearth_json *messages;
};

static const struct hearth_field SEND_ARGS[] = {
	HEARTH_PATH(struct send_args, type, "eventType", .max = 255),
	HEARTH_PATH(struct send_args, txn_id, "txnId", .max = 512),
	HEARTH_BODY(struct send_args, messages, "messages", .required = 1, .shape = HEARTH_AN_OBJECT),
	HEARTH_FIELDS_END
};

struct txn {
	const char *user_id, *device_id, *txn_id;
	int64_t     sent_ts;
};

static const struct hearth_field TXN[] = { HEARTH_COLUMNS(struct txn, user_id, device_id, txn_id, sent_ts) };

static const struct hearth_statement INSERT_TXN = {
	.name = "encryption.insert_to_device_txn",
	.sql = "INSERT INTO to_device_txns (user_id, device_id, txn_id, sent_ts) VALUES ($1, $2, $3, $4)"
	       " ON CONFLICT DO NOTHING",
	.params = TXN,
};

static const struct hearth_field TXN_AGE[] = { HEARTH_COLUMNS(struct txn, sent_ts) };

static const struct hearth_statement DELETE_TXNS = {
	.name = "encryption.delete_to_device_txns",
	.sql = "DELETE FROM to_device_txns WHERE sent_ts < $1",
	.params = TXN_AGE,
};

struct messages {
	struct hearth_ints  stream_ids;
	struct hearth_texts user_ids, device_ids, messages;
};

static const struct hearth_field MESSAGES[] = {
	HEARTH_COLUMNS(struct messages, stream_ids, user_ids, device_ids, messages)
};

static const struct hearth_statement INSERT_MESSAGES = {
	.name = "encryption.insert_to_device",
	.sql = "INSERT INTO to_device (stream_id, user_id, device_id, message)"
	       " SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[])",
	.params = MESSAGES,
};

/* One message for one device, while a request is read. */
struct outgoing {
	const char **user_ids, **device_ids, **messages;
	size_t       count;
};

static const char *message_text(struct hearth_arena *arena, const char *sender, const char *type,
				const struct hearth_json *content)
{
	struct hearth_writer *w = hearth_writer_new(arena);

	hearth_write_object(w, NULL);
	hearth_write_json(w, "content", content);
	hearth_write_string(w, "sender", sender);
	hearth_write_string(w, "type", type);
	hearth_write_end(w);
	return hearth_writer_text(w, NULL);
}

/* "*" stands for all of the user's devices, looked up together. */
HEARTH_SUSPENDS static int expand_all(struct encryption *encryption, struct hearth_task *task,
				      const struct hearth_json *messages, const struct hearth_device_info **ret_devices,
				      size_t *ret_count, struct hearth_error *err)
{
	const struct hearth_accounts *accounts = encryption->accounts;
	const char **users = hearth_arena_array_of(encryption->tasks->arena(task), const char *, hearth_json_size(messages));
	size_t count = 0;

	for (size_t i = 0; i < hearth_json_size(messages); i++)
		if (hearth_json_get(hearth_json_at(messages, i), "*"))
			users[count++] = hearth_json_key_at(messages, i);
	*ret_count = 0;
	return count ? accounts->devices(accounts, task, users, count, ret_devices, ret_count, err) : 0;
}

static int count_recipients(const struct hearth_json *messages, size_t devices, size_t *ret_count, struct hearth_error *err)
{
	*ret_count = devices;
	for (size_t i = 0; i < hearth_json_size(messages); i++) {
		const struct hearth_json *of_user = hearth_json_at(messages, i);

		if (!hearth_id_is_user(hearth_json_key_at(messages, i)))
			return hearth_refuse(err, 400, "M_INVALID_PARAM", "messages: '%.80s' is no user id",
					     hearth_json_key_at(messages, i));
		if (hearth_json_type(of_user) != HEARTH_JSON_OBJECT)
			return hearth_refuse(err, 400, "M_BAD_JSON", "messages: expected an object for each user");
		for (size_t j = 0; j < hearth_json_size(of_user); j++)
			if (hearth_json_type(hearth_json_at(of_user, j)) != HEARTH_JSON_OBJECT)
				return hearth_refuse(err, 400, "M_BAD_JSON", "messages: expected an object for each device");
		*ret_count += hearth_json_size(of_user);
	}
	if (*ret_count > RECIPIENTS_MAX)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "messages: at most %d devices at once", RECIPIENTS_MAX);
	return 0;
}

HEARTH_SUSPENDS static int gather(struct encryption *encryption, struct hearth_task *task, const char *sender,
				  const struct send_args *args, struct outgoing *out, struct hearth_error *err)
{
	struct hearth_arena *arena = encryption->tasks->arena(task);
	const struct hearth_device_info *devices;
	size_t device_count, most, bytes = 0;
	int r;

	r = expand_all(encryption, task, args->messages, &devices, &device_count, err);
	if (r < 0)
		return r;
	r = count_recipients(args->messages, device_count, &most, err);
	if (r < 0)
		return r;
	out->user_ids = hearth_arena_array_of(arena, const char *, most);
	out->device_ids = hearth_arena_array_of(arena, const char *, most);
	out->messages = hearth_arena_array_of(arena, const char *, most);
	for (size_t i = 0; i < hearth_json_size(args->messages); i++) {
		const struct hearth_json *of_user = hearth_json_at(args->messages, i);
		const char *user_id = hearth_json_key_at(args->messages, i);

		/* Devices of other servers are reached by federation, which this version does not have. */
		for (size_t j = 0; hearth_id_is_local(user_id, encryption->server_name) && j < hearth_json_size(of_user); j++) {
			const char *text = message_text(arena, sender, args->type, hearth_json_at(of_user, j));
			bool all = !strcmp(hearth_json_key_at(of_user, j), "*");

			for (size_t k = 0; k < (all ? device_count : 1); k++) {
				if (all && strcmp(devices[k].user_id, user_id))
					continue;
				out->user_ids[out->count] = user_id;
				out->device_ids[out->count] = all ? devices[k].device_id : hearth_json_key_at(of_user, j);
				out->messages[out->count++] = text;
				bytes += strlen(text);
				if (bytes > BYTES_MAX)
					return hearth_refuse(err, 413, "M_TOO_LARGE",
							     "messages: more than %d bytes for all devices", BYTES_MAX);
			}
		}
	}
	return 0;
}

struct sending {
	struct encryption *encryption;
	struct txn         txn;
	struct outgoing    out;
};

HEARTH_SUSPENDS static int send_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
				      struct hearth_error *err)
{
	struct sending *sending = argument;
	struct encryption *encryption = sending->encryption;
	struct outgoing *out = &sending->out;
	struct hearth_news news = { .users = out->user_ids, .user_count = out->count };
	int64_t *ids = hearth_arena_array_of(encryption->tasks->arena(task), int64_t, out->count), first;
	struct messages params = { { ids, out->count }, { out->user_ids, out->count }, { out->device_ids, out->count },
				   { out->messages, out->count } };
	struct hearth_rows rows;
	int r;

	r = encryption->db->query(tx, &INSERT_TXN, &sending->txn, &rows, err);
	if (r < 0 || !rows.affected || !out->count)
		return r;
	r = encryption->streams->next(tx, encryption->to_device, out->count, &news, &first, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < out->count; i++)
		ids[i] = first + (int64_t)i;
	return encryption->db->exec(tx, &INSERT_MESSAGES, &params, err);
}

HEARTH_SUSPENDS static int put_to_device(void *self, struct hearth_task *task, struct hearth_request *req,
					 const void *fields, struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct send_args *args = fields;
	struct sending sending = {
		.encryption = encryption,
		.txn = { req->user->user_id, req->user->device_id ? req->user->device_id : "", args->txn_id,
			 encryption->tasks->now_ms() },
	};
	int r;

	r = gather(encryption, task, req->user->user_id, args, &sending.out, err);
	if (r < 0)
		return r;
	return encryption->db->transact(task, HEARTH_TX_WRITE, send_in_tx, &sending, err);
}

/* --- the part in /sync --- */

struct delivery {
	const char *user_id, *device_id;
	int64_t     since, upto, most;
};

static const struct hearth_field DELIVERY[] = {
	HEARTH_COLUMNS(struct delivery, user_id, device_id, since, upto, most)
};

struct delivered {
	int64_t     stream_id;
	const char *message;
};

static const struct hearth_field DELIVERED[] = { HEARTH_COLUMNS(struct delivered, stream_id, message) };

/* The token acknowledges what was delivered before it; both in one statement, which writes only where there is any. */
static const struct hearth_statement ACKNOWLEDGE_AND_SELECT = {
	.name = "encryption.deliver_to_device",
	.sql = "WITH acknowledged AS (DELETE FROM to_device WHERE user_id = $1 AND device_id = $2 AND stream_id <= $3)"
	       " SELECT stream_id, message FROM to_device WHERE user_id = $1 AND device_id = $2 AND stream_id > $3"
	       " AND stream_id <= $4 ORDER BY stream_id LIMIT $5",
	.params = DELIVERY, .row = DELIVERED, .row_size = sizeof(struct delivered),
};

HEARTH_SUSPENDS static int to_device_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
					  struct hearth_sync_sink *sink, struct hearth_error *err)
{
	struct encryption *encryption = self;
	struct delivery params = { query->user_id, query->device_id, query->since, query->upto, DELIVERED_AT_ONCE };
	struct hearth_rows rows;
	int r;

	if (!query->device_id)
		return 0;
	r = encryption->db->write(task, &ACKNOWLEDGE_AND_SELECT, &params, &rows, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < rows.count; i++) {
		const struct delivered *row = &((const struct delivered *)rows.items)[i];

		sink->add(sink, HEARTH_SYNC_TO_DEVICE, NULL, NULL, NULL, NULL, row->message, strlen(row->message));
		if (rows.count == DELIVERED_AT_ONCE)
			sink->reached = row->stream_id;
	}
	return 0;
}

int to_device_forget_txns(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct encryption *encryption = self;
	struct txn before = { .sent_ts = encryption->tasks->now_ms() - TXN_LIFE_MS };

	return encryption->db->write(task, &DELETE_TXNS, &before, NULL, err);
}

const struct hearth_stream TO_DEVICE_STREAM = {
	.name = "to_device", .sequence = "to_device_sequence", .writers = "to_device", .sync_slot = 6,
	.sync = to_device_sync, .about = "Messages to single devices.",
};

const struct hearth_endpoint TO_DEVICE_ENDPOINTS[] = {
	{ .method = "PUT", .path = "/_matrix/client/v3/sendToDevice/{eventType}/{txnId}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_GUEST, .fields = SEND_ARGS, .args_size = sizeof(struct send_args),
	  .handler = put_to_device },
	HEARTH_ENDPOINTS_END
};
