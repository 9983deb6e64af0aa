/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the algorithm that a room version has. */
#include "state_private.h"

int hearth_state_resolve(struct hearth_arena *arena, const struct hearth_room_version *version,
			 const struct hearth_state_set *sets, size_t set_count,
			 const struct hearth_event_source *source, struct hearth_state_set *ret_state,
			 struct hearth_error *err)
{
	struct resolution r = {
		.arena = arena,
		.version = version,
		.sets = sets,
		.set_count = set_count,
		.source = source,
		.err = err,
	};
	int error;

	hearth_map_init(&r.node_of_id, arena, /* expected= */ 0);
	hearth_map_init(&r.key_of_state, arena, /* expected= */ 0);
	if (version->state_resolution == HEARTH_STATE_RESOLUTION_V1)
		error = hearth_state_resolve_v1(&r);
	else
		error = hearth_state_resolve_v2(&r);
	if (error < 0)
		return error;
	hearth_state_result(&r, ret_state);
	return 0;
}
