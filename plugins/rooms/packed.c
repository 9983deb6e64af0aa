/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted state entries: lookup, merge, bytes. */
#include "packed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sip {
	uint64_t v[4];
	uint64_t tail;
	size_t length;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32) + v[3];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
	v[3] = rotate(v[3], 21) ^ v[0];
}

static void sip_block(struct sip *s, uint64_t block)
{
	s->v[3] ^= block;
	sip_round(s->v);
	sip_round(s->v);
	s->v[0] ^= block;
}

static void sip_add(struct sip *s, const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		s->tail |= (uint64_t)(uint8_t)text[i] << s->length % 8 * 8;
		if (++s->length % 8 == 0) {
			sip_block(s, s->tail);
			s->tail = 0;
		}
	}
}

uint64_t rooms_state_hash(const uint64_t hash_key[2], const char *type, const char *state_key)
{
	struct sip s = { .v = { hash_key[0] ^ UINT64_C(0x736f6d6570736575), hash_key[1] ^ UINT64_C(0x646f72616e646f6d),
				hash_key[0] ^ UINT64_C(0x6c7967656e657261), hash_key[1] ^ UINT64_C(0x7465646279746573) } };

	sip_add(&s, type, strlen(type) + 1);
	sip_add(&s, state_key, strlen(state_key));
	sip_block(&s, s.tail | (uint64_t)s.length << 56);
	s.v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(s.v);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

const struct rooms_entry *rooms_entries_find(const struct rooms_entry *entries, size_t count, uint64_t key)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (entries[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && entries[low].key == key ? &entries[low] : NULL;
}

size_t rooms_entries_merge(const struct rooms_entry *newer, size_t newer_count, const struct rooms_entry *older,
			   size_t older_count, int without_gone, struct rooms_entry *ret_entries)
{
	size_t n = 0, o = 0, count = 0;

	while (n < newer_count || o < older_count) {
		const struct rooms_entry *next;

		if (o == older_count || (n < newer_count && newer[n].key <= older[o].key)) {
			if (o < older_count && newer[n].key == older[o].key)
				o++;
			next = &newer[n++];
		} else {
			next = &older[o++];
		}
		if (next->event || !without_gone)
			ret_entries[count++] = *next;
	}
	return count;
}

size_t rooms_entries_changes(const struct rooms_entry *old, size_t old_count, const struct rooms_entry *now,
			     size_t now_count, struct rooms_entry *ret_changes)
{
	size_t o = 0, n = 0, count = 0;

	while (o < old_count || n < now_count) {
		if (n == now_count || (o < old_count && old[o].key < now[n].key)) {
			ret_changes[count++] = (struct rooms_entry){ old[o++].key, 0 };
		} else if (o == old_count || now[n].key < old[o].key) {
			ret_changes[count++] = now[n++];
		} else {
			if (old[o].event != now[n].event)
				ret_changes[count++] = now[n];
			o++;
			n++;
		}
	}
	return count;
}

struct ranked {
	struct rooms_entry entry;
	size_t rank;
};

static int by_key(const void *left, const void *right)
{
	const struct ranked *a = left, *b = right;

	if (a->entry.key != b->entry.key)
		return a->entry.key < b->entry.key ? -1 : 1;
	return a->rank < b->rank ? -1 : 1;
}

size_t rooms_entries_sort(struct rooms_entry *entries, size_t count)
{
	struct ranked *ranked;
	size_t kept = 0;

	if (count < 2)
		return count;
	ranked = calloc(count, sizeof(*ranked));
	hearth_assert(ranked);
	for (size_t i = 0; i < count; i++)
		ranked[i] = (struct ranked){ entries[i], i };
	qsort(ranked, count, sizeof(*ranked), by_key);
	for (size_t i = 0; i < count; i++) {
		if (i + 1 < count && ranked[i + 1].entry.key == ranked[i].entry.key)
			continue;
		entries[kept++] = ranked[i].entry;
	}
	free(ranked);
	return kept;
}

static void put64(uint8_t *bytes, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get64(const uint8_t *bytes)
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | bytes[i];
	return value;
}

void rooms_entries_pack(const struct rooms_entry *entries, size_t count, uint8_t *ret_bytes)
{
	for (size_t i = 0; i < count; i++) {
		put64(ret_bytes + i * ROOMS_ENTRY_BYTES, entries[i].key);
		put64(ret_bytes + i * ROOMS_ENTRY_BYTES + 8, (uint64_t)entries[i].event);
	}
}

int rooms_entries_unpack(const uint8_t *bytes, size_t size_bytes, struct rooms_entry *ret_entries)
{
	if (size_bytes % ROOMS_ENTRY_BYTES)
		return -EBADMSG;
	for (size_t i = 0; i < size_bytes / ROOMS_ENTRY_BYTES; i++) {
		ret_entries[i].key = get64(bytes + i * ROOMS_ENTRY_BYTES);
		ret_entries[i].event = (int64_t)get64(bytes + i * ROOMS_ENTRY_BYTES + 8);
		if (ret_entries[i].event < 0 || (i && ret_entries[i].key <= ret_entries[i - 1].key))
			return -EBADMSG;
	}
	return 0;
}
