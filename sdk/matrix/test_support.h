/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests of this folder share: an arena per test, and JSON that must parse. */
#ifndef HEARTH_TEST_SUPPORT_H
#define HEARTH_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/json.h>

static int start_arena(void **state)
{
	*state = hearth_arena_new();
	return 0;
}

static int end_arena(void **state)
{
	hearth_arena_free(*state);
	return 0;
}

#define TEST_WITH_ARENA(fn) cmocka_unit_test_setup_teardown(fn, start_arena, end_arena)

static inline const struct hearth_json *parsed(struct hearth_arena *arena, const char *text)
{
	const struct hearth_json *value = NULL;
	struct hearth_error err = { 0 };

	if (hearth_json_parse(arena, text, strlen(text), HEARTH_JSON_BIG_INTS, &value, &err) < 0)
		fail_msg("%s: %s", text, err.message);
	return value;
}

static inline const char *canonical_text(struct hearth_arena *arena, const struct hearth_json *value)
{
	struct hearth_error err = { 0 };
	char *text;

	if (hearth_json_canonical(arena, value, HEARTH_JSON_BIG_INTS, &text, NULL, &err) < 0)
		fail_msg("%s", err.message);
	return text;
}

#endif
