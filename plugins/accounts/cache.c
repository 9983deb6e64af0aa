/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens that were used lately: a bounded table in order of use, so that most requests need no query to know who calls. */
#include "accounts.h"

#include <stdlib.h>
#include <string.h>

#define BUCKETS 4096

struct node {
	struct accounts_cached entry; /* first: an entry is its node */
	struct node           *next_in_bucket, *newer, *older;
	bool                   seen;
};

struct accounts_cache {
	struct node *buckets[BUCKETS];
	struct node *newest, *oldest;
	size_t       count, limit;
	uint64_t     generation;
};

static struct node **bucket_of(struct accounts_cache *cache, const uint8_t hash[32])
{
	return &cache->buckets[(hash[0] | (unsigned)hash[1] << 8) % BUCKETS];
}

static char *copy(const char *text)
{
	char *copied = text ? strdup(text) : NULL;

	hearth_assert(!text || copied);
	return copied;
}

struct accounts_cache *accounts_cache_new(size_t limit)
{
	struct accounts_cache *cache = calloc(1, sizeof(*cache));

	hearth_assert(cache);
	cache->limit = limit;
	return cache;
}

static void unlink_use(struct accounts_cache *cache, struct node *node)
{
	*(node->newer ? &node->newer->older : &cache->newest) = node->older;
	*(node->older ? &node->older->newer : &cache->oldest) = node->newer;
	node->newer = node->older = NULL;
}

static void link_newest(struct accounts_cache *cache, struct node *node)
{
	node->older = cache->newest;
	*(cache->newest ? &cache->newest->newer : &cache->oldest) = node;
	cache->newest = node;
}

static void drop(struct accounts_cache *cache, struct node *node)
{
	struct node **at = bucket_of(cache, node->entry.hash);

	while (*at != node)
		at = &(*at)->next_in_bucket;
	*at = node->next_in_bucket;
	unlink_use(cache, node);
	cache->count--;
	free(node->entry.user_id);
	free(node->entry.device_id);
	free(node->entry.ip);
	free(node->entry.user_agent);
	free(node);
}

void accounts_cache_free(struct accounts_cache *cache)
{
	if (!cache)
		return;
	accounts_cache_drop(cache, NULL);
	free(cache);
}

struct accounts_cached *accounts_cache_find(struct accounts_cache *cache, const uint8_t hash[32])
{
	struct node *node = *bucket_of(cache, hash);

	while (node && memcmp(node->entry.hash, hash, 32) != 0)
		node = node->next_in_bucket;
	if (!node)
		return NULL;
	unlink_use(cache, node);
	link_newest(cache, node);
	return &node->entry;
}

struct accounts_cached *accounts_cache_add(struct accounts_cache *cache, const struct accounts_cached *entry,
					   uint64_t generation)
{
	struct accounts_cached *there = accounts_cache_find(cache, entry->hash);
	struct node *node, **bucket;

	if (generation != cache->generation)
		return NULL;
	if (there)
		return there;
	node = calloc(1, sizeof(*node));
	hearth_assert(node);
	node->entry = *entry;
	node->entry.user_id = copy(entry->user_id);
	node->entry.device_id = copy(entry->device_id);
	node->entry.ip = node->entry.user_agent = NULL;
	bucket = bucket_of(cache, entry->hash);
	node->next_in_bucket = *bucket;
	*bucket = node;
	link_newest(cache, node);
	if (++cache->count > cache->limit)
		drop(cache, cache->oldest);
	return &node->entry;
}

uint64_t accounts_cache_generation(const struct accounts_cache *cache)
{
	return cache->generation;
}

void accounts_cache_drop(struct accounts_cache *cache, const char *user_id)
{
	struct node *older;

	cache->generation++;
	for (struct node *node = cache->newest; node; node = older) {
		older = node->older;
		if (!user_id || strcmp(node->entry.user_id, user_id) == 0)
			drop(cache, node);
	}
}

static void replace(char **text, const char *with)
{
	if (*text && strcmp(*text, with) == 0)
		return;
	free(*text);
	*text = strndup(with, 512);
	hearth_assert(*text);
}

void accounts_cache_saw(struct accounts_cached *entry, const char *ip, const char *user_agent, int64_t now_ms)
{
	replace(&entry->ip, ip);
	replace(&entry->user_agent, user_agent);
	entry->seen_ms = now_ms;
	((struct node *)entry)->seen = true;
}

void accounts_cache_take_seen(struct accounts_cache *cache, void (*fn)(void *argument, const struct accounts_cached *entry),
			      void *argument)
{
	for (struct node *node = cache->newest; node; node = node->older) {
		if (node->seen)
			fn(argument, &node->entry);
		node->seen = false;
	}
}
