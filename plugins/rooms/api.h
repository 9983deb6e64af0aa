/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/api.h - what the endpoint files (api_*.c) share. They call the store; the store calls none of them.
 */
#ifndef ROOMS_API_H
#define ROOMS_API_H

#include "rooms.h"

#define ROOMS_ROOM_ID(struct_) HEARTH_PATH(struct_, room_id, "roomId", .format = HEARTH_ROOM_ID)

extern const struct hearth_endpoint CREATE_ENDPOINTS[], MEMBERSHIP_ENDPOINTS[], SEND_ENDPOINTS[], STATE_ENDPOINTS[],
	HISTORY_ENDPOINTS[], ALIAS_ENDPOINTS[], RELATION_ENDPOINTS[], UPGRADE_ENDPOINTS[], THREAD_ENDPOINTS[];

/* profile.c: answers hook profile.changed. */
HEARTH_SUSPENDS int rooms_on_profile(void *self, struct hearth_task *task, void *subject, struct hearth_error *err);

/* {"membership": membership} with the user's display name and avatar (NULL user_id: without), and a reason. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_member_content(struct rooms *r, struct hearth_task *task, const char *user_id, const char *membership,
		       const char *reason, struct hearth_json **ret_content, struct hearth_error *err);

/* api_upgrade.c: runs room.on_followed where the room, which the user has just joined, replaces another one. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_follow(struct rooms *r, struct hearth_task *task, const char *user_id, const char *room_id,
	       struct hearth_error *err);

/*
 * standing.c: M_USER_SUSPENDED for what a suspended user may not do (spec "Account suspension"). A shadow-banned user is
 * humoured: nothing happens, some time passes, and the answer looks as if something had (_event: {"event_id": ...}).
 */
HEARTH_MUST_CHECK
int api_check_standing(const struct hearth_requester *user, struct hearth_error *err);
bool api_is_humoured(const struct hearth_requester *user);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_humour(struct rooms *r, struct hearth_task *task, struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_humour_event(struct rooms *r, struct hearth_task *task, struct hearth_request *req, struct hearth_error *err);

/*
 * limits.c: Synapse's limiters. Every event that a user sends counts under rc_message, save redactions of what others
 * said, where rc_admin_redaction is configured.
 */
HEARTH_MUST_CHECK
int api_limit_message(struct rooms *r, const char *user_id, struct hearth_error *err);
HEARTH_MUST_CHECK
int api_limit_redaction(struct rooms *r, const char *user_id, const char *target_sender, struct hearth_error *err);
/* rc_joins.local, and whether rc_joins_per_room has room for one more; api_note_join counts there once it has happened. */
HEARTH_MUST_CHECK
int api_limit_join(struct rooms *r, const char *user_id, const char *room_id, struct hearth_error *err);
void api_note_join(struct rooms *r, const char *room_id);
HEARTH_MUST_CHECK
int api_limit_invite(struct rooms *r, const char *room_id, const char *invitee, const char *issuer,
		     struct hearth_error *err);

/*
 * entry.c: limits and hooks that stand before a join (of somebody who is not in yet), and an invitation; room_id NULL: of
 * a room that is being made. Server administrators join past the hook. 403 M_INVITE_BLOCKED: the invitee wants none.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_may_join(struct rooms *r, struct hearth_task *task, const struct hearth_requester *user, const char *room_id,
		 bool invited, struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_may_invite(struct rooms *r, struct hearth_task *task, const char *inviter, const char *room_id,
		   const char *invitee, struct hearth_error *err);
/*
 * Of a restricted room: a local member who may invite, in whose name user_id, who satisfies the join rule, comes in
 * (join_authorised_via_users_server). NULL where the room is not restricted or there is no such member.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_find_authoriser(struct rooms *r, struct hearth_task *task, const char *room_id, const char *user_id,
			const char **ret_user_id, struct hearth_error *err);

/* Guests leave a room that has closed to them; each of them says so itself. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_expel_guests(struct rooms *r, struct hearth_task *task, const char *room_id, struct hearth_error *err);

/*
 * api_membership.c: a draft of m.room.member that a client wrote itself is held to what the endpoints of membership are;
 * *ret_joins: api_note_join and api_follow are due once it is sent. May change the draft's content.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_check_member(struct rooms *r, struct hearth_task *task, const struct hearth_requester *user,
		     struct hearth_draft *draft, bool *ret_joins, struct hearth_error *err);

/* api_aliases.c: 400 where a new alias in the content of m.room.canonical_alias is none of the room's. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_check_canonical(struct rooms *r, struct hearth_task *task, const char *room_id,
			const struct hearth_json *content, struct hearth_error *err);

/* relate.c: 400 where the relation that a message names is not to be had. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int api_check_relation(struct rooms *r, struct hearth_task *task, const struct hearth_draft *draft,
		       struct hearth_error *err);

/* {"event_id": event_id} */
void api_write_event_id(struct hearth_request *req, const char *event_id);

/*
 * A point in a room's history (see struct hearth_timeline_query): "t<depth>-<ordering>" or a sync token. Of a sync token
 * ret_by_depth is false. -EINVAL with M_INVALID_PARAM.
 */
HEARTH_MUST_CHECK
int api_read_point(const char *text, int64_t *ret_ordering, int64_t *ret_depth, bool *ret_by_depth,
		   struct hearth_error *err);

#endif
