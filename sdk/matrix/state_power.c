/* SPDX-License-Identifier: Apache-2.0 */
/* Reverse topological power ordering: Kahn's algorithm with a heap of the events that nothing holds back. */
#include "auth_private.h"
#include "state_private.h"

#include <string.h>

struct item {
	uint32_t node;
	uint32_t waiting; /* auth edges within the list that are not sorted yet */
	int64_t power;    /* of the sender, by the event's own auth events */
	const struct hearth_event *event;
};

struct sorting {
	struct item *items;
	uint32_t count;
	uint32_t *first, *cited_by; /* items that cite item i: cited_by[first[i] .. first[i + 1]) */
	uint32_t *heap;
	uint32_t heap_count;
};

static int is_type(const struct hearth_event *event, const char *type)
{
	return strcmp(event->type, type) == 0;
}

/* Events that may take away what somebody can do. A create event is one too, so that it comes before all others. */
static int is_power_event(const struct hearth_event *event)
{
	const char *membership;

	if (!event->state_key)
		return 0;
	if (is_type(event, "m.room.power_levels") || is_type(event, "m.room.join_rules") ||
	    is_type(event, "m.room.create"))
		return event->state_key[0] == '\0';
	if (!is_type(event, "m.room.member") || strcmp(event->sender, event->state_key) == 0)
		return 0;
	membership = hearth_auth_string(event->content, "membership");
	return membership && (strcmp(membership, "leave") == 0 || strcmp(membership, "ban") == 0);
}

static void take(struct resolution *r, struct list *list, uint32_t number)
{
	struct node *node = &r->nodes[number];

	if (!node->event || !(node->flags & NODE_FULL) || node->flags & NODE_POWER)
		return;
	node->flags |= NODE_POWER;
	node->index = (uint32_t)list->count;
	hearth_state_push(r, list, number);
}

/* The power events and what of the full conflicted set is in their auth chains. */
static void collect(struct resolution *r, struct list *ret_list)
{
	for (size_t i = 0; i < r->full.count; i++)
		if (is_power_event(r->nodes[r->full.items[i]].event))
			take(r, ret_list, r->full.items[i]);
	for (size_t i = 0; i < ret_list->count; i++) {
		const struct node *node = &r->nodes[ret_list->items[i]];

		for (uint32_t j = 0; j < node->auth_count; j++)
			take(r, ret_list, node->auth[j]);
	}
}

static const struct hearth_event *cited_event(const struct resolution *r, uint32_t node, const char *type)
{
	uint32_t cited = hearth_state_cited(r, node, type);

	return cited == STATE_NONE ? NULL : r->nodes[cited].event;
}

static struct item item_of(const struct resolution *r, uint32_t node)
{
	const struct hearth_event *event = r->nodes[node].event;
	const struct hearth_event *levels = cited_event(r, node, "m.room.power_levels");
	const struct hearth_event *create = cited_event(r, node, "m.room.create");

	return (struct item){
		.node = node,
		.event = event,
		.power = hearth_power_of_user(r->version, levels, create, event->sender),
	};
}

static void reverse_edges(const struct resolution *r, struct sorting *sorting)
{
	uint32_t edge_count = 0;

	sorting->first = hearth_arena_array_of(r->arena, uint32_t, (size_t)sorting->count + 2);
	for (uint32_t i = 0; i < sorting->count; i++) {
		const struct node *node = &r->nodes[sorting->items[i].node];

		for (uint32_t j = 0; j < node->auth_count; j++) {
			const struct node *cited = &r->nodes[node->auth[j]];

			if (!(cited->flags & NODE_POWER))
				continue;
			sorting->items[i].waiting++;
			sorting->first[cited->index + 2]++;
			edge_count++;
		}
	}
	for (uint32_t i = 2; i < sorting->count + 2; i++)
		sorting->first[i] += sorting->first[i - 1];
	sorting->cited_by = hearth_arena_array_of(r->arena, uint32_t, edge_count);
	for (uint32_t i = 0; i < sorting->count; i++) {
		const struct node *node = &r->nodes[sorting->items[i].node];

		for (uint32_t j = 0; j < node->auth_count; j++)
			if (r->nodes[node->auth[j]].flags & NODE_POWER)
				sorting->cited_by[sorting->first[r->nodes[node->auth[j]].index + 1]++] = i;
	}
}

/* The comparison relation of the ordering. */
static int comes_before(const struct sorting *sorting, uint32_t a, uint32_t b)
{
	const struct item *x = &sorting->items[a], *y = &sorting->items[b];

	if (x->power != y->power)
		return x->power > y->power;
	if (x->event->origin_server_ts != y->event->origin_server_ts)
		return x->event->origin_server_ts < y->event->origin_server_ts;
	return strcmp(x->event->event_id, y->event->event_id) < 0;
}

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t kept = *a;

	*a = *b;
	*b = kept;
}

static void heap_push(struct sorting *sorting, uint32_t item)
{
	uint32_t at = sorting->heap_count++;

	sorting->heap[at] = item;
	while (at > 0 && comes_before(sorting, sorting->heap[at], sorting->heap[(at - 1) / 2])) {
		swap(&sorting->heap[at], &sorting->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

static uint32_t heap_pop(struct sorting *sorting)
{
	uint32_t *heap = sorting->heap, top = heap[0], at = 0;

	heap[0] = heap[--sorting->heap_count];
	for (;;) {
		uint32_t least = at;

		for (uint32_t child = 2 * at + 1; child <= 2 * at + 2 && child < sorting->heap_count; child++)
			if (comes_before(sorting, heap[child], heap[least]))
				least = child;
		if (least == at)
			return top;
		swap(&heap[at], &heap[least]);
		at = least;
	}
}

/* Events in a cycle, which only the chosen ids of versions 1 and 2 allow, never get their turn: the rest takes them. */
static void sort(struct resolution *r, struct sorting *sorting, struct list *ret_order)
{
	for (uint32_t i = 0; i < sorting->count; i++) {
		r->nodes[sorting->items[i].node].flags &= ~(uint32_t)NODE_POWER;
		if (sorting->items[i].waiting == 0)
			heap_push(sorting, i);
	}
	while (sorting->heap_count > 0) {
		uint32_t item = heap_pop(sorting);

		r->nodes[sorting->items[item].node].flags |= NODE_POWER;
		hearth_state_push(r, ret_order, sorting->items[item].node);
		for (uint32_t i = sorting->first[item]; i < sorting->first[item + 1]; i++)
			if (--sorting->items[sorting->cited_by[i]].waiting == 0)
				heap_push(sorting, sorting->cited_by[i]);
	}
}

HEARTH_SUSPENDS int hearth_state_sort_power(struct resolution *r, struct list *ret_order)
{
	struct list list = { .count = 0 };
	struct sorting sorting = { .count = 0 };
	int error;

	collect(r, &list);
	error = hearth_state_load_cited(r, &list);
	if (error < 0)
		return error;
	sorting.count = (uint32_t)list.count;
	sorting.items = hearth_arena_array_of(r->arena, struct item, list.count);
	sorting.heap = hearth_arena_array_of(r->arena, uint32_t, list.count);
	for (uint32_t i = 0; i < sorting.count; i++)
		sorting.items[i] = item_of(r, list.items[i]);
	reverse_edges(r, &sorting);
	sort(r, &sorting, ret_order);
	return 0;
}
