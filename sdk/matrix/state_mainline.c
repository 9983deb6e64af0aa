/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mainline ordering. The mainline and the chains of power levels that lead to it are followed side by side, one fetch
 * a step for all of them, and no further than the events to be sorted need.
 */
#include "state_private.h"

#include <stdlib.h>
#include <string.h>

#define POSITION_NEVER UINT32_MAX /* the chain does not meet the mainline */

struct search {
	uint32_t head;       /* the next event of the mainline; STATE_NONE: it is complete */
	uint32_t length;     /* of the mainline so far */
	struct list pending; /* power levels that have not met the mainline */
	int is_lost;         /* a chain has ended without meeting it so far: only the whole mainline can tell */
};

static uint32_t levels_of(const struct resolution *r, uint32_t node)
{
	return hearth_state_cited(r, node, "m.room.power_levels");
}

static void follow(struct resolution *r, struct search *search, uint32_t levels)
{
	if (levels == STATE_NONE) {
		search->is_lost = 1;
		return;
	}
	if (r->nodes[levels].flags & NODE_PASSED)
		return;
	r->nodes[levels].flags |= NODE_PASSED;
	hearth_state_push(r, &search->pending, levels);
}

/* Puts the head into the mainline and drops the chains that have met it. */
static void extend(struct resolution *r, struct search *search)
{
	struct list pending = search->pending;

	if (search->head != STATE_NONE && r->nodes[search->head].mainline == 0)
		r->nodes[search->head].mainline = ++search->length;
	else
		search->head = STATE_NONE;
	search->pending = (struct list){ .count = 0 };
	for (size_t i = 0; i < pending.count; i++)
		if (r->nodes[pending.items[i]].mainline == 0)
			hearth_state_push(r, &search->pending, pending.items[i]);
}

HEARTH_SUSPENDS static int step(struct resolution *r, struct search *search)
{
	struct list now = search->pending, wanted = { .count = 0 };
	int error;

	for (size_t i = 0; i < now.count; i++)
		hearth_state_push(r, &wanted, now.items[i]);
	if (search->head != STATE_NONE)
		hearth_state_push(r, &wanted, search->head);
	error = hearth_state_load(r, &wanted);
	if (error < 0)
		return error;
	error = hearth_state_load_cited(r, &wanted);
	if (error < 0)
		return error;
	search->pending = (struct list){ .count = 0 };
	for (size_t i = 0; i < now.count; i++)
		follow(r, search, levels_of(r, now.items[i]));
	if (search->head != STATE_NONE)
		search->head = levels_of(r, search->head);
	return 0;
}

HEARTH_SUSPENDS static int find_mainline(struct resolution *r, const struct list *nodes)
{
	struct search search = { .head = hearth_state_resolved(r, "m.room.power_levels", "") };
	int error;

	for (size_t i = 0; i < nodes->count; i++)
		follow(r, &search, levels_of(r, nodes->items[i]));
	extend(r, &search);
	while (search.pending.count > 0 || (search.is_lost && search.head != STATE_NONE)) {
		error = step(r, &search);
		if (error < 0)
			return error;
		extend(r, &search);
	}
	return 0;
}

/* The mainline position that events citing these levels have, remembered for the whole chain. */
static uint32_t position_of(struct resolution *r, uint32_t levels)
{
	struct list chain = { .count = 0 };
	uint32_t position = POSITION_NEVER;

	for (; levels != STATE_NONE; levels = levels_of(r, levels)) {
		const struct node *node = &r->nodes[levels];

		position = node->mainline ? node->mainline : node->position;
		if (position != 0)
			break;
		/* Stands while the chain is followed, which ends a cycle as well. */
		r->nodes[levels].position = position = POSITION_NEVER;
		hearth_state_push(r, &chain, levels);
	}
	for (size_t i = 0; i < chain.count; i++)
		r->nodes[chain.items[i]].position = position;
	return position;
}

struct item {
	uint32_t node;
	uint32_t position;
	int64_t origin_server_ts;
	const char *event_id;
};

static int compare(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->position != y->position)
		return x->position > y->position ? -1 : 1;
	if (x->origin_server_ts != y->origin_server_ts)
		return x->origin_server_ts < y->origin_server_ts ? -1 : 1;
	return strcmp(x->event_id, y->event_id);
}

static void sort(struct resolution *r, const struct list *nodes, struct list *ret_order)
{
	struct item *items = hearth_arena_array_of(r->arena, struct item, nodes->count);

	for (size_t i = 0; i < nodes->count; i++) {
		const struct hearth_event *event = r->nodes[nodes->items[i]].event;

		items[i] = (struct item){
			.node = nodes->items[i],
			.position = position_of(r, levels_of(r, nodes->items[i])),
			.origin_server_ts = event->origin_server_ts,
			.event_id = event->event_id,
		};
	}
	if (nodes->count > 0)
		qsort(items, nodes->count, sizeof(*items), compare);
	for (size_t i = 0; i < nodes->count; i++)
		hearth_state_push(r, ret_order, items[i].node);
}

HEARTH_SUSPENDS int hearth_state_sort_mainline(struct resolution *r, struct list *ret_order)
{
	struct list rest = { .count = 0 };
	int error;

	for (size_t i = 0; i < r->full.count; i++)
		if (!(r->nodes[r->full.items[i]].flags & NODE_POWER))
			hearth_state_push(r, &rest, r->full.items[i]);
	error = hearth_state_load_cited(r, &rest);
	if (error < 0)
		return error;
	error = find_mainline(r, &rest);
	if (error < 0)
		return error;
	sort(r, &rest, ret_order);
	return 0;
}
