/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/matrix/auth.h - event authorisation and power levels (spec of each room version, "Authorization rules").
 *
 * 1.0  first version
 */
#ifndef HEARTH_MATRIX_AUTH_H
#define HEARTH_MATRIX_AUTH_H

#include <hearth/matrix/event.h>

HEARTH_BEGIN_DECLS

/* How a rule looks state up: the event at (type, state_key), or NULL. */
struct hearth_state_view {
	const struct hearth_event *(*get)(void *context, const char *type, const char *state_key);
	void                      *context;
};

/*
 * Which state an event must cite (spec server-server, "Auth events selection"): calls add(context, type, state_key)
 * for each, in a fixed order, without m.room.create in version 12.
 */
HEARTH_EXPORT void hearth_auth_select(const struct hearth_room_version *version, const char *type, const char *sender,
				      const char *state_key, const struct hearth_json *content,
				      void (*add)(void *context, const char *type, const char *state_key),
				      void *context);

/*
 * The rules that depend on state alone. view is the state before the event. In version 12 the create event is found
 * by room id, so view.get must answer ("m.room.create", "") in every version.
 * Signatures are the caller's to check, also those that a join_authorised_via_users_server demands; the signatures of a
 * third-party invite are checked here.
 * 0: allowed. -EACCES with M_FORBIDDEN and the rule that failed.
 */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_auth_check(const struct hearth_event *event, const struct hearth_state_view *view, struct hearth_error *err);

/*
 * The rules on the event's own auth_events: no duplicates, none unexpected, none rejected, a create event among them,
 * all of one room. events: those that auth_events cites, as far as known. 0 or -EACCES.
 */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_auth_check_citations(const struct hearth_event *event, const struct hearth_event *const *events,
				size_t count, struct hearth_error *err);

#define HEARTH_POWER_CREATOR INT64_MAX /* a creator of a version 12 room: more than any number */

/* power_levels and create: the state events, NULL where there is none. */
HEARTH_EXPORT int64_t hearth_power_of_user(const struct hearth_room_version *version,
					   const struct hearth_event *power_levels, const struct hearth_event *create,
					   const char *user_id);
HEARTH_EXPORT int64_t hearth_power_to_send(const struct hearth_room_version *version,
					   const struct hearth_event *power_levels, const char *type, int is_state);
/* action: "ban", "kick", "invite", "redact", or a key of "notifications" as "notifications.room". */
HEARTH_EXPORT int64_t hearth_power_to_act(const struct hearth_room_version *version,
					  const struct hearth_event *power_levels, const char *action);

/* 1 where user_id created the room (version 12: additional_creators, too). */
HEARTH_EXPORT int hearth_auth_is_creator(const struct hearth_event *create, const char *user_id);

HEARTH_END_DECLS
#endif
