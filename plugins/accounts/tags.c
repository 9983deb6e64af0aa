/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of rooms (spec "Room Tagging"). */
#include "accounts.h"

#include <errno.h>
#include <string.h>

struct tag {
	struct accounts *accounts;
	const char      *user_id, *room_id, *tag, *content;
	int64_t          stream_id;
};
static const struct hearth_field OF_ROOM[] = { HEARTH_COLUMNS(struct tag, user_id, room_id) };
static const struct hearth_field TAG[] = { HEARTH_COLUMNS(struct tag, tag, content) };
static const struct hearth_statement SELECT_TAGS = {
	.name = "accounts.select_tags",
	.sql = "SELECT tag, content FROM account_tags WHERE user_id = $1 AND room_id = $2 ORDER BY tag",
	.params = OF_ROOM, .row = TAG, .row_size = sizeof(struct tag),
};
static const struct hearth_field KEY[] = { HEARTH_COLUMNS(struct tag, user_id, room_id, tag) };
static const struct hearth_statement DELETE_TAG = {
	.name = "accounts.delete_tag",
	.sql = "DELETE FROM account_tags WHERE user_id = $1 AND room_id = $2 AND tag = $3",
	.params = KEY,
};
static const struct hearth_field WHOLE[] = { HEARTH_COLUMNS(struct tag, user_id, room_id, tag, content) };
static const struct hearth_statement UPSERT_TAG = {
	.name = "accounts.upsert_tag",
	.sql = "INSERT INTO account_tags (user_id, room_id, tag, content) VALUES ($1, $2, $3, $4)"
	       " ON CONFLICT (user_id, room_id, tag) DO UPDATE SET content = excluded.content",
	.params = WHOLE,
};
static const struct hearth_field CHANGE[] = { HEARTH_COLUMNS(struct tag, user_id, room_id, stream_id) };
static const struct hearth_statement UPSERT_CHANGE = {
	.name = "accounts.upsert_tag_change",
	.sql = "INSERT INTO account_tag_changes (user_id, room_id, stream_id) VALUES ($1, $2, $3)"
	       " ON CONFLICT (user_id, room_id) DO UPDATE SET stream_id = excluded.stream_id",
	.params = CHANGE,
};

struct tag_args {
	const char               *user_id, *room_id, *tag;
	const struct hearth_json *body;
};
#define USER_AND_ROOM \
	HEARTH_PATH(struct tag_args, user_id, "userId", .format = HEARTH_USER_ID), \
	HEARTH_PATH(struct tag_args, room_id, "roomId", .format = HEARTH_ROOM_ID)
static const struct hearth_field LIST_ARGS[] = { USER_AND_ROOM, HEARTH_FIELDS_END };
static const struct hearth_field DELETE_ARGS[] = {
	USER_AND_ROOM, HEARTH_PATH(struct tag_args, tag, "tag", .max = 255), HEARTH_FIELDS_END
};
static const struct hearth_field PUT_ARGS[] = {
	USER_AND_ROOM, HEARTH_PATH(struct tag_args, tag, "tag", .max = 255), HEARTH_WHOLE_BODY(struct tag_args, body),
		HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int list(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct tag_args *args = fields;
	const struct tag *tags;
	struct hearth_rows rows;
	int r = accounts_own(req, args->user_id, err);

	if (r == 0)
		r = accounts->db->read(task, &SELECT_TAGS, &(struct tag){ .user_id = args->user_id, .room_id = args->room_id },
				       &rows, err);
	if (r < 0)
		return r;
	tags = rows.items;
	hearth_write_object(req->out, NULL);
	hearth_write_object(req->out, "tags");
	for (size_t i = 0; i < rows.count; i++)
		hearth_write_raw(req->out, tags[i].tag, tags[i].content, strlen(tags[i].content));
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int change_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct tag *tag = argument;
	const struct hearth_db *db = tag->accounts->db;
	const struct hearth_news news = { .users = &tag->user_id, .user_count = 1 };
	int r = tag->accounts->streams->next(tx, tag->accounts->account_data, 1, &news, &tag->stream_id, err);

	(void)task;
	if (r == 0)
		r = db->exec(tx, tag->content ? &UPSERT_TAG : &DELETE_TAG, tag, err);
	return r < 0 ? r : db->exec(tx, &UPSERT_CHANGE, tag, err);
}

HEARTH_SUSPENDS static int change(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
				  const struct tag_args *args, const char *content, struct hearth_error *err)
{
	struct tag tag = { .accounts = accounts, .user_id = args->user_id, .room_id = args->room_id, .tag = args->tag,
			   .content = content };
	int r = accounts_own(req, args->user_id, err);

	return r < 0 ? r : accounts->db->transact(task, HEARTH_TX_WRITE, change_in_tx, &tag, err);
}

HEARTH_SUSPENDS static int put(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
			       struct hearth_error *err)
{
	const struct tag_args *args = fields;

	return change(self, task, req, args, accounts_json_text(req->arena, args->body, NULL), err);
}

HEARTH_SUSPENDS static int delete_tag(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	return change(self, task, req, fields, NULL, err);
}

#define ARGS(table) .fields = table, .args_size = sizeof(struct tag_args)

const struct hearth_endpoint ACCOUNTS_TAG_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, ARGS(LIST_ARGS), .handler = list, .about = "The caller's tags on a room." },
	{ .method = "PUT", .path = "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, ARGS(PUT_ARGS), .handler = put, .about = "Puts a tag on a room." },
	{ .method = "DELETE", .path = "/_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, ARGS(DELETE_ARGS), .handler = delete_tag,
	  .about = "Takes a tag from a room." },
	HEARTH_ENDPOINTS_END
};
