/* SPDX-License-Identifier: Apache-2.0 */
/* Redaction in every room version: an event of each type with every key that
 * some version keeps, and others. */
#include "test_support.h"

#include <stdbool.h>
#include <stdlib.h>

#include <hearth/matrix/event.h>

/* What of an event's content is left in a range of versions. */
struct rule {
	const char *type;
	int from, to;
	const char *content;
	const char *kept;
};

static const struct rule RULES[] = {
	{ "m.room.message", 1, 12, "{\"body\":\"x\",\"membership\":\"join\",\"redacts\":\"$a\"}", "{}" },
	{ "m.room.member", 1, 8,
	  "{\"membership\":\"join\",\"displayname\":\"x\",\"join_authorised_via_"
	  "users_server\":\"@a:b\","
	  "\"third_party_invite\":{\"display_name\":\"x\",\"signed\":{\"token\":"
	  "\"t\"}}}",
	  "{\"membership\":\"join\"}" },
	{ "m.room.member", 9, 10,
	  "{\"membership\":\"join\",\"displayname\":\"x\",\"join_authorised_via_"
	  "users_server\":\"@a:b\","
	  "\"third_party_invite\":{\"display_name\":\"x\",\"signed\":{\"token\":"
	  "\"t\"}}}",
	  "{\"join_authorised_via_users_server\":\"@a:b\",\"membership\":\"join\"}" },
	{ "m.room.member", 11, 12,
	  "{\"membership\":\"join\",\"displayname\":\"x\",\"join_authorised_via_"
	  "users_server\":\"@a:b\","
	  "\"third_party_invite\":{\"display_name\":\"x\",\"signed\":{\"token\":"
	  "\"t\"}}}",
	  "{\"join_authorised_via_users_server\":\"@a:b\",\"membership\":\"join\","
	  "\"third_party_invite\":{\"signed\":{\"token\":\"t\"}}}" },
	{ "m.room.member", 11, 12, "{\"third_party_invite\":\"x\",\"membership\":7}", "{\"membership\":7}" },
	{ "m.room.create", 1, 10, "{\"creator\":\"@a:b\",\"room_version\":\"9\",\"m.federate\":true}",
	  "{\"creator\":\"@a:b\"}" },
	{ "m.room.create", 11, 12, "{\"room_version\":\"11\",\"additional_creators\":[],\"x\":1}",
	  "{\"additional_creators\":[],\"room_version\":\"11\",\"x\":1}" },
	{ "m.room.join_rules", 1, 7, "{\"join_rule\":\"public\",\"allow\":[],\"x\":1}", "{\"join_rule\":\"public\"}" },
	{ "m.room.join_rules", 8, 12, "{\"join_rule\":\"public\",\"allow\":[],\"x\":1}",
	  "{\"allow\":[],\"join_rule\":\"public\"}" },
	{ "m.room.power_levels", 1, 10,
	  "{\"ban\":1,\"events\":{\"x\":1},\"events_default\":2,\"invite\":3,"
	  "\"kick\":4,\"notifications\":{\"room\":1},"
	  "\"redact\":5,\"state_default\":6,\"users\":{},\"users_default\":7,\"x\":"
	  "8}",
	  "{\"ban\":1,\"events\":{\"x\":1},\"events_default\":2,\"kick\":4,"
	  "\"redact\":5,\"state_default\":6,\"users\":{},"
	  "\"users_default\":7}" },
	{ "m.room.power_levels", 11, 12,
	  "{\"ban\":1,\"events\":{\"x\":1},\"events_default\":2,\"invite\":3,"
	  "\"kick\":4,\"notifications\":{\"room\":1},"
	  "\"redact\":5,\"state_default\":6,\"users\":{},\"users_default\":7,\"x\":"
	  "8}",
	  "{\"ban\":1,\"events\":{\"x\":1},\"events_default\":2,\"invite\":3,"
	  "\"kick\":4,\"redact\":5,\"state_default\":6,"
	  "\"users\":{},\"users_default\":7}" },
	{ "m.room.aliases", 1, 5, "{\"aliases\":[\"#a:b\"],\"x\":1}", "{\"aliases\":[\"#a:b\"]}" },
	{ "m.room.aliases", 6, 12, "{\"aliases\":[\"#a:b\"],\"x\":1}", "{}" },
	{ "m.room.history_visibility", 1, 12, "{\"history_visibility\":\"shared\",\"x\":1}",
	  "{\"history_visibility\":\"shared\"}" },
	{ "m.room.redaction", 1, 10, "{\"redacts\":\"$a\",\"reason\":\"x\"}", "{}" },
	{ "m.room.redaction", 11, 12, "{\"redacts\":\"$a\",\"reason\":\"x\"}", "{\"redacts\":\"$a\"}" },
	{ "m.room.message", 1, 12, "\"no object\"", "{}" },
	{ "m.room.member", 1, 12, "[]", "{}" },
};

#define BEFORE_11  "\"membership\":\"join\",\"origin\":\"b\","
#define PREV_STATE "\"prev_state\":[],"

static void check(struct hearth_arena *arena, const struct rule *rule, int number)
{
	const struct hearth_room_version *version = hearth_room_version_at((size_t)number - 1);
	bool old = number < 11;
	const char *pdu, *expected, *got;

	pdu = hearth_arena_printf(arena,
				  "{\"auth_events\":[],\"content\":%s,\"depth\":1,\"event_id\":\"$e\","
				  "\"hashes\":{\"sha256\":"
				  "\"x\"}," BEFORE_11 "\"origin_server_ts\":2,\"prev_events\":[]," PREV_STATE
				  "\"redacts\":\"$a\",\"room_id\":\"!r:b\",\"sender\":\"@a:b\","
				  "\"signatures\":{\"b\":{}},"
				  "\"state_key\":\"\",\"type\":\"%s\",\"unsigned\":{\"age\":1},\"custom\":"
				  "1}",
				  rule->content, rule->type);
	expected = hearth_arena_printf(arena,
				       "{\"auth_events\":[],\"content\":%s,\"depth\":"
				       "1,\"event_id\":\"$e\",\"hashes\":{"
				       "\"sha256\":\"x\"},%s\"origin_server_ts\":2,"
				       "\"prev_events\":[],%s\"room_id\":\"!r:b\","
				       "\"sender\":\"@a:b\",\"signatures\":{\"b\":{}}"
				       ",\"state_key\":\"\",\"type\":\"%s\"}",
				       rule->kept, old ? BEFORE_11 : "", old ? PREV_STATE : "", rule->type);
	got = canonical_text(arena, hearth_event_redact(arena, version, parsed(arena, pdu)));
	if (strcmp(got, expected) != 0)
		fail_msg("version %s: %s\nnot %s", version->name, got, expected);
	got = canonical_text(arena, hearth_event_redact(arena, version, parsed(arena, expected)));
	assert_string_equal(got, expected);
}

static void every_type_in_every_version(void **state)
{
	size_t checked = 0;

	for (size_t i = 0; i < HEARTH_COUNT(RULES); i++)
		for (int number = RULES[i].from; number <= RULES[i].to; number++, checked++)
			check(*state, &RULES[i], number);
	assert_int_equal(checked, 10 * 12 + 2);
}

static void what_is_missing_stays_missing(void **state)
{
	for (size_t i = 0; i < 12; i++) {
		const struct hearth_room_version *version = hearth_room_version_at(i);

		assert_string_equal(
			canonical_text(*state, hearth_event_redact(*state, version, parsed(*state, "{\"x\":1}"))),
			"{}");
	}
}

static void versions_are_found_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < 12; i++) {
		const struct hearth_room_version *version = hearth_room_version_at(i);

		assert_int_equal(version->number, i + 1);
		assert_int_equal(strtol(version->name, NULL, 10), i + 1);
		assert_ptr_equal(hearth_room_version(version->name), version);
		assert_int_equal(version->size, sizeof(*version));
	}
	assert_null(hearth_room_version_at(12));
	assert_null(hearth_room_version("13"));
	assert_null(hearth_room_version("01"));
	assert_null(hearth_room_version(""));
	assert_null(hearth_room_version(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(every_type_in_every_version),
		TEST_WITH_ARENA(what_is_missing_stays_missing),
		TEST_WITH_ARENA(versions_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
