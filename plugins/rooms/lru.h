/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/lru.h - a cache bounded by bytes, of values that count their users. What is held is never evicted.
 */
#ifndef ROOMS_LRU_H
#define ROOMS_LRU_H

#include <stdbool.h>

#include <hearth/arena.h>

struct rooms_lru;

/* The first member of every value. key and bytes are set by who makes it; the rest is the cache's. */
struct rooms_lru_node {
	const void *key; /* inside the value */
	size_t key_bytes;
	size_t bytes; /* what the value takes */
	struct rooms_lru *lru;
	struct rooms_lru_node *chain, *newer, *older;
	uint64_t hash;
	uint32_t refs;
	bool cached;
};

struct rooms_lru *rooms_lru_new(size_t max_bytes, void (*free_value)(struct rooms_lru_node *node));
/* Nobody holds a value any more. NULL is allowed. */
void rooms_lru_free(struct rooms_lru *lru);

/* The value, held until the arena ends (NULL: not held, valid until the next put); NULL where there is none. */
void *rooms_lru_get(struct rooms_lru *lru, struct hearth_arena *arena, const void *key, size_t key_bytes);
/*
 * The same for many numbers (0 asks for nothing), with NULL in ret_values (an array of pointers of the values' type) where
 * there is none. Returns how many those are, and which in ret_missing.
 */
size_t rooms_lru_get_numbers(struct rooms_lru *lru, struct hearth_arena *arena, const int64_t *numbers, size_t count,
			     void *ret_values, int64_t *ret_missing);
/* Takes the value over, unless one of that key is there already. Returns what is cached then, held as by get. */
void *rooms_lru_put(struct rooms_lru *lru, struct hearth_arena *arena, struct rooms_lru_node *node);
/* Forgets the value; it is freed once nobody holds it. */
void rooms_lru_drop(struct rooms_lru *lru, const void *key, size_t key_bytes);
/* Changes whenever a value leaves the cache. */
uint64_t rooms_lru_generation(const struct rooms_lru *lru);

void rooms_lru_ref(struct rooms_lru_node *node);
void rooms_lru_unref(struct rooms_lru_node *node); /* NULL is allowed */

#endif
