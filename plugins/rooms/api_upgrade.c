/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POST /rooms/{roomId}/upgrade: a new room takes an old one's place (spec client-server, "Room Upgrades").
 *
 * The new room and the old one's tombstone are stored together. What follows (more bans than are made at once, names,
 * the old room's levels) is lost if the server dies in between.
 */
#include "api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/matrix/id.h>

#define BANS_AT_ONCE 500
#define CREATORS_MAX 500
#define OTHERS_MAX 16 /* drafts that are neither a ban nor copied */

struct upgrade_args {
	const char         *room_id, *new_version;
	struct hearth_texts creators;
};

static const struct hearth_field UPGRADE_ARGS[] = {
	ROOMS_ROOM_ID(struct upgrade_args),
	HEARTH_BODY(struct upgrade_args, new_version, "new_version", .required = 1, .max = 32),
	HEARTH_BODY(struct upgrade_args, creators, "additional_creators", .max = CREATORS_MAX), HEARTH_FIELDS_END
};

struct move {
	const char *old_room, *new_room;
};
static const struct hearth_field BOTH_ROOMS[] = { HEARTH_COLUMNS(struct move, old_room, new_room) };
/* The new room is in the directory already where the old one was. */
static const struct hearth_statement MOVE_NAMES = {
	.name = "rooms.move_names",
	.sql = "WITH hidden AS (UPDATE rooms SET public = false WHERE room_id = $1 AND public)"
	       " UPDATE room_aliases SET room = n.number FROM rooms o, rooms n"
	       " WHERE o.room_id = $1 AND n.room_id = $2 AND room_aliases.room = o.number",
	.params = BOTH_ROOMS,
};

/* What moves as it is. The levels move, too, in a form of their own; so does what a space contains. */
static const char *const COPIED[] = {
	"m.room.join_rules", "m.room.name", "m.room.topic", "m.room.history_visibility", "m.room.guest_access",
	"m.room.avatar", "m.room.encryption", "m.room.server_acl",
};
static const struct {
	const char *type, *key, *value;
} DEFAULTS[] = {
	{ "m.room.join_rules", "join_rule", "invite" },
	{ "m.room.history_visibility", "history_visibility", "shared" },
	{ "m.room.guest_access", "guest_access", "can_join" },
};

struct upgrade {
	struct rooms                     *r;
	struct hearth_task               *task;
	struct hearth_arena              *arena;
	const char                       *user_id, *old_room, *new_room;
	const struct hearth_room_version *version;
	struct hearth_texts               creators; /* beside user_id */
	const struct hearth_event        *create, *levels; /* of the old room; levels may be NULL */
	struct hearth_state_result        state, bans;
	size_t                            banned; /* how many of the bans are copied */
	const struct hearth_json         *old_levels, *new_levels, *first_levels; /* first: while the new room is filled */
	struct hearth_draft              *drafts;
	size_t                            count;
};

static void add(struct upgrade *u, const char *room_id, const char *type, const char *state_key,
		const struct hearth_json *content)
{
	u->drafts[u->count++] = (struct hearth_draft){ .size = sizeof(struct hearth_draft), .room_id = room_id,
						       .sender = u->user_id, .type = type, .state_key = state_key,
						       .content = content };
}

/* ---- the old room --------------------------------------------------------------------------------------------- */

HEARTH_SUSPENDS static int read_levels(struct upgrade *u, struct hearth_error *err)
{
	static const char *const types[] = { "m.room.create", "m.room.power_levels" };
	static const char *const keys[] = { "", "" };
	const struct hearth_event *found[2];
	int rc = rooms_current_parsed(u->r, u->task, u->old_room, types, keys, 2, found, err);

	if (rc < 0)
		return rc;
	if (!found[0])
		return hearth_refuse(err, 404, "M_NOT_FOUND", "there is no room %.80s here", u->old_room);
	u->create = found[0];
	u->levels = found[1];
	if (hearth_power_of_user(u->create->version, u->levels, u->create, u->user_id) >=
	    hearth_power_to_send(u->create->version, u->levels, "m.room.tombstone", 1))
		return 0;
	return hearth_refuse(err, 403, "M_FORBIDDEN",
			"you cannot upgrade this room: that takes the power to send m.room.tombstone");
}

HEARTH_SUSPENDS static int read_old_room(struct upgrade *u, struct hearth_error *err)
{
	const char *types[HEARTH_COUNT(COPIED) + 2], *keys[HEARTH_COUNT(COPIED) + 2];
	struct hearth_state_query query = { .size = sizeof(query), .room_id = u->old_room, .at = INT64_MAX, .types = types,
					    .state_keys = keys };
	struct hearth_membership own = { .size = sizeof(own) };
	const char *room_type;
	int rc = rooms_membership(u->r, u->task, u->old_room, u->user_id, &own, err);

	if (rc >= 0 && (!own.membership || strcmp(own.membership, "join")))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "only who is in the room may upgrade it");
	if (rc >= 0)
		rc = read_levels(u, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < HEARTH_COUNT(COPIED); i++) {
		types[query.pair_count] = COPIED[i];
		keys[query.pair_count++] = "";
	}
	types[query.pair_count] = "m.room.canonical_alias";
	keys[query.pair_count++] = "";
	room_type = hearth_json_get_string(u->create->content, "type");
	if (room_type && !strcmp(room_type, "m.space")) {
		types[query.pair_count] = "m.space.child";
		keys[query.pair_count++] = NULL;
	}
	return rooms_states(u->r, u->task, &query, 1, &u->state, err);
}

static int content_of(struct upgrade *u, const struct hearth_stored_event *event, const struct hearth_json **ret_content,
		      struct hearth_error *err)
{
	const struct hearth_json *pdu;
	int rc = hearth_json_parse(u->arena, event->json, event->json_length, HEARTH_JSON_BIG_INTS, &pdu, err);

	if (rc >= 0)
		*ret_content = hearth_json_get_object(pdu, "content");
	return rc;
}

static const struct hearth_stored_event *find(const struct upgrade *u, const char *type)
{
	for (size_t i = 0; i < u->state.count; i++)
		if (!strcmp(u->state.events[i].type, type) && !u->state.events[i].state_key[0])
			return &u->state.events[i];
	return NULL;
}

/* ---- power levels --------------------------------------------------------------------------------------------- */

/* Rooms before version 10 may hold levels as text; what is no number at all is left out. */
static const struct hearth_json *level_of(struct hearth_arena *arena, const struct hearth_json *value)
{
	const char *text = hearth_json_string(value, NULL);
	char *end = NULL;
	long long level;

	if (!text)
		return hearth_json_type(value) == HEARTH_JSON_INT ? value : NULL;
	errno = 0;
	level = strtoll(text, &end, 10);
	if (errno || end == text || *end || level > HEARTH_JSON_INT_MAX || level < -HEARTH_JSON_INT_MAX)
		return NULL;
	return hearth_json_int_new(arena, level);
}

static struct hearth_json *integer_levels(struct hearth_arena *arena, const struct hearth_json *levels)
{
	struct hearth_json *fixed = hearth_json_object_new(arena);

	for (size_t i = 0; i < hearth_json_size(levels); i++) {
		const struct hearth_json *value = hearth_json_at(levels, i);

		hearth_json_set(fixed, hearth_json_key_at(levels, i), hearth_json_type(value) == HEARTH_JSON_OBJECT
									      ? integer_levels(arena, value)
									      : level_of(arena, value));
	}
	return fixed;
}

static int64_t needed_level(const struct hearth_json *levels)
{
	const struct hearth_json *events = hearth_json_get_object(levels, "events");
	int64_t needed = hearth_json_get_int(levels, "state_default", 50), ban = hearth_json_get_int(levels, "ban", 50);

	if (ban > needed)
		needed = ban;
	for (size_t i = 0; i < hearth_json_size(events); i++)
		if (hearth_json_int(hearth_json_at(events, i)) > needed)
			needed = hearth_json_int(hearth_json_at(events, i));
	return needed;
}

/* Creators of a version 12 room stand in no list: a room of an older version must list them. */
static void list_creators(const struct upgrade *u, struct hearth_json *users, int64_t needed)
{
	const struct hearth_json *others = hearth_json_get_array(u->create->content, "additional_creators");
	int64_t level = needed > 100 ? needed : 100;

	if (!u->create->version->creator_power || u->version->creator_power)
		return;
	hearth_json_set_int(users, u->create->sender, level);
	for (size_t i = 0; i < hearth_json_size(others); i++)
		if (hearth_json_string(hearth_json_at(others, i), NULL))
			hearth_json_set_int(users, hearth_json_string(hearth_json_at(others, i), NULL), level);
}

/* Who makes the new room may lack the power to fill it: they have it until that is done. */
static void plan_levels(struct upgrade *u)
{
	struct hearth_json *levels = integer_levels(u->arena, u->levels ? u->levels->content : NULL);
	struct hearth_json *users = hearth_json_object_copy(u->arena, hearth_json_get_object(levels, "users"));
	int64_t needed = needed_level(levels), own;
	struct hearth_json *raised;

	if (!u->levels)
		hearth_json_set_int(users, u->user_id, 100);
	u->old_levels = levels;
	u->new_levels = levels = hearth_json_object_copy(u->arena, levels);
	hearth_json_set(levels, "users", users);
	u->first_levels = u->new_levels;
	list_creators(u, users, needed);
	if (u->version->creator_power) {
		hearth_json_remove(users, u->user_id);
		for (size_t i = 0; i < u->creators.count; i++)
			hearth_json_remove(users, u->creators.items[i]);
		return;
	}
	own = hearth_json_get_int(users, u->user_id, hearth_json_get_int(levels, "users_default", 0));
	if (own >= needed)
		return;
	raised = hearth_json_object_copy(u->arena, users);
	hearth_json_set_int(raised, u->user_id, needed);
	levels = hearth_json_object_copy(u->arena, levels);
	hearth_json_set(levels, "users", raised);
	u->first_levels = levels;
}

/* ---- the new room --------------------------------------------------------------------------------------------- */

static struct hearth_json *creation_content(struct upgrade *u)
{
	struct hearth_json *content = hearth_json_object_new(u->arena), *predecessor = hearth_json_object_new(u->arena);

	hearth_json_set_string(predecessor, "room_id", u->old_room);
	hearth_json_set(content, "predecessor", predecessor);
	hearth_json_set(content, "type", hearth_json_get(u->create->content, "type"));
	if (!hearth_json_get_bool(u->create->content, "m.federate", 1))
		hearth_json_set_bool(content, "m.federate", 0);
	if (u->version->creator_power && u->creators.count) {
		struct hearth_json *creators = hearth_json_array_new(u->arena);

		for (size_t i = 0; i < u->creators.count; i++)
			hearth_json_append(creators, hearth_json_string_new(u->arena, u->creators.items[i]));
		hearth_json_set(content, "additional_creators", creators);
	}
	return content;
}

static int add_copies(struct upgrade *u, struct hearth_error *err)
{
	for (size_t i = 0; i < HEARTH_COUNT(DEFAULTS); i++) {
		struct hearth_json *content = hearth_json_object_new(u->arena);

		hearth_json_set_string(content, DEFAULTS[i].key, DEFAULTS[i].value);
		if (!find(u, DEFAULTS[i].type))
			add(u, NULL, DEFAULTS[i].type, "", content);
	}
	for (size_t i = 0; i < u->state.count; i++) {
		const struct hearth_stored_event *event = &u->state.events[i];
		const struct hearth_json *content;
		int rc = content_of(u, event, &content, err);

		if (rc < 0)
			return rc;
		/* A child without content was taken out of the space. */
		if (!strcmp(event->type, "m.room.canonical_alias") || (!strcmp(event->type, "m.space.child") &&
		    !hearth_json_size(content)))
			continue;
		add(u, NULL, event->type, event->state_key, content);
	}
	return 0;
}

/* Of a canonical alias, this server's names go to the new room, those of others stay: content is split in two. */
static int split_alias(struct upgrade *u, struct hearth_json **ret_stays, struct hearth_json **ret_goes,
		       struct hearth_error *err)
{
	const struct hearth_stored_event *event = find(u, "m.room.canonical_alias");
	const struct hearth_json *content = NULL, *others;
	struct hearth_json *stay, *go;
	const char *alias;
	int rc = event ? content_of(u, event, &content, err) : 0;

	*ret_stays = *ret_goes = NULL;
	if (rc < 0 || !event)
		return rc;
	*ret_stays = hearth_json_object_copy(u->arena, content);
	*ret_goes = hearth_json_object_new(u->arena);
	stay = hearth_json_array_new(u->arena);
	go = hearth_json_array_new(u->arena);
	alias = hearth_json_get_string(content, "alias");
	if (alias && hearth_id_is_local(alias, u->r->server_name)) {
		hearth_json_set_string(*ret_goes, "alias", alias);
		hearth_json_remove(*ret_stays, "alias");
	}
	others = hearth_json_get_array(content, "alt_aliases");
	for (size_t i = 0; i < hearth_json_size(others); i++) {
		const char *other = hearth_json_string(hearth_json_at(others, i), NULL);

		hearth_json_append(other && hearth_id_is_local(other, u->r->server_name) ? go : stay,
				hearth_json_at(others, i));
	}
	hearth_json_remove(*ret_stays, "alt_aliases");
	if (hearth_json_size(stay))
		hearth_json_set(*ret_stays, "alt_aliases", stay);
	if (hearth_json_size(go))
		hearth_json_set(*ret_goes, "alt_aliases", go);
	return 0;
}

HEARTH_SUSPENDS static int check_hook(struct upgrade *u, struct hearth_error *err)
{
	struct hearth_json *config = hearth_json_object_new(u->arena), *list = hearth_json_array_new(u->arena);
	struct hearth_hook_room subject = { .user_id = u->user_id, .config = config };
	int rc;

	if (!u->r->hooks->present(u->r->host, HEARTH_HOOK_ROOM_MAY_CREATE))
		return 0;
	hearth_json_set(config, "creation_content", u->drafts[0].content);
	for (size_t i = 3; i < u->count; i++) {
		struct hearth_json *event = hearth_json_object_new(u->arena);

		hearth_json_set_string(event, "type", u->drafts[i].type);
		hearth_json_set_string(event, "state_key", u->drafts[i].state_key);
		hearth_json_set(event, "content", u->drafts[i].content);
		hearth_json_append(list, event);
	}
	hearth_json_set(config, "initial_state", list);
	rc = u->r->hooks->run(u->r->host, u->task, HEARTH_HOOK_ROOM_MAY_CREATE, &subject, err);
	return rc < 0 ? rc : 0;
}

HEARTH_SUSPENDS static int read_bans(struct upgrade *u, struct hearth_error *err)
{
	const char *type = "m.room.member", *any = NULL;
	struct hearth_texts banned;
	struct hearth_state_query query = { .size = sizeof(query), .room_id = u->old_room, .at = INT64_MAX, .types = &type,
					    .state_keys = &any, .pair_count = 1, .members = &banned };
	int rc = rooms_members(u->r, u->task, u->old_room, "ban", 0, &banned, err);

	return rc < 0 || !banned.count ? rc : rooms_states(u->r, u->task, &query, 1, &u->bans, err);
}

/* The levels that the room is to keep. */
static void add_last_levels(struct upgrade *u)
{
	if (u->first_levels != u->new_levels)
		add(u, u->new_room, "m.room.power_levels", "", u->new_levels);
}

/* The next BANS_AT_ONCE of them. */
static int add_bans(struct upgrade *u, struct hearth_error *err)
{
	for (size_t n = 0; n < BANS_AT_ONCE && u->banned < u->bans.count; n++, u->banned++) {
		const struct hearth_stored_event *ban = &u->bans.events[u->banned];
		const struct hearth_json *content;
		int rc = content_of(u, ban, &content, err);

		if (rc < 0)
			return rc;
		add(u, u->new_room, "m.room.member", ban->state_key, content);
	}
	return 0;
}

HEARTH_SUSPENDS static int send(struct upgrade *u, struct rooms_batch batch, const char **ret_room_id,
				struct hearth_error *err)
{
	const char *const *event_ids;

	batch.drafts = u->drafts;
	batch.count = u->count;
	return rooms_send_batch(u->r, u->task, &batch, ret_room_id, &event_ids, err);
}

HEARTH_SUSPENDS static int make_new_room(struct upgrade *u, const struct hearth_json *alias, struct hearth_error *err)
{
	struct hearth_json *join, *tombstone = hearth_json_object_new(u->arena);
	int published, rc = rooms_published(u->r, u->task, u->old_room, &published, err);

	if (rc >= 0)
		rc = api_member_content(u->r, u->task, u->user_id, "join", NULL, &join, err);
	if (rc < 0)
		return rc;
	hearth_json_set_string(tombstone, "body", "This room has been replaced");
	add(u, NULL, "m.room.create", "", creation_content(u));
	add(u, u->old_room, "m.room.tombstone", "", tombstone);
	add(u, NULL, "m.room.member", u->user_id, join);
	/* Before there are levels nobody outranks who makes the room, whoever is banned. */
	rc = add_bans(u, err);
	add(u, NULL, "m.room.power_levels", "", u->first_levels);
	if (rc >= 0)
		rc = add_copies(u, err);
	if (rc >= 0 && hearth_json_size(alias))
		add(u, NULL, "m.room.canonical_alias", "", alias);
	if (rc >= 0)
		rc = check_hook(u, err);
	if (u->banned == u->bans.count)
		add_last_levels(u);
	return rc < 0 ? rc : send(u, (struct rooms_batch){ .create_version = u->version, .published = published != 0,
							   .replaces = u->old_room }, &u->new_room, err);
}

HEARTH_SUSPENDS static int send_more_bans(struct upgrade *u, struct hearth_error *err)
{
	int rc = 0;

	while (rc >= 0 && u->banned < u->bans.count) {
		u->count = 0;
		rc = add_bans(u, err);
		if (u->banned == u->bans.count)
			add_last_levels(u);
		if (rc >= 0)
			rc = send(u, (struct rooms_batch){ 0 }, NULL, err);
	}
	return rc;
}

/* ---- the old room is told -------------------------------------------------------------------------------------- */

static bool may_send(const struct upgrade *u, const char *type)
{
	return hearth_power_of_user(u->create->version, u->levels, u->create, u->user_id) >=
	       hearth_power_to_send(u->create->version, u->levels, type, 1);
}

/* Nobody but moderators speaks or invites there from now on. */
static void add_quiet_levels(struct upgrade *u)
{
	static const char *const KEYS[] = { "invite", "events_default" };
	struct hearth_json *levels = hearth_json_object_copy(u->arena, u->old_levels);
	int64_t quiet = hearth_json_get_int(levels, "users_default", 0) + 1;
	bool changed = false;

	if (quiet < 50)
		quiet = 50;
	for (size_t i = 0; i < HEARTH_COUNT(KEYS); i++) {
		if (hearth_json_get_int(levels, KEYS[i], 0) >= quiet)
			continue;
		hearth_json_set_int(levels, KEYS[i], quiet);
		changed = true;
	}
	if (changed && u->levels && may_send(u, "m.room.power_levels") &&
	    hearth_power_of_user(u->create->version, u->levels, u->create, u->user_id) >= quiet)
		add(u, u->old_room, "m.room.power_levels", "", levels);
}

/* Names and levels of the old room change where the rules let the user change them. */
HEARTH_SUSPENDS static int quieten(struct upgrade *u, const struct hearth_json *alias, struct hearth_error *err)
{
	int rc;

	u->count = 0;
	if (alias && may_send(u, "m.room.canonical_alias"))
		add(u, u->old_room, "m.room.canonical_alias", "", alias);
	add_quiet_levels(u);
	rc = u->count ? send(u, (struct rooms_batch){ 0 }, NULL, err) : 0;
	if (rc == -EACCES) {
		hearth_error_clear(err);
		rc = 0;
	}
	return rc;
}

static int read_args(struct upgrade *u, const struct upgrade_args *args, struct hearth_error *err)
{
	u->version = hearth_room_version(args->new_version);
	if (!u->version)
		return hearth_refuse(err, 400, "M_UNSUPPORTED_ROOM_VERSION",
				     "new_version: there is no version '%.32s' here", args->new_version);
	if (!u->version->creator_power)
		return 0;
	u->creators = args->creators;
	for (size_t i = 0; i < u->creators.count; i++)
		if (!hearth_id_is_user(u->creators.items[i]))
			return hearth_refuse(err, 400, "M_INVALID_PARAM", "additional_creators[%zu]: no user id", i);
	return 0;
}

/* An upgrade that is under way: a second one, by another click, would make a second room. */
struct rooms_upgrading {
	struct rooms_upgrading *next;
	struct rooms           *r;
	const char             *room_id;
};

static int begin_upgrade(struct rooms_upgrading *own, struct hearth_error *err)
{
	for (const struct rooms_upgrading *other = own->r->upgrading; other; other = other->next)
		if (!strcmp(other->room_id, own->room_id))
			return hearth_refuse(err, 400, "M_UNKNOWN", "an upgrade of this room is under way");
	own->next = own->r->upgrading;
	own->r->upgrading = own;
	return 0;
}

static void end_upgrade(struct rooms_upgrading *own)
{
	struct rooms_upgrading **link = &own->r->upgrading;

	while (*link && *link != own)
		link = &(*link)->next;
	if (*link)
		*link = own->next;
}

static void write_room_id(struct hearth_request *req, const char *room_id)
{
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "replacement_room", room_id);
	hearth_write_end(req->out);
}

HEARTH_SUSPENDS static int humour(struct upgrade *u, struct hearth_request *req, struct hearth_error *err)
{
	char random[19];
	int rc = api_humour(u->r, u->task, err);

	hearth_id_random(random, sizeof(random));
	if (rc >= 0)
		write_room_id(req, hearth_arena_printf(u->arena, "!%s:%s", random, u->r->server_name));
	return rc;
}

HEARTH_SUSPENDS static int post_upgrade(void *self, struct hearth_task *task, struct hearth_request *req,
					const void *fields, struct hearth_error *err)
{
	const struct upgrade_args *args = fields;
	struct upgrade u = { .r = self, .task = task, .arena = req->arena, .user_id = req->user->user_id,
			     .old_room = args->room_id };
	HEARTH_CLEANUP(end_upgrade) struct rooms_upgrading own = { .r = self, .room_id = args->room_id };
	struct hearth_json *stays = NULL, *goes = NULL;
	int rc = read_args(&u, args, err);

	if (rc >= 0)
		rc = api_check_standing(req->user, err);
	if (rc >= 0)
		rc = api_limit_message(u.r, u.user_id, err);
	if (rc >= 0 && api_is_humoured(req->user))
		return humour(&u, req, err);
	if (rc >= 0)
		rc = begin_upgrade(&own, err);
	if (rc >= 0)
		rc = read_old_room(&u, err);
	if (rc >= 0)
		rc = split_alias(&u, &stays, &goes, err);
	if (rc < 0)
		return rc;
	plan_levels(&u);
	rc = read_bans(&u, err);
	u.drafts = hearth_arena_array_of(u.arena, struct hearth_draft, u.state.count + BANS_AT_ONCE + OTHERS_MAX);
	if (rc >= 0)
		rc = make_new_room(&u, goes, err);
	if (rc >= 0)
		rc = send_more_bans(&u, err);
	if (rc >= 0)
		rc = quieten(&u, stays, err);
	if (rc >= 0)
		rc = u.r->db->write(task, &MOVE_NAMES, &(struct move){ .old_room = u.old_room, .new_room = u.new_room }, NULL,
				    err);
	if (rc >= 0)
		rc = api_follow(u.r, task, u.user_id, u.new_room, err);
	if (rc >= 0)
		write_room_id(req, u.new_room);
	return rc;
}

/* ---- whoever comes into the new room brings what was theirs in the old one -------------------------------------- */

int api_follow(struct rooms *r, struct hearth_task *task, const char *user_id, const char *room_id, struct hearth_error *err)
{
	const char *type = "m.room.create", *state_key = "";
	struct hearth_hook_follow subject = { .user_id = user_id, .room_id = room_id };
	const struct hearth_event *create;
	int rc;

	if (!r->hooks->present(r->host, HEARTH_HOOK_ROOM_ON_FOLLOWED))
		return 0;
	rc = rooms_current_parsed(r, task, room_id, &type, &state_key, 1, &create, err);
	if (rc < 0 || !create)
		return rc;
	subject.old_room_id = hearth_json_get_string(hearth_json_get_object(create->content, "predecessor"), "room_id");
	if (!subject.old_room_id || !hearth_id_is_room(subject.old_room_id))
		return 0;
	rc = r->hooks->run(r->host, task, HEARTH_HOOK_ROOM_ON_FOLLOWED, &subject, err);
	return rc < 0 ? rc : 0;
}

const struct hearth_endpoint UPGRADE_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/rooms/{roomId}/upgrade", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER, .limit = "rc_room_creation", .fields = UPGRADE_ARGS,
	  .args_size = sizeof(struct upgrade_args), .handler = post_upgrade },
	HEARTH_ENDPOINTS_END
};
