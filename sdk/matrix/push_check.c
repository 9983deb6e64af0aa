/* SPDX-License-Identifier: Apache-2.0 */
/* A push rule as a client sends it. */
#include "push_private.h"

#include <errno.h>
#include <string.h>

#include <hearth/matrix/id.h>

static int is_one_of(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(text, list[i]) == 0)
			return 1;
	return 0;
}

static int check_id(const char *kind, const char *rule_id, struct hearth_error *err)
{
	if (rule_id[0] == '\0' || rule_id[0] == '.')
		return hearth_fail(err, -EINVAL, "rule_id is empty, or starts with a dot as server-default rules do");
	if (strpbrk(rule_id, "/\\"))
		return hearth_fail(err, -EINVAL, "rule_id holds a slash or a backslash");
	if (strlen(rule_id) > HEARTH_ID_MAX_BYTES)
		return hearth_fail(err, -EINVAL, "rule_id is longer than %d bytes", HEARTH_ID_MAX_BYTES);
	if (strcmp(kind, "room") == 0 && !hearth_id_is_room(rule_id))
		return hearth_fail(err, -EINVAL, "rule_id of a room rule is not a room id");
	if (strcmp(kind, "sender") == 0 && !hearth_id_is_user(rule_id))
		return hearth_fail(err, -EINVAL, "rule_id of a sender rule is not a user id");
	return 0;
}

static int check_actions(const struct hearth_json *rule, struct hearth_error *err)
{
	const struct hearth_json *actions = hearth_json_get(rule, "actions");

	if (!actions)
		return hearth_refuse(err, 400, "M_MISSING_PARAM", "actions is missing");
	if (hearth_json_type(actions) != HEARTH_JSON_ARRAY)
		return hearth_fail(err, -EINVAL, "actions is not an array");
	for (size_t i = 0; i < hearth_json_size(actions); i++) {
		static const char *const plain[] = { "notify", "dont_notify", "coalesce" };
		const struct hearth_json *action = hearth_json_at(actions, i);
		const char *name = hearth_json_string(action, NULL);

		if (name ? !is_one_of(name, plain, HEARTH_COUNT(plain)) : !hearth_json_get_string(action, "set_tweak"))
			return hearth_fail(err, -EINVAL, "actions[%zu] is not an action", i);
	}
	return 0;
}

static int check_pattern(const struct hearth_json *pattern, const char *field, struct hearth_error *err)
{
	size_t length;

	if (!hearth_json_string(pattern, &length))
		return hearth_fail(err, -EINVAL, "%s is %s", field, pattern ? "not a string" : "missing");
	if (length > PUSH_PATTERN_MAX)
		return hearth_fail(err, -EINVAL, "%s is longer than %d bytes", field, PUSH_PATTERN_MAX);
	return 0;
}

static int check_value(const struct hearth_json *value, struct hearth_error *err)
{
	uint32_t type = hearth_json_type(value);

	if (type == HEARTH_JSON_NONE)
		return hearth_fail(err, -EINVAL, "value of a condition is missing");
	if (type == HEARTH_JSON_FLOAT || type == HEARTH_JSON_ARRAY || type == HEARTH_JSON_OBJECT)
		return hearth_fail(err, -EINVAL, "value of a condition is not a string, integer, boolean or null");
	return 0;
}

/* Conditions of kinds that are not known are kept: they match nothing here, and clients may know them. */
static int check_condition(const struct hearth_json *condition, struct hearth_error *err)
{
	static const char *const with_key[] = { "event_match", "event_property_is", "event_property_contains",
						"sender_notification_permission" };
	const char *kind = hearth_json_get_string(condition, "kind");
	const char *is = hearth_json_get_string(condition, "is");
	uint32_t comparison;
	int64_t number;

	if (!kind)
		return hearth_fail(err, -EINVAL, "kind of a condition is missing");
	if (is_one_of(kind, with_key, HEARTH_COUNT(with_key)) && !hearth_json_get_string(condition, "key"))
		return hearth_fail(err, -EINVAL, "key of a condition is missing");
	if (strcmp(kind, "event_match") == 0)
		return check_pattern(hearth_json_get(condition, "pattern"), "pattern of a condition", err);
	if (strncmp(kind, "event_property_", strlen("event_property_")) == 0 &&
	    is_one_of(kind, with_key, HEARTH_COUNT(with_key)))
		return check_value(hearth_json_get(condition, "value"), err);
	if (strcmp(kind, "room_member_count") == 0 && (!is || hearth_push_parse_count(is, &comparison, &number) < 0))
		return hearth_fail(err, -EINVAL, "is of a condition is not a number with a comparison before it");
	return 0;
}

static int check_conditions(const struct hearth_json *rule, struct hearth_error *err)
{
	const struct hearth_json *conditions = hearth_json_get(rule, "conditions");

	if (conditions && hearth_json_type(conditions) != HEARTH_JSON_ARRAY)
		return hearth_fail(err, -EINVAL, "conditions is not an array");
	for (size_t i = 0; i < hearth_json_size(conditions); i++) {
		int r = check_condition(hearth_json_at(conditions, i), err);

		if (r < 0)
			return r;
	}
	return 0;
}

int hearth_push_check_rule(const char *kind, const char *rule_id, const struct hearth_json *rule,
			   struct hearth_error *err)
{
	int r;

	if (!is_one_of(kind, HEARTH_PUSH_KINDS, HEARTH_COUNT(HEARTH_PUSH_KINDS)))
		return hearth_fail(err, -EINVAL, "kind is not a kind of push rule");
	r = check_id(kind, rule_id, err);
	if (r < 0)
		return r;
	if (hearth_json_type(rule) != HEARTH_JSON_OBJECT)
		return hearth_fail(err, -EINVAL, "the push rule is not an object");
	r = check_actions(rule, err);
	if (r < 0)
		return r;
	if (strcmp(kind, "content") == 0)
		return check_pattern(hearth_json_get(rule, "pattern"), "pattern", err);
	if (strcmp(kind, "override") == 0 || strcmp(kind, "underride") == 0)
		return check_conditions(rule, err);
	return 0;
}
