/* SPDX-License-Identifier: Apache-2.0 */
/* Account data, global and of rooms, and who is ignored. */
#include "accounts.h"

#include <errno.h>
#include <string.h>

struct data {
	struct accounts *accounts;
	const char      *user_id, *room_id, *type, *content;
	int64_t          stream_id;
};
static const struct hearth_field KEY[] = { HEARTH_COLUMNS(struct data, user_id, room_id, type) };
static const struct hearth_field CONTENT[] = { HEARTH_COLUMNS(struct data, content) };
static const struct hearth_statement SELECT_DATA = {
	.name = "accounts.select_data",
	.sql = "SELECT content FROM account_data WHERE user_id = $1 AND room_id = $2 AND type = $3",
	.params = KEY, .row = CONTENT, .row_size = sizeof(struct data),
};
static const struct hearth_field WHOLE[] = { HEARTH_COLUMNS(struct data, user_id, room_id, type, stream_id, content) };
static const struct hearth_statement UPSERT_DATA = {
	.name = "accounts.upsert_data",
	.sql = "INSERT INTO account_data (user_id, room_id, type, stream_id, content) VALUES ($1, $2, $3, $4, $5)"
	       " ON CONFLICT (user_id, room_id, type) DO UPDATE SET stream_id = excluded.stream_id, content = excluded.content",
	.params = WHOLE,
};

const char *accounts_json_text(struct hearth_arena *arena, const struct hearth_json *value, size_t *ret_length)
{
	struct hearth_writer *w = hearth_writer_new(arena);

	hearth_write_json(w, NULL, value);
	return hearth_writer_text(w, ret_length);
}

int accounts_account_data_get(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
			      const char *room_id, const char *type, const struct hearth_json **ret_content,
			      struct hearth_error *err)
{
	struct accounts *accounts = accounts_of(service);
	const struct data asked = { .user_id = user_id, .room_id = room_id ? room_id : "", .type = type };
	struct hearth_rows rows;
	const char *text;
	int r = accounts->db->read(task, &SELECT_DATA, &asked, &rows, err);

	if (r < 0)
		return r;
	if (rows.count == 0) {
		*ret_content = NULL;
		return 0;
	}
	text = ((const struct data *)rows.items)->content;
	return hearth_json_parse(accounts->tasks->arena(task), text, strlen(text), 0, ret_content, err);
}

HEARTH_SUSPENDS static int put_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument, struct hearth_error *err)
{
	struct data *data = argument;
	const struct hearth_news news = { .users = &data->user_id, .user_count = 1 };
	int r = data->accounts->streams->next(tx, data->accounts->account_data, 1, &news, &data->stream_id, err);

	(void)task;
	if (r == 0)
		r = data->accounts->db->exec(tx, &UPSERT_DATA, data, err);
	if (r == 0 && !*data->room_id && strcmp(data->type, "m.ignored_user_list") == 0)
		r = accounts_auth_forget(data->accounts, tx, data->user_id, err);
	return r;
}

int accounts_account_data_put(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
			      const char *room_id, const char *type, const struct hearth_json *content,
				      struct hearth_error *err)
{
	struct accounts *accounts = accounts_of(service);
	struct data data = { .accounts = accounts, .user_id = user_id, .room_id = room_id ? room_id : "", .type = type,
			     .content = accounts_json_text(accounts->tasks->arena(task), content, NULL) };

	struct hearth_hook_account_data told = { .user_id = user_id, .room_id = room_id, .type = type, .content = content };
	int r = accounts->db->transact(task, HEARTH_TX_WRITE, put_in_tx, &data, err);

	if (r == 0)
		r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_ACCOUNT_DATA_ON_UPDATE, &told, err);
	return r < 0 ? r : 0;
}

/* --- endpoints --- */

struct data_args {
	const char               *user_id, *room_id, *type;
	const struct hearth_json *body;
};
#define OF_USER HEARTH_PATH(struct data_args, user_id, "userId", .format = HEARTH_USER_ID)
#define OF_ROOM HEARTH_PATH(struct data_args, room_id, "roomId", .format = HEARTH_ROOM_ID)
#define OF_TYPE HEARTH_PATH(struct data_args, type, "type", .max = 255)
static const struct hearth_field GET_ARGS[] = { OF_USER, OF_TYPE, HEARTH_FIELDS_END };
static const struct hearth_field PUT_ARGS[] = { OF_USER, OF_TYPE, HEARTH_WHOLE_BODY(struct data_args, body),
						HEARTH_FIELDS_END };
static const struct hearth_field GET_ROOM_ARGS[] = { OF_USER, OF_ROOM, OF_TYPE, HEARTH_FIELDS_END };
static const struct hearth_field PUT_ROOM_ARGS[] = {
	OF_USER, OF_ROOM, OF_TYPE, HEARTH_WHOLE_BODY(struct data_args, body), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int get(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
			       struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct data_args *args = fields;
	const struct hearth_json *content;
	int r = accounts_own(req, args->user_id, err);

	if (r == 0)
		r = accounts_account_data_get(&accounts->service, task, args->user_id, args->room_id, args->type,
					      &content, err);
	if (r < 0)
		return r;
	if (!content)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "Account data not found");
	hearth_write_json(req->out, NULL, content);
	return 0;
}

/* What other endpoints keep cannot be written here. */
static int check_type(const char *type, bool in_room, struct hearth_error *err)
{
	if (strcmp(type, "m.fully_read") == 0 || (!in_room && strcmp(type, "m.push_rules") == 0))
		return hearth_refuse(err, 405, "M_BAD_JSON", "Cannot set %s through this API", type);
	return 0;
}

HEARTH_SUSPENDS static int put(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
			       struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct data_args *args = fields;
	int r = accounts_own(req, args->user_id, err);

	if (r == 0)
		r = check_type(args->type, args->room_id != NULL, err);
	if (r < 0)
		return r;
	return accounts_account_data_put(&accounts->service, task, args->user_id, args->room_id, args->type, args->body, err);
}

#define ARGS(table) .fields = table, .args_size = sizeof(struct data_args)

const struct hearth_endpoint ACCOUNTS_DATA_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v3/user/{userId}/account_data/{type}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, ARGS(GET_ARGS), .handler = get, .about = "One item of the caller's account data." },
	{ .method = "PUT", .path = "/_matrix/client/v3/user/{userId}/account_data/{type}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, ARGS(PUT_ARGS), .handler = put, .about = "Stores an item of account data." },
	{ .method = "GET", .path = "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, ARGS(GET_ROOM_ARGS), .handler = get, .about = "One item of a room's account data." },
	{ .method = "PUT", .path = "/_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, ARGS(PUT_ROOM_ARGS), .handler = put,
		  .about = "Stores an item of a room's account data." },
	HEARTH_ENDPOINTS_END
};
