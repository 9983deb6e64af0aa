/* SPDX-License-Identifier: Apache-2.0 */
/* The form of access tokens. */
#include "accounts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_form(void **state)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	const char *token = accounts_tokens_make(arena, "syt", "alice"), *other = accounts_tokens_make(arena, "syt", "alice");

	(void)state;
	assert_memory_equal(token, "syt_YWxpY2U_", 12);
	assert_int_equal(strlen(token), 12 + 20 + 1 + 6);
	assert_int_equal(strspn(token + 12, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"), 20);
	assert_true(accounts_tokens_is_valid(token));
	assert_string_not_equal(token, other);
}

/* crc32("syt_cGxhdG8_abcdefghijklmnopqrst") is 3485482626 by zlib, which is 3nsjFi in base 62. */
static void test_check_digits(void **state)
{
	(void)state;
	assert_true(accounts_tokens_is_valid("syt_cGxhdG8_abcdefghijklmnopqrst_3nsjFi"));
	assert_false(accounts_tokens_is_valid("syt_cGxhdG8_abcdefghijklmnopqrsu_3nsjFi"));
	assert_false(accounts_tokens_is_valid("syt_cGxhdG8_abcdefghijklmnopqrst_"));
	assert_false(accounts_tokens_is_valid("abc_cGxhdG8_abcdefghijklmnopqrst_3nsjFi"));
	assert_false(accounts_tokens_is_valid(""));
}

static void test_cache(void **state)
{
	struct accounts_cache *cache = accounts_cache_new(2);
	char user_id[] = "@a:x";
	struct accounts_cached entry = { .user_id = user_id, .token_id = 1 };
	uint64_t generation = accounts_cache_generation(cache);

	(void)state;
	for (uint8_t i = 0; i < 3; i++) {
		entry.hash[0] = i;
		assert_non_null(accounts_cache_add(cache, &entry, generation));
	}
	entry.hash[0] = 0;
	assert_null(accounts_cache_find(cache, entry.hash));
	entry.hash[0] = 2;
	assert_non_null(accounts_cache_find(cache, entry.hash));
	accounts_cache_drop(cache, "@b:x");
	assert_non_null(accounts_cache_find(cache, entry.hash));
	accounts_cache_drop(cache, "@a:x");
	assert_null(accounts_cache_find(cache, entry.hash));
	assert_null(accounts_cache_add(cache, &entry, generation));
	accounts_cache_free(cache);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_check_digits),
		cmocka_unit_test(test_cache),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
