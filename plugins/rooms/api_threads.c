/* SPDX-License-Identifier: Apache-2.0 */
/* GET /rooms/{roomId}/threads: the roots of a room's threads, the one that was spoken in last first. */
#include "api.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX 100

struct threads_args {
	const char *room_id, *include, *from;
	int64_t     limit;
};
static const struct hearth_field THREADS_ARGS[] = {
	ROOMS_ROOM_ID(struct threads_args),
	HEARTH_QUERY(struct threads_args, include, "include", .choices = "all|participated", .fallback = "all"),
	HEARTH_QUERY(struct threads_args, limit, "limit", .min = 1, .max = INT64_MAX, .fallback = "20"),
	HEARTH_QUERY(struct threads_args, from, "from", .max = 64), HEARTH_FIELDS_END
};

struct threads_params {
	const char         *room_id, *viewer;
	struct hearth_texts ignored;
	int64_t             readable, from, everyones, most;
};
struct threads_row {
	int64_t root, latest;
};
#define PARAM(member) HEARTH_COLUMN(struct threads_params, member)
static const struct hearth_field THREADS_PARAMS[] = {
	PARAM(room_id), PARAM(viewer), PARAM(ignored), PARAM(readable), PARAM(from), PARAM(everyones), PARAM(most),
	HEARTH_FIELDS_END
};
static const struct hearth_field THREADS_ROW[] = { HEARTH_COLUMNS(struct threads_row, root, latest) };
static const struct hearth_statement SELECT_THREADS = {
	.name = "rooms.select_threads",
	.sql = "SELECT e.number, t.latest FROM rooms r CROSS JOIN LATERAL (SELECT l.parent, max(l.stream_ordering) AS latest, "
	       "bool_or(l.sender = $2) AS mine FROM event_relations l WHERE l.room = r.number AND l.rel_type = 'm.thread' "
	       "AND l.sender NOT IN (SELECT unnest($3::text[])) AND l.stream_ordering <= $4 GROUP BY l.parent) t "
	       "JOIN events e ON e.event_id = t.parent AND e.room = r.number WHERE r.room_id = $1 AND t.latest < $5 "
	       "AND ($6 <> 0 OR t.mine OR e.sender = $2) ORDER BY t.latest DESC LIMIT $7",
	.params = THREADS_PARAMS, .row = THREADS_ROW, .row_size = sizeof(struct threads_row),
};

/* A token is the position of the latest event in the last thread that was told. */
static int read_token(const char *text, int64_t *position, struct hearth_error *err)
{
	char *end = NULL;

	*position = INT64_MAX;
	if (!text || !*text)
		return 0;
	errno = 0;
	*position = strtoll(text, &end, 10);
	if (errno || end == text || *end)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "from: '%.64s' is no token of this server", text);
	return 0;
}

static bool is_ignored(const struct hearth_texts *ignored, const char *user_id)
{
	for (size_t i = 0; i < ignored->count; i++)
		if (!strcmp(ignored->items[i], user_id))
			return true;
	return false;
}

/* The root of a thread that goes on is shown even if an ignored user sent it, without what it said. */
HEARTH_SUSPENDS static int hide_ignored(struct rooms *r, struct hearth_task *task, const char *room_id,
					const struct hearth_texts *ignored, struct hearth_stored_event *events, size_t count,
					struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	struct rooms_facts facts;
	int rc = ignored->count ? rooms_facts(r, task, &room_id, 1, &facts, err) : 0;

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		const struct hearth_json *pdu;
		char *text;

		if (!is_ignored(ignored, events[i].sender))
			continue;
		rc = hearth_json_parse(arena, events[i].json, events[i].json_length, HEARTH_JSON_BIG_INTS, &pdu, err);
		if (rc >= 0)
			rc = hearth_json_canonical(arena, hearth_event_redact(arena, facts.version, pdu), HEARTH_JSON_BIG_INTS,
						   &text, &events[i].json_length, err);
		if (rc >= 0)
			events[i].json = text;
	}
	return rc;
}

HEARTH_SUSPENDS static int write_roots(struct rooms *r, struct hearth_task *task, struct hearth_request *req,
				       const struct hearth_stored_event *events, size_t count, struct hearth_error *err)
{
	struct hearth_client_form form = { .size = sizeof(form), .viewer = req->user->user_id,
					   .device_id = req->user->device_id, .bundle = 1 };
	int rc = rooms_bundle(r, task, req->user->user_id, events, count, &form.bundled, err);

	if (rc < 0)
		return rc;
	hearth_write_array(req->out, "chunk");
	for (size_t i = 0; i < count; i++)
		rooms_write_event(r, req->out, NULL, &events[i], &form);
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int find_roots(struct rooms *r, struct hearth_task *task, const struct hearth_request *req,
				      const struct threads_args *args, struct threads_params *params,
				      struct hearth_rows *ret_rows, struct hearth_error *err)
{
	int rc = rooms_may_read(r, task, args->room_id, req->user->user_id, &params->readable, err);

	if (rc >= 0)
		rc = read_token(args->from, &params->from, err);
	if (rc >= 0 && r->accounts)
		rc = r->accounts->ignored_by(r->accounts, task, req->user->user_id, &params->ignored, err);
	return rc < 0 ? rc : r->db->read(task, &SELECT_THREADS, params, ret_rows, err);
}

HEARTH_SUSPENDS static int get_threads(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	const struct threads_args *args = fields;
	size_t limit = (size_t)(args->limit < LIMIT_MAX ? args->limit : LIMIT_MAX), count;
	struct threads_params params = { .room_id = args->room_id, .viewer = req->user->user_id,
					 .everyones = !strcmp(args->include, "all"), .most = (int64_t)limit + 1 };
	struct hearth_stored_event *events;
	const struct threads_row *found;
	struct hearth_rows rows;
	char token[24];
	int64_t *numbers;
	bool more;
	int rc = find_roots(self, task, req, args, &params, &rows, err);

	if (rc < 0)
		return rc;
	found = rows.items;
	more = rows.count > limit;
	count = more ? limit : rows.count;
	snprintf(token, sizeof(token), "%" PRId64, count ? found[count - 1].latest : 0);
	numbers = hearth_arena_array_of(req->arena, int64_t, count);
	for (size_t i = 0; i < count; i++)
		numbers[i] = found[i].root;
	rc = rooms_events_by_number(self, task, numbers, count, &events, err);
	if (rc >= 0)
		rc = rooms_filter_history(self, task, req->user->user_id, events, &count, err);
	if (rc >= 0)
		rc = hide_ignored(self, task, args->room_id, &params.ignored, events, count, err);
	if (rc < 0)
		return rc;
	hearth_write_object(req->out, NULL);
	rc = write_roots(self, task, req, events, count, err);
	if (rc < 0)
		return rc;
	if (more)
		hearth_write_string(req->out, "next_batch", token);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint THREAD_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v1/rooms/{roomId}/threads",
	  .access = HEARTH_ACCESS_USER, .fields = THREADS_ARGS, .args_size = sizeof(struct threads_args),
	  .handler = get_threads },
	HEARTH_ENDPOINTS_END
};
