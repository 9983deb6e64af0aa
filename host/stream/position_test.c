/* SPDX-License-Identifier: Apache-2.0 */
/* Positions: no order of replies and commits lets one pass an unfinished id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stream/stream_internal.h"

static void waits_for_replies_under_way(void **state)
{
	struct position position = { .current = 10, .drawn = 10 };
	struct draw *slow = position_begin(&position), *fast = position_begin(&position);

	(void)state;
	/* slow got 11, but its reply comes last. */
	position_drawn(&position, fast, 12, 1);
	position_end(&position, fast, true);
	assert_int_equal(position.current, 10);
	position_drawn(&position, slow, 11, 1);
	assert_int_equal(position.current, 10);
	position_end(&position, slow, true);
	assert_int_equal(position.current, 12);
	assert_null(position.first);
}

static void passes_what_was_rolled_back(void **state)
{
	struct position position = { .current = 10, .drawn = 10 };
	struct draw *a = position_begin(&position), *b, *c;

	(void)state;
	position_drawn(&position, a, 11, 5);
	b = position_begin(&position);
	position_end(&position, b, false); /* never learnt its id */
	c = position_begin(&position);
	position_drawn(&position, c, 17, 1);
	position_end(&position, c, true);
	assert_int_equal(position.current, 10);
	position_end(&position, a, false);
	assert_int_equal(position.current, 17);
	a = position_begin(&position);
	position_drawn(&position, a, 18, 1);
	position_end(&position, a, false);
	assert_int_equal(position.current, 17);
}

/* Many orders, by a small generator: the position is what a plain search for the lowest unfinished id says. */
static void agrees_with_a_plain_search(void **state)
{
	enum { COUNT = 200 };
	struct position position = { 0 };
	struct draw *draws[COUNT];
	int64_t ids[COUNT];
	bool open[COUNT];
	uint32_t seed = 1;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		draws[i] = position_begin(&position);
		ids[i] = i + 1;
		open[i] = true;
	}
	for (int i = 0; i < COUNT; i++) { /* replies come shuffled */
		int other = (int)((seed = seed * 1664525u + 1013904223u) >> 16) % COUNT;
		int64_t id = ids[i];

		ids[i] = ids[other];
		ids[other] = id;
	}
	for (int i = 0; i < COUNT; i++)
		position_drawn(&position, draws[i], ids[i], 1);
	for (int left = COUNT; left > 0; left--) {
		int pick = (int)((seed = seed * 1664525u + 1013904223u) >> 16) % COUNT;
		int64_t lowest = COUNT + 1;

		while (!open[pick])
			pick = (pick + 1) % COUNT;
		open[pick] = false;
		position_end(&position, draws[pick], true);
		for (int i = 0; i < COUNT; i++)
			if (open[i] && ids[i] < lowest)
				lowest = ids[i];
		assert_int_equal(position.current, lowest - 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_for_replies_under_way),
		cmocka_unit_test(passes_what_was_rolled_back),
		cmocka_unit_test(agrees_with_a_plain_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
