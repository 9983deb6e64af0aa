/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/persist.h - what the files of the persister share: persist.c (lanes), create.c (drafts to events),
 * incoming.c (events of other servers), settle.c (extremities and current state), resolve.c, write.c (rows).
 *
 * A job is a batch that waits; a group is the jobs that one lane stores in one transaction.
 */
#ifndef ROOMS_PERSIST_H
#define ROOMS_PERSIST_H

#include <hearth/map.h>

#include "chains.h"

/* How many forward extremities a local event cites. */
#define ROOMS_PREV_MAX 20

struct rooms_job {
	struct rooms_job                 *next;
	struct rooms                     *rooms;
	struct hearth_arena              *arena; /* the job's own, so that it outlives a cancelled asker */
	struct hearth_signal             *done;
	uint32_t                          refs;
	bool                              finished;
	int64_t                           queued_ms;
	struct hearth_draft              *drafts;
	size_t                            count;
	const struct hearth_room_version *create_version;
	bool                              published;
	const char                       *alias;
	const char                       *replaces;  /* the room that the new one takes the place of; NULL */
	const char                       *room_id;   /* NULL: of a room that is still to be made */
	const char                      **event_ids; /* answers; NULL: not stored yet */
	struct rooms_pdu                 *pdus;      /* not NULL: events of another server instead of drafts */
	struct hearth_pdu_outcome        *outcomes;
	size_t                            pdu_count;
	const struct hearth_room_version *version;   /* of their room */
	int                               rc;
	struct hearth_error               error;
};

/* Whether the draft is the tombstone of the room that the job's new one replaces. */
static inline bool rooms_is_farewell(const struct rooms_job *job, size_t draft)
{
	return job->replaces && draft == 1;
}

/* An event of another server as a job holds it. */
struct rooms_pdu {
	const struct hearth_event *event;
	const char                *json;
	size_t                     json_length;
	uint32_t                   outlier, backfilled;
	const char                *rejection; /* NULL: as the rules say */
	const struct hearth_texts *states;
	size_t                     state_count;
};

/* One change of a room's current state. */
struct rooms_change {
	int64_t                    event, prev; /* 0: none */
	const struct hearth_event *now;         /* NULL: the entry is gone */
	const char                *type, *state_key;
};

/* An event that is about to be written. */
struct rooms_made {
	const struct hearth_draft *draft; /* NULL: of another server */
	struct rooms_room         *room;
	const struct hearth_event *event;
	const char                *json;
	size_t                     json_length;
	int64_t                    number, stream_ordering;
	uint32_t                   flags;      /* ROOMS_OUTLIER ... */
	bool                       known;      /* its row is there: it was an outlier */
	bool                       backfilled; /* takes an ordering of the backfill stream */
	bool                       by_power;   /* a redaction: its sender may redact everybody's events */
	const char                *rejection;  /* NULL: not rejected */
	int64_t                    state_before, state_after; /* after 0: no accepted state event */
	int64_t                    replaces;                  /* 0: nothing stood there */
	struct rooms_placing       placing;
	int64_t                   *prev, *auth; /* those that are here */
	size_t                     prev_count, auth_count;
	const char               **gaps;        /* predecessors that are not */
	size_t                     gap_count;
	struct rooms_change       *changes;     /* of the current state */
	size_t                     change_count;
};

/* What the rows of the drafts' redaction targets said. */
struct rooms_target {
	int64_t     number, room;
	const char *event_id, *sender;
};

/* A room that a group writes to. */
struct rooms_touched {
	struct rooms_room       *room;
	const struct rooms_made *first;    /* of its events in the group */
	int64_t                  ordering; /* after the group */
};

struct rooms_group_work {
	struct rooms        *r;
	struct hearth_task  *task;
	struct hearth_arena *arena;
	struct rooms_job   **jobs;
	size_t               job_count;
	struct rooms_made   *made;
	size_t               made_count, made_capacity;
	struct rooms_group **new_groups;
	size_t               new_group_count, new_group_capacity;
	struct rooms_room  **new_rooms;
	struct rooms_job   **new_room_jobs;
	size_t               new_room_count;
	struct rooms_touched *touched;
	size_t               touched_count;
	const struct rooms_target *targets;
	size_t               target_count;
	bool                 unknown; /* the connection was lost in the commit */
};

/* --- view.c: a state as the rules look at it --- */
struct rooms_view {
	struct rooms        *r;
	struct hearth_arena *arena;
	struct rooms_group  *group; /* NULL: the empty state */
};
/* The event at a key, of those that are in memory. */
struct rooms_event *rooms_view_entry(const struct rooms_view *view, const char *type, const char *state_key);
/* The same as struct hearth_state_view has it; context: a struct rooms_view. */
const struct hearth_event *rooms_view_get(void *context, const char *type, const char *state_key);

/* Gathers what has to be in memory; rooms_need is what hearth_auth_select calls. */
struct rooms_needed {
	const struct rooms       *r;
	struct hearth_arena      *arena;
	const struct rooms_group *group;
	int64_t                  *numbers;
	size_t                    count;
};
void rooms_need(void *context, const char *type, const char *state_key);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_load_needed(struct rooms_group_work *work, const struct rooms_needed *needed, struct hearth_error *err);

/* create.c: fills work->made from the jobs; a job that is refused has rc set and leaves nothing. Negative: all fail. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_create_events(struct rooms_group_work *work, struct hearth_error *err);

/* incoming.c: the same for a group that is one job of another server's events. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_take_incoming(struct rooms_group_work *work, struct hearth_error *err);

/* create.c: the room of an event's or draft's transaction-to-be; the id of a v12 room follows with its create event. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_work_room(struct rooms_group_work *work, struct rooms_job *job, const struct hearth_room_version *version,
		    const char *room_id, struct rooms_room **ret_room, struct hearth_error *err);
/* create.c: a group on top of another one (NULL: of the empty state), cached, and written with the work. */
struct rooms_group *rooms_work_group(struct rooms_group_work *work, int64_t number, const struct rooms_room *room,
				     struct rooms_group *previous, const struct rooms_entry *changes, size_t count);

/* create.c: the whole state given by sorted entries, as a group of the work on top of the room's current one. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_work_state(struct rooms_group_work *work, const struct rooms_room *room, const struct rooms_entry *entries,
		     size_t count, struct rooms_group **ret_group, struct hearth_error *err);

/*
 * settle.c: an accepted event becomes an extremity (stands false: another event names it already), those in covered are
 * none any more, and the room's current state follows; made->changes tells how.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_settle(struct rooms_group_work *work, struct rooms_made *made, const int64_t *covered, size_t covered_count,
		 bool stands, struct hearth_error *err);

/*
 * resolve.c: one state of several, by the room version's rules. NULL among groups is the empty state. The result is one of
 * groups where it equals it, else a new group of the work.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_resolve(struct rooms_group_work *work, const struct rooms_room *room, struct rooms_group *const *groups,
		  size_t count, struct rooms_group **ret_group, struct hearth_error *err);

/* write.c: writes work->made in one transaction and commits. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_write_group(struct rooms_group_work *work, struct hearth_error *err);

/*
 * outcome.c: after a connection that was lost in the commit. 1: the group is stored; 0: it is not, and will not be, since
 * what comes late finds its rooms changed; -EBUSY: the database does not say.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_find_outcome(struct rooms_group_work *work, struct hearth_error *err);

/*
 * persist.c: brings the room cache up to date as the transaction ends (argument: struct rooms_group_work). Before anybody
 * hears of the new position: a reader that trusted an old last_ordering would skip the events for ever.
 */
void rooms_group_ended(void *argument, int committed);
/* A job that its asker fills; the asker's reference is given back by unrefp. */
struct rooms_job *rooms_job_new(struct rooms *r);
void rooms_job_unrefp(struct rooms_job **job);
/* Queues the job at its room's lane and waits until it is stored or refused. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_job_run(struct rooms *r, struct hearth_task *task, struct rooms_job *job, struct hearth_error *err);
void rooms_lanes_new(struct rooms *r);
void rooms_lanes_free(struct rooms *r);

#endif
