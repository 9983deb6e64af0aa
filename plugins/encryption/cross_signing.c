/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /keys/device_signing/upload: the master, self-signing and user-signing keys of a user.
 */
#include "encryption.h"

#include <hearth/matrix/id.h>

#include <string.h>

struct upload_args {
	const struct hearth_json *keys[3]; /* in the order of USAGES */
	const struct hearth_json *auth;
};

static const char *const USAGES[] = { "master", "self_signing", "user_signing" };

static const struct hearth_field UPLOAD_ARGS[] = {
	HEARTH_BODY(struct upload_args, keys[0], "master_key", .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct upload_args, keys[1], "self_signing_key", .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct upload_args, keys[2], "user_signing_key", .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct upload_args, auth, "auth", .shape = HEARTH_AN_OBJECT),
	HEARTH_FIELDS_END
};

static const struct hearth_field ROW[] = { HEARTH_COLUMNS(struct cross_signing_row, user_id, usage, keys) };

static const struct hearth_statement UPSERT_KEY = {
	.name = "encryption.upsert_cross_signing_key",
	.sql = "INSERT INTO cross_signing_keys (user_id, usage, keys) VALUES ($1, $2, $3)"
	       " ON CONFLICT (user_id, usage) DO UPDATE SET keys = excluded.keys",
	.params = ROW,
};

struct user_set {
	struct hearth_texts user_ids;
};

static const struct hearth_field USER_SET[] = { HEARTH_COLUMNS(struct user_set, user_ids) };

static const struct hearth_statement SELECT_KEYS = {
	.name = "encryption.select_cross_signing_keys",
	.sql = "SELECT user_id, usage, keys FROM cross_signing_keys WHERE user_id = ANY ($1)",
	.params = USER_SET, .row = ROW, .row_size = sizeof(struct cross_signing_row),
};

int cross_signing_select(struct encryption *encryption, struct hearth_task *task, const char *const *user_ids, size_t count,
			 struct hearth_rows *ret_rows, struct hearth_error *err)
{
	struct user_set params = { { user_ids, count } };

	return encryption->db->read(task, &SELECT_KEYS, &params, ret_rows, err);
}

bool cross_signing_public_key(const struct hearth_json *keys, const char **ret_key_id, const char **ret_base64)
{
	const struct hearth_json *all = hearth_json_get_object(keys, "keys");
	const char *key_id = hearth_json_key_at(all, 0), *base64 = hearth_json_string(hearth_json_at(all, 0), NULL);

	if (hearth_json_size(all) != 1 || strncmp(key_id, "ed25519:", 8) || !base64 || strcmp(key_id + 8, base64))
		return false;
	*ret_key_id = key_id;
	*ret_base64 = base64;
	return true;
}

static bool has_usage(const struct hearth_json *keys, const char *usage)
{
	const struct hearth_json *usages = hearth_json_get_array(keys, "usage");

	for (size_t i = 0; i < hearth_json_size(usages); i++) {
		const char *text = hearth_json_string(hearth_json_at(usages, i), NULL);

		if (text && !strcmp(text, usage))
			return true;
	}
	return false;
}

static int check_key(const struct hearth_json *keys, const char *usage, const char *user_id, struct hearth_error *err)
{
	const char *owner = hearth_json_get_string(keys, "user_id"), *key_id, *base64;

	if (!owner || strcmp(owner, user_id))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s_key: user_id is not the caller's", usage);
	if (!has_usage(keys, usage))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s_key: usage does not hold '%s'", usage, usage);
	if (!cross_signing_public_key(keys, &key_id, &base64))
		return hearth_refuse(err, 400, "M_INVALID_PARAM",
				     "%s_key: expected one key, 'ed25519:' and its own unpadded base64", usage);
	return 0;
}

/* A self-signing or user-signing key carries the signature of the master key. */
static int check_signed(struct hearth_arena *arena, const struct hearth_json *keys, const char *usage,
			const struct hearth_json *master, const char *user_id, struct hearth_error *err)
{
	const char *key_id, *base64;
	uint8_t *public_key;
	size_t size;

	if (!cross_signing_public_key(master, &key_id, &base64))
		return hearth_refuse(err, 400, "M_MISSING_PARAM", "%s_key: there is no master key to sign it", usage);
	if (hearth_base64_decode(arena, base64, &public_key, &size) < 0 || size != 32)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "master_key: no Ed25519 key");
	if (hearth_json_verify(arena, keys, user_id, key_id, public_key, NULL) < 0)
		return hearth_refuse(err, 400, "M_INVALID_SIGNATURE", "%s_key: not signed by the master key", usage);
	return 0;
}

/* The keys that are stored: NULL where the user has none of that usage. */
HEARTH_SUSPENDS static int load_stored(struct encryption *encryption, struct hearth_task *task, const char *user_id,
				       const struct hearth_json *stored[3], struct hearth_error *err)
{
	struct hearth_rows rows;
	int r;

	r = cross_signing_select(encryption, task, &user_id, 1, &rows, err);
	for (size_t i = 0; r >= 0 && i < rows.count; i++) {
		const struct cross_signing_row *row = &((const struct cross_signing_row *)rows.items)[i];

		for (size_t j = 0; j < HEARTH_COUNT(USAGES); j++)
			if (!strcmp(row->usage, USAGES[j]))
				stored[j] = row->keys;
	}
	return r;
}

/* Signatures are compared apart: a key with another signature is the same key. */
static bool same_key(const struct hearth_json *a, const struct hearth_json *b)
{
	const char *id_a, *id_b, *base64;

	return cross_signing_public_key(a, &id_a, &base64) && cross_signing_public_key(b, &id_b, &base64) &&
	       !strcmp(id_a, id_b);
}

struct uploading {
	struct encryption        *encryption;
	const struct upload_args *args;
	const char               *user_id;
};

HEARTH_SUSPENDS static int upload_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct uploading *up = argument;
	int r = 0;

	for (size_t i = 0; i < HEARTH_COUNT(USAGES) && r >= 0; i++) {
		struct cross_signing_row row = { up->user_id, USAGES[i], up->args->keys[i] };

		if (row.keys)
			r = up->encryption->db->exec(tx, &UPSERT_KEY, &row, err);
	}
	return r < 0 ? r : device_lists_note(up->encryption, tx, task, up->user_id, err);
}

/*
 * A user without a master key may set one without authenticating again, so that a new account can start encrypting at
 * once (spec v1.11, "device_signing/upload"); the same keys again are no change at all.
 */
HEARTH_SUSPENDS static int authenticate(struct encryption *encryption, struct hearth_task *task,
					struct hearth_request *req, const struct upload_args *args,
					const struct hearth_json *const stored[3], bool *ret_changed,
					struct hearth_error *err)
{
	const struct hearth_accounts *accounts = encryption->accounts;

	*ret_changed = false;
	for (size_t i = 0; i < HEARTH_COUNT(USAGES); i++)
		*ret_changed |= args->keys[i] && !same_key(args->keys[i], stored[i]);
	if (!*ret_changed || !stored[0])
		return 0;
	return accounts->uia(accounts, task, req, args->auth, "replace cross-signing keys", err);
}

HEARTH_SUSPENDS static int post_upload(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct upload_args *args = fields;
	const char *user_id = req->user->user_id;
	const struct hearth_json *stored[3] = { NULL }, *master;
	struct uploading up = { encryption, args, user_id };
	bool changed;
	int r;

	r = load_stored(encryption, task, user_id, stored, err);
	if (r < 0)
		return r;
	master = args->keys[0] ? args->keys[0] : stored[0];
	for (size_t i = 0; i < HEARTH_COUNT(USAGES); i++) {
		if (!args->keys[i])
			continue;
		r = check_key(args->keys[i], USAGES[i], user_id, err);
		if (r >= 0 && i > 0)
			r = check_signed(req->arena, args->keys[i], USAGES[i], master, user_id, err);
		if (r < 0)
			return r;
	}
	r = authenticate(encryption, task, req, args, stored, &changed, err);
	if (r < 0 || r == HEARTH_UIA_ASKED)
		return r < 0 ? r : 0;
	return changed ? encryption->db->transact(task, HEARTH_TX_WRITE, upload_in_tx, &up, err) : 0;
}

const struct hearth_endpoint CROSS_SIGNING_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/keys/device_signing/upload", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, .fields = UPLOAD_ARGS, .args_size = sizeof(struct upload_args),
	  .handler = post_upload },
	HEARTH_ENDPOINTS_END
};
