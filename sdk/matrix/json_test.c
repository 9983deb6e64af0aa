/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <hearth/json.h>

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

static const struct hearth_json *parse_n(struct hearth_arena *arena, const char *text, size_t length)
{
	const struct hearth_json *value = NULL;
	struct hearth_error err = { 0 };

	if (hearth_json_parse(arena, text, length, 0, &value, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return value;
}

static const struct hearth_json *parse(struct hearth_arena *arena, const char *text)
{
	return parse_n(arena, text, strlen(text));
}

static const char *canonical(struct hearth_arena *arena, const struct hearth_json *value, uint32_t flags)
{
	struct hearth_error err = { 0 };
	char *text;
	size_t length;

	if (hearth_json_canonical(arena, value, flags, &text, &length, &err) < 0)
		return hearth_arena_printf(arena, "%s: %s", err.errcode, err.message);
	assert_int_equal(strlen(text), length);
	return text;
}

/* "ok", or the errcode. */
static const char *verdict(struct hearth_arena *arena, const char *text, size_t length, uint32_t flags)
{
	const struct hearth_json *value = NULL;
	struct hearth_error err = { 0 };
	char *exact = malloc(length ? length : 1); /* so that AddressSanitizer sees a read beyond the end */
	int r;

	memcpy(exact, text, length);
	r = hearth_json_parse(arena, exact, length, flags, &value, &err);
	free(exact);
	if (r == 0)
		return "ok";
	assert_int_equal(r, -22);
	assert_int_equal(err.http_status, 400);
	assert_null(value);
	return hearth_arena_strdup(arena, err.errcode);
}

struct sample {
	const char *text;
	const char *verdict;
	uint32_t flags;
};

static void what_is_taken_and_what_is_refused(void **state)
{
	static const struct sample samples[] = {
		{ "{}", "ok" },
		{ " [ 1 , 2 ] \r\n\t", "ok" },
		{ "\"\"", "ok" },
		{ "null", "ok" },
		{ "true", "ok" },
		{ "", "M_NOT_JSON" },
		{ "  ", "M_NOT_JSON" },
		{ "nul", "M_NOT_JSON" },
		{ "True", "M_NOT_JSON" },
		{ "NaN", "M_NOT_JSON" },
		{ "Infinity", "M_NOT_JSON" },
		{ "{} x", "M_NOT_JSON" },
		{ "{}{}", "M_NOT_JSON" },
		{ "[1,]", "M_NOT_JSON" },
		{ "[,1]", "M_NOT_JSON" },
		{ "[1 2]", "M_NOT_JSON" },
		{ "[", "M_NOT_JSON" },
		{ "[}", "M_NOT_JSON" },
		{ "{]", "M_NOT_JSON" },
		{ "{\"a\":1", "M_NOT_JSON" },
		{ "{\"a\"}", "M_NOT_JSON" },
		{ "{\"a\":}", "M_NOT_JSON" },
		{ "{\"a\":1,}", "M_NOT_JSON" },
		{ "{a:1}", "M_NOT_JSON" },
		{ "{1:1}", "M_NOT_JSON" },
		{ "\xef\xbb\xbf{}", "M_NOT_JSON" },
		{ "[1]//", "M_NOT_JSON" },
		/* keys */
		{ "{\"a\":1,\"a\":2}", "M_BAD_JSON" },
		{ "{\"b\":1,\"a\":1,\"\\u0062\":2}", "M_BAD_JSON" },
		{ "[{\"x\":{\"a\":1,\"b\":{},\"a\":2}}]", "M_BAD_JSON" },
		{ "{\"a\":1,\"A\":2,\"\":3}", "ok" },
		/* numbers */
		{ "0", "ok" },
		{ "-0", "ok" },
		{ "-", "M_NOT_JSON" },
		{ "01", "M_NOT_JSON" },
		{ "-01", "M_NOT_JSON" },
		{ "+1", "M_NOT_JSON" },
		{ ".5", "M_NOT_JSON" },
		{ "1.", "M_NOT_JSON" },
		{ "1e", "M_NOT_JSON" },
		{ "1e+", "M_NOT_JSON" },
		{ "0x10", "M_NOT_JSON" },
		{ "9007199254740991", "ok" },
		{ "9007199254740992", "M_BAD_JSON" },
		{ "-9007199254740991", "ok" },
		{ "-9007199254740992", "M_BAD_JSON" },
		{ "9223372036854775807", "ok", HEARTH_JSON_BIG_INTS },
		{ "-9223372036854775808", "ok", HEARTH_JSON_BIG_INTS },
		{ "9223372036854775808", "M_BAD_JSON", HEARTH_JSON_BIG_INTS },
		{ "-9223372036854775809", "M_BAD_JSON", HEARTH_JSON_BIG_INTS },
		{ "18446744073709551617", "M_BAD_JSON" },
		{ "1.5", "ok" },
		{ "1e400", "M_BAD_JSON" },
		{ "-1e400", "M_BAD_JSON" },
		{ "1e-400", "ok" },
		{ "1.0", "M_BAD_JSON", HEARTH_JSON_NO_FLOATS },
		{ "1e2", "M_BAD_JSON", HEARTH_JSON_NO_FLOATS },
		{ "100", "ok", HEARTH_JSON_NO_FLOATS },
		/* strings */
		{ "\"a", "M_NOT_JSON" },
		{ "\"a\\", "M_NOT_JSON" },
		{ "\"a\\\"", "M_NOT_JSON" },
		{ "\"\\x\"", "M_NOT_JSON" },
		{ "\"\\u12\"", "M_NOT_JSON" },
		{ "\"\\u12g4\"", "M_NOT_JSON" },
		{ "\"\n\"", "M_NOT_JSON" },
		{ "\"\x01\"", "M_NOT_JSON" },
		{ "\"\x7f\"", "ok" },
		{ "\"\\ud83d\\ude00\"", "ok" },
		{ "\"\\ud83d\"", "M_BAD_JSON" },
		{ "\"\\ude00\"", "M_BAD_JSON" },
		{ "\"\\ud83d\\u0041\"", "M_BAD_JSON" },
		{ "\"\\ud83dx\"", "M_BAD_JSON" },
		{ "{\"\\ud83d\":1}", "M_BAD_JSON" },
		/* UTF-8 */
		{ "\"\xf0\x9f\x98\x80\"", "ok" },
		{ "\"\xc0\x80\"", "M_NOT_JSON" },
		{ "\"\xe0\x80\x80\"", "M_NOT_JSON" },
		{ "\"\xf0\x80\x80\x80\"", "M_NOT_JSON" },
		{ "\"\xed\xa0\x80\"", "M_NOT_JSON" },
		{ "\"\xf4\x90\x80\x80\"", "M_NOT_JSON" },
		{ "\"\xff\"", "M_NOT_JSON" },
		{ "\"\x80\"", "M_NOT_JSON" },
		{ "\"\xe2\x82\"", "M_NOT_JSON" },
	};

	for (size_t i = 0; i < HEARTH_COUNT(samples); i++) {
		const struct sample *s = &samples[i];
		const char *got = verdict(*state, s->text, strlen(s->text), s->flags);

		if (strcmp(got, s->verdict) != 0)
			fail_msg("%s: %s, not %s", s->text, got, s->verdict);
	}
	assert_string_equal(verdict(*state, "[1]\0", 4, 0), "M_NOT_JSON");
	assert_string_equal(verdict(*state, "\"\0\"", 3, 0), "M_NOT_JSON");
}

static void every_prefix_of_a_text_is_refused(void **state)
{
	static const char text[] =
		"{\"a\":[1,-2.5e3,true,false,null,\"\\u00e9\\ud83d\\ude00\\n\",\"\xc3\xa9\"],\"b\":{}}";

	for (size_t length = 0; length < sizeof(text) - 1; length++)
		assert_string_not_equal(verdict(*state, text, length, 0), "ok");
	assert_string_equal(verdict(*state, text, sizeof(text) - 1, 0), "ok");
}

static void errors_name_the_byte(void **state)
{
	const struct hearth_json *value;
	struct hearth_error err = { 0 };

	assert_int_equal(hearth_json_parse(*state, "{\"a\": x}", 8, 0, &value, &err), -22);
	assert_string_equal(err.message, "expected a value at byte 6");
	hearth_error_clear(&err);
	assert_int_equal(hearth_json_parse(*state, "[1", 2, 0, &value, &err), -22);
	assert_string_equal(err.message, "the text ends at byte 2 where ',' or ']' should follow");
}

static void nesting_is_bounded(void **state)
{
	char text[2 * HEARTH_JSON_DEPTH_MAX + 3];
	size_t depth = HEARTH_JSON_DEPTH_MAX;
	struct hearth_json *wrapping;

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	text[2 * depth] = '\0';
	assert_string_equal(canonical(*state, parse(*state, text), 0), text);

	wrapping = hearth_json_array_new(*state);
	hearth_json_append(wrapping, parse(*state, text));
	assert_string_equal(canonical(*state, wrapping, 0), "M_BAD_JSON: too deeply nested");

	depth++;
	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	assert_string_equal(verdict(*state, text, 2 * depth, 0), "M_BAD_JSON");
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void large_objects_are_quick(void **state)
{
	enum { COUNT = 100000 };
	char *text = hearth_arena_alloc(*state, COUNT * 40), key[32];
	size_t length = 1;
	const struct hearth_json *object;
	double begun = seconds();

	text[0] = '{';
	for (unsigned i = 0; i < COUNT; i++)
		length += (size_t)snprintf(text + length, 40, "%s\"key %u\":%u", i ? "," : "",
					   i * 2654435761u % COUNT + i * COUNT, i);
	text[length++] = '}';
	object = parse_n(*state, text, length);
	assert_int_equal(hearth_json_size(object), COUNT);
	for (unsigned i = 0; i < COUNT; i++) {
		snprintf(key, sizeof(key), "key %u", i * 2654435761u % COUNT + i * COUNT);
		assert_int_equal(hearth_json_get_int(object, key, -1), i);
	}
	assert_null(hearth_json_get(object, "key"));

	memcpy(text + length - 1, ",\"key 0\":1}", 11);
	assert_string_equal(verdict(*state, text, length + 10, 0), "M_BAD_JSON");
	assert_true(seconds() - begun < 10);
}

static void values_are_read(void **state)
{
	static const char text[] =
		"{\"z\":\"a\\u0000b\",\"i\":-7,\"f\":2.5,\"t\":true,\"n\":null,\"l\":[1,\"two\",{}],"
		"\"o\":{\"k\":\"v\"},\"e\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\\ud83d\\ude00\"}";
	const struct hearth_json *o = parse(*state, text), *list = hearth_json_get_array(o, "l");
	size_t length;

	assert_int_equal(hearth_json_type(o), HEARTH_JSON_OBJECT);
	assert_int_equal(hearth_json_size(o), 8);
	assert_string_equal(hearth_json_key_at(o, 0), "z");
	assert_ptr_equal(hearth_json_at(o, 1), hearth_json_get(o, "i"));
	assert_null(hearth_json_key_at(o, 8));
	assert_int_equal(hearth_json_key_length_at(parse(*state, "{\"a\\u0000b\":1}"), 0), 3);
	assert_int_equal(hearth_json_key_length_at(o, 8), 0);
	assert_memory_equal(hearth_json_string(hearth_json_get(o, "z"), &length), "a\0b", 4);
	assert_int_equal(length, 3);
	assert_int_equal(hearth_json_get_int(o, "i", 0), -7);
	assert_int_equal(hearth_json_get_int(o, "f", 3), 3);
	assert_true(hearth_json_float(hearth_json_get(o, "f")) == 2.5);
	assert_true(hearth_json_float(hearth_json_get(o, "i")) == -7);
	assert_int_equal(hearth_json_get_bool(o, "t", 0), 1);
	assert_int_equal(hearth_json_get_bool(o, "n", 5), 5);
	assert_int_equal(hearth_json_true(hearth_json_get(o, "t")), 1);
	assert_int_equal(hearth_json_true(hearth_json_get(o, "i")), 0);
	assert_int_equal(hearth_json_type(hearth_json_get(o, "n")), HEARTH_JSON_NULL);
	assert_int_equal(hearth_json_size(list), 3);
	assert_string_equal(hearth_json_string(hearth_json_at(list, 1), NULL), "two");
	assert_null(hearth_json_at(list, 3));
	assert_string_equal(hearth_json_get_string(hearth_json_get_object(o, "o"), "k"), "v");
	assert_string_equal(hearth_json_get_string(o, "e"), "\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	assert_memory_equal(hearth_json_source(list, &length), "[1,\"two\",{}]", 12);
	assert_int_equal(length, 12);
}

static void missing_values_answer_like_empty_ones(void **state)
{
	const struct hearth_json *nothing = NULL;
	size_t length = 1;

	(void)state;
	assert_int_equal(hearth_json_type(nothing), HEARTH_JSON_NONE);
	assert_null(hearth_json_get_string(hearth_json_get_object(nothing, "a"), "b"));
	assert_int_equal(hearth_json_get_int(nothing, "a", 4), 4);
	assert_int_equal(hearth_json_size(nothing), 0);
	assert_null(hearth_json_at(nothing, 0));
	assert_null(hearth_json_key_at(nothing, 0));
	assert_null(hearth_json_source(nothing, &length));
	assert_int_equal(length, 0);
	assert_int_equal(hearth_json_int(nothing), 0);
	assert_true(hearth_json_float(nothing) == 0);
	assert_int_equal(hearth_json_equal(nothing, nothing), 1);
}

static void equality_is_deep_and_ignores_order(void **state)
{
	static const char a[] = "{\"a\":[1,{\"b\":null,\"c\":\"x\"}],\"d\":1.5}";
	static const char *const others[] = {
		"{\"a\":[1,{\"b\":null,\"c\":\"y\"}],\"d\":1.5}", "{\"a\":[1,{\"b\":null}],\"d\":1.5}",
		"{\"a\":[{\"b\":null,\"c\":\"x\"},1],\"d\":1.5}", "{\"a\":[1,{\"b\":false,\"c\":\"x\"}],\"d\":1.5}",
		"{\"a\":[1,{\"b\":null,\"c\":\"x\"}],\"e\":1.5}", "{\"a\":[1,{\"b\":null,\"c\":\"x\"}],\"d\":1}",
	};

	assert_true(hearth_json_equal(
		parse(*state, a), parse(*state, " { \"d\" : 1.50 , \"a\" : [ 1, {\"c\":\"\\u0078\", \"b\":null} ] }")));
	for (size_t i = 0; i < HEARTH_COUNT(others); i++)
		assert_false(hearth_json_equal(parse(*state, a), parse(*state, others[i])));
}

static void values_are_built(void **state)
{
	struct hearth_json *object = hearth_json_object_new(*state), *list = hearth_json_array_new(*state), *copy;
	const struct hearth_json *parsed = parse(*state, "{\"z\":1,\"a\":2}");
	char key[16];

	hearth_json_set_string(object, "m", "text");
	hearth_json_set_int(object, "b", 7);
	hearth_json_set_bool(object, "z", 1);
	hearth_json_set(object, "a", list);
	hearth_json_append(list, hearth_json_int_new(*state, 1));
	hearth_json_append(list, hearth_json_null_new(*state));
	hearth_json_append(list, hearth_json_bool_new(*state, 0));
	hearth_json_append(list, NULL);
	hearth_json_set(object, "nothing", NULL);
	hearth_json_set_string(object, "nothing", NULL);
	hearth_json_set_int(object, "b", 8);
	assert_string_equal(canonical(*state, object, 0), "{\"a\":[1,null,false],\"b\":8,\"m\":\"text\",\"z\":true}");
	hearth_json_remove(object, "m");
	hearth_json_remove(object, "not there");
	assert_string_equal(canonical(*state, object, 0), "{\"a\":[1,null,false],\"b\":8,\"z\":true}");

	copy = hearth_json_object_copy(*state, parsed);
	hearth_json_set_int(copy, "m", 3);
	assert_string_equal(canonical(*state, copy, 0), "{\"a\":2,\"m\":3,\"z\":1}");
	assert_string_equal(canonical(*state, parsed, 0), "{\"a\":2,\"z\":1}");
	assert_int_equal(hearth_json_size(hearth_json_object_copy(*state, NULL)), 0);

	object = hearth_json_object_new(*state);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "%d", i * 7919 % 1000);
		hearth_json_set_int(object, key, i);
	}
	assert_int_equal(hearth_json_size(object), 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "%d", i * 7919 % 1000);
		assert_int_equal(hearth_json_get_int(object, key, -1), i);
	}
}

/* The examples of the specification's appendix "Canonical JSON". */
static void canonical_form_is_the_specifications(void **state)
{
	static const struct {
		const char *text, *canonical;
	} examples[] = {
		{ "{}", "{}" },
		{ "{ \"one\": 1, \"two\": \"Two\" }", "{\"one\":1,\"two\":\"Two\"}" },
		{ "{ \"b\": \"2\", \"a\": \"1\" }", "{\"a\":\"1\",\"b\":\"2\"}" },
		{ "{\"auth\":{\"success\":true,\"mxid\":\"@john.doe:example.com\",\"profile\":{\"display_name\":\"John "
		  "Doe\","
		  "\"three_pids\":[{\"medium\":\"email\",\"address\":\"john.doe@example.org\"},"
		  "{\"medium\":\"msisdn\",\"address\":\"123456789\"}]}}}",
		  "{\"auth\":{\"mxid\":\"@john.doe:example.com\",\"profile\":{\"display_name\":\"John Doe\","
		  "\"three_pids\":[{\"address\":\"john.doe@example.org\",\"medium\":\"email\"},"
		  "{\"address\":\"123456789\",\"medium\":\"msisdn\"}]},\"success\":true}}" },
		{ "{ \"a\": \"\u65e5\u672c\u8a9e\" }", "{\"a\":\"\u65e5\u672c\u8a9e\"}" },
		{ "{ \"\u672c\": 2, \"\u65e5\": 1 }", "{\"\u65e5\":1,\"\u672c\":2}" },
		{ "{ \"a\": \"\\u65E5\" }", "{\"a\":\"\u65e5\"}" },
		{ "{ \"a\": null }", "{\"a\":null}" },
		{ "{ \"a\": -0, \"b\": 1e10 }", "{\"a\":0,\"b\":10000000000}" },
		/* not from there: escapes; code points beyond the BMP sort behind U+FFFF, unlike in UTF-16 */
		{ "[\"\\u0000\\u001F\\u007f\\/\\\"\\\\\\b\\f\\n\\r\\t\\u2028\"]",
		  "[\"\\u0000\\u001f\x7f/\\\"\\\\\\b\\f\\n\\r\\t\u2028\"]" },
		{ "{\"\\ud83d\\ude00\":1,\"\\uffff\":2,\"a\\u0000\":3,\"a\":4}",
		  "{\"a\":4,\"a\\u0000\":3,\"\xef\xbf\xbf\":2,\"\xf0\x9f\x98\x80\":1}" },
	};

	for (size_t i = 0; i < HEARTH_COUNT(examples); i++)
		assert_string_equal(canonical(*state, parse(*state, examples[i].text), 0), examples[i].canonical);
}

static void numbers_of_old_rooms_are_written_the_shortest_way(void **state)
{
	static const struct {
		const char *text, *canonical;
	} examples[] = {
		{ "1.0", "1.0" },
		{ "1e3", "1000.0" },
		{ "-0.0", "-0.0" },
		{ "0.1", "0.1" },
		{ "0.30000000000000004", "0.30000000000000004" },
		{ "123.456", "123.456" },
		{ "1e15", "1000000000000000.0" },
		{ "1e16", "1e+16" },
		{ "1.5e300", "1.5e+300" },
		{ "0.0001", "0.0001" },
		{ "0.00001", "1e-05" },
		{ "5e-324", "5e-324" },
		{ "1.7976931348623157e308", "1.7976931348623157e+308" },
		{ "9223372036854775807", "9223372036854775807" },
		{ "-9223372036854775808", "-9223372036854775808" },
	};

	for (size_t i = 0; i < HEARTH_COUNT(examples); i++) {
		const struct hearth_json *value;
		const char *text = examples[i].text;

		assert_int_equal(hearth_json_parse(*state, text, strlen(text), HEARTH_JSON_BIG_INTS, &value, NULL), 0);
		assert_string_equal(canonical(*state, value, HEARTH_JSON_BIG_INTS), examples[i].canonical);
	}
	assert_string_equal(canonical(*state, parse(*state, "1e2"), HEARTH_JSON_NO_FLOATS),
			    "M_BAD_JSON: a number is no integer");
	assert_string_equal(canonical(*state, parse(*state, "9007199254740992.0"), 0),
			    "M_BAD_JSON: a number is no integer");
	assert_string_equal(canonical(*state, parse(*state, "1.5"), 0), "M_BAD_JSON: a number is no integer");
	assert_string_equal(canonical(*state, hearth_json_int_new(*state, INT64_C(9007199254740992)), 0),
			    "M_BAD_JSON: an integer is beyond 2^53");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_taken_and_what_is_refused),
		TEST(every_prefix_of_a_text_is_refused),
		TEST(errors_name_the_byte),
		TEST(nesting_is_bounded),
		TEST(large_objects_are_quick),
		TEST(values_are_read),
		TEST(missing_values_answer_like_empty_ones),
		TEST(equality_is_deep_and_ignores_order),
		TEST(values_are_built),
		TEST(canonical_form_is_the_specifications),
		TEST(numbers_of_old_rooms_are_written_the_shortest_way),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
