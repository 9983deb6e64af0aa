/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/incoming.h - what incoming.c (taking events of other servers) and known.c (what of the events that they
 * name is here) share.
 */
#ifndef ROOMS_INCOMING_H
#define ROOMS_INCOMING_H

#include "persist.h"

/* An event that some event of the batch is, or names. */
struct rooms_known {
	int64_t     number, room, flags, state_after; /* state_after: the group with it */
	const char *event_id;
	int64_t     made; /* its place in work->made, from 1; 0: it was here before */
};

struct rooms_incoming {
	struct rooms_group_work *work;
	struct rooms_job        *job;
	struct rooms_room       *room;
	struct hearth_map        known;      /* event id to struct rooms_known */
	struct hearth_map        referenced; /* ids that an event which is here names as its predecessor */
	const char              *create_id;  /* of a v12 room: named by its id, cited by no event; else NULL */
};

/* Finds out about every event that the batch's events are or name: a constant number of queries. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_known_load(struct rooms_incoming *in, struct hearth_error *err);
/* NULL: not here. */
struct rooms_known *rooms_known(const struct rooms_incoming *in, const char *event_id);
/* Tells the rest of the batch of an event that it has made. */
void rooms_known_add(struct rooms_incoming *in, const struct rooms_made *made);

/*
 * The events that an accepted one takes out of the extremities: its predecessors, and what lies behind those of them that
 * were rejected or soft-failed.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_known_behind(struct rooms_incoming *in, const struct rooms_made *made, struct rooms_number_list *ret_behind,
		       struct hearth_error *err);

/* These events as a state: those of them that are accepted state events, sorted. ret_entries: room for count. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_known_entries(struct rooms_incoming *in, const int64_t *numbers, size_t count, struct rooms_entry *ret_entries,
			size_t *ret_count, struct hearth_error *err);

#endif
