/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /keys/upload: a device's identity keys, one-time keys and fallback keys.
 */
#include "encryption.h"

#include <string.h>

#define KEYS_AT_ONCE_MAX 1000

struct upload_args {
	const struct hearth_json *device_keys, *one_time_keys, *fallback_keys;
};

static const struct hearth_field UPLOAD_ARGS[] = {
	HEARTH_BODY(struct upload_args, device_keys, "device_keys", .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct upload_args, one_time_keys, "one_time_keys", .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct upload_args, fallback_keys, "fallback_keys", .shape = HEARTH_AN_OBJECT),
	HEARTH_FIELDS_END
};

struct device_keys {
	const char *user_id, *device_id;
	const char *keys;
};

static const struct hearth_field DEVICE_KEYS[] = { HEARTH_COLUMNS(struct device_keys, user_id, device_id, keys) };

static const struct hearth_statement UPSERT_DEVICE_KEYS = {
	.name = "encryption.upsert_device_keys",
	.sql = "INSERT INTO device_keys AS old (user_id, device_id, keys) VALUES ($1, $2, $3)"
	       " ON CONFLICT (user_id, device_id) DO UPDATE SET keys = excluded.keys WHERE old.keys <> excluded.keys",
	.params = DEVICE_KEYS,
};

/* Keys of one upload, a column an array. */
struct key_set {
	const char         *user_id, *device_id;
	struct hearth_texts algorithms, key_ids, keys;
};

static const struct hearth_field KEY_SET[] = {
	HEARTH_COLUMNS(struct key_set, user_id, device_id, algorithms, key_ids, keys)
};

struct conflict {
	const char *key_id;
};

static const struct hearth_field CONFLICT[] = { HEARTH_COLUMNS(struct conflict, key_id) };

static const struct hearth_statement SELECT_CONFLICT = {
	.name = "encryption.select_key_conflict",
	.sql = "SELECT old.key_id FROM unnest($3::text[], $4::text[], $5::text[]) AS new (algorithm, key_id, key)"
	       " JOIN one_time_keys old USING (algorithm, key_id)"
	       " WHERE old.user_id = $1 AND old.device_id = $2 AND old.key <> new.key LIMIT 1",
	.params = KEY_SET, .row = CONFLICT, .row_size = sizeof(struct conflict),
};

static const struct hearth_statement INSERT_KEYS = {
	.name = "encryption.insert_one_time_keys",
	.sql = "INSERT INTO one_time_keys (user_id, device_id, algorithm, key_id, key)"
	       " SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[]) ON CONFLICT DO NOTHING",
	.params = KEY_SET,
};

/* Uploading the same fallback key again does not make a used one fresh. */
static const struct hearth_statement UPSERT_FALLBACK = {
	.name = "encryption.upsert_fallback_keys",
	.sql = "INSERT INTO fallback_keys AS old (user_id, device_id, algorithm, key_id, key)"
	       " SELECT $1, $2, * FROM unnest($3::text[], $4::text[], $5::text[])"
	       " ON CONFLICT (user_id, device_id, algorithm) DO UPDATE SET key_id = excluded.key_id, key = excluded.key,"
	       " used = false WHERE old.key <> excluded.key OR old.key_id <> excluded.key_id",
	.params = KEY_SET,
};

struct uploading {
	struct encryption *encryption;
	struct device_keys device_keys; /* keys NULL: none */
	struct key_set     one_time, fallback;
};

static int read_device_keys(struct hearth_arena *arena, const struct hearth_json *json, struct device_keys *device_keys,
			    struct hearth_error *err)
{
	const char *user_id = hearth_json_get_string(json, "user_id"), *device_id = hearth_json_get_string(json, "device_id");
	char *text;
	int r;

	if (!json)
		return 0;
	if (!user_id || strcmp(user_id, device_keys->user_id) || !device_id || strcmp(device_id, device_keys->device_id))
		return hearth_refuse(err, 400, "M_INVALID_PARAM",
				     "device_keys: user_id and device_id are not those of this access token");
	if (!hearth_json_get_array(json, "algorithms") || !hearth_json_get_object(json, "keys") ||
	    !hearth_json_get_object(json, "signatures"))
		return hearth_refuse(err, 400, "M_BAD_JSON", "device_keys: expected algorithms, keys and signatures");
	r = hearth_json_canonical(arena, json, 0, &text, NULL, err);
	if (r >= 0)
		device_keys->keys = text;
	return r;
}

/* "algorithm:id" -> key (a string or a signed object). */
static int read_keys(struct hearth_arena *arena, const char *name, const struct hearth_json *json, struct key_set *set,
		     struct hearth_error *err)
{
	size_t count = hearth_json_size(json);
	const char **algorithms, **ids, **keys;

	if (count > KEYS_AT_ONCE_MAX)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "%s: at most %d keys at once", name, KEYS_AT_ONCE_MAX);
	algorithms = hearth_arena_array_of(arena, const char *, count);
	ids = hearth_arena_array_of(arena, const char *, count);
	keys = hearth_arena_array_of(arena, const char *, count);
	for (size_t i = 0; i < count; i++) {
		const char *full = hearth_json_key_at(json, i), *colon = strchr(full, ':');
		uint32_t type = hearth_json_type(hearth_json_at(json, i));
		char *text;
		int r;

		if (!colon || colon == full || !colon[1] || strlen(full) > 255)
			return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s: '%.80s' is not algorithm:id", name, full);
		if (type != HEARTH_JSON_STRING && type != HEARTH_JSON_OBJECT)
			return hearth_refuse(err, 400, "M_BAD_JSON", "%s.%.80s: expected a string or an object", name, full);
		r = hearth_json_canonical(arena, hearth_json_at(json, i), 0, &text, NULL, err);
		if (r < 0)
			return r;
		algorithms[i] = hearth_arena_strndup(arena, full, (size_t)(colon - full));
		ids[i] = colon + 1;
		keys[i] = text;
	}
	set->algorithms = (struct hearth_texts){ algorithms, count };
	set->key_ids = (struct hearth_texts){ ids, count };
	set->keys = (struct hearth_texts){ keys, count };
	return 0;
}

HEARTH_SUSPENDS static int store_one_time(struct uploading *up, struct hearth_tx *tx, struct hearth_error *err)
{
	struct hearth_rows rows;
	int r;

	if (!up->one_time.keys.count)
		return 0;
	r = up->encryption->db->query(tx, &SELECT_CONFLICT, &up->one_time, &rows, err);
	if (r < 0)
		return r;
	if (rows.count)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "one_time_keys: key %.80s exists with another content",
				     ((const struct conflict *)rows.items)->key_id);
	return up->encryption->db->exec(tx, &INSERT_KEYS, &up->one_time, err);
}

HEARTH_SUSPENDS static int upload_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct uploading *up = argument;
	struct encryption *encryption = up->encryption;
	struct hearth_rows rows;
	int r = 0;

	if (up->device_keys.keys) {
		r = encryption->db->query(tx, &UPSERT_DEVICE_KEYS, &up->device_keys, &rows, err);
		if (r >= 0 && rows.affected)
			r = device_lists_note(encryption, tx, task, up->device_keys.user_id, err);
	}
	if (r >= 0)
		r = store_one_time(up, tx, err);
	if (r >= 0 && up->fallback.keys.count)
		r = encryption->db->exec(tx, &UPSERT_FALLBACK, &up->fallback, err);
	return r;
}

HEARTH_SUSPENDS static int post_upload(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct upload_args *args = fields;
	const char *user_id = req->user->user_id, *device_id = req->user->device_id;
	struct uploading up = {
		.encryption = encryption,
		.device_keys = { user_id, device_id, NULL },
		.one_time = { .user_id = user_id, .device_id = device_id },
		.fallback = { .user_id = user_id, .device_id = device_id },
	};
	struct hearth_rows counts;
	int r;

	r = encryption_check_device(req, err);
	if (r >= 0)
		r = read_device_keys(req->arena, args->device_keys, &up.device_keys, err);
	if (r >= 0)
		r = read_keys(req->arena, "one_time_keys", args->one_time_keys, &up.one_time, err);
	if (r >= 0)
		r = read_keys(req->arena, "fallback_keys", args->fallback_keys, &up.fallback, err);
	if (r >= 0)
		r = encryption->db->transact(task, HEARTH_TX_WRITE, upload_in_tx, &up, err);
	if (r >= 0)
		r = one_time_keys_count(encryption, task, user_id, device_id, &counts, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	one_time_keys_write_counts(req->out, "one_time_key_counts", &counts);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint KEYS_UPLOAD_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/keys/upload", .also = "r0 unstable", .access = HEARTH_ACCESS_GUEST,
	  .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, .fields = UPLOAD_ARGS, .args_size = sizeof(struct upload_args),
	  .handler = post_upload },
	/* The form of r0 that names the device, which older clients use: the token's device counts. */
	{ .method = "POST", .path = "/_matrix/client/v3/keys/upload/{deviceId}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_GUEST, .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, .fields = UPLOAD_ARGS,
	  .args_size = sizeof(struct upload_args), .handler = post_upload },
	HEARTH_ENDPOINTS_END
};
