/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers come from a sequence, so that nobody outside chooses them: a fixed hash does. */
#include "number_map.h"

static size_t slot_of(const struct rooms_number_map *map, int64_t key)
{
	uint64_t hash = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (hash ^ hash >> 32) & map->mask;

	while (map->slots[at].key && map->slots[at].key != key)
		at = (at + 1) & map->mask;
	return at;
}

void rooms_number_map_init(struct rooms_number_map *map, struct hearth_arena *arena, size_t expected)
{
	size_t mask = 7;

	while (mask < expected * 2)
		mask = mask * 2 + 1;
	*map = (struct rooms_number_map){ .arena = arena, .mask = mask };
	map->slots = hearth_arena_array_of(arena, struct rooms_number_slot, mask + 1);
}

static void grow(struct rooms_number_map *map)
{
	struct rooms_number_map bigger;

	rooms_number_map_init(&bigger, map->arena, map->mask + 1);
	bigger.count = map->count;
	for (size_t i = 0; i <= map->mask; i++)
		if (map->slots[i].key)
			bigger.slots[slot_of(&bigger, map->slots[i].key)] = map->slots[i];
	*map = bigger;
}

int64_t *rooms_number_map_at(struct rooms_number_map *map, int64_t key)
{
	size_t at = slot_of(map, key);

	hearth_assert(key);
	if (map->slots[at].key)
		return &map->slots[at].value;
	if ((map->count + 1) * 2 > map->mask) {
		grow(map);
		at = slot_of(map, key);
	}
	map->count++;
	map->slots[at].key = key;
	return &map->slots[at].value;
}

int64_t rooms_number_map_get(const struct rooms_number_map *map, int64_t key)
{
	return map->slots[slot_of(map, key)].value;
}
