/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /keys/signatures/upload: signatures of one's own devices and master key, and of other users' master keys. Each
 * is checked before it is stored; one that fails does not keep the others out.
 */
#include "encryption.h"

#include <hearth/matrix/id.h>

#include <string.h>

#define SIGNATURES_MAX 1000

struct upload_args {
	const struct hearth_json *body;
};

static const struct hearth_field UPLOAD_ARGS[] = {
	HEARTH_WHOLE_BODY(struct upload_args, body),
	HEARTH_FIELDS_END
};

static const struct hearth_field SIGNATURE_ROW[] = {
	HEARTH_COLUMNS(struct signature_row, signer, key_id, user_id, target, signature)
};

static const struct hearth_statement UPSERT_SIGNATURE = {
	.name = "encryption.upsert_signature",
	.sql = "INSERT INTO key_signatures (signer, key_id, user_id, target, signature) VALUES ($1, $2, $3, $4, $5)"
	       " ON CONFLICT (user_id, target, signer, key_id) DO UPDATE SET signature = excluded.signature",
	.params = SIGNATURE_ROW,
};

struct signature_query {
	struct hearth_texts user_ids;
	const char         *viewer;
};

static const struct hearth_field SIGNATURE_QUERY[] = { HEARTH_COLUMNS(struct signature_query, user_ids, viewer) };

static const struct hearth_statement SELECT_SIGNATURES = {
	.name = "encryption.select_signatures",
	.sql = "SELECT signer, key_id, user_id, target, signature FROM key_signatures"
	       " WHERE user_id = ANY ($1) AND (signer = user_id OR signer = $2)"
	       " ORDER BY user_id COLLATE \"C\", target COLLATE \"C\"",
	.params = SIGNATURE_QUERY, .row = SIGNATURE_ROW, .row_size = sizeof(struct signature_row),
};

struct stored_key {
	const char               *user_id, *target; /* target: device id, or the usage of a cross-signing key */
	const struct hearth_json *keys;
};

static const struct hearth_field STORED_KEY[] = { HEARTH_COLUMNS(struct stored_key, user_id, target, keys) };

/* Everything that may be signed or that signs: the users' cross-signing keys, and all of the signer's own. */
static const struct hearth_statement SELECT_SIGNABLE = {
	.name = "encryption.select_signable",
	.sql = "SELECT user_id, usage, keys FROM cross_signing_keys WHERE user_id = ANY ($1) OR user_id = $2"
	       " UNION ALL SELECT user_id, device_id, keys FROM device_keys WHERE user_id = $2",
	.params = SIGNATURE_QUERY, .row = STORED_KEY, .row_size = sizeof(struct stored_key),
};

int signatures_select(struct encryption *encryption, struct hearth_task *task, const char *viewer,
		      const char *const *user_ids, size_t count, struct hearth_rows *ret_rows, struct hearth_error *err)
{
	struct signature_query params = { { user_ids, count }, viewer };

	return encryption->db->read(task, &SELECT_SIGNATURES, &params, ret_rows, err);
}

struct upload {
	struct encryption   *encryption;
	struct hearth_arena *arena;
	const char          *signer;
	struct hearth_rows   stored;
	struct signature_row *rows;
	size_t               count;
	struct hearth_json  *failures;
};

static const struct hearth_json *stored_of(const struct upload *up, const char *user_id, const char *target)
{
	const struct stored_key *rows = up->stored.items;

	for (size_t i = 0; i < up->stored.count; i++)
		if (!strcmp(rows[i].user_id, user_id) && !strcmp(rows[i].target, target))
			return rows[i].keys;
	return NULL;
}

static bool public_key_of(struct hearth_arena *arena, const struct hearth_json *keys, const char *key_id, uint8_t ret_key[32])
{
	const char *base64 = hearth_json_get_string(hearth_json_get_object(keys, "keys"), key_id);
	uint8_t *bytes;
	size_t size;

	if (!base64 || hearth_base64_decode(arena, base64, &bytes, &size) < 0 || size != 32)
		return false;
	memcpy(ret_key, bytes, 32);
	return true;
}

static void fail(struct upload *up, const char *user_id, const char *target, const char *errcode, const char *message)
{
	struct hearth_json *failure = hearth_json_object_new(up->arena);
	struct hearth_json *of_user = hearth_json_object_copy(up->arena, hearth_json_get_object(up->failures, user_id));

	hearth_json_set_string(failure, "errcode", errcode);
	hearth_json_set_string(failure, "error", message);
	hearth_json_set(of_user, target, failure);
	hearth_json_set(up->failures, user_id, of_user);
}

/* What the target names: a device of one's own, or the master key by its public part. */
static const struct hearth_json *signed_key(const struct upload *up, const char *user_id, const char *target, bool *ret_master)
{
	const struct hearth_json *master = stored_of(up, user_id, "master");
	const char *key_id, *base64;

	*ret_master = cross_signing_public_key(master, &key_id, &base64) && !strcmp(base64, target);
	if (*ret_master)
		return master;
	return strcmp(user_id, up->signer) ? NULL : stored_of(up, user_id, target);
}

/* Own devices are signed by the self-signing key, the own master key by a device, others' master keys by user-signing. */
static const struct hearth_json *signing_key(const struct upload *up, const char *user_id, bool master, const char *key_id)
{
	if (strcmp(user_id, up->signer))
		return stored_of(up, up->signer, "user_signing");
	return stored_of(up, up->signer, master ? key_id + 8 : "self_signing");
}

/* The upload is the key as stored plus signatures: anything else in it would not be what was signed. */
static bool same_but_signatures(struct hearth_arena *arena, const struct hearth_json *a, const struct hearth_json *b)
{
	struct hearth_json *bare_a = hearth_json_object_copy(arena, a), *bare_b = hearth_json_object_copy(arena, b);

	hearth_json_remove(bare_a, "signatures");
	hearth_json_remove(bare_b, "signatures");
	hearth_json_remove(bare_a, "unsigned");
	hearth_json_remove(bare_b, "unsigned");
	return hearth_json_equal(bare_a, bare_b);
}

static void take_signature(struct upload *up, const char *user_id, const char *target, const struct hearth_json *uploaded,
			   const char *key_id, const char *signature, bool master)
{
	const struct hearth_json *signer_keys;
	uint8_t public_key[32];

	signer_keys = !strncmp(key_id, "ed25519:", 8) ? signing_key(up, user_id, master, key_id) : NULL;
	if (!signature || !signer_keys || !public_key_of(up->arena, signer_keys, key_id, public_key) ||
	    hearth_json_verify(up->arena, uploaded, up->signer, key_id, public_key, NULL) < 0) {
		fail(up, user_id, target, "M_INVALID_SIGNATURE", "the signature does not match");
		return;
	}
	up->rows[up->count++] = (struct signature_row){ up->signer, key_id, user_id, target, signature };
}

static void take_key(struct upload *up, const char *user_id, const char *target, const struct hearth_json *uploaded)
{
	const struct hearth_json *signatures =
		hearth_json_get_object(hearth_json_get_object(uploaded, "signatures"), up->signer);
	bool master;
	const struct hearth_json *stored = signed_key(up, user_id, target, &master);
	const struct hearth_json *known = hearth_json_get_object(hearth_json_get_object(stored, "signatures"), up->signer);

	if (!stored) {
		fail(up, user_id, target, "M_NOT_FOUND", "there is no such key");
		return;
	}
	if (!same_but_signatures(up->arena, stored, uploaded)) {
		fail(up, user_id, target, "M_INVALID_PARAM", "the key is not the one that is stored");
		return;
	}
	for (size_t i = 0; i < hearth_json_size(signatures); i++) {
		const char *key_id = hearth_json_key_at(signatures, i);

		/* A device's own signature comes along with its keys and is stored with them. */
		if (!hearth_json_get_string(known, key_id))
			take_signature(up, user_id, target, uploaded, key_id,
				       hearth_json_string(hearth_json_at(signatures, i), NULL), master);
	}
}

/* Bounds the keys and the signatures of an upload. */
static int count_signatures(struct upload *up, const struct hearth_json *body, struct hearth_error *err)
{
	size_t most = 0, keys = 0;

	for (size_t i = 0; i < hearth_json_size(body); i++) {
		const struct hearth_json *targets = hearth_json_at(body, i);

		if (hearth_json_type(targets) != HEARTH_JSON_OBJECT)
			return hearth_refuse(err, 400, "M_BAD_JSON", "%s must be an object of keys",
					     hearth_json_key_at(body, i));
		keys += hearth_json_size(targets);
		for (size_t j = 0; j < hearth_json_size(targets); j++) {
			const struct hearth_json *signatures =
				hearth_json_get_object(hearth_json_at(targets, j), "signatures");

			most += hearth_json_size(hearth_json_get_object(signatures, up->signer));
		}
	}
	if (most > SIGNATURES_MAX || keys > SIGNATURES_MAX)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "at most %d keys and signatures at once", SIGNATURES_MAX);
	up->rows = hearth_arena_array_of(up->arena, struct signature_row, most);
	return 0;
}

HEARTH_SUSPENDS static int store_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
				       struct hearth_error *err)
{
	struct upload *up = argument;
	const char *noted = "";
	int r = 0;

	for (size_t i = 0; i < up->count && r >= 0; i++)
		r = up->encryption->db->exec(tx, &UPSERT_SIGNATURE, &up->rows[i], err);
	/* Signatures on others' keys are seen by the signer alone, whose own devices are told. */
	for (size_t i = 0; i < up->count && r >= 0; i++) {
		if (strcmp(noted, up->rows[i].user_id))
			r = device_lists_note(up->encryption, tx, task, up->rows[i].user_id, err);
		noted = up->rows[i].user_id;
	}
	return r;
}

HEARTH_SUSPENDS static int post_signatures(void *self, struct hearth_task *task, struct hearth_request *req,
					   const void *fields, struct hearth_error *err)
{
	const struct upload_args *args = fields;
	struct upload up = { .encryption = self, .arena = req->arena, .signer = req->user->user_id,
			     .failures = hearth_json_object_new(req->arena) };
	const char **users = hearth_arena_array_of(req->arena, const char *, hearth_json_size(args->body));
	struct signature_query params = { { users, hearth_json_size(args->body) }, up.signer };
	int r;

	for (size_t i = 0; i < hearth_json_size(args->body); i++)
		users[i] = hearth_json_key_at(args->body, i);
	r = count_signatures(&up, args->body, err);
	if (r >= 0)
		r = up.encryption->db->read(task, &SELECT_SIGNABLE, &params, &up.stored, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < hearth_json_size(args->body); i++) {
		const struct hearth_json *targets = hearth_json_at(args->body, i);

		for (size_t j = 0; j < hearth_json_size(targets); j++)
			take_key(&up, users[i], hearth_json_key_at(targets, j), hearth_json_at(targets, j));
	}
	r = up.count ? up.encryption->db->transact(task, HEARTH_TX_WRITE, store_in_tx, &up, err) : 0;
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_json(req->out, "failures", up.failures);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint SIGNATURE_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/keys/signatures/upload", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, .fields = UPLOAD_ARGS, .args_size = sizeof(struct upload_args),
	  .handler = post_signatures },
	HEARTH_ENDPOINTS_END
};
