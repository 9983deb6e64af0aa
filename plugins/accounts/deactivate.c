/* SPDX-License-Identifier: Apache-2.0 */
/* Closing an account for good. */
#include "accounts.h"

struct closing {
	struct accounts *accounts;
	const char      *user_id;
	bool             erase;
};
static const struct hearth_field CLOSING[] = { HEARTH_COLUMNS(struct closing, user_id, erase) };
/* What the account knows goes; its name stays taken for ever. */
static const struct hearth_statement CLOSE_ACCOUNT = {
	.name = "accounts.close_account",
	.sql = "WITH data AS (DELETE FROM account_data WHERE user_id = $1),"
	       " tags AS (DELETE FROM account_tags WHERE user_id = $1),"
	       " changes AS (DELETE FROM account_tag_changes WHERE user_id = $1),"
	       " filters AS (DELETE FROM account_filters WHERE user_id = $1),"
	       " ids AS (DELETE FROM account_threepids WHERE user_id = $1),"
	       " logins AS (DELETE FROM account_login_tokens WHERE user_id = $1),"
	       " openid AS (DELETE FROM account_openid_tokens WHERE user_id = $1),"
	       " profile AS (UPDATE account_profiles SET displayname = NULL, avatar_url = NULL, fields = '{}'"
	       " WHERE user_id = $1 AND $2)"
	       " UPDATE accounts SET deactivated = true, password_hash = NULL, erased = erased OR $2 WHERE user_id = $1",
	.params = CLOSING,
};

HEARTH_SUSPENDS static int close_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument, struct hearth_error *err)
{
	struct closing *closing = argument;
	int r = accounts_devices_remove(closing->accounts, task, tx, closing->user_id, NULL, "", err);

	return r < 0 ? r : closing->accounts->db->exec(tx, &CLOSE_ACCOUNT, closing, err);
}

struct deactivate_args {
	bool                      erase;
	const char               *id_server;
	const struct hearth_json *auth;
};
static const struct hearth_field DEACTIVATE_ARGS[] = {
	HEARTH_BODY(struct deactivate_args, erase, "erase"), HEARTH_BODY(struct deactivate_args, id_server, "id_server"),
	HEARTH_BODY(struct deactivate_args, auth, "auth", .shape = HEARTH_AN_OBJECT), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int deactivate(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct deactivate_args *args = fields;
	struct closing closing = { .accounts = accounts, .user_id = req->user->user_id, .erase = args->erase };
	struct hearth_hook_account told = { .user_id = req->user->user_id, .erase = args->erase };
	int r = accounts_uia_confirm(accounts, task, req, args->auth, 0, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_USER_MAY_DEACTIVATE, &told, err);
	if (r < 0)
		return r;
	r = accounts->db->transact(task, HEARTH_TX_WRITE, close_in_tx, &closing, err);
	if (r == 0)
		r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_ACCOUNT_ON_DEACTIVATED, &told, err);
	if (r < 0)
		return r;
	/* Nothing is ever bound to an identity server from here, so nothing is left to unbind. */
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "id_server_unbind_result", "success");
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint ACCOUNTS_DEACTIVATE_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/account/deactivate", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER,
	  .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, .fields = DEACTIVATE_ARGS, .args_size = sizeof(struct deactivate_args),
	  .handler = deactivate, .about = "Closes the caller's account for good." },
	HEARTH_ENDPOINTS_END
};
