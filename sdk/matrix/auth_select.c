/* SPDX-License-Identifier: Apache-2.0 */
/* Which state an event cites as its auth_events (spec server-server, "Auth events selection"). */
#include "auth_private.h"

#include <string.h>

struct selection {
	void (*add)(void *context, const char *type, const char *state_key);
	void *context;
	const char *sender;
	const char *target;
};

static void add(const struct selection *selection, const char *type, const char *state_key)
{
	selection->add(selection->context, type, state_key);
}

static int is(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

static void add_third_party_invite(const struct selection *selection, const struct hearth_json *content)
{
	const struct hearth_json *invite = hearth_json_get_object(content, "third_party_invite");
	const char *token;

	token = hearth_auth_string(hearth_json_get_object(invite, "signed"), "token");
	if (token)
		add(selection, "m.room.third_party_invite", token);
}

static void add_authoriser(const struct selection *selection, const struct hearth_json *content)
{
	const char *user_id = hearth_auth_string(content, "join_authorised_via_users_server");

	if (user_id && !is(user_id, selection->sender) && !is(user_id, selection->target))
		add(selection, "m.room.member", user_id);
}

static void add_of_member(const struct hearth_room_version *version, const struct selection *selection,
			  const struct hearth_json *content)
{
	const char *membership = hearth_auth_string(content, "membership");

	if (selection->target && !is(selection->target, selection->sender))
		add(selection, "m.room.member", selection->target);
	if (is(membership, "join") || is(membership, "invite") || is(membership, "knock"))
		add(selection, "m.room.join_rules", "");
	if (is(membership, "invite"))
		add_third_party_invite(selection, content);
	if (is(membership, "join") && version->restricted_join)
		add_authoriser(selection, content);
}

void hearth_auth_select(const struct hearth_room_version *version, const char *type, const char *sender,
			const char *state_key, const struct hearth_json *content,
			void (*add_key)(void *context, const char *type, const char *state_key), void *context)
{
	const struct selection selection = {
		.add = add_key, .context = context, .sender = sender, .target = state_key
	};

	if (is(type, "m.room.create"))
		return;
	if (!version->room_id_is_create_hash)
		add(&selection, "m.room.create", "");
	add(&selection, "m.room.power_levels", "");
	add(&selection, "m.room.member", sender);
	if (is(type, "m.room.member"))
		add_of_member(version, &selection, content);
}
