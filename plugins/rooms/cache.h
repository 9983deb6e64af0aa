/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/cache.h - what the store keeps in memory: rooms, state groups, parsed state events.
 */
#ifndef ROOMS_CACHE_H
#define ROOMS_CACHE_H

#include "lru.h"
#include "packed.h"
#include "rooms.h"

/* A state group; with it in memory, all that it is based on. Immutable, save heir. */
struct rooms_group {
	struct rooms_lru_node node;
	int64_t               number, room, height;
	struct rooms_group   *base; /* a reference; NULL: none */
	int64_t               heir; /* the group that follows it and has taken long lists over; 0: none */
	size_t                count;
	struct rooms_entry    entries[];
};

struct rooms_extremity {
	int64_t     number, depth, state_after; /* state_after: the group with the event */
	const char *event_id;
};

/* A room as the persister sees it. Changed by its lane alone. */
struct rooms_room {
	struct rooms_lru_node             node;
	int64_t                           number, last_ordering, state_group;
	const struct hearth_room_version *version;
	struct rooms_group               *group; /* a reference: the current state; NULL: empty, or not loaded yet */
	struct rooms_extremity           *extremities; /* event ids: owned, with the array */
	size_t                            extremity_count;
	char                              room_id[256];
};

/* A stored event's flags. */
#define ROOMS_OUTLIER 1u
#define ROOMS_REJECTED 2u
#define ROOMS_SOFT_FAILED 4u

/* A place in the index of auth chains (chains.h). chain 0: none. */
struct rooms_place {
	int64_t chain, seq;
};

/* A parsed event that lives on its own. Immutable, save extended. */
struct rooms_event {
	struct rooms_lru_node      node;
	int64_t                    number;
	struct rooms_place         place;
	bool                       extended; /* another event follows it in its chain; changed by the room's lane */
	uint32_t                   flags;
	struct hearth_arena       *arena;
	const struct hearth_event *event;
	const char                *json;
	size_t                     json_length;
};

void rooms_caches_new(struct rooms *r);
void rooms_caches_free(struct rooms *r);

/* Loads what is missing of these groups, one query for all; held until the task ends. ret_groups[i] NULL for number 0. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_groups_load(struct rooms *r, struct hearth_task *task, const int64_t *numbers, size_t count,
		      struct rooms_group **ret_groups, struct hearth_error *err);
/* The event number at a key, 0 where there is none. group NULL: the empty state. */
int64_t rooms_group_find(const struct rooms_group *group, uint64_t key);
/* All of the state. arena. */
const struct rooms_entry *rooms_group_entries(struct hearth_arena *arena, const struct rooms_group *group,
					      size_t *ret_count);
/* How the state at one key differs between two groups; 0: nothing there. */
struct rooms_difference {
	uint64_t key;
	int64_t  was, now;
};
/* What differs, in order of key. Costs as much as lies above the groups' common base. arena. */
const struct rooms_difference *rooms_group_diff(struct hearth_arena *arena, const struct rooms_group *was,
						const struct rooms_group *now, size_t *ret_count);
/* A group with these changes (sorted by key), cached and held by the arena. */
struct rooms_group *rooms_group_next(struct rooms *r, struct hearth_arena *arena, int64_t number, int64_t room,
				     struct rooms_group *previous, const struct rooms_entry *changes, size_t count);

/* Rooms by id ("": none), one query for those that are missing; NULL where unknown; held until the task ends. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_rooms_load(struct rooms *r, struct hearth_task *task, const char *const *room_ids, size_t count,
		     struct rooms_room **ret_rooms, struct hearth_error *err);
/* A room that is being made; not in the cache yet (rooms_lru_put). */
struct rooms_room *rooms_room_new(int64_t number, const char *room_id, const struct hearth_room_version *version);
/* Takes the place of the extremities; ids are copied. */
void rooms_room_set_extremities(struct rooms_room *room, const struct rooms_extremity *extremities, size_t count);
void rooms_room_set_group(struct rooms_room *room, struct rooms_group *group);

/* Parsed events by number, one query for those that are missing; NULL where unknown; held until the task ends. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_parsed_load(struct rooms *r, struct hearth_task *task, const int64_t *numbers, size_t count,
		      struct rooms_event **ret_events, struct hearth_error *err);
/* The same by event id: NULL where unknown. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_parsed_load_ids(struct rooms *r, struct hearth_task *task, const char *const *ids, size_t count,
			  struct rooms_event **ret_events, struct hearth_error *err);

/* What an event is parsed from. */
struct rooms_text {
	int64_t                           number;
	struct rooms_place                place;
	bool                              extended;
	uint32_t                          flags;
	const struct hearth_room_version *version;
	const char                       *event_id, *json;
	size_t                            json_length;
};
/* Parses the canonical text into a cached event. */
HEARTH_MUST_CHECK
int rooms_parsed_put(struct rooms *r, struct hearth_arena *arena, const struct rooms_text *text,
		     struct rooms_event **ret_event, struct hearth_error *err);

/* count numbers in a row for rows that are about to be written; mostly without a query. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_numbers(struct rooms *r, struct hearth_task *task, size_t count, int64_t *ret_first,
		  struct hearth_error *err);

#endif
