/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/chains.h - the index of auth chains.
 *
 * Each accepted state event has a place: a chain, and a position in it. It reaches every earlier position of its chain,
 * what the links of those positions name, and what these reach in turn. So the auth chain of any set of events is one
 * range of each chain, and the difference of several auth chains a few ranges. The create event is in all of them.
 */
#ifndef ROOMS_CHAINS_H
#define ROOMS_CHAINS_H

#include "cache.h"

struct rooms_made;

/* A place that is being given. */
struct rooms_placing {
	struct rooms_place        place;
	const struct rooms_place *links;
	size_t                    link_count;
};

/*
 * Finds a place for a new state event: behind the cited event of the same type and state key, or in a chain of its own.
 * auth: what it cites; all placed. Marks the event that it follows.
 */
struct rooms_placing rooms_chains_place(struct hearth_arena *arena, const struct hearth_event *event, int64_t number,
					struct rooms_event *const *auth, size_t count);

/* Where to look: the database, and events that are about to be written (pending). */
struct rooms_chains {
	struct rooms            *r;
	struct hearth_task      *task;
	struct hearth_arena     *arena;
	const struct rooms_made *pending;
	size_t                   pending_count;
};

struct rooms_number_list {
	int64_t *items;
	size_t   count;
};

/* The auth chain of some events, themselves with it; the create event only where it is one of them. arena. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_chains_of(const struct rooms_chains *chains, const struct rooms_number_list *events,
		    struct rooms_number_list *ret_chain, struct hearth_error *err);
/* What all of the sets hold besides. NULL instead: nothing. */
struct rooms_chains_common {
	const struct rooms_number_list *events;
	/* The one of them at the state key of an event; 0: none. */
	int64_t                       (*at_key_of)(void *context, const struct hearth_event *event);
	void                           *context;
	/* Events that need not be told, whether they are in the difference or not. */
	const struct rooms_number_list *untold;
};
/*
 * What is in the auth chain of some of the sets but not of all; a set's events count as part of its chain. Events that all
 * sets hold are looked at one and all only where looking at those of the right state keys does not decide. arena.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_chains_difference(const struct rooms_chains *chains, const struct rooms_number_list *sets, size_t set_count,
			    const struct rooms_chains_common *common, struct rooms_number_list *ret_difference,
			    struct hearth_error *err);

#endif
