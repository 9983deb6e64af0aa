/* SPDX-License-Identifier: Apache-2.0 */
/* Reading state and members. Who has left reads what was true when they left. */
#include "api.h"

#include <string.h>

struct state_args {
	const char *room_id, *type, *state_key, *format, *membership, *not_membership, *at;
};

static const struct hearth_field ALL_ARGS[] = { ROOMS_ROOM_ID(struct state_args), HEARTH_FIELDS_END };
static const struct hearth_field ONE_ARGS[] = {
	ROOMS_ROOM_ID(struct state_args), HEARTH_PATH(struct state_args, type, "eventType", .max = 255),
	HEARTH_QUERY(struct state_args, format, "format", .choices = "content|event", .fallback = "content"), HEARTH_FIELDS_END
};
static const struct hearth_field ONE_KEY_ARGS[] = {
	ROOMS_ROOM_ID(struct state_args), HEARTH_PATH(struct state_args, type, "eventType", .max = 255),
	HEARTH_PATH(struct state_args, state_key, "stateKey", .max = 255),
	HEARTH_QUERY(struct state_args, format, "format", .choices = "content|event", .fallback = "content"), HEARTH_FIELDS_END
};
static const struct hearth_field MEMBER_ARGS[] = {
	ROOMS_ROOM_ID(struct state_args),
	HEARTH_QUERY(struct state_args, membership, "membership", .choices = "join|invite|knock|leave|ban"),
	HEARTH_QUERY(struct state_args, not_membership, "not_membership", .choices = "join|invite|knock|leave|ban"),
	HEARTH_QUERY(struct state_args, at, "at"), HEARTH_FIELDS_END
};

#define AT_ONCE 256

/* The state of a large room takes long to write: others have their turn meanwhile. */
HEARTH_SUSPENDS static int give_way(struct rooms *r, struct hearth_task *task, size_t written, struct hearth_error *err)
{
	return written % AT_ONCE == AT_ONCE - 1 ? r->tasks->yield(task, err) : 0;
}

/* The state that the caller may read; type NULL: all of it. */
HEARTH_SUSPENDS static int read_state(struct rooms *r, struct hearth_task *task, const struct hearth_request *req,
				      const char *room_id, const char *type, const char *state_key, int64_t not_after,
				      struct hearth_state_result *ret_state, struct hearth_error *err)
{
	struct hearth_state_query query = { .size = sizeof(query), .room_id = room_id, .types = &type,
					    .state_keys = &state_key, .pair_count = type != NULL };
	int rc = rooms_may_read(r, task, room_id, req->user->user_id, &query.at, err);

	if (rc < 0)
		return rc;
	if (not_after < query.at)
		query.at = not_after;
	return rooms_states(r, task, &query, 1, ret_state, err);
}

HEARTH_SUSPENDS static int get_state(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	const struct state_args *args = fields;
	struct hearth_client_form form = { .size = sizeof(form), .viewer = req->user->user_id };
	struct hearth_state_result state;
	int rc = read_state(self, task, req, args->room_id, NULL, NULL, INT64_MAX, &state, err);

	if (rc < 0)
		return rc;
	hearth_write_array(req->out, NULL);
	for (size_t i = 0; rc >= 0 && i < state.count; i++) {
		rooms_write_event(self, req->out, NULL, &state.events[i], &form);
		rc = give_way(self, task, i, err);
	}
	hearth_write_end(req->out);
	return rc;
}

static int read_content(struct hearth_arena *arena, const struct hearth_stored_event *event,
			const struct hearth_json **ret_content, struct hearth_error *err)
{
	const struct hearth_json *pdu;
	int rc = hearth_json_parse(arena, event->json, event->json_length, HEARTH_JSON_BIG_INTS, &pdu, err);

	if (rc >= 0)
		*ret_content = hearth_json_get_object(pdu, "content");
	return rc;
}

HEARTH_SUSPENDS static int get_one(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				   struct hearth_error *err)
{
	const struct state_args *args = fields;
	struct hearth_client_form form = { .size = sizeof(form), .viewer = req->user->user_id };
	const struct hearth_json *content;
	struct hearth_state_result state;
	int rc;

	rc = read_state(self, task, req, args->room_id, args->type, args->state_key ? args->state_key : "", INT64_MAX, &state,
			err);
	if (rc < 0)
		return rc;
	if (!state.count)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "the room has no such state");
	if (!strcmp(args->format, "event")) {
		rooms_write_event(self, req->out, NULL, &state.events[0], &form);
		return 0;
	}
	rc = read_content(req->arena, &state.events[0], &content, err);
	if (rc >= 0)
		hearth_write_json(req->out, NULL, content);
	return rc;
}

/* A point of a sync ("s12_...") or of a page ("t5-12"): its stream ordering. */
static int read_at(const char *text, int64_t *ret_at, struct hearth_error *err)
{
	int64_t point, depth;
	bool by_depth;
	int rc = api_read_point(text, &point, &depth, &by_depth, err);

	if (rc >= 0)
		*ret_at = by_depth ? point - 1 : point;
	return rc;
}

/* Of the two parameters either is enough (spec: "an 'or' condition"). */
static bool is_asked_for(const struct state_args *args, const char *membership)
{
	if (!membership)
		return false;
	if (!args->membership && !args->not_membership)
		return true;
	return (args->membership && !strcmp(membership, args->membership)) ||
	       (args->not_membership && strcmp(membership, args->not_membership));
}

HEARTH_SUSPENDS static int get_members(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				       struct hearth_error *err)
{
	const struct state_args *args = fields;
	struct hearth_client_form form = { .size = sizeof(form), .viewer = req->user->user_id };
	struct hearth_state_result state;
	int64_t at = INT64_MAX;
	int rc = args->at ? read_at(args->at, &at, err) : 0;

	if (rc >= 0)
		rc = read_state(self, task, req, args->room_id, "m.room.member", NULL, at, &state, err);
	if (rc < 0)
		return rc;
	hearth_write_object(req->out, NULL);
	hearth_write_array(req->out, "chunk");
	for (size_t i = 0; i < state.count; i++) {
		const struct hearth_json *content;

		rc = give_way(self, task, i, err);
		if (rc >= 0)
			rc = read_content(req->arena, &state.events[i], &content, err);
		if (rc < 0)
			return rc;
		if (is_asked_for(args, hearth_json_get_string(content, "membership")))
			rooms_write_event(self, req->out, NULL, &state.events[i], &form);
	}
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

static void write_joined(struct hearth_writer *w, const struct hearth_stored_event *event, const struct hearth_json *content)
{
	hearth_write_object(w, event->state_key);
	hearth_write_string(w, "display_name", hearth_json_get_string(content, "displayname"));
	hearth_write_string(w, "avatar_url", hearth_json_get_string(content, "avatar_url"));
	hearth_write_end(w);
}

HEARTH_SUSPENDS static int get_joined_members(void *self, struct hearth_task *task, struct hearth_request *req,
					      const void *fields, struct hearth_error *err)
{
	const struct state_args *args = fields;
	struct hearth_membership own = { .size = sizeof(own) };
	struct hearth_state_result state;
	int rc = rooms_membership(self, task, args->room_id, req->user->user_id, &own, err);

	if (rc >= 0 && (!own.membership || strcmp(own.membership, "join")))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "only who is in the room may ask for its members");
	if (rc >= 0)
		rc = read_state(self, task, req, args->room_id, "m.room.member", NULL, INT64_MAX, &state, err);
	if (rc < 0)
		return rc;
	hearth_write_object(req->out, NULL);
	hearth_write_object(req->out, "joined");
	for (size_t i = 0; i < state.count; i++) {
		const struct hearth_json *content;
		const char *membership;

		rc = give_way(self, task, i, err);
		if (rc >= 0)
			rc = read_content(req->arena, &state.events[i], &content, err);
		if (rc < 0)
			return rc;
		membership = hearth_json_get_string(content, "membership");
		if (membership && !strcmp(membership, "join"))
			write_joined(req->out, &state.events[i], content);
	}
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

#define READ(suffix_, access_, fields_, handler_)                                                              \
	{ .method = "GET", .path = "/_matrix/client/v3/rooms/{roomId}/" suffix_, .also = "api/v1 r0 unstable", \
	  .access = HEARTH_ACCESS_##access_, .fields = fields_, .args_size = sizeof(struct state_args), .handler = handler_ }

const struct hearth_endpoint STATE_ENDPOINTS[] = {
	READ("state", GUEST, ALL_ARGS, get_state),
	READ("state/{eventType}", GUEST, ONE_ARGS, get_one),
	READ("state/{eventType}/{stateKey}", GUEST, ONE_KEY_ARGS, get_one),
	READ("members", GUEST, MEMBER_ARGS, get_members),
	READ("joined_members", USER, ALL_ARGS, get_joined_members),
	HEARTH_ENDPOINTS_END
};
