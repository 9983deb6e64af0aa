/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/map.h - a hash map from a pair of strings (a type and a state key, a room and a user; or one string and "")
 * to a pointer or a number, that lives in an arena. Keys are chosen by strangers, so each map hashes with a random key
 * of its own (SipHash-1-3): nobody can aim at one slot.
 *
 * 1.0  first version
 */
#ifndef HEARTH_MAP_H
#define HEARTH_MAP_H

#include <hearth/arena.h>

HEARTH_BEGIN_DECLS

struct hearth_map_entry {
	const char *first, *second; /* first is NULL where the slot is free */
	union {
		void    *value;
		uint64_t number;
	};
	uint32_t hash;
};

/* Its fields are for the functions below. */
struct hearth_map {
	struct hearth_arena     *arena;
	struct hearth_map_entry *entries; /* NULL: nothing was put in yet */
	uint32_t                 count, capacity;
	uint64_t                 key[2];
};

/* An empty map with room for the expected number of entries (it grows where there are more). Takes memory at first use. */
HEARTH_EXPORT void hearth_map_init(struct hearth_map *map, struct hearth_arena *arena, size_t expected);

/*
 * The entry of a key, added with value NULL (number 0) where it is not there. The strings are borrowed for the life of
 * the map; the entry is valid until the next call.
 */
HEARTH_EXPORT __attribute__((returns_nonnull))
struct hearth_map_entry *hearth_map_at(struct hearth_map *map, const char *first, const char *second);

/* The entry of a key, NULL where it is not there. */
HEARTH_EXPORT struct hearth_map_entry *hearth_map_find(const struct hearth_map *map, const char *first, const char *second);

/* Walks: the entry after one (NULL: the first), NULL after the last. In no order; nothing may be added meanwhile. */
HEARTH_EXPORT struct hearth_map_entry *hearth_map_next(const struct hearth_map *map, const struct hearth_map_entry *entry);

/* The value of a key, NULL where it is not there. */
HEARTH_EXPORT void *hearth_map_get(const struct hearth_map *map, const char *first, const char *second);

HEARTH_END_DECLS
#endif
