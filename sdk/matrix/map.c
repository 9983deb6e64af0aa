/* SPDX-License-Identifier: Apache-2.0 */
#include <hearth/map.h>

#include <string.h>

#include <hearth/matrix/id.h>

#define LEAST_CAPACITY 16

/* --- SipHash-1-3 over both strings and a separator --- */
struct sip {
	uint64_t v0, v1, v2, v3;
	uint64_t block;
	uint64_t length;
};

static uint64_t rotate(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void sip_round(struct sip *sip)
{
	sip->v0 += sip->v1;
	sip->v2 += sip->v3;
	sip->v1 = rotate(sip->v1, 13) ^ sip->v0;
	sip->v3 = rotate(sip->v3, 16) ^ sip->v2;
	sip->v0 = rotate(sip->v0, 32);
	sip->v2 += sip->v1;
	sip->v0 += sip->v3;
	sip->v1 = rotate(sip->v1, 17) ^ sip->v2;
	sip->v3 = rotate(sip->v3, 21) ^ sip->v0;
	sip->v2 = rotate(sip->v2, 32);
}

static void sip_compress(struct sip *sip, uint64_t block)
{
	sip->v3 ^= block;
	sip_round(sip);
	sip->v0 ^= block;
}

static void sip_byte(struct sip *sip, unsigned char byte)
{
	sip->block |= (uint64_t)byte << (8 * (sip->length++ % 8));
	if (sip->length % 8 == 0) {
		sip_compress(sip, sip->block);
		sip->block = 0;
	}
}

static void sip_text(struct sip *sip, const char *text)
{
	for (; *text; text++)
		sip_byte(sip, (unsigned char)*text);
	sip_byte(sip, 0);
}

static uint32_t hash_of(const struct hearth_map *map, const char *first, const char *second)
{
	struct sip sip = {
		.v0 = map->key[0] ^ UINT64_C(0x736f6d6570736575),
		.v1 = map->key[1] ^ UINT64_C(0x646f72616e646f6d),
		.v2 = map->key[0] ^ UINT64_C(0x6c7967656e657261),
		.v3 = map->key[1] ^ UINT64_C(0x7465646279746573),
	};

	sip_text(&sip, first);
	sip_text(&sip, second);
	sip_compress(&sip, sip.block | sip.length << 56);
	sip.v2 ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&sip);
	return (uint32_t)(sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3);
}

void hearth_map_init(struct hearth_map *map, struct hearth_arena *arena, size_t expected)
{
	*map = (struct hearth_map){ .arena = arena, .capacity = LEAST_CAPACITY };
	hearth_assert(expected < UINT32_MAX / 4);
	while (map->capacity / 4 * 3 <= expected)
		map->capacity *= 2;
}

static void start(struct hearth_map *map)
{
	char random[2 * sizeof(map->key)];

	hearth_id_random(random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		map->key[i % 2] = map->key[i % 2] * 67 + (unsigned char)random[i];
	map->entries = hearth_arena_array_of(map->arena, struct hearth_map_entry, map->capacity);
}

/* The slot of the key, or the free one where it would go. */
static struct hearth_map_entry *slot_of(const struct hearth_map *map, const char *first, const char *second, uint32_t hash)
{
	for (uint32_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
		struct hearth_map_entry *entry = &map->entries[i];

		if (!entry->first)
			return entry;
		if (entry->hash == hash && strcmp(entry->first, first) == 0 && strcmp(entry->second, second) == 0)
			return entry;
	}
}

static void grow(struct hearth_map *map)
{
	struct hearth_map_entry *old = map->entries;
	uint32_t old_capacity = map->capacity;

	hearth_assert(old_capacity <= UINT32_MAX / 2);
	map->capacity = old_capacity * 2;
	map->entries = hearth_arena_array_of(map->arena, struct hearth_map_entry, map->capacity);
	for (uint32_t i = 0; i < old_capacity; i++)
		if (old[i].first)
			*slot_of(map, old[i].first, old[i].second, old[i].hash) = old[i];
}

struct hearth_map_entry *hearth_map_at(struct hearth_map *map, const char *first, const char *second)
{
	struct hearth_map_entry *entry;
	uint32_t hash;

	if (!map->entries)
		start(map);
	else if (map->count >= map->capacity / 4 * 3)
		grow(map);
	hash = hash_of(map, first, second);
	entry = slot_of(map, first, second, hash);
	if (!entry->first) {
		*entry = (struct hearth_map_entry){ .first = first, .second = second, .hash = hash };
		map->count++;
	}
	return entry;
}

struct hearth_map_entry *hearth_map_find(const struct hearth_map *map, const char *first, const char *second)
{
	struct hearth_map_entry *entry;

	if (!map->entries)
		return NULL;
	entry = slot_of(map, first, second, hash_of(map, first, second));
	return entry->first ? entry : NULL;
}

struct hearth_map_entry *hearth_map_next(const struct hearth_map *map, const struct hearth_map_entry *entry)
{
	size_t at = entry ? (size_t)(entry - map->entries) + 1 : 0;

	while (map->entries && at < map->capacity && !map->entries[at].first)
		at++;
	return map->entries && at < map->capacity ? &map->entries[at] : NULL;
}

void *hearth_map_get(const struct hearth_map *map, const char *first, const char *second)
{
	const struct hearth_map_entry *entry = hearth_map_find(map, first, second);

	return entry ? entry->value : NULL;
}
