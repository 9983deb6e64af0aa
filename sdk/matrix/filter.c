/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: reading them, asking them, and cutting events down to the fields that they name. */
#include <hearth/matrix/filter.h>

#include <errno.h>
#include <string.h>

#include <hearth/matrix/id.h>

#include "path.h"

#define ALL_EVENTS { .contains_url = -1 }

static const struct hearth_filter ALL = {
	.presence = ALL_EVENTS,       .account_data = ALL_EVENTS,     .room_timeline = ALL_EVENTS,
	.room_state = ALL_EVENTS,     .room_ephemeral = ALL_EVENTS,   .room_account_data = ALL_EVENTS,
};

const struct hearth_filter *hearth_filter_all(void)
{
	return &ALL;
}

/* --- reading --- */
static int bad(struct hearth_error *err, const char *field, const char *what)
{
	return hearth_refuse(err, 400, "M_BAD_JSON", "filter: %s %s", field, what);
}

/* A list of strings, each of which is_valid (where given) accepts. */
static int read_list(const struct hearth_json *json, const char *field, int (*is_valid)(const char *text),
		     const struct hearth_json **ret_list, struct hearth_error *err)
{
	const struct hearth_json *list = hearth_json_get(json, field);

	if (list && hearth_json_type(list) != HEARTH_JSON_ARRAY)
		return bad(err, field, "is not an array");
	for (size_t i = 0; i < hearth_json_size(list); i++) {
		size_t length = 0;
		const char *text = hearth_json_string(hearth_json_at(list, i), &length);

		if (!text || strlen(text) != length)
			return bad(err, field, "holds something that is not a string");
		if (is_valid && !is_valid(text))
			return bad(err, field, "holds something that is not an id of its kind");
	}
	*ret_list = list;
	return 0;
}

static int read_flag(const struct hearth_json *json, const char *field, uint32_t *ret_flag, struct hearth_error *err)
{
	const struct hearth_json *value = hearth_json_get(json, field);

	if (value && hearth_json_type(value) != HEARTH_JSON_BOOL)
		return bad(err, field, "is not a boolean");
	*ret_flag = (uint32_t)hearth_json_true(value);
	return 0;
}

/* The specification asks for more than 0; clients that want nothing send 0 and get the least there is. */
static int read_limit(const struct hearth_json *json, int64_t *ret_limit, struct hearth_error *err)
{
	const struct hearth_json *value = hearth_json_get(json, "limit");

	if (value && (hearth_json_type(value) != HEARTH_JSON_INT || hearth_json_int(value) < 0))
		return bad(err, "limit", "is not a positive integer");
	if (value)
		*ret_limit = hearth_json_int(value) > 0 ? hearth_json_int(value) : 1;
	return 0;
}

static int read_contains_url(const struct hearth_json *json, int32_t *ret_contains_url, struct hearth_error *err)
{
	uint32_t flag;
	int r = read_flag(json, "contains_url", &flag, err);

	*ret_contains_url = hearth_json_get(json, "contains_url") ? (int32_t)flag : -1;
	return r;
}

static int read_lists(const struct hearth_json *json, struct hearth_event_filter *filter, struct hearth_error *err)
{
	const struct {
		const char *field;
		int (*is_valid)(const char *text);
		const struct hearth_json **list;
	} lists[] = {
		{ "types", NULL, &filter->types },
		{ "not_types", NULL, &filter->not_types },
		{ "senders", hearth_id_is_user, &filter->senders },
		{ "not_senders", hearth_id_is_user, &filter->not_senders },
		{ "rooms", hearth_id_is_room, &filter->rooms },
		{ "not_rooms", hearth_id_is_room, &filter->not_rooms },
		{ "related_by_senders", hearth_id_is_user, &filter->related_by_senders },
		{ "related_by_rel_types", NULL, &filter->related_by_rel_types },
	};

	for (size_t i = 0; i < HEARTH_COUNT(lists); i++) {
		int r = read_list(json, lists[i].field, lists[i].is_valid, lists[i].list, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_flags(const struct hearth_json *json, struct hearth_event_filter *filter, struct hearth_error *err)
{
	const struct {
		const char *field;
		uint32_t *flag;
	} flags[] = {
		{ "lazy_load_members", &filter->lazy_load_members },
		{ "include_redundant_members", &filter->include_redundant_members },
		{ "unread_thread_notifications", &filter->unread_thread_notifications },
	};

	for (size_t i = 0; i < HEARTH_COUNT(flags); i++) {
		int r = read_flag(json, flags[i].field, flags[i].flag, err);

		if (r < 0)
			return r;
	}
	return 0;
}

static int is_empty(const struct hearth_json *list)
{
	return list && hearth_json_size(list) == 0;
}

int hearth_event_filter_parse(struct hearth_arena *arena, const struct hearth_json *json,
			      struct hearth_event_filter *ret_filter, struct hearth_error *err)
{
	struct hearth_event_filter filter = ALL_EVENTS;
	int r;

	(void)arena;
	if (json && hearth_json_type(json) != HEARTH_JSON_OBJECT)
		return hearth_refuse(err, 400, "M_BAD_JSON", "filter: an event filter is not an object");
	r = read_lists(json, &filter, err);
	if (r < 0)
		return r;
	r = read_flags(json, &filter, err);
	if (r < 0)
		return r;
	r = read_limit(json, &filter.limit, err);
	if (r < 0)
		return r;
	r = read_contains_url(json, &filter.contains_url, err);
	if (r < 0)
		return r;
	filter.blocks_all = is_empty(filter.types) || is_empty(filter.senders) || is_empty(filter.rooms);
	*ret_filter = filter;
	return 0;
}

static int read_part(struct hearth_arena *arena, const struct hearth_json *json, const char *field,
		     struct hearth_event_filter *ret_filter, struct hearth_error *err)
{
	int r = hearth_event_filter_parse(arena, hearth_json_get(json, field), ret_filter, err);

	if (r < 0 && err)
		hearth_error_prefix(err, "%s", field);
	return r;
}

static int read_room(struct hearth_arena *arena, const struct hearth_json *room, struct hearth_filter *filter,
		     struct hearth_error *err)
{
	const struct {
		const char *field;
		struct hearth_event_filter *part;
	} parts[] = {
		{ "timeline", &filter->room_timeline },
		{ "state", &filter->room_state },
		{ "ephemeral", &filter->room_ephemeral },
		{ "account_data", &filter->room_account_data },
	};
	int r;

	if (room && hearth_json_type(room) != HEARTH_JSON_OBJECT)
		return bad(err, "room", "is not an object");
	r = read_list(room, "rooms", hearth_id_is_room, &filter->rooms, err);
	if (r < 0)
		return r;
	r = read_list(room, "not_rooms", hearth_id_is_room, &filter->not_rooms, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < HEARTH_COUNT(parts); i++) {
		r = read_part(arena, room, parts[i].field, parts[i].part, err);
		if (r < 0)
			return r;
	}
	return read_flag(room, "include_leave", &filter->include_leave, err);
}

static int read_format(const struct hearth_json *json, uint32_t *ret_is_federation, struct hearth_error *err)
{
	const struct hearth_json *value = hearth_json_get(json, "event_format");
	const char *format = value ? hearth_json_string(value, NULL) : "client";

	if (!format || (strcmp(format, "client") != 0 && strcmp(format, "federation") != 0))
		return bad(err, "event_format", "is neither client nor federation");
	*ret_is_federation = strcmp(format, "federation") == 0;
	return 0;
}

int hearth_filter_parse(struct hearth_arena *arena, const struct hearth_json *json,
			const struct hearth_filter **ret_filter, struct hearth_error *err)
{
	struct hearth_filter *filter = hearth_arena_memdup(arena, &ALL, sizeof(ALL));
	int r;

	if (hearth_json_type(json) != HEARTH_JSON_OBJECT)
		return hearth_refuse(err, 400, "M_BAD_JSON", "the filter is not an object");
	r = read_list(json, "event_fields", NULL, &filter->event_fields, err);
	if (r < 0)
		return r;
	r = read_format(json, &filter->federation_format, err);
	if (r < 0)
		return r;
	r = read_part(arena, json, "presence", &filter->presence, err);
	if (r < 0)
		return r;
	r = read_part(arena, json, "account_data", &filter->account_data, err);
	if (r < 0)
		return r;
	r = read_room(arena, hearth_json_get(json, "room"), filter, err);
	if (r < 0)
		return r;
	*ret_filter = filter;
	return 0;
}

/* --- asking --- */
/* Types may have * in them, for any sequence of characters; ? is itself. */
static int type_matches(const char *pattern, const char *type)
{
	const char *star = NULL, *resume = NULL;

	while (*type) {
		if (*pattern == '*') {
			star = pattern++;
			resume = type;
		} else if (*pattern == *type) {
			pattern++;
			type++;
		} else if (star) {
			pattern = star + 1;
			type = ++resume;
		} else {
			return 0;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

static int text_equals(const char *pattern, const char *text)
{
	return strcmp(pattern, text) == 0;
}

static int is_listed(const struct hearth_json *list, const char *text,
		     int (*matches)(const char *pattern, const char *text))
{
	for (size_t i = 0; i < hearth_json_size(list); i++)
		if (matches(hearth_json_string(hearth_json_at(list, i), NULL), text))
			return 1;
	return 0;
}

static int passes(const struct hearth_json *list, const struct hearth_json *not_list, const char *text,
		  int (*matches)(const char *pattern, const char *text))
{
	if (!text)
		return 1;
	return !is_listed(not_list, text, matches) && (!list || is_listed(list, text, matches));
}

int hearth_event_filter_passes(const struct hearth_event_filter *filter, const char *type, const char *sender,
			       const char *room_id, const struct hearth_json *content)
{
	if (filter->blocks_all)
		return 0;
	if (content && filter->contains_url >= 0 &&
	    (hearth_json_get(content, "url") != NULL) != (filter->contains_url != 0))
		return 0;
	return passes(filter->types, filter->not_types, type, type_matches) &&
	       passes(filter->senders, filter->not_senders, sender, text_equals) &&
	       passes(filter->rooms, filter->not_rooms, room_id, text_equals);
}

int hearth_filter_passes_room(const struct hearth_filter *filter, const char *room_id)
{
	return passes(filter->rooms, filter->not_rooms, room_id, text_equals);
}

/* --- event_fields --- */
static void copy_field(struct hearth_arena *arena, struct hearth_json *result, const struct hearth_json *event,
		       const struct path *path)
{
	const struct hearth_json *value = hearth_path_get(path, event);

	if (!value)
		return;
	for (size_t i = 0; i + 1 < path->count; i++) {
		const struct hearth_json *there = hearth_json_get(result, path->keys[i]);
		struct hearth_json *copy;

		event = hearth_json_get(event, path->keys[i]);
		if (there == event)
			return; /* all of it is in the result already */
		copy = hearth_json_object_copy(arena, there);
		hearth_json_set(result, path->keys[i], copy);
		result = copy;
	}
	hearth_json_set(result, path->keys[path->count - 1], value);
}

const struct hearth_json *hearth_filter_project(struct hearth_arena *arena, const struct hearth_filter *filter,
						const struct hearth_json *event)
{
	struct hearth_json *result;

	if (!filter->event_fields)
		return event;
	result = hearth_json_object_new(arena);
	for (size_t i = 0; i < hearth_json_size(filter->event_fields); i++) {
		const char *field = hearth_json_string(hearth_json_at(filter->event_fields, i), NULL);
		struct path path = hearth_path_split(arena, field);

		copy_field(arena, result, event, &path);
	}
	return result;
}
