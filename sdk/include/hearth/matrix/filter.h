/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/matrix/filter.h - filters of /sync, /messages, /context and /search (spec client-server, "Filtering").
 *
 * 1.0  first version
 */
#ifndef HEARTH_MATRIX_FILTER_H
#define HEARTH_MATRIX_FILTER_H

#include <hearth/json.h>

HEARTH_BEGIN_DECLS

/* One EventFilter or RoomEventFilter. Lists: NULL where the filter does not have them (an empty list allows none). */
struct hearth_event_filter {
	const struct hearth_json *types, *not_types, *senders, *not_senders, *rooms, *not_rooms;
	const struct hearth_json *related_by_senders, *related_by_rel_types;
	int64_t  limit;        /* 0: unset */
	int32_t  contains_url; /* -1 unset, 0, 1 */
	uint32_t lazy_load_members;
	uint32_t include_redundant_members;
	uint32_t unread_thread_notifications;
	uint32_t blocks_all;   /* 1: some list is empty, so that nothing can pass */
};

struct hearth_filter {
	const struct hearth_json *event_fields; /* NULL: all */
	uint32_t                  federation_format;
	struct hearth_event_filter presence, account_data;
	const struct hearth_json *rooms, *not_rooms; /* of the room filter */
	uint32_t                  include_leave;
	struct hearth_event_filter room_timeline, room_state, room_ephemeral, room_account_data;
};

/* The filter that lets everything through. */
HEARTH_EXPORT const struct hearth_filter *hearth_filter_all(void);

/* Reads a filter, checking every field. -EINVAL with M_BAD_JSON or M_INVALID_PARAM, naming the field. arena. */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_filter_parse(struct hearth_arena *arena, const struct hearth_json *json,
			const struct hearth_filter **ret_filter, struct hearth_error *err);
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_event_filter_parse(struct hearth_arena *arena, const struct hearth_json *json,
			      struct hearth_event_filter *ret_filter, struct hearth_error *err);

/* 1 where an event passes. sender and room_id may be NULL (they then pass); content NULL: contains_url is not asked. */
HEARTH_EXPORT int hearth_event_filter_passes(const struct hearth_event_filter *filter, const char *type,
					     const char *sender, const char *room_id,
					     const struct hearth_json *content);

/* 1 where the room filter lets a room through. */
HEARTH_EXPORT int hearth_filter_passes_room(const struct hearth_filter *filter, const char *room_id);

/* Keeps only event_fields ("content.body", "type", ...) of an event in client form. arena. */
HEARTH_EXPORT const struct hearth_json *hearth_filter_project(struct hearth_arena *arena,
							       const struct hearth_filter *filter,
							       const struct hearth_json *event);

HEARTH_END_DECLS
#endif
