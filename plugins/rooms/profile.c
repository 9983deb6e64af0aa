/* SPDX-License-Identifier: Apache-2.0 */
/* A new display name or avatar goes into the member events of the rooms that the user is in (spec "Profiles"). */
#include "api.h"

#include <string.h>

#include <hearth/matrix/id.h>

int rooms_on_profile(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	const struct hearth_hook_profile *profile = subject;
	struct rooms *r = self;
	const struct hearth_membership *memberships;
	struct hearth_json *content;
	size_t count;
	int rc;

	if (strcmp(profile->field, "displayname") && strcmp(profile->field, "avatar_url"))
		return 0;
	rc = rooms_memberships(r, task, profile->user_id, INT64_MAX, &memberships, &count, err);
	if (rc >= 0)
		rc = api_member_content(r, task, profile->user_id, "join", NULL, &content, err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		struct hearth_draft draft = { .size = sizeof(draft), .room_id = memberships[i].room_id,
					      .sender = profile->user_id, .type = "m.room.member",
					      .state_key = profile->user_id, .content = content, .unless_same = 1 };
		const char *event_id;

		if (!strcmp(memberships[i].membership, "join"))
			rc = rooms_send(r, task, &draft, &event_id, err);
	}
	return rc;
}
