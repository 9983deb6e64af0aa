/* SPDX-License-Identifier: Apache-2.0 */
#include "packed.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void hashes_depend_on_all_of_their_input(void **state)
{
	const uint64_t key[2] = { 1, 2 }, other[2] = { 1, 3 };

	(void)state;
	assert_true(rooms_state_hash(key, "a", "bc") == rooms_state_hash(key, "a", "bc"));
	assert_true(rooms_state_hash(key, "a", "bc") != rooms_state_hash(key, "ab", "c"));
	assert_true(rooms_state_hash(key, "a", "bc") != rooms_state_hash(other, "a", "bc"));
}

static void newer_entries_win_and_gone_ones_go(void **state)
{
	const struct rooms_entry newer[] = { { 2, 20 }, { 3, 0 } }, older[] = { { 1, 1 }, { 2, 2 }, { 3, 3 }, { 4, 4 } };
	struct rooms_entry merged[6];

	(void)state;
	assert_int_equal(rooms_entries_merge(newer, 2, older, 4, 0, merged), 4);
	assert_int_equal(merged[1].event, 20);
	assert_int_equal(merged[2].event, 0);
	assert_int_equal(rooms_entries_merge(newer, 2, older, 4, 1, merged), 3);
	assert_int_equal(merged[2].key, 4);
	assert_null(rooms_entries_find(merged, 3, 3));
	assert_int_equal(rooms_entries_find(merged, 3, 2)->event, 20);
}

static void bytes_come_back_and_damage_is_seen(void **state)
{
	const struct rooms_entry entries[] = { { 1, 7 }, { UINT64_MAX, INT64_MAX } };
	struct rooms_entry back[2];
	uint8_t bytes[32];

	(void)state;
	rooms_entries_pack(entries, 2, bytes);
	assert_int_equal(rooms_entries_unpack(bytes, 32, back), 0);
	assert_memory_equal(entries, back, sizeof(back));
	assert_int_equal(rooms_entries_unpack(bytes, 31, back), -EBADMSG);
	memset(bytes, 0xff, 8);
	assert_int_equal(rooms_entries_unpack(bytes, 32, back), -EBADMSG);
}

static void sorting_keeps_the_last_of_equal_keys(void **state)
{
	struct rooms_entry entries[] = { { 9, 1 }, { 3, 2 }, { 9, 3 } };

	(void)state;
	assert_int_equal(rooms_entries_sort(entries, 3), 2);
	assert_int_equal(entries[0].event, 2);
	assert_int_equal(entries[1].event, 3);
}

/* 10,000 changes cost n log n entries, and no chain is longer than 14. */
static void chains_are_short_and_share(void **state)
{
	int64_t total = 0;

	(void)state;
	for (int64_t height = 1; height <= 10000; height++) {
		int length = 0;

		total += height - rooms_base_height(height);
		for (int64_t h = height; h; h = rooms_base_height(h))
			length++;
		assert_true(length <= 14);
	}
	assert_true(total < 10000 * 14 / 2 + 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_depend_on_all_of_their_input),
		cmocka_unit_test(newer_entries_win_and_gone_ones_go),
		cmocka_unit_test(bytes_come_back_and_damage_is_seen),
		cmocka_unit_test(sorting_keeps_the_last_of_equal_keys),
		cmocka_unit_test(chains_are_short_and_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
