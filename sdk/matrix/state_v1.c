/* SPDX-License-Identifier: Apache-2.0 */
/* State resolution version 1: power levels, then join rules, then members, then the rest. */
#include "state_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/sha.h>

enum pass { PASS_POWER_LEVELS, PASS_JOIN_RULES, PASS_MEMBERS, PASS_REST };

struct candidate {
	uint32_t node, key;
	uint32_t pass; /* enum pass */
	int64_t depth;
	uint8_t digest[SHA_DIGEST_LENGTH]; /* of the event id */
};

struct candidates {
	struct candidate *items;
	size_t count;
};

static uint32_t pass_of(const struct key *key)
{
	if (strcmp(key->type, "m.room.power_levels") == 0 && key->state_key[0] == '\0')
		return PASS_POWER_LEVELS;
	if (strcmp(key->type, "m.room.join_rules") == 0)
		return PASS_JOIN_RULES;
	return strcmp(key->type, "m.room.member") == 0 ? PASS_MEMBERS : PASS_REST;
}

/* By pass and key; of one key ascending depth, then descending digest. */
static int compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->pass != y->pass)
		return x->pass < y->pass ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (x->depth != y->depth)
		return x->depth < y->depth ? -1 : 1;
	return -memcmp(x->digest, y->digest, sizeof(x->digest));
}

static struct candidates list_candidates(struct resolution *r)
{
	struct candidates candidates = { .count = 0 };

	candidates.items = hearth_arena_array_of(r->arena, struct candidate, r->conflicted.count);
	for (size_t i = 0; i < r->conflicted.count; i++) {
		const struct node *node = &r->nodes[r->conflicted.items[i]];
		struct candidate *candidate = &candidates.items[candidates.count];

		if (!node->event || node->event->rejected)
			continue;
		candidate->node = r->conflicted.items[i];
		candidate->key = node->key;
		candidate->pass = pass_of(&r->keys[node->key]);
		candidate->depth = node->event->depth;
		SHA1((const unsigned char *)node->id, strlen(node->id), candidate->digest);
		candidates.count++;
	}
	if (candidates.count > 0)
		qsort(candidates.items, candidates.count, sizeof(*candidates.items), compare);
	return candidates;
}

/* Of state that auth rules look at: upwards for as long as each is allowed after the one before it. */
static uint32_t pick_by_auth(struct resolution *r, const struct candidate *items, size_t count)
{
	struct key *key = &r->keys[items[0].key];
	uint32_t winner = items[0].node;

	for (size_t i = 1; i < count; i++) {
		key->resolved = winner;
		if (!hearth_state_allows(r, items[i].node, /* with_citations= */ 0))
			break;
		winner = items[i].node;
	}
	key->resolved = STATE_NONE;
	return winner;
}

/* Of other state: the deepest that is allowed; where none is, the shallowest. */
static uint32_t pick_deepest(struct resolution *r, const struct candidate *items, size_t count)
{
	for (size_t i = count; i > 0; i--)
		if (hearth_state_allows(r, items[i - 1].node, /* with_citations= */ 0))
			return items[i - 1].node;
	return items[0].node;
}

static size_t count_of_key(const struct candidates *candidates, size_t first)
{
	size_t end = first;

	while (end < candidates->count && candidates->items[end].key == candidates->items[first].key)
		end++;
	return end - first;
}

/*
 * What one pass decides is seen by the passes after it, not by its other keys; a key of which one event alone is known
 * stays out of sight to the end. winners: one a key. Returns where the next pass starts.
 */
static size_t resolve_pass(struct resolution *r, const struct candidates *candidates, size_t first, uint32_t *winners)
{
	uint32_t pass = candidates->items[first].pass;
	size_t   end, count;

	for (end = first; end < candidates->count && candidates->items[end].pass == pass; end += count) {
		const struct candidate *items = &candidates->items[end];

		count = count_of_key(candidates, end);
		winners[items->key] = pass == PASS_REST ? pick_deepest(r, items, count) : pick_by_auth(r, items, count);
	}
	for (size_t i = first; i < end; i += count) {
		count = count_of_key(candidates, i);
		if (count > 1)
			r->keys[candidates->items[i].key].resolved = winners[candidates->items[i].key];
	}
	return end;
}

HEARTH_SUSPENDS int hearth_state_resolve_v1(struct resolution *r)
{
	struct candidates candidates;
	struct list known = { .count = 0 };
	uint32_t *winners;
	int error;

	hearth_state_split(r, /* absence_conflicts= */ 0);
	for (uint32_t i = 0; i < r->key_count; i++)
		r->keys[i].resolved = r->keys[i].unconflicted;
	error = hearth_state_load(r, &r->conflicted);
	if (error < 0)
		return error;
	candidates = list_candidates(r);
	for (size_t i = 0; i < candidates.count; i++)
		hearth_state_push(r, &known, candidates.items[i].node);
	error = hearth_state_load_for_auth(r, &known);
	if (error < 0)
		return error;
	winners = hearth_arena_array_of(r->arena, uint32_t, r->key_count);
	for (size_t i = 0; i < candidates.count;)
		i = resolve_pass(r, &candidates, i, winners);
	for (size_t i = 0; i < candidates.count; i++)
		r->keys[candidates.items[i].key].resolved = winners[candidates.items[i].key];
	return 0;
}
