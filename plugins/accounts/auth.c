/* SPDX-License-Identifier: Apache-2.0 */
/* hearth.auth/1: who a token belongs to. A known token costs no query. */
#include "accounts.h"

#include <errno.h>
#include <string.h>

#define CHANNEL "hearth_accounts_tokens"

struct token {
	struct hearth_bytes hash;
	int64_t             id, expires_ms, validated_ms;
	const char         *user_id, *device_id;
	bool                used, admin, guest, deactivated, locked, suspended, shadow_banned;
};

static const struct hearth_field BY_HASH[] = { HEARTH_COLUMNS(struct token, hash) };
static const struct hearth_field TOKEN[] = {
	HEARTH_COLUMNS(struct token, id, expires_ms, validated_ms, user_id, device_id, used, admin, guest, deactivated,
		       locked, suspended, shadow_banned)
};
static const struct hearth_statement SELECT_TOKEN = {
	.name = "accounts.select_token",
	.sql = "SELECT t.id, t.expires_ms, t.validated_ms, t.user_id, t.device_id, t.used, a.admin, a.guest, a.deactivated,"
	       " a.locked, a.suspended, a.shadow_banned"
	       " FROM account_access_tokens t JOIN accounts a USING (user_id) WHERE t.token_hash = $1",
	.params = BY_HASH, .row = TOKEN, .row_size = sizeof(struct token),
};

static const struct hearth_field BY_ID[] = { HEARTH_COLUMNS(struct token, id) };
/* The first use of a refreshed token ends the refresh token and the access tokens that came before it. */
static const struct hearth_statement USE_TOKEN = {
	.name = "accounts.use_token",
	.sql = "WITH now_used AS (UPDATE account_access_tokens SET used = true WHERE id = $1 RETURNING refresh_id),"
	       " before AS (SELECT r.id FROM account_refresh_tokens r JOIN now_used u ON r.next_id = u.refresh_id)"
	       " DELETE FROM account_access_tokens WHERE refresh_id IN (SELECT id FROM before)",
	.params = BY_ID,
};

struct notice {
	const char *user_id;
};
static const struct hearth_field NOTICE[] = { HEARTH_COLUMNS(struct notice, user_id) };
static const struct hearth_statement TELL_FORGET = {
	.name = "accounts.tell_forget",
	.sql = "SELECT pg_notify('" CHANNEL "', $1)",
	.params = NOTICE,
};

struct forgetting {
	struct accounts *accounts;
	const char      *user_id;
};

/* user_id NULL: everybody. */
static void forget(struct accounts *accounts, const char *user_id)
{
	accounts_cache_drop(accounts->cache, user_id);
	accounts_ignored_drop(accounts->ignored, user_id);
}

static void forget_at_end(void *argument, int committed)
{
	struct forgetting *forgetting = argument;

	if (committed)
		forget(forgetting->accounts, forgetting->user_id);
}

int accounts_auth_forget(struct accounts *accounts, struct hearth_tx *tx, const char *user_id, struct hearth_error *err)
{
	struct hearth_arena *arena = accounts->tasks->arena(accounts->db->tx_task(tx));
	struct forgetting *forgetting = hearth_arena_new_of(arena, struct forgetting);

	*forgetting = (struct forgetting){ .accounts = accounts, .user_id = hearth_arena_strdup(arena, user_id) };
	accounts->db->on_end(tx, forget_at_end, forgetting);
	return accounts->db->exec(tx, &TELL_FORGET, &(struct notice){ .user_id = user_id }, err);
}

static void told(void *argument, const char *payload)
{
	forget(argument, payload);
}

int accounts_auth_listen(struct accounts *accounts, struct hearth_error *err)
{
	return accounts->db->listen(accounts->host, CHANNEL, told, accounts, err);
}

static uint32_t flags_of(const struct token *token)
{
	return (token->guest ? HEARTH_REQUESTER_GUEST : 0) | (token->admin ? HEARTH_REQUESTER_ADMIN : 0) |
	       (token->shadow_banned ? HEARTH_REQUESTER_SHADOW_BANNED : 0) |
	       (token->suspended ? HEARTH_REQUESTER_SUSPENDED : 0) | (token->locked ? HEARTH_REQUESTER_LOCKED : 0);
}

HEARTH_SUSPENDS static int look_up(struct accounts *accounts, struct hearth_task *task, struct hearth_bytes hash,
				   struct accounts_cached *ret_entry, struct hearth_error *err)
{
	struct hearth_rows rows;
	const struct token *token;
	int r;

	r = accounts->db->read(task, &SELECT_TOKEN, &(struct token){ .hash = hash }, &rows, err);
	if (r < 0)
		return r;
	if (rows.count == 0)
		return hearth_refuse(err, 401, "M_UNKNOWN_TOKEN", "Unknown access token");
	token = rows.items;
	if (!token->used) {
		r = accounts->db->write(task, &USE_TOKEN, token, NULL, err);
		if (r < 0)
			return r;
		accounts_cache_drop(accounts->cache, token->user_id);
	}
	*ret_entry = (struct accounts_cached){
		.user_id = (char *)token->user_id, .device_id = (char *)token->device_id, .token_id = token->id,
		.expires_ms = token->expires_ms, .validated_ms = token->validated_ms, .flags = flags_of(token),
		.deactivated = token->deactivated,
	};
	memcpy(ret_entry->hash, hash.data, sizeof(ret_entry->hash));
	return 0;
}

static int refuse_unusable(struct accounts *accounts, const struct hearth_request *req, const struct accounts_cached *entry,
			   struct hearth_error *err)
{
	bool locked_ok = req->endpoint && req->endpoint->flags & HEARTH_ENDPOINT_LOCKED_OK;

	if (entry->deactivated)
		return hearth_refuse(err, 403, "M_USER_DEACTIVATED", "This account has been deactivated");
	if (locked_ok)
		return 0;
	if (entry->flags & HEARTH_REQUESTER_LOCKED) {
		hearth_refuse(err, 401, "M_USER_LOCKED", "This account is locked");
		err->soft_logout = 1;
		return err->code;
	}
	if (entry->expires_ms && entry->expires_ms <= accounts->tasks->now_ms()) {
		hearth_refuse(err, 401, "M_UNKNOWN_TOKEN", "The access token has expired");
		err->soft_logout = 1;
		return err->code;
	}
	return 0;
}

HEARTH_SUSPENDS static int refuse_expired(struct accounts *accounts, struct hearth_task *task,
					  const struct hearth_request *req, const char *user_id, struct hearth_error *err)
{
	struct hearth_hook_account asked = { .user_id = user_id };
	int r;

	if ((req->endpoint && req->endpoint->flags & HEARTH_ENDPOINT_LOCKED_OK) ||
	    !accounts->hooks->present(accounts->host, HEARTH_HOOK_ACCOUNT_IS_EXPIRED))
		return 0;
	r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_ACCOUNT_IS_EXPIRED, &asked, err);
	return r > 0 ? hearth_refuse(err, 403, "ORG_MATRIX_EXPIRED_ACCOUNT", "This account has expired") : r;
}

int accounts_auth_authenticate(const struct hearth_auth *service, struct hearth_task *task, struct hearth_request *req,
			       const char *token, const struct hearth_requester **ret_requester, struct hearth_error *err)
{
	struct accounts *accounts = accounts_of(service);
	struct hearth_arena *arena = accounts->tasks->arena(task);
	struct hearth_bytes hash = accounts_tokens_hash(arena, token);
	struct accounts_cached *entry = accounts_cache_find(accounts->cache, hash.data), found, *kept;
	struct hearth_requester *requester;
	int r;

	if (!entry) {
		uint64_t generation = accounts_cache_generation(accounts->cache);

		r = look_up(accounts, task, hash, &found, err);
		if (r < 0)
			return r;
		kept = accounts_cache_add(accounts->cache, &found, generation);
		entry = kept ? kept : &found;
	} else {
		kept = entry;
	}
	r = refuse_unusable(accounts, req, entry, err);
	if (r < 0)
		return r;
	if (kept)
		accounts_cache_saw(kept, req->ip, req->user_agent, accounts->tasks->now_ms());
	requester = hearth_arena_new_of(arena, struct hearth_requester);
	*requester = (struct hearth_requester){
		.size = sizeof(*requester), .flags = entry->flags, .user_id = hearth_arena_strdup(arena, entry->user_id),
		.device_id = hearth_arena_strdup(arena, entry->device_id), .token_id = entry->token_id,
	};
	*ret_requester = requester;
	return refuse_expired(accounts, task, req, requester->user_id, err);
}
