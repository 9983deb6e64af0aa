/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/packed.h - state as sorted lists of (hash of type and state key, event number). Pure.
 */
#ifndef ROOMS_PACKED_H
#define ROOMS_PACKED_H

#include <hearth/arena.h>

#define ROOMS_ENTRY_BYTES 16u

struct rooms_entry {
	uint64_t key;
	int64_t  event; /* 0: the entry is gone */
};

/* SipHash-2-4 of type, NUL, state key. */
uint64_t rooms_state_hash(const uint64_t hash_key[2], const char *type, const char *state_key);

/* The entry with that key, or NULL. entries: in ascending order of key. */
const struct rooms_entry *rooms_entries_find(const struct rooms_entry *entries, size_t count, uint64_t key);

/* newer over older, into ret_entries (room for both counts). without_gone: entries that are gone are left out. */
size_t rooms_entries_merge(const struct rooms_entry *newer, size_t newer_count, const struct rooms_entry *older,
			   size_t older_count, int without_gone, struct rooms_entry *ret_entries);

/* What turns old into now, into ret_changes (room for both counts); event 0 where an entry of old is gone. */
size_t rooms_entries_changes(const struct rooms_entry *old, size_t old_count, const struct rooms_entry *now,
			     size_t now_count, struct rooms_entry *ret_changes);

/* Sorts by key; of equal keys the later one stays. Returns the count. */
size_t rooms_entries_sort(struct rooms_entry *entries, size_t count);

/* To bytes, and back: -EBADMSG where the bytes are not what pack makes. */
void rooms_entries_pack(const struct rooms_entry *entries, size_t count, uint8_t *ret_bytes);
int rooms_entries_unpack(const uint8_t *bytes, size_t size_bytes, struct rooms_entry *ret_entries);

/* The height of the group that a group of that height is based on: chains are as long as height has one-bits. */
static inline int64_t rooms_base_height(int64_t height)
{
	return height & (height - 1);
}

#endif
