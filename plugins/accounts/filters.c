/* SPDX-License-Identifier: Apache-2.0 */
/* Stored filters: equal ones of a user share an id. */
#include "accounts.h"

#include <errno.h>
#include <hearth/matrix/filter.h>
#include <stdlib.h>
#include <string.h>

struct filter {
	const char         *user_id, *filter;
	int64_t             filter_id;
	struct hearth_bytes hash;
};
static const struct hearth_field NEW[] = { HEARTH_COLUMNS(struct filter, user_id, hash, filter) };
static const struct hearth_field ID[] = { HEARTH_COLUMNS(struct filter, filter_id) };
static const struct hearth_statement UPSERT_FILTER = {
	.name = "accounts.upsert_filter",
	.sql = "INSERT INTO account_filters (user_id, hash, filter, filter_id)"
	       " SELECT $1, $2, $3, coalesce(max(filter_id) + 1, 0) FROM account_filters WHERE user_id = $1"
	       " ON CONFLICT (user_id, hash) DO UPDATE SET hash = excluded.hash RETURNING filter_id",
	.params = NEW, .row = ID, .row_size = sizeof(struct filter),
};
static const struct hearth_field KEY[] = { HEARTH_COLUMNS(struct filter, user_id, filter_id) };
static const struct hearth_field TEXT[] = { HEARTH_COLUMNS(struct filter, filter) };
static const struct hearth_statement SELECT_FILTER = {
	.name = "accounts.select_filter",
	.sql = "SELECT filter FROM account_filters WHERE user_id = $1 AND filter_id = $2",
	.params = KEY, .row = TEXT, .row_size = sizeof(struct filter),
};

int accounts_filter(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id, const char *filter_id,
		    const struct hearth_json **ret_filter, struct hearth_error *err)
{
	struct accounts *accounts = accounts_of(service);
	struct filter asked = { .user_id = user_id };
	struct hearth_rows rows;
	const char *text;
	char *end;
	int r;

	errno = 0;
	asked.filter_id = strtoll(filter_id, &end, 10);
	if (errno || end == filter_id || *end || asked.filter_id < 0)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "Invalid filter ID");
	r = accounts->db->read(task, &SELECT_FILTER, &asked, &rows, err);
	if (r < 0)
		return r;
	if (rows.count == 0)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "No such filter");
	text = ((const struct filter *)rows.items)->filter;
	return hearth_json_parse(accounts->tasks->arena(task), text, strlen(text), 0, ret_filter, err);
}

struct filter_args {
	const char               *user_id, *filter_id;
	const struct hearth_json *body;
};
static const struct hearth_field POST_ARGS[] = {
	HEARTH_PATH(struct filter_args, user_id, "userId", .format = HEARTH_USER_ID),
		HEARTH_WHOLE_BODY(struct filter_args, body),
	HEARTH_FIELDS_END
};
static const struct hearth_field GET_ARGS[] = {
	HEARTH_PATH(struct filter_args, user_id, "userId", .format = HEARTH_USER_ID),
	HEARTH_PATH(struct filter_args, filter_id, "filterId"), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int store(struct accounts *accounts, struct hearth_task *task, const struct filter *filter,
				 int64_t *ret_id, struct hearth_error *err)
{
	struct hearth_rows rows;
	int r = -EEXIST;

	/* Two new filters at once may draw the same number; the second tries again. */
	for (int tries = 0; r == -EEXIST && tries < 5; tries++) {
		hearth_error_clear(err);
		r = accounts->db->write(task, &UPSERT_FILTER, filter, &rows, err);
	}
	if (r == 0)
		*ret_id = ((const struct filter *)rows.items)->filter_id;
	return r;
}

HEARTH_SUSPENDS static int post(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	const struct filter_args *args = fields;
	const struct hearth_filter *parsed;
	struct filter filter = { .user_id = args->user_id };
	int64_t id = 0;
	int r = accounts_own(req, args->user_id, err);

	if (r == 0)
		r = hearth_filter_parse(req->arena, args->body, &parsed, err);
	if (r < 0)
		return r;
	filter.filter = accounts_json_text(req->arena, hearth_json_object_copy(req->arena, args->body), NULL);
	filter.hash = accounts_tokens_hash(req->arena, filter.filter);
	r = store(self, task, &filter, &id, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "filter_id", hearth_arena_printf(req->arena, "%lld", (long long)id));
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int get(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
			       struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct filter_args *args = fields;
	const struct hearth_json *filter;
	int r = accounts_own(req, args->user_id, err);

	if (r == 0)
		r = accounts_filter(&accounts->service, task, args->user_id, args->filter_id, &filter, err);
	if (r < 0)
		return r;
	hearth_write_json(req->out, NULL, filter);
	return 0;
}

#define ARGS(table) .fields = table, .args_size = sizeof(struct filter_args)

const struct hearth_endpoint ACCOUNTS_FILTER_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/user/{userId}/filter", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_GUEST,
	  ARGS(POST_ARGS), .body_max_bytes = 65536, .handler = post, .about = "Stores a filter." },
	{ .method = "GET", .path = "/_matrix/client/v3/user/{userId}/filter/{filterId}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_GUEST, ARGS(GET_ARGS), .handler = get, .about = "A stored filter." },
	HEARTH_ENDPOINTS_END
};
