/* SPDX-License-Identifier: Apache-2.0 */
/* Coming, going, inviting and throwing out (spec client-server, "Room membership"). */
#include "api.h"

#include <string.h>

#include <hearth/matrix/id.h>

#define AUTHORISER "join_authorised_via_users_server"

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

/* One membership of one user, about to be sent. */
struct changing {
	const char *room_id, *user_id, *membership;
	const char *authoriser;   /* who lets the user into a restricted room; NULL */
	bool        with_profile; /* the event is about coming in, and shows who comes */
};

HEARTH_SUSPENDS static int change(struct rooms *r, struct hearth_task *task, const struct hearth_request *req,
				  const struct changing *changing, const struct member_args *args, struct hearth_error *err)
{
	struct hearth_draft draft = { .size = sizeof(draft), .room_id = changing->room_id, .sender = req->user->user_id,
				      .type = "m.room.member", .state_key = changing->user_id,
				      .device_id = req->user->device_id };
	struct hearth_json *content;
	const char *event_id;
	int rc = strcmp(changing->membership, "leave") || strcmp(changing->user_id, draft.sender)
			 ? api_check_standing(req->user, err) : 0;

	if (rc >= 0)
		rc = api_limit_message(r, req->user->user_id, err);
	if (rc >= 0)
		rc = api_member_content(r, task, changing->with_profile ? changing->user_id : NULL, changing->membership,
					args->reason, &content, err);
	if (rc < 0)
		return rc;
	if (args->third_party_signed) {
		struct hearth_json *invite = hearth_json_object_new(req->arena);

		hearth_json_set(invite, "signed", args->third_party_signed);
		hearth_json_set(content, "third_party_invite", invite);
	}
	if (changing->authoriser)
		hearth_json_set_string(content, AUTHORISER, changing->authoriser);
	draft.content = content;
	draft.unless_same = !strcmp(changing->membership, "join");
	return rooms_send(r, task, &draft, &event_id, err);
}

HEARTH_SUSPENDS static int change_to(struct rooms *r, struct hearth_task *task, const struct hearth_request *req,
				     const struct member_args *args, const char *user_id, const char *membership,
				     bool with_profile, struct hearth_error *err)
{
	const struct changing changing = { .room_id = args->room_id, .user_id = user_id, .membership = membership,
					   .with_profile = with_profile };

	return change(r, task, req, &changing, args, err);
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

static bool is(const char *membership, const char *wanted)
{
	return membership && !strcmp(membership, wanted);
}

/* What stands before a join of somebody who is not in: the name of who lets them in goes into content. */
HEARTH_SUSPENDS static int prepare_join(struct rooms *r, struct hearth_task *task, const struct hearth_requester *user,
					const char *room_id, bool invited, const char **ret_authoriser,
					struct hearth_error *err)
{
	int rc = api_may_join(r, task, user, room_id, invited, err);

	*ret_authoriser = NULL;
	return rc < 0 || invited ? rc : api_find_authoriser(r, task, room_id, user->user_id, ret_authoriser, err);
}

HEARTH_SUSPENDS static int conclude_join(struct rooms *r, struct hearth_task *task, const char *user_id,
					 const char *room_id, struct hearth_error *err)
{
	api_note_join(r, room_id);
	return api_follow(r, task, user_id, room_id, err);
}

/* Who lets a user in is the server's to say: what the client says of it goes. */
static struct hearth_json *without_authoriser(struct hearth_arena *arena, const struct hearth_json *content)
{
	struct hearth_json *bare = hearth_json_object_copy(arena, content);

	hearth_json_remove(bare, AUTHORISER);
	return bare;
}

int api_check_member(struct rooms *r, struct hearth_task *task, const struct hearth_requester *user,
		     struct hearth_draft *draft, bool *ret_joins, struct hearth_error *err)
{
	const char *membership = hearth_json_get_string(draft->content, "membership"), *authoriser;
	struct hearth_membership old = { .size = sizeof(old) };
	struct hearth_json *content;
	int rc;

	*ret_joins = false;
	if (hearth_json_get(draft->content, AUTHORISER))
		draft->content = without_authoriser(r->tasks->arena(task), draft->content);
	if ((user->flags & HEARTH_REQUESTER_GUEST) &&
	    (strcmp(draft->state_key, user->user_id) || (!is(membership, "join") && !is(membership, "leave"))))
		return hearth_refuse(err, 403, "M_GUEST_ACCESS_FORBIDDEN", "guests join and leave, and that is all");
	if (is(membership, "invite")) {
		rc = api_limit_invite(r, draft->room_id, draft->state_key, user->user_id, err);
		return rc < 0 ? rc : api_may_invite(r, task, user->user_id, draft->room_id, draft->state_key, err);
	}
	if (!is(membership, "join") || strcmp(draft->state_key, user->user_id))
		return 0;
	rc = rooms_membership(r, task, draft->room_id, user->user_id, &old, err);
	if (rc < 0 || is(old.membership, "join"))
		return rc;
	*ret_joins = true;
	rc = prepare_join(r, task, user, draft->room_id, is(old.membership, "invite"), &authoriser, err);
	if (rc < 0 || !authoriser)
		return rc;
	content = hearth_json_object_copy(r->tasks->arena(task), draft->content);
	hearth_json_set_string(content, AUTHORISER, authoriser);
	draft->content = content;
	return 0;
}

HEARTH_SUSPENDS static int post_join(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	struct rooms *r = self;
	const struct member_args *args = fields;
	struct hearth_membership old = { .size = sizeof(old) };
	struct changing changing = { .membership = "join", .user_id = req->user->user_id, .with_profile = true };
	int rc = find_room(r, task, args->room_id, &changing.room_id, err);

	if (rc >= 0)
		rc = rooms_membership(r, task, changing.room_id, changing.user_id, &old, err);
	/* Joining again changes nothing, and is no way to change a name either (that is the profile's). */
	if (rc >= 0 && !is(old.membership, "join")) {
		rc = prepare_join(r, task, req->user, changing.room_id, is(old.membership, "invite"),
				&changing.authoriser, err);
		if (rc >= 0)
			rc = change(r, task, req, &changing, args, err);
		if (rc >= 0)
			rc = conclude_join(r, task, changing.user_id, changing.room_id, err);
	}
	if (rc >= 0)
		write_room_id(req, changing.room_id);
	return rc;
}

HEARTH_SUSPENDS static int post_knock(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	const struct member_args *args = fields;
	struct changing changing = { .membership = "knock", .user_id = req->user->user_id, .with_profile = true };
	int rc = find_room(self, task, args->room_id, &changing.room_id, err);

	if (rc >= 0)
		rc = change(self, task, req, &changing, args, err);
	if (rc >= 0)
		write_room_id(req, changing.room_id);
	return rc;
}

HEARTH_SUSPENDS static int post_leave(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	struct rooms *r = self;
	const struct member_args *args = fields;
	struct hearth_membership old = { .size = sizeof(old) };
	int rc = rooms_membership(r, task, args->room_id, req->user->user_id, &old, err);

	if (rc >= 0 && !is(old.membership, "leave"))
		rc = change_to(r, task, req, args, req->user->user_id, "leave", false, err);
	if (rc >= 0 && r->forget_on_leave)
		rc = rooms_forget(r, task, args->room_id, req->user->user_id, err);
	return rc;
}

HEARTH_SUSPENDS static int post_invite(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				       struct hearth_error *err)
{
	struct rooms *r = self;
	const struct member_args *args = fields;
	int rc = api_limit_invite(r, args->room_id, args->user_id, req->user->user_id, err);

	if (rc >= 0 && api_is_humoured(req->user))
		return api_humour(r, task, err);
	if (rc >= 0)
		rc = api_may_invite(r, task, req->user->user_id, args->room_id, args->user_id, err);
	return rc < 0 ? rc : change_to(r, task, req, args, args->user_id, "invite", true, err);
}

/* Kick and unban are both a leave; each is only for those whom it can concern. */
HEARTH_SUSPENDS static int put_out(struct rooms *r, struct hearth_task *task, struct hearth_request *req,
				   const struct member_args *args, bool unban, struct hearth_error *err)
{
	struct hearth_membership old = { .size = sizeof(old) }, own = old;
	const char *now;
	int rc = rooms_membership(r, task, args->room_id, req->user->user_id, &own, err);

	/* Whoever is outside does not learn who is in. */
	if (rc >= 0 && !is(own.membership, "join"))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "You are not in this room");
	if (rc >= 0)
		rc = rooms_membership(r, task, args->room_id, args->user_id, &old, err);
	if (rc < 0)
		return rc;
	now = old.membership ? old.membership : "leave";
	if (unban ? strcmp(now, "ban") : !strcmp(now, "leave") || !strcmp(now, "ban"))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "%.80s is not %s", args->user_id,
				unban ? "banned" : "in the room");
	return change_to(r, task, req, args, args->user_id, "leave", false, err);
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

	return change_to(self, task, req, args, args->user_id, "ban", false, err);
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

#define MEMBER(path_, access_, fields_, handler_)                                                         \
	{ .method = "POST", .path = "/_matrix/client/v3/" path_, .also = "api/v1 r0 unstable",            \
	  .access = HEARTH_ACCESS_##access_, .flags = HEARTH_ENDPOINT_OPTIONAL_BODY,                      \
	  .fields = fields_, .args_size = sizeof(struct member_args), .handler = handler_ }

const struct hearth_endpoint MEMBERSHIP_ENDPOINTS[] = {
	MEMBER("join/{roomIdOrAlias}", GUEST, JOIN_ARGS, post_join),
	MEMBER("rooms/{roomId}/join", GUEST, JOIN_ID_ARGS, post_join),
	MEMBER("knock/{roomIdOrAlias}", USER, JOIN_ARGS, post_knock),
	MEMBER("rooms/{roomId}/leave", GUEST, SELF_ARGS, post_leave),
	MEMBER("rooms/{roomId}/forget", USER, SELF_ARGS, post_forget),
	MEMBER("rooms/{roomId}/invite", USER, OTHER_ARGS, post_invite),
	MEMBER("rooms/{roomId}/kick", USER, OTHER_ARGS, post_kick),
	MEMBER("rooms/{roomId}/ban", USER, OTHER_ARGS, post_ban),
	MEMBER("rooms/{roomId}/unban", USER, OTHER_ARGS, post_unban),
	{ .method = "GET", .path = "/_matrix/client/v3/joined_rooms", .also = "api/v1 r0 unstable",
	  .access = HEARTH_ACCESS_GUEST, .handler = get_joined },
	HEARTH_ENDPOINTS_END
};
