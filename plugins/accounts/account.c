/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts: reading, making, and what an account says of itself. */
#include "accounts.h"

#include <errno.h>
#include <string.h>

struct by_user {
	const char *user_id;
};
static const struct hearth_field BY_USER[] = { HEARTH_COLUMNS(struct by_user, user_id) };
static const struct hearth_field ROW[] = {
	HEARTH_COLUMNS(struct accounts_row, user_id, password_hash, user_type, created_ms, admin, guest, deactivated,
		       locked, suspended, shadow_banned, erased)
};
#define COLUMNS \
	"user_id, password_hash, user_type, created_ms, admin, guest, deactivated, locked, suspended, shadow_banned, erased"
static const struct hearth_statement SELECT_ACCOUNT = {
	.name = "accounts.select_account",
	.sql = "SELECT " COLUMNS " FROM accounts WHERE user_id = $1",
	.params = BY_USER, .row = ROW, .row_size = sizeof(struct accounts_row),
};
static const struct hearth_statement SELECT_FOLDED = {
	.name = "accounts.select_account_folded",
	.sql = "SELECT " COLUMNS " FROM accounts WHERE lower(user_id) = lower($1) ORDER BY user_id <> $1 LIMIT 2",
	.params = BY_USER, .row = ROW, .row_size = sizeof(struct accounts_row),
};

int accounts_account_read(struct accounts *accounts, struct hearth_task *task, const char *user_id, int folded,
			  struct accounts_row *ret_row, struct hearth_error *err)
{
	struct hearth_rows rows;
	const struct accounts_row *found;
	int r = accounts->db->read(task, folded ? &SELECT_FOLDED : &SELECT_ACCOUNT,
				   &(struct by_user){ .user_id = user_id }, &rows, err);

	if (r < 0)
		return r;
	found = rows.items;
	if (rows.count == 0 || (rows.count == 2 && strcmp(found->user_id, user_id) != 0))
		return hearth_fail(err, -ENOENT, "User not found");
	*ret_row = *found;
	return 0;
}

int accounts_account_usable(const struct accounts_row *row, struct hearth_error *err)
{
	if (row->deactivated)
		return hearth_refuse(err, 403, "M_USER_DEACTIVATED", "This account has been deactivated");
	if (row->locked) {
		hearth_refuse(err, 401, "M_USER_LOCKED", "This account is locked");
		err->soft_logout = 1;
		return err->code;
	}
	return 0;
}

int accounts_account_available(struct accounts *accounts, struct hearth_task *task, const char *localpart,
			       struct hearth_error *err)
{
	struct hearth_arena *arena = accounts->tasks->arena(task);
	const char *user_id = hearth_arena_printf(arena, "@%s:%s", localpart, accounts->server_name);
	struct hearth_rows rows;
	int r = accounts->db->read(task, &SELECT_FOLDED, &(struct by_user){ .user_id = user_id }, &rows, err);

	if (r < 0)
		return r;
	return rows.count ? hearth_refuse(err, 400, "M_USER_IN_USE", "User ID already taken.") : 0;
}

/* --- making --- */

struct making {
	struct accounts *accounts;
	const char      *user_id, *password_hash, *displayname, *user_type, *registration_token, *uia_session;
	int64_t          created_ms;
	bool             admin, guest, shadow_banned;
};
static const struct hearth_field MAKING[] = {
	HEARTH_COLUMNS(struct making, user_id, password_hash, created_ms, user_type, admin, guest, shadow_banned,
		       displayname)
};
static const struct hearth_statement INSERT_ACCOUNT = {
	.name = "accounts.insert_account",
	.sql = "WITH made AS (INSERT INTO accounts (user_id, password_hash, created_ms, user_type, admin, guest, shadow_banned)"
	       " VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING user_id)"
	       " INSERT INTO account_profiles (user_id, displayname) SELECT user_id, $8 FROM made",
	.params = MAKING,
};
static const struct hearth_field BY_TOKEN[] = { HEARTH_COLUMNS(struct making, registration_token) };
static const struct hearth_statement SPEND_TOKEN = {
	.name = "accounts.spend_registration_token",
	.sql = "UPDATE account_registration_tokens SET pending = greatest(pending - 1, 0), completed = completed + 1"
	       " WHERE token = $1",
	.params = BY_TOKEN,
};
static const struct hearth_field BY_SESSION[] = { HEARTH_COLUMNS(struct making, uia_session, user_id) };
static const struct hearth_statement MARK_REGISTERED = {
	.name = "accounts.mark_registered",
	.sql = "UPDATE account_uia_sessions SET registered = $2 WHERE session_id = $1",
	.params = BY_SESSION,
};

struct number {
	int64_t number;
};
static const struct hearth_field NUMBER[] = { HEARTH_COLUMNS(struct number, number) };
static const struct hearth_statement NEXT_NUMBER = {
	.name = "accounts.next_number",
	.sql = "SELECT nextval('account_numbers')",
	.row = NUMBER, .row_size = sizeof(struct number),
};

HEARTH_SUSPENDS static int make_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument, struct hearth_error *err)
{
	struct making *making = argument;
	const struct hearth_db *db = making->accounts->db;
	int r = db->exec(tx, &INSERT_ACCOUNT, making, err);

	(void)task;
	if (r == 0 && making->registration_token)
		r = db->exec(tx, &SPEND_TOKEN, making, err);
	if (r == 0 && making->uia_session)
		r = db->exec(tx, &MARK_REGISTERED, making, err);
	return r;
}

HEARTH_SUSPENDS static int next_localpart(struct accounts *accounts, struct hearth_task *task, const char **ret_localpart,
					  struct hearth_error *err)
{
	struct hearth_rows rows;
	int r = accounts->db->write(task, &NEXT_NUMBER, NULL, &rows, err);

	if (r < 0)
		return r;
	*ret_localpart = hearth_arena_printf(accounts->tasks->arena(task), "%lld",
					     (long long)((const struct number *)rows.items)->number);
	return 0;
}

int accounts_account_create(struct accounts *accounts, struct hearth_task *task, const struct accounts_new *wanted,
			    const struct hearth_hook_login *checked, const char **ret_user_id, struct hearth_error *err)
{
	struct hearth_arena *arena = accounts->tasks->arena(task);
	struct making making = { .accounts = accounts, .password_hash = wanted->password_hash, .user_type = wanted->user_type,
				 .admin = wanted->admin, .guest = wanted->guest, .created_ms = accounts->tasks->now_ms(),
				 .registration_token = wanted->registration_token, .uia_session = wanted->uia_session };
	struct hearth_hook_login asked = checked ? *checked : (struct hearth_hook_login){ .ip = "", .user_agent = "" };
	struct hearth_hook_account told = { .by_admin = checked == NULL };
	struct hearth_error after = { 0 };
	const char *localpart = wanted->localpart;
	int r = localpart ? 0 : next_localpart(accounts, task, &localpart, err);

	if (r < 0)
		return r;
	asked.user_id = localpart;
	r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_USER_CHECK_REGISTRATION, &asked, err);
	if (r == 0 || r == HEARTH_HOOK_DONE)
		r = accounts_account_available(accounts, task, localpart, err);
	if (r < 0)
		return r;
	making.shadow_banned = asked.shadow_ban;
	making.user_id = hearth_arena_printf(arena, "@%s:%s", localpart, accounts->server_name);
	making.displayname = wanted->displayname ? wanted->displayname : wanted->guest ? NULL : localpart;
	r = accounts->db->transact(task, HEARTH_TX_WRITE, make_in_tx, &making, err);
	if (r == -EEXIST) {
		hearth_error_clear(err);
		return hearth_refuse(err, 400, "M_USER_IN_USE", "User ID already taken.");
	}
	if (r < 0)
		return r;
	told.user_id = making.user_id;
	if (accounts->hooks->run(accounts->host, task, HEARTH_HOOK_ACCOUNT_ON_REGISTERED, &told, &after) < 0)
		accounts->log->write(accounts->host, task, HEARTH_WARNING, "after the registration of %s: %s", making.user_id,
				     after.message);
	*ret_user_id = making.user_id;
	return 0;
}

/* --- the account about itself --- */

int accounts_own(const struct hearth_request *req, const char *user_id, struct hearth_error *err)
{
	return strcmp(req->user->user_id, user_id) == 0
		       ? 0
		       : hearth_refuse(err, 403, "M_FORBIDDEN", "This belongs to another user");
}

HEARTH_SUSPENDS static int whoami(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				  struct hearth_error *err)
{
	(void)self, (void)task, (void)fields, (void)err;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "user_id", req->user->user_id);
	hearth_write_string(req->out, "device_id", req->user->device_id);
	hearth_write_bool(req->out, "is_guest", req->user->flags & HEARTH_REQUESTER_GUEST);
	hearth_write_end(req->out);
	return 0;
}

struct threepid {
	const char *user_id, *medium, *address;
	int64_t     added_ms, validated_ms;
};
static const struct hearth_field OF_USER[] = { HEARTH_COLUMNS(struct threepid, user_id) };
static const struct hearth_field THREEPID[] = {
	HEARTH_COLUMNS(struct threepid, medium, address, added_ms, validated_ms)
};
static const struct hearth_statement SELECT_THREEPIDS = {
	.name = "accounts.select_threepids",
	.sql = "SELECT medium, address, added_ms, validated_ms FROM account_threepids WHERE user_id = $1 ORDER BY added_ms",
	.params = OF_USER, .row = THREEPID, .row_size = sizeof(struct threepid),
};

HEARTH_SUSPENDS static int threepids(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	struct accounts *accounts = self;
	struct hearth_rows rows;
	const struct threepid *items;
	int r = accounts->db->read(task, &SELECT_THREEPIDS, &(struct threepid){ .user_id = req->user->user_id }, &rows, err);

	(void)fields;
	if (r < 0)
		return r;
	items = rows.items;
	hearth_write_object(req->out, NULL);
	hearth_write_array(req->out, "threepids");
	for (size_t i = 0; i < rows.count; i++) {
		hearth_write_object(req->out, NULL);
		hearth_write_string(req->out, "medium", items[i].medium);
		hearth_write_string(req->out, "address", items[i].address);
		hearth_write_int(req->out, "added_at", items[i].added_ms);
		hearth_write_int(req->out, "validated_at", items[i].validated_ms);
		hearth_write_end(req->out);
	}
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint ACCOUNTS_ACCOUNT_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v3/account/whoami", .also = "r0 unstable", .access = HEARTH_ACCESS_GUEST,
	  .handler = whoami, .about = "Whose the access token is." },
	{ .method = "GET", .path = "/_matrix/client/v3/account/3pid", .also = "r0 unstable", .access = HEARTH_ACCESS_USER,
	  .handler = threepids, .about = "E-mail addresses and telephone numbers of the caller." },
	HEARTH_ENDPOINTS_END
};
