/* SPDX-License-Identifier: Apache-2.0 */
/* OpenID tokens, by which a third party learns that a user is who they say (spec "OpenID"). */
#include "accounts.h"

#include <string.h>

#define LIFETIME_MS 3600000

struct openid {
	struct hearth_bytes token_hash;
	const char         *user_id;
	int64_t             expires_ms;
};
static const struct hearth_field TOKEN[] = { HEARTH_COLUMNS(struct openid, token_hash, user_id, expires_ms) };
static const struct hearth_statement INSERT_TOKEN = {
	.name = "accounts.insert_openid_token",
	.sql = "INSERT INTO account_openid_tokens (token_hash, user_id, expires_ms) VALUES ($1, $2, $3)",
	.params = TOKEN,
};
static const struct hearth_field HASH_AND_TIME[] = { HEARTH_COLUMNS(struct openid, token_hash, expires_ms) };
static const struct hearth_field USER[] = { HEARTH_COLUMNS(struct openid, user_id) };
static const struct hearth_statement SELECT_USER = {
	.name = "accounts.select_openid_user",
	.sql = "SELECT user_id FROM account_openid_tokens WHERE token_hash = $1 AND expires_ms > $2",
	.params = HASH_AND_TIME, .row = USER, .row_size = sizeof(struct openid),
};

struct request_args {
	const char *user_id;
};
static const struct hearth_field REQUEST_ARGS[] = {
	HEARTH_PATH(struct request_args, user_id, "userId", .format = HEARTH_USER_ID), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int request_token(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					 struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct request_args *args = fields;
	char token[33];
	struct openid row = { .user_id = args->user_id, .expires_ms = accounts->tasks->now_ms() + LIFETIME_MS };
	int r = accounts_own(req, args->user_id, err);

	if (r < 0)
		return r;
	hearth_id_random(token, sizeof(token));
	row.token_hash = accounts_tokens_hash(req->arena, token);
	r = accounts->db->write(task, &INSERT_TOKEN, &row, NULL, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "access_token", token);
	hearth_write_string(req->out, "token_type", "Bearer");
	hearth_write_string(req->out, "matrix_server_name", accounts->server_name);
	hearth_write_int(req->out, "expires_in", LIFETIME_MS / 1000);
	hearth_write_end(req->out);
	return 0;
}

struct userinfo_args {
	const char *token;
};
static const struct hearth_field USERINFO_ARGS[] = {
	HEARTH_QUERY(struct userinfo_args, token, "access_token", .required = 1, .max = 512), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int userinfo(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct userinfo_args *args = fields;
	const struct openid asked = { .token_hash = accounts_tokens_hash(req->arena, args->token),
				      .expires_ms = accounts->tasks->now_ms() };
	struct hearth_rows rows;
	int r = accounts->db->read(task, &SELECT_USER, &asked, &rows, err);

	if (r < 0)
		return r;
	if (rows.count == 0)
		return hearth_refuse(err, 401, "M_UNKNOWN_TOKEN", "Access token unknown or expired");
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "sub", ((const struct openid *)rows.items)->user_id);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint ACCOUNTS_OPENID_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/user/{userId}/openid/request_token", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, .fields = REQUEST_ARGS,
	  .args_size = sizeof(struct request_args), .handler = request_token,
		  .about = "A token that proves who the caller is." },
	{ .method = "GET", .path = "/_matrix/federation/v1/openid/userinfo", .resource = HEARTH_RESOURCE_FEDERATION,
	  .access = HEARTH_ACCESS_NONE, .fields = USERINFO_ARGS, .args_size = sizeof(struct userinfo_args), .handler = userinfo,
	  .about = "Whose an OpenID token is." },
	HEARTH_ENDPOINTS_END
};
