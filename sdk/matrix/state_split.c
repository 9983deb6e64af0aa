/* SPDX-License-Identifier: Apache-2.0 */
/* Divides the states of the forks into what they agree on and what they do not. */
#include "state_private.h"

static void count_entry(struct resolution *r, const struct hearth_state_entry *entry)
{
	uint32_t node = hearth_state_node(r, entry->event_id);
	uint32_t number = hearth_state_key(r, entry->type, entry->state_key);
	struct key *key = &r->keys[number];

	if (key->set_count++ == 0)
		key->unconflicted = node;
	else if (key->unconflicted != node)
		key->is_conflicted = 1;
}

static void collect_conflicted(struct resolution *r, const struct hearth_state_entry *entry)
{
	uint32_t key = hearth_state_key(r, entry->type, entry->state_key);
	uint32_t node = hearth_state_node(r, entry->event_id);
	struct node *of = &r->nodes[node];

	if (!r->keys[key].is_conflicted || of->flags & NODE_CONFLICTED)
		return;
	of->flags |= NODE_CONFLICTED;
	of->key = key;
	hearth_state_push(r, &r->conflicted, node);
}

void hearth_state_split(struct resolution *r, int absence_conflicts)
{
	for (size_t i = 0; i < r->set_count; i++)
		for (size_t j = 0; j < r->sets[i].count; j++)
			count_entry(r, &r->sets[i].entries[j]);
	for (uint32_t i = 0; i < r->key_count; i++) {
		if (absence_conflicts && r->keys[i].set_count < r->set_count)
			r->keys[i].is_conflicted = 1;
		if (r->keys[i].is_conflicted)
			r->keys[i].unconflicted = STATE_NONE;
	}
	for (size_t i = 0; i < r->set_count; i++)
		for (size_t j = 0; j < r->sets[i].count; j++)
			collect_conflicted(r, &r->sets[i].entries[j]);
}

void hearth_state_result(struct resolution *r, struct hearth_state_set *ret_state)
{
	struct hearth_state_entry *entries = hearth_arena_array_of(r->arena, struct hearth_state_entry, r->key_count);
	size_t count = 0;

	for (uint32_t i = 0; i < r->key_count; i++) {
		const struct key *key = &r->keys[i];
		uint32_t node = key->unconflicted != STATE_NONE ? key->unconflicted : key->resolved;

		if (node != STATE_NONE)
			entries[count++] = (struct hearth_state_entry){
				.type = key->type,
				.state_key = key->state_key,
				.event_id = r->nodes[node].id,
			};
	}
	*ret_state = (struct hearth_state_set){ .entries = entries, .count = count };
}
