/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a room stands in the directory, and who may put it there. */
#include "directory.h"

#include <errno.h>
#include <string.h>

#include <hearth/matrix/id.h>

struct publish_args {
	const char *room_id, *visibility;
};
#define ROOM_ID HEARTH_PATH(struct publish_args, room_id, "roomId", .format = HEARTH_ROOM_ID)
static const struct hearth_field GET_ARGS[] = { ROOM_ID, HEARTH_FIELDS_END };
static const struct hearth_field PUT_ARGS[] = {
	ROOM_ID,
	HEARTH_BODY(struct publish_args, visibility, "visibility", .choices = "public|private", .fallback = "public"),
	HEARTH_FIELDS_END
};

/* The content of one entry of the room's state; NULL where there is none. */
HEARTH_SUSPENDS static int read_content(struct directory *directory, struct hearth_task *task, const char *room_id,
					const char *type, const struct hearth_stored_event **ret_event,
					const struct hearth_json **ret_pdu, struct hearth_error *err)
{
	const char *state_key = "";
	struct hearth_state_query query = { .size = sizeof(query), .room_id = room_id, .at = INT64_MAX, .types = &type,
					    .state_keys = &state_key, .pair_count = 1 };
	struct hearth_state_result state;
	int r = directory->rooms->states(directory->rooms, task, &query, 1, &state, err);

	*ret_pdu = NULL;
	*ret_event = NULL;
	if (r < 0 || !state.count)
		return r;
	*ret_event = state.events;
	return hearth_json_parse(directory->tasks->arena(task), state.events->json, state.events->json_length,
				 HEARTH_JSON_BIG_INTS, ret_pdu, err);
}

/* Local aliases and the canonical one: what rules look at. */
HEARTH_SUSPENDS static int names_of(struct directory *directory, struct hearth_task *task, const char *room_id,
				    struct hearth_texts *ret_names, struct hearth_error *err)
{
	const struct hearth_stored_event *event;
	const struct hearth_json *pdu;
	struct hearth_texts aliases;
	const char *canonical, **names;
	int r = directory->rooms->aliases(directory->rooms, task, room_id, &aliases, err);

	if (r >= 0)
		r = read_content(directory, task, room_id, "m.room.canonical_alias", &event, &pdu, err);
	if (r < 0)
		return r;
	names = hearth_arena_array_of(directory->tasks->arena(task), const char *, aliases.count + 1);
	for (size_t i = 0; i < aliases.count; i++)
		names[i] = aliases.items[i];
	canonical = hearth_json_get_string(hearth_json_get_object(pdu, "content"), "alias");
	if (canonical)
		names[aliases.count] = canonical;
	*ret_names = (struct hearth_texts){ names, aliases.count + (canonical != NULL) };
	return 0;
}

HEARTH_SUSPENDS static int is_admin(struct directory *directory, struct hearth_task *task, const char *user_id,
				    bool *ret_admin, struct hearth_error *err)
{
	struct hearth_account account = { .size = sizeof(account) };
	int r = directory->accounts ? directory->accounts->account(directory->accounts, task, user_id, &account, err) : 0;

	if (r == -ENOENT) {
		hearth_error_clear(err);
		r = 0;
	}
	*ret_admin = account.admin;
	return r;
}

int publish_may_publish(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	struct directory *directory = self;
	const struct hearth_hook_room *room = subject;
	struct hearth_texts names;
	bool admin = false;
	int r = is_admin(directory, task, room->user_id, &admin, err);

	if (r < 0 || admin)
		return r;
	r = names_of(directory, task, room->room_id, &names, err);
	if (r < 0 || rules_allow(directory->config.publication_rules, room->user_id, room->room_id, &names))
		return r;
	return hearth_refuse(err, 403, "M_FORBIDDEN", "the rules of this server do not let you publish this room");
}

int publish_may_create_alias(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	struct directory *directory = self;
	const struct hearth_hook_room *room = subject;
	const struct hearth_texts alias = { &room->target, 1 };
	const struct hearth_json *rules = directory->config.alias_rules;
	bool admin = false;
	int r;

	if (hearth_json_type(rules) != HEARTH_JSON_ARRAY || rules_allow(rules, room->user_id, room->room_id, &alias))
		return 0;
	r = is_admin(directory, task, room->user_id, &admin, err);
	if (r < 0 || admin)
		return r;
	return hearth_refuse(err, 403, "M_FORBIDDEN", "the rules of this server do not let you create this alias");
}

/* A moderator is who could change the room's canonical alias. */
HEARTH_SUSPENDS static int check_moderator(struct directory *directory, struct hearth_task *task, const char *user_id,
					   const char *room_id, struct hearth_error *err)
{
	static const char *const TYPES[] = { "m.room.create", "m.room.power_levels" };
	struct hearth_arena *arena = directory->tasks->arena(task);
	struct hearth_membership own = { .size = sizeof(own) };
	const struct hearth_event *found[2] = { NULL, NULL };
	const struct hearth_room_version *version = NULL;
	int r = directory->rooms->membership(directory->rooms, task, room_id, user_id, &own, err);

	if (r >= 0 && (!own.membership || strcmp(own.membership, "join")))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "only who is in the room may publish or hide it");
	if (r >= 0)
		r = directory->rooms->version(directory->rooms, task, room_id, &version, err);
	for (size_t i = 0; r >= 0 && version && i < HEARTH_COUNT(TYPES); i++) {
		const struct hearth_stored_event *event;
		const struct hearth_json *pdu;

		r = read_content(directory, task, room_id, TYPES[i], &event, &pdu, err);
		if (r >= 0 && pdu)
			r = hearth_event_read(arena, version, pdu, event->event_id, &found[i], err);
	}
	if (r < 0 || !version)
		return r;
	if (hearth_power_of_user(version, found[1], found[0], user_id) >=
	    hearth_power_to_send(version, found[1], "m.room.canonical_alias", 1))
		return 0;
	return hearth_refuse(err, 403, "M_FORBIDDEN", "only moderators of the room may publish or hide it");
}

HEARTH_SUSPENDS static int get_visibility(void *self, struct hearth_task *task, struct hearth_request *req,
					  const void *fields, struct hearth_error *err)
{
	struct directory *directory = self;
	const struct publish_args *args = fields;
	int published, r = directory->rooms->published(directory->rooms, task, args->room_id, &published, err);

	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "visibility", published ? "public" : "private");
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int put_visibility(void *self, struct hearth_task *task, struct hearth_request *req,
					  const void *fields, struct hearth_error *err)
{
	struct directory *directory = self;
	const struct publish_args *args = fields;
	struct hearth_hook_room subject = { .user_id = req->user->user_id, .room_id = args->room_id };
	bool publish = !strcmp(args->visibility, "public");
	int published, r = directory->rooms->published(directory->rooms, task, args->room_id, &published, err);

	if (r < 0)
		return r;
	if (publish && !directory->config.searchable)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "this server lists no rooms");
	if (!(req->user->flags & HEARTH_REQUESTER_ADMIN))
		r = check_moderator(directory, task, subject.user_id, args->room_id, err);
	if (r >= 0 && publish && directory->hooks->present(directory->host, HEARTH_HOOK_ROOM_MAY_PUBLISH))
		r = directory->hooks->run(directory->host, task, HEARTH_HOOK_ROOM_MAY_PUBLISH, &subject, err);
	return r < 0 ? r : directory->rooms->publish(directory->rooms, task, args->room_id, publish, err);
}

#define VISIBILITY(method_, access_, fields_, handler_)                                                                  \
	{ .method = method_, .path = "/_matrix/client/v3/directory/list/room/{roomId}", .also = "api/v1 r0 unstable",    \
	  .access = access_, .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, .fields = fields_,                                  \
	  .args_size = sizeof(struct publish_args), .handler = handler_ }

const struct hearth_endpoint PUBLISH_ENDPOINTS[] = {
	VISIBILITY("GET", HEARTH_ACCESS_NONE, GET_ARGS, get_visibility),
	VISIBILITY("PUT", HEARTH_ACCESS_USER, PUT_ARGS, put_visibility),
	HEARTH_ENDPOINTS_END
};
