/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of event authorisation share. Rule numbers in comments are those of room version 12. */
#ifndef HEARTH_AUTH_PRIVATE_H
#define HEARTH_AUTH_PRIVATE_H

#include <string.h>

#include <hearth/matrix/auth.h>

/* A rule's third answer beside 0 (allow) and a negative errno (reject): it does not decide, go on to the next one. */
#define AUTH_UNDECIDED 1

/* One check under way. */
struct auth_check {
	const struct hearth_event *event;
	const struct hearth_state_view *view;
	const struct hearth_event *create;
	const struct hearth_event *power_levels; /* NULL: the room has none yet */
	struct hearth_error *err;
};

/* A member that is a string; NULL also where a NUL stands inside, since no comparison may stop short of it. */
static inline const char *hearth_auth_string(const struct hearth_json *object, const char *key)
{
	size_t length;
	const char *text = hearth_json_string(hearth_json_get(object, key), &length);

	return text && strlen(text) == length ? text : NULL;
}

/* The state event, NULL where there is none or it was rejected. */
const struct hearth_event *hearth_auth_state(const struct auth_check *check, const char *type, const char *state_key);

/* The membership in the state before the event; "" for one who never had any. */
const char *hearth_auth_membership(const struct auth_check *check, const char *user_id);

int64_t hearth_auth_power(const struct auth_check *check, const char *user_id);
int64_t hearth_auth_power_to_act(const struct auth_check *check, const char *action);

/* 1 where both ids name the same server; 0 where one has none. */
int hearth_auth_same_server(const char *a, const char *b);

/* Records M_FORBIDDEN with the reason and returns -EACCES. */
int hearth_auth_reject(const struct auth_check *check, const char *reason);

/* Rule 5, m.room.member. */
int hearth_auth_member_check(const struct auth_check *check);

/* Rule 5.4.1: an invite that answers a third-party invite. */
int hearth_auth_invite_check(const struct auth_check *check, const struct hearth_json *third_party_invite);

/* Rule 10, m.room.power_levels. */
int hearth_auth_levels_check(const struct auth_check *check);

/*
 * A power level as the version reads it: an integer; before version 10 also a string or a float.
 * 0, or -EINVAL where it is none.
 */
int hearth_auth_power_parse(const struct hearth_room_version *version, const struct hearth_json *value,
			    int64_t *ret_power);

#endif
