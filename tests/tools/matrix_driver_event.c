/* SPDX-License-Identifier: Apache-2.0 */
/* Events: {"room_version", "event"} -> hashes, id, redacted form, or whether it can be read. */
#include "matrix_driver.h"

#include <errno.h>

#include <hearth/matrix/event.h>
#include <hearth/matrix/id.h>

struct request {
	const struct hearth_room_version *version;
	const struct hearth_json *event;
};

static int read_request(struct hearth_arena *arena, const char *input, size_t length, struct request *ret_request,
			struct hearth_error *err)
{
	const struct hearth_json *json;
	int r;

	r = hearth_json_parse(arena, input, length, HEARTH_JSON_BIG_INTS, &json, err);
	if (r < 0)
		return r;
	ret_request->version = hearth_room_version(hearth_json_get_string(json, "room_version"));
	ret_request->event = hearth_json_get(json, "event");
	if (!ret_request->version || !ret_request->event)
		return hearth_fail(err, -EINVAL, "a request names room_version and event");
	return 0;
}

typedef int hash_fn(struct hearth_arena *arena, const struct hearth_room_version *version,
		    const struct hearth_json *pdu, uint8_t ret_hash[32], struct hearth_error *err);

static int hash_with(hash_fn *hash_event, struct hearth_arena *arena, const char *input, size_t length,
		     const char **ret_result, struct hearth_error *err)
{
	struct request request;
	uint8_t hash[32];
	int r;

	r = read_request(arena, input, length, &request, err);
	if (r < 0)
		return r;
	r = hash_event(arena, request.version, request.event, hash, err);
	if (r < 0)
		return r;
	*ret_result = hearth_base64_encode(arena, hash, sizeof(hash));
	return 0;
}

static int content_hash(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
			struct hearth_error *err)
{
	return hash_with(hearth_event_content_hash, arena, input, length, ret_result, err);
}

static int reference_hash(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
			  struct hearth_error *err)
{
	return hash_with(hearth_event_reference_hash, arena, input, length, ret_result, err);
}

static int event_id(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
		    struct hearth_error *err)
{
	struct request request;
	int r;

	r = read_request(arena, input, length, &request, err);
	if (r < 0)
		return r;
	return hearth_event_id(arena, request.version, request.event, ret_result, err);
}

static int redact(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
		  struct hearth_error *err)
{
	struct request request;
	char *text;
	int r;

	r = read_request(arena, input, length, &request, err);
	if (r < 0)
		return r;
	r = hearth_json_canonical(arena, hearth_event_redact(arena, request.version, request.event),
				  HEARTH_JSON_BIG_INTS, &text, NULL, err);
	if (r < 0)
		return r;
	*ret_result = text;
	return 0;
}

static int read_event(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
		      struct hearth_error *err)
{
	const struct hearth_event *event;
	struct request request;
	int r;

	r = read_request(arena, input, length, &request, err);
	if (r < 0)
		return r;
	r = hearth_event_read(arena, request.version, request.event, NULL, &event, err);
	if (r < 0)
		return r;
	*ret_result = hearth_arena_printf(arena, "%s %s", event->event_id, event->room_id);
	return 0;
}

const struct driver_command DRIVER_EVENT_COMMANDS[] = {
	{ "content-hash", content_hash }, { "reference-hash", reference_hash },
	{ "event-id", event_id },         { "redact", redact },
	{ "read-event", read_event },     { NULL, NULL },
};
