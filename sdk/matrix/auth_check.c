/* SPDX-License-Identifier: Apache-2.0 */
/* The authorisation rules of an event against the state before it; the rules of one type each have their own file. */
#include "auth_private.h"

#include <errno.h>
#include <string.h>

#include <hearth/matrix/id.h>

const struct hearth_event *hearth_auth_state(const struct auth_check *check, const char *type, const char *state_key)
{
	const struct hearth_event *event = check->view->get(check->view->context, type, state_key);

	return event && !event->rejected ? event : NULL;
}

const char *hearth_auth_membership(const struct auth_check *check, const char *user_id)
{
	const struct hearth_event *member = hearth_auth_state(check, "m.room.member", user_id);
	const char *membership = member ? hearth_auth_string(member->content, "membership") : NULL;

	return membership ? membership : "";
}

int64_t hearth_auth_power(const struct auth_check *check, const char *user_id)
{
	return hearth_power_of_user(check->event->version, check->power_levels, check->create, user_id);
}

int64_t hearth_auth_power_to_act(const struct auth_check *check, const char *action)
{
	return hearth_power_to_act(check->event->version, check->power_levels, action);
}

int hearth_auth_same_server(const char *a, const char *b)
{
	const char *server_a = a ? hearth_id_server(a) : NULL;
	const char *server_b = b ? hearth_id_server(b) : NULL;

	return server_a && server_b && strcmp(server_a, server_b) == 0;
}

int hearth_auth_reject(const struct auth_check *check, const char *reason)
{
	return hearth_refuse(check->err, 403, "M_FORBIDDEN", "%s", reason);
}

static int is_type(const struct hearth_event *event, const char *type)
{
	return strcmp(event->type, type) == 0;
}

/* Rule 1.2: the room belongs to the sender's server; from version 12 on it is named after the event itself. */
static int check_create_room_id(const struct auth_check *check)
{
	const struct hearth_event *event = check->event;

	if (event->version->room_id_is_create_hash) {
		if (hearth_json_get(event->json, "room_id"))
			return hearth_auth_reject(check, "a create event of this room version has no room_id");
		return 0;
	}
	if (!hearth_auth_same_server(event->room_id, event->sender))
		return hearth_auth_reject(check, "the room id is not of the creator's server");
	return 0;
}

/* Rule 1.3. */
static int check_create_version(const struct auth_check *check)
{
	const struct hearth_json *named = hearth_json_get(check->event->content, "room_version");
	const char *name = hearth_json_string(named, NULL);

	if (named && (!name || !hearth_room_version(name)))
		return hearth_auth_reject(check, "the room version is not known");
	return 0;
}

/* Rule 1.4 of versions 1 to 10 (a creator is named), of version 12 (additional creators are user ids). */
static int check_create_creators(const struct auth_check *check)
{
	const struct hearth_room_version *version = check->event->version;
	const struct hearth_json *more = hearth_json_get(check->event->content, "additional_creators");

	if (!version->updated_redaction_rules && !hearth_json_get(check->event->content, "creator"))
		return hearth_auth_reject(check, "the create event names no creator");
	if (!version->creator_power || !more)
		return 0;
	if (hearth_json_type(more) != HEARTH_JSON_ARRAY)
		return hearth_auth_reject(check, "additional_creators is not an array");
	for (size_t i = 0; i < hearth_json_size(more); i++) {
		const char *user_id = hearth_json_string(hearth_json_at(more, i), NULL);

		if (!user_id || !hearth_id_is_user(user_id))
			return hearth_auth_reject(check, "additional_creators holds something that is not a user id");
	}
	return 0;
}

/* Rule 1. */
static int check_create(const struct auth_check *check)
{
	int r;

	if (!is_type(check->event, "m.room.create"))
		return AUTH_UNDECIDED;
	if (check->event->prev_count > 0)
		return hearth_auth_reject(check, "a create event has no previous events");
	r = check_create_room_id(check);
	if (r < 0)
		return r;
	r = check_create_version(check);
	if (r < 0)
		return r;
	return check_create_creators(check);
}

/* Rule 2 of version 12; before it, rule 2.4: without a create event there is no room. */
static int check_room(const struct auth_check *check)
{
	if (!check->create)
		return hearth_auth_reject(check, "the room has no create event");
	if (check->event->version->room_id_is_create_hash &&
	    strcmp(check->event->room_id + 1, check->create->event_id + 1) != 0)
		return hearth_auth_reject(check, "the room id is not that of the create event");
	return AUTH_UNDECIDED;
}

/* Rule 4: m.federate. */
static int check_federation(const struct auth_check *check)
{
	const struct hearth_json *federate = hearth_json_get(check->create->content, "m.federate");
	int forbidden;

	forbidden = hearth_json_type(federate) == HEARTH_JSON_BOOL && !hearth_json_true(federate);
	if (forbidden && !hearth_auth_same_server(check->event->sender, check->create->sender))
		return hearth_auth_reject(check, "the room does not federate");
	return AUTH_UNDECIDED;
}

/* Rule 4 of versions 1 to 5: m.room.aliases. */
static int check_aliases(const struct auth_check *check)
{
	const struct hearth_event *event = check->event;
	const char *server = hearth_id_server(event->sender);

	if (!event->version->special_aliases_auth || !is_type(event, "m.room.aliases"))
		return AUTH_UNDECIDED;
	if (!event->state_key || !server || strcmp(event->state_key, server) != 0)
		return hearth_auth_reject(check, "the aliases are not of the sender's server");
	return 0;
}

static int check_member(const struct auth_check *check)
{
	return is_type(check->event, "m.room.member") ? hearth_auth_member_check(check) : AUTH_UNDECIDED;
}

/* Rule 6. */
static int check_sender_joined(const struct auth_check *check)
{
	if (strcmp(hearth_auth_membership(check, check->event->sender), "join") != 0)
		return hearth_auth_reject(check, "the sender is not in the room");
	return AUTH_UNDECIDED;
}

/* Rule 7. */
static int check_third_party_invite(const struct auth_check *check)
{
	if (!is_type(check->event, "m.room.third_party_invite"))
		return AUTH_UNDECIDED;
	if (hearth_auth_power(check, check->event->sender) < hearth_auth_power_to_act(check, "invite"))
		return hearth_auth_reject(check, "the sender may not invite");
	return 0;
}

/* Rule 8. */
static int check_required_level(const struct auth_check *check)
{
	const struct hearth_event *event = check->event;
	int64_t required;

	required = hearth_power_to_send(event->version, check->power_levels, event->type, event->state_key != NULL);
	if (hearth_auth_power(check, event->sender) < required)
		return hearth_auth_reject(check, "the sender's power level does not allow events of this type");
	return AUTH_UNDECIDED;
}

/* Rule 9. */
static int check_state_key(const struct auth_check *check)
{
	const struct hearth_event *event = check->event;

	if (event->state_key && event->state_key[0] == '@' && strcmp(event->state_key, event->sender) != 0)
		return hearth_auth_reject(check, "the state key is another user's id");
	return AUTH_UNDECIDED;
}

static int check_power_levels(const struct auth_check *check)
{
	return is_type(check->event, "m.room.power_levels") ? hearth_auth_levels_check(check) : AUTH_UNDECIDED;
}

/* Rule 11 of versions 1 and 2; later versions decide when the redaction is applied. */
static int check_redaction(const struct auth_check *check)
{
	const struct hearth_event *event = check->event;

	if (event->version->event_id_form != HEARTH_EVENT_ID_GIVEN || !is_type(event, "m.room.redaction"))
		return AUTH_UNDECIDED;
	if (hearth_auth_power(check, event->sender) >= hearth_auth_power_to_act(check, "redact") ||
	    hearth_auth_same_server(event->event_id, event->redacts))
		return 0;
	return hearth_auth_reject(check, "the sender may not redact the events of other servers");
}

int hearth_auth_check(const struct hearth_event *event, const struct hearth_state_view *view, struct hearth_error *err)
{
	static int (*const rules[])(const struct auth_check *check) = {
		check_create,    check_room,          check_federation,         check_aliases,
		check_member,    check_sender_joined, check_third_party_invite, check_required_level,
		check_state_key, check_power_levels,  check_redaction,
	};
	struct auth_check check = { .event = event, .view = view, .err = err };

	check.create = hearth_auth_state(&check, "m.room.create", "");
	check.power_levels = hearth_auth_state(&check, "m.room.power_levels", "");
	for (size_t i = 0; i < HEARTH_COUNT(rules); i++) {
		int r = rules[i](&check);

		if (r != AUTH_UNDECIDED)
			return r;
	}
	return 0;
}
