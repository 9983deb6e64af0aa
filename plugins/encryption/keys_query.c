/* SPDX-License-Identifier: Apache-2.0
 *
 * POST /keys/query: the device keys and cross-signing keys of users, with the signatures that the caller may see.
 */
#include "encryption.h"

#include <hearth/matrix/id.h>

#include <stdlib.h>
#include <string.h>

#define USERS_MAX 10000

struct query_args {
	const struct hearth_json *device_keys;
	int64_t                   timeout;
};

static const struct hearth_field QUERY_ARGS[] = {
	HEARTH_BODY(struct query_args, device_keys, "device_keys", .required = 1, .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct query_args, timeout, "timeout", .min = 0, .max = HEARTH_JSON_INT_MAX, .fallback = "10000"),
	HEARTH_FIELDS_END
};

struct user_set {
	struct hearth_texts user_ids;
};

static const struct hearth_field USER_SET[] = { HEARTH_COLUMNS(struct user_set, user_ids) };

struct device_row {
	const char               *user_id, *device_id;
	const struct hearth_json *keys;
};

static const struct hearth_field DEVICE_ROW[] = { HEARTH_COLUMNS(struct device_row, user_id, device_id, keys) };

static const struct hearth_statement SELECT_DEVICE_KEYS = {
	.name = "encryption.select_device_keys",
	.sql = "SELECT user_id, device_id, keys FROM device_keys WHERE user_id = ANY ($1) ORDER BY user_id COLLATE"
			" \"C\", device_id COLLATE \"C\"",
	.params = USER_SET, .row = DEVICE_ROW, .row_size = sizeof(struct device_row),
};

/* What an answer is made of; everything of all users at once. */
struct answer {
	struct encryption        *encryption;
	struct hearth_arena      *arena;
	const char               *viewer;
	const struct hearth_json *wanted;    /* user id -> list of devices */
	const char              **user_ids;  /* the local ones */
	size_t                    user_count;
	struct hearth_rows        devices, cross_signing, signatures;
	const struct hearth_device_info *infos;
	size_t                    info_count;
};

static int read_users(struct answer *answer, struct hearth_error *err)
{
	size_t count = hearth_json_size(answer->wanted);

	if (count > USERS_MAX)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "device_keys: at most %d users at once", USERS_MAX);
	answer->user_ids = hearth_arena_array_of(answer->arena, const char *, count);
	for (size_t i = 0; i < count; i++) {
		const char *user_id = hearth_json_key_at(answer->wanted, i);

		/* A list of device ids; old clients send an object, which means all (as Synapse takes it). */
		if (hearth_json_type(hearth_json_at(answer->wanted, i)) < HEARTH_JSON_ARRAY)
			return hearth_refuse(err, 400, "M_BAD_JSON",
					"device_keys: expected a list of device ids for each user");
		if (!hearth_id_is_user(user_id))
			return hearth_refuse(err, 400, "M_INVALID_PARAM", "device_keys: '%.80s' is no user id", user_id);
		if (hearth_id_is_local(user_id, answer->encryption->server_name))
			answer->user_ids[answer->user_count++] = user_id;
	}
	return 0;
}

HEARTH_SUSPENDS static int load(struct answer *answer, struct hearth_task *task, struct hearth_error *err)
{
	struct encryption *encryption = answer->encryption;
	const struct hearth_accounts *accounts = encryption->accounts;
	struct user_set params = { { answer->user_ids, answer->user_count } };
	int r;

	if (!answer->user_count)
		return 0;
	r = encryption->db->read(task, &SELECT_DEVICE_KEYS, &params, &answer->devices, err);
	if (r >= 0)
		r = cross_signing_select(encryption, task, answer->user_ids, answer->user_count, &answer->cross_signing, err);
	if (r >= 0)
		r = signatures_select(encryption, task, answer->viewer, answer->user_ids, answer->user_count,
				      &answer->signatures, err);
	if (r >= 0)
		r = accounts->devices(accounts, task, answer->user_ids, answer->user_count, &answer->infos,
				      &answer->info_count, err);
	return r;
}

/* The first signature of (user, target): rows come sorted by both. */
static const struct signature_row *signatures_of(const struct answer *answer, const char *user_id, const char *target)
{
	const struct signature_row *rows = answer->signatures.items;
	size_t low = 0, high = answer->signatures.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(rows[middle].user_id, user_id);

		if (!order)
			order = strcmp(rows[middle].target, target);
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return rows + low;
}

/* The key as uploaded, with the signatures that came later. */
static struct hearth_json *with_signatures(const struct answer *answer, const struct hearth_json *keys, const char *user_id,
					   const char *target)
{
	const struct signature_row *end = (const struct signature_row *)answer->signatures.items + answer->signatures.count;
	const struct signature_row *row = signatures_of(answer, user_id, target);
	struct hearth_json *whole = hearth_json_object_copy(answer->arena, keys);
	struct hearth_json *signatures;

	if (row == end || strcmp(row->user_id, user_id) || strcmp(row->target, target))
		return whole;
	signatures = hearth_json_object_copy(answer->arena, hearth_json_get_object(keys, "signatures"));
	for (; row < end && !strcmp(row->user_id, user_id) && !strcmp(row->target, target); row++) {
		struct hearth_json *of_signer =
			hearth_json_object_copy(answer->arena, hearth_json_get_object(signatures, row->signer));

		hearth_json_set_string(of_signer, row->key_id, row->signature);
		hearth_json_set(signatures, row->signer, of_signer);
	}
	hearth_json_set(whole, "signatures", signatures);
	return whole;
}

static const char *display_name(const struct answer *answer, const struct device_row *device)
{
	size_t low = 0, high = answer->info_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(answer->infos[middle].user_id, device->user_id);

		if (!order)
			order = strcmp(answer->infos[middle].device_id, device->device_id);
		if (!order)
			return answer->infos[middle].display_name;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* An empty list asks for all devices. */
static bool is_wanted(const struct answer *answer, const struct device_row *device)
{
	const struct hearth_json *list = hearth_json_get_array(answer->wanted, device->user_id);

	for (size_t i = 0; i < hearth_json_size(list); i++) {
		const char *device_id = hearth_json_string(hearth_json_at(list, i), NULL);

		if (device_id && !strcmp(device_id, device->device_id))
			return true;
	}
	return !hearth_json_size(list);
}

static void write_device(const struct answer *answer, struct hearth_writer *w, const struct device_row *device)
{
	struct hearth_json *keys = with_signatures(answer, device->keys, device->user_id, device->device_id);
	struct hearth_json *extra = hearth_json_object_new(answer->arena);
	const char *name = display_name(answer, device);

	if (name)
		hearth_json_set_string(extra, "device_display_name", name);
	hearth_json_set(keys, "unsigned", extra);
	hearth_write_json(w, device->device_id, keys);
}

static void write_devices(const struct answer *answer, struct hearth_writer *w)
{
	const struct device_row *row = answer->devices.items, *end = row + answer->devices.count;

	hearth_write_object(w, "device_keys");
	for (size_t i = 0; i < answer->user_count; i++) {
		const char *user_id = answer->user_ids[i];
		const struct device_row *of_user = row;

		hearth_write_object(w, user_id);
		while (of_user < end && strcmp(of_user->user_id, user_id) < 0)
			of_user++;
		for (; of_user < end && !strcmp(of_user->user_id, user_id); of_user++)
			if (is_wanted(answer, of_user))
				write_device(answer, w, of_user);
		hearth_write_end(w);
		row = of_user;
	}
	hearth_write_end(w);
}

/* The user-signing key is its owner's alone. */
static void write_cross_signing(const struct answer *answer, struct hearth_writer *w, const char *key, const char *usage)
{
	const struct cross_signing_row *rows = answer->cross_signing.items;

	hearth_write_object(w, key);
	for (size_t i = 0; i < answer->cross_signing.count; i++) {
		const char *key_id, *base64;

		if (strcmp(rows[i].usage, usage))
			continue;
		if (!strcmp(usage, "user_signing") && strcmp(rows[i].user_id, answer->viewer))
			continue;
		if (cross_signing_public_key(rows[i].keys, &key_id, &base64))
			hearth_write_json(w, rows[i].user_id,
					  with_signatures(answer, rows[i].keys, rows[i].user_id, base64));
	}
	hearth_write_end(w);
}

/* Other servers are reached by federation, which this version does not have: they count as unreachable. */
static void write_failures(const struct answer *answer, struct hearth_writer *w)
{
	struct hearth_json *failures = hearth_json_object_new(answer->arena);

	for (size_t i = 0; i < hearth_json_size(answer->wanted); i++) {
		const char *server = hearth_id_server(hearth_json_key_at(answer->wanted, i));

		if (strcmp(server, answer->encryption->server_name))
			hearth_json_set(failures, server, hearth_json_object_new(answer->arena));
	}
	hearth_write_json(w, "failures", failures);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

HEARTH_SUSPENDS static int post_query(void *self, struct hearth_task *task, struct hearth_request *req,
				      const void *fields, struct hearth_error *err)
{
	const struct query_args *args = fields;
	struct answer answer = { .encryption = self, .arena = req->arena, .viewer = req->user->user_id,
				 .wanted = args->device_keys };
	int r;

	r = read_users(&answer, err);
	if (r < 0)
		return r;
	if (answer.user_count)
		qsort(answer.user_ids, answer.user_count, sizeof(char *), by_text);
	r = load(&answer, task, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	write_devices(&answer, req->out);
	write_cross_signing(&answer, req->out, "master_keys", "master");
	write_cross_signing(&answer, req->out, "self_signing_keys", "self_signing");
	write_cross_signing(&answer, req->out, "user_signing_keys", "user_signing");
	write_failures(&answer, req->out);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint KEYS_QUERY_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/keys/query", .also = "r0 unstable", .access = HEARTH_ACCESS_GUEST,
	  .fields = QUERY_ARGS, .args_size = sizeof(struct query_args), .handler = post_query },
	HEARTH_ENDPOINTS_END
};
