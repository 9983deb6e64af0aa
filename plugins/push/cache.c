/* SPDX-License-Identifier: Apache-2.0
 *
 * What evaluation needs at hand: compiled rules by user, and who is in a room. Bounded: the oldest entry of a bucket
 * makes way. Entries are copies in arenas of their own, so that dropping one frees all of it.
 */
#include "push.h"

#include <hearth/matrix/id.h>

#include <stdlib.h>
#include <string.h>

#define BUCKETS 2048
#define ENTRIES_PER_BUCKET 8

struct entry {
	struct entry        *next;
	struct hearth_arena *arena;
	const char          *key;
	void                *value;
};

struct table {
	struct entry *buckets[BUCKETS];
};

struct push_cache {
	struct table users, rooms;
	uint64_t     changes;
};

struct push_cache *push_cache_new(void)
{
	struct push_cache *cache = calloc(1, sizeof(*cache));

	hearth_assert(cache);
	return cache;
}

static struct entry **bucket_of(struct table *table, const char *key)
{
	uint32_t hash = 2166136261u;

	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return &table->buckets[hash % BUCKETS];
}

static void drop(struct entry **place)
{
	struct entry *entry = *place;

	*place = entry->next;
	hearth_arena_free(entry->arena);
}

static void forget(struct table *table, const char *key)
{
	for (struct entry **place = bucket_of(table, key); *place; place = &(*place)->next)
		if (!strcmp((*place)->key, key)) {
			drop(place);
			return;
		}
}

static void *get(struct table *table, const char *key)
{
	for (struct entry *entry = *bucket_of(table, key); entry; entry = entry->next)
		if (!strcmp(entry->key, key))
			return entry->value;
	return NULL;
}

/* Newest first; what stands beyond the bound goes. */
static void put(struct table *table, struct hearth_arena *arena, const char *key, void *value)
{
	struct entry **place = bucket_of(table, key);
	struct entry *entry = hearth_arena_new_of(arena, struct entry);

	forget(table, key);
	*entry = (struct entry){ *place, arena, hearth_arena_strdup(arena, key), value };
	*place = entry;
	for (size_t i = 0; *place; i++) {
		if (i == ENTRIES_PER_BUCKET) {
			drop(place);
			break;
		}
		place = &(*place)->next;
	}
}

static void clear(struct table *table)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (table->buckets[i])
			drop(&table->buckets[i]);
}

void push_cache_free(struct push_cache *cache)
{
	if (!cache)
		return;
	clear(&cache->users);
	clear(&cache->rooms);
	free(cache);
}

const struct hearth_push_rules *push_cache_rules(struct push_cache *cache, const char *user_id)
{
	return get(&cache->users, user_id);
}

int push_cache_put_rules(struct push_cache *cache, const char *user_id, const struct hearth_json *ruleset,
			 struct hearth_error *err)
{
	struct hearth_arena *arena = hearth_arena_new();
	const struct hearth_push_rules *rules;
	const struct hearth_json *copy;
	size_t length;
	char *text;
	int r;

	/* Compiled rules point into the ruleset: it has to live as long as they do. */
	r = hearth_json_canonical(arena, ruleset, HEARTH_JSON_BIG_INTS, &text, &length, err);
	if (r >= 0)
		r = hearth_json_parse(arena, text, length, HEARTH_JSON_BIG_INTS, &copy, err);
	if (r >= 0)
		r = hearth_push_compile(arena, copy, &rules, err);
	if (r < 0)
		hearth_arena_free(arena);
	else
		put(&cache->users, arena, user_id, (void *)rules);
	return r;
}

const struct push_room *push_cache_room(struct push_cache *cache, const char *room_id)
{
	return get(&cache->rooms, room_id);
}

void push_cache_put_room(struct push_cache *cache, const char *room_id, const struct push_member *members, size_t count,
			 const char *server_name)
{
	struct hearth_arena *arena = hearth_arena_new();
	struct push_room *room = hearth_arena_new_of(arena, struct push_room);
	struct push_member *local = hearth_arena_array_of(arena, struct push_member, count);

	for (size_t i = 0; i < count; i++)
		if (hearth_id_is_local(members[i].user_id, server_name))
			local[room->local_count++] = (struct push_member){
				hearth_arena_strdup(arena, members[i].user_id),
				hearth_arena_strdup(arena, members[i].display_name),
			};
	room->members = local;
	room->joined_count = count;
	put(&cache->rooms, arena, room_id, room);
}

uint64_t push_cache_changes(const struct push_cache *cache)
{
	return cache->changes;
}

void push_cache_forget_user(struct push_cache *cache, const char *user_id)
{
	cache->changes++;
	forget(&cache->users, user_id);
}

void push_cache_forget_room(struct push_cache *cache, const char *room_id)
{
	forget(&cache->rooms, room_id);
}
