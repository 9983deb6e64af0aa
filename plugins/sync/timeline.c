/* SPDX-License-Identifier: Apache-2.0
 *
 * Each room's timeline, and the changes of its state that go with it.
 *
 * A reader applies a response's state and then its timeline. Where the room's history has forked, the timeline may hold
 * a state event that lost: a reader would believe it. Such a timeline is cut short behind the event and counts as
 * limited; the event is still there for whoever pages back. What the reader then holds is the server's state.
 */
#include "sync.h"

#include <string.h>

static uint32_t timeline_limit(const struct sync_build *build)
{
	int64_t limit = build->filter->room_timeline.limit;

	if (limit <= 0)
		return SYNC_TIMELINE_LIMIT;
	return (uint32_t)(limit < SYNC_TIMELINE_MAX ? limit : SYNC_TIMELINE_MAX);
}

static void take_timeline(struct sync_build *build, struct sync_room *room, const struct hearth_timeline *timeline)
{
	room->timeline = hearth_arena_array_of(build->arena, struct hearth_stored_event, timeline->count);
	room->timeline_count = timeline->count;
	room->limited = timeline->limited;
	for (size_t i = 0; i < timeline->count; i++)
		room->timeline[i] = timeline->events[timeline->count - 1 - i];
}

HEARTH_SUSPENDS static int load(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	struct hearth_timeline_query *queries =
		hearth_arena_array_of(build->arena, struct hearth_timeline_query, build->room_count);
	struct hearth_timeline *timelines = hearth_arena_array_of(build->arena, struct hearth_timeline, build->room_count);
	int r;

	for (size_t i = 0; i < build->room_count; i++)
		queries[i] = (struct hearth_timeline_query){
			.size = sizeof(queries[i]),
			.room_id = build->rooms[i].room_id,
			.from = build->rooms[i].upto + 1,
			.to = build->rooms[i].from,
			.backwards = 1,
			.limit = timeline_limit(build),
			.filter = &build->filter->room_timeline,
			.viewer = build->user_id,
		};
	r = rooms->timelines(rooms, build->task, queries, build->room_count, timelines, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < build->room_count; i++)
		take_timeline(build, &build->rooms[i], &timelines[i]);
	return 0;
}

/* Of a room whose whole state is sent, only what the timeline itself changed is of interest. */
static struct hearth_delta_range range_of(const struct sync_room *room)
{
	int64_t from = room->from;

	if (room->full)
		from = room->timeline_count ? room->timeline[0].stream_ordering - 1 : room->upto;
	return (struct hearth_delta_range){ .room_id = room->room_id, .from = from, .to = room->upto };
}

HEARTH_SUSPENDS static int load_deltas(struct sync_build *build, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = build->sync->rooms;
	struct hearth_delta_range *ranges =
		hearth_arena_array_of(build->arena, struct hearth_delta_range, build->room_count);
	const struct hearth_state_delta *deltas;
	size_t count;
	int r;

	for (size_t i = 0; i < build->room_count; i++)
		ranges[i] = range_of(&build->rooms[i]);
	r = rooms->state_deltas(rooms, build->task, ranges, build->room_count, &deltas, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		struct sync_room *room = hearth_map_get(&build->by_id, deltas[i].room_id, "");

		if (!room)
			continue;
		if (!room->delta_count)
			room->deltas = &deltas[i];
		room->delta_count++;
	}
	return 0;
}

static void note_final_state(struct sync_build *build, struct sync_room *room)
{
	hearth_map_init(&room->state, build->arena, room->delta_count);
	for (size_t i = 0; i < room->delta_count; i++) {
		const struct hearth_state_delta *delta = &room->deltas[i];
		struct hearth_map_entry *entry = hearth_map_at(&room->state, delta->type, delta->state_key);

		if (!entry->value)
			entry->value = hearth_arena_new_of(build->arena, struct sync_state_entry);
		((struct sync_state_entry *)entry->value)->final_id = delta->event_id;
	}
}

/* The timeline keeps what follows the latest state event that is not, or not any more, the room's state. */
static void cut_misleading(struct sync_build *build, struct sync_room *room)
{
	struct hearth_map seen;

	hearth_map_init(&seen, build->arena, 0);
	for (size_t i = room->timeline_count; i-- > 0;) {
		const struct hearth_stored_event *event = &room->timeline[i];
		const struct sync_state_entry *entry;
		struct hearth_map_entry *later;

		if (!event->state_key)
			continue;
		later = hearth_map_at(&seen, event->type, event->state_key);
		if (later->value)
			continue;
		later->value = (void *)event;
		entry = hearth_map_get(&room->state, event->type, event->state_key);
		if (entry && entry->final_id && !strcmp(entry->final_id, event->event_id))
			continue;
		room->timeline += i + 1;
		room->timeline_count -= i + 1;
		room->limited = true;
		return;
	}
}

int sync_load_timelines(struct sync_build *build, struct hearth_error *err)
{
	int r;

	if (!build->room_count)
		return 0;
	r = load(build, err);
	if (r < 0)
		return r;
	r = load_deltas(build, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < build->room_count; i++) {
		struct sync_room *room = &build->rooms[i];

		note_final_state(build, room);
		if (!build->state_after)
			cut_misleading(build, room);
		room->active |= room->timeline_count || room->limited || room->delta_count;
		build->news |= room->active;
	}
	return 0;
}
