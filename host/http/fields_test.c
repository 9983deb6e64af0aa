/* SPDX-License-Identifier: Apache-2.0 */
/* Every type of field from every place, taken and refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fields.h"

struct args {
	const char *text;
	int64_t number;
	bool truth;
	double ratio;
	const struct hearth_json *json;
	struct hearth_bytes bytes;
	struct hearth_texts texts;
	struct hearth_ints ints;
};

static struct hearth_arena *arena;
static struct args args;
static struct hearth_error err;

static int set_up(void **state)
{
	(void)state;
	arena = hearth_arena_new();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	hearth_arena_free(arena);
	return 0;
}

static const char *fill(const struct hearth_field *field, const struct field_source *source)
{
	const struct hearth_field table[] = { *field, HEARTH_FIELDS_END };

	args = (struct args){ 0 };
	err = (struct hearth_error){ 0 };
	if (fields_fill(source, table, &args, &err) == 0)
		return "";
	assert_int_equal(err.http_status, 400);
	assert_memory_equal(err.message, field->name, strlen(field->name));
	return err.errcode;
}

/* "" or the errcode. */
static const char *body(const struct hearth_field *field, const char *json)
{
	struct field_source source = { .arena = arena };

	assert_int_equal(hearth_json_parse(arena, json, strlen(json), 0, &source.body, NULL), 0);
	return fill(field, &source);
}

static const char *query(const struct hearth_field *field, const char *text)
{
	struct url_query parsed = url_query_parse(arena, text);
	struct field_source source = { .arena = arena, .query = &parsed };

	return fill(field, &source);
}

#define TAKES(call) assert_string_equal(call, "")
#define MISSING(call) assert_string_equal(call, "M_MISSING_PARAM")
#define INVALID(call) assert_string_equal(call, "M_INVALID_PARAM")
#define BAD_JSON(call) assert_string_equal(call, "M_BAD_JSON")

static void texts_of_the_body(void **state)
{
	const struct hearth_field plain = HEARTH_BODY(struct args, text, "a");
	const struct hearth_field needed = HEARTH_BODY(struct args, text, "a", .required = 1, .min = 2, .max = 4);
	const struct hearth_field choice = HEARTH_BODY(struct args, text, "a", .choices = "live|historic", .fallback = "live");

	(void)state;
	TAKES(body(&plain, "{\"a\":\"x\"}"));
	assert_string_equal(args.text, "x");
	TAKES(body(&plain, "{}"));
	assert_null(args.text);
	TAKES(body(&plain, "{\"a\":null}"));
	BAD_JSON(body(&plain, "{\"a\":1}"));
	BAD_JSON(body(&plain, "{\"a\":{}}"));
	INVALID(body(&plain, "{\"a\":\"x\\u0000y\"}"));
	MISSING(body(&needed, "{}"));
	MISSING(body(&needed, "{\"a\":null}"));
	INVALID(body(&needed, "{\"a\":\"x\"}"));
	INVALID(body(&needed, "{\"a\":\"xxxxx\"}"));
	TAKES(body(&needed, "{\"a\":\"xxxx\"}"));
	TAKES(body(&choice, "{}"));
	assert_string_equal(args.text, "live");
	TAKES(body(&choice, "{\"a\":\"historic\"}"));
	INVALID(body(&choice, "{\"a\":\"hist\"}"));
	INVALID(body(&choice, "{\"a\":\"live|historic\"}"));
}

static void texts_are_bounded(void **state)
{
	const struct hearth_field plain = HEARTH_QUERY(struct args, text, "a");
	static char text[70000] = "a=";

	(void)state;
	memset(text + 2, 'x', 65536);
	TAKES(query(&plain, text));
	text[2 + 65536] = 'x';
	INVALID(query(&plain, text));
}

static void formats(void **state)
{
	static const struct {
		uint16_t format;
		const char *good, *bad;
	} FORMATS[] = {
		{ HEARTH_USER_ID, "@a:b", "a:b" },		{ HEARTH_ROOM_ID, "!a:b", "#a:b" },
		{ HEARTH_ROOM_ALIAS, "#a:b", "!a:b" },		{ HEARTH_ROOM_ID_OR_ALIAS, "#a:b", "@a:b" },
		{ HEARTH_EVENT_ID, "$a:b", "a" },		{ HEARTH_SERVER_NAME, "a.b:80", "a b" },
	};

	(void)state;
	for (size_t i = 0; i < HEARTH_COUNT(FORMATS); i++) {
		const struct hearth_field field = HEARTH_BODY(struct args, text, "a", .format = FORMATS[i].format);
		char json[64];

		(void)snprintf(json, sizeof(json), "{\"a\":\"%s\"}", FORMATS[i].good);
		TAKES(body(&field, json));
		(void)snprintf(json, sizeof(json), "{\"a\":\"%s\"}", FORMATS[i].bad);
		INVALID(body(&field, json));
	}
}

static void numbers(void **state)
{
	const struct hearth_field plain = HEARTH_BODY(struct args, number, "n", .fallback = "7");
	const struct hearth_field bound = HEARTH_QUERY(struct args, number, "n", .min = 1, .max = 10);
	const struct hearth_field least = HEARTH_QUERY(struct args, number, "n", .min = 1);
	const struct hearth_field ratio = HEARTH_BODY(struct args, ratio, "n");
	const struct hearth_field ratio_query = HEARTH_QUERY(struct args, ratio, "n");

	(void)state;
	TAKES(body(&plain, "{\"n\":-9007199254740991}"));
	assert_int_equal(args.number, -INT64_C(9007199254740991));
	TAKES(body(&plain, "{}"));
	assert_int_equal(args.number, 7);
	BAD_JSON(body(&plain, "{\"n\":1.5}"));
	BAD_JSON(body(&plain, "{\"n\":\"1\"}"));
	BAD_JSON(body(&plain, "{\"n\":true}"));
	TAKES(query(&bound, "n=10"));
	TAKES(query(&least, "n=9007199254740991"));
	INVALID(query(&least, "n=0"));
	INVALID(query(&bound, "n=0"));
	INVALID(query(&bound, "n=11"));
	INVALID(query(&bound, "n="));
	INVALID(query(&bound, "n=1x"));
	INVALID(query(&bound, "n=+1"));
	INVALID(query(&bound, "n=%2B1"));
	INVALID(query(&bound, "n=1%00"));
	INVALID(query(&least, "n=9007199254740992"));
	INVALID(query(&least, "n=99999999999999999999"));
	TAKES(body(&ratio, "{\"n\":1.5}"));
	assert_true(args.ratio > 1.4 && args.ratio < 1.6);
	TAKES(body(&ratio, "{\"n\":2}"));
	BAD_JSON(body(&ratio, "{\"n\":\"2\"}"));
	TAKES(query(&ratio_query, "n=-2.5e3"));
	INVALID(query(&ratio_query, "n=nan"));
	INVALID(query(&ratio_query, "n=1e999"));
}

static void truths(void **state)
{
	const struct hearth_field in_body = HEARTH_BODY(struct args, truth, "t", .fallback = "true");
	const struct hearth_field in_query = HEARTH_QUERY(struct args, truth, "t");

	(void)state;
	TAKES(body(&in_body, "{}"));
	assert_true(args.truth);
	TAKES(body(&in_body, "{\"t\":false}"));
	assert_false(args.truth);
	BAD_JSON(body(&in_body, "{\"t\":0}"));
	BAD_JSON(body(&in_body, "{\"t\":\"true\"}"));
	TAKES(query(&in_query, "t=true"));
	assert_true(args.truth);
	INVALID(query(&in_query, "t=1"));
	INVALID(query(&in_query, "t=true%00"));
	INVALID(query(&in_query, "t="));
}

static void json_and_bytes(void **state)
{
	const struct hearth_field any = HEARTH_BODY(struct args, json, "j");
	const struct hearth_field object = HEARTH_BODY(struct args, json, "j", .shape = HEARTH_AN_OBJECT, .required = 1);
	const struct hearth_field array = HEARTH_BODY(struct args, json, "j", .shape = HEARTH_AN_ARRAY, .max = 2);
	const struct hearth_field in_query = HEARTH_QUERY(struct args, json, "j", .shape = HEARTH_AN_OBJECT);
	const struct hearth_field whole = HEARTH_WHOLE_BODY(struct args, json);
	const struct hearth_field bytes = HEARTH_BODY(struct args, bytes, "b");

	(void)state;
	TAKES(body(&any, "{\"j\":null}"));
	assert_int_equal(hearth_json_type(args.json), HEARTH_JSON_NULL);
	TAKES(body(&object, "{\"j\":{}}"));
	BAD_JSON(body(&object, "{\"j\":[]}"));
	MISSING(body(&object, "{\"j\":null}"));
	TAKES(body(&array, "{\"j\":[1,2]}"));
	INVALID(body(&array, "{\"j\":[1,2,3]}"));
	TAKES(query(&in_query, "j=%7B%7D"));
	INVALID(query(&in_query, "j=%7B"));
	TAKES(body(&whole, "{\"x\":1}"));
	assert_int_equal(hearth_json_get_int(args.json, "x", 0), 1);
	TAKES(body(&bytes, "{\"b\":\"a\\u0000\"}"));
	assert_int_equal(args.bytes.size, 2);
	BAD_JSON(body(&bytes, "{\"b\":1}"));
}

static void lists(void **state)
{
	const struct hearth_field texts = HEARTH_BODY(struct args, texts, "l", .format = HEARTH_USER_ID, .max = 2);
	const struct hearth_field ints = HEARTH_BODY(struct args, ints, "l", .min = 1);
	const struct hearth_field repeated = HEARTH_QUERY(struct args, texts, "l");
	const struct hearth_field numbers_of_query = HEARTH_QUERY(struct args, ints, "l", .required = 1);

	(void)state;
	TAKES(body(&texts, "{\"l\":[\"@a:b\",\"@c:d\"]}"));
	assert_int_equal(args.texts.count, 2);
	assert_string_equal(args.texts.items[1], "@c:d");
	INVALID(body(&texts, "{\"l\":[\"@a:b\",\"c\"]}"));
	INVALID(body(&texts, "{\"l\":[\"@a:b\",\"@a:b\",\"@a:b\"]}"));
	BAD_JSON(body(&texts, "{\"l\":[1]}"));
	BAD_JSON(body(&texts, "{\"l\":\"@a:b\"}"));
	TAKES(body(&ints, "{\"l\":[5]}"));
	assert_int_equal(args.ints.items[0], 5);
	INVALID(body(&ints, "{\"l\":[]}"));
	BAD_JSON(body(&ints, "{\"l\":[5,\"6\"]}"));
	TAKES(query(&repeated, "l=a&x=y&l=b+c"));
	assert_int_equal(args.texts.count, 2);
	assert_string_equal(args.texts.items[1], "b c");
	INVALID(query(&repeated, "l=%ff"));
	TAKES(query(&numbers_of_query, "l=1&l=-2"));
	assert_int_equal(args.ints.items[1], -2);
	MISSING(query(&numbers_of_query, "x=1"));
}

static void names_with_dots(void **state)
{
	const struct hearth_field nested = HEARTH_BODY(struct args, text, "identifier.user", .required = 1);
	const struct hearth_field dotted = HEARTH_BODY(struct args, text, "m.relates_to.event_id", .required = 1);

	(void)state;
	TAKES(body(&nested, "{\"identifier\":{\"user\":\"a\"}}"));
	MISSING(body(&nested, "{\"identifier\":\"user\"}"));
	TAKES(body(&dotted, "{\"m.relates_to\":{\"event_id\":\"$a\"}}"));
	assert_string_equal(args.text, "$a");
	MISSING(body(&dotted, "{\"m\":{\"relates_to\":1}}"));
}

static void headers_and_paths(void **state)
{
	const struct hearth_field header = HEARTH_HEADER(struct args, number, "X-Count", .max = 5);
	const struct hearth_field path = HEARTH_PATH(struct args, text, "roomId", .format = HEARTH_ROOM_ID);
	const struct head_header headers[] = { { "x-count", "4" } }, more[] = { { "x-count", "6" } };
	const struct route route = { .params = { "roomId" }, .param_count = 1 };
	struct route_match match = { .route = &route, .params = { { "!a:b", 4 } } };
	struct head head = { .headers = headers, .header_count = 1 };
	struct field_source source = { .arena = arena, .head = &head, .match = &match };

	(void)state;
	TAKES(fill(&header, &source));
	assert_int_equal(args.number, 4);
	head.headers = more;
	INVALID(fill(&header, &source));
	TAKES(fill(&path, &source));
	assert_string_equal(args.text, "!a:b");
	match.params[0] = (struct url_text){ "!a\0:b", 5 };
	INVALID(fill(&path, &source));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_the_body), cmocka_unit_test(texts_are_bounded), cmocka_unit_test(formats),
		cmocka_unit_test(numbers),	     cmocka_unit_test(truths),		  cmocka_unit_test(json_and_bytes),
		cmocka_unit_test(lists),	     cmocka_unit_test(names_with_dots),	  cmocka_unit_test(headers_and_paths),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
