/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/matrix/push.h - push rules: the defaults and their evaluation (spec client-server, "Push Notifications").
 *
 * 1.0  first version
 */
#ifndef HEARTH_MATRIX_PUSH_H
#define HEARTH_MATRIX_PUSH_H

#include <hearth/json.h>

HEARTH_BEGIN_DECLS

/*
 * The server-default ruleset for a user: {"override": [...], "content": [...], "room": [], "sender": [],
 * "underride": [...]}, arena. Rules and order as in the spec, with the user's id and localpart filled in.
 */
HEARTH_EXPORT const struct hearth_json *hearth_push_default_rules(struct hearth_arena *arena, const char *user_id);

struct hearth_push_rules;

/*
 * Compiles a ruleset for many evaluations; as long as the arena, into which the ruleset must point as well. Rules that
 * are disabled, malformed or of conditions that the specification does not name never match. -EINVAL where the ruleset
 * or one of its kinds is of the wrong type.
 */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_push_compile(struct hearth_arena *arena, const struct hearth_json *ruleset,
			const struct hearth_push_rules **ret_rules, struct hearth_error *err);

/* What the rules may ask about an event; shared by all the recipients of one event. */
struct hearth_push_event {
	const struct hearth_json *event;              /* the PDU or client form */
	int64_t                   sender_power;
	int64_t                   room_notification_power; /* notifications.room of the power levels, 50 by default */
	int64_t                   member_count;
};

struct hearth_push_outcome {
	uint32_t    notify;    /* 1: counts and pushes */
	uint32_t    highlight; /* 1: tweak highlight */
	const char *sound;     /* tweak, or NULL; as long as the rules */
	const struct hearth_json *actions; /* of the rule that matched; NULL: none matched */
};

/* Evaluates for one recipient. display_name: theirs in the room, NULL where unset. Never for one's own events: the
 * caller skips those. */
HEARTH_EXPORT void hearth_push_evaluate(const struct hearth_push_rules *rules, const struct hearth_push_event *event,
					const char *display_name,
					struct hearth_push_outcome *ret_outcome);

/* Checks one rule as a client sends it (PUT pushrules): conditions, actions, pattern. 0 or -EINVAL naming the field. */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_push_check_rule(const char *kind, const char *rule_id, const struct hearth_json *rule,
			   struct hearth_error *err);

HEARTH_END_DECLS
#endif
