/* SPDX-License-Identifier: Apache-2.0 */
/* What runs by the clock: things that have expired go. */
#include "accounts.h"

#include <errno.h>

#define SESSION_MAX_MS (48 * INT64_C(3600000))
#define DEVICES_AT_ONCE 100

struct limit {
	int64_t now_ms, session_ms, chain_ms;
};
static const struct hearth_field NOW[] = { HEARTH_COLUMNS(struct limit, now_ms) };
static const struct hearth_field SESSIONS[] = { HEARTH_COLUMNS(struct limit, session_ms) };
static const struct hearth_statement EXPIRE_LOGIN = {
	.name = "accounts.expire_login_tokens", .sql = "DELETE FROM account_login_tokens WHERE expires_ms <= $1", .params = NOW,
};
static const struct hearth_statement EXPIRE_OPENID = {
	.name = "accounts.expire_openid_tokens", .sql = "DELETE FROM account_openid_tokens WHERE expires_ms <= $1",
		.params = NOW,
};
/* A registration token that a session held and never used becomes free again. */
static const struct hearth_statement EXPIRE_SESSIONS = {
	.name = "accounts.expire_uia_sessions",
	.sql = "WITH gone AS (DELETE FROM account_uia_sessions WHERE created_ms <= $1 RETURNING session_id, registered),"
	       " held AS (SELECT g.result AS token, count(*) AS times FROM gone JOIN account_uia_stages g USING (session_id)"
	       " WHERE g.stage = 'm.login.registration_token' AND gone.registered IS NULL GROUP BY g.result)"
	       " UPDATE account_registration_tokens t SET pending = greatest(t.pending - held.times, 0) FROM held"
	       " WHERE t.token = held.token",
	.params = SESSIONS,
};

int accounts_jobs_expire(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct limit limit = { .now_ms = accounts->tasks->now_ms(),
				     .session_ms = accounts->tasks->now_ms() - SESSION_MAX_MS };
	int r = accounts->db->write(task, &EXPIRE_LOGIN, &limit, NULL, err);

	if (r == 0)
		r = accounts->db->write(task, &EXPIRE_OPENID, &limit, NULL, err);
	return r < 0 ? r : accounts->db->write(task, &EXPIRE_SESSIONS, &limit, NULL, err);
}

struct stale {
	struct accounts *accounts;
	const char      *user_id, *device_id;
	int64_t          before_ms, limit;
};
static const struct hearth_field BEFORE[] = { HEARTH_COLUMNS(struct stale, before_ms, limit) };
static const struct hearth_field DEVICE[] = { HEARTH_COLUMNS(struct stale, user_id, device_id) };
static const struct hearth_statement SELECT_STALE = {
	.name = "accounts.select_stale_devices",
	.sql = "SELECT user_id, device_id FROM account_devices WHERE last_seen_ms < $1 ORDER BY user_id, device_id LIMIT $2",
	.params = BEFORE, .row = DEVICE, .row_size = sizeof(struct stale),
};

HEARTH_SUSPENDS static int remove_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct stale *stale = argument;
	const struct hearth_texts one = { .items = &stale->device_id, .count = 1 };

	return accounts_devices_remove(stale->accounts, task, tx, stale->user_id, &one, NULL, err);
}

int accounts_jobs_stale_devices(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct stale *found;
	struct hearth_rows rows;
	int r;

	if (accounts->config.stale_devices_ms == 0)
		return 0;
	r = accounts->db->read(task, &SELECT_STALE,
			       &(struct stale){ .before_ms = accounts->tasks->now_ms() - accounts->config.stale_devices_ms,
						.limit = DEVICES_AT_ONCE }, &rows, err);
	found = r == 0 ? rows.items : NULL;
	for (size_t i = 0; r == 0 && i < rows.count; i++) {
		struct stale stale = { .accounts = accounts, .user_id = found[i].user_id, .device_id = found[i].device_id };

		r = accounts->db->transact(task, HEARTH_TX_WRITE, remove_in_tx, &stale, err);
	}
	return r;
}
