/* SPDX-License-Identifier: Apache-2.0 */
/* Registration: users, guests, free names, registration tokens. */
#include "accounts.h"

#include <errno.h>
#include <string.h>

struct register_args {
	const char               *kind, *type, *username, *password, *device_id, *device_name;
	bool                      inhibit_login, refresh_token;
	const struct hearth_json *auth;
};
static const struct hearth_field REGISTER_ARGS[] = {
	HEARTH_QUERY(struct register_args, kind, "kind", .fallback = "user", .choices = "user|guest"),
	HEARTH_BODY(struct register_args, type, "type"),
	HEARTH_BODY(struct register_args, username, "username", .max = 512),
	HEARTH_BODY(struct register_args, password, "password", .secret = 1, .max = 512),
	HEARTH_BODY(struct register_args, device_id, "device_id", .max = 512),
	HEARTH_BODY(struct register_args, device_name, "initial_device_display_name", .max = 1024),
	HEARTH_BODY(struct register_args, inhibit_login, "inhibit_login"),
	HEARTH_BODY(struct register_args, refresh_token, "refresh_token"),
	HEARTH_BODY(struct register_args, auth, "auth", .shape = HEARTH_AN_OBJECT), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int answer(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
				  const struct hearth_json *params, const char *user_id, int guest, struct hearth_error *err)
{
	struct accounts_session session = {
		.user_id = user_id, .device_id = hearth_json_get_string(params, "device_id"), .guest = guest,
		.device_name = hearth_json_get_string(params, "initial_device_display_name"),
		.refreshable = !guest && hearth_json_get_bool(params, "refresh_token", 0),
	};
	int login = !hearth_json_get_bool(params, "inhibit_login", 0), r;

	if (guest)
		session.device_id = "guest_device";
	if (login) {
		r = accounts_tokens_session(accounts, task, &session, err);
		if (r == 0)
			r = accounts_tokens_tell_login(accounts, task, req, &session, err);
		if (r < 0)
			return r;
	}
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "user_id", user_id);
	hearth_write_string(req->out, "home_server", accounts->server_name);
	if (login)
		accounts_tokens_write(req->out, &session);
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int register_guest(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
					  struct hearth_error *err)
{
	const struct hearth_hook_login checked = { .ip = req->ip, .user_agent = req->user_agent };
	const char *user_id;
	int r;

	if (!accounts->config.guests)
		return hearth_refuse(err, 403, "M_GUEST_ACCESS_FORBIDDEN", "Guest access is disabled");
	r = accounts->limits->check("rc_registration", req->ip, err);
	if (r == 0)
		r = accounts_account_create(accounts, task, &(struct accounts_new){ .guest = 1 }, &checked, &user_id, err);
	return r < 0 ? r : answer(accounts, task, req, req->body, user_id, 1, err);
}

static int check_open(const struct accounts *accounts, struct hearth_error *err)
{
	const struct accounts_config *config = &accounts->config;

	if (!config->enable_registration)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Registration has been disabled");
	if (!accounts_password_local(accounts) || strcmp(config->password_enabled, "true") != 0)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Registration with a password has been disabled");
	if (config->require_3pid.count)
		return hearth_refuse(err, 403, "M_FORBIDDEN",
				     "Registration needs a verified e-mail address or telephone number, "
				     "which this server cannot verify yet");
	if (config->captcha || config->consent_at_registration)
		return hearth_refuse(err, 403, "M_FORBIDDEN",
				     "Registration needs a captcha or consent page that is not there yet");
	return 0;
}

static int check_name(struct accounts *accounts, const char *username, struct hearth_error *err)
{
	return username ? accounts_names_check(username, accounts->server_name, 0, err) : 0;
}

HEARTH_SUSPENDS static int name_account(struct accounts *accounts, struct hearth_task *task, const struct hearth_json *params,
					struct accounts_new *wanted, struct hearth_error *err)
{
	struct hearth_hook_naming asked = { .params = params, .localpart = wanted->localpart };
	int r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_REGISTER_NAME, &asked, err);

	if (r < 0)
		return r;
	if (r == HEARTH_HOOK_DONE) {
		wanted->localpart = asked.localpart;
		wanted->displayname = asked.displayname;
	}
	return check_name(accounts, wanted->localpart, err);
}

HEARTH_SUSPENDS static int finish(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
				  const struct register_args *args, const struct accounts_uia *uia, struct hearth_error *err)
{
	const struct hearth_json *params = uia->params;
	struct accounts_new wanted = { .password_hash = uia->password_hash, .registration_token = uia->registration_token,
				       .uia_session = uia->session_id, .localpart = hearth_json_get_string(params,
					       "username") };
	const struct hearth_hook_login checked = { .ip = req->ip, .user_agent = req->user_agent,
						   .device_id = hearth_json_get_string(params, "device_id") };
	const char *user_id = uia->registered;
	int r = 0;

	if (!user_id) {
		if (!wanted.localpart)
			wanted.localpart = args->username;
		if (args->password && !wanted.password_hash)
			r = accounts_password_hash(accounts, task, args->password, &wanted.password_hash, err);
		if (r == 0 && !wanted.password_hash)
			r = hearth_refuse(err, 400, "M_MISSING_PARAM", "Missing params: password");
		if (r == 0)
			r = name_account(accounts, task, params, &wanted, err);
		if (r == 0)
			r = accounts->limits->check("rc_registration", req->ip, err);
		if (r == 0)
			r = accounts_account_create(accounts, task, &wanted, &checked, &user_id, err);
	}
	return r < 0 ? r : answer(accounts, task, req, params, user_id, 0, err);
}

/* A client may send the password with its first request alone. */
HEARTH_SUSPENDS static int keep_password(struct accounts *accounts, struct hearth_task *task, const char *session_id,
					 const char *password, struct hearth_error *err)
{
	const char *hash;
	int r = accounts_password_hash(accounts, task, password, &hash, err);

	return r < 0 ? r : accounts_uia_keep_password(accounts, task, session_id, hash, err);
}

HEARTH_SUSPENDS static int register_user(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					 struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct register_args *args = fields;
	const char *flows = accounts->config.requires_token ? "m.login.registration_token m.login.dummy" : "m.login.dummy";
	struct accounts_uia uia;
	int r;

	if (strcmp(args->kind, "guest") == 0)
		return register_guest(accounts, task, req, err);
	if (args->type && strcmp(args->type, "m.login.application_service") == 0)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Application services cannot register users here yet");
	r = check_open(accounts, err);
	if (r == 0)
		r = accounts->limits->peek("rc_registration", req->ip, err);
	if (r == 0)
		r = check_name(accounts, args->username, err);
	if (r == 0 && args->password)
		r = accounts_password_policy(&accounts->config, args->password, err);
	if (r == 0 && args->username && !hearth_json_get_string(args->auth, "session") && !accounts->config.inhibit_user_in_use)
		r = accounts_account_available(accounts, task, args->username, err);
	if (r < 0)
		return r;
	r = accounts_uia_run(accounts, task, req, args->auth, flows, 0, &uia, err);
	if (r == HEARTH_UIA_ASKED)
		return args->password && !hearth_json_get_string(args->auth, "session")
			       ? keep_password(accounts, task, uia.session_id, args->password, err)
			       : 0;
	return r < 0 ? r : finish(accounts, task, req, args, &uia, err);
}

struct available_args {
	const char *username;
};
static const struct hearth_field AVAILABLE_ARGS[] = {
	HEARTH_QUERY(struct available_args, username, "username", .required = 1, .max = 512), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int available(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct available_args *args = fields;
	int r;

	if (!accounts->config.enable_registration)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Registration has been disabled");
	r = accounts_names_check(args->username, accounts->server_name, 0, err);
	if (r == 0 && !accounts->config.inhibit_user_in_use)
		r = accounts_account_available(accounts, task, args->username, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_bool(req->out, "available", 1);
	hearth_write_end(req->out);
	return 0;
}

struct validity_args {
	const char *token;
};
static const struct hearth_field VALIDITY_ARGS[] = {
	HEARTH_QUERY(struct validity_args, token, "token", .required = 1, .max = 64), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int token_validity(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					  struct hearth_error *err)
{
	struct accounts *accounts = self;
	int valid = 0, r;

	if (!accounts->config.enable_registration)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Registration has been disabled");
	r = accounts->limits->check("rc_registration_token_validity", req->ip, err);
	if (r == 0)
		r = accounts_uia_token_valid(accounts, task, ((const struct validity_args *)fields)->token, &valid, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_bool(req->out, "valid", valid);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint ACCOUNTS_REGISTER_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/register", .also = "r0 unstable", .access = HEARTH_ACCESS_NONE,
	  .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, .fields = REGISTER_ARGS, .args_size = sizeof(struct register_args),
	  .handler = register_user, .about = "Makes an account." },
	{ .method = "GET", .path = "/_matrix/client/v3/register/available", .also = "r0 unstable", .access = HEARTH_ACCESS_NONE,
	  .limit = "rc_registration", .fields = AVAILABLE_ARGS, .args_size = sizeof(struct available_args),
		  .handler = available,
	  .about = "Whether a user name is free." },
	{ .method = "GET", .path = "/_matrix/client/v1/register/m.login.registration_token/validity", .also = "unstable",
	  .access = HEARTH_ACCESS_NONE, .fields = VALIDITY_ARGS, .args_size = sizeof(struct validity_args),
	  .handler = token_validity, .about = "Whether a registration token would be taken." },
	HEARTH_ENDPOINTS_END
};
