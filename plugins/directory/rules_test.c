/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the configuration: what they must be, and which one decides. */
#include "directory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct hearth_json *parse(struct hearth_arena *arena, const char *text)
{
	const struct hearth_json *json;

	assert_int_equal(hearth_json_parse(arena, text, strlen(text), 0, &json, NULL), 0);
	return json;
}

static void first_match_decides(void **state)
{
	struct hearth_arena *arena = hearth_arena_new();
	const char *alias = "#team_x:h", *other = "#y:h";
	struct hearth_texts none = { NULL, 0 }, one = { &alias, 1 }, foreign = { &other, 1 };
	const struct hearth_json *rules = parse(arena,
		"[{\"user_id\":\"@bad:*\",\"action\":\"deny\"},{\"room_id\":\"!a:h\",\"action\":\"allow\"},"
		"{\"alias\":\"#team_*\",\"action\":\"allow\"},{\"user_id\":\"@good:h\",\"alias\":\"*\",\"action\":\"allow\"}]");

	(void)state;
	assert_false(rules_allow(rules, "@bad:h", "!a:h", &one));
	assert_true(rules_allow(rules, "@x:h", "!a:h", &none));
	assert_true(rules_allow(rules, "@x:h", "!b:h", &one));
	assert_false(rules_allow(rules, "@x:h", "!b:h", &foreign));
	assert_false(rules_allow(rules, "@x:h", "!b:h", &none));
	assert_true(rules_allow(rules, "@good:h", "!b:h", &none));
	assert_true(rules_allow(rules, "@good:h", NULL, &none));
	assert_false(rules_allow(rules, "@x:h", NULL, &none));
	assert_false(rules_allow(NULL, "@good:h", "!b:h", &none));
	hearth_arena_free(arena);
}

static void bad_rules_are_named(void **state)
{
	static const char *const BAD[] = { "{}", "\"x\"", "[1]", "[{}]", "[{\"action\":\"maybe\"}]",
					   "[{\"action\":\"allow\"},{\"action\":\"deny\",\"alias\":1}]" };
	struct hearth_arena *arena = hearth_arena_new();
	struct hearth_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < HEARTH_COUNT(BAD); i++) {
		hearth_error_clear(&err);
		assert_int_equal(rules_check("key", parse(arena, BAD[i]), &err), -EINVAL);
		assert_non_null(strstr(err.message, "key"));
	}
	assert_non_null(strstr(err.message, "key[1].alias"));
	assert_int_equal(rules_check("key", NULL, NULL), 0);
	assert_int_equal(rules_check("key", parse(arena, "null"), NULL), 0);
	assert_int_equal(rules_check("key", parse(arena, "[]"), NULL), 0);
	hearth_arena_free(arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(first_match_decides), cmocka_unit_test(bad_rules_are_named) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
