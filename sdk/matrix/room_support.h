/* SPDX-License-Identifier: Apache-2.0 */
/* A small room for unit tests: events made without hashes, and the state that they add up to. */
#ifndef HEARTH_ROOM_SUPPORT_H
#define HEARTH_ROOM_SUPPORT_H

#include "test_support.h"

#include <hearth/matrix/auth.h>

#define ROOM_EVENTS_MAX 128
#define ROOM_ID         "!room:one"

struct room {
	struct hearth_arena *arena;
	const struct hearth_room_version *version;
	struct hearth_event *events[ROOM_EVENTS_MAX];
	size_t count;
};

static inline struct room room_new(struct hearth_arena *arena, const char *version)
{
	return (struct room){ .arena = arena, .version = hearth_room_version(version) };
}

/* An event that is not part of the room. content may use ' for ". */
static inline struct hearth_event *event_new(struct room *room, const char *id, const char *type, const char *sender,
					     const char *state_key, const char *content)
{
	struct hearth_event *event = hearth_arena_new_of(room->arena, struct hearth_event);
	char *text = hearth_arena_strdup(room->arena, content);

	for (char *at = text; *at; at++)
		if (*at == '\'')
			*at = '"';
	*event = (struct hearth_event){
		.size = sizeof(*event), .version = room->version, .event_id = id, .type = type, .sender = sender,
		.state_key = state_key, .room_id = room->version->room_id_is_create_hash ? "!create" : ROOM_ID,
		.content = parsed(room->arena, text), .json = parsed(room->arena, "{}"), .depth = 1,
	};
	return event;
}

/* Adds a state event, or takes the place of the one with its key. */
static inline struct hearth_event *put(struct room *room, const char *type, const char *sender, const char *state_key,
				       const char *content)
{
	struct hearth_event *event = event_new(room, "$create", type, sender, state_key, content);

	if (strcmp(type, "m.room.create") != 0)
		event->event_id = hearth_arena_printf(room->arena, "$%zu:one", room->count);
	for (size_t i = 0; i < room->count; i++)
		if (strcmp(room->events[i]->type, type) == 0 && strcmp(room->events[i]->state_key, state_key) == 0) {
			room->events[i] = event;
			return event;
		}
	assert_true(room->count < ROOM_EVENTS_MAX);
	room->events[room->count++] = event;
	return event;
}

static inline void put_member(struct room *room, const char *user_id, const char *membership)
{
	put(room, "m.room.member", user_id, user_id,
	    hearth_arena_printf(room->arena, "{'membership':'%s'}", membership));
}

static inline const struct hearth_event *room_look_up(void *context, const char *type, const char *state_key)
{
	const struct room *room = context;

	for (size_t i = 0; i < room->count; i++)
		if (strcmp(room->events[i]->type, type) == 0 && strcmp(room->events[i]->state_key, state_key) == 0)
			return room->events[i];
	return NULL;
}

static inline int is_allowed(struct room *room, const struct hearth_event *event)
{
	const struct hearth_state_view view = { .get = room_look_up, .context = room };
	struct hearth_error err = { 0 };
	int r = hearth_auth_check(event, &view, &err);

	if (r < 0) {
		assert_int_equal(r, -EACCES);
		assert_string_equal(hearth_error_errcode(&err), "M_FORBIDDEN");
		assert_true(err.message[0] != '\0');
	}
	return r == 0;
}

static inline int allows(struct room *room, const char *type, const char *sender, const char *state_key,
			 const char *content)
{
	return is_allowed(room, event_new(room, "$new:one", type, sender, state_key, content));
}

static inline int allows_member(struct room *room, const char *sender, const char *target, const char *membership)
{
	return allows(room, "m.room.member", sender, target,
		      hearth_arena_printf(room->arena, "{'membership':'%s'}", membership));
}

/* @ann:one created it and has level 100, @bob:one 50; they and @cid:two are in it. */
static inline struct room usual_room(struct hearth_arena *arena, const char *version, const char *join_rule)
{
	struct room room = room_new(arena, version);

	put(&room, "m.room.create", "@ann:one", "", "{'creator':'@ann:one'}");
	put_member(&room, "@ann:one", "join");
	put_member(&room, "@bob:one", "join");
	put_member(&room, "@cid:two", "join");
	put(&room, "m.room.power_levels", "@ann:one", "",
	    room.version->creator_power ? "{'users':{'@bob:one':50}}" : "{'users':{'@ann:one':100,'@bob:one':50}}");
	put(&room, "m.room.join_rules", "@ann:one", "",
	    hearth_arena_printf(arena, "{'join_rule':'%s'}", join_rule));
	return room;
}

#endif
