/* SPDX-License-Identifier: Apache-2.0 */
/* Logging in by password or login token, login tokens, logging out. */
#include "accounts.h"

#include <errno.h>
#include <string.h>

/* --- login tokens --- */

struct login_token {
	struct hearth_bytes token_hash;
	const char         *user_id;
	int64_t             expires_ms;
};
static const struct hearth_field LOGIN_TOKEN[] = {
	HEARTH_COLUMNS(struct login_token, token_hash, user_id, expires_ms)
};
static const struct hearth_field BY_HASH[] = { HEARTH_COLUMNS(struct login_token, token_hash) };
static const struct hearth_statement INSERT_LOGIN_TOKEN = {
	.name = "accounts.insert_login_token",
	.sql = "INSERT INTO account_login_tokens (token_hash, user_id, expires_ms) VALUES ($1, $2, $3)",
	.params = LOGIN_TOKEN,
};
static const struct hearth_statement TAKE_LOGIN_TOKEN = {
	.name = "accounts.take_login_token",
	.sql = "DELETE FROM account_login_tokens WHERE token_hash = $1 RETURNING token_hash, user_id, expires_ms",
	.params = BY_HASH, .row = LOGIN_TOKEN, .row_size = sizeof(struct login_token),
};

struct get_token_args {
	const struct hearth_json *auth;
};
static const struct hearth_field GET_TOKEN_ARGS[] = {
	HEARTH_BODY(struct get_token_args, auth, "auth", .shape = HEARTH_AN_OBJECT), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int get_token(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct get_token_args *args = fields;
	char token[41];
	struct login_token row = { .user_id = req->user->user_id };
	int r = 0;

	if (!accounts->config.login_token_enabled)
		return hearth_refuse(err, 404, "M_UNRECOGNIZED", "Login tokens are not enabled on this server");
	if (accounts->config.login_token_uia)
		r = accounts_uia_confirm(accounts, task, req, args->auth, 0, err);
	if (r != 0)
		return r < 0 ? r : 0;
	hearth_id_random(token, sizeof(token));
	row.token_hash = accounts_tokens_hash(req->arena, token);
	row.expires_ms = accounts->tasks->now_ms() + accounts->config.login_token_ms;
	r = accounts->db->write(task, &INSERT_LOGIN_TOKEN, &row, NULL, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "login_token", token);
	hearth_write_int(req->out, "expires_in_ms", accounts->config.login_token_ms);
	hearth_write_end(req->out);
	return 0;
}

/* --- login --- */

struct login_args {
	const char               *type, *user, *medium, *password, *token, *device_id, *device_name;
	bool                      refresh_token;
	const struct hearth_json *identifier;
};
static const struct hearth_field LOGIN_ARGS[] = {
	HEARTH_BODY(struct login_args, type, "type", .required = 1),
	HEARTH_BODY(struct login_args, identifier, "identifier", .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct login_args, user, "user", .max = 512),
	HEARTH_BODY(struct login_args, medium, "medium"),
	HEARTH_BODY(struct login_args, password, "password", .secret = 1, .max = 4096),
	HEARTH_BODY(struct login_args, token, "token", .secret = 1, .max = 4096),
	HEARTH_BODY(struct login_args, device_id, "device_id", .max = 512),
	HEARTH_BODY(struct login_args, device_name, "initial_device_display_name", .max = 1024),
	HEARTH_BODY(struct login_args, refresh_token, "refresh_token"), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int by_password(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
				       const struct login_args *args, struct accounts_row *ret_row, struct hearth_error *err)
{
	const char *user = args->user, *type = hearth_json_get_string(args->identifier, "type"), *user_id;
	int r;

	if (strcmp(accounts->config.password_enabled, "true") != 0)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Password login has been disabled.");
	if (!args->password)
		return hearth_refuse(err, 400, "M_MISSING_PARAM", "Missing params: password");
	if (args->identifier && !type)
		return hearth_refuse(err, 400, "M_MISSING_PARAM", "Missing params: identifier.type");
	if (args->medium || (type && (strcmp(type, "m.id.thirdparty") == 0 || strcmp(type, "m.id.phone") == 0)))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Invalid username or password");
	if (type && strcmp(type, "m.id.user") != 0)
		return hearth_refuse(err, 400, "M_UNKNOWN", "Unknown login identifier type");
	if (type)
		user = hearth_json_get_string(args->identifier, "user");
	if (!user)
		return hearth_refuse(err, 400, "M_MISSING_PARAM", "Missing params: user");
	r = accounts_names_user_id(req->arena, user, accounts->server_name, &user_id, err);
	if (r == 0)
		r = accounts->limits->check("rc_login.account", user_id, err);
	return r < 0 ? r : accounts_password_login(accounts, task, user_id, args->password, ret_row, err);
}

HEARTH_SUSPENDS static int by_token(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
				    const struct login_args *args, struct accounts_row *ret_row, struct hearth_error *err)
{
	struct hearth_rows rows;
	const struct login_token *row;
	int r;

	if (!args->token)
		return hearth_refuse(err, 400, "M_MISSING_PARAM", "Missing params: token");
	r = accounts->db->write(task, &TAKE_LOGIN_TOKEN,
				&(struct login_token){ .token_hash = accounts_tokens_hash(req->arena, args->token) },
					&rows, err);
	if (r < 0)
		return r;
	row = rows.items;
	if (rows.count == 0 || row->expires_ms <= accounts->tasks->now_ms())
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Invalid login token");
	return accounts_account_read(accounts, task, row->user_id, 0, ret_row, err);
}

static void write_well_known(struct accounts *accounts, struct hearth_writer *w)
{
	hearth_write_object(w, "well_known");
	hearth_write_object(w, "m.homeserver");
	hearth_write_string(w, "base_url", accounts->host->info(accounts->host, HEARTH_INFO_PUBLIC_BASEURL));
	hearth_write_end(w);
	if (accounts->config.identity_server) {
		hearth_write_object(w, "m.identity_server");
		hearth_write_string(w, "base_url", accounts->config.identity_server);
		hearth_write_end(w);
	}
	hearth_write_end(w);
}

HEARTH_SUSPENDS static int log_in(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
				  const struct login_args *args, const struct accounts_row *row, struct hearth_error *err)
{
	struct accounts_session session = { .user_id = row->user_id, .device_id = args->device_id && *args->device_id
					    ? args->device_id : NULL,
					    .device_name = args->device_name, .refreshable = args->refresh_token,
					    .guest = row->guest };
	struct hearth_hook_login asked = { .user_id = row->user_id, .device_id = args->device_id, .ip = req->ip,
					   .user_agent = req->user_agent };
	int r = accounts_account_usable(row, err);

	if (r == 0)
		r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_USER_CHECK_LOGIN, &asked, err);
	if (r >= 0)
		r = accounts_tokens_session(accounts, task, &session, err);
	if (r >= 0)
		r = accounts_tokens_tell_login(accounts, task, req, &session, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "user_id", row->user_id);
	hearth_write_string(req->out, "home_server", accounts->server_name);
	accounts_tokens_write(req->out, &session);
	write_well_known(accounts, req->out);
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int login(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				 struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct login_args *args = fields;
	struct accounts_row row;
	int r = accounts->limits->check("rc_login.address", req->ip, err);

	if (r < 0)
		return r;
	if (strcmp(args->type, "m.login.password") == 0)
		r = by_password(accounts, task, req, args, &row, err);
	else if (strcmp(args->type, "m.login.token") == 0)
		r = by_token(accounts, task, req, args, &row, err);
	else if (strcmp(args->type, "m.login.application_service") == 0)
		r = hearth_refuse(err, 403, "M_FORBIDDEN", "Application services cannot log in here yet");
	else
		r = hearth_refuse(err, 400, "M_UNKNOWN", "Unknown login type");
	return r < 0 ? r : log_in(accounts, task, req, args, &row, err);
}

HEARTH_SUSPENDS static int flows(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				 struct hearth_error *err)
{
	const struct accounts_config *config = &((struct accounts *)self)->config;

	(void)task, (void)fields, (void)err;
	hearth_write_object(req->out, NULL);
	hearth_write_array(req->out, "flows");
	if (strcmp(config->password_enabled, "true") == 0) {
		hearth_write_object(req->out, NULL);
		hearth_write_string(req->out, "type", "m.login.password");
		hearth_write_end(req->out);
	}
	if (config->login_token_enabled) {
		hearth_write_object(req->out, NULL);
		hearth_write_string(req->out, "type", "m.login.token");
		hearth_write_bool(req->out, "get_login_token", 1);
		hearth_write_end(req->out);
	}
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

/* --- logout --- */

struct ending {
	struct accounts *accounts;
	const char      *user_id, *device_id;
	int64_t          token_id;
	bool             all;
};
static const struct hearth_field BY_TOKEN_ID[] = { HEARTH_COLUMNS(struct ending, token_id) };
static const struct hearth_statement DELETE_TOKEN = {
	.name = "accounts.delete_access_token",
	.sql = "DELETE FROM account_access_tokens WHERE id = $1",
	.params = BY_TOKEN_ID,
};

HEARTH_SUSPENDS static int end_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument, struct hearth_error *err)
{
	struct ending *ending = argument;
	const struct hearth_texts one = { .items = &ending->device_id, .count = 1 };
	int r;

	if (ending->all)
		return accounts_devices_remove(ending->accounts, task, tx, ending->user_id, NULL, "", err);
	if (ending->device_id)
		return accounts_devices_remove(ending->accounts, task, tx, ending->user_id, &one, NULL, err);
	r = ending->accounts->db->exec(tx, &DELETE_TOKEN, ending, err);
	return r < 0 ? r : accounts_auth_forget(ending->accounts, tx, ending->user_id, err);
}

HEARTH_SUSPENDS static int end_sessions(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
					bool all,
					struct hearth_error *err)
{
	struct ending ending = { .accounts = accounts, .user_id = req->user->user_id, .device_id = req->user->device_id,
				 .token_id = req->user->token_id, .all = all };
	struct hearth_hook_session told = { .user_id = req->user->user_id, .device_id = all ? NULL : req->user->device_id,
					    .ip = req->ip, .user_agent = req->user_agent };
	int r = accounts->db->transact(task, HEARTH_TX_WRITE, end_in_tx, &ending, err);

	if (r == 0)
		r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_ACCOUNT_ON_LOGOUT, &told, err);
	return r < 0 ? r : 0;
}

HEARTH_SUSPENDS static int logout(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				  struct hearth_error *err)
{
	(void)fields;
	return end_sessions(self, task, req, false, err);
}

HEARTH_SUSPENDS static int logout_all(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	(void)fields;
	return end_sessions(self, task, req, true, err);
}

const struct hearth_endpoint ACCOUNTS_LOGIN_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v3/login", .also = "api/v1 r0 unstable", .access = HEARTH_ACCESS_NONE,
	  .handler = flows, .about = "The ways to log in." },
	{ .method = "POST", .path = "/_matrix/client/v3/login", .also = "api/v1 r0 unstable", .access = HEARTH_ACCESS_NONE,
	  .fields = LOGIN_ARGS, .args_size = sizeof(struct login_args), .handler = login, .about = "Opens a session." },
	{ .method = "POST", .path = "/_matrix/client/v1/login/get_token", .access = HEARTH_ACCESS_USER,
	  .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, .fields = GET_TOKEN_ARGS, .args_size = sizeof(struct get_token_args),
	  .handler = get_token, .about = "A token that lets another client of the caller log in." },
	{ .method = "POST", .path = "/_matrix/client/v3/logout", .also = "api/v1 r0 unstable", .access = HEARTH_ACCESS_GUEST,
	  .flags = HEARTH_ENDPOINT_LOCKED_OK | HEARTH_ENDPOINT_OPTIONAL_BODY, .handler = logout,
		  .about = "Ends this session." },
	{ .method = "POST", .path = "/_matrix/client/v3/logout/all", .also = "api/v1 r0 unstable",
	  .access = HEARTH_ACCESS_GUEST,
	  .flags = HEARTH_ENDPOINT_LOCKED_OK | HEARTH_ENDPOINT_OPTIONAL_BODY, .handler = logout_all,
	  .about = "Ends all of the caller's sessions." },
	HEARTH_ENDPOINTS_END
};
