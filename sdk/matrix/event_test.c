/* SPDX-License-Identifier: Apache-2.0 */
#include "test_support.h"

#include <stdlib.h>

#include <hearth/matrix/event.h>
#include <hearth/matrix/id.h>

#define HASH "Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ"

/* A whole event of versions 4 to 11, whose members a test then replaces. */
static struct hearth_json *sample(struct hearth_arena *arena)
{
	return hearth_json_object_copy(
		arena, parsed(arena, "{\"auth_events\":[\"$a1\",\"$a2\"],\"content\":{\"body\":\"x\"},"
				     "\"depth\":7,\"hashes\":{"
				     "\"sha256\":\"x\"},\"origin_server_ts\":1234,\"prev_events\":[\"$p\"]"
				     ",\"room_id\":"
				     "\"!r:example.org\",\"sender\":\"@a:example.org\",\"signatures\":{},"
				     "\"type\":\"m.room.message\"}"));
}

static const struct hearth_event *read_event(struct hearth_arena *arena, const char *version,
					     const struct hearth_json *pdu)
{
	const struct hearth_event *event = NULL;
	struct hearth_error err = { 0 };

	if (hearth_event_read(arena, hearth_room_version(version), pdu, NULL, &event, &err) < 0)
		fail_msg("%s", err.message);
	return event;
}

static void fields_are_read(void **state)
{
	struct hearth_json *pdu = sample(*state);
	const struct hearth_event *event = read_event(*state, "10", pdu);

	assert_int_equal(event->size, sizeof(*event));
	assert_string_equal(event->version->name, "10");
	assert_ptr_equal(event->json, pdu);
	assert_string_equal(event->room_id, "!r:example.org");
	assert_string_equal(event->type, "m.room.message");
	assert_string_equal(event->sender, "@a:example.org");
	assert_null(event->state_key);
	assert_null(event->redacts);
	assert_string_equal(hearth_json_get_string(event->content, "body"), "x");
	assert_int_equal(event->origin_server_ts, 1234);
	assert_int_equal(event->depth, 7);
	assert_int_equal(event->prev_count, 1);
	assert_string_equal(event->prev_events[0], "$p");
	assert_int_equal(event->auth_count, 2);
	assert_string_equal(event->auth_events[1], "$a2");
	assert_int_equal(event->rejected, 0);
	assert_int_equal(strlen(event->event_id), 44);
	assert_int_equal(hearth_event_read(*state, event->version, pdu, "$given", &event, NULL), 0);
	assert_string_equal(event->event_id, "$given");
}

static void ids_have_the_form_of_the_version(void **state)
{
	struct hearth_json *pdu = sample(*state);
	const struct hearth_event *event;
	uint8_t hash[32];

	for (int number = 3; number <= 11; number++) {
		const struct hearth_room_version *version = hearth_room_version_at((size_t)number - 1);
		const char *encoded;

		assert_int_equal(hearth_event_reference_hash(*state, version, pdu, hash, NULL), 0);
		encoded = number == 3 ? hearth_base64_encode(*state, hash, 32)
				      : hearth_base64url_encode(*state, hash, 32);
		event = read_event(*state, version->name, pdu);
		assert_int_equal(event->event_id[0], '$');
		assert_string_equal(event->event_id + 1, encoded);
	}
	hearth_json_set(pdu, "auth_events", parsed(*state, "[[\"$a:example.org\",{\"sha256\":\"x\"}]]"));
	hearth_json_set(pdu, "prev_events", parsed(*state, "[]"));
	assert_int_equal(hearth_event_read(*state, hearth_room_version("1"), pdu, NULL, &event, NULL), -22);
	hearth_json_set_string(pdu, "event_id", "$own:example.org");
	event = read_event(*state, "1", pdu);
	assert_string_equal(event->event_id, "$own:example.org");
	assert_string_equal(event->auth_events[0], "$a:example.org");
	assert_int_equal(hearth_event_read(*state, hearth_room_version("3"), pdu, NULL, &event, NULL), -22);
}

/* A hash that does not depend on what redaction takes away, unsigned and
 * signatures. */
static void reference_hash_covers_what_redaction_keeps(void **state)
{
	const struct hearth_room_version *version = hearth_room_version("11");
	struct hearth_json *pdu = sample(*state);
	uint8_t before[32], after[32];

	assert_int_equal(hearth_event_reference_hash(*state, version, pdu, before, NULL), 0);
	hearth_json_set(pdu, "content", parsed(*state, "{}"));
	hearth_json_set(pdu, "unsigned", parsed(*state, "{\"age\":1}"));
	hearth_json_set(pdu, "signatures", parsed(*state, "{\"a\":{}}"));
	assert_int_equal(hearth_event_reference_hash(*state, version, pdu, after, NULL), 0);
	assert_memory_equal(before, after, 32);
	hearth_json_set_int(pdu, "depth", 8);
	assert_int_equal(hearth_event_reference_hash(*state, version, pdu, after, NULL), 0);
	assert_memory_not_equal(before, after, 32);
}

static void content_hash_covers_all_but_signatures(void **state)
{
	const struct hearth_room_version *version = hearth_room_version("11");
	struct hearth_json *pdu = sample(*state);
	uint8_t before[32], after[32];

	assert_int_equal(hearth_event_content_hash(*state, version, pdu, before, NULL), 0);
	hearth_json_set(pdu, "unsigned", parsed(*state, "{\"age\":1}"));
	hearth_json_set(pdu, "signatures", parsed(*state, "{\"a\":{}}"));
	hearth_json_set(pdu, "hashes", parsed(*state, "{}"));
	assert_int_equal(hearth_event_content_hash(*state, version, pdu, after, NULL), 0);
	assert_memory_equal(before, after, 32);
	hearth_json_set(pdu, "content", parsed(*state, "{}"));
	assert_int_equal(hearth_event_content_hash(*state, version, pdu, after, NULL), 0);
	assert_memory_not_equal(before, after, 32);
}

static void version_12_rooms_are_named_by_their_create_event(void **state)
{
	struct hearth_json *pdu = sample(*state);
	const struct hearth_event *event;

	hearth_json_set_string(pdu, "type", "m.room.create");
	hearth_json_set_string(pdu, "state_key", "");
	assert_int_equal(hearth_event_read(*state, hearth_room_version("12"), hearth_json_object_copy(*state, pdu),
					   NULL, &event, NULL),
			 0);
	hearth_json_remove(pdu, "room_id");
	event = read_event(*state, "12", pdu);
	assert_int_equal(event->room_id[0], '!');
	assert_string_equal(event->room_id + 1, event->event_id + 1);
	assert_true(hearth_id_is_room(event->room_id));
	assert_int_equal(hearth_event_read(*state, hearth_room_version("11"), pdu, NULL, &event, NULL), -22);

	hearth_json_set_string(pdu, "type", "m.room.message");
	assert_int_equal(hearth_event_read(*state, hearth_room_version("12"), pdu, NULL, &event, NULL), -22);
	hearth_json_set_string(pdu, "room_id", "!r:example.org");
	assert_int_equal(hearth_event_read(*state, hearth_room_version("12"), pdu, NULL, &event, NULL), -22);
	hearth_json_set_string(pdu, "room_id", "!" HASH);
	assert_string_equal(read_event(*state, "12", pdu)->room_id, "!" HASH);
	assert_int_equal(hearth_event_read(*state, hearth_room_version("11"), pdu, NULL, &event, NULL), -22);
}

static void redactions_name_their_target(void **state)
{
	struct hearth_json *pdu = sample(*state);

	hearth_json_set_string(pdu, "type", "m.room.redaction");
	hearth_json_set_string(pdu, "redacts", "$top");
	hearth_json_set(pdu, "content", parsed(*state, "{\"redacts\":\"$inside\"}"));
	assert_string_equal(read_event(*state, "10", pdu)->redacts, "$top");
	assert_string_equal(read_event(*state, "11", pdu)->redacts, "$inside");
	hearth_json_set(pdu, "content", parsed(*state, "{\"redacts\":7}"));
	assert_null(read_event(*state, "11", pdu)->redacts);
}

struct bad_field {
	const char *key;
	const char *value; /* JSON; NULL: the key is missing */
	const char *errcode;
};

static void what_is_no_event(void **state)
{
	static const struct bad_field fields[] = {
		{ "type", NULL, "M_BAD_JSON" },
		{ "type", "7", "M_BAD_JSON" },
		{ "type", "\"a\\u0000b\"", "M_BAD_JSON" },
		{ "sender", NULL, "M_BAD_JSON" },
		{ "sender", "\"alice\"", "M_BAD_JSON" },
		{ "state_key", "null", "M_BAD_JSON" },
		{ "state_key", "\"\\u0000\"", "M_BAD_JSON" },
		{ "room_id", NULL, "M_BAD_JSON" },
		{ "room_id", "\"#a:b\"", "M_BAD_JSON" },
		{ "content", NULL, "M_BAD_JSON" },
		{ "content", "[]", "M_BAD_JSON" },
		{ "content", "{\"x\":1.0}", "M_BAD_JSON" },
		{ "content", "{\"x\":9007199254740992}", "M_BAD_JSON" },
		{ "origin_server_ts", NULL, "M_BAD_JSON" },
		{ "origin_server_ts", "\"1\"", "M_BAD_JSON" },
		{ "depth", NULL, "M_BAD_JSON" },
		{ "depth", "-1", "M_BAD_JSON" },
		{ "hashes", "[]", "M_BAD_JSON" },
		{ "signatures", "7", "M_BAD_JSON" },
		{ "unsigned", "[]", "M_BAD_JSON" },
		{ "prev_events", NULL, "M_BAD_JSON" },
		{ "prev_events", "{}", "M_BAD_JSON" },
		{ "prev_events", "[7]", "M_BAD_JSON" },
		{ "prev_events", "[\"p\"]", "M_BAD_JSON" },
		{ "prev_events", "[[\"$p\",{}]]", "M_BAD_JSON" },
		{ "auth_events",
		  "[\"$1\",\"$2\",\"$3\",\"$4\",\"$5\",\"$6\",\"$7\",\"$8\",\"$9\",\"$"
		  "10\",\"$11\"]",
		  "M_BAD_JSON" },
	};

	for (size_t i = 0; i < HEARTH_COUNT(fields); i++) {
		struct hearth_json *pdu = sample(*state);
		const struct hearth_event *event = NULL;
		struct hearth_error err = { 0 };

		hearth_json_remove(pdu, fields[i].key);
		if (fields[i].value)
			hearth_json_set(pdu, fields[i].key, parsed(*state, fields[i].value));
		if (hearth_event_read(*state, hearth_room_version("10"), pdu, NULL, &event, &err) == 0)
			fail_msg("%s %s was taken", fields[i].key, fields[i].value ? fields[i].value : "missing");
		assert_string_equal(err.errcode, fields[i].errcode);
		assert_null(event);
	}
}

static void old_versions_take_numbers_beyond_canonical_json(void **state)
{
	struct hearth_json *pdu = sample(*state);

	hearth_json_set(pdu, "content", parsed(*state, "{\"x\":1.5,\"y\":9007199254740993}"));
	read_event(*state, "5", pdu);
}

/* "size" bytes of canonical JSON, of which the content's body makes up what is
 * missing. */
static const struct hearth_json *event_of_size(struct hearth_arena *arena, size_t size)
{
	struct hearth_json *pdu = sample(arena), *content = hearth_json_object_new(arena);
	size_t rest;
	char *body;

	hearth_json_set_string(content, "body", "");
	hearth_json_set(pdu, "content", content);
	rest = size - strlen(canonical_text(arena, pdu));
	body = hearth_arena_alloc(arena, rest + 1);
	memset(body, 'a', rest);
	hearth_json_set_string(content, "body", body);
	assert_int_equal(strlen(canonical_text(arena, pdu)), size);
	return pdu;
}

static void sizes_are_limited(void **state)
{
	static const char *const keys[] = { "type", "state_key" };
	char text[257];
	const struct hearth_event *event;
	struct hearth_error err = { 0 };

	read_event(*state, "10", event_of_size(*state, 65536));
	assert_int_equal(
		hearth_event_read(*state, hearth_room_version("10"), event_of_size(*state, 65537), NULL, &event, &err),
		-27);
	assert_string_equal(err.errcode, "M_TOO_LARGE");

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < HEARTH_COUNT(keys); i++) {
		struct hearth_json *pdu = sample(*state);

		text[255] = '\0';
		hearth_json_set_string(pdu, keys[i], text);
		read_event(*state, "10", pdu);
		text[255] = 'x';
		text[256] = '\0';
		hearth_json_set_string(pdu, keys[i], text);
		hearth_error_clear(&err);
		assert_int_equal(hearth_event_read(*state, hearth_room_version("10"), pdu, NULL, &event, &err), -27);
		assert_string_equal(err.errcode, "M_TOO_LARGE");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(fields_are_read),
		TEST_WITH_ARENA(ids_have_the_form_of_the_version),
		TEST_WITH_ARENA(reference_hash_covers_what_redaction_keeps),
		TEST_WITH_ARENA(content_hash_covers_all_but_signatures),
		TEST_WITH_ARENA(version_12_rooms_are_named_by_their_create_event),
		TEST_WITH_ARENA(redactions_name_their_target),
		TEST_WITH_ARENA(what_is_no_event),
		TEST_WITH_ARENA(old_versions_take_numbers_beyond_canonical_json),
		TEST_WITH_ARENA(sizes_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
