/* SPDX-License-Identifier: Apache-2.0 */
/* State resolution versions 2 and 2.1. */
#include "state_private.h"

HEARTH_SUSPENDS static int resolve_in_order(struct resolution *r,
					    HEARTH_SUSPENDS int (*sort)(struct resolution *r, struct list *ret_order))
{
	struct list order = { .count = 0 };
	int error;

	error = sort(r, &order);
	if (error < 0)
		return error;
	error = hearth_state_load_for_auth(r, &order);
	if (error < 0)
		return error;
	hearth_state_iterate(r, &order);
	return 0;
}

HEARTH_SUSPENDS int hearth_state_resolve_v2(struct resolution *r)
{
	int error;

	hearth_state_split(r, /* absence_conflicts= */ 1);
	if (r->conflicted.count == 0)
		return 0;
	/* Version 2.1 starts from nothing. */
	if (r->version->state_resolution == HEARTH_STATE_RESOLUTION_V2)
		for (uint32_t i = 0; i < r->key_count; i++)
			r->keys[i].resolved = r->keys[i].unconflicted;
	error = hearth_state_find_full_set(r);
	if (error < 0)
		return error;
	error = resolve_in_order(r, hearth_state_sort_power);
	if (error < 0)
		return error;
	return resolve_in_order(r, hearth_state_sort_mainline);
}
