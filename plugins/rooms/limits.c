/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limits whose class or key only the handler knows. What is refused by a later limiter has counted in the earlier ones. */
#include "api.h"

#include <string.h>

int api_limit_message(struct rooms *r, const char *user_id, struct hearth_error *err)
{
	return r->limits->check("rc_message", user_id, err);
}

int api_limit_redaction(struct rooms *r, const char *user_id, const char *target_sender, struct hearth_error *err)
{
	if (!r->admin_redaction || !target_sender || !strcmp(target_sender, user_id))
		return api_limit_message(r, user_id, err);
	return r->limits->check("rc_admin_redaction", user_id, err);
}

int api_limit_join(struct rooms *r, const char *user_id, const char *room_id, struct hearth_error *err)
{
	int rc = r->limits->check("rc_joins.local", user_id, err);

	return rc < 0 ? rc : r->limits->peek("rc_joins_per_room", room_id, err);
}

void api_note_join(struct rooms *r, const char *room_id)
{
	struct hearth_error late = { 0 };

	/* The join has happened: one too many keeps out those that follow. */
	(void)!r->limits->check("rc_joins_per_room", room_id, &late);
}

int api_limit_invite(struct rooms *r, const char *room_id, const char *invitee, const char *issuer, struct hearth_error *err)
{
	int rc = r->limits->check("rc_invites.per_room", room_id, err);

	if (rc >= 0)
		rc = r->limits->check("rc_invites.per_user", invitee, err);
	return rc < 0 ? rc : r->limits->check("rc_invites.per_issuer", issuer, err);
}
