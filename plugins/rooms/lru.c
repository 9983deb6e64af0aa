/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of rooms, state groups and parsed events: a chained hash table and a list by last use. */
#include "lru.h"

#include <stdlib.h>
#include <string.h>

struct rooms_lru {
	struct rooms_lru_node **buckets;
	size_t bucket_count, count, bytes, max_bytes;
	uint64_t generation;
	struct rooms_lru_node *newest, *oldest;
	void (*free_value)(struct rooms_lru_node *node);
};

struct rooms_lru *rooms_lru_new(size_t max_bytes, void (*free_value)(struct rooms_lru_node *node))
{
	struct rooms_lru *lru = calloc(1, sizeof(*lru));

	hearth_assert(lru);
	lru->bucket_count = 256;
	lru->buckets = calloc(lru->bucket_count, sizeof(*lru->buckets));
	hearth_assert(lru->buckets);
	lru->max_bytes = max_bytes;
	lru->free_value = free_value;
	return lru;
}

static uint64_t hash_of(const void *key, size_t key_bytes)
{
	const unsigned char *bytes = key;
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < key_bytes; i++)
		hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 29;
}

static struct rooms_lru_node **find(struct rooms_lru *lru, uint64_t hash, const void *key, size_t key_bytes)
{
	struct rooms_lru_node **at = &lru->buckets[hash & (lru->bucket_count - 1)];

	while (*at && ((*at)->hash != hash || (*at)->key_bytes != key_bytes || memcmp((*at)->key, key, key_bytes)))
		at = &(*at)->chain;
	return at;
}

static void list_remove(struct rooms_lru *lru, struct rooms_lru_node *node)
{
	*(node->newer ? &node->newer->older : &lru->newest) = node->older;
	*(node->older ? &node->older->newer : &lru->oldest) = node->newer;
}

static void list_add(struct rooms_lru *lru, struct rooms_lru_node *node)
{
	node->newer = NULL;
	node->older = lru->newest;
	*(lru->newest ? &lru->newest->newer : &lru->oldest) = node;
	lru->newest = node;
}

static void remove_at(struct rooms_lru *lru, struct rooms_lru_node **at)
{
	struct rooms_lru_node *node = *at;

	*at = node->chain;
	list_remove(lru, node);
	lru->count--;
	lru->bytes -= node->bytes;
	lru->generation++;
	node->cached = false;
	if (node->refs == 0)
		lru->free_value(node);
}

static void evict(struct rooms_lru *lru)
{
	struct rooms_lru_node *node = lru->oldest;

	while (node && lru->bytes > lru->max_bytes) {
		struct rooms_lru_node *newer = node->newer;

		if (node->refs == 0) {
			remove_at(lru, find(lru, node->hash, node->key, node->key_bytes));
			newer = lru->oldest;
		}
		node = newer;
	}
}

static void grow(struct rooms_lru *lru)
{
	size_t bucket_count = lru->bucket_count * 2;
	struct rooms_lru_node **buckets = calloc(bucket_count, sizeof(*buckets));

	hearth_assert(buckets);
	for (struct rooms_lru_node *node = lru->oldest; node; node = node->newer) {
		node->chain = buckets[node->hash & (bucket_count - 1)];
		buckets[node->hash & (bucket_count - 1)] = node;
	}
	free(lru->buckets);
	lru->buckets = buckets;
	lru->bucket_count = bucket_count;
}

void rooms_lru_ref(struct rooms_lru_node *node)
{
	node->refs++;
}

void rooms_lru_unref(struct rooms_lru_node *node)
{
	if (!node)
		return;
	hearth_assert(node->refs > 0);
	if (--node->refs == 0 && !node->cached)
		node->lru->free_value(node);
}

static void unref_deferred(void *argument)
{
	rooms_lru_unref(argument);
}

static void *hold(struct hearth_arena *arena, struct rooms_lru_node *node)
{
	if (arena) {
		rooms_lru_ref(node);
		hearth_arena_defer(arena, unref_deferred, node);
	}
	return node;
}

void *rooms_lru_get(struct rooms_lru *lru, struct hearth_arena *arena, const void *key, size_t key_bytes)
{
	struct rooms_lru_node *node = *find(lru, hash_of(key, key_bytes), key, key_bytes);

	if (!node)
		return NULL;
	list_remove(lru, node);
	list_add(lru, node);
	return hold(arena, node);
}

size_t rooms_lru_get_numbers(struct rooms_lru *lru, struct hearth_arena *arena, const int64_t *numbers, size_t count,
			     void *ret_values, int64_t *ret_missing)
{
	size_t missing = 0;

	for (size_t i = 0; i < count; i++) {
		void *value = numbers[i] ? rooms_lru_get(lru, arena, &numbers[i], sizeof(numbers[i])) : NULL;

		memcpy((char *)ret_values + i * sizeof(value), &value, sizeof(value));
		if (numbers[i] && !value)
			ret_missing[missing++] = numbers[i];
	}
	return missing;
}

void *rooms_lru_put(struct rooms_lru *lru, struct hearth_arena *arena, struct rooms_lru_node *node)
{
	struct rooms_lru_node **at;

	node->lru = lru;
	node->hash = hash_of(node->key, node->key_bytes);
	at = find(lru, node->hash, node->key, node->key_bytes);
	if (*at) {
		struct rooms_lru_node *present = *at;

		if (present != node)
			lru->free_value(node);
		return hold(arena, present);
	}
	node->chain = NULL;
	*at = node;
	node->cached = true;
	list_add(lru, node);
	lru->bytes += node->bytes;
	if (++lru->count > lru->bucket_count)
		grow(lru);
	node->refs++;
	evict(lru);
	node->refs--;
	return hold(arena, node);
}

void rooms_lru_drop(struct rooms_lru *lru, const void *key, size_t key_bytes)
{
	struct rooms_lru_node **at = find(lru, hash_of(key, key_bytes), key, key_bytes);

	if (*at)
		remove_at(lru, at);
}

uint64_t rooms_lru_generation(const struct rooms_lru *lru)
{
	return lru->generation;
}

void rooms_lru_free(struct rooms_lru *lru)
{
	if (!lru)
		return;
	while (lru->oldest)
		remove_at(lru, find(lru, lru->oldest->hash, lru->oldest->key, lru->oldest->key_bytes));
	free(lru->buckets);
	free(lru);
}
