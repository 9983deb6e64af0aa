/* SPDX-License-Identifier: Apache-2.0 */
/* Refresh tokens: each gives a new pair, and stays good until one of that pair is used (spec "Refreshing access tokens"). */
#include "accounts.h"

#include <errno.h>
#include <string.h>

struct chain {
	struct accounts    *accounts;
	struct hearth_bytes old_hash, access_hash, refresh_hash;
	int64_t             id, next_id, expires_ms, session_expires_ms, access_expires_ms, refresh_expires_ms, now_ms;
	const char         *user_id, *device_id, *access_token, *refresh_token;
	bool                spent, locked;
};
static const struct hearth_field BY_HASH[] = { HEARTH_COLUMNS(struct chain, old_hash) };
static const struct hearth_field CHAIN[] = {
	HEARTH_COLUMNS(struct chain, id, next_id, user_id, device_id, expires_ms, session_expires_ms, spent, locked)
};
static const struct hearth_statement SELECT_CHAIN = {
	.name = "accounts.select_refresh_token",
	.sql = "SELECT r.id, coalesce(r.next_id, 0), r.user_id, r.device_id, r.expires_ms, r.session_expires_ms,"
	       " coalesce(n.next_id IS NOT NULL, false) OR EXISTS (SELECT 1 FROM account_access_tokens t"
	       " WHERE t.refresh_id = r.next_id AND t.used), a.locked"
	       " FROM account_refresh_tokens r JOIN accounts a USING (user_id)"
	       " LEFT JOIN account_refresh_tokens n ON n.id = r.next_id"
	       " WHERE r.token_hash = $1 FOR UPDATE OF r",
	.params = BY_HASH, .row = CHAIN, .row_size = sizeof(struct chain),
};
static const struct hearth_field BY_NEXT[] = { HEARTH_COLUMNS(struct chain, next_id) };
static const struct hearth_statement DROP_NEXT = {
	.name = "accounts.drop_unused_refresh",
	.sql = "WITH gone AS (DELETE FROM account_refresh_tokens WHERE id = $1)"
	       " DELETE FROM account_access_tokens WHERE refresh_id = $1",
	.params = BY_NEXT,
};
static const struct hearth_field BY_ID[] = { HEARTH_COLUMNS(struct chain, id) };
/* The chain grows no tail: what came before this token can no longer be used. */
static const struct hearth_statement DROP_BEFORE = {
	.name = "accounts.drop_spent_refresh",
	.sql = "DELETE FROM account_refresh_tokens WHERE next_id = $1",
	.params = BY_ID,
};
static const struct hearth_field PAIR[] = {
	HEARTH_COLUMNS(struct chain, id, user_id, device_id, refresh_hash, refresh_expires_ms, session_expires_ms,
		       access_hash, access_expires_ms, now_ms)
};
static const struct hearth_statement INSERT_NEXT = {
	.name = "accounts.insert_next_pair",
	.sql = "WITH made AS (INSERT INTO account_refresh_tokens"
	       " (token_hash, user_id, device_id, expires_ms, session_expires_ms)"
	       " VALUES ($4, $2, $3, $5, $6) RETURNING id),"
	       " linked AS (UPDATE account_refresh_tokens SET next_id = (SELECT id FROM made) WHERE id = $1)"
	       " INSERT INTO account_access_tokens (token_hash, user_id, device_id, expires_ms, validated_ms, refresh_id)"
	       " SELECT $7, $2, $3, $8, $9, id FROM made",
	.params = PAIR,
};

static int64_t earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static int soft_logout(struct hearth_error *err, const char *why)
{
	hearth_refuse(err, 401, "M_UNKNOWN_TOKEN", "%s", why);
	err->soft_logout = 1;
	return err->code;
}

static void make_pair(struct chain *chain, struct hearth_arena *arena)
{
	const struct accounts_config *config = &chain->accounts->config;
	const char *localpart = hearth_id_localpart(arena, chain->user_id);
	int64_t now = chain->now_ms, until = chain->session_expires_ms;

	chain->access_token = accounts_tokens_make(arena, "syt", localpart);
	chain->refresh_token = accounts_tokens_make(arena, "syr", localpart);
	chain->access_hash = accounts_tokens_hash(arena, chain->access_token);
	chain->refresh_hash = accounts_tokens_hash(arena, chain->refresh_token);
	chain->access_expires_ms = earlier(config->refreshable_ms ? now + config->refreshable_ms : 0, until);
	chain->refresh_expires_ms = earlier(config->refresh_ms ? now + config->refresh_ms : 0, until);
}

HEARTH_SUSPENDS static int refresh_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					 struct hearth_error *err)
{
	struct chain *chain = argument;
	struct accounts *accounts = chain->accounts;
	struct hearth_rows rows;
	const struct chain *found;
	int r = accounts->db->query(tx, &SELECT_CHAIN, chain, &rows, err);

	if (r < 0)
		return r;
	if (rows.count == 0)
		return hearth_refuse(err, 401, "M_UNKNOWN_TOKEN", "Unknown refresh token");
	found = rows.items;
	if (found->spent)
		return hearth_refuse(err, 401, "M_UNKNOWN_TOKEN", "This refresh token has been used already");
	if (found->locked)
		return hearth_refuse(err, 401, "M_USER_LOCKED", "This account is locked");
	if ((found->expires_ms && found->expires_ms <= chain->now_ms) ||
	    (found->session_expires_ms && found->session_expires_ms <= chain->now_ms))
		return soft_logout(err, "The session has expired");
	chain->id = found->id;
	chain->next_id = found->next_id;
	chain->user_id = found->user_id;
	chain->device_id = found->device_id;
	chain->session_expires_ms = found->session_expires_ms;
	make_pair(chain, accounts->tasks->arena(task));
	if (found->next_id)
		r = accounts->db->exec(tx, &DROP_NEXT, chain, err);
	if (r == 0)
		r = accounts->db->exec(tx, &DROP_BEFORE, chain, err);
	if (r == 0)
		r = accounts->db->exec(tx, &INSERT_NEXT, chain, err);
	return r < 0 ? r : accounts_auth_forget(accounts, tx, chain->user_id, err);
}

struct refresh_args {
	const char *refresh_token;
};
static const struct hearth_field REFRESH_ARGS[] = {
	HEARTH_BODY(struct refresh_args, refresh_token, "refresh_token", .required = 1, .secret = 1, .max = 1024),
	HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int refresh(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				   struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct refresh_args *args = fields;
	struct chain chain = { .accounts = accounts, .now_ms = accounts->tasks->now_ms(),
			       .old_hash = accounts_tokens_hash(req->arena, args->refresh_token) };
	int r;

	if (!accounts_tokens_is_valid(args->refresh_token))
		return hearth_refuse(err, 401, "M_UNKNOWN_TOKEN", "Unknown refresh token");
	r = accounts->db->transact(task, HEARTH_TX_WRITE, refresh_in_tx, &chain, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "access_token", chain.access_token);
	hearth_write_string(req->out, "refresh_token", chain.refresh_token);
	if (chain.access_expires_ms)
		hearth_write_int(req->out, "expires_in_ms", chain.access_expires_ms - chain.now_ms);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint ACCOUNTS_REFRESH_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/refresh", .also = "v1 r0 unstable", .access = HEARTH_ACCESS_NONE,
	  .fields = REFRESH_ARGS, .args_size = sizeof(struct refresh_args), .handler = refresh,
	  .about = "A new access token for a refresh token." },
	HEARTH_ENDPOINTS_END
};
