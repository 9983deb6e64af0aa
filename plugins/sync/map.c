/* SPDX-License-Identifier: Apache-2.0
 *
 * An open-addressing hash map from a pair of strings to a pointer, that lives in an arena.
 */
#include "sync.h"

#include <string.h>

static uint64_t hash_of(const char *type, const char *key)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *type; type++)
		hash = (hash ^ (unsigned char)*type) * UINT64_C(1099511628211);
	hash = (hash ^ 0xff) * UINT64_C(1099511628211);
	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * UINT64_C(1099511628211);
	return hash ^ (hash >> 32);
}

void sync_map_init(struct sync_map *map, struct hearth_arena *arena, size_t expected)
{
	size_t capacity = 16;

	while (capacity < expected * 2)
		capacity *= 2;
	map->arena = arena;
	map->count = 0;
	map->capacity = capacity;
	map->entries = hearth_arena_calloc(arena, capacity, sizeof(*map->entries));
}

static struct sync_map_entry *slot_of(const struct sync_map *map, const char *type, const char *key)
{
	size_t at = hash_of(type, key) & (map->capacity - 1);

	while (map->entries[at].type && (strcmp(map->entries[at].type, type) || strcmp(map->entries[at].key, key)))
		at = (at + 1) & (map->capacity - 1);
	return &map->entries[at];
}

static void grow(struct sync_map *map)
{
	struct sync_map old = *map;

	sync_map_init(map, old.arena, old.capacity);
	map->count = old.count;
	for (size_t i = 0; i < old.capacity; i++)
		if (old.entries[i].type)
			*slot_of(map, old.entries[i].type, old.entries[i].key) = old.entries[i];
}

struct sync_map_entry *sync_map_at(struct sync_map *map, const char *type, const char *key)
{
	struct sync_map_entry *entry;

	if (map->count * 2 >= map->capacity)
		grow(map);
	entry = slot_of(map, type, key);
	if (!entry->type) {
		entry->type = type;
		entry->key = key;
		map->count++;
	}
	return entry;
}

void *sync_map_get(const struct sync_map *map, const char *type, const char *key)
{
	return map->capacity ? slot_of(map, type, key)->value : NULL;
}
