/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Disposition: what is shown in place, and names that are hostile. */
#include "media.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void expect(const char *media_type, const char *name, const char *expected)
{
	struct hearth_arena *arena = hearth_arena_new();

	assert_string_equal(media_disposition(arena, media_type, name), expected);
	hearth_arena_free(arena);
}

static void only_harmless_types_are_inline(void **state)
{
	(void)state;
	expect("image/png", NULL, "inline");
	expect("Text/Plain; charset=utf-8", NULL, "inline");
	expect("text/html", NULL, "attachment");
	expect("image/svg+xml", NULL, "attachment");
	expect("image/pngx", NULL, "attachment");
	expect("image/pn", "", "attachment");
	expect("", NULL, "attachment");
}

static void names_cannot_break_out(void **state)
{
	(void)state;
	expect("image/png", "cat.png", "inline; filename=cat.png");
	expect("image/png", "a cat.png", "inline; filename*=utf-8''a%20cat.png");
	expect("image/png", "k\xc3\xa4tzchen", "inline; filename*=utf-8''k%C3%A4tzchen");
	expect("text/html", "x\"; filename=y\r\nEvil: 1",
	       "attachment; filename*=utf-8''x%22%3B%20filename%3Dy%0D%0AEvil%3A%201");
	expect("text/html", "100%", "attachment; filename*=utf-8''100%25");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_harmless_types_are_inline),
		cmocka_unit_test(names_cannot_break_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
