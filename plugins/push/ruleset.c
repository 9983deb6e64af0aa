/* SPDX-License-Identifier: Apache-2.0
 *
 * A user's ruleset: the server's default rules, the user's own before them, and what the user changed about both.
 */
#include "push.h"

#include <string.h>

static const char *const KINDS[] = { "override", "content", "room", "sender", "underride" };

struct user_set {
	struct hearth_texts user_ids;
};

static const struct hearth_field USER_SET[] = { HEARTH_COLUMNS(struct user_set, user_ids) };

static const struct hearth_field ROW[] = {
	HEARTH_COLUMNS(struct push_rule_row, user_id, kind, rule_id, place, rule, has_enabled, enabled, actions)
};

static const struct hearth_statement SELECT_RULES = {
	.name = "push.select_rules",
	.sql = "SELECT user_id, kind, rule_id, place, rule, false, false, NULL::text FROM push_rules"
	       " WHERE user_id = ANY ($1) UNION ALL"
	       " SELECT user_id, kind, rule_id, 0, NULL, enabled IS NOT NULL, coalesce(enabled, false), actions"
	       " FROM push_rule_settings WHERE user_id = ANY ($1) ORDER BY 4",
	.params = USER_SET, .row = ROW, .row_size = sizeof(struct push_rule_row),
};

bool ruleset_is_kind(const char *kind)
{
	for (size_t i = 0; i < HEARTH_COUNT(KINDS); i++)
		if (!strcmp(KINDS[i], kind))
			return true;
	return false;
}

int ruleset_select(struct push *push, struct hearth_task *task, struct hearth_tx *tx, const char *const *user_ids,
		   size_t count, struct hearth_rows *ret_rows, struct hearth_error *err)
{
	struct user_set params = { { user_ids, count } };

	if (tx)
		return push->db->query(tx, &SELECT_RULES, &params, ret_rows, err);
	return push->db->read(task, &SELECT_RULES, &params, ret_rows, err);
}

static bool is_of(const struct push_rule_row *row, const char *user_id, const char *kind)
{
	return !strcmp(row->kind, kind) && !strcmp(row->user_id, user_id);
}

static const struct push_rule_row *setting_of(const struct hearth_rows *rows, const char *user_id, const char *kind,
					      const char *rule_id)
{
	const struct push_rule_row *items = rows->items;

	for (size_t i = 0; i < rows->count; i++)
		if (!items[i].rule && is_of(&items[i], user_id, kind) && !strcmp(items[i].rule_id, rule_id))
			return &items[i];
	return NULL;
}

static const struct hearth_json *with_setting(struct hearth_arena *arena, const struct hearth_json *rule,
					      const struct push_rule_row *setting)
{
	struct hearth_json *changed;

	if (!setting)
		return rule;
	changed = hearth_json_object_copy(arena, rule);
	if (setting->has_enabled)
		hearth_json_set_bool(changed, "enabled", setting->enabled);
	hearth_json_set(changed, "actions", setting->actions);
	return changed;
}

static const struct hearth_json *own_rule(struct hearth_arena *arena, const struct push_rule_row *row)
{
	struct hearth_json *rule = hearth_json_object_copy(arena, row->rule);

	hearth_json_set_string(rule, "rule_id", row->rule_id);
	hearth_json_set_bool(rule, "default", 0);
	hearth_json_set_bool(rule, "enabled", 1);
	return rule;
}

/* The master rule stands above everything; the user's own rules come before the server's others (spec "Push rules"). */
static bool goes_first(const struct hearth_json *rule)
{
	const char *rule_id = hearth_json_get_string(rule, "rule_id");

	return rule_id && !strcmp(rule_id, ".m.rule.master");
}

static void append_defaults(struct hearth_arena *arena, struct hearth_json *list, const struct hearth_json *defaults,
			    bool first, const char *user_id, const char *kind, const struct hearth_rows *rows)
{
	for (size_t i = 0; i < hearth_json_size(defaults); i++) {
		const struct hearth_json *rule = hearth_json_at(defaults, i);

		if (goes_first(rule) == first)
			hearth_json_append(list, with_setting(arena, rule, setting_of(rows, user_id, kind,
						hearth_json_get_string(rule, "rule_id"))));
	}
}

const struct hearth_json *ruleset_build(struct hearth_arena *arena, const char *user_id, const struct hearth_rows *rows)
{
	const struct hearth_json *defaults = hearth_push_default_rules(arena, user_id);
	const struct push_rule_row *items = rows->items;
	struct hearth_json *ruleset = hearth_json_object_new(arena);

	for (size_t k = 0; k < HEARTH_COUNT(KINDS); k++) {
		const struct hearth_json *of_kind = hearth_json_get_array(defaults, KINDS[k]);
		struct hearth_json *list = hearth_json_array_new(arena);

		append_defaults(arena, list, of_kind, true, user_id, KINDS[k], rows);
		for (size_t i = 0; i < rows->count; i++)
			if (items[i].rule && is_of(&items[i], user_id, KINDS[k]))
				hearth_json_append(list, with_setting(arena, own_rule(arena, &items[i]),
					setting_of(rows, user_id, KINDS[k], items[i].rule_id)));
		append_defaults(arena, list, of_kind, false, user_id, KINDS[k], rows);
		hearth_json_set(ruleset, KINDS[k], list);
	}
	return ruleset;
}

int ruleset_load(struct push *push, struct hearth_task *task, const char *user_id, const struct hearth_json **ret_ruleset,
		 struct hearth_error *err)
{
	struct hearth_rows rows;
	int r;

	r = ruleset_select(push, task, NULL, &user_id, 1, &rows, err);
	if (r >= 0)
		*ret_ruleset = ruleset_build(push->tasks->arena(task), user_id, &rows);
	return r;
}

const struct hearth_json *ruleset_find(const struct hearth_json *ruleset, const char *kind, const char *rule_id)
{
	const struct hearth_json *list = hearth_json_get_array(ruleset, kind);

	for (size_t i = 0; i < hearth_json_size(list); i++) {
		const char *found = hearth_json_get_string(hearth_json_at(list, i), "rule_id");

		if (found && !strcmp(found, rule_id))
			return hearth_json_at(list, i);
	}
	return NULL;
}
