/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: display name, avatar, and any other field, 64 KiB in all. */
#include "accounts.h"

#include <errno.h>
#include <string.h>

#define TOTAL_MAX 65536
#define NAME_MAX_BYTES 255
#define DISPLAYNAME_MAX 1024 /* 256 characters, checked apart */
#define AVATAR_MAX 1000

struct profile {
	const char         *user_id, *displayname, *avatar_url, *fields;
	struct hearth_texts ids;
};
static const struct hearth_field BY_USER[] = { HEARTH_COLUMNS(struct profile, user_id) };
static const struct hearth_field PROFILE[] = {
	HEARTH_COLUMNS(struct profile, user_id, displayname, avatar_url, fields)
};
#define SELECT "SELECT user_id, displayname, avatar_url, fields FROM account_profiles WHERE user_id = "
static const struct hearth_statement SELECT_PROFILE = {
	.name = "accounts.select_profile", .sql = SELECT "$1",
	.params = BY_USER, .row = PROFILE, .row_size = sizeof(struct profile),
};
static const struct hearth_statement LOCK_PROFILE = {
	.name = "accounts.lock_profile", .sql = SELECT "$1 FOR UPDATE",
	.params = BY_USER, .row = PROFILE, .row_size = sizeof(struct profile),
};
static const struct hearth_field BY_IDS[] = { HEARTH_COLUMNS(struct profile, ids) };
static const struct hearth_statement SELECT_PROFILES = {
	.name = "accounts.select_profiles", .sql = SELECT "ANY($1)",
	.params = BY_IDS, .row = PROFILE, .row_size = sizeof(struct profile),
};
static const struct hearth_statement UPDATE_PROFILE = {
	.name = "accounts.update_profile",
	.sql = "UPDATE account_profiles SET displayname = $2, avatar_url = $3, fields = $4 WHERE user_id = $1",
	.params = PROFILE,
};

int accounts_profiles(const struct hearth_accounts *service, struct hearth_task *task, const char *const *user_ids,
		      size_t count,
		      struct hearth_profile *ret_profiles, struct hearth_error *err)
{
	struct accounts *accounts = accounts_of(service);
	struct hearth_arena *arena = accounts->tasks->arena(task);
	const struct profile asked = { .ids = { .items = user_ids, .count = count } };
	struct hearth_json *by_id = hearth_json_object_new(arena);
	const struct profile *found;
	struct hearth_rows rows;
	int r = accounts->db->read(task, &SELECT_PROFILES, &asked, &rows, err);

	if (r < 0)
		return r;
	found = rows.items;
	for (size_t i = 0; i < rows.count; i++)
		hearth_json_set_int(by_id, found[i].user_id, (int64_t)i);
	for (size_t i = 0; i < count; i++) {
		int64_t at = hearth_json_get_int(by_id, user_ids[i], -1);

		ret_profiles[i] = (struct hearth_profile){ .size = sizeof(*ret_profiles), .user_id = user_ids[i],
							   .exists = at >= 0 };
		if (at < 0)
			continue;
		ret_profiles[i].displayname = found[at].displayname;
		ret_profiles[i].avatar_url = found[at].avatar_url;
	}
	return 0;
}

/* --- reading --- */

struct profile_args {
	const char               *user_id, *field;
	const struct hearth_json *body;
};
static const struct hearth_field GET_ARGS[] = {
	HEARTH_PATH(struct profile_args, user_id, "userId", .format = HEARTH_USER_ID), HEARTH_FIELDS_END
};
static const struct hearth_field FIELD_ARGS[] = {
	HEARTH_PATH(struct profile_args, user_id, "userId", .format = HEARTH_USER_ID),
	HEARTH_PATH(struct profile_args, field, "keyName"), HEARTH_FIELDS_END
};
static const struct hearth_field PUT_ARGS[] = {
	HEARTH_PATH(struct profile_args, user_id, "userId", .format = HEARTH_USER_ID),
	HEARTH_PATH(struct profile_args, field, "keyName"), HEARTH_WHOLE_BODY(struct profile_args, body), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int read_profile(struct accounts *accounts, struct hearth_task *task, const struct hearth_request *req,
					const char *user_id, struct profile *ret_profile, struct hearth_error *err)
{
	struct hearth_rows rows;
	bool own = req->user && strcmp(req->user->user_id, user_id) == 0;
	int r;

	if (!req->user && (accounts->config.profile_auth || accounts->config.profile_shared_rooms))
		return hearth_refuse(err, 401, "M_MISSING_TOKEN", "Missing access token");
	if (accounts->config.profile_shared_rooms && !own)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Profiles of others are not shown on this server");
	r = accounts->db->read(task, &SELECT_PROFILE, &(struct profile){ .user_id = user_id }, &rows, err);
	if (r < 0)
		return r;
	if (rows.count == 0)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "Profile was not found");
	*ret_profile = *(const struct profile *)rows.items;
	return 0;
}

HEARTH_SUSPENDS static int get(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
			       struct hearth_error *err)
{
	const struct profile_args *args = fields;
	struct profile profile;
	int r = read_profile(self, task, req, args->user_id, &profile, err);

	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "displayname", profile.displayname);
	hearth_write_string(req->out, "avatar_url", profile.avatar_url);
	hearth_write_members(req->out, profile.fields, strlen(profile.fields));
	hearth_write_end(req->out);
	return 0;
}

static int check_field(const char *field, struct hearth_error *err)
{
	if (strlen(field) > NAME_MAX_BYTES)
		return hearth_refuse(err, 400, "M_KEY_TOO_LARGE", "A profile field's name has at most %d bytes",
				     NAME_MAX_BYTES);
	return accounts_names_is_field(field) ? 0 : hearth_refuse(err, 400, "M_INVALID_PARAM", "Invalid profile key");
}

HEARTH_SUSPENDS static int get_field(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	const struct profile_args *args = fields;
	const struct hearth_json *all, *value = NULL;
	struct profile profile;
	const char *text = NULL;
	int r = check_field(args->field, err);

	if (r == 0)
		r = read_profile(self, task, req, args->user_id, &profile, err);
	if (r < 0)
		return r;
	if (strcmp(args->field, "displayname") == 0)
		text = profile.displayname;
	else if (strcmp(args->field, "avatar_url") == 0)
		text = profile.avatar_url;
	else if ((r = hearth_json_parse(req->arena, profile.fields, strlen(profile.fields), 0, &all, err)) < 0)
		return r;
	else
		value = hearth_json_get(all, args->field);
	if (!text && !value)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "No such profile field");
	hearth_write_object(req->out, NULL);
	if (text)
		hearth_write_string(req->out, args->field, text);
	else
		hearth_write_json(req->out, args->field, value);
	hearth_write_end(req->out);
	return 0;
}

/* --- changing --- */

struct change {
	struct accounts          *accounts;
	const char               *user_id, *field;
	const struct hearth_json *value; /* NULL: removes it */
};

static size_t characters(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

static int check_value(const char *field, const struct hearth_json *value, struct hearth_error *err)
{
	const char *text = hearth_json_string(value, NULL);
	size_t length;

	if (!value)
		return hearth_refuse(err, 400, "M_MISSING_PARAM", "Missing params: %s", field);
	if (strcmp(field, "displayname") != 0 && strcmp(field, "avatar_url") != 0)
		return strcmp(field, "m.tz") != 0 || text ? 0 : hearth_refuse(err, 400, "M_INVALID_PARAM",
									      "m.tz must be a string");
	if (hearth_json_type(value) == HEARTH_JSON_NULL)
		return 0;
	hearth_json_string(value, &length);
	if (!text || strlen(text) != length)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must be a string without NUL", field);
	if (field[0] == 'd' && (strlen(text) > DISPLAYNAME_MAX || characters(text) > 256))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "A display name has at most 256 characters");
	if (field[0] == 'a' && strlen(text) > AVATAR_MAX)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "An avatar's address has at most %d bytes", AVATAR_MAX);
	if (field[0] == 'a' && *text && strncmp(text, "mxc://", 6) != 0)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "avatar_url must be an mxc: URI");
	return 0;
}

static int apply(struct hearth_arena *arena, struct profile *profile, const struct change *change, struct hearth_error *err)
{
	const char *text = hearth_json_string(change->value, NULL);
	const struct hearth_json *all;
	struct hearth_json *changed;
	int r;

	if (text && !*text)
		text = NULL;
	if (strcmp(change->field, "displayname") == 0) {
		profile->displayname = text;
		return 0;
	}
	if (strcmp(change->field, "avatar_url") == 0) {
		profile->avatar_url = text;
		return 0;
	}
	r = hearth_json_parse(arena, profile->fields, strlen(profile->fields), 0, &all, err);
	if (r < 0)
		return r;
	changed = hearth_json_object_copy(arena, all);
	if (change->value)
		hearth_json_set(changed, change->field, change->value);
	else
		hearth_json_remove(changed, change->field);
	profile->fields = accounts_json_text(arena, changed, NULL);
	return 0;
}

HEARTH_SUSPENDS static int change_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct change *change = argument;
	const struct hearth_db *db = change->accounts->db;
	struct profile profile = { .user_id = change->user_id };
	struct hearth_rows rows;
	size_t total;
	int r = db->query(tx, &LOCK_PROFILE, &profile, &rows, err);

	if (r < 0)
		return r;
	if (rows.count == 0)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "Profile was not found");
	profile = *(const struct profile *)rows.items;
	r = apply(change->accounts->tasks->arena(task), &profile, change, err);
	if (r < 0)
		return r;
	total = strlen(profile.fields) + (profile.displayname ? strlen(profile.displayname) + 18 : 0) +
		(profile.avatar_url ? strlen(profile.avatar_url) + 17 : 0);
	if (change->value && total > TOTAL_MAX)
		return hearth_refuse(err, 400, "M_PROFILE_TOO_LARGE", "The profile would be larger than 64 KiB");
	return db->exec(tx, &UPDATE_PROFILE, &profile, err);
}

static int may_change(const struct accounts *accounts, const struct hearth_request *req, const struct profile_args *args,
		      struct hearth_error *err)
{
	const struct accounts_config *config = &accounts->config;
	bool admin = req->user->flags & HEARTH_REQUESTER_ADMIN;
	int r = check_field(args->field, err);

	if (r < 0)
		return r;
	if (!admin && strcmp(req->user->user_id, args->user_id) != 0)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Cannot set another user's profile");
	if (req->user->flags & HEARTH_REQUESTER_SUSPENDED)
		return hearth_refuse(err, 403, "M_USER_SUSPENDED", "A suspended account cannot change its profile");
	if (!admin && ((!config->set_displayname && strcmp(args->field, "displayname") == 0) ||
		       (!config->set_avatar && strcmp(args->field, "avatar_url") == 0)))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Changing %s is disabled on this server", args->field);
	return 0;
}

HEARTH_SUSPENDS static int store(struct accounts *accounts, struct hearth_task *task, const struct change *change,
				 struct hearth_error *err)
{
	struct hearth_hook_profile told = { .user_id = change->user_id, .field = change->field };
	struct change copied = *change;
	int r = accounts->db->transact(task, HEARTH_TX_WRITE, change_in_tx, &copied, err);

	if (r < 0)
		return r;
	r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_PROFILE_CHANGED, &told, err);
	return r < 0 ? r : 0;
}

HEARTH_SUSPENDS static int put_field(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	const struct profile_args *args = fields;
	const struct change change = { .accounts = self, .user_id = args->user_id, .field = args->field,
				       .value = hearth_json_get(args->body, args->field) };
	int r = may_change(self, req, args, err);

	if (r == 0)
		r = check_value(args->field, change.value, err);
	return r < 0 ? r : store(self, task, &change, err);
}

HEARTH_SUSPENDS static int delete_field(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					struct hearth_error *err)
{
	const struct profile_args *args = fields;
	const struct change change = { .accounts = self, .user_id = args->user_id, .field = args->field };
	int r = may_change(self, req, args, err);

	return r < 0 ? r : store(self, task, &change, err);
}

#define ARGS(table) .fields = table, .args_size = sizeof(struct profile_args)
#define ALSO "api/v1 r0 unstable"
#define UNSTABLE_FIELD "/_matrix/client/unstable/uk.tcpip.msc4133/profile/{userId}/{keyName}"

const struct hearth_endpoint ACCOUNTS_PROFILE_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v3/profile/{userId}", .also = ALSO, .access = HEARTH_ACCESS_OPTIONAL,
	  ARGS(GET_ARGS),
	  .handler = get, .about = "A user's profile." },
	{ .method = "GET", .path = "/_matrix/client/v3/profile/{userId}/{keyName}", .also = ALSO,
	  .access = HEARTH_ACCESS_OPTIONAL,
	  ARGS(FIELD_ARGS), .handler = get_field, .about = "One field of a profile." },
	{ .method = "PUT", .path = "/_matrix/client/v3/profile/{userId}/{keyName}", .also = ALSO, .access = HEARTH_ACCESS_GUEST,
	  ARGS(PUT_ARGS), .body_max_bytes = 70000, .handler = put_field, .about = "Sets a field of the caller's profile." },
	{ .method = "DELETE", .path = "/_matrix/client/v3/profile/{userId}/{keyName}", .also = ALSO,
	  .access = HEARTH_ACCESS_GUEST,
	  .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, ARGS(FIELD_ARGS), .handler = delete_field,
	  .about = "Removes a field of the caller's profile." },
	{ .method = "GET", .path = UNSTABLE_FIELD, .access = HEARTH_ACCESS_OPTIONAL, ARGS(FIELD_ARGS), .handler = get_field,
	  .about = "As the stable endpoint." },
	{ .method = "PUT", .path = UNSTABLE_FIELD, .access = HEARTH_ACCESS_GUEST, ARGS(PUT_ARGS), .body_max_bytes = 70000,
	  .handler = put_field, .about = "As the stable endpoint." },
	{ .method = "DELETE", .path = UNSTABLE_FIELD, .access = HEARTH_ACCESS_GUEST, .flags = HEARTH_ENDPOINT_OPTIONAL_BODY,
	  ARGS(FIELD_ARGS), .handler = delete_field, .about = "As the stable endpoint." },
	HEARTH_ENDPOINTS_END
};
