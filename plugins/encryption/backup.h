/* SPDX-License-Identifier: Apache-2.0
 *
 * backup.h - what the two files of the key backup share.
 */
#ifndef ENCRYPTION_BACKUP_H
#define ENCRYPTION_BACKUP_H

#include "encryption.h"

struct backup_ref {
	const char *user_id;
	int64_t     version; /* 0: the latest */
};
extern const struct hearth_field BACKUP_REF[];

struct backup_version {
	int64_t                   version, etag, count;
	const char               *algorithm;
	const struct hearth_json *auth_data;
};

/* A version as a client writes it; 404 M_NOT_FOUND where it is no number. */
int backup_read_version(const char *text, int64_t *ret_version, struct hearth_error *err);

/* The version (0: the latest one) that is not deleted. 404 M_NOT_FOUND. */
HEARTH_SUSPENDS int backup_find(struct encryption *encryption, struct hearth_task *task, const char *user_id,
				int64_t version, const struct backup_version **ret_version, struct hearth_error *err);

#endif
