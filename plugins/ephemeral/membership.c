/* SPDX-License-Identifier: Apache-2.0
 *
 * Who may type and read in a room: those who are in it.
 */
#include "ephemeral.h"

#include <string.h>

int ephemeral_check_joined(struct ephemeral *ephemeral, struct hearth_task *task, const char *room_id, const char *user_id,
			   struct hearth_error *err)
{
	const struct hearth_rooms *rooms = ephemeral->rooms;
	struct hearth_membership membership = { .size = sizeof(membership) };
	int r;

	r = rooms->membership(rooms, task, room_id, user_id, &membership, err);
	if (r < 0)
		return r;
	if (!membership.membership || strcmp(membership.membership, "join"))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "%s is not in room %s", user_id, room_id);
	return 0;
}
