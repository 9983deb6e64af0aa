/* SPDX-License-Identifier: Apache-2.0 */
/* Users whom the server's administrators have restrained: suspended ones are refused, shadow-banned ones are humoured. */
#include "api.h"

#include <hearth/matrix/id.h>

int api_check_standing(const struct hearth_requester *user, struct hearth_error *err)
{
	if (user->flags & HEARTH_REQUESTER_SUSPENDED)
		return hearth_refuse(err, 403, "M_USER_SUSPENDED", "You cannot perform this action while suspended.");
	return 0;
}

bool api_is_humoured(const struct hearth_requester *user)
{
	return user->flags & HEARTH_REQUESTER_SHADOW_BANNED;
}

/* Long enough to be tiresome, of a length that teaches nothing. */
int api_humour(struct rooms *r, struct hearth_task *task, struct hearth_error *err)
{
	char random[2];

	hearth_id_random(random, sizeof(random));
	return r->tasks->sleep(task, 1000 + (random[0] % 9) * 1000, err);
}

int api_humour_event(struct rooms *r, struct hearth_task *task, struct hearth_request *req, struct hearth_error *err)
{
	char random[44];
	int rc = api_humour(r, task, err);

	hearth_id_random(random, sizeof(random));
	if (rc >= 0)
		api_write_event_id(req, hearth_arena_printf(req->arena, "$%s", random));
	return rc;
}
