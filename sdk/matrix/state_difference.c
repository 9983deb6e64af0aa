/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The full conflicted set: conflicted state, auth difference and, in version 2.1, the conflicted state subgraph.
 *
 * An event counts as part of its own auth chain here. The set is the same either way for the conflicted events, and
 * unconflicted state stays out of the difference, as in the implementations that rooms are shared with.
 */
#include "state_private.h"

static void flag_all(struct resolution *r, const struct list *nodes, uint32_t flag)
{
	for (size_t i = 0; i < nodes->count; i++)
		r->nodes[nodes->items[i]].flags |= flag;
}

static void list_unconflicted(struct resolution *r, struct list *ret_nodes)
{
	for (uint32_t i = 0; i < r->key_count; i++)
		if (r->keys[i].unconflicted != STATE_NONE)
			hearth_state_push(r, ret_nodes, r->keys[i].unconflicted);
}

static void visit(struct resolution *r, struct list *stack, uint32_t number, uint32_t set)
{
	struct node *node = &r->nodes[number];

	if (node->flags & NODE_COMMON || node->last_set == set)
		return;
	node->last_set = set;
	node->chain_count++;
	hearth_state_push(r, stack, number);
}

/* Counts one set's auth chain, down to where it meets what all sets have. */
static void count_chain(struct resolution *r, const struct hearth_state_set *entries, uint32_t set)
{
	struct list stack = { .count = 0 };

	for (size_t i = 0; i < entries->count; i++)
		visit(r, &stack, hearth_state_node(r, entries->entries[i].event_id), set);
	while (stack.count > 0) {
		const struct node *node = &r->nodes[stack.items[--stack.count]];

		for (uint32_t i = 0; i < node->auth_count; i++)
			visit(r, &stack, node->auth[i], set);
	}
}

HEARTH_SUSPENDS static int walk_difference(struct resolution *r)
{
	struct list unconflicted = { .count = 0 };
	int error;

	list_unconflicted(r, &unconflicted);
	error = hearth_state_load_chains(r, &unconflicted);
	if (error < 0)
		return error;
	error = hearth_state_load_chains(r, &r->conflicted);
	if (error < 0)
		return error;
	hearth_state_flag_chains(r, &unconflicted, NODE_COMMON);
	for (size_t i = 0; i < r->set_count; i++)
		count_chain(r, &r->sets[i], (uint32_t)i + 1);
	for (uint32_t i = 0; i < r->node_count; i++)
		if (r->nodes[i].chain_count > 0 && r->nodes[i].chain_count < r->set_count)
			r->nodes[i].flags |= NODE_FULL;
	return 0;
}

HEARTH_SUSPENDS static int ask_difference(struct resolution *r)
{
	const char *const *ids;
	size_t count;
	int error;

	error = r->source->auth_difference(r->source->context, r->sets, r->set_count, &ids, &count, r->err);
	if (error < 0)
		return error;
	for (size_t i = 0; i < count; i++) {
		uint32_t node = hearth_state_node(r, ids[i]);

		r->nodes[node].flags |= NODE_FULL;
	}
	return 0;
}

/* The auth edges within NODE_BELOW turned round: cited_by[first[n] .. first[n + 1]) cite node n. */
struct reversed {
	uint32_t *first, *cited_by;
};

static struct reversed reverse_edges(struct resolution *r)
{
	struct reversed reversed = { .first = hearth_arena_array_of(r->arena, uint32_t, (size_t)r->node_count + 2) };
	uint32_t edge_count = 0;

	/* Counted two places to the right, so that filling moves each start one place to the left, where it belongs. */
	for (uint32_t i = 0; i < r->node_count; i++)
		for (uint32_t j = 0; r->nodes[i].flags & NODE_BELOW && j < r->nodes[i].auth_count; j++, edge_count++)
			reversed.first[r->nodes[i].auth[j] + 2]++;
	for (uint32_t i = 2; i < r->node_count + 2; i++)
		reversed.first[i] += reversed.first[i - 1];
	reversed.cited_by = hearth_arena_array_of(r->arena, uint32_t, edge_count);
	for (uint32_t i = 0; i < r->node_count; i++)
		for (uint32_t j = 0; r->nodes[i].flags & NODE_BELOW && j < r->nodes[i].auth_count; j++)
			reversed.cited_by[reversed.first[r->nodes[i].auth[j] + 1]++] = i;
	return reversed;
}

/* Flags what a conflicted event reaches and what reaches a conflicted event: the paths between any two of them. */
HEARTH_SUSPENDS static int find_subgraph(struct resolution *r)
{
	struct list stack = { .count = 0 };
	struct reversed reversed;
	int error;

	error = hearth_state_load_chains(r, &r->conflicted);
	if (error < 0)
		return error;
	hearth_state_flag_chains(r, &r->conflicted, NODE_BELOW);
	reversed = reverse_edges(r);
	flag_all(r, &r->conflicted, NODE_ABOVE);
	for (size_t i = 0; i < r->conflicted.count; i++)
		hearth_state_push(r, &stack, r->conflicted.items[i]);
	while (stack.count > 0) {
		uint32_t node = stack.items[--stack.count];

		r->nodes[node].flags |= NODE_FULL;
		for (uint32_t i = reversed.first[node]; i < reversed.first[node + 1]; i++) {
			struct node *above = &r->nodes[reversed.cited_by[i]];

			if (above->flags & NODE_ABOVE)
				continue;
			above->flags |= NODE_ABOVE;
			hearth_state_push(r, &stack, reversed.cited_by[i]);
		}
	}
	return 0;
}

HEARTH_SUSPENDS static int load_full_set(struct resolution *r)
{
	struct list all = { .count = 0 };
	int error;

	for (uint32_t i = 0; i < r->node_count; i++)
		if (r->nodes[i].flags & NODE_FULL)
			hearth_state_push(r, &all, i);
	error = hearth_state_load(r, &all);
	if (error < 0)
		return error;
	for (size_t i = 0; i < all.count; i++)
		if (r->nodes[all.items[i]].event)
			hearth_state_push(r, &r->full, all.items[i]);
	return 0;
}

HEARTH_SUSPENDS int hearth_state_find_full_set(struct resolution *r)
{
	int error = r->source->auth_difference ? ask_difference(r) : walk_difference(r);

	if (error < 0)
		return error;
	flag_all(r, &r->conflicted, NODE_FULL);
	if (r->version->state_resolution == HEARTH_STATE_RESOLUTION_V2_1) {
		error = find_subgraph(r);
		if (error < 0)
			return error;
	}
	return load_full_set(r);
}
