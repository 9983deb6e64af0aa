/* SPDX-License-Identifier: Apache-2.0 */
#include "test_support.h"

#include <errno.h>

#include <hearth/matrix/filter.h>

static struct hearth_event_filter event_filter(struct hearth_arena *arena, const char *text)
{
	struct hearth_event_filter filter;
	struct hearth_error err = { 0 };

	if (hearth_event_filter_parse(arena, text ? parsed(arena, text) : NULL, &filter, &err) < 0)
		fail_msg("%s", err.message);
	return filter;
}

static int passes(struct hearth_arena *arena, const char *filter_text, const char *type, const char *sender,
		  const char *room_id)
{
	struct hearth_event_filter filter = event_filter(arena, filter_text);

	return hearth_event_filter_passes(&filter, type, sender, room_id, NULL);
}

static void types(void **state)
{
	assert_true(passes(*state, NULL, "m.a", "@a:b", "!r"));
	assert_true(passes(*state, "{}", "m.a", "@a:b", "!r"));
	assert_true(passes(*state, "{\"types\":[\"m.b\",\"m.a\"]}", "m.a", NULL, NULL));
	assert_false(passes(*state, "{\"types\":[\"m.b\"]}", "m.a", NULL, NULL));
	assert_false(passes(*state, "{\"types\":[]}", "m.a", NULL, NULL));
	assert_true(passes(*state, "{\"types\":[\"m.*\"]}", "m.a", NULL, NULL));
	assert_true(passes(*state, "{\"types\":[\"*\"]}", "m.a", NULL, NULL));
	assert_true(passes(*state, "{\"types\":[\"*a*b\"]}", "m.a.x.ab", NULL, NULL));
	assert_false(passes(*state, "{\"types\":[\"m.?\"]}", "m.a", NULL, NULL));
	assert_true(passes(*state, "{\"types\":[\"m.?\"]}", "m.?", NULL, NULL));
	assert_false(passes(*state, "{\"types\":[\"m.*\"],\"not_types\":[\"*.a\"]}", "m.a", NULL, NULL));
	assert_true(passes(*state, "{\"not_types\":[]}", "m.a", NULL, NULL));
}

static void senders_and_rooms(void **state)
{
	assert_true(passes(*state, "{\"senders\":[\"@a:b\"]}", "m", "@a:b", NULL));
	assert_false(passes(*state, "{\"senders\":[\"@a:b\"]}", "m", "@c:b", NULL));
	assert_true(passes(*state, "{\"senders\":[\"@a:b\"]}", "m", NULL, NULL));
	assert_false(passes(*state, "{\"senders\":[]}", "m", NULL, NULL));
	assert_false(passes(*state, "{\"senders\":[\"@a:b\"],\"not_senders\":[\"@a:b\"]}", "m", "@a:b", NULL));
	assert_true(passes(*state, "{\"rooms\":[\"!r:b\"]}", "m", NULL, "!r:b"));
	assert_false(passes(*state, "{\"rooms\":[\"!r:b\"]}", "m", NULL, "!s:b"));
	assert_false(passes(*state, "{\"not_rooms\":[\"!r:b\"]}", "m", NULL, "!r:b"));
}

static void urls(void **state)
{
	const struct hearth_json *with = parsed(*state, "{\"url\":\"mxc://a/b\"}"), *without = parsed(*state, "{}");
	struct hearth_event_filter only = event_filter(*state, "{\"contains_url\":true}");
	struct hearth_event_filter none = event_filter(*state, "{\"contains_url\":false}");

	assert_true(hearth_event_filter_passes(&only, "m", NULL, NULL, with));
	assert_false(hearth_event_filter_passes(&only, "m", NULL, NULL, without));
	assert_true(hearth_event_filter_passes(&only, "m", NULL, NULL, NULL));
	assert_false(hearth_event_filter_passes(&none, "m", NULL, NULL, with));
	assert_true(hearth_event_filter_passes(&none, "m", NULL, NULL, without));
}

static void fields_are_read(void **state)
{
	const struct hearth_filter *filter;
	const char *text = "{\"event_format\":\"federation\",\"event_fields\":[\"type\"],\"presence\":{\"types\":[]},"
			   "\"account_data\":{\"limit\":3},\"room\":{\"rooms\":[\"!r:b\"],\"not_rooms\":[\"!s:b\"],"
			   "\"include_leave\":true,\"timeline\":{\"limit\":0,\"unread_thread_notifications\":true},"
			   "\"state\":{\"lazy_load_members\":true,\"include_redundant_members\":true},"
			   "\"ephemeral\":{\"not_types\":[\"*\"]},\"account_data\":{\"related_by_rel_types\":[\"m.thread\"]}}}";

	assert_int_equal(hearth_filter_parse(*state, parsed(*state, text), &filter, NULL), 0);
	assert_int_equal(filter->federation_format, 1);
	assert_int_equal(filter->presence.blocks_all, 1);
	assert_int_equal(filter->account_data.limit, 3);
	assert_int_equal(filter->include_leave, 1);
	assert_int_equal(filter->room_timeline.limit, 1);
	assert_int_equal(filter->room_timeline.unread_thread_notifications, 1);
	assert_int_equal(filter->room_state.lazy_load_members, 1);
	assert_int_equal(filter->room_state.include_redundant_members, 1);
	assert_false(hearth_event_filter_passes(&filter->room_ephemeral, "m.typing", NULL, NULL, NULL));
	assert_int_equal(hearth_json_size(filter->room_account_data.related_by_rel_types), 1);
	assert_true(hearth_filter_passes_room(filter, "!r:b"));
	assert_false(hearth_filter_passes_room(filter, "!s:b"));
	assert_false(hearth_filter_passes_room(filter, "!t:b"));
	assert_true(hearth_filter_passes_room(hearth_filter_all(), "!t:b"));
	assert_true(hearth_event_filter_passes(&hearth_filter_all()->room_state, "m", "@a:b", "!r:b", parsed(*state, "{}")));
}

static void bad_filters(void **state)
{
	static const char *const texts[] = {
		"[]", "5", "{\"event_fields\":{}}", "{\"event_fields\":[1]}", "{\"event_format\":\"xml\"}",
		"{\"event_format\":1}", "{\"presence\":[]}", "{\"room\":[]}", "{\"room\":{\"rooms\":\"!r:b\"}}",
		"{\"room\":{\"rooms\":[\"r\"]}}", "{\"room\":{\"include_leave\":\"yes\"}}",
		"{\"room\":{\"timeline\":{\"limit\":-1}}}", "{\"room\":{\"timeline\":{\"limit\":\"5\"}}}",
		"{\"room\":{\"timeline\":{\"limit\":1.5}}}", "{\"room\":{\"state\":{\"senders\":[\"a\"]}}}",
		"{\"room\":{\"state\":{\"types\":[null]}}}", "{\"room\":{\"state\":{\"types\":[\"a\\u0000\"]}}}",
		"{\"room\":{\"state\":{\"contains_url\":1}}}", "{\"room\":{\"state\":{\"lazy_load_members\":0}}}",
	};
	const struct hearth_filter *filter;

	for (size_t i = 0; i < HEARTH_COUNT(texts); i++) {
		struct hearth_error err = { 0 };

		if (hearth_filter_parse(*state, parsed(*state, texts[i]), &filter, &err) != -EINVAL)
			fail_msg("%s was taken", texts[i]);
		assert_string_equal(hearth_error_errcode(&err), "M_BAD_JSON");
	}
}

static void assert_projection(struct hearth_arena *arena, const char *fields, const char *expected)
{
	const struct hearth_json *event = parsed(arena, "{\"type\":\"m\",\"content\":{\"body\":\"b\",\"m.x\":1,"
							"\"deep\":{\"a\":1,\"b\":2}},\"sender\":\"@a:b\"}");
	const struct hearth_filter *filter;
	char *text = hearth_arena_printf(arena, "{\"event_fields\":%s}", fields);

	assert_int_equal(hearth_filter_parse(arena, parsed(arena, text), &filter, NULL), 0);
	assert_string_equal(canonical_text(arena, hearth_filter_project(arena, filter, event)), expected);
	assert_string_equal(canonical_text(arena, event),
			    "{\"content\":{\"body\":\"b\",\"deep\":{\"a\":1,\"b\":2},\"m.x\":1},"
			    "\"sender\":\"@a:b\",\"type\":\"m\"}");
}

static void projection(void **state)
{
	assert_projection(*state, "[\"type\"]", "{\"type\":\"m\"}");
	assert_projection(*state, "[\"content.body\",\"type\"]", "{\"content\":{\"body\":\"b\"},\"type\":\"m\"}");
	assert_projection(*state, "[\"content.m\\\\.x\"]", "{\"content\":{\"m.x\":1}}");
	assert_projection(*state, "[\"content.deep.a\",\"content.deep.b\"]", "{\"content\":{\"deep\":{\"a\":1,\"b\":2}}}");
	assert_projection(*state, "[\"content.deep\",\"content.deep.a\"]", "{\"content\":{\"deep\":{\"a\":1,\"b\":2}}}");
	assert_projection(*state, "[\"content.deep.a\",\"content.deep\"]", "{\"content\":{\"deep\":{\"a\":1,\"b\":2}}}");
	assert_projection(*state, "[\"nothing\",\"content.nothing\",\"type.x\"]", "{}");
	assert_projection(*state, "[]", "{}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(types),           TEST_WITH_ARENA(senders_and_rooms), TEST_WITH_ARENA(urls),
		TEST_WITH_ARENA(fields_are_read), TEST_WITH_ARENA(bad_filters),       TEST_WITH_ARENA(projection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
