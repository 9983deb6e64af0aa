/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/matrix/state.h - state resolution, versions 1, 2 and 2.1 (spec of each room version, "State resolution").
 * Pure: the caller brings every event that is needed, in as many rounds as it likes.
 *
 * 1.0  first version
 */
#ifndef HEARTH_MATRIX_STATE_H
#define HEARTH_MATRIX_STATE_H

#include <hearth/matrix/auth.h>

HEARTH_BEGIN_DECLS

struct hearth_state_entry {
	const char *type;
	const char *state_key;
	const char *event_id;
};

struct hearth_state_set {
	const struct hearth_state_entry *entries; /* any order, one entry a (type, state_key) */
	size_t                           count;
};

/* Brings events. Called with many ids at once, so that a store can fetch them in one query; may suspend. */
struct hearth_event_source {
	/*
	 * Fills ret_events[i] with the event of ids[i], NULL where it is unknown. Events: as long as the arena of the
	 * resolution. Returns 0 or a negative errno, which ends the resolution.
	 */
	HEARTH_SUSPENDS
	int (*fetch)(void *context, const char *const *ids, size_t count, const struct hearth_event **ret_events,
		     struct hearth_error *err);
	/*
	 * Optional; NULL: the auth chains of all the state are walked by fetch, each event once. The auth difference of
	 * the sets: ids that are in the auth chain of some set but not of all, where a set's chain holds its own events.
	 * The conflicted subgraph of 2.1 is found by the resolver, from the chains of the conflicted events.
	 */
	HEARTH_SUSPENDS
	int (*auth_difference)(void *context, const struct hearth_state_set *sets, size_t set_count,
			       const char *const **ret_ids, size_t *ret_count, struct hearth_error *err);
	void *context;
};

/*
 * Resolves the states of several forks into one. Near linear in the conflicted set: some microseconds an event, so
 * that sets of many thousands are for offload. Suspends only in fetch.
 * ret_state: arena. Errors: those of fetch.
 */
HEARTH_EXPORT HEARTH_SUSPENDS HEARTH_MUST_CHECK
int hearth_state_resolve(struct hearth_arena *arena, const struct hearth_room_version *version,
			 const struct hearth_state_set *sets, size_t set_count,
			 const struct hearth_event_source *source, struct hearth_state_set *ret_state,
			 struct hearth_error *err);

HEARTH_END_DECLS
#endif
