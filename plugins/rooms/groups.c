/* SPDX-License-Identifier: Apache-2.0 */
/* State groups: chains of deltas whose length is the number of one-bits of their height. */
#include "cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN_OVER 64 /* so many entries of others make an heir */

struct chain_row {
	int64_t number, room, base, height;
	struct hearth_bytes entries;
};
struct numbers_params {
	struct hearth_ints numbers;
};
static const struct hearth_field NUMBERS[] = { HEARTH_COLUMNS(struct numbers_params, numbers) };
static const struct hearth_field CHAIN_ROW[] = {
	HEARTH_COLUMNS(struct chain_row, number, room, base, height, entries)
};
static const struct hearth_statement SELECT_CHAINS = {
	.name = "rooms.select_state_chains",
	.sql = "WITH RECURSIVE chain AS ("
	       "SELECT number, base FROM state_groups WHERE number = ANY($1) "
	       "UNION SELECT g.number, g.base FROM chain c JOIN state_groups g ON g.number = c.base"
	       ") SELECT g.number, g.room, g.base, g.height, g.entries FROM chain c "
	       "JOIN state_groups g ON g.number = c.number ORDER BY g.height",
	.params = NUMBERS, .row = CHAIN_ROW, .row_size = sizeof(struct chain_row),
};

static struct rooms_group *group_new(int64_t number, int64_t room, int64_t height, struct rooms_group *base,
				     size_t count)
{
	size_t bytes = sizeof(struct rooms_group) + count * sizeof(struct rooms_entry);
	struct rooms_group *group = calloc(1, bytes);

	hearth_assert(group);
	group->number = number;
	group->room = room;
	group->height = height;
	group->base = base;
	group->count = count;
	if (base)
		rooms_lru_ref(&base->node);
	group->node.key = &group->number;
	group->node.key_bytes = sizeof(group->number);
	group->node.bytes = bytes;
	return group;
}

static int cache_row(struct rooms *r, struct hearth_arena *arena, const struct chain_row *row, struct hearth_error *err)
{
	size_t count = row->entries.size / ROOMS_ENTRY_BYTES;
	struct rooms_group *base = NULL, *group;

	if (rooms_lru_get(r->state_cache, arena, &row->number, sizeof(row->number)))
		return 0;
	if (row->base) {
		base = rooms_lru_get(r->state_cache, arena, &row->base, sizeof(row->base));
		if (!base)
			return hearth_fail(err, -EIO, "state group %lld has lost its base", (long long)row->number);
	}
	group = group_new(row->number, row->room, row->height, base, count);
	if (rooms_entries_unpack(row->entries.data, row->entries.size, group->entries) < 0) {
		rooms_lru_unref(base ? &base->node : NULL);
		free(group);
		return hearth_fail(err, -EIO, "state group %lld is damaged", (long long)row->number);
	}
	rooms_lru_put(r->state_cache, arena, &group->node);
	return 0;
}

int rooms_groups_load(struct rooms *r, struct hearth_task *task, const int64_t *numbers, size_t count,
		      struct rooms_group **ret_groups, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	int64_t *missing = hearth_arena_array_of(arena, int64_t, count);
	struct hearth_rows rows;
	size_t missing_count;
	int rc;

	missing_count = rooms_lru_get_numbers(r->state_cache, arena, numbers, count, ret_groups, missing);
	r->metrics->add(r->metric.cache, missing_count ? "state_miss" : "state_hit", 1);
	if (!missing_count)
		return 0;
	rc = r->db->read(task, &SELECT_CHAINS, &(struct numbers_params){ { missing, missing_count } }, &rows, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < rows.count; i++) {
		rc = cache_row(r, arena, (const struct chain_row *)rows.items + i, err);
		if (rc < 0)
			return rc;
	}
	if (rooms_lru_get_numbers(r->state_cache, arena, numbers, count, ret_groups, missing))
		return hearth_fail(err, -EIO, "state group %lld is missing", (long long)missing[0]);
	return 0;
}

int64_t rooms_group_find(const struct rooms_group *group, uint64_t key)
{
	for (; group; group = group->base) {
		const struct rooms_entry *entry = rooms_entries_find(group->entries, group->count, key);

		if (entry)
			return entry->event;
	}
	return 0;
}

/* The entries of the chain above a base; those that are gone stay unless the base is NULL. */
static const struct rooms_entry *entries_above(struct hearth_arena *arena, const struct rooms_group *group,
					       const struct rooms_group *base, size_t *ret_count)
{
	const struct rooms_entry *entries = NULL;
	size_t count = 0;

	for (; group != base; group = group->base) {
		struct rooms_entry *merged = hearth_arena_array_of(arena, struct rooms_entry, count + group->count);

		count = rooms_entries_merge(entries, count, group->entries, group->count, !group->base, merged);
		entries = merged;
	}
	*ret_count = count;
	return entries;
}

const struct rooms_entry *rooms_group_entries(struct hearth_arena *arena, const struct rooms_group *group,
					      size_t *ret_count)
{
	return entries_above(arena, group, NULL, ret_count);
}

static const struct rooms_group *common_base(const struct rooms_group *a, const struct rooms_group *b)
{
	while (a && b && a != b) {
		if (a->height >= b->height)
			a = a->base;
		else
			b = b->base;
	}
	return a == b ? a : NULL;
}

const struct rooms_difference *rooms_group_diff(struct hearth_arena *arena, const struct rooms_group *was,
						const struct rooms_group *now, size_t *ret_count)
{
	const struct rooms_group *base = common_base(was, now);
	size_t old_count, new_count, both, count = 0;
	const struct rooms_entry *old_entries = entries_above(arena, was, base, &old_count);
	const struct rooms_entry *new_entries = entries_above(arena, now, base, &new_count);
	struct rooms_entry *keys = hearth_arena_array_of(arena, struct rooms_entry, old_count + new_count);
	struct rooms_difference *differences;

	both = rooms_entries_merge(new_entries, new_count, old_entries, old_count, 0, keys);
	differences = hearth_arena_array_of(arena, struct rooms_difference, both);
	for (size_t i = 0; i < both; i++) {
		int64_t before = rooms_group_find(was, keys[i].key), after = rooms_group_find(now, keys[i].key);

		if (before != after)
			differences[count++] = (struct rooms_difference){ keys[i].key, before, after };
	}
	*ret_count = count;
	return differences;
}

/*
 * Where a group has an heir already, what else follows it is written as a change of the heir: forks of a large room do not
 * each take the whole state over. NULL: there is none in memory. changes become what they are from there.
 */
static struct rooms_group *take_heir(struct rooms *r, struct hearth_arena *arena, const struct rooms_group *previous,
				     const struct rooms_entry **changes, size_t *count)
{
	struct rooms_group *heir = NULL;
	const struct rooms_difference *differences;
	struct rooms_entry *undone, *merged;
	size_t difference_count;

	if (previous && previous->heir)
		heir = rooms_lru_get(r->state_cache, arena, &previous->heir, sizeof(previous->heir));
	if (!heir)
		return NULL;
	differences = rooms_group_diff(arena, heir, previous, &difference_count);
	undone = hearth_arena_array_of(arena, struct rooms_entry, difference_count);
	merged = hearth_arena_array_of(arena, struct rooms_entry, difference_count + *count);
	for (size_t i = 0; i < difference_count; i++)
		undone[i] = (struct rooms_entry){ differences[i].key, differences[i].now };
	*count = rooms_entries_merge(*changes, *count, undone, difference_count, 0, merged);
	*changes = merged;
	return heir;
}

struct rooms_group *rooms_group_next(struct rooms *r, struct hearth_arena *arena, int64_t number, int64_t room,
				     struct rooms_group *previous, const struct rooms_entry *changes, size_t count)
{
	const struct rooms_entry *entries = changes;
	struct rooms_group *heir = take_heir(r, arena, previous, &entries, &count);
	struct rooms_group *base = heir ? heir : previous, *group;
	int64_t height = (base ? base->height : 0) + 1;
	size_t own = count;

	while (base && base->height > rooms_base_height(height)) {
		struct rooms_entry *merged = hearth_arena_array_of(arena, struct rooms_entry, count + base->count);

		count = rooms_entries_merge(entries, count, base->entries, base->count, !base->base, merged);
		entries = merged;
		base = base->base;
	}
	group = group_new(number, room, height, base, count);
	if (count)
		memcpy(group->entries, entries, count * sizeof(*entries));
	if (previous && !heir && count > own + TAKEN_OVER)
		previous->heir = number;
	return rooms_lru_put(r->state_cache, arena, &group->node);
}

static void group_free(struct rooms_lru_node *node)
{
	struct rooms_group *group = (struct rooms_group *)node;
	struct rooms_group *base = group->base;

	free(group);
	if (base)
		rooms_lru_unref(&base->node);
}

static void room_free(struct rooms_lru_node *node)
{
	struct rooms_room *room = (struct rooms_room *)node;

	rooms_room_set_group(room, NULL);
	free(room->extremities);
	free(room);
}

static void event_free(struct rooms_lru_node *node)
{
	struct rooms_event *event = (struct rooms_event *)node;

	hearth_arena_free(event->arena);
	free(event);
}

void rooms_caches_new(struct rooms *r)
{
	r->state_cache = rooms_lru_new((size_t)64 << 20, group_free);
	r->room_cache = rooms_lru_new((size_t)32 << 20, room_free);
	r->event_cache = rooms_lru_new((size_t)64 << 20, event_free);
}

void rooms_caches_free(struct rooms *r)
{
	rooms_lru_free(r->room_cache);
	rooms_lru_free(r->event_cache);
	rooms_lru_free(r->state_cache);
}
