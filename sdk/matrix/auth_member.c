/* SPDX-License-Identifier: Apache-2.0 */
/* Rule 5: changes of membership. */
#include "auth_private.h"

#include <string.h>

struct change {
	const char *sender, *target;
	const char *sender_was, *target_was; /* memberships before the event */
};

static int is(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static const char *join_rule(const struct auth_check *check)
{
	const struct hearth_event *event = hearth_auth_state(check, "m.room.join_rules", "");
	const char *rule = event ? hearth_auth_string(event->content, "join_rule") : NULL;

	return rule ? rule : "invite";
}

/* Rule 5.3.1: the creator's own first join. */
static int is_first_join(const struct auth_check *check)
{
	const struct hearth_event *event = check->event, *create = check->create;
	const char *creator = create->sender;

	if (!event->version->updated_redaction_rules)
		creator = hearth_auth_string(create->content, "creator");
	return event->prev_count == 1 && is(event->prev_events[0], create->event_id) && creator &&
	       is(creator, event->state_key);
}

/* Rule 5.3.5.2: someone in the room who may invite vouches for the join. */
static int is_join_authorised(const struct auth_check *check)
{
	const char *user_id = hearth_auth_string(check->event->content, "join_authorised_via_users_server");

	return user_id && is(hearth_auth_membership(check, user_id), "join") &&
	       hearth_auth_power(check, user_id) >= hearth_auth_power_to_act(check, "invite");
}

static int is_restricted(const struct hearth_room_version *version, const char *rule)
{
	return (version->restricted_join && is(rule, "restricted")) ||
	       (version->knock_restricted_join && is(rule, "knock_restricted"));
}

static int is_knocking(const struct hearth_room_version *version, const char *rule)
{
	return (version->knock && is(rule, "knock")) ||
	       (version->knock_restricted_join && is(rule, "knock_restricted"));
}

/* Rule 5.3. */
static int check_join(const struct auth_check *check, const struct change *change)
{
	const struct hearth_room_version *version = check->event->version;
	const char *rule = join_rule(check);
	int expected;

	if (is_first_join(check))
		return 0;
	if (!is(change->sender, change->target))
		return hearth_auth_reject(check, "nobody joins for another user");
	if (is(change->sender_was, "ban"))
		return hearth_auth_reject(check, "the sender is banned from the room");
	if (is(rule, "public"))
		return 0;
	expected = is(change->sender_was, "invite") || is(change->sender_was, "join");
	if (is_restricted(version, rule)) {
		if (expected || is_join_authorised(check))
			return 0;
		return hearth_auth_reject(check, "nobody who may invite has authorised the join");
	}
	if (expected && (is(rule, "invite") || is_knocking(version, rule)))
		return 0;
	return hearth_auth_reject(check, "the sender is not invited to the room");
}

/* Rule 5.4. */
static int check_invite(const struct auth_check *check, const struct change *change)
{
	const struct hearth_json *third_party = hearth_json_get(check->event->content, "third_party_invite");

	if (third_party)
		return is(change->target_was, "ban")
			       ? hearth_auth_reject(check, "the invited user is banned from the room")
			       : hearth_auth_invite_check(check, third_party);
	if (!is(change->sender_was, "join"))
		return hearth_auth_reject(check, "the sender is not in the room");
	if (is(change->target_was, "join") || is(change->target_was, "ban"))
		return hearth_auth_reject(check, "the invited user is in the room already, or banned from it");
	if (hearth_auth_power(check, change->sender) < hearth_auth_power_to_act(check, "invite"))
		return hearth_auth_reject(check, "the sender may not invite");
	return 0;
}

/* Rule 5.5: leaving, kicking, unbanning, taking an invite back. */
static int check_leave(const struct auth_check *check, const struct change *change)
{
	int64_t power;

	if (is(change->sender, change->target)) {
		if (is(change->sender_was, "invite") || is(change->sender_was, "join") ||
		    (check->event->version->knock && is(change->sender_was, "knock")))
			return 0;
		return hearth_auth_reject(check, "the sender has nothing to leave");
	}
	if (!is(change->sender_was, "join"))
		return hearth_auth_reject(check, "the sender is not in the room");
	power = hearth_auth_power(check, change->sender);
	if (is(change->target_was, "ban") && power < hearth_auth_power_to_act(check, "ban"))
		return hearth_auth_reject(check, "the sender may not unban");
	if (power < hearth_auth_power_to_act(check, "kick") || hearth_auth_power(check, change->target) >= power)
		return hearth_auth_reject(check, "the sender may not kick this user");
	return 0;
}

/* Rule 5.6. */
static int check_ban(const struct auth_check *check, const struct change *change)
{
	int64_t power;

	if (!is(change->sender_was, "join"))
		return hearth_auth_reject(check, "the sender is not in the room");
	power = hearth_auth_power(check, change->sender);
	if (power < hearth_auth_power_to_act(check, "ban") || hearth_auth_power(check, change->target) >= power)
		return hearth_auth_reject(check, "the sender may not ban this user");
	return 0;
}

/* Rule 5.7, from version 7 on. */
static int check_knock(const struct auth_check *check, const struct change *change)
{
	if (!is_knocking(check->event->version, join_rule(check)))
		return hearth_auth_reject(check, "the room takes no knocks");
	if (!is(change->sender, change->target))
		return hearth_auth_reject(check, "nobody knocks for another user");
	if (is(change->sender_was, "ban") || is(change->sender_was, "invite") || is(change->sender_was, "join"))
		return hearth_auth_reject(check, "the sender is in the room, invited to it or banned from it");
	return 0;
}

int hearth_auth_member_check(const struct auth_check *check)
{
	const struct hearth_event *event = check->event;
	const char *membership = hearth_auth_string(event->content, "membership");
	struct change change = { .sender = event->sender, .target = event->state_key };

	if (!event->state_key || !membership)
		return hearth_auth_reject(check, "a membership event needs a state_key and a membership");
	change.sender_was = hearth_auth_membership(check, change.sender);
	change.target_was = hearth_auth_membership(check, change.target);
	if (is(membership, "join"))
		return check_join(check, &change);
	if (is(membership, "invite"))
		return check_invite(check, &change);
	if (is(membership, "leave"))
		return check_leave(check, &change);
	if (is(membership, "ban"))
		return check_ban(check, &change);
	if (is(membership, "knock") && event->version->knock)
		return check_knock(check, &change);
	return hearth_auth_reject(check, "the membership is not known");
}
