/* SPDX-License-Identifier: Apache-2.0 */
/* Events as a graph that is brought in batches and walked without recursion. */
#include "state_private.h"

#include <string.h>

#define INITIAL_CAPACITY 64

/* An array with room for one more element; its capacity doubles. */
static void *with_room(struct resolution *r, void *array, size_t count, size_t *capacity, size_t element_bytes)
{
	size_t old_bytes = *capacity * element_bytes;

	if (count < *capacity)
		return array;
	*capacity = *capacity ? *capacity * 2 : INITIAL_CAPACITY;
	return hearth_arena_grow(r->arena, array, old_bytes, *capacity * element_bytes);
}

void hearth_state_push(struct resolution *r, struct list *list, uint32_t item)
{
	list->items = with_room(r, list->items, list->count, &list->capacity, sizeof(*list->items));
	list->items[list->count++] = item;
}

uint32_t hearth_state_node(struct resolution *r, const char *id)
{
	struct hearth_map_entry *place = hearth_map_at(&r->node_of_id, id, "");

	if (place->number)
		return (uint32_t)place->number - 1;
	place->number = r->node_count + 1;
	r->nodes = with_room(r, r->nodes, r->node_count, &r->node_capacity, sizeof(*r->nodes));
	r->nodes[r->node_count++] = (struct node){ .id = id, .key = STATE_NONE };
	return r->node_count - 1;
}

uint32_t hearth_state_key(struct resolution *r, const char *type, const char *state_key)
{
	struct hearth_map_entry *place = hearth_map_at(&r->key_of_state, type, state_key);

	if (place->number)
		return (uint32_t)place->number - 1;
	place->number = r->key_count + 1;
	r->keys = with_room(r, r->keys, r->key_count, &r->key_capacity, sizeof(*r->keys));
	r->keys[r->key_count++] = (struct key){
		.type = type,
		.state_key = state_key,
		.unconflicted = STATE_NONE,
		.resolved = STATE_NONE,
	};
	return r->key_count - 1;
}

uint32_t hearth_state_resolved(const struct resolution *r, const char *type, const char *state_key)
{
	const struct hearth_map_entry *place = hearth_map_find(&r->key_of_state, type, state_key);

	return place ? r->keys[place->number - 1].resolved : STATE_NONE;
}

/* Version 12 events do not cite the create event: their room id names it. */
static const char *implied_create(const struct resolution *r, const struct hearth_event *event)
{
	if (!event->version->room_id_is_create_hash || !event->room_id || event->room_id[0] != '!' ||
	    strcmp(event->type, "m.room.create") == 0)
		return NULL;
	return hearth_arena_printf(r->arena, "$%s", event->room_id + 1);
}

static void set_event(struct resolution *r, uint32_t node, const struct hearth_event *event)
{
	const char *create = event ? implied_create(r, event) : NULL;
	uint32_t *auth, count = 0;

	if (!event)
		return;
	auth = hearth_arena_array_of(r->arena, uint32_t, event->auth_count + 1);
	for (size_t i = 0; i < event->auth_count; i++)
		auth[count++] = hearth_state_node(r, event->auth_events[i]);
	if (create)
		auth[count++] = hearth_state_node(r, create);
	r->nodes[node].event = event;
	r->nodes[node].auth = auth;
	r->nodes[node].auth_count = count;
}

HEARTH_SUSPENDS int hearth_state_load(struct resolution *r, const struct list *nodes)
{
	const struct hearth_event **events;
	const char **ids;
	struct list wanted = { .count = 0 };
	int error;

	for (size_t i = 0; i < nodes->count; i++) {
		struct node *node = &r->nodes[nodes->items[i]];

		if (!(node->flags & NODE_FETCHED))
			hearth_state_push(r, &wanted, nodes->items[i]);
		node->flags |= NODE_FETCHED;
	}
	if (wanted.count == 0)
		return 0;
	ids = hearth_arena_array_of(r->arena, const char *, wanted.count);
	events = hearth_arena_array_of(r->arena, const struct hearth_event *, wanted.count);
	for (size_t i = 0; i < wanted.count; i++)
		ids[i] = r->nodes[wanted.items[i]].id;
	error = r->source->fetch(r->source->context, ids, wanted.count, events, r->err);
	if (error < 0)
		return error;
	for (size_t i = 0; i < wanted.count; i++)
		set_event(r, wanted.items[i], events[i]);
	return 0;
}

static void push_cited(struct resolution *r, struct list *list, uint32_t node)
{
	for (uint32_t i = 0; i < r->nodes[node].auth_count; i++)
		hearth_state_push(r, list, r->nodes[node].auth[i]);
}

HEARTH_SUSPENDS int hearth_state_load_cited(struct resolution *r, const struct list *nodes)
{
	struct list cited = { .count = 0 };

	for (size_t i = 0; i < nodes->count; i++)
		push_cited(r, &cited, nodes->items[i]);
	return hearth_state_load(r, &cited);
}

static void push_unless(struct resolution *r, struct list *list, uint32_t node, uint32_t flag)
{
	if (r->nodes[node].flags & flag)
		return;
	r->nodes[node].flags |= flag;
	hearth_state_push(r, list, node);
}

HEARTH_SUSPENDS int hearth_state_load_chains(struct resolution *r, const struct list *nodes)
{
	struct list generation = { .count = 0 };

	for (size_t i = 0; i < nodes->count; i++)
		push_unless(r, &generation, nodes->items[i], NODE_CHAINED);
	while (generation.count > 0) {
		struct list next = { .count = 0 };
		int error = hearth_state_load(r, &generation);

		if (error < 0)
			return error;
		for (size_t i = 0; i < generation.count; i++) {
			const struct node *node = &r->nodes[generation.items[i]];

			for (uint32_t j = 0; j < node->auth_count; j++)
				push_unless(r, &next, node->auth[j], NODE_CHAINED);
		}
		generation = next;
	}
	return 0;
}

void hearth_state_flag_chains(struct resolution *r, const struct list *nodes, uint32_t flag)
{
	struct list stack = { .count = 0 };

	for (size_t i = 0; i < nodes->count; i++)
		push_unless(r, &stack, nodes->items[i], flag);
	while (stack.count > 0) {
		const struct node *node = &r->nodes[stack.items[--stack.count]];

		for (uint32_t i = 0; i < node->auth_count; i++)
			push_unless(r, &stack, node->auth[i], flag);
	}
}

uint32_t hearth_state_cited(const struct resolution *r, uint32_t node, const char *type)
{
	for (uint32_t i = 0; i < r->nodes[node].auth_count; i++) {
		uint32_t cited = r->nodes[node].auth[i];
		const struct hearth_event *event = r->nodes[cited].event;

		if (event && event->state_key && event->state_key[0] == '\0' && strcmp(event->type, type) == 0)
			return cited;
	}
	return STATE_NONE;
}
