/* SPDX-License-Identifier: Apache-2.0 */
#include "map.c"

#include "test_support.h"

static uint64_t number_of(const struct hearth_map *map, const char *first, const char *second)
{
	const struct hearth_map_entry *entry = hearth_map_find(map, first, second);

	return entry ? entry->number : 0;
}

static void pairs_are_told_apart(void **state)
{
	struct hearth_map map;

	hearth_map_init(&map, *state, 0);
	assert_null(hearth_map_find(&map, "a", "b"));
	assert_null(hearth_map_get(&map, "a", "b"));
	hearth_map_at(&map, "a", "b")->number = 1;
	assert_int_equal(hearth_map_at(&map, "a", "b")->number, 1);
	hearth_map_at(&map, "ab", "")->number = 3;
	hearth_map_at(&map, "", "ab")->number = 4;
	assert_int_equal(number_of(&map, "a", "b"), 1);
	assert_int_equal(number_of(&map, "ab", ""), 3);
	assert_int_equal(number_of(&map, "", "ab"), 4);
	assert_null(hearth_map_find(&map, "b", "a"));
}

static void fill(struct hearth_arena *arena, size_t expected)
{
	struct hearth_map map;

	hearth_map_init(&map, arena, expected);
	for (uint32_t i = 0; i < 10000; i++)
		hearth_map_at(&map, hearth_arena_printf(arena, "$%u", i), "")->number = i;
	for (uint32_t i = 0; i < 10000; i++)
		assert_int_equal(hearth_map_find(&map, hearth_arena_printf(arena, "$%u", i), "")->number, i);
	assert_int_equal(map.count, 10000);
}

static void many_keys(void **state)
{
	fill(*state, 0);
	fill(*state, 10000);
}

static void what_is_expected_fits_without_growing(void **state)
{
	struct hearth_map map;
	uint32_t capacity;

	hearth_map_init(&map, *state, 3000);
	capacity = map.capacity;
	for (uint32_t i = 0; i < 3000; i++)
		hearth_map_at(&map, hearth_arena_printf(*state, "$%u", i), "");
	assert_int_equal(map.capacity, capacity);
}

static void a_walk_meets_each_entry_once(void **state)
{
	struct hearth_map map;
	uint64_t sum = 0;

	hearth_map_init(&map, *state, 0);
	assert_null(hearth_map_next(&map, NULL));
	for (uint32_t i = 1; i <= 100; i++)
		hearth_map_at(&map, hearth_arena_printf(*state, "$%u", i), "")->number = i;
	for (struct hearth_map_entry *entry = NULL; (entry = hearth_map_next(&map, entry));)
		sum += entry->number;
	assert_int_equal(sum, 5050);
}

/* Which slot a key has is not for others to foresee. */
static void maps_have_keys_of_their_own(void **state)
{
	struct hearth_map one, other;

	hearth_map_init(&one, *state, 0);
	hearth_map_init(&other, *state, 0);
	hearth_map_at(&one, "a", "b");
	hearth_map_at(&other, "a", "b");
	assert_memory_not_equal(one.key, other.key, sizeof(one.key));
	assert_int_not_equal(hash_of(&one, "a", "b"), hash_of(&other, "a", "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(pairs_are_told_apart),
		TEST_WITH_ARENA(many_keys),
		TEST_WITH_ARENA(what_is_expected_fits_without_growing),
		TEST_WITH_ARENA(a_walk_meets_each_entry_once),
		TEST_WITH_ARENA(maps_have_keys_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
