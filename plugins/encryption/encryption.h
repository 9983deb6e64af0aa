/* SPDX-License-Identifier: Apache-2.0
 *
 * encryption.h - what the files of this plugin share.
 */
#ifndef ENCRYPTION_ENCRYPTION_H
#define ENCRYPTION_ENCRYPTION_H

#include <stdbool.h>

#include <hearth/plugin.h>
#include <hearth/services/accounts.h>
#include <hearth/services/rooms.h>

struct encryption {
	const struct hearth_host       *host;
	const struct hearth_tasks      *tasks;
	const struct hearth_db         *db;
	const struct hearth_streams    *streams;
	const struct hearth_accounts   *accounts;
	const struct hearth_rooms      *rooms;
	const struct hearth_stream_ref *device_lists, *to_device;
	const char                     *server_name;
};

/* A user and one of their devices, as many statements' parameters start. */
struct device_ref {
	const char *user_id, *device_id;
};
extern const struct hearth_field DEVICE_REF[];

/* Refuses callers whose token has no device, since keys belong to one. */
int encryption_check_device(const struct hearth_request *req, struct hearth_error *err);

/* --- device_lists.c --- */
/* Notes inside tx that the user's devices or keys have changed; everyone who shares a room with them is told. */
HEARTH_SUSPENDS int device_lists_note(struct encryption *encryption, struct hearth_tx *tx, struct hearth_task *task,
				      const char *user_id, struct hearth_error *err);
HEARTH_SUSPENDS int device_lists_on_change(void *self, struct hearth_task *task, void *subject, struct hearth_error *err);
extern const struct hearth_stream DEVICE_LISTS_STREAM;

/* --- to_device.c --- */
extern const struct hearth_stream TO_DEVICE_STREAM;
HEARTH_SUSPENDS int to_device_forget_txns(void *self, struct hearth_task *task, struct hearth_error *err);

/* --- one_time_keys.c: counts of unclaimed keys --- */
struct key_count {
	const char *algorithm;
	int64_t     count;
};
HEARTH_SUSPENDS int one_time_keys_count(struct encryption *encryption, struct hearth_task *task, const char *user_id,
					const char *device_id, struct hearth_rows *ret_counts, struct hearth_error *err);
void one_time_keys_write_counts(struct hearth_writer *w, const char *key, const struct hearth_rows *counts);
extern const struct hearth_stream KEY_COUNTS_STREAM;

/* --- cross_signing.c --- */
struct cross_signing_row {
	const char               *user_id, *usage;
	const struct hearth_json *keys;
};
HEARTH_SUSPENDS int cross_signing_select(struct encryption *encryption, struct hearth_task *task,
					 const char *const *user_ids, size_t count, struct hearth_rows *ret_rows,
					 struct hearth_error *err);
/* The one public key of a cross-signing key object: its unpadded base64 and its key id; false where it is malformed. */
bool cross_signing_public_key(const struct hearth_json *keys, const char **ret_key_id, const char **ret_base64);

/* --- signatures.c --- */
struct signature_row {
	const char *signer, *key_id, *user_id, *target, *signature;
};
/* The signatures that viewer may see on these users' keys: their own, and the viewer's (spec "Cross-signing"). */
HEARTH_SUSPENDS int signatures_select(struct encryption *encryption, struct hearth_task *task, const char *viewer,
				      const char *const *user_ids, size_t count, struct hearth_rows *ret_rows,
				      struct hearth_error *err);

extern const struct hearth_endpoint KEYS_UPLOAD_ENDPOINTS[], KEYS_QUERY_ENDPOINTS[], KEYS_CLAIM_ENDPOINTS[],
	CROSS_SIGNING_ENDPOINTS[], SIGNATURE_ENDPOINTS[], TO_DEVICE_ENDPOINTS[], BACKUP_ENDPOINTS[],
	BACKUP_KEY_ENDPOINTS[];

#endif
