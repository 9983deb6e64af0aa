/* SPDX-License-Identifier: Apache-2.0 */
/* Registration tokens for administrators, as Synapse's admin API has them. */
#include "accounts.h"

#include <errno.h>
#include <string.h>

#define BASE "/_synapse/admin/v1/registration_tokens"
#define NONE (-1) /* uses_allowed and expiry_time: null */
#define KEEP (-2) /* not given */
#define LENGTH_MAX 64

struct token {
	const char *token;
	int64_t     uses_allowed, pending, completed, expires_ms, valid, now_ms;
};
#define COLUMNS "token, coalesce(uses_allowed, -1), pending, completed, coalesce(expires_ms, -1)"
static const struct hearth_field ROW[] = {
	HEARTH_COLUMNS(struct token, token, uses_allowed, pending, completed, expires_ms)
};
static const struct hearth_field LISTED[] = { HEARTH_COLUMNS(struct token, valid, now_ms) };
/* valid: 1 valid ones, 0 the others, -1 all */
static const struct hearth_statement SELECT_TOKENS = {
	.name = "accounts.select_registration_tokens",
	.sql = "SELECT " COLUMNS " FROM account_registration_tokens WHERE $1 < 0 OR ($1 = 1) ="
	       " ((expires_ms IS NULL OR expires_ms > $2) AND (uses_allowed IS NULL OR pending + completed < uses_allowed))"
	       " ORDER BY token LIMIT 10000",
	.params = LISTED, .row = ROW, .row_size = sizeof(struct token),
};
static const struct hearth_field BY_TOKEN[] = { HEARTH_COLUMNS(struct token, token) };
static const struct hearth_statement SELECT_TOKEN = {
	.name = "accounts.select_registration_token",
	.sql = "SELECT " COLUMNS " FROM account_registration_tokens WHERE token = $1",
	.params = BY_TOKEN, .row = ROW, .row_size = sizeof(struct token),
};
static const struct hearth_statement DELETE_TOKEN = {
	.name = "accounts.delete_registration_token",
	.sql = "DELETE FROM account_registration_tokens WHERE token = $1",
	.params = BY_TOKEN,
};
static const struct hearth_field SETTINGS[] = { HEARTH_COLUMNS(struct token, token, uses_allowed, expires_ms) };
static const struct hearth_statement INSERT_TOKEN = {
	.name = "accounts.insert_registration_token",
	.sql = "INSERT INTO account_registration_tokens (token, uses_allowed, expires_ms)"
	       " VALUES ($1, nullif(greatest($2, -1), -1), nullif(greatest($3, -1), -1)) RETURNING " COLUMNS,
	.params = SETTINGS, .row = ROW, .row_size = sizeof(struct token),
};
static const struct hearth_statement UPDATE_TOKEN = {
	.name = "accounts.update_registration_token",
	.sql = "UPDATE account_registration_tokens SET"
	       " uses_allowed = CASE $2 WHEN -2 THEN uses_allowed WHEN -1 THEN NULL ELSE $2 END,"
	       " expires_ms = CASE $3 WHEN -2 THEN expires_ms WHEN -1 THEN NULL ELSE $3 END"
	       " WHERE token = $1 RETURNING " COLUMNS,
	.params = SETTINGS, .row = ROW, .row_size = sizeof(struct token),
};

static void write_number(struct hearth_writer *w, const char *key, int64_t number)
{
	if (number == NONE)
		hearth_write_null(w, key);
	else
		hearth_write_int(w, key, number);
}

static void write_token(struct hearth_writer *w, const struct token *token)
{
	hearth_write_object(w, NULL);
	hearth_write_string(w, "token", token->token);
	write_number(w, "uses_allowed", token->uses_allowed);
	hearth_write_int(w, "pending", token->pending);
	hearth_write_int(w, "completed", token->completed);
	write_number(w, "expiry_time", token->expires_ms);
	hearth_write_end(w);
}

/* Runs a statement that gives one token or none, and writes it. */
HEARTH_SUSPENDS static int answer(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
				  const struct hearth_statement *statement, const struct token *asked, struct hearth_error *err)
{
	struct hearth_rows rows;
	int r = accounts->db->write(task, statement, asked, &rows, err);

	if (r < 0)
		return r;
	if (rows.count == 0)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "No such registration token: %.64s", asked->token);
	write_token(req->out, rows.items);
	return 0;
}

struct token_args {
	const char               *token, *valid;
	int64_t                   length;
	const struct hearth_json *body;
};
static const struct hearth_field LIST_ARGS[] = {
	HEARTH_QUERY(struct token_args, valid, "valid", .choices = "true|false"), HEARTH_FIELDS_END
};
static const struct hearth_field ONE_ARGS[] = { HEARTH_PATH(struct token_args, token, "token"), HEARTH_FIELDS_END };
static const struct hearth_field PUT_ARGS[] = {
	HEARTH_PATH(struct token_args, token, "token"), HEARTH_WHOLE_BODY(struct token_args, body), HEARTH_FIELDS_END
};
static const struct hearth_field NEW_ARGS[] = {
	HEARTH_BODY(struct token_args, token, "token", .max = LENGTH_MAX),
	HEARTH_BODY(struct token_args, length, "length", .min = 1, .max = LENGTH_MAX, .fallback = "16"),
	HEARTH_WHOLE_BODY(struct token_args, body), HEARTH_FIELDS_END
};

/* A number that may also be null, or missing. */
static int read_number(const struct hearth_json *body, const char *key, int64_t least, int64_t *ret_number,
		       struct hearth_error *err)
{
	const struct hearth_json *value = hearth_json_get(body, key);

	switch (hearth_json_type(value)) {
	case HEARTH_JSON_NONE: *ret_number = KEEP; return 0;
	case HEARTH_JSON_NULL: *ret_number = NONE; return 0;
	case HEARTH_JSON_INT: *ret_number = hearth_json_int(value); break;
	default: *ret_number = -3;
	}
	if (*ret_number < least)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must be null or a number from %lld", key,
				     (long long)least);
	return 0;
}

static int read_settings(struct accounts *accounts, const struct hearth_json *body, struct token *token,
			 struct hearth_error *err)
{
	int r = read_number(body, "uses_allowed", 0, &token->uses_allowed, err);

	return r < 0 ? r : read_number(body, "expiry_time", accounts->tasks->now_ms(), &token->expires_ms, err);
}

HEARTH_SUSPENDS static int list(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	struct accounts *accounts = self;
	const char *valid = ((const struct token_args *)fields)->valid;
	const struct token asked = { .valid = !valid ? -1 : strcmp(valid, "true") == 0, .now_ms = accounts->tasks->now_ms() };
	struct hearth_rows rows;
	int r = accounts->db->read(task, &SELECT_TOKENS, &asked, &rows, err);

	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_array(req->out, "registration_tokens");
	for (size_t i = 0; i < rows.count; i++)
		write_token(req->out, (const struct token *)rows.items + i);
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int make(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	const struct token_args *args = fields;
	char random[LENGTH_MAX + 1];
	struct token token = { .token = args->token };
	int r = read_settings(self, args->body, &token, err);

	if (r < 0)
		return r;
	if (!token.token) {
		hearth_id_random(random, (size_t)args->length + 1);
		token.token = random;
	} else if (!hearth_id_is_opaque(token.token)) {
		return hearth_refuse(err, 400, "M_INVALID_PARAM",
				     "A token is made of A-Z, a-z, 0-9 and the characters . _ ~ -");
	}
	r = answer(self, task, req, &INSERT_TOKEN, &token, err);
	if (r != -EEXIST)
		return r;
	hearth_error_clear(err);
	return hearth_refuse(err, 400, "M_INVALID_PARAM", "Token already exists: %s", token.token);
}

HEARTH_SUSPENDS static int get(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
			       struct hearth_error *err)
{
	return answer(self, task, req, &SELECT_TOKEN,
		      &(struct token){ .token = ((const struct token_args *)fields)->token }, err);
}

HEARTH_SUSPENDS static int put(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
			       struct hearth_error *err)
{
	const struct token_args *args = fields;
	struct token token = { .token = args->token };
	int r = read_settings(self, args->body, &token, err);

	return r < 0 ? r : answer(self, task, req, &UPDATE_TOKEN, &token, err);
}

HEARTH_SUSPENDS static int delete_token(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct token asked = { .token = ((const struct token_args *)fields)->token };
	struct hearth_rows rows;
	int r = accounts->db->write(task, &DELETE_TOKEN, &asked, &rows, err);

	(void)req;
	if (r == 0 && rows.affected == 0)
		r = hearth_refuse(err, 404, "M_NOT_FOUND", "No such registration token: %.64s", asked.token);
	return r;
}

#define ADMIN .resource = HEARTH_RESOURCE_ADMIN, .access = HEARTH_ACCESS_ADMIN
#define ARGS(table) .fields = table, .args_size = sizeof(struct token_args)

const struct hearth_endpoint ACCOUNTS_REGISTRATION_TOKEN_ENDPOINTS[] = {
	{ .method = "GET", .path = BASE, ADMIN, ARGS(LIST_ARGS), .handler = list, .about = "All registration tokens." },
	{ .method = "POST", .path = BASE "/new", ADMIN, ARGS(NEW_ARGS), .handler = make,
	  .about = "Makes a registration token." },
	{ .method = "GET", .path = BASE "/{token}", ADMIN, ARGS(ONE_ARGS), .handler = get, .about = "One registration token." },
	{ .method = "PUT", .path = BASE "/{token}", ADMIN, ARGS(PUT_ARGS), .handler = put,
	  .about = "Changes a registration token." },
	{ .method = "DELETE", .path = BASE "/{token}", ADMIN, .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, ARGS(ONE_ARGS),
	  .handler = delete_token, .about = "Removes a registration token." },
	HEARTH_ENDPOINTS_END
};
