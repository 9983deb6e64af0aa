/* SPDX-License-Identifier: Apache-2.0 */
/* A filter and an event, one a line: what is read as a filter can be asked and projects without losing its footing. */
#include <hearth/matrix/filter.h>

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct hearth_json *parse(struct hearth_arena *arena, const char *text, size_t length)
{
	const struct hearth_json *value = NULL;

	return hearth_json_parse(arena, text, length, 0, &value, NULL) == 0 ? value : NULL;
}

static void ask(const struct hearth_event_filter *filter, const struct hearth_json *event)
{
	const char *type = hearth_json_get_string(event, "type");

	hearth_event_filter_passes(filter, type ? type : "", hearth_json_get_string(event, "sender"),
				   hearth_json_get_string(event, "room_id"), hearth_json_get(event, "content"));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	const char *text = size ? (const char *)bytes : "", *line_end = memchr(text, '\n', size);
	size_t length = line_end ? (size_t)(line_end - text) : size;
	const struct hearth_json *json = parse(arena, text, length), *event = NULL, *projected;
	const struct hearth_filter *filter;
	char *canonical;

	if (line_end)
		event = parse(arena, line_end + 1, size - length - 1);
	if (hearth_filter_parse(arena, json, &filter, NULL) < 0)
		return 0;
	ask(&filter->presence, event);
	ask(&filter->room_timeline, event);
	ask(&filter->room_state, event);
	hearth_filter_passes_room(filter, "!room:one");
	projected = hearth_filter_project(arena, filter, event);
	if (projected)
		hearth_assert(hearth_json_canonical(arena, projected, HEARTH_JSON_BIG_INTS, &canonical, NULL, NULL) == 0);
	return 0;
}
