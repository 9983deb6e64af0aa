/* SPDX-License-Identifier: Apache-2.0 */
/* A ruleset and an event, one a line: compiling, evaluating and checking them. */
#include <hearth/matrix/push.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct hearth_json *parse(struct hearth_arena *arena, const char *text, size_t length)
{
	const struct hearth_json *value = NULL;

	return hearth_json_parse(arena, text, length, 0, &value, NULL) == 0 ? value : NULL;
}

static void check_rules(const struct hearth_json *ruleset)
{
	for (size_t i = 0; i < hearth_json_size(ruleset); i++) {
		const struct hearth_json *list = hearth_json_at(ruleset, i);

		for (size_t j = 0; j < hearth_json_size(list); j++) {
			const char *rule_id = hearth_json_get_string(hearth_json_at(list, j), "rule_id");
			int r;

			r = hearth_push_check_rule("override", rule_id ? rule_id : "", hearth_json_at(list, j), NULL);
			hearth_assert(r <= 0);
			r = hearth_push_check_rule("content", rule_id ? rule_id : "", hearth_json_at(list, j), NULL);
			hearth_assert(r <= 0);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	const char *text = size ? (const char *)bytes : "", *line_end = memchr(text, '\n', size);
	size_t length = line_end ? (size_t)(line_end - text) : size;
	const struct hearth_json *ruleset = parse(arena, text, length);
	struct hearth_push_event event = { .member_count = 2, .room_notification_power = 50 };
	const struct hearth_push_rules *rules;
	struct hearth_push_outcome outcome;

	if (line_end)
		event.event = parse(arena, line_end + 1, size - length - 1);
	check_rules(ruleset);
	if (hearth_push_compile(arena, ruleset, &rules, NULL) == 0) {
		hearth_push_evaluate(rules, &event, "Bob *", &outcome);
		hearth_assert(!outcome.highlight || outcome.notify);
	}
	return 0;
}
