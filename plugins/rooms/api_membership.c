/* SPDX-License-Identifier: Apache-2.0 */
/* Coming, going, inviting and throwing out (spec client-server, "Room membership"). */
#include "api.h"

#include <string.h>

#include <hearth/matrix/id.h>

struct member_args {
	const char               *room_id, *user_id, *reason;
	const struct hearth_json *third_party_signed;
};

static const struct hearth_field SELF_ARGS[] = {
	ROOMS_ROOM_ID(struct member_args), HEARTH_BODY(struct member_args, reason, "reason"), HEARTH_FIELDS_END
};
static const struct hearth_field JOIN_ARGS[] = {
	HEARTH_PATH(struct member_args, room_id, "roomIdOrAlias", .format = HEARTH_ROOM_ID_OR_ALIAS),
	HEARTH_BODY(struct member_args, reason, "reason"),
	HEARTH_BODY(struct member_args, third_party_signed, "third_party_signed", .shape = HEARTH_AN_OBJECT),
	HEARTH_FIELDS_END
};
static const struct hearth_field JOIN_ID_ARGS[] = {
	ROOMS_ROOM_ID(struct member_args), HEARTH_BODY(struct member_args, reason, "reason"),
	HEARTH_BODY(struct member_args, third_party_signed, "third_party_signed", .shape = HEARTH_AN_OBJECT),
	HEARTH_FIELDS_END
};
static const struct hearth_field OTHER_ARGS[] = {
	ROOMS_ROOM_ID(struct member_args),
	HEARTH_BODY(struct member_args, user_id, "user_id", .required = 1, .format = HEARTH_USER_ID),
	HEARTH_BODY(struct member_args, reason, "reason"), HEARTH_FIELDS_END
};

int api_member_content(struct rooms *r, struct hearth_task *task, const char *user_id, const char *membership,
		       const char *reason, struct hearth_json **ret_content, struct hearth_error *err)
{
	struct hearth_json *content = hearth_json_object_new(r->tasks->arena(task));
	struct hearth_profile profile = { .size = sizeof(profile) };

	if (user_id && r->accounts && hearth_id_is_local(user_id, r->server_name)) {
		int rc = r->accounts->profiles(r->accounts, task, &user_id, 1, &profile, err);

		if (rc < 0)
			return rc;
	}
	hearth_json_set_string(content, "membership", membership);
	if (profile.displayname)
		hearth_json_set_string(content, "displayname", profile.displayname);
	if (profile.avatar_url)
		hearth_json_set_string(content, "avatar_url", profile.avatar_url);
	if (reason)
		hearth_json_set_string(content, "reason", reason);
	*ret_content = content;
	return 0;
}

/* with_profile: the event is about coming in, and shows who comes. */
HEARTH_SUSPENDS static int change(struct rooms *r, struct hearth_task *task, const struct hearth_request *req,
				  const char *room_id, const char *user_id, const char *membership, bool with_profile,
				  const struct member_args *args, struct hearth_error *err)
{
	struct hearth_draft draft = { .size = sizeof(draft), .room_id = room_id, .sender = req->user->user_id,
				      .type = "m.room.member", .state_key = user_id, .device_id = req->user->device_id };
	struct hearth_json *content;
	const char *event_id;
	int rc;

	rc = api_limit_message(r, req->user->user_id, err);
	if (rc >= 0)
		rc = api_member_content(r, task, with_profile ? user_id : NULL, membership, args->reason, &content, err);
	if (rc < 0)
		return rc;
	if (args->third_party_signed) {
		struct hearth_json *invite = hearth_json_object_new(req->arena);

		hearth_json_set(invite, "signed", args->third_party_signed);
		hearth_json_set(content, "third_party_invite", invite);
	}
	draft.content = content;
	draft.unless_same = !strcmp(membership, "join");
	return rooms_send(r, task, &draft, &event_id, err);
}

HEARTH_SUSPENDS static int find_room(struct rooms *r, struct hearth_task *task, const char *id, const char **ret_room_id,
				     struct hearth_error *err)
{
	*ret_room_id = id;
	return *id == '#' ? rooms_alias_to_room(r, task, id, ret_room_id, err) : 0;
}

static void write_room_id(struct hearth_request *req, const char *room_id)
{
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "room_id", room_id);
	hearth_write_end(req->out);
}

HEARTH_SUSPENDS static int check_hook(struct rooms *r, struct hearth_task *task, const char *hook, const char *user_id,
				      const char *room_id, const char *target, bool invited, struct hearth_error *err)
{
	struct hearth_hook_room subject = { .user_id = user_id, .room_id = room_id, .target = target, .invited = invited };
	int rc = r->hooks->present(r->host, hook) ? r->hooks->run(r->host, task, hook, &subject, err) : 0;

	return rc < 0 ? rc : 0;
}

HEARTH_SUSPENDS static int enter(struct rooms *r, struct hearth_task *task, struct hearth_request *req,
				 const struct member_args *args, const char *membership, struct hearth_error *err)
{
	struct hearth_membership old = { .size = sizeof(old) };
	const char *user_id = req->user->user_id, *room_id;
	bool joins;
	int rc;

	rc = find_room(r, task, args->room_id, &room_id, err);
	if (rc >= 0)
		rc = rooms_membership(r, task, room_id, user_id, &old, err);
	joins = !strcmp(membership, "join") && !(old.membership && !strcmp(old.membership, "join"));
	if (rc >= 0 && joins)
		rc = api_limit_join(r, user_id, room_id, err);
	if (rc >= 0 && !strcmp(membership, "join"))
		rc = check_hook(r, task, HEARTH_HOOK_ROOM_MAY_JOIN, user_id, room_id, NULL,
				old.membership && !strcmp(old.membership, "invite"), err);
	/* Joining again changes nothing, and is no way to change a name either (that is the profile's). */
	if (rc >= 0 && (joins || strcmp(membership, "join")))
		rc = change(r, task, req, room_id, user_id, membership, true, args, err);
	if (rc >= 0 && joins) {
		api_note_join(r, room_id);
		rc = api_follow(r, task, user_id, room_id, err);
	}
	if (rc >= 0)
		write_room_id(req, room_id);
	return rc;
}

HEARTH_SUSPENDS static int post_join(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	return enter(self, task, req, fields, "join", err);
}

HEARTH_SUSPENDS static int post_knock(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	return enter(self, task, req, fields, "knock", err);
}

HEARTH_SUSPENDS static int post_leave(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	struct rooms *r = self;
	const struct member_args *args = fields;
	struct hearth_membership old = { .size = sizeof(old) };
	int rc = rooms_membership(r, task, args->room_id, req->user->user_id, &old, err);

	if (rc < 0 || (old.membership && !strcmp(old.membership, "leave")))
		return rc;
	return change(r, task, req, args->room_id, req->user->user_id, "leave", false, args, err);
}

HEARTH_SUSPENDS static int post_invite(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				       struct hearth_error *err)
{
	struct rooms *r = self;
	const struct member_args *args = fields;
	int rc = api_limit_invite(r, args->room_id, args->user_id, req->user->user_id, err);

	if (rc >= 0)
		rc = check_hook(r, task, HEARTH_HOOK_ROOM_MAY_INVITE, req->user->user_id, args->room_id, args->user_id, false,
				err);
	return rc < 0 ? rc : change(r, task, req, args->room_id, args->user_id, "invite", true, args, err);
}

/* Kick and unban are both a leave; each is only for those whom it can concern. */
HEARTH_SUSPENDS static int put_out(struct rooms *r, struct hearth_task *task, struct hearth_request *req,
				   const struct member_args *args, bool unban, struct hearth_error *err)
{
	struct hearth_membership old = { .size = sizeof(old) };
	int rc = rooms_membership(r, task, args->room_id, args->user_id, &old, err);
	const char *now = old.membership ? old.membership : "leave";

	if (rc < 0)
		return rc;
	if (unban ? strcmp(now, "ban") : !strcmp(now, "leave") || !strcmp(now, "ban"))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "%.80s is not %s", args->user_id,
				unban ? "banned" : "in the room");
	return change(r, task, req, args->room_id, args->user_id, "leave", false, args, err);
}

HEARTH_SUSPENDS static int post_kick(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	return put_out(self, task, req, fields, false, err);
}

HEARTH_SUSPENDS static int post_unban(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	return put_out(self, task, req, fields, true, err);
}

HEARTH_SUSPENDS static int post_ban(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	const struct member_args *args = fields;

	return change(self, task, req, args->room_id, args->user_id, "ban", false, args, err);
}

HEARTH_SUSPENDS static int post_forget(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				       struct hearth_error *err)
{
	const struct member_args *args = fields;

	return rooms_forget(self, task, args->room_id, req->user->user_id, err);
}

HEARTH_SUSPENDS static int get_joined(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	const struct hearth_membership *memberships;
	size_t count;
	int rc = rooms_memberships(self, task, req->user->user_id, INT64_MAX, &memberships, &count, err);

	(void)fields;
	if (rc < 0)
		return rc;
	hearth_write_object(req->out, NULL);
	hearth_write_array(req->out, "joined_rooms");
	for (size_t i = 0; i < count; i++)
		if (!strcmp(memberships[i].membership, "join"))
			hearth_write_string(req->out, NULL, memberships[i].room_id);
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

#define MEMBER(path_, fields_, handler_)                                                                  \
	{ .method = "POST", .path = "/_matrix/client/v3/" path_, .also = "api/v1 r0 unstable",            \
	  .access = HEARTH_ACCESS_GUEST, .flags = HEARTH_ENDPOINT_OPTIONAL_BODY,                        \
	  .fields = fields_, .args_size = sizeof(struct member_args), .handler = handler_ }

const struct hearth_endpoint MEMBERSHIP_ENDPOINTS[] = {
	MEMBER("join/{roomIdOrAlias}", JOIN_ARGS, post_join),
	MEMBER("rooms/{roomId}/join", JOIN_ID_ARGS, post_join),
	MEMBER("knock/{roomIdOrAlias}", JOIN_ARGS, post_knock),
	MEMBER("rooms/{roomId}/leave", SELF_ARGS, post_leave),
	MEMBER("rooms/{roomId}/forget", SELF_ARGS, post_forget),
	MEMBER("rooms/{roomId}/invite", OTHER_ARGS, post_invite),
	MEMBER("rooms/{roomId}/kick", OTHER_ARGS, post_kick),
	MEMBER("rooms/{roomId}/ban", OTHER_ARGS, post_ban),
	MEMBER("rooms/{roomId}/unban", OTHER_ARGS, post_unban),
	{ .method = "GET", .path = "/_matrix/client/v3/joined_rooms", .also = "api/v1 r0 unstable",
	  .access = HEARTH_ACCESS_GUEST, .handler = get_joined },
	HEARTH_ENDPOINTS_END
};
