/* SPDX-License-Identifier: Apache-2.0 */
/* The iterative auth checks. */
#include "state_private.h"

#include <string.h>

struct needs {
	struct resolution *r;
	struct list *nodes;
};

static void need(void *context, const char *type, const char *state_key)
{
	const struct needs *needs = context;
	uint32_t node = hearth_state_resolved(needs->r, type, state_key);

	if (node != STATE_NONE)
		hearth_state_push(needs->r, needs->nodes, node);
}

HEARTH_SUSPENDS int hearth_state_load_for_auth(struct resolution *r, const struct list *nodes)
{
	struct list wanted = { .count = 0 };
	struct needs needs = { .r = r, .nodes = &wanted };
	int error;

	for (size_t i = 0; i < nodes->count; i++) {
		const struct hearth_event *event = r->nodes[nodes->items[i]].event;

		hearth_auth_select(r->version, event->type, event->sender, event->state_key, event->content, need,
				   &needs);
	}
	error = hearth_state_load(r, &wanted);
	return error < 0 ? error : hearth_state_load_cited(r, nodes);
}

struct view {
	const struct resolution *r;
	const struct node *citing; /* NULL: the resolved state alone */
};

static const struct hearth_event *usable(const struct hearth_event *event)
{
	return event && !event->rejected ? event : NULL;
}

static const struct hearth_event *cited(const struct view *view, const char *type, const char *state_key)
{
	for (uint32_t i = view->citing->auth_count; i > 0; i--) {
		const struct hearth_event *event = usable(view->r->nodes[view->citing->auth[i - 1]].event);

		if (event && event->state_key && strcmp(event->type, type) == 0 &&
		    strcmp(event->state_key, state_key) == 0)
			return event;
	}
	return NULL;
}

static const struct hearth_event *look_up(void *context, const char *type, const char *state_key)
{
	const struct view *view = context;
	const struct hearth_event *event = NULL;
	uint32_t node = hearth_state_resolved(view->r, type, state_key);

	if (node != STATE_NONE)
		event = usable(view->r->nodes[node].event);
	return event || !view->citing ? event : cited(view, type, state_key);
}

int hearth_state_allows(const struct resolution *r, uint32_t node, int with_citations)
{
	struct view view = { .r = r, .citing = with_citations ? &r->nodes[node] : NULL };
	const struct hearth_state_view lookup = { .get = look_up, .context = &view };

	return hearth_auth_check(r->nodes[node].event, &lookup, /* err= */ NULL) == 0;
}

void hearth_state_iterate(struct resolution *r, const struct list *order)
{
	for (size_t i = 0; i < order->count; i++) {
		uint32_t node = order->items[i], key;
		const struct hearth_event *event = usable(r->nodes[node].event);

		if (!event || !event->state_key || !hearth_state_allows(r, node, /* with_citations= */ 1))
			continue;
		key = hearth_state_key(r, event->type, event->state_key);
		r->keys[key].resolved = node;
	}
}
