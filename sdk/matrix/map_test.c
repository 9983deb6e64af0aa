/* SPDX-License-Identifier: Apache-2.0 */
#include "map.c"

#include "test_support.h"

static void pairs_are_told_apart(void **state)
{
	struct hearth_map map;

	hearth_map_init(&map, *state);
	assert_int_equal(hearth_map_get(&map, "a", "b"), HEARTH_MAP_NONE);
	assert_int_equal(hearth_map_add(&map, "a", "b", 1), 1);
	assert_int_equal(hearth_map_add(&map, "a", "b", 2), 1);
	assert_int_equal(hearth_map_add(&map, "ab", "", 3), 3);
	assert_int_equal(hearth_map_add(&map, "", "ab", 4), 4);
	assert_int_equal(hearth_map_get(&map, "a", "b"), 1);
	assert_int_equal(hearth_map_get(&map, "ab", ""), 3);
	assert_int_equal(hearth_map_get(&map, "", "ab"), 4);
	assert_int_equal(hearth_map_get(&map, "b", "a"), HEARTH_MAP_NONE);
}

static void many_keys(void **state)
{
	struct hearth_map map;

	hearth_map_init(&map, *state);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(hearth_map_add(&map, hearth_arena_printf(*state, "$%u", i), "", i), i);
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(hearth_map_get(&map, hearth_arena_printf(*state, "$%u", i), ""), i);
	assert_int_equal(map.count, 10000);
}

/* Which slot a key has is not for others to foresee. */
static void maps_have_keys_of_their_own(void **state)
{
	struct hearth_map one, other;

	hearth_map_init(&one, *state);
	hearth_map_init(&other, *state);
	assert_memory_not_equal(one.key, other.key, sizeof(one.key));
	assert_int_not_equal(hash_of(&one, "a", "b"), hash_of(&other, "a", "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(pairs_are_told_apart),
		TEST_WITH_ARENA(many_keys),
		TEST_WITH_ARENA(maps_have_keys_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
