/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <hearth/arena.h>

static void allocations_are_zeroed_aligned_and_apart(void **state)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	unsigned char *blocks[500];
	size_t sizes[500];

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 500; i++) {
			sizes[i] = (i * 37) % 211 + (i % 50 == 0 ? 9000 : 0);
			blocks[i] = hearth_arena_alloc(arena, sizes[i]);
			assert_int_equal((uintptr_t)blocks[i] % 16, 0);
			for (size_t j = 0; j < sizes[i]; j++)
				assert_int_equal(blocks[i][j], 0);
			memset(blocks[i], (int)i, sizes[i]);
		}
		for (size_t i = 0; i < 500; i++)
			for (size_t j = 0; j < sizes[i]; j++)
				assert_int_equal(blocks[i][j], (unsigned char)i);
		hearth_arena_clear(arena);
	}
}

static void small_use_stays_in_the_first_block(void **state)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	size_t empty = hearth_arena_size(arena);

	(void)state;
	for (int i = 0; i < 40; i++)
		hearth_arena_alloc(arena, 40);
	assert_int_equal(hearth_arena_size(arena), empty);
	hearth_arena_alloc(arena, 100000);
	assert_true(hearth_arena_size(arena) >= empty + 100000);
	assert_true(hearth_arena_size(arena) < empty + 110000);
	hearth_arena_clear(arena);
	assert_int_equal(hearth_arena_size(arena), empty);
}

static void growing_keeps_the_bytes_and_zeroes_the_rest(void **state)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	char *text = hearth_arena_grow(arena, NULL, 0, 4), *grown;

	(void)state;
	memcpy(text, "abcd", 4);
	grown = hearth_arena_grow(arena, text, 4, 64);
	assert_ptr_equal(grown, text);
	assert_memory_equal(grown, "abcd\0\0\0", 7);
	hearth_arena_alloc(arena, 1);
	grown = hearth_arena_grow(arena, grown, 64, 20000);
	assert_ptr_not_equal(grown, text);
	assert_memory_equal(grown, "abcd\0\0\0", 7);
	for (size_t i = 4; i < 20000; i++)
		assert_int_equal(grown[i], 0);
}

struct record {
	char order[8];
	size_t count;
};

struct entry {
	struct record *record;
	char name;
};

static void note(void *argument)
{
	struct entry *entry = argument;

	entry->record->order[entry->record->count++] = entry->name;
}

static void cleanups_run_newest_first_and_once(void **state)
{
	struct hearth_arena *arena = hearth_arena_new();
	struct record record = { { 0 }, 0 };
	struct entry a = { &record, 'a' }, b = { &record, 'b' }, c = { &record, 'c' };

	(void)state;
	hearth_arena_defer(arena, note, &a);
	hearth_arena_defer(arena, note, &b);
	hearth_arena_clear(arena);
	hearth_arena_defer(arena, note, &c);
	hearth_arena_free(arena);
	assert_string_equal(record.order, "bac");
	hearth_arena_free(NULL);
}

static void texts_are_copied(void **state)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();

	(void)state;
	assert_null(hearth_arena_strdup(arena, NULL));
	assert_string_equal(hearth_arena_strdup(arena, "hearth"), "hearth");
	assert_string_equal(hearth_arena_strndup(arena, "hearth", 5), "heart");
	assert_string_equal(hearth_arena_printf(arena, "%s-%d", "a", 7), "a-7");
	assert_memory_equal(hearth_arena_memdup(arena, "a\0b", 3), "a\0b", 3);
}

static void count_up(void *argument)
{
	++*(int *)argument;
}

static void a_rewound_arena_keeps_what_was_before(void **state)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	int before_runs = 0, after_runs = 0;
	struct hearth_arena_mark mark;
	char *large, *text;
	size_t size;

	(void)state;
	hearth_arena_defer(arena, count_up, &before_runs);
	large = hearth_arena_alloc(arena, 50000);
	memset(large, 'x', 50000);
	text = hearth_arena_strdup(arena, "before");
	size = hearth_arena_size(arena);
	mark = hearth_arena_mark(arena);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < 1000; i++)
			memset(hearth_arena_alloc(arena, i % 100 ? i : 30000), 'y', i);
		hearth_arena_defer(arena, count_up, &after_runs);
		assert_true(hearth_arena_size(arena) > size);
		hearth_arena_rewind(arena, &mark);
		assert_int_equal(hearth_arena_size(arena), size);
		assert_int_equal(after_runs, round + 1);
		assert_string_equal(text, "before");
		for (size_t i = 0; i < 50000; i++)
			assert_int_equal(large[i], 'x');
	}
	assert_int_equal(before_runs, 0);
	hearth_arena_clear(arena);
	assert_int_equal(before_runs, 1);
	assert_int_equal(after_runs, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allocations_are_zeroed_aligned_and_apart),
		cmocka_unit_test(small_use_stays_in_the_first_block),
		cmocka_unit_test(growing_keeps_the_bytes_and_zeroes_the_rest),
		cmocka_unit_test(cleanups_run_newest_first_and_once),
		cmocka_unit_test(texts_are_copied),
		cmocka_unit_test(a_rewound_arena_keeps_what_was_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
