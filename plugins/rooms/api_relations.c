/* SPDX-License-Identifier: Apache-2.0 */
/* Events that relate to an event, page by page (spec client-server, "Relationships API"). */
#include "api.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LIMIT_DEFAULT "50"
#define LIMIT_MAX 100
#define DEPTH_MAX 3
#define TEXT_OF_(value_) #value_
#define TEXT_OF(value_) TEXT_OF_(value_)

struct relation_args {
	const char *room_id, *event_id, *rel_type, *type, *from, *to, *dir, *recurse;
	int64_t     limit;
};

#define EVENT_ID HEARTH_PATH(struct relation_args, event_id, "eventId", .format = HEARTH_EVENT_ID)
#define REL_TYPE HEARTH_PATH(struct relation_args, rel_type, "relType", .max = 255)
#define PAGE                                                                                       \
	HEARTH_QUERY(struct relation_args, from, "from", .max = 4096),                             \
	HEARTH_QUERY(struct relation_args, to, "to", .max = 4096),                                 \
	HEARTH_QUERY(struct relation_args, recurse, "recurse", .choices = "true|false"),           \
	HEARTH_QUERY(struct relation_args, dir, "dir", .choices = "b|f", .fallback = "b"),         \
	HEARTH_QUERY(struct relation_args, limit, "limit", .min = 1, .max = INT64_MAX, .fallback = LIMIT_DEFAULT)

static const struct hearth_field ALL_ARGS[] = { ROOMS_ROOM_ID(struct relation_args), EVENT_ID, PAGE, HEARTH_FIELDS_END };
static const struct hearth_field REL_ARGS[] = {
	ROOMS_ROOM_ID(struct relation_args), EVENT_ID, REL_TYPE, PAGE, HEARTH_FIELDS_END
};
static const struct hearth_field TYPE_ARGS[] = {
	ROOMS_ROOM_ID(struct relation_args), EVENT_ID, REL_TYPE,
	HEARTH_PATH(struct relation_args, type, "eventType", .max = 255), PAGE, HEARTH_FIELDS_END
};

struct page {
	const char *parent, *rel_type, *type;
	int64_t     low, high, most;
};
static const struct hearth_field PAGE_PARAMS[] = {
	HEARTH_COLUMNS(struct page, parent, rel_type, type, low, high, most)
};

/*
 * Between two positions of the stream, exclusive; a redacted event relates to nothing any more. RECURSIVE: those, too,
 * that relate to what relates; an event in between that does not match ends the chain.
 */
#define MATCHES "($2::text IS NULL OR x.rel_type = $2) AND ($3::text IS NULL OR x.type = $3)"
#define RELATED                                                                                                     \
	"SELECT " ROOMS_EVENT_COLUMNS " FROM event_relations x JOIN " ROOMS_EVENT_TABLES " ON e.number = x.event"      \
	" JOIN events a ON a.event_id = $1 AND a.room = x.room WHERE x.parent = $1 AND " MATCHES                     \
	" AND x.stream_ordering > $4 AND x.stream_ordering < $5 AND e.redacted_by IS NULL ORDER BY x.stream_ordering"
#define RECURSIVE                                                                                                   \
	"WITH RECURSIVE related AS (SELECT x.event, x.room, x.stream_ordering, 1 AS steps FROM event_relations x"    \
	" JOIN events a ON a.event_id = $1 AND a.room = x.room WHERE x.parent = $1 AND " MATCHES                     \
	" UNION SELECT x.event, x.room, x.stream_ordering, related.steps + 1 FROM related"                           \
	" JOIN events a ON a.number = related.event JOIN event_relations x ON x.parent = a.event_id"                 \
	" AND x.room = related.room WHERE related.steps < " TEXT_OF(DEPTH_MAX) " AND " MATCHES ")"                   \
	" SELECT " ROOMS_EVENT_COLUMNS " FROM (SELECT DISTINCT event, stream_ordering FROM related) x"               \
	" JOIN " ROOMS_EVENT_TABLES " ON e.number = x.event WHERE x.stream_ordering > $4 AND x.stream_ordering < $5" \
	" AND e.redacted_by IS NULL ORDER BY x.stream_ordering"
#define STATEMENT(name_, sql_)                                                    \
	{ .name = "rooms.select_relations_" name_, .sql = sql_ " LIMIT $6",       \
	  .params = PAGE_PARAMS, .row = ROOMS_EVENT_ROW, .row_size = sizeof(struct rooms_event_row) }

static const struct hearth_statement SELECT_RELATIONS[2][2] = {
	{ STATEMENT("forwards", RELATED), STATEMENT("backwards", RELATED " DESC") },
	{ STATEMENT("forwards_recursive", RECURSIVE), STATEMENT("backwards_recursive", RECURSIVE " DESC") },
};

/* Both kinds of token as a bound of the stream; a sync token stands behind its event, a point before it. */
static int read_bound(const char *text, bool upper, int64_t *bound, struct hearth_error *err)
{
	int64_t ordering, depth;
	bool by_depth;
	int rc;

	if (!text || !*text)
		return 0;
	rc = api_read_point(text, &ordering, &depth, &by_depth, err);
	if (rc >= 0)
		*bound = by_depth ? ordering - !upper : ordering + upper;
	return rc;
}

HEARTH_SUSPENDS static int check_parent(struct rooms *r, struct hearth_task *task, const struct hearth_request *req,
					const struct relation_args *args, struct hearth_error *err)
{
	struct hearth_stored_event *parent;
	size_t count = 1;
	int rc = rooms_events(r, task, &args->event_id, 1, &parent, err);

	if (rc >= 0 && (!parent->event_id || strcmp(parent->room_id, args->room_id)))
		count = 0;
	if (rc >= 0 && count)
		rc = rooms_filter_visible(r, task, req->user->user_id, parent, &count, err);
	if (rc >= 0 && !count)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "there is no such event, or it is not for you to see");
	return rc;
}

HEARTH_SUSPENDS static int write_page(struct rooms *r, struct hearth_task *task, struct hearth_request *req,
				      const struct relation_args *args, struct hearth_stored_event *events, size_t count,
				      bool more, struct hearth_error *err)
{
	struct hearth_client_form form = { .size = sizeof(form), .viewer = req->user->user_id,
					   .device_id = req->user->device_id, .bundle = 1 };
	int64_t last_depth = count ? events[count - 1].depth : 0, last = count ? events[count - 1].stream_ordering : 0;
	char token[48];
	int rc = 0;

	snprintf(token, sizeof(token), "t%" PRId64 "-%" PRId64, last_depth, last + (*args->dir == 'f'));
	if (count)
		rc = rooms_filter_visible(r, task, req->user->user_id, events, &count, err);
	if (rc >= 0 && count)
		rc = rooms_bundle(r, task, req->user->user_id, events, count, &form.bundled, err);
	if (rc < 0)
		return rc;
	hearth_write_object(req->out, NULL);
	hearth_write_array(req->out, "chunk");
	for (size_t i = 0; i < count; i++)
		rooms_write_event(r, req->out, NULL, &events[i], &form);
	hearth_write_end(req->out);
	if (args->from && *args->from)
		hearth_write_string(req->out, "prev_batch", args->from);
	if (more)
		hearth_write_string(req->out, "next_batch", token);
	if (args->recurse)
		hearth_write_int(req->out, "recursion_depth", *args->recurse == 't' ? DEPTH_MAX : 1);
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int get_relations(void *self, struct hearth_task *task, struct hearth_request *req,
					 const void *fields, struct hearth_error *err)
{
	const struct relation_args *args = fields;
	struct rooms *r = self;
	bool backwards = *args->dir == 'b', recurse = args->recurse && *args->recurse == 't';
	int64_t limit = args->limit < LIMIT_MAX ? args->limit : LIMIT_MAX;
	struct page page = { args->event_id, args->rel_type, args->type, INT64_MIN, INT64_MAX, limit + 1 };
	struct hearth_stored_event *events;
	struct hearth_rows rows;
	size_t count;
	int rc;

	rc = check_parent(r, task, req, args, err);
	if (rc >= 0)
		rc = read_bound(args->from, backwards, backwards ? &page.high : &page.low, err);
	if (rc >= 0)
		rc = read_bound(args->to, !backwards, backwards ? &page.low : &page.high, err);
	if (rc >= 0)
		rc = r->db->read(task, &SELECT_RELATIONS[recurse][backwards], &page, &rows, err);
	if (rc < 0)
		return rc;
	count = rows.count > (size_t)limit ? (size_t)limit : rows.count;
	rc = rooms_events_of_rows(req->arena, rows.items, count, &events, err);
	return rc < 0 ? rc : write_page(r, task, req, args, events, count, rows.count > (size_t)limit, err);
}

#define RELATIONS(suffix_, fields_)                                                                           \
	{ .method = "GET", .path = "/_matrix/client/v1/rooms/{roomId}/relations/{eventId}" suffix_,           \
	  .also = "unstable", .access = HEARTH_ACCESS_GUEST, .fields = fields_,                               \
	  .args_size = sizeof(struct relation_args), .handler = get_relations }

const struct hearth_endpoint RELATION_ENDPOINTS[] = {
	RELATIONS("", ALL_ARGS),
	RELATIONS("/{relType}", REL_ARGS),
	RELATIONS("/{relType}/{eventType}", TYPE_ARGS),
	HEARTH_ENDPOINTS_END
};
