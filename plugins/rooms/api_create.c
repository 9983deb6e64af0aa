/* SPDX-License-Identifier: Apache-2.0 */
/* POST /createRoom: a room's first events, stored in one transaction (spec client-server, "Creation"). */
#include "api.h"

#include <errno.h>
#include <string.h>

#include <hearth/map.h>
#include <hearth/matrix/id.h>

#define FIRST_EVENTS_MAX 1000
#define LEVELS_MAX 8192 /* an event has no room for more */

struct create_args {
	const char               *visibility, *alias_name, *name, *topic, *room_version, *preset;
	struct hearth_texts       invite;
	const struct hearth_json *invite_3pid, *creation_content, *initial_state, *power_override;
	bool                      is_direct;
};

static const struct hearth_field CREATE_ARGS[] = {
	HEARTH_BODY(struct create_args, visibility, "visibility", .choices = "public|private", .fallback = "private"),
	HEARTH_BODY(struct create_args, alias_name, "room_alias_name", .max = 200),
	HEARTH_BODY(struct create_args, name, "name"),
	HEARTH_BODY(struct create_args, topic, "topic"),
	HEARTH_BODY(struct create_args, room_version, "room_version", .max = 32),
	HEARTH_BODY(struct create_args, preset, "preset", .choices = "private_chat|public_chat|trusted_private_chat"),
	HEARTH_BODY(struct create_args, invite, "invite", .max = 500),
	HEARTH_BODY(struct create_args, invite_3pid, "invite_3pid", .shape = HEARTH_AN_ARRAY),
	HEARTH_BODY(struct create_args, creation_content, "creation_content", .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct create_args, initial_state, "initial_state", .shape = HEARTH_AN_ARRAY),
	HEARTH_BODY(struct create_args, power_override, "power_level_content_override", .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct create_args, is_direct, "is_direct"),
	HEARTH_FIELDS_END
};

/* A room under construction. */
struct creation {
	struct rooms                     *r;
	struct hearth_task               *task;
	struct hearth_arena              *arena;
	const struct create_args         *args;
	const char                       *creator, *preset, *alias;
	bool                              unheard; /* the creator is shadow-banned: nobody hears of an invitation */
	const struct hearth_room_version *version;
	struct hearth_draft              *drafts; /* FIRST_EVENTS_MAX at most */
	size_t                            count;
};

static void add(struct creation *c, const char *type, const char *state_key, const struct hearth_json *content)
{
	/* A later event of the same kind (from initial_state) takes the earlier one's place. */
	for (size_t i = 1; i < c->count; i++)
		if (!strcmp(c->drafts[i].type, type) && !strcmp(c->drafts[i].state_key, state_key)) {
			c->drafts[i].content = content;
			return;
		}
	c->drafts[c->count++] = (struct hearth_draft){ .size = sizeof(struct hearth_draft), .sender = c->creator, .type = type,
						       .state_key = state_key, .content = content };
}

static void add_one(struct creation *c, const char *type, const char *key, const char *value)
{
	struct hearth_json *content = hearth_json_object_new(c->arena);

	hearth_json_set_string(content, key, value);
	add(c, type, "", content);
}

static bool is_preset(const struct creation *c, const char *preset)
{
	return !strcmp(c->preset, preset);
}

/* Each once; named: those who are in the list. */
static void append_creator(struct creation *c, struct hearth_json *creators, struct hearth_map *named, const char *user_id)
{
	struct hearth_map_entry *entry = hearth_map_at(named, user_id, "");

	if (!entry->number++ && strcmp(user_id, c->creator))
		hearth_json_append(creators, hearth_json_string_new(c->arena, user_id));
}

/* Version 12: in a trusted private chat the invited are creators, too. */
static int add_creators(struct creation *c, struct hearth_json *content, struct hearth_error *err)
{
	const struct hearth_json *named = hearth_json_get(content, "additional_creators");
	struct hearth_json *creators = hearth_json_array_new(c->arena);
	struct hearth_map seen;

	hearth_map_init(&seen, c->arena, 0);
	if (!c->version->creator_power)
		return 0;
	if (named && hearth_json_type(named) != HEARTH_JSON_ARRAY)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "creation_content.additional_creators: expected a list");
	for (size_t i = 0; i < hearth_json_size(named); i++) {
		const char *user_id = hearth_json_string(hearth_json_at(named, i), NULL);

		if (!user_id || !hearth_id_is_user(user_id))
			return hearth_refuse(err, 400, "M_INVALID_PARAM",
					     "creation_content.additional_creators[%zu]: no user id", i);
		append_creator(c, creators, &seen, user_id);
	}
	for (size_t i = 0; is_preset(c, "trusted_private_chat") && i < c->args->invite.count; i++)
		append_creator(c, creators, &seen, c->args->invite.items[i]);
	hearth_json_remove(content, "additional_creators");
	if (hearth_json_size(creators))
		hearth_json_set(content, "additional_creators", creators);
	return 0;
}

static int add_create(struct creation *c, struct hearth_error *err)
{
	struct hearth_json *content = hearth_json_object_copy(c->arena, c->args->creation_content);
	int rc = add_creators(c, content, err);

	hearth_json_remove(content, "room_version");
	hearth_json_remove(content, "creator");
	add(c, "m.room.create", "", content);
	return rc;
}

HEARTH_SUSPENDS static int add_creators_join(struct creation *c, struct hearth_error *err)
{
	struct hearth_json *content;
	int rc = api_member_content(c->r, c->task, c->creator, "join", NULL, &content, err);

	if (rc >= 0)
		add(c, "m.room.member", c->creator, content);
	return rc;
}

static const struct {
	const char *type;
	int64_t     level, level_v12;
} EVENT_LEVELS[] = {
	{ "m.room.name", 50, 50 }, { "m.room.avatar", 50, 50 }, { "m.room.canonical_alias", 50, 50 },
	{ "m.room.power_levels", 100, 100 }, { "m.room.history_visibility", 100, 100 }, { "m.room.tombstone", 100, 150 },
	{ "m.room.server_acl", 100, 100 }, { "m.room.encryption", 100, 100 },
};

static const struct {
	const char *key;
	int64_t     level;
} LEVELS[] = {
	{ "users_default", 0 }, { "events_default", 0 }, { "state_default", 50 }, { "ban", 50 }, { "kick", 50 },
	{ "redact", 50 }, { "historical", 100 },
};

static void lay_over(struct hearth_json *content, const struct hearth_json *override)
{
	for (size_t i = 0; i < hearth_json_size(override); i++)
		hearth_json_set(content, hearth_json_key_at(override, i), hearth_json_at(override, i));
}

static void add_power_levels(struct creation *c)
{
	struct hearth_json *content = hearth_json_object_new(c->arena), *users = hearth_json_object_new(c->arena);
	struct hearth_json *events = hearth_json_object_new(c->arena);

	if (!c->version->creator_power) {
		hearth_json_set_int(users, c->creator, 100);
		for (size_t i = 0; is_preset(c, "trusted_private_chat") && i < c->args->invite.count; i++)
			hearth_json_set_int(users, c->args->invite.items[i], 100);
	}
	for (size_t i = 0; i < HEARTH_COUNT(EVENT_LEVELS); i++)
		hearth_json_set_int(events, EVENT_LEVELS[i].type,
				    c->version->creator_power ? EVENT_LEVELS[i].level_v12 : EVENT_LEVELS[i].level);
	hearth_json_set(content, "users", users);
	hearth_json_set(content, "events", events);
	for (size_t i = 0; i < HEARTH_COUNT(LEVELS); i++)
		hearth_json_set_int(content, LEVELS[i].key, LEVELS[i].level);
	hearth_json_set_int(content, "invite", is_preset(c, "public_chat") ? 50 : 0);
	lay_over(content, hearth_json_get_object(c->r->preset_levels, c->preset));
	lay_over(content, c->args->power_override);
	add(c, "m.room.power_levels", "", content);
}

static void add_preset(struct creation *c)
{
	bool public = is_preset(c, "public_chat");

	add_one(c, "m.room.join_rules", "join_rule", public ? "public" : "invite");
	add_one(c, "m.room.history_visibility", "history_visibility", "shared");
	add_one(c, "m.room.guest_access", "guest_access", public ? "forbidden" : "can_join");
	if (!strcmp(c->r->encrypted_presets, "all") || (!strcmp(c->r->encrypted_presets, "invite") && !public))
		add_one(c, "m.room.encryption", "algorithm", "m.megolm.v1.aes-sha2");
}

static int add_initial_state(struct creation *c, struct hearth_error *err)
{
	const struct hearth_json *list = c->args->initial_state;

	if (hearth_json_size(list) > FIRST_EVENTS_MAX / 2)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "initial_state: at most %d events", FIRST_EVENTS_MAX / 2);
	for (size_t i = 0; i < hearth_json_size(list); i++) {
		const struct hearth_json *event = hearth_json_at(list, i), *content = hearth_json_get_object(event, "content");
		const char *type = hearth_json_get_string(event, "type");
		const char *state_key = hearth_json_get_string(event, "state_key");

		if (!type || !content)
			return hearth_refuse(err, 400, "M_BAD_JSON", "initial_state[%zu]: expected type and content", i);
		if (!strcmp(type, "m.room.create") || !strcmp(type, "m.room.member"))
			return hearth_refuse(err, 400, "M_INVALID_PARAM",
					"initial_state[%zu]: %s has a field of its own", i, type);
		add(c, type, state_key ? state_key : "", content);
	}
	return 0;
}

/* The topic stands there twice: for all clients, and as the text/plain one of its forms. */
static void add_topic(struct creation *c)
{
	struct hearth_json *content = hearth_json_object_new(c->arena), *block = hearth_json_object_new(c->arena);
	struct hearth_json *forms = hearth_json_array_new(c->arena), *plain = hearth_json_object_new(c->arena);

	hearth_json_set_string(plain, "body", c->args->topic);
	hearth_json_append(forms, plain);
	hearth_json_set(block, "m.text", forms);
	hearth_json_set_string(content, "topic", c->args->topic);
	hearth_json_set(content, "m.topic", block);
	add(c, "m.room.topic", "", content);
}

HEARTH_SUSPENDS static int add_invites(struct creation *c, struct hearth_error *err)
{
	for (size_t i = 0; !c->unheard && i < c->args->invite.count; i++) {
		const char *invitee = c->args->invite.items[i];
		struct hearth_json *content;
		int rc;

		if (!hearth_id_is_user(invitee))
			return hearth_refuse(err, 400, "M_INVALID_PARAM", "invite[%zu]: no user id", i);
		if (!strcmp(invitee, c->creator))
			continue;
		rc = api_may_invite(c->r, c->task, c->creator, /* room_id= */ NULL, invitee, err);
		if (rc < 0)
			return rc;
		rc = api_member_content(c->r, c->task, invitee, "invite", NULL, &content, err);
		if (rc < 0)
			return rc;
		if (c->args->is_direct)
			hearth_json_set_bool(content, "is_direct", 1);
		add(c, "m.room.member", invitee, content);
	}
	return 0;
}

/* An alias is a local one: '#' name ':' this server. */
static int read_alias(struct creation *c, struct hearth_error *err)
{
	if (!c->args->alias_name)
		return 0;
	c->alias = hearth_arena_printf(c->arena, "#%s:%s", c->args->alias_name, c->r->server_name);
	if (strchr(c->args->alias_name, ':') || !hearth_id_is_alias(c->alias))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "room_alias_name: no localpart of an alias");
	return 0;
}

static int read_version(struct creation *c, struct hearth_error *err)
{
	const char *name = c->args->room_version ? c->args->room_version : c->r->default_version;

	c->version = hearth_room_version(name);
	if (!c->version)
		return hearth_refuse(err, 400, "M_UNSUPPORTED_ROOM_VERSION",
				"room_version: there is no version '%.32s' here", name);
	return 0;
}

HEARTH_SUSPENDS static int fill(struct creation *c, struct hearth_error *err)
{
	int rc;

	rc = add_create(c, err);
	if (rc >= 0)
		rc = add_creators_join(c, err);
	if (rc < 0)
		return rc;
	add_power_levels(c);
	if (c->alias)
		add_one(c, "m.room.canonical_alias", "alias", c->alias);
	add_preset(c);
	rc = add_initial_state(c, err);
	if (rc < 0)
		return rc;
	if (c->args->name)
		add_one(c, "m.room.name", "name", c->args->name);
	if (c->args->topic)
		add_topic(c);
	return add_invites(c, err);
}

HEARTH_SUSPENDS static int run_hook(struct creation *c, const char *hook, struct hearth_hook_room *subject,
				    struct hearth_error *err)
{
	int rc = c->r->hooks->present(c->r->host, hook) ? c->r->hooks->run(c->r->host, c->task, hook, subject, err) : 0;

	return rc < 0 ? rc : 0;
}

/* A room that may not be published is made nevertheless. */
HEARTH_SUSPENDS static int publish(struct creation *c, const char *room_id, struct hearth_error *err)
{
	struct hearth_hook_room subject = { .user_id = c->creator, .room_id = room_id, .target = c->alias };
	int rc;

	if (strcmp(c->args->visibility, "public"))
		return 0;
	rc = run_hook(c, HEARTH_HOOK_ROOM_MAY_PUBLISH, &subject, err);
	if (rc < 0 && err->http_status) {
		hearth_error_clear(err);
		return 0;
	}
	return rc < 0 ? rc : rooms_publish(c->r, c->task, room_id, 1, err);
}

/* As found before the room is made, or by the database where another room was quicker. */
static int alias_is_taken(const struct creation *c, struct hearth_error *err)
{
	hearth_error_clear(err);
	return hearth_refuse(err, 400, "M_ROOM_IN_USE", "room_alias_name: the alias %.80s is taken", c->alias);
}

HEARTH_SUSPENDS static int check(struct creation *c, const struct hearth_request *req, struct hearth_error *err)
{
	struct hearth_hook_room subject = { .user_id = c->creator, .config = req->body };
	const char *other;
	int rc;

	if (hearth_json_size(c->args->invite_3pid))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "invite_3pid: this server has no identity server to ask");
	if (hearth_json_size(c->args->power_override) > LEVELS_MAX)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "power_level_content_override: at most %d members", LEVELS_MAX);
	if ((double)c->args->invite.count > c->r->invites_at_once)
		return hearth_refuse(err, 400, "M_UNKNOWN", "invite: so many users cannot be invited at once");
	rc = api_check_standing(req->user, err);
	if (rc >= 0)
		rc = api_limit_message(c->r, c->creator, err);
	if (rc >= 0)
		rc = run_hook(c, HEARTH_HOOK_ROOM_MAY_CREATE, &subject, err);
	for (size_t i = 0; rc >= 0 && i < c->args->invite.count; i++) {
		subject = (struct hearth_hook_room){ .user_id = c->creator, .target = c->args->invite.items[i] };
		rc = run_hook(c, HEARTH_HOOK_ROOM_MAY_INVITE, &subject, err);
	}
	if (rc >= 0)
		rc = read_version(c, err);
	if (rc >= 0)
		rc = read_alias(c, err);
	if (rc < 0 || !c->alias)
		return rc;
	rc = rooms_alias_to_room(c->r, c->task, c->alias, &other, err);
	if (rc >= 0)
		return alias_is_taken(c, err);
	if (rc != -ENOENT)
		return rc;
	hearth_error_clear(err);
	subject = (struct hearth_hook_room){ .user_id = c->creator, .target = c->alias };
	return run_hook(c, HEARTH_HOOK_ROOM_MAY_CREATE_ALIAS, &subject, err);
}

/* Where no hook can have refused, the rules of the room have: the request asks for a state that contradicts itself. */
static int blame_state(struct rooms *r, struct hearth_error *err)
{
	struct hearth_error said = *err;

	if (r->hooks->present(r->host, HEARTH_HOOK_EVENT_CHECK_SPAM) ||
	    r->hooks->present(r->host, HEARTH_HOOK_EVENT_CHECK_ALLOWED))
		return err->code;
	hearth_error_clear(err);
	return hearth_refuse(err, 400, "M_INVALID_ROOM_STATE", "%s", said.message);
}

HEARTH_SUSPENDS static int post_create(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				       struct hearth_error *err)
{
	const struct create_args *args = fields;
	struct creation *c = hearth_arena_new_of(req->arena, struct creation);
	struct rooms_batch batch;
	const char *const *event_ids;
	const char *room_id;
	int rc;

	*c = (struct creation){ .r = self, .task = task, .arena = req->arena, .args = args, .creator = req->user->user_id,
				.unheard = api_is_humoured(req->user) };
	c->drafts = hearth_arena_array_of(req->arena, struct hearth_draft, FIRST_EVENTS_MAX + 16);
	c->preset = args->preset ? args->preset : !strcmp(args->visibility, "public") ? "public_chat" : "private_chat";
	rc = check(c, req, err);
	if (rc >= 0)
		rc = fill(c, err);
	if (rc < 0)
		return rc;
	batch = (struct rooms_batch){ .drafts = c->drafts, .count = c->count, .create_version = c->version, .alias = c->alias };
	rc = rooms_send_batch(self, task, &batch, &room_id, &event_ids, err);
	if (rc == -EACCES)
		return blame_state(self, err);
	if (rc == -EEXIST)
		return alias_is_taken(c, err);
	if (rc >= 0)
		rc = publish(c, room_id, err);
	if (rc < 0)
		return rc;
	api_note_join(self, room_id);
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "room_id", room_id);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint CREATE_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/createRoom", .also = "api/v1 r0 unstable", .access = HEARTH_ACCESS_USER,
	  .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, .limit = "rc_room_creation", .fields = CREATE_ARGS,
	  .args_size = sizeof(struct create_args), .handler = post_create },
	HEARTH_ENDPOINTS_END
};
