/* SPDX-License-Identifier: Apache-2.0 */
/* Who may come in: limits, hooks, restricted rooms, and users who want no invitations. */
#include "api.h"

#include <string.h>

#include <hearth/matrix/id.h>

static bool is(const char *text, const char *wanted)
{
	return text && !strcmp(text, wanted);
}

HEARTH_SUSPENDS static int run_hook(struct rooms *r, struct hearth_task *task, const char *hook,
				    struct hearth_hook_room subject, struct hearth_error *err)
{
	int rc = r->hooks->present(r->host, hook) ? r->hooks->run(r->host, task, hook, &subject, err) : 0;

	return rc < 0 ? rc : 0;
}

HEARTH_SUSPENDS static int check_guest(struct rooms *r, struct hearth_task *task, const char *room_id,
				       struct hearth_error *err)
{
	const char *type = "m.room.guest_access", *state_key = "";
	const struct hearth_event *access;
	int rc = rooms_current_parsed(r, task, room_id, &type, &state_key, 1, &access, err);

	if (rc < 0 || (access && is(hearth_json_get_string(access->content, "guest_access"), "can_join")))
		return rc;
	return hearth_refuse(err, 403, "M_GUEST_ACCESS_FORBIDDEN", "this room lets no guests in");
}

int api_may_join(struct rooms *r, struct hearth_task *task, const struct hearth_requester *user, const char *room_id,
		 bool invited, struct hearth_error *err)
{
	int rc = user->flags & HEARTH_REQUESTER_GUEST ? check_guest(r, task, room_id, err) : 0;

	if (rc >= 0)
		rc = api_limit_join(r, user->user_id, room_id, err);
	if (rc < 0 || (user->flags & HEARTH_REQUESTER_ADMIN))
		return rc;
	return run_hook(r, task, HEARTH_HOOK_ROOM_MAY_JOIN,
			(struct hearth_hook_room){ .user_id = user->user_id, .room_id = room_id, .invited = invited }, err);
}

/* m.invite_permission_config (spec "Invite permission"). */
HEARTH_SUSPENDS static int check_permission(struct rooms *r, struct hearth_task *task, const char *invitee,
					    struct hearth_error *err)
{
	const struct hearth_json *config = NULL;
	int rc = r->accounts ? r->accounts->account_data_get(r->accounts, task, invitee, /* room_id= */ NULL,
							     "m.invite_permission_config", &config, err) : 0;

	if (rc < 0)
		return rc;
	if (is(hearth_json_get_string(config, "default_action"), "block"))
		return hearth_refuse(err, 403, "M_INVITE_BLOCKED", "%.80s wants no invitations", invitee);
	return 0;
}

int api_may_invite(struct rooms *r, struct hearth_task *task, const char *inviter, const char *room_id, const char *invitee,
		   struct hearth_error *err)
{
	int rc = run_hook(r, task, HEARTH_HOOK_ROOM_MAY_INVITE,
			  (struct hearth_hook_room){ .user_id = inviter, .room_id = room_id, .target = invitee }, err);

	if (rc < 0)
		return rc;
	if (!hearth_id_is_local(invitee, r->server_name))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "%.80s is of another server, which cannot be reached", invitee);
	return check_permission(r, task, invitee, err);
}

/* ---- restricted rooms (spec client-server, "Restricted rooms") --------------------------------------------------- */

/* Whether the user is in one of the rooms that the join rule names. */
HEARTH_SUSPENDS static int satisfies(struct rooms *r, struct hearth_task *task, const struct hearth_json *allow,
				     const char *user_id, bool *ret_satisfies, struct hearth_error *err)
{
	const struct hearth_membership *memberships;
	size_t count;
	int rc = rooms_memberships(r, task, user_id, INT64_MAX, &memberships, &count, err);

	*ret_satisfies = false;
	for (size_t a = 0; rc >= 0 && a < hearth_json_size(allow); a++) {
		const struct hearth_json *condition = hearth_json_at(allow, a);
		const char *room_id = hearth_json_get_string(condition, "room_id");

		if (!room_id || !is(hearth_json_get_string(condition, "type"), "m.room_membership"))
			continue;
		for (size_t i = 0; i < count; i++)
			if (is(memberships[i].membership, "join") && !strcmp(memberships[i].room_id, room_id))
				*ret_satisfies = true;
	}
	return rc;
}

HEARTH_SUSPENDS static int find_inviter(struct rooms *r, struct hearth_task *task, const char *room_id,
					const struct hearth_event *create, const struct hearth_event *levels,
					const char **ret_user_id, struct hearth_error *err)
{
	struct hearth_texts members;
	int64_t needed = hearth_power_to_act(create->version, levels, "invite");
	int rc = rooms_members(r, task, room_id, "join", /* local_only= */ 1, &members, err);

	for (size_t i = 0; rc >= 0 && i < members.count; i++) {
		if (hearth_power_of_user(create->version, levels, create, members.items[i]) < needed)
			continue;
		*ret_user_id = members.items[i];
		return 0;
	}
	return rc;
}

int api_find_authoriser(struct rooms *r, struct hearth_task *task, const char *room_id, const char *user_id,
			const char **ret_user_id, struct hearth_error *err)
{
	static const char *const types[] = { "m.room.create", "m.room.join_rules", "m.room.power_levels" };
	static const char *const keys[] = { "", "", "" };
	const struct hearth_event *state[3];
	const char *rule;
	bool satisfied;
	int rc = rooms_current_parsed(r, task, room_id, types, keys, 3, state, err);

	*ret_user_id = NULL;
	if (rc < 0 || !state[0] || !state[1])
		return rc;
	rule = hearth_json_get_string(state[1]->content, "join_rule");
	if (!(state[0]->version->restricted_join && is(rule, "restricted")) &&
	    !(state[0]->version->knock_restricted_join && is(rule, "knock_restricted")))
		return 0;
	rc = satisfies(r, task, hearth_json_get_array(state[1]->content, "allow"), user_id, &satisfied, err);
	if (rc < 0 || !satisfied)
		return rc;
	return find_inviter(r, task, room_id, state[0], state[2], ret_user_id, err);
}

/* ---- guests (spec client-server, "Guest Access") ----------------------------------------------------------------- */

/* The names of guests are digits alone; nobody else can have such a one. */
static bool is_guest_name(const char *user_id)
{
	size_t digits = strspn(user_id + 1, "0123456789");

	return digits && user_id[1 + digits] == ':';
}

int api_expel_guests(struct rooms *r, struct hearth_task *task, const char *room_id, struct hearth_error *err)
{
	struct hearth_draft *drafts;
	struct rooms_batch batch = { 0 };
	struct hearth_texts members;
	struct hearth_json *content;
	const char *const *event_ids;
	int rc = rooms_members(r, task, room_id, "join", /* local_only= */ 1, &members, err);

	if (rc >= 0)
		rc = api_member_content(r, task, NULL, "leave", NULL, &content, err);
	if (rc < 0)
		return rc;
	drafts = hearth_arena_array_of(r->tasks->arena(task), struct hearth_draft, members.count);
	for (size_t i = 0; i < members.count; i++)
		if (is_guest_name(members.items[i]))
			drafts[batch.count++] = (struct hearth_draft){ .size = sizeof(struct hearth_draft), .room_id = room_id,
								       .sender = members.items[i], .type = "m.room.member",
								       .state_key = members.items[i], .content = content };
	batch.drafts = drafts;
	return batch.count ? rooms_send_batch(r, task, &batch, NULL, &event_ids, err) : 0;
}
