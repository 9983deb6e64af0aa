/* SPDX-License-Identifier: Apache-2.0 */
/* Which rule speaks for one recipient of one event. */
#include "push_private.h"

struct evaluation {
	const struct hearth_push_event *event;
	const char *display_name;
};

static int matches_pattern(const struct evaluation *evaluation, const struct push_condition *condition)
{
	size_t length;
	const char *text = hearth_json_string(hearth_path_get(&condition->path, evaluation->event->event), &length);

	return text && hearth_push_pattern_matches(condition->pattern, text, length);
}

static int contains_value(const struct evaluation *evaluation, const struct push_condition *condition)
{
	const struct hearth_json *list = hearth_path_get(&condition->path, evaluation->event->event);

	if (hearth_json_type(list) != HEARTH_JSON_ARRAY)
		return 0;
	for (size_t i = 0; i < hearth_json_size(list); i++)
		if (hearth_json_equal(hearth_json_at(list, i), condition->value))
			return 1;
	return 0;
}

static int contains_display_name(const struct evaluation *evaluation)
{
	const struct hearth_json *content = hearth_json_get(evaluation->event->event, "content");
	size_t length;
	const char *body = hearth_json_string(hearth_json_get(content, "body"), &length);

	return body && evaluation->display_name && hearth_push_has_words(body, length, evaluation->display_name);
}

static int compares(int64_t number, const struct push_condition *condition)
{
	switch (condition->comparison) {
	case PUSH_LESS:
		return number < condition->number;
	case PUSH_GREATER:
		return number > condition->number;
	case PUSH_LESS_OR_EQUAL:
		return number <= condition->number;
	case PUSH_GREATER_OR_EQUAL:
		return number >= condition->number;
	default:
		return number == condition->number;
	}
}

static int holds(const struct evaluation *evaluation, const struct push_condition *condition)
{
	const struct hearth_push_event *event = evaluation->event;
	const struct hearth_json *value;

	switch (condition->kind) {
	case PUSH_EVENT_MATCH:
		return matches_pattern(evaluation, condition);
	case PUSH_PROPERTY_IS:
		value = hearth_path_get(&condition->path, event->event);
		return value && hearth_json_equal(value, condition->value);
	case PUSH_PROPERTY_CONTAINS:
		return contains_value(evaluation, condition);
	case PUSH_DISPLAY_NAME:
		return contains_display_name(evaluation);
	case PUSH_MEMBER_COUNT:
		return compares(event->member_count, condition);
	case PUSH_SENDER_POWER:
		return event->sender_power >= event->room_notification_power;
	default:
		return 0;
	}
}

static int matches(const struct evaluation *evaluation, const struct push_rule *rule)
{
	for (size_t i = 0; i < rule->condition_count; i++)
		if (!holds(evaluation, &rule->conditions[i]))
			return 0;
	return 1;
}

void hearth_push_evaluate(const struct hearth_push_rules *rules, const struct hearth_push_event *event,
			  const char *display_name, struct hearth_push_outcome *ret_outcome)
{
	const struct evaluation evaluation = { .event = event, .display_name = display_name };

	*ret_outcome = (struct hearth_push_outcome){ .notify = 0 };
	for (size_t i = 0; i < rules->count; i++) {
		if (!matches(&evaluation, &rules->rules[i]))
			continue;
		*ret_outcome = rules->rules[i].outcome;
		/* Tweaks shape a notification; without one they say nothing. */
		ret_outcome->highlight &= ret_outcome->notify;
		return;
	}
}
