/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limits by the clock of the test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "limits.c"

static const struct limit_config SLOW = { .name = "slow", .per_second = 0.5, .burst_count = 2 };
static const struct limit_config OTHER = { .name = "other", .per_second = 1, .burst_count = 1 };

static bool drop(struct hearth_error *err)
{
	int status = err->http_status;

	hearth_error_clear(err);
	return status == 429;
}

static int try_at(const struct limit_config *limit, const char *key, int64_t now_ms, struct hearth_error *err)
{
	return apply_at(limit, key, 1, now_ms, err);
}

static void a_bucket_fills_and_leaks(void **state)
{
	struct hearth_error err = { 0 };

	(void)state;
	assert_int_equal(try_at(&SLOW, "a", 1000, &err), 0);
	assert_int_equal(try_at(&SLOW, "a", 1000, &err), 0);
	assert_int_equal(try_at(&SLOW, "a", 1000, &err), -EAGAIN);
	assert_string_equal(err.errcode, "M_LIMIT_EXCEEDED");
	assert_in_range(err.retry_after_ms, 1999, 2001);
	assert_true(drop(&err));
	assert_int_equal(try_at(&SLOW, "a", 2900, &err), -EAGAIN);
	assert_true(drop(&err));
	assert_int_equal(apply_at(&SLOW, "a", 0, 3000, &err), 0);
	assert_int_equal(try_at(&SLOW, "a", 3000, &err), 0);
	assert_int_equal(try_at(&SLOW, "a", 3000, &err), -EAGAIN);
	limits_finish();
}

static void keys_and_limiters_are_apart(void **state)
{
	(void)state;
	assert_int_equal(try_at(&OTHER, "a", 0, NULL), 0);
	assert_int_equal(try_at(&OTHER, "a", 0, NULL), -EAGAIN);
	assert_int_equal(try_at(&OTHER, "b", 0, NULL), 0);
	assert_int_equal(try_at(&SLOW, "a", 0, NULL), 0);
	limits_finish();
	assert_int_equal(table.count, 0);
}

static void memory_is_bounded(void **state)
{
	char key[32];

	(void)state;
	for (int i = 0; i < 150000; i++) {
		(void)snprintf(key, sizeof(key), "client-%d", i);
		assert_int_equal(try_at(&SLOW, key, 0, NULL), 0);
	}
	assert_int_equal(table.count, BUCKETS_MAX);
	for (int i = 0; i < 150000; i++) {
		(void)snprintf(key, sizeof(key), "later-%d", i);
		assert_int_equal(try_at(&SLOW, key, 1000000 + i * 100, NULL), 0);
	}
	assert_true(table.count < 1000);
	limits_finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_bucket_fills_and_leaks),
		cmocka_unit_test(keys_and_limiters_are_apart),
		cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
