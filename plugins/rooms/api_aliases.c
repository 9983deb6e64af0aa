/* SPDX-License-Identifier: Apache-2.0 */
/* Room aliases of this server (spec client-server, "Room aliases"). */
#include "api.h"

#include <errno.h>
#include <string.h>

#include <hearth/map.h>
#include <hearth/matrix/id.h>

struct alias_args {
	const char *alias, *room_id;
};

static const struct hearth_field ALIAS_ARGS[] = {
	HEARTH_PATH(struct alias_args, alias, "roomAlias", .format = HEARTH_ROOM_ALIAS), HEARTH_FIELDS_END
};
static const struct hearth_field PUT_ARGS[] = {
	HEARTH_PATH(struct alias_args, alias, "roomAlias", .format = HEARTH_ROOM_ALIAS),
	HEARTH_BODY(struct alias_args, room_id, "room_id", .required = 1, .format = HEARTH_ROOM_ID), HEARTH_FIELDS_END
};
static const struct hearth_field ROOM_ARGS[] = { ROOMS_ROOM_ID(struct alias_args), HEARTH_FIELDS_END };

struct alias_row {
	const char *alias, *creator, *room_id;
	int64_t     created_ms;
};
static const struct hearth_field ROW[] = { HEARTH_COLUMNS(struct alias_row, alias, creator, room_id, created_ms) };
static const struct hearth_field BY_ALIAS[] = { HEARTH_COLUMNS(struct alias_row, alias) };
static const struct hearth_field BY_ROOM[] = { HEARTH_COLUMNS(struct alias_row, room_id) };

static const struct hearth_statement INSERT_ALIAS = {
	.name = "rooms.insert_alias",
	.sql = "INSERT INTO room_aliases (alias, creator, room, created_ms)"
	       " SELECT $1, $2, number, $4 FROM rooms WHERE room_id = $3",
	.params = ROW,
};
#define SELECT_ALIASES                                                                                            \
	"SELECT a.alias, a.creator, r.room_id, a.created_ms FROM room_aliases a JOIN rooms r ON r.number = a.room"
static const struct hearth_statement SELECT_ALIAS = {
	.name = "rooms.select_alias", .sql = SELECT_ALIASES " WHERE a.alias = $1",
	.params = BY_ALIAS, .row = ROW, .row_size = sizeof(struct alias_row),
};
static const struct hearth_statement SELECT_ROOM_ALIASES = {
	.name = "rooms.select_room_aliases", .sql = SELECT_ALIASES " WHERE r.room_id = $1 ORDER BY a.alias",
	.params = BY_ROOM, .row = ROW, .row_size = sizeof(struct alias_row),
};
static const struct hearth_statement DELETE_ALIAS = {
	.name = "rooms.delete_alias", .sql = "DELETE FROM room_aliases WHERE alias = $1", .params = BY_ALIAS,
};

static bool is_text(const struct hearth_json *value, const char *text)
{
	const char *found = hearth_json_string(value, NULL);

	return found && !strcmp(found, text);
}

/* Whether the content of m.room.canonical_alias names the alias. */
static bool names(const struct hearth_json *content, const char *alias)
{
	const struct hearth_json *others = hearth_json_get_array(content, "alt_aliases");

	if (is_text(hearth_json_get(content, "alias"), alias))
		return true;
	for (size_t i = 0; i < hearth_json_size(others); i++)
		if (is_text(hearth_json_at(others, i), alias))
			return true;
	return false;
}

/* One alias of the content: known already, or one of the room's. */
static int check_named(const struct hearth_json *value, const struct hearth_map *known, struct hearth_error *err)
{
	const char *alias = hearth_json_string(value, NULL);

	if (!alias || !hearth_id_is_alias(alias))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "alias and alt_aliases: expected room aliases");
	if (hearth_map_find(known, alias, ""))
		return 0;
	return hearth_refuse(err, 400, "M_BAD_ALIAS", "the alias %.80s does not point to this room", alias);
}

static void know(struct hearth_map *known, const struct hearth_json *value)
{
	const char *alias = hearth_json_string(value, NULL);

	if (alias)
		hearth_map_at(known, alias, "")->number = 1;
}

/* The aliases that a room may name: those it names already, and its own. */
static void know_all(struct hearth_map *known, struct hearth_arena *arena, const struct hearth_json *old,
		     const struct hearth_texts *own)
{
	const struct hearth_json *others = hearth_json_get_array(old, "alt_aliases");

	hearth_map_init(known, arena, own->count + hearth_json_size(others) + 1);
	know(known, hearth_json_get(old, "alias"));
	for (size_t i = 0; i < hearth_json_size(others); i++)
		know(known, hearth_json_at(others, i));
	for (size_t i = 0; i < own->count; i++)
		hearth_map_at(known, own->items[i], "")->number = 1;
}

int api_check_canonical(struct rooms *r, struct hearth_task *task, const char *room_id, const struct hearth_json *content,
			struct hearth_error *err)
{
	const char *type = "m.room.canonical_alias", *state_key = "";
	const struct hearth_json *alias = hearth_json_get(content, "alias"), *others = hearth_json_get(content, "alt_aliases");
	const struct hearth_event *old;
	struct hearth_texts own;
	struct hearth_map known;
	int rc = rooms_current_parsed(r, task, room_id, &type, &state_key, 1, &old, err);

	if (rc >= 0)
		rc = rooms_aliases(r, task, room_id, &own, err);
	if (rc < 0)
		return rc;
	if (others && hearth_json_type(others) != HEARTH_JSON_ARRAY && hearth_json_type(others) != HEARTH_JSON_NULL)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "alt_aliases: expected a list");
	know_all(&known, r->tasks->arena(task), old ? old->content : NULL, &own);
	/* An empty or null alias is none. */
	if (alias && hearth_json_type(alias) != HEARTH_JSON_NULL && !is_text(alias, ""))
		rc = check_named(alias, &known, err);
	for (size_t i = 0; rc >= 0 && i < hearth_json_size(others); i++)
		rc = check_named(hearth_json_at(others, i), &known, err);
	return rc;
}

static int check_local(const struct rooms *r, const char *alias, struct hearth_error *err)
{
	if (hearth_id_is_local(alias, r->server_name))
		return 0;
	return hearth_refuse(err, 400, "M_INVALID_PARAM", "roomAlias: '%.80s' is not of this server", alias);
}

HEARTH_SUSPENDS static int get_alias(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	const struct alias_args *args = fields;
	struct rooms *r = self;
	const char *room_id;
	int rc = rooms_alias_to_room(r, task, args->alias, &room_id, err);

	if (rc < 0)
		return rc;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "room_id", room_id);
	hearth_write_array(req->out, "servers");
	hearth_write_string(req->out, NULL, r->server_name);
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int put_alias(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	const struct alias_args *args = fields;
	struct rooms *r = self;
	struct alias_row row = { args->alias, req->user->user_id, args->room_id, r->tasks->now_ms() };
	struct hearth_hook_room subject = { .user_id = row.creator, .room_id = row.room_id, .target = row.alias };
	struct hearth_membership own = { .size = sizeof(own) };
	struct hearth_rows rows;
	int rc = check_local(r, args->alias, err);

	if (rc >= 0)
		rc = api_check_standing(req->user, err);
	if (rc >= 0 && r->members_name && !(req->user->flags & HEARTH_REQUESTER_ADMIN)) {
		rc = rooms_membership(r, task, args->room_id, req->user->user_id, &own, err);
		if (rc >= 0 && (!own.membership || strcmp(own.membership, "join")))
			return hearth_refuse(err, 403, "M_FORBIDDEN", "only who is in the room may name it");
	}
	if (rc >= 0 && r->hooks->present(r->host, HEARTH_HOOK_ROOM_MAY_CREATE_ALIAS))
		rc = r->hooks->run(r->host, task, HEARTH_HOOK_ROOM_MAY_CREATE_ALIAS, &subject, err);
	if (rc < 0)
		return rc;
	rc = r->db->write(task, &INSERT_ALIAS, &row, &rows, err);
	if (rc == -EEXIST) {
		hearth_error_clear(err);
		return hearth_refuse(err, 409, "M_UNKNOWN", "the alias %.80s is taken", args->alias);
	}
	if (rc >= 0 && !rows.affected)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "there is no room %.80s here", args->room_id);
	return rc;
}

/* Who made an alias may take it away, and whoever may change the room's canonical alias (as Synapse has it). */
HEARTH_SUSPENDS static int may_delete(struct rooms *r, struct hearth_task *task, const struct hearth_request *req,
				      const struct alias_row *row, struct hearth_error *err)
{
	static const char *const types[] = { "m.room.power_levels", "m.room.create" };
	static const char *const keys[] = { "", "" };
	struct hearth_membership own = { .size = sizeof(own) };
	const struct hearth_event *state[2];
	int rc;

	if (!strcmp(row->creator, req->user->user_id) || (req->user->flags & HEARTH_REQUESTER_ADMIN))
		return 0;
	rc = rooms_membership(r, task, row->room_id, req->user->user_id, &own, err);
	if (rc >= 0)
		rc = rooms_current_parsed(r, task, row->room_id, types, keys, 2, state, err);
	if (rc < 0)
		return rc;
	/* Power by default is of no use to whoever is outside. */
	if (own.membership && !strcmp(own.membership, "join") && state[1] &&
	    hearth_power_of_user(state[1]->version, state[0], state[1], req->user->user_id) >=
		    hearth_power_to_send(state[1]->version, state[0], "m.room.canonical_alias", 1))
		return 0;
	return hearth_refuse(err, 403, "M_FORBIDDEN", "the alias is not yours to take away");
}

/* Takes an alias that is gone out of the room's canonical ones, where the user may. */
HEARTH_SUSPENDS static int retract_canonical(struct rooms *r, struct hearth_task *task, const char *user_id,
					     const struct alias_row *row, struct hearth_error *err)
{
	const char *type = "m.room.canonical_alias", *state_key = "", *event_id;
	struct hearth_arena *arena = r->tasks->arena(task);
	struct hearth_draft draft = { .size = sizeof(draft), .room_id = row->room_id, .sender = user_id, .type = type,
				      .state_key = state_key, .unless_same = 1 };
	const struct hearth_event *canonical;
	const struct hearth_json *others;
	struct hearth_json *content, *left = hearth_json_array_new(arena);
	int rc = rooms_current_parsed(r, task, row->room_id, &type, &state_key, 1, &canonical, err);

	if (rc < 0 || !canonical || !names(canonical->content, row->alias))
		return rc;
	content = hearth_json_object_copy(arena, canonical->content);
	if (is_text(hearth_json_get(content, "alias"), row->alias))
		hearth_json_remove(content, "alias");
	others = hearth_json_get_array(canonical->content, "alt_aliases");
	for (size_t i = 0; i < hearth_json_size(others); i++)
		if (!is_text(hearth_json_at(others, i), row->alias))
			hearth_json_append(left, hearth_json_at(others, i));
	hearth_json_remove(content, "alt_aliases");
	if (hearth_json_size(left))
		hearth_json_set(content, "alt_aliases", left);
	draft.content = content;
	rc = rooms_send(r, task, &draft, &event_id, err);
	if (rc == -EACCES) {
		hearth_error_clear(err);
		rc = 0;
	}
	return rc;
}

HEARTH_SUSPENDS static int delete_alias(void *self, struct hearth_task *task, struct hearth_request *req,
					const void *fields, struct hearth_error *err)
{
	const struct alias_args *args = fields;
	struct rooms *r = self;
	struct alias_row row = { .alias = args->alias };
	struct hearth_rows rows;
	int rc = check_local(r, args->alias, err);

	if (rc >= 0)
		rc = r->db->read(task, &SELECT_ALIAS, &row, &rows, err);
	if (rc < 0)
		return rc;
	if (!rows.count)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "there is no alias %.80s", args->alias);
	row.room_id = ((const struct alias_row *)rows.items)->room_id;
	rc = may_delete(r, task, req, rows.items, err);
	if (rc >= 0)
		rc = r->db->write(task, &DELETE_ALIAS, &row, NULL, err);
	return rc < 0 ? rc : retract_canonical(r, task, req->user->user_id, &row, err);
}

HEARTH_SUSPENDS static int get_room_aliases(void *self, struct hearth_task *task, struct hearth_request *req,
					    const void *fields, struct hearth_error *err)
{
	const struct alias_args *args = fields;
	struct rooms *r = self;
	struct alias_row row = { .room_id = args->room_id };
	struct hearth_rows rows;
	int64_t at;
	int rc = rooms_may_read(r, task, args->room_id, req->user->user_id, &at, err);

	if (rc >= 0 && at != INT64_MAX)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "only who is in the room may ask for its aliases");
	if (rc >= 0)
		rc = r->db->read(task, &SELECT_ROOM_ALIASES, &row, &rows, err);
	if (rc < 0)
		return rc;
	hearth_write_object(req->out, NULL);
	hearth_write_array(req->out, "aliases");
	for (size_t i = 0; i < rows.count; i++)
		hearth_write_string(req->out, NULL, ((const struct alias_row *)rows.items)[i].alias);
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

#define ALIAS(method_, access_, fields_, handler_)                                                              \
	{ .method = method_, .path = "/_matrix/client/v3/directory/room/{roomAlias}", .also = "api/v1 r0 unstable", \
	  .access = access_, .fields = fields_, .args_size = sizeof(struct alias_args), .handler = handler_ }

const struct hearth_endpoint ALIAS_ENDPOINTS[] = {
	ALIAS("GET", HEARTH_ACCESS_NONE, ALIAS_ARGS, get_alias),
	ALIAS("PUT", HEARTH_ACCESS_USER, PUT_ARGS, put_alias),
	ALIAS("DELETE", HEARTH_ACCESS_USER, ALIAS_ARGS, delete_alias),
	{ .method = "GET", .path = "/_matrix/client/v3/rooms/{roomId}/aliases", .also = "r0", .access = HEARTH_ACCESS_USER,
	  .fields = ROOM_ARGS, .args_size = sizeof(struct alias_args), .handler = get_room_aliases },
	HEARTH_ENDPOINTS_END
};
