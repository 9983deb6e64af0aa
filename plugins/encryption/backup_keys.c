/* SPDX-License-Identifier: Apache-2.0
 *
 * The keys inside a backup: all of them, a room's, or one session's.
 */
#include "backup.h"

#include <hearth/matrix/id.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SESSIONS_AT_ONCE_MAX 20000

struct keys_args {
	const char               *room_id, *session_id, *version;
	const struct hearth_json *body;
};

static const struct hearth_field ALL_ARGS[] = {
	HEARTH_QUERY(struct keys_args, version, "version", .required = 1), HEARTH_FIELDS_END
};
static const struct hearth_field ROOM_ARGS[] = {
	HEARTH_PATH(struct keys_args, room_id, "roomId", .format = HEARTH_ROOM_ID),
	HEARTH_QUERY(struct keys_args, version, "version", .required = 1), HEARTH_FIELDS_END
};
static const struct hearth_field SESSION_ARGS[] = {
	HEARTH_PATH(struct keys_args, room_id, "roomId", .format = HEARTH_ROOM_ID),
	HEARTH_PATH(struct keys_args, session_id, "sessionId", .max = 255),
	HEARTH_QUERY(struct keys_args, version, "version", .required = 1), HEARTH_FIELDS_END
};
static const struct hearth_field PUT_ALL_ARGS[] = {
	HEARTH_QUERY(struct keys_args, version, "version", .required = 1),
	HEARTH_WHOLE_BODY(struct keys_args, body), HEARTH_FIELDS_END
};
static const struct hearth_field PUT_ROOM_ARGS[] = {
	HEARTH_PATH(struct keys_args, room_id, "roomId", .format = HEARTH_ROOM_ID),
	HEARTH_QUERY(struct keys_args, version, "version", .required = 1),
	HEARTH_WHOLE_BODY(struct keys_args, body), HEARTH_FIELDS_END
};
static const struct hearth_field PUT_SESSION_ARGS[] = {
	HEARTH_PATH(struct keys_args, room_id, "roomId", .format = HEARTH_ROOM_ID),
	HEARTH_PATH(struct keys_args, session_id, "sessionId", .max = 255),
	HEARTH_QUERY(struct keys_args, version, "version", .required = 1),
	HEARTH_WHOLE_BODY(struct keys_args, body), HEARTH_FIELDS_END
};

/* Which keys: room_id and session_id NULL stand for all. */
struct selection {
	const char *user_id;
	int64_t     version;
	const char *room_id, *session_id;
};

static const struct hearth_field SELECTION[] = {
	HEARTH_COLUMNS(struct selection, user_id, version, room_id, session_id)
};

struct key_row {
	const char               *room_id, *session_id;
	int64_t                   first_message_index, forwarded_count;
	bool                      is_verified;
	const char               *session_data;
};

static const struct hearth_field KEY_ROW[] = {
	HEARTH_COLUMNS(struct key_row, room_id, session_id, first_message_index, forwarded_count, is_verified,
		       session_data)
};

#define SELECTED " WHERE user_id = $1 AND version = $2 AND ($3::text IS NULL OR room_id = $3)" \
		 " AND ($4::text IS NULL OR session_id = $4)"

static const struct hearth_statement SELECT_KEYS = {
	.name = "encryption.select_backup_keys",
	.sql = "SELECT room_id, session_id, first_message_index, forwarded_count, is_verified, session_data FROM backup_keys"
	       SELECTED " ORDER BY room_id, session_id",
	.params = SELECTION, .row = KEY_ROW, .row_size = sizeof(struct key_row),
};

static const struct hearth_statement DELETE_KEYS = {
	.name = "encryption.delete_backup_keys",
	.sql = "DELETE FROM backup_keys" SELECTED,
	.params = SELECTION,
};

static const struct hearth_statement TOUCH_VERSION = {
	.name = "encryption.touch_backup_version",
	.sql = "UPDATE backup_versions SET etag = etag + 1 WHERE user_id = $1 AND version = $2",
	.params = BACKUP_REF,
};

/* Takes the row of the version, so that a new version cannot come in between. */
static const struct hearth_statement LOCK_VERSION = {
	.name = "encryption.lock_backup_version",
	.sql = "SELECT $1::text, version FROM backup_versions WHERE user_id = $1 AND NOT deleted AND $2 >= 0"
	       " ORDER BY version DESC LIMIT 1 FOR UPDATE",
	.params = BACKUP_REF, .row = BACKUP_REF, .row_size = sizeof(struct backup_ref),
};

struct key_set {
	const char         *user_id;
	int64_t             version;
	struct hearth_texts room_ids, session_ids, session_data;
	struct hearth_ints  first_message_index, forwarded_count, is_verified;
};

static const struct hearth_field KEY_SET[] = {
	HEARTH_COLUMNS(struct key_set, user_id, version, room_ids, session_ids, session_data, first_message_index,
		       forwarded_count, is_verified)
};

/* A verified key beats one that is not, then the lower first index, then the lower forwarded count (spec). */
static const struct hearth_statement UPSERT_KEYS = {
	.name = "encryption.upsert_backup_keys",
	.sql = "INSERT INTO backup_keys AS old (user_id, version, room_id, session_id, session_data, first_message_index,"
	       " forwarded_count, is_verified)"
	       " SELECT DISTINCT ON (room_id, session_id) $1, $2, room_id, session_id, session_data, first, forwarded,"
	       " verified <> 0 FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[])"
	       " AS new (room_id, session_id, session_data, first, forwarded, verified)"
	       " ON CONFLICT (user_id, version, room_id, session_id) DO UPDATE SET session_data = excluded.session_data,"
	       " first_message_index = excluded.first_message_index, forwarded_count = excluded.forwarded_count,"
	       " is_verified = excluded.is_verified"
	       " WHERE (NOT excluded.is_verified, excluded.first_message_index, excluded.forwarded_count)"
	       " < (NOT old.is_verified, old.first_message_index, old.forwarded_count)",
	.params = KEY_SET,
};

/* --- reading --- */

static void write_session(struct hearth_writer *w, const char *key, const struct key_row *row)
{
	hearth_write_object(w, key);
	hearth_write_int(w, "first_message_index", row->first_message_index);
	hearth_write_int(w, "forwarded_count", row->forwarded_count);
	hearth_write_bool(w, "is_verified", row->is_verified);
	hearth_write_raw(w, "session_data", row->session_data, strlen(row->session_data));
	hearth_write_end(w);
}

static const struct key_row *write_sessions(struct hearth_writer *w, const struct key_row *row, const struct key_row *end)
{
	const char *room_id = row < end ? row->room_id : "";

	hearth_write_object(w, "sessions");
	for (; row < end && !strcmp(row->room_id, room_id); row++)
		write_session(w, row->session_id, row);
	hearth_write_end(w);
	return row;
}

static void write_rooms(struct hearth_writer *w, const struct key_row *row, const struct key_row *end)
{
	hearth_write_object(w, "rooms");
	while (row < end) {
		hearth_write_object(w, row->room_id);
		row = write_sessions(w, row, end);
		hearth_write_end(w);
	}
	hearth_write_end(w);
}

HEARTH_SUSPENDS static int get_keys(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct keys_args *args = fields;
	struct selection selection = { req->user->user_id, 0, args->room_id, args->session_id };
	const struct backup_version *version;
	const struct key_row *row, *end;
	struct hearth_rows rows;
	int r;

	r = backup_read_version(args->version, &selection.version, err);
	if (r >= 0)
		r = backup_find(encryption, task, selection.user_id, selection.version, &version, err);
	if (r >= 0)
		r = encryption->db->read(task, &SELECT_KEYS, &selection, &rows, err);
	if (r < 0)
		return r;
	row = rows.items;
	end = row + rows.count;
	if (args->session_id) {
		if (row == end)
			return hearth_refuse(err, 404, "M_NOT_FOUND", "this backup has no such session");
		write_session(req->out, NULL, row);
		return 0;
	}
	hearth_write_object(req->out, NULL);
	if (args->room_id)
		(void)write_sessions(req->out, row, end);
	else
		write_rooms(req->out, row, end);
	hearth_write_end(req->out);
	return 0;
}

/* --- writing --- */

HEARTH_SUSPENDS static int write_count(struct encryption *encryption, struct hearth_task *task, struct hearth_request *req,
				       int64_t number, struct hearth_error *err)
{
	const struct backup_version *version;
	char etag[24];
	int r;

	r = backup_find(encryption, task, req->user->user_id, number, &version, err);
	if (r < 0)
		return r;
	snprintf(etag, sizeof(etag), "%" PRId64, version->etag);
	hearth_write_object(req->out, NULL);
	hearth_write_int(req->out, "count", version->count);
	hearth_write_string(req->out, "etag", etag);
	hearth_write_end(req->out);
	return 0;
}

static int read_session(struct hearth_arena *arena, const char *room_id, const char *session_id,
			const struct hearth_json *json, struct key_row *ret_row, struct hearth_error *err)
{
	const struct hearth_json *data = hearth_json_get_object(json, "session_data");
	int64_t first = hearth_json_get_int(json, "first_message_index", -1);
	int64_t forwarded = hearth_json_get_int(json, "forwarded_count", -1);
	char *text;
	int r;

	if (!data || first < 0 || forwarded < 0 ||
	    hearth_json_type(hearth_json_get(json, "is_verified")) != HEARTH_JSON_BOOL)
		return hearth_refuse(err, 400, "M_BAD_JSON", "session '%.80s': expected first_message_index, forwarded_count,"
				     " is_verified and session_data", session_id);
	r = hearth_json_canonical(arena, data, 0, &text, NULL, err);
	if (r < 0)
		return r;
	*ret_row = (struct key_row){ room_id, session_id, first, forwarded,
				     hearth_json_get_bool(json, "is_verified", 0), text };
	return 0;
}

/* Rows of an upload, at whatever level it came. */
struct upload {
	struct hearth_arena *arena;
	struct key_row      *rows; /* with room for all of the upload: expect_sessions */
	size_t               count;
};

static int expect_sessions(struct upload *upload, const struct hearth_json *const *rooms, size_t count,
			   struct hearth_error *err)
{
	size_t most = 0;

	for (size_t i = 0; i < count; i++)
		most += hearth_json_size(hearth_json_get_object(rooms[i], "sessions"));
	if (most > SESSIONS_AT_ONCE_MAX)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "at most %d sessions at once", SESSIONS_AT_ONCE_MAX);
	upload->rows = hearth_arena_array_of(upload->arena, struct key_row, most);
	return 0;
}

static int add_sessions(struct upload *upload, const char *room_id, const struct hearth_json *room, struct hearth_error *err)
{
	const struct hearth_json *sessions = hearth_json_get_object(room, "sessions");

	if (!sessions)
		return hearth_refuse(err, 400, "M_BAD_JSON", "room '%.80s': expected an object 'sessions'", room_id);
	for (size_t i = 0; i < hearth_json_size(sessions); i++) {
		int r = read_session(upload->arena, room_id, hearth_json_key_at(sessions, i), hearth_json_at(sessions, i),
				     &upload->rows[upload->count], err);

		if (r < 0)
			return r;
		upload->count++;
	}
	return 0;
}

static int read_upload(struct upload *upload, const struct keys_args *args, struct hearth_error *err)
{
	const struct hearth_json *rooms = hearth_json_get_object(args->body, "rooms"), **of_rooms;
	int r;

	if (args->session_id) {
		upload->rows = hearth_arena_new_of(upload->arena, struct key_row);
		upload->count = 1;
		return read_session(upload->arena, args->room_id, args->session_id, args->body, upload->rows, err);
	}
	if (args->room_id) {
		r = expect_sessions(upload, &args->body, 1, err);
		return r < 0 ? r : add_sessions(upload, args->room_id, args->body, err);
	}
	if (!rooms)
		return hearth_refuse(err, 400, "M_BAD_JSON", "rooms: expected an object");
	of_rooms = hearth_arena_array_of(upload->arena, const struct hearth_json *, hearth_json_size(rooms));
	for (size_t i = 0; i < hearth_json_size(rooms); i++)
		of_rooms[i] = hearth_json_at(rooms, i);
	r = expect_sessions(upload, of_rooms, hearth_json_size(rooms), err);
	for (size_t i = 0; i < hearth_json_size(rooms) && r >= 0; i++) {
		if (!hearth_id_is_room(hearth_json_key_at(rooms, i)))
			return hearth_refuse(err, 400, "M_INVALID_PARAM", "rooms: '%.80s' is no room id",
					     hearth_json_key_at(rooms, i));
		r = add_sessions(upload, hearth_json_key_at(rooms, i), of_rooms[i], err);
	}
	return r;
}

static struct key_set key_set_of(const struct upload *upload, const char *user_id, int64_t version)
{
	size_t n = upload->count;
	const char **room_ids = hearth_arena_array_of(upload->arena, const char *, n);
	const char **session_ids = hearth_arena_array_of(upload->arena, const char *, n);
	const char **data = hearth_arena_array_of(upload->arena, const char *, n);
	int64_t *numbers = hearth_arena_array_of(upload->arena, int64_t, 3 * n);

	for (size_t i = 0; i < n; i++) {
		room_ids[i] = upload->rows[i].room_id;
		session_ids[i] = upload->rows[i].session_id;
		data[i] = upload->rows[i].session_data;
		numbers[i] = upload->rows[i].first_message_index;
		numbers[n + i] = upload->rows[i].forwarded_count;
		numbers[2 * n + i] = upload->rows[i].is_verified;
	}
	return (struct key_set){ user_id, version, { room_ids, n }, { session_ids, n }, { data, n },
				 { numbers, n }, { numbers + n, n }, { numbers + 2 * n, n } };
}

struct storing {
	struct encryption *encryption;
	struct key_set     keys;
	int64_t            current; /* the latest version; 0: none */
};

HEARTH_SUSPENDS static int store_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
				       struct hearth_error *err)
{
	struct storing *storing = argument;
	const struct hearth_db *db = storing->encryption->db;
	struct backup_ref ref = { storing->keys.user_id, storing->keys.version };
	struct hearth_rows rows;
	int r;

	(void)task;
	r = db->query(tx, &LOCK_VERSION, &ref, &rows, err);
	if (r < 0)
		return r;
	storing->current = rows.count ? ((const struct backup_ref *)rows.items)->version : 0;
	if (storing->current != ref.version)
		return 0;
	r = db->query(tx, &UPSERT_KEYS, &storing->keys, &rows, err);
	if (r < 0 || !rows.affected)
		return r;
	return db->exec(tx, &TOUCH_VERSION, &ref, err);
}

static int answer_wrong_version(struct hearth_request *req, int64_t current)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, current);
	req->status = 403;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "errcode", "M_WRONG_ROOM_KEYS_VERSION");
	hearth_write_string(req->out, "error", "keys go into the latest backup version alone");
	hearth_write_string(req->out, "current_version", text);
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int put_keys(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct keys_args *args = fields;
	struct upload upload = { .arena = req->arena };
	struct storing storing = { .encryption = encryption };
	int64_t version;
	int r;

	r = backup_read_version(args->version, &version, err);
	if (r >= 0)
		r = read_upload(&upload, args, err);
	if (r < 0)
		return r;
	storing.keys = key_set_of(&upload, req->user->user_id, version);
	r = encryption->db->transact(task, HEARTH_TX_WRITE, store_in_tx, &storing, err);
	if (r < 0)
		return r;
	if (!storing.current)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "there is no backup version");
	if (storing.current != version)
		return answer_wrong_version(req, storing.current);
	return write_count(encryption, task, req, version, err);
}

struct deleting {
	struct encryption *encryption;
	struct selection   selection;
};

HEARTH_SUSPENDS static int delete_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct deleting *deleting = argument;
	const struct hearth_db *db = deleting->encryption->db;
	struct backup_ref ref = { deleting->selection.user_id, deleting->selection.version };
	struct hearth_rows rows;
	int r;

	(void)task;
	r = db->query(tx, &DELETE_KEYS, &deleting->selection, &rows, err);
	return r < 0 || !rows.affected ? r : db->exec(tx, &TOUCH_VERSION, &ref, err);
}

HEARTH_SUSPENDS static int delete_keys(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct keys_args *args = fields;
	struct deleting deleting = { encryption, { req->user->user_id, 0, args->room_id, args->session_id } };
	int r;

	r = backup_read_version(args->version, &deleting.selection.version, err);
	if (r >= 0)
		r = encryption->db->transact(task, HEARTH_TX_WRITE, delete_in_tx, &deleting, err);
	return r < 0 ? r : write_count(encryption, task, req, deleting.selection.version, err);
}

#define KEYS(method_, suffix_, fields_, handler_)                                                          \
	{ .method = method_, .path = "/_matrix/client/v3/room_keys/keys" suffix_, .also = "r0 unstable",   \
	  .access = HEARTH_ACCESS_USER, .fields = fields_, .args_size = sizeof(struct keys_args),          \
	  .body_max_bytes = 50 * 1024 * 1024, .handler = handler_ }

const struct hearth_endpoint BACKUP_KEY_ENDPOINTS[] = {
	KEYS("GET", "", ALL_ARGS, get_keys),
	KEYS("PUT", "", PUT_ALL_ARGS, put_keys),
	KEYS("DELETE", "", ALL_ARGS, delete_keys),
	KEYS("GET", "/{roomId}", ROOM_ARGS, get_keys),
	KEYS("PUT", "/{roomId}", PUT_ROOM_ARGS, put_keys),
	KEYS("DELETE", "/{roomId}", ROOM_ARGS, delete_keys),
	KEYS("GET", "/{roomId}/{sessionId}", SESSION_ARGS, get_keys),
	KEYS("PUT", "/{roomId}/{sessionId}", PUT_SESSION_ARGS, put_keys),
	KEYS("DELETE", "/{roomId}/{sessionId}", SESSION_ARGS, delete_keys),
	HEARTH_ENDPOINTS_END
};
