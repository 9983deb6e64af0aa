/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A room version and PDUs, one a line: each is authorised in the state that those before it make, its citations are
 * checked, and the states of two halves are resolved.
 */
#include <hearth/matrix/state.h>

#include <string.h>

#define EVENTS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct room {
	struct hearth_arena *arena;
	const struct hearth_room_version *version;
	const struct hearth_event *events[EVENTS_MAX];
	size_t count;
	size_t visible;
};

struct line {
	const char *text;
	size_t length;
};

static struct line next_line(const char **at, const char *end)
{
	const char *start = *at, *stop = memchr(start, '\n', (size_t)(end - start));

	*at = stop ? stop + 1 : end;
	return (struct line){ start, (size_t)((stop ? stop : end) - start) };
}

static const struct hearth_event *look_up(void *context, const char *type, const char *state_key)
{
	const struct room *room = context;

	for (size_t i = room->visible; i > 0; i--) {
		const struct hearth_event *event = room->events[i - 1];

		if (event->state_key && strcmp(event->type, type) == 0 && strcmp(event->state_key, state_key) == 0)
			return event;
	}
	return NULL;
}

static int fetch(void *context, const char *const *ids, size_t count, const struct hearth_event **ret_events,
		 struct hearth_error *err)
{
	const struct room *room = context;

	(void)err;
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < room->count; j++)
			if (strcmp(room->events[j]->event_id, ids[i]) == 0)
				ret_events[i] = room->events[j];
	return 0;
}

static void read_room(struct room *room, const char *at, const char *end)
{
	struct line first = next_line(&at, end);
	char name[4] = "";

	memcpy(name, first.text, first.length < 3 ? first.length : 3);
	room->version = hearth_room_version(name);
	while (room->version && at < end && room->count < EVENTS_MAX) {
		struct line line = next_line(&at, end);
		const struct hearth_json *pdu;

		if (hearth_json_parse(room->arena, line.text, line.length, HEARTH_JSON_BIG_INTS, &pdu, NULL) == 0 &&
		    hearth_event_read(room->arena, room->version, pdu, NULL, &room->events[room->count], NULL) == 0)
			room->count++;
	}
}

/* Every other event, the latest for each key. */
static struct hearth_state_set half(const struct room *room, size_t first)
{
	struct hearth_state_entry *entries = hearth_arena_array_of(room->arena, struct hearth_state_entry, EVENTS_MAX);
	size_t count = 0;

	for (size_t i = first; i < room->count; i += 2) {
		const struct hearth_event *event = room->events[i];
		size_t at = 0;

		if (!event->state_key)
			continue;
		while (at < count && (strcmp(entries[at].type, event->type) != 0 ||
				      strcmp(entries[at].state_key, event->state_key) != 0))
			at++;
		entries[at] = (struct hearth_state_entry){ event->type, event->state_key, event->event_id };
		count += at == count;
	}
	return (struct hearth_state_set){ entries, count };
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct room room = { .arena = arena };
	const struct hearth_state_view view = { .get = look_up, .context = &room };
	const struct hearth_event_source source = { .fetch = fetch, .context = &room };
	struct hearth_state_set sets[2], state;

	if (size == 0)
		return 0;
	read_room(&room, (const char *)bytes, (const char *)bytes + size);
	for (room.visible = 0; room.visible < room.count; room.visible++) {
		struct hearth_error err = { 0 };
		int r = hearth_auth_check(room.events[room.visible], &view, &err);

		hearth_assert(r == 0 || (r < 0 && err.message[0]));
		r = hearth_auth_check_citations(room.events[room.visible], room.events, room.visible, NULL);
		hearth_assert(r <= 0);
	}
	if (room.count > 0) {
		sets[0] = half(&room, 0);
		sets[1] = half(&room, 1);
		hearth_assert(hearth_state_resolve(arena, room.version, sets, 2, &source, &state, NULL) == 0);
	}
	return 0;
}
