/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /keys/claim: takes a one-time key of each device, each key once; the fallback key where none is left.
 */
#include "encryption.h"

#include <hearth/matrix/id.h>

#include <string.h>

#define CLAIMS_MAX 10000

struct claim_args {
	const struct hearth_json *one_time_keys;
};

static const struct hearth_field CLAIM_ARGS[] = {
	HEARTH_BODY(struct claim_args, one_time_keys, "one_time_keys", .required = 1, .shape = HEARTH_AN_OBJECT),
	HEARTH_FIELDS_END
};

struct claims {
	struct hearth_texts user_ids, device_ids, algorithms;
};

static const struct hearth_field CLAIMS[] = { HEARTH_COLUMNS(struct claims, user_ids, device_ids, algorithms) };

struct claimed {
	const char *user_id, *device_id, *algorithm, *key_id, *key;
};

static const struct hearth_field CLAIMED[] = {
	HEARTH_COLUMNS(struct claimed, user_id, device_id, algorithm, key_id, key)
};

/* Two claims at once never get the same key: rows that another one holds are passed over. */
static const struct hearth_statement TAKE_KEYS = {
	.name = "encryption.claim_keys",
	.sql = "WITH wanted AS (SELECT DISTINCT * FROM unnest($1::text[], $2::text[], $3::text[])"
	       "  AS w (user_id, device_id, algorithm)),"
	       " picked AS (SELECT w.*, k.key_id FROM wanted w CROSS JOIN LATERAL (SELECT key_id FROM one_time_keys o"
	       "  WHERE (o.user_id, o.device_id, o.algorithm) = (w.user_id, w.device_id, w.algorithm)"
	       "  ORDER BY o.serial LIMIT 1 FOR UPDATE SKIP LOCKED) k),"
	       " taken AS (DELETE FROM one_time_keys o USING picked p WHERE (o.user_id, o.device_id, o.algorithm, o.key_id)"
	       "  = (p.user_id, p.device_id, p.algorithm, p.key_id)"
	       "  RETURNING o.user_id, o.device_id, o.algorithm, o.key_id, o.key),"
	       " fallen AS (UPDATE fallback_keys f SET used = true FROM wanted w WHERE (f.user_id, f.device_id, f.algorithm)"
	       "  = (w.user_id, w.device_id, w.algorithm) AND NOT EXISTS (SELECT FROM picked p WHERE (p.user_id, p.device_id,"
	       "  p.algorithm) = (w.user_id, w.device_id, w.algorithm))"
	       "  RETURNING f.user_id, f.device_id, f.algorithm, f.key_id, f.key)"
	       " SELECT * FROM taken UNION ALL SELECT * FROM fallen ORDER BY 1, 2, 3",
	.params = CLAIMS, .row = CLAIMED, .row_size = sizeof(struct claimed),
};

static int count_claims(const struct hearth_json *users, size_t *ret_count, struct hearth_error *err)
{
	*ret_count = 0;
	for (size_t i = 0; i < hearth_json_size(users); i++) {
		const struct hearth_json *devices = hearth_json_at(users, i);

		if (hearth_json_type(devices) != HEARTH_JSON_OBJECT)
			return hearth_refuse(err, 400, "M_BAD_JSON", "one_time_keys: expected an object for each user");
		for (size_t j = 0; j < hearth_json_size(devices); j++)
			if (hearth_json_type(hearth_json_at(devices, j)) != HEARTH_JSON_STRING)
				return hearth_refuse(err, 400, "M_BAD_JSON",
						     "one_time_keys: expected an algorithm for each device");
		*ret_count += hearth_json_size(devices);
	}
	if (*ret_count > CLAIMS_MAX)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "one_time_keys: at most %d devices at once", CLAIMS_MAX);
	return 0;
}

/* The claims on devices of this server; others' servers come into failures. */
static struct claims local_claims(struct encryption *encryption, struct hearth_arena *arena, const struct hearth_json *users,
				  size_t count)
{
	const char **user_ids = hearth_arena_array_of(arena, const char *, count);
	const char **device_ids = hearth_arena_array_of(arena, const char *, count);
	const char **algorithms = hearth_arena_array_of(arena, const char *, count);
	size_t n = 0;

	for (size_t i = 0; i < hearth_json_size(users); i++) {
		const struct hearth_json *devices = hearth_json_at(users, i);

		if (!hearth_id_is_local(hearth_json_key_at(users, i), encryption->server_name))
			continue;
		for (size_t j = 0; j < hearth_json_size(devices); j++, n++) {
			user_ids[n] = hearth_json_key_at(users, i);
			device_ids[n] = hearth_json_key_at(devices, j);
			algorithms[n] = hearth_json_string(hearth_json_at(devices, j), NULL);
		}
	}
	return (struct claims){ { user_ids, n }, { device_ids, n }, { algorithms, n } };
}

static void write_claimed(struct hearth_arena *arena, struct hearth_writer *w, const struct hearth_rows *rows)
{
	const struct claimed *row = rows->items, *end = row + rows->count;

	hearth_write_object(w, "one_time_keys");
	while (row < end) {
		const char *user_id = row->user_id;

		hearth_write_object(w, user_id);
		while (row < end && !strcmp(row->user_id, user_id)) {
			const char *device_id = row->device_id;

			hearth_write_object(w, device_id);
			for (; row < end && !strcmp(row->user_id, user_id) && !strcmp(row->device_id, device_id); row++)
				hearth_write_raw(w, hearth_arena_printf(arena, "%s:%s", row->algorithm, row->key_id),
						 row->key, strlen(row->key));
			hearth_write_end(w);
		}
		hearth_write_end(w);
	}
	hearth_write_end(w);
}

/* Other servers are reached by federation, which this version does not have: they count as unreachable. */
static void write_failures(struct encryption *encryption, struct hearth_arena *arena, struct hearth_writer *w,
			   const struct hearth_json *users)
{
	struct hearth_json *failures = hearth_json_object_new(arena);

	for (size_t i = 0; i < hearth_json_size(users); i++) {
		const char *server = hearth_id_server(hearth_json_key_at(users, i));

		if (server && strcmp(server, encryption->server_name))
			hearth_json_set(failures, server, hearth_json_object_new(arena));
	}
	hearth_write_json(w, "failures", failures);
}

HEARTH_SUSPENDS static int post_claim(void *self, struct hearth_task *task, struct hearth_request *req,
				      const void *fields, struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct claim_args *args = fields;
	struct hearth_rows rows = { 0 };
	struct claims claims;
	size_t count;
	int r;

	r = count_claims(args->one_time_keys, &count, err);
	if (r < 0)
		return r;
	claims = local_claims(encryption, req->arena, args->one_time_keys, count);
	r = claims.user_ids.count ? encryption->db->write(task, &TAKE_KEYS, &claims, &rows, err) : 0;
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	write_claimed(req->arena, req->out, &rows);
	write_failures(encryption, req->arena, req->out, args->one_time_keys);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint KEYS_CLAIM_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/keys/claim", .also = "r0 unstable", .access = HEARTH_ACCESS_GUEST,
	  .fields = CLAIM_ARGS, .args_size = sizeof(struct claim_args), .handler = post_claim },
	HEARTH_ENDPOINTS_END
};
