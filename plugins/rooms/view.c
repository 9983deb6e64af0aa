/* SPDX-License-Identifier: Apache-2.0 */
/* A state as the rules look at it: found by state group, parsed events in memory. */
#include "persist.h"

struct rooms_event *rooms_view_entry(const struct rooms_view *view, const char *type, const char *state_key)
{
	int64_t number = rooms_group_find(view->group, rooms_state_hash(view->r->hash_key, type, state_key));

	return number ? rooms_lru_get(view->r->event_cache, view->arena, &number, sizeof(number)) : NULL;
}

const struct hearth_event *rooms_view_get(void *context, const char *type, const char *state_key)
{
	const struct rooms_event *entry = rooms_view_entry(context, type, state_key);

	return entry ? entry->event : NULL;
}

void rooms_need(void *context, const char *type, const char *state_key)
{
	struct rooms_needed *needed = context;
	int64_t number = rooms_group_find(needed->group, rooms_state_hash(needed->r->hash_key, type, state_key));

	for (size_t i = 0; i < needed->count; i++)
		if (needed->numbers[i] == number)
			return;
	if (!number)
		return;
	needed->numbers = hearth_arena_grow(needed->arena, needed->numbers, needed->count * sizeof(int64_t),
					    (needed->count + 1) * sizeof(int64_t));
	needed->numbers[needed->count++] = number;
}

int rooms_load_needed(struct rooms_group_work *work, const struct rooms_needed *needed, struct hearth_error *err)
{
	struct rooms_event **events = hearth_arena_array_of(work->arena, struct rooms_event *, needed->count);

	return rooms_parsed_load(work->r, work->task, needed->numbers, needed->count, events, err);
}
