/* SPDX-License-Identifier: Apache-2.0
 *
 * ephemeral.h - what the files of this plugin share.
 */
#ifndef EPHEMERAL_EPHEMERAL_H
#define EPHEMERAL_EPHEMERAL_H

#include <stdbool.h>

#include <hearth/plugin.h>
#include <hearth/services/accounts.h>
#include <hearth/services/rooms.h>

struct typing;

struct ephemeral {
	const struct hearth_host       *host;
	const struct hearth_tasks      *tasks;
	const struct hearth_db         *db;
	const struct hearth_hooks      *hooks;
	const struct hearth_streams    *streams;
	const struct hearth_accounts   *accounts;
	const struct hearth_rooms      *rooms;
	const struct hearth_stream_ref *typing_stream, *receipts_stream;
	struct typing                  *typing;
};

/* Refuses with M_FORBIDDEN who is not in the room. */
HEARTH_SUSPENDS int ephemeral_check_joined(struct ephemeral *ephemeral, struct hearth_task *task, const char *room_id,
					   const char *user_id, struct hearth_error *err);

/* --- typing.c --- */
struct typing *typing_new(struct ephemeral *ephemeral);
void typing_free(struct typing *typing);
extern const struct hearth_endpoint TYPING_ENDPOINTS[];
extern const struct hearth_stream TYPING_STREAM;
HEARTH_SUSPENDS int typing_forget_old(void *self, struct hearth_task *task, struct hearth_error *err);

/* --- receipts.c --- */
extern const struct hearth_endpoint RECEIPT_ENDPOINTS[];
extern const struct hearth_stream RECEIPTS_STREAM;

/* --- receipts_sync.c --- */
HEARTH_SUSPENDS int receipts_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
				  struct hearth_sync_sink *sink, struct hearth_error *err);

#endif
