/* SPDX-License-Identifier: Apache-2.0 */
/* From the rules as clients store them to what evaluation reads. */
#include "push_private.h"

#include <errno.h>
#include <string.h>

const char *const HEARTH_PUSH_KINDS[5] = { "override", "content", "room", "sender", "underride" };

/* What conditions compare with is bounded: nobody's room has more members. */
#define COUNT_DIGITS_MAX 15

int hearth_push_parse_count(const char *text, uint32_t *ret_comparison, int64_t *ret_number)
{
	static const struct {
		const char *text;
		uint32_t comparison;
	} prefixes[] = {
		{ "==", PUSH_EQUAL },           { "<=", PUSH_LESS_OR_EQUAL },
		{ ">=", PUSH_GREATER_OR_EQUAL }, { "<", PUSH_LESS },
		{ ">", PUSH_GREATER },          { "", PUSH_EQUAL },
	};
	uint32_t comparison = 0;
	int64_t number = 0;
	size_t digits;

	for (size_t i = 0; comparison == 0 && i < HEARTH_COUNT(prefixes); i++) {
		if (strncmp(text, prefixes[i].text, strlen(prefixes[i].text)) != 0)
			continue;
		comparison = prefixes[i].comparison;
		text += strlen(prefixes[i].text);
	}
	digits = strspn(text, "0123456789");
	if (digits == 0 || digits > COUNT_DIGITS_MAX || text[digits] != '\0')
		return -EINVAL;
	for (; *text; text++)
		number = number * 10 + (*text - '0');
	*ret_comparison = comparison;
	*ret_number = number;
	return 0;
}

static const struct push_pattern *pattern_of(struct hearth_arena *arena, const struct hearth_json *value, int by_words)
{
	size_t length;
	const char *glob = hearth_json_string(value, &length);

	return glob ? hearth_push_pattern_new(arena, glob, length, by_words) : NULL;
}

static int is_simple(const struct hearth_json *value)
{
	uint32_t type = hearth_json_type(value);

	return type == HEARTH_JSON_STRING || type == HEARTH_JSON_INT || type == HEARTH_JSON_BOOL ||
	       type == HEARTH_JSON_NULL;
}

static void compile_event_match(struct hearth_arena *arena, const struct hearth_json *json, const char *key,
				struct push_condition *condition)
{
	condition->pattern = pattern_of(arena, hearth_json_get(json, "pattern"), strcmp(key, "content.body") == 0);
	condition->kind = condition->pattern ? PUSH_EVENT_MATCH : PUSH_NEVER;
}

static void compile_property(const struct hearth_json *json, uint32_t kind, struct push_condition *condition)
{
	condition->value = hearth_json_get(json, "value");
	condition->kind = is_simple(condition->value) ? kind : PUSH_NEVER;
}

static struct push_condition compile_condition(struct hearth_arena *arena, const struct hearth_json *json)
{
	struct push_condition condition = { .kind = PUSH_NEVER };
	const char *kind = hearth_json_get_string(json, "kind");
	const char *key = hearth_json_get_string(json, "key");
	const char *is = hearth_json_get_string(json, "is");

	if (!kind)
		return condition;
	if (key)
		condition.path = hearth_path_split(arena, key);
	if (strcmp(kind, "event_match") == 0 && key)
		compile_event_match(arena, json, key, &condition);
	else if (strcmp(kind, "event_property_is") == 0 && key)
		compile_property(json, PUSH_PROPERTY_IS, &condition);
	else if (strcmp(kind, "event_property_contains") == 0 && key)
		compile_property(json, PUSH_PROPERTY_CONTAINS, &condition);
	else if (strcmp(kind, "contains_display_name") == 0)
		condition.kind = PUSH_DISPLAY_NAME;
	else if (strcmp(kind, "room_member_count") == 0 && is &&
		 hearth_push_parse_count(is, &condition.comparison, &condition.number) == 0)
		condition.kind = PUSH_MEMBER_COUNT;
	else if (strcmp(kind, "sender_notification_permission") == 0 && key && strcmp(key, "room") == 0)
		condition.kind = PUSH_SENDER_POWER;
	return condition;
}

/* The condition that the rule_id or the pattern of a room, sender or content rule stands for. */
static struct push_condition compile_implied(struct hearth_arena *arena, const char *kind,
					     const struct hearth_json *rule)
{
	struct push_condition condition = { .kind = PUSH_NEVER };

	if (strcmp(kind, "content") == 0) {
		condition.path = hearth_path_split(arena, "content.body");
		condition.pattern = pattern_of(arena, hearth_json_get(rule, "pattern"), /* by_words= */ 1);
		condition.kind = condition.pattern ? PUSH_EVENT_MATCH : PUSH_NEVER;
		return condition;
	}
	condition.path = hearth_path_split(arena, strcmp(kind, "room") == 0 ? "room_id" : "sender");
	condition.value = hearth_json_get(rule, "rule_id");
	condition.kind = hearth_json_type(condition.value) == HEARTH_JSON_STRING ? PUSH_PROPERTY_IS : PUSH_NEVER;
	return condition;
}

static void compile_conditions(struct hearth_arena *arena, const char *kind, const struct hearth_json *rule,
			       struct push_rule *compiled)
{
	const struct hearth_json *list = hearth_json_get(rule, "conditions");
	struct push_condition *conditions;
	int is_general = strcmp(kind, "override") == 0 || strcmp(kind, "underride") == 0;
	int is_malformed = is_general && list && hearth_json_type(list) != HEARTH_JSON_ARRAY;

	compiled->condition_count = is_general && !is_malformed ? hearth_json_size(list) : 1;
	conditions = hearth_arena_array_of(arena, struct push_condition, compiled->condition_count);
	compiled->conditions = conditions;
	if (is_malformed)
		return;
	if (!is_general)
		conditions[0] = compile_implied(arena, kind, rule);
	for (size_t i = 0; is_general && i < compiled->condition_count; i++)
		conditions[i] = compile_condition(arena, hearth_json_at(list, i));
}

static void compile_tweak(const struct hearth_json *action, struct hearth_push_outcome *outcome)
{
	const char *name = hearth_json_get_string(action, "set_tweak");
	const struct hearth_json *value = hearth_json_get(action, "value");

	if (name && strcmp(name, "sound") == 0)
		outcome->sound = hearth_json_string(value, NULL);
	else if (name && strcmp(name, "highlight") == 0)
		outcome->highlight = !value || hearth_json_true(value);
}

/* dont_notify and coalesce, of old, say nothing. */
static struct hearth_push_outcome compile_actions(const struct hearth_json *actions)
{
	struct hearth_push_outcome outcome = { .actions = actions };

	for (size_t i = 0; i < hearth_json_size(actions); i++) {
		const struct hearth_json *action = hearth_json_at(actions, i);
		const char *name = hearth_json_string(action, NULL);

		if (name && strcmp(name, "notify") == 0)
			outcome.notify = 1;
		else
			compile_tweak(action, &outcome);
	}
	return outcome;
}

static int compile_kind(struct hearth_arena *arena, const struct hearth_json *ruleset, const char *kind,
			struct push_rule *rules, size_t *count, struct hearth_error *err)
{
	const struct hearth_json *list = hearth_json_get(ruleset, kind);

	if (list && hearth_json_type(list) != HEARTH_JSON_ARRAY)
		return hearth_fail(err, -EINVAL, "%s is not an array of push rules", kind);
	for (size_t i = 0; i < hearth_json_size(list); i++) {
		const struct hearth_json *rule = hearth_json_at(list, i);
		struct push_rule *compiled = &rules[*count];

		if (hearth_json_type(rule) != HEARTH_JSON_OBJECT || !hearth_json_get_bool(rule, "enabled", 1))
			continue;
		compile_conditions(arena, kind, rule, compiled);
		compiled->outcome = compile_actions(hearth_json_get_array(rule, "actions"));
		(*count)++;
	}
	return 0;
}

int hearth_push_compile(struct hearth_arena *arena, const struct hearth_json *ruleset,
			const struct hearth_push_rules **ret_rules, struct hearth_error *err)
{
	struct hearth_push_rules *compiled = hearth_arena_new_of(arena, struct hearth_push_rules);
	struct push_rule *rules;
	size_t count = 0;

	if (hearth_json_type(ruleset) != HEARTH_JSON_OBJECT)
		return hearth_fail(err, -EINVAL, "the push rules are not an object");
	for (size_t i = 0; i < HEARTH_COUNT(HEARTH_PUSH_KINDS); i++)
		count += hearth_json_size(hearth_json_get(ruleset, HEARTH_PUSH_KINDS[i]));
	rules = hearth_arena_array_of(arena, struct push_rule, count);
	compiled->rules = rules;
	for (size_t i = 0; i < HEARTH_COUNT(HEARTH_PUSH_KINDS); i++) {
		int r = compile_kind(arena, ruleset, HEARTH_PUSH_KINDS[i], rules, &compiled->count, err);

		if (r < 0)
			return r;
	}
	*ret_rules = compiled;
	return 0;
}
