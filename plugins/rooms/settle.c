/* SPDX-License-Identifier: Apache-2.0 */
/* What an accepted event does to its room: forward extremities, the current state over them, and how that has changed. */
#include "persist.h"

#include <errno.h>
#include <string.h>

struct standing {
	struct rooms_extremity *items;
	size_t count;
};

static bool is_in(const int64_t *numbers, size_t count, int64_t number)
{
	for (size_t i = 0; i < count; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

static struct standing next_extremities(struct hearth_arena *arena, const struct rooms_made *made, const int64_t *covered,
					size_t covered_count, bool stands)
{
	const struct rooms_room *room = made->room;
	struct standing next = { hearth_arena_array_of(arena, struct rooms_extremity, room->extremity_count + 1), 0 };

	for (size_t i = 0; i < room->extremity_count; i++)
		if (!is_in(covered, covered_count, room->extremities[i].number))
			next.items[next.count++] = room->extremities[i];
	if (stands)
		next.items[next.count++] =
			(struct rooms_extremity){ made->number, made->event->depth,
						  made->state_after ? made->state_after : made->state_before,
						  made->event->event_id };
	return next;
}

HEARTH_SUSPENDS static int state_over(struct rooms_group_work *work, const struct rooms_room *room,
				      const struct standing *standing, struct rooms_group **ret_group,
				      struct hearth_error *err)
{
	int64_t *numbers = hearth_arena_array_of(work->arena, int64_t, standing->count);
	struct rooms_group **groups = hearth_arena_array_of(work->arena, struct rooms_group *, standing->count);
	int rc;

	for (size_t i = 0; i < standing->count; i++)
		numbers[i] = standing->items[i].state_after;
	rc = rooms_groups_load(work->r, work->task, numbers, standing->count, groups, err);
	return rc < 0 ? rc : rooms_resolve(work, room, groups, standing->count, ret_group, err);
}

HEARTH_SUSPENDS static int describe(struct rooms_group_work *work, struct rooms_made *made,
				    const struct rooms_difference *differences, size_t count, struct hearth_error *err)
{
	int64_t *numbers = hearth_arena_array_of(work->arena, int64_t, count * 2);
	struct rooms_event **events = hearth_arena_array_of(work->arena, struct rooms_event *, count * 2);
	int rc;

	for (size_t i = 0; i < count; i++) {
		numbers[2 * i] = differences[i].now;
		numbers[2 * i + 1] = differences[i].was;
	}
	rc = rooms_parsed_load(work->r, work->task, numbers, count * 2, events, err);
	if (rc < 0)
		return rc;
	made->changes = hearth_arena_array_of(work->arena, struct rooms_change, count);
	for (size_t i = 0; i < count; i++) {
		const struct rooms_event *now = events[2 * i], *was = events[2 * i + 1], *any = now ? now : was;

		if (!any)
			return hearth_fail(err, -EIO, "an event of the state of %s is missing", made->room->room_id);
		made->changes[made->change_count++] =
			(struct rooms_change){ .event = differences[i].now, .prev = differences[i].was,
					       .now = now ? now->event : NULL, .type = any->event->type,
					       .state_key = any->event->state_key };
	}
	return 0;
}

/* Nothing else stands: the state with the event is the room's. */
static bool follows_alone(const struct rooms_made *made, const struct standing *next)
{
	return next->count == 1 && next->items[0].number == made->number && made->state_before == made->room->state_group;
}

int rooms_settle(struct rooms_group_work *work, struct rooms_made *made, const int64_t *covered, size_t covered_count,
		 bool stands, struct hearth_error *err)
{
	struct standing next = next_extremities(work->arena, made, covered, covered_count, stands);
	struct rooms_room *room = made->room;
	const struct rooms_difference *differences;
	struct rooms_group *current = room->group;
	size_t count;
	int rc = 0;

	if (follows_alone(made, &next)) {
		if (made->state_after) {
			rc = rooms_groups_load(work->r, work->task, &made->state_after, 1, &current, err);
			made->changes = hearth_arena_new_of(work->arena, struct rooms_change);
			*made->changes = (struct rooms_change){ made->number, made->replaces, made->event, made->event->type,
								made->event->state_key };
			made->change_count = 1;
		}
	} else if (next.count) {
		rc = state_over(work, room, &next, &current, err);
		if (rc >= 0) {
			differences = rooms_group_diff(work->arena, room->group, current, &count);
			rc = describe(work, made, differences, count, err);
		}
	}
	if (rc < 0)
		return rc;
	rooms_room_set_group(room, current);
	rooms_room_set_extremities(room, next.items, next.count);
	return 0;
}
