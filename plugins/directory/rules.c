/* SPDX-License-Identifier: Apache-2.0 */
/* Rules of the configuration about who may publish a room or name it: patterns, first match decides. */
#include "directory.h"

#include <errno.h>
#include <string.h>

#include <hearth/matrix/id.h>

int rules_check(const char *key, const struct hearth_json *rules, struct hearth_error *err)
{
	static const char *const PATTERNS[] = { "user_id", "room_id", "alias" };

	if (rules && hearth_json_type(rules) != HEARTH_JSON_ARRAY && hearth_json_type(rules) != HEARTH_JSON_NULL)
		return hearth_fail(err, -EINVAL, "%s: expected a list of rules", key);
	for (size_t i = 0; i < hearth_json_size(rules); i++) {
		const struct hearth_json *rule = hearth_json_at(rules, i);
		const char *action = hearth_json_get_string(rule, "action");

		if (!action || (strcmp(action, "allow") && strcmp(action, "deny")))
			return hearth_fail(err, -EINVAL, "%s[%zu].action: expected allow or deny", key, i);
		for (size_t p = 0; p < HEARTH_COUNT(PATTERNS); p++)
			if (hearth_json_get(rule, PATTERNS[p]) && !hearth_json_get_string(rule, PATTERNS[p]))
				return hearth_fail(err, -EINVAL, "%s[%zu].%s: expected a pattern", key, i, PATTERNS[p]);
	}
	return 0;
}

static const char *pattern_of(const struct hearth_json *rule, const char *key)
{
	const char *pattern = hearth_json_get_string(rule, key);

	return pattern ? pattern : "*";
}

static bool alias_matches(const char *pattern, const struct hearth_texts *aliases)
{
	if (!strcmp(pattern, "*"))
		return true;
	for (size_t i = 0; i < aliases->count; i++)
		if (hearth_glob_matches(pattern, aliases->items[i]))
			return true;
	return false;
}

bool rules_allow(const struct hearth_json *rules, const char *user_id, const char *room_id,
		 const struct hearth_texts *aliases)
{
	for (size_t i = 0; i < hearth_json_size(rules); i++) {
		const struct hearth_json *rule = hearth_json_at(rules, i);
		const char *room = pattern_of(rule, "room_id");

		if (hearth_glob_matches(pattern_of(rule, "user_id"), user_id) &&
		    (room_id ? hearth_glob_matches(room, room_id) : !strcmp(room, "*")) &&
		    alias_matches(pattern_of(rule, "alias"), aliases))
			return !strcmp(hearth_json_get_string(rule, "action"), "allow");
	}
	return false;
}
