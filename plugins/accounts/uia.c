/* SPDX-License-Identifier: Apache-2.0 */
/* User-interactive authentication (spec client-server): sessions in the database, bound to the request they confirm. */
#include "accounts.h"

#include <errno.h>
#include <string.h>

#define SESSION_MAX_MS (48 * INT64_C(3600000))
#define FLOWS_MAX 8
#define PASSWORD "m.login.password"
#define TOKEN "m.login.registration_token"

/* --- the session in the database --- */

struct session {
	const char         *session_id, *params, *password_hash, *registered;
	int64_t             created_ms;
	struct hearth_bytes binding;
	struct hearth_texts stages, results;
};
static const struct hearth_field NEW_SESSION[] = {
	HEARTH_COLUMNS(struct session, session_id, created_ms, binding, params)
};
static const struct hearth_statement INSERT_SESSION = {
	.name = "accounts.insert_uia_session",
	.sql = "INSERT INTO account_uia_sessions (session_id, created_ms, binding, params) VALUES ($1, $2, $3, $4)",
	.params = NEW_SESSION,
};
static const struct hearth_field BY_SESSION[] = { HEARTH_COLUMNS(struct session, session_id, created_ms) };
static const struct hearth_field SESSION[] = {
	HEARTH_COLUMNS(struct session, session_id, params, password_hash, registered, binding, stages, results)
};
static const struct hearth_statement SELECT_SESSION = {
	.name = "accounts.select_uia_session",
	.sql = "SELECT s.session_id, s.params, s.password_hash, s.registered, s.binding,"
	       " coalesce(array_agg(g.stage ORDER BY g.stage) FILTER (WHERE g.stage IS NOT NULL), '{}'),"
	       " coalesce(array_agg(g.result ORDER BY g.stage) FILTER (WHERE g.stage IS NOT NULL), '{}')"
	       " FROM account_uia_sessions s LEFT JOIN account_uia_stages g USING (session_id)"
	       " WHERE s.session_id = $1 AND s.created_ms > $2 GROUP BY s.session_id",
	.params = BY_SESSION, .row = SESSION, .row_size = sizeof(struct session),
};

struct stage {
	const char *session_id, *stage, *result;
	int64_t     now_ms;
};
static const struct hearth_field STAGE[] = { HEARTH_COLUMNS(struct stage, session_id, stage, result) };
static const struct hearth_statement INSERT_STAGE = {
	.name = "accounts.insert_uia_stage",
	.sql = "INSERT INTO account_uia_stages (session_id, stage, result) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
	.params = STAGE,
};
static const struct hearth_statement UPDATE_PASSWORD = {
	.name = "accounts.keep_uia_password",
	.sql = "UPDATE account_uia_sessions SET password_hash = $2 WHERE session_id = $1",
	.params = (const struct hearth_field[]){ HEARTH_COLUMN(struct stage, session_id), HEARTH_COLUMN(struct stage, result),
						 HEARTH_FIELDS_END },
};

/* A token that a session has taken counts as pending until the session registers somebody or expires. */
#define TOKEN_VALID \
	"(expires_ms IS NULL OR expires_ms > $1) AND (uses_allowed IS NULL OR pending + completed < uses_allowed)"
static const struct hearth_field BY_TOKEN[] = { HEARTH_COLUMNS(struct stage, now_ms, result) };
static const struct hearth_statement TOKEN_IS_VALID = {
	.name = "accounts.registration_token_valid",
	.sql = "SELECT '', '', token FROM account_registration_tokens WHERE token = $2 AND " TOKEN_VALID,
	.params = BY_TOKEN, .row = STAGE, .row_size = sizeof(struct stage),
};
static const struct hearth_field TAKE[] = { HEARTH_COLUMNS(struct stage, now_ms, result, session_id) };
static const struct hearth_statement TAKE_TOKEN = {
	.name = "accounts.take_registration_token",
	.sql = "WITH taken AS (UPDATE account_registration_tokens SET pending = pending + 1 WHERE token = $2 AND "
	       TOKEN_VALID " AND NOT EXISTS (SELECT 1 FROM account_uia_stages WHERE session_id = $3 AND stage = '" TOKEN "')"
	       " RETURNING token)"
	       " INSERT INTO account_uia_stages (session_id, stage, result) SELECT $3, '" TOKEN "', token FROM taken",
	.params = TAKE,
};

HEARTH_SUSPENDS static int read_session(struct accounts *accounts, struct hearth_task *task, const char *session_id,
					struct session *ret_session, struct hearth_error *err)
{
	const struct session asked = { .session_id = session_id, .created_ms = accounts->tasks->now_ms() - SESSION_MAX_MS };
	struct hearth_rows rows;
	int r = accounts->db->read(task, &SELECT_SESSION, &asked, &rows, err);

	if (r < 0)
		return r;
	if (rows.count == 0)
		return hearth_refuse(err, 400, "M_UNKNOWN", "Unknown session ID");
	*ret_session = *(const struct session *)rows.items;
	return 0;
}

int accounts_uia_complete(struct accounts *accounts, struct hearth_task *task, const char *session_id, const char *stage,
			  const char *result, struct hearth_error *err)
{
	const struct stage done = { .session_id = session_id, .stage = stage, .result = result };
	int r = accounts->db->write(task, &INSERT_STAGE, &done, NULL, err);

	if (r != -ENOENT)
		return r;
	hearth_error_clear(err);
	return hearth_refuse(err, 400, "M_UNKNOWN", "Unknown session ID");
}

int accounts_uia_keep_password(struct accounts *accounts, struct hearth_task *task, const char *session_id, const char *hash,
			       struct hearth_error *err)
{
	return accounts->db->write(task, &UPDATE_PASSWORD, &(struct stage){ .session_id = session_id, .result = hash },
				   NULL, err);
}

int accounts_uia_token_valid(struct accounts *accounts, struct hearth_task *task, const char *token, int *ret_valid,
			     struct hearth_error *err)
{
	struct hearth_rows rows;
	int r = accounts->db->read(task, &TOKEN_IS_VALID,
				   &(struct stage){ .result = token, .now_ms = accounts->tasks->now_ms() }, &rows, err);

	if (r == 0)
		*ret_valid = rows.count > 0;
	return r;
}

int accounts_uia_take_token(struct accounts *accounts, struct hearth_task *task, const char *session_id, const char *token,
			    struct hearth_error *err)
{
	const struct stage taking = { .session_id = session_id, .result = token, .now_ms = accounts->tasks->now_ms() };
	struct session session;
	struct hearth_rows rows;
	int r = read_session(accounts, task, session_id, &session, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < session.stages.count; i++)
		if (strcmp(session.stages.items[i], TOKEN) == 0)
			return 0;
	r = accounts->db->write(task, &TAKE_TOKEN, &taking, &rows, err);
	if (r < 0)
		return r;
	return rows.affected ? 0 : hearth_refuse(err, 401, "M_UNAUTHORIZED", "Invalid registration token");
}

/* --- one request --- */

struct run {
	struct accounts          *accounts;
	struct hearth_task       *task;
	struct hearth_request    *req;
	const struct hearth_json *auth;
	const char               *flows;
	struct session            session;
	const char               *done_now, *done_result; /* a stage that this request completed; NULL */
};

static const char *result_of(const struct run *run, const char *stage, size_t length)
{
	for (size_t i = 0; i < run->session.stages.count; i++)
		if (strlen(run->session.stages.items[i]) == length && memcmp(run->session.stages.items[i], stage, length) == 0)
			return run->session.results.items[i];
	if (run->done_now && strlen(run->done_now) == length && memcmp(run->done_now, stage, length) == 0)
		return run->done_result;
	return NULL;
}

static bool flow_is_complete(const struct run *run, const char *flow)
{
	for (;;) {
		size_t length = strcspn(flow, " |");

		if (!result_of(run, flow, length))
			return false;
		if (flow[length] != ' ')
			return true;
		flow += length + 1;
	}
}

static bool is_complete(const struct run *run)
{
	for (const char *flow = run->flows; flow; flow = strchr(flow, '|') ? strchr(flow, '|') + 1 : NULL)
		if (flow_is_complete(run, flow))
			return true;
	return false;
}

static void write_flows(struct hearth_writer *w, const char *flows)
{
	hearth_write_array(w, "flows");
	while (*flows) {
		hearth_write_object(w, NULL);
		hearth_write_array(w, "stages");
		for (;;) {
			size_t length = strcspn(flows, " |");
			char separator = flows[length];

			hearth_write_string_n(w, NULL, flows, length);
			flows += length + (separator != '\0');
			if (separator != ' ')
				break;
		}
		hearth_write_end(w);
		hearth_write_end(w);
	}
	hearth_write_end(w);
}

/* failure NULL: nothing has failed, more is wanted. */
static int ask(const struct run *run, const struct hearth_error *failure)
{
	struct hearth_writer *w = run->req->out;

	run->req->status = 401;
	hearth_write_object(w, NULL);
	hearth_write_string(w, "session", run->session.session_id);
	write_flows(w, run->flows);
	hearth_write_object(w, "params");
	hearth_write_end(w);
	hearth_write_array(w, "completed");
	for (size_t i = 0; i < run->session.stages.count; i++)
		hearth_write_string(w, NULL, run->session.stages.items[i]);
	if (run->done_now)
		hearth_write_string(w, NULL, run->done_now);
	hearth_write_end(w);
	if (failure) {
		hearth_write_string(w, "errcode", hearth_error_errcode(failure));
		hearth_write_string(w, "error", failure->message);
	}
	hearth_write_end(w);
	return HEARTH_UIA_ASKED;
}

/* --- binding a session to what it confirms --- */

static struct hearth_json *operation(const struct run *run)
{
	struct hearth_json *params = hearth_json_object_copy(run->req->arena, run->req->body);

	hearth_json_remove(params, "auth");
	if (!run->req->user)
		hearth_json_remove(params, "password");
	return params;
}

static void bind(const struct run *run, const char *params, uint8_t ret_mac[32])
{
	char *text = hearth_arena_printf(run->req->arena, "%s\n%s\n%s", run->req->method, run->req->path, params);

	run->accounts->keys->hmac("uia", text, strlen(text), ret_mac);
}

/* What a registration asked for at first, so that later requests need not say it again; nothing of other operations. */
HEARTH_SUSPENDS static int open_session(struct run *run, struct hearth_error *err)
{
	struct hearth_arena *arena = run->req->arena;
	const char *params = accounts_json_text(arena, operation(run), NULL);
	uint8_t *mac = hearth_arena_alloc(arena, 32);
	char *session_id = hearth_arena_alloc(arena, 25);

	bind(run, params, mac);
	hearth_id_random(session_id, 25);
	run->session = (struct session){ .session_id = session_id, .created_ms = run->accounts->tasks->now_ms(),
					 .binding = { .data = mac, .size = 32 }, .params = run->req->user ? "{}" : params };
	return run->accounts->db->write(run->task, &INSERT_SESSION, &run->session, NULL, err);
}

HEARTH_SUSPENDS static int find_session(struct run *run, const char *session_id, struct hearth_error *err)
{
	const struct hearth_json *params = operation(run);
	uint8_t mac[32];
	int r = read_session(run->accounts, run->task, session_id, &run->session, err);

	if (r < 0)
		return r;
	bind(run, hearth_json_size(params) ? accounts_json_text(run->req->arena, params, NULL) : run->session.params, mac);
	if (run->session.binding.size != sizeof(mac) || !hearth_equal_secret(run->session.binding.data, mac, sizeof(mac)))
		return hearth_refuse(err, 403, "M_FORBIDDEN",
				     "Requested operation has changed during the UI authentication session.");
	return 0;
}

/* --- stages --- */

HEARTH_SUSPENDS static int stage_password(struct run *run, const char **ret_result, struct hearth_error *err)
{
	const struct hearth_json *identifier = hearth_json_get_object(run->auth, "identifier");
	const char *user = hearth_json_get_string(identifier ? identifier : run->auth, "user");
	const char *type = hearth_json_get_string(identifier, "type"), *password = hearth_json_get_string(run->auth,
		"password");
	const char *user_id;
	struct accounts_row row;
	size_t length;
	int r;

	hearth_json_string(hearth_json_get(run->auth, "password"), &length);
	if (!password || strlen(password) != length || (identifier && (!type || strcmp(type, "m.id.user") != 0)))
		return hearth_refuse(err, 400, "M_MISSING_PARAM",
				     "The password stage needs an m.id.user identifier and a password");
	if (!user)
		user = run->req->user ? run->req->user->user_id : NULL;
	if (!user)
		return hearth_refuse(err, 400, "M_MISSING_PARAM", "Missing params: user");
	r = accounts_names_user_id(run->req->arena, user, run->accounts->server_name, &user_id, err);
	if (r < 0)
		return r;
	if (run->req->user && strcasecmp(user_id, run->req->user->user_id) != 0)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "The user is not the one whose access token this is");
	r = accounts_password_login(run->accounts, run->task, user_id, password, &row, err);
	if (r == 0)
		*ret_result = row.user_id;
	return r;
}

static bool is_in_flows(const char *flows, const char *type)
{
	size_t length = strlen(type);

	while (*flows) {
		size_t stage = strcspn(flows, " |");

		if (stage == length && memcmp(flows, type, length) == 0)
			return true;
		flows += stage + (flows[stage] != '\0');
	}
	return false;
}

HEARTH_SUSPENDS static int run_stage(struct run *run, const char *type, struct hearth_error *err)
{
	const char *result = "true", *token;
	int r = 0;

	if (!is_in_flows(run->flows, type))
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "The stage %.60s is not part of any flow", type);
	if (result_of(run, type, strlen(type)))
		return 0;
	if (strcmp(type, PASSWORD) == 0) {
		r = stage_password(run, &result, err);
	} else if (strcmp(type, TOKEN) == 0) {
		token = hearth_json_get_string(run->auth, "token");
		r = token ? accounts_uia_take_token(run->accounts, run->task, run->session.session_id, token, err)
			  : hearth_refuse(err, 400, "M_MISSING_PARAM", "Missing params: token");
		result = token;
	}
	if (r == 0 && strcmp(type, TOKEN) != 0)
		r = accounts_uia_complete(run->accounts, run->task, run->session.session_id, type, result, err);
	if (r < 0)
		return r;
	run->done_now = type;
	run->done_result = result;
	return 0;
}

int accounts_uia_run(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
		     const struct hearth_json *auth, const char *flows, uint32_t flags, struct accounts_uia *ret_uia,
		     struct hearth_error *err)
{
	struct run run = { .accounts = accounts, .task = task, .req = req, .auth = auth, .flows = flows };
	const char *session_id = hearth_json_get_string(auth, "session"), *type = hearth_json_get_string(auth, "type"), *by;
	struct hearth_error failure = { 0 };
	int r;

	(void)flags;
	r = session_id && *session_id ? find_session(&run, session_id, err) : open_session(&run, err);
	if (r < 0)
		return r;
	*ret_uia = (struct accounts_uia){ .session_id = run.session.session_id };
	if (type && *type) {
		r = run_stage(&run, type, &failure);
		if (r < 0 && hearth_error_status(&failure) != 401 && hearth_error_status(&failure) != 403 &&
		    hearth_error_status(&failure) != 400) {
			*err = failure;
			return r;
		}
		if (r < 0)
			return ask(&run, &failure);
	}
	if (!is_complete(&run))
		return ask(&run, NULL);
	by = result_of(&run, PASSWORD, strlen(PASSWORD));
	if (req->user && by && strcmp(by, req->user->user_id) != 0)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Another user has confirmed this session");
	*ret_uia = (struct accounts_uia){
		.session_id = run.session.session_id, .password_hash = run.session.password_hash,
		.registered = run.session.registered, .registration_token = result_of(&run, TOKEN, strlen(TOKEN)),
	};
	return hearth_json_parse(req->arena, run.session.params, strlen(run.session.params), 0, &ret_uia->params, err);
}

struct validated {
	int64_t token_id, at_ms;
};
static const struct hearth_field VALIDATED[] = { HEARTH_COLUMNS(struct validated, token_id, at_ms) };
static const struct hearth_statement SELECT_VALIDATED = {
	.name = "accounts.select_token_validated",
	.sql = "SELECT id, validated_ms FROM account_access_tokens WHERE id = $1 AND validated_ms > $2",
	.params = VALIDATED, .row = VALIDATED, .row_size = sizeof(struct validated),
};
static const struct hearth_statement UPDATE_VALIDATED = {
	.name = "accounts.update_token_validated",
	.sql = "UPDATE account_access_tokens SET validated_ms = $2 WHERE id = $1",
	.params = VALIDATED,
};

int accounts_uia_confirm(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
			 const struct hearth_json *auth, uint32_t flags, struct hearth_error *err)
{
	struct validated validated = { .token_id = req->user->token_id };
	struct accounts_uia done;
	struct accounts_row row;
	struct hearth_rows rows;
	int64_t now = accounts->tasks->now_ms();
	int r;

	if (flags & ACCOUNTS_UIA_REUSABLE && accounts->config.uia_session_ms > 0) {
		validated.at_ms = now - accounts->config.uia_session_ms;
		r = accounts->db->read(task, &SELECT_VALIDATED, &validated, &rows, err);
		if (r < 0 || rows.count > 0)
			return r;
	}
	r = accounts_account_read(accounts, task, req->user->user_id, 0, &row, err);
	if (r < 0)
		return r;
	if (!(row.password_hash && accounts_password_local(accounts)) &&
	    !accounts->hooks->present(accounts->host, HEARTH_HOOK_AUTH_CHECK_PASSWORD))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "This account has no password to confirm with");
	r = accounts_uia_run(accounts, task, req, auth, PASSWORD, flags, &done, err);
	if (r != 0 || accounts->config.uia_session_ms == 0)
		return r;
	validated.at_ms = now;
	return accounts->db->write(task, &UPDATE_VALIDATED, &validated, NULL, err);
}
