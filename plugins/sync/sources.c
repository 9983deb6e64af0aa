/* SPDX-License-Identifier: Apache-2.0
 *
 * What the other streams contribute: each is asked where its position has moved, and its items find their place.
 */
#include "sync.h"

#include <string.h>

struct collector {
	struct hearth_sync_sink sink; /* first: the sink's functions get its address */
	struct sync_build      *build;
	bool                    last;
};

struct query {
	struct hearth_sync_query query; /* first */
	struct sync_build       *build;
};

static int64_t position_of(const struct hearth_sync_query *query, const char *stream, int since_or_upto)
{
	const struct sync_build *build = ((const struct query *)query)->build;

	for (size_t i = 0; i < build->sync->count; i++)
		if (!strcmp(build->sync->list[i].declaration->name, stream))
			return since_or_upto ? build->upto[i] : build->since[i];
	return 0;
}

static const struct hearth_event_filter *filter_of(const struct sync_build *build, uint32_t section, bool of_room)
{
	switch (section) {
	case HEARTH_SYNC_ACCOUNT_DATA:
		return of_room ? &build->filter->room_account_data : &build->filter->account_data;
	case HEARTH_SYNC_PRESENCE:
		return &build->filter->presence;
	case HEARTH_SYNC_EPHEMERAL:
		return &build->filter->room_ephemeral;
	default:
		return NULL;
	}
}

static void add(struct hearth_sync_sink *sink, uint32_t section, const char *room_id, const char *key, const char *type,
		const char *sender, const char *json, size_t length)
{
	struct collector *collector = (struct collector *)sink;
	struct sync_build *build = collector->build;
	const struct hearth_event_filter *filter = filter_of(build, section, room_id);
	struct sync_items *items = &build->items;
	struct sync_item *item;

	if (filter && !hearth_event_filter_passes(filter, type, sender, room_id, NULL))
		return;
	if (room_id) {
		struct sync_room *room = hearth_map_get(&build->by_id, room_id, "");

		if (!room)
			return;
		room->active |= !collector->last;
		items = &room->items;
	}
	item = hearth_arena_new_of(build->arena, struct sync_item);
	item->section = section;
	item->key = hearth_arena_strdup(build->arena, key);
	item->json = hearth_arena_strndup(build->arena, json, length);
	item->length = length;
	*items->end = item;
	items->end = &item->next;
	items->count++;
	build->news |= !collector->last;
}

static void list_rooms(struct sync_build *build, struct hearth_sync_query *query)
{
	const char **joined = hearth_arena_array_of(build->arena, const char *, build->room_count);
	const char **fresh = hearth_arena_array_of(build->arena, const char *, build->room_count);
	const char **active = hearth_arena_array_of(build->arena, const char *, build->room_count);
	const char **left = hearth_arena_array_of(build->arena, const char *, build->room_count);

	for (size_t i = 0; i < build->room_count; i++) {
		const struct sync_room *room = &build->rooms[i];

		if (room->left)
			left[query->left_count++] = room->room_id;
		if (!room->joined)
			continue;
		joined[query->joined_count++] = room->room_id;
		if (room->fresh)
			fresh[query->fresh_count++] = room->room_id;
		if (room->active)
			active[query->active_count++] = room->room_id;
	}
	query->joined_rooms = joined;
	query->fresh_rooms = fresh;
	query->active_rooms = active;
	query->left_rooms = left;
}

static bool moved(const struct sync_build *build, const char *name)
{
	for (size_t i = 0; name && i < build->sync->count; i++)
		if (!strcmp(build->sync->list[i].declaration->name, name))
			return build->upto[i] > build->since[i];
	return false;
}

static bool is_asked(const struct sync_build *build, const struct hearth_sync_query *query, size_t index, bool last)
{
	const struct hearth_stream *stream = build->sync->list[index].declaration;

	if (!stream->sync || (stream->sync_slot == HEARTH_SYNC_LAST) != last)
		return false;
	return last || build->initial || query->fresh_count || build->upto[index] > build->since[index] ||
	       moved(build, stream->also_on);
}

/* name NULL: every stream whose turn it is. */
HEARTH_SUSPENDS static int collect(struct sync_build *build, const char *name, bool last, struct hearth_error *err)
{
	struct query query = {
		.query = { .size = sizeof(query.query), .initial = build->initial, .user_id = build->user_id,
			   .device_id = build->device_id, .position_of = position_of, .sync = build,
			   .thread_counts = build->filter->room_timeline.unread_thread_notifications },
		.build = build,
	};
	struct collector collector = { .sink = { .add = add }, .build = build, .last = last };

	list_rooms(build, &query.query);
	for (size_t i = 0; i < build->sync->count; i++) {
		const struct sync_stream *stream = &build->sync->list[i];
		int r;

		if (name ? strcmp(stream->declaration->name, name) || !stream->declaration->sync :
			   !is_asked(build, &query.query, i, last))
			continue;
		query.query.since = build->since[i];
		query.query.upto = build->upto[i];
		collector.sink.reached = 0;
		r = stream->declaration->sync(stream->self, build->task, &query.query, &collector.sink, err);
		if (r < 0)
			return r;
		if (collector.sink.reached)
			build->upto[i] = collector.sink.reached;
	}
	return 0;
}

int sync_collect(struct sync_build *build, bool last, struct hearth_error *err)
{
	return collect(build, NULL, last, err);
}

int sync_collect_one(struct sync_build *build, const char *stream, struct hearth_error *err)
{
	return collect(build, stream, false, err);
}
