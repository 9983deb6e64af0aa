/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/writer.h>

static int start(void **state)
{
	*state = hearth_arena_new();
	return 0;
}

static int end(void **state)
{
	hearth_arena_free(*state);
	return 0;
}

static const struct hearth_json *parse(struct hearth_arena *arena, const char *text, size_t length)
{
	const struct hearth_json *value;

	assert_int_equal(hearth_json_parse(arena, text, length, 0, &value, NULL), 0);
	return value;
}

static void every_kind_of_value(void **state)
{
	struct hearth_writer *w = hearth_writer_new(*state);
	struct hearth_json *built = hearth_json_object_new(*state);
	size_t length;

	hearth_json_set_int(built, "k", INT64_MIN);
	hearth_write_object(w, NULL);
	hearth_write_string(w, "text", "\"quoted\" \x01 \xc3\xa9");
	hearth_write_string(w, "absent", NULL);
	hearth_write_string_n(w, "part", "a\0bcd", 3);
	hearth_write_int(w, "min", INT64_MIN);
	hearth_write_int(w, "zero", 0);
	hearth_write_bool(w, "yes", 1);
	hearth_write_bool(w, "no", 0);
	hearth_write_null(w, "null");
	hearth_write_array(w, "list");
	hearth_write_int(w, NULL, 1);
	hearth_write_array(w, NULL);
	hearth_write_end(w);
	hearth_write_object(w, NULL);
	hearth_write_end(w);
	hearth_write_raw(w, NULL, "{\"raw\": 1}", 10);
	hearth_write_end(w);
	hearth_write_json(w, "parsed", parse(*state, "[ 1, 2.50 ]", 11));
	hearth_write_json(w, "built", built);
	hearth_write_json(w, "none", NULL);
	hearth_write_members(w, " {} ", 4);
	hearth_write_members(w, " { \"x\":1,\"y\":2 } ", 17);
	hearth_write_int(w, "key \"\n", 3);
	hearth_write_end(w);
	assert_string_equal(hearth_writer_text(w, &length),
			    "{\"text\":\"\\\"quoted\\\" \\u0001 \xc3\xa9\",\"part\":\"a\\u0000b\","
			    "\"min\":-9223372036854775808,\"zero\":0,\"yes\":true,\"no\":false,\"null\":null,"
			    "\"list\":[1,[],{},{\"raw\": 1}],\"parsed\":[ 1, 2.50 ],"
			    "\"built\":{\"k\":-9223372036854775808},\"x\":1,\"y\":2 ,\"key \\\"\\n\":3}");
	assert_int_equal(length, strlen(hearth_writer_text(w, NULL)));
	assert_int_equal(hearth_writer_size(w), length);
}

static void members_come_first_in_an_object(void **state)
{
	struct hearth_writer *w = hearth_writer_new(*state);

	hearth_write_object(w, NULL);
	hearth_write_members(w, "{\"a\":1}", 7);
	hearth_write_members(w, "{ }", 3);
	hearth_write_int(w, "b", 2);
	hearth_write_end(w);
	assert_string_equal(hearth_writer_text(w, NULL), "{\"a\":1,\"b\":2}");
}

static void invalid_utf8_is_replaced(void **state)
{
	struct hearth_writer *w = hearth_writer_new(*state);

	hearth_write_string(w, NULL, "a\xff\xe2\x82z\xf0\x9f\x98\x80");
	assert_string_equal(hearth_writer_text(w, NULL), "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xf0\x9f\x98\x80\"");
}

static void every_byte_is_escaped_as_it_must(void **state)
{
	struct hearth_writer *w = hearth_writer_new(*state);
	const struct hearth_json *back;
	char all[127 * 9 + 1];
	size_t length = 0;
	const char *text;

	/* each byte at each place of a word */
	for (int shift = 0; shift < 9; shift++)
		for (int c = 1; c < 128; c++)
			all[length++] = (char)(c + shift > 127 ? c + shift - 127 : c + shift);
	hearth_write_string_n(w, NULL, all, length);
	text = hearth_writer_text(w, &length);
	back = parse(*state, text, length);
	assert_memory_equal(hearth_json_string(back, &length), all, sizeof(all) - 1);
	assert_int_equal(length, sizeof(all) - 1);
}

static void megabytes_do_not_waste_memory(void **state)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct hearth_writer *w = hearth_writer_new(arena);
	static const char event[] = "{\"type\":\"m.room.message\",\"content\":{\"body\":\"hello\"}}";
	size_t length;

	hearth_write_array(w, NULL);
	for (int i = 0; i < 100000; i++)
		hearth_write_raw(w, NULL, event, sizeof(event) - 1);
	hearth_write_end(w);
	assert_int_equal(hearth_json_size(parse(*state, hearth_writer_text(w, &length), hearth_writer_size(w))),
			 100000);
	assert_int_equal(length, 100000 * sizeof(event) + 1);
	assert_true(hearth_arena_size(arena) < 20000);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_kind_of_value),           TEST(members_come_first_in_an_object),
		TEST(invalid_utf8_is_replaced),      TEST(every_byte_is_escaped_as_it_must),
		TEST(megabytes_do_not_waste_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
