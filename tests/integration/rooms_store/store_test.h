/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the store's test share. Each step returns 0, or an error that says what was expected.
 */
#ifndef STORE_TEST_H
#define STORE_TEST_H

#include <errno.h>

#include <cache.h>

#define ALICE "@alice:test"
#define BOB "@bob:test"

/* What a step needs. */
struct run {
	struct rooms *r;
	struct hearth_task *task;
	struct hearth_arena *arena;
	const char *room_id;
	struct hearth_error *err;
};

#define expect(run_, condition_)                                                                       \
	do {                                                                                             \
		if (!(condition_))                                                                         \
			return hearth_fail((run_)->err, -EIO, "%s:%d: expected %s", __func__, __LINE__, #condition_); \
	} while (0)
#define must(call_)                   \
	do {                            \
		int must_ = (call_);      \
		if (must_ < 0)            \
			return must_;     \
	} while (0)

/* --- plugin.c --- */
const struct hearth_json *test_json(const struct run *run, const char *text);
struct hearth_draft test_draft(const struct run *run, const char *sender, const char *type, const char *state_key,
			       const char *content);
/* A public room of alice's; its id stands in run then. */
int test_create(struct run *run, const char *version, const char *visibility);
int test_send(struct run *run, const char *sender, const char *type, const char *state_key, const char *content,
	      const char **ret_event_id);

/* --- forks.c, foreign.c: steps --- */
int random_graphs_resolve_alike(struct run *run);
int redactions_wait_for_their_events(struct run *run);
int gaps_are_told_and_filled(struct run *run);
int history_stays_in_the_past(struct run *run);
int bad_pdus_are_refused(struct run *run);
int local_events_join_the_forks(struct run *run);
int forks_are_bounded(struct run *run);

/* --- stale.c --- */
int rooms_of_other_writers_are_read_again(struct run *run);
int places_in_chains_are_taken_once(struct run *run);

/* --- big.c --- */
int big_rooms_share_their_state(struct run *run);

#endif
