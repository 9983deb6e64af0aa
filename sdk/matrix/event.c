/* SPDX-License-Identifier: Apache-2.0 */
/* Reading an event from its JSON: what every PDU must have, whatever it means. */
#include "event_internal.h"

#include <hearth/matrix/id.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PREV_EVENTS_MAX 20
#define AUTH_EVENTS_MAX 10

struct reader {
	struct hearth_arena *arena;
	const struct hearth_room_version *version;
	const struct hearth_json *pdu;
	struct hearth_error *err;
};

static int bad(const struct reader *in, const char *key, const char *what)
{
	return hearth_refuse(in->err, 400, "M_BAD_JSON", "the event's %s %s", key, what);
}

/* A string of at most 255 bytes without NULs; NULL where it may be missing, and is. */
static int read_string(const struct reader *in, const char *key, bool required, const char **ret_text)
{
	const struct hearth_json *value = hearth_json_get(in->pdu, key);
	size_t length;
	const char *text = hearth_json_string(value, &length);

	if (!value && required)
		return bad(in, key, "is missing");
	if (value && !text)
		return bad(in, key, "is no string");
	if (length > HEARTH_ID_MAX_BYTES)
		return hearth_refuse(in->err, 413, "M_TOO_LARGE", "the event's %s is longer than %d bytes", key,
				     HEARTH_ID_MAX_BYTES);
	if (text && strlen(text) != length)
		return bad(in, key, "contains a NUL");
	*ret_text = text;
	return 0;
}

static int read_int(const struct reader *in, const char *key, int64_t *ret_number)
{
	const struct hearth_json *value = hearth_json_get(in->pdu, key);

	if (hearth_json_type(value) != HEARTH_JSON_INT)
		return bad(in, key, value ? "is no integer" : "is missing");
	*ret_number = hearth_json_int(value);
	return 0;
}

/* Versions 1 and 2 cite an event as [id, {"sha256": hash}], later ones as its id. */
static const char *cited_id(const struct reader *in, const struct hearth_json *citation)
{
	size_t length;
	const char *id;

	if (in->version->event_id_form == HEARTH_EVENT_ID_GIVEN) {
		if (hearth_json_type(citation) != HEARTH_JSON_ARRAY || hearth_json_size(citation) != 2)
			return NULL;
		citation = hearth_json_at(citation, 0);
	}
	id = hearth_json_string(citation, &length);
	return id && strlen(id) == length && hearth_id_is_event(id) ? id : NULL;
}

static int read_citations(const struct reader *in, const char *key, size_t max, const char *const **ret_ids,
			  size_t *ret_count)
{
	const struct hearth_json *list = hearth_json_get(in->pdu, key);
	size_t count = hearth_json_size(list);
	const char **ids;

	if (hearth_json_type(list) != HEARTH_JSON_ARRAY)
		return bad(in, key, list ? "is no array" : "is missing");
	if (count > max)
		return bad(in, key, "cites too many events");
	ids = hearth_arena_array_of(in->arena, const char *, count);
	for (size_t i = 0; i < count; i++) {
		ids[i] = cited_id(in, hearth_json_at(list, i));
		if (!ids[i])
			return bad(in, key, "cites something that is no event id");
	}
	*ret_ids = ids;
	*ret_count = count;
	return 0;
}

/* The canonical form is what limits are about; making it also finds the numbers that it forbids. */
static int check_size(const struct reader *in)
{
	size_t length;
	char *text;
	int r;

	r = hearth_json_canonical(in->arena, in->pdu, canonical_flags(in->version), &text, &length, in->err);
	if (r < 0)
		return r;
	if (length > HEARTH_EVENT_MAX_BYTES)
		return hearth_refuse(in->err, 413, "M_TOO_LARGE", "the event is larger than %d bytes",
				     HEARTH_EVENT_MAX_BYTES);
	return 0;
}

static int check_objects(const struct reader *in)
{
	static const char *const keys[] = { "hashes", "signatures", "unsigned" };

	for (size_t i = 0; i < HEARTH_COUNT(keys); i++) {
		const struct hearth_json *value = hearth_json_get(in->pdu, keys[i]);

		if (value && hearth_json_type(value) != HEARTH_JSON_OBJECT)
			return bad(in, keys[i], "is no object");
	}
	return 0;
}

static int read_strings(const struct reader *in, struct hearth_event *event)
{
	int r;

	r = read_string(in, "type", true, &event->type);
	if (r < 0)
		return r;
	r = read_string(in, "sender", true, &event->sender);
	if (r < 0)
		return r;
	if (!hearth_id_is_user(event->sender))
		return bad(in, "sender", "is no user id");
	return read_string(in, "state_key", false, &event->state_key);
}

/* What an event redacts; not an id is as good as nothing, since it can be nobody's. */
static const char *redacted_id(const struct reader *in, const struct hearth_event *event)
{
	const struct hearth_json *where = in->version->updated_redaction_rules ? event->content : in->pdu;
	size_t length;
	const char *id = hearth_json_string(hearth_json_get(where, "redacts"), &length);

	if (strcmp(event->type, "m.room.redaction") != 0)
		return NULL;
	return id && strlen(id) == length && length <= HEARTH_ID_MAX_BYTES ? id : NULL;
}

static int read_graph(const struct reader *in, struct hearth_event *event)
{
	int r;

	r = read_int(in, "origin_server_ts", &event->origin_server_ts);
	if (r < 0)
		return r;
	r = read_int(in, "depth", &event->depth);
	if (r < 0)
		return r;
	if (event->depth < 0)
		return bad(in, "depth", "is negative");
	r = read_citations(in, "prev_events", PREV_EVENTS_MAX, &event->prev_events, &event->prev_count);
	if (r < 0)
		return r;
	return read_citations(in, "auth_events", AUTH_EVENTS_MAX, &event->auth_events, &event->auth_count);
}

/* The create event of a version 12 room names no room: its own hash does. */
static int read_ids(const struct reader *in, const char *event_id, struct hearth_event *event)
{
	bool names_room = in->version->room_id_is_create_hash && strcmp(event->type, "m.room.create") == 0;
	int r;

	event->event_id = hearth_arena_strdup(in->arena, event_id);
	if (!event_id) {
		r = hearth_event_id(in->arena, in->version, in->pdu, &event->event_id, in->err);
		if (r < 0)
			return r;
	}
	r = read_string(in, "room_id", !names_room, &event->room_id);
	if (r < 0)
		return r;
	if (names_room)
		event->room_id = hearth_arena_printf(in->arena, "!%s", event->event_id + 1);
	else if (!hearth_id_is_room(event->room_id) ||
		 !hearth_id_server(event->room_id) != !!in->version->room_id_is_create_hash)
		return bad(in, "room_id", "is no room id of this room version");
	return 0;
}

int hearth_event_read(struct hearth_arena *arena, const struct hearth_room_version *version,
		      const struct hearth_json *pdu, const char *event_id, const struct hearth_event **ret_event,
		      struct hearth_error *err)
{
	const struct reader reader = { .arena = arena, .version = version, .pdu = pdu, .err = err };
	struct hearth_event *event = hearth_arena_new_of(arena, struct hearth_event);
	int r;

	if (hearth_json_type(pdu) != HEARTH_JSON_OBJECT)
		return hearth_refuse(err, 400, "M_BAD_JSON", "an event is an object");
	event->size = sizeof(*event);
	event->version = version;
	event->json = pdu;
	r = check_size(&reader);
	if (r < 0)
		return r;
	r = read_strings(&reader, event);
	if (r < 0)
		return r;
	event->content = hearth_json_get_object(pdu, "content");
	if (!event->content)
		return bad(&reader, "content", "is no object");
	event->redacts = redacted_id(&reader, event);
	r = check_objects(&reader);
	if (r < 0)
		return r;
	r = read_graph(&reader, event);
	if (r < 0)
		return r;
	r = read_ids(&reader, event_id, event);
	if (r < 0)
		return r;
	*ret_event = event;
	return 0;
}
