/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map from a pair of strings to a number. Keyed with random bytes, since what it holds is chosen by others. */
#ifndef HEARTH_MAP_H
#define HEARTH_MAP_H

#include <hearth/arena.h>

#define HEARTH_MAP_NONE UINT32_MAX

struct hearth_map_slot {
	const char *first, *second;
	uint32_t hash;
	uint32_t value; /* HEARTH_MAP_NONE: the slot is free */
};

struct hearth_map {
	struct hearth_arena *arena;
	struct hearth_map_slot *slots;
	uint32_t count, capacity; /* capacity: a power of two */
	uint64_t key[2];
};

/* An empty map whose memory is the arena's. */
void hearth_map_init(struct hearth_map *map, struct hearth_arena *arena);

/* The value, or HEARTH_MAP_NONE. */
uint32_t hearth_map_get(const struct hearth_map *map, const char *first, const char *second);

/*
 * The value that is there; where there is none, value is put in and returned. The strings are borrowed as long as
 * the map is used.
 */
uint32_t hearth_map_add(struct hearth_map *map, const char *first, const char *second, uint32_t value);

#endif
