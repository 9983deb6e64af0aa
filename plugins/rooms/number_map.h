/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/number_map.h - a hash map from a number of the store (never 0) to a number, in an arena. Pure.
 */
#ifndef ROOMS_NUMBER_MAP_H
#define ROOMS_NUMBER_MAP_H

#include <hearth/arena.h>

struct rooms_number_slot {
	int64_t key; /* 0: free */
	int64_t value;
};

struct rooms_number_map {
	struct hearth_arena      *arena;
	struct rooms_number_slot *slots;
	size_t                    count, mask;
};

/* An empty map with room for the expected number of keys; it grows where there are more. */
void rooms_number_map_init(struct rooms_number_map *map, struct hearth_arena *arena, size_t expected);
/* The value's place, added with 0 where the key is not there. Valid until the next call. */
int64_t *rooms_number_map_at(struct rooms_number_map *map, int64_t key);
/* 0 where the key is not there. */
int64_t rooms_number_map_get(const struct rooms_number_map *map, int64_t key);

#endif
