/* SPDX-License-Identifier: Apache-2.0
 *
 * Whoever comes into the room that replaces another one keeps the rules about the old one, for the new one.
 */
#include "push.h"

#include <string.h>

static bool is_about(const struct hearth_json *condition, const char *room_id)
{
	const char *key = hearth_json_get_string(condition, "key"), *pattern = hearth_json_get_string(condition, "pattern");

	return key && pattern && !strcmp(key, "room_id") && !strcmp(pattern, room_id);
}

/* The conditions with the new room in the old one's place; NULL where they are not about the old room. */
static const struct hearth_json *moved_conditions(struct hearth_arena *arena, const struct hearth_json *conditions,
						  const struct hearth_hook_follow *follow)
{
	struct hearth_json *moved = hearth_json_array_new(arena);
	bool found = false;

	for (size_t i = 0; i < hearth_json_size(conditions); i++) {
		const struct hearth_json *condition = hearth_json_at(conditions, i);
		struct hearth_json *copy = hearth_json_object_copy(arena, condition);

		if (is_about(condition, follow->old_room_id)) {
			hearth_json_set_string(copy, "pattern", follow->room_id);
			found = true;
		}
		hearth_json_append(moved, copy);
	}
	return found ? moved : NULL;
}

HEARTH_SUSPENDS static int move_rule(struct push *push, struct hearth_task *task, const struct hearth_json *ruleset,
				     const char *kind, const struct hearth_json *rule,
				     const struct hearth_hook_follow *follow, struct hearth_error *err)
{
	struct hearth_arena *arena = push->tasks->arena(task);
	struct hearth_json *moved = hearth_json_object_new(arena);
	const char *rule_id = hearth_json_get_string(rule, "rule_id");
	bool of_room = !strcmp(kind, "room") && rule_id && !strcmp(rule_id, follow->old_room_id);
	const struct hearth_json *conditions = moved_conditions(arena, hearth_json_get_array(rule, "conditions"), follow);

	if ((!of_room && !conditions) || !hearth_json_get_bool(rule, "enabled", 1) ||
	    ruleset_find(ruleset, kind, follow->room_id))
		return 0;
	hearth_json_set(moved, "actions", hearth_json_get(rule, "actions"));
	hearth_json_set(moved, "conditions", conditions);
	return rules_put(push, task, follow->user_id, kind, follow->room_id, moved, err);
}

int follow_on_followed(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	struct push *push = self;
	const struct hearth_hook_follow *follow = subject;
	const struct hearth_json *ruleset;
	int r = ruleset_load(push, task, follow->user_id, &ruleset, err);

	for (size_t k = 0; r >= 0 && k < hearth_json_size(ruleset); k++) {
		const struct hearth_json *rules = hearth_json_at(ruleset, k);

		for (size_t i = 0; r >= 0 && i < hearth_json_size(rules); i++)
			r = move_rule(push, task, ruleset, hearth_json_key_at(ruleset, k), hearth_json_at(rules, i),
					follow, err);
	}
	return r;
}
