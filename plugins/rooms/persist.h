/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/persist.h - what persist.c (lanes), create.c (drafts to events) and write.c (rows) share.
 *
 * A job is a batch that waits; a group is the jobs that one lane stores in one transaction.
 */
#ifndef ROOMS_PERSIST_H
#define ROOMS_PERSIST_H

#include "cache.h"

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
	const char                       *room_id;   /* NULL: of a room that is still to be made */
	const char                      **event_ids; /* answers; NULL: not stored yet */
	int                               rc;
	struct hearth_error               error;
};

/* An event that is about to be written. */
struct rooms_made {
	struct rooms_job          *job;
	size_t                     draft;
	struct rooms_room         *room;
	const struct hearth_event *event;
	const char                *json;
	size_t                     json_length;
	int64_t                    number, stream_ordering, auth_depth;
	int64_t                    state_before, state_after; /* after 0: no state event */
	int64_t                    replaces;                  /* 0: nothing stood there */
	int64_t                    redacts;                   /* 0: no redaction, or its target is not here */
	int64_t                   *prev, *auth;
};

/* What the rows of the drafts' transaction ids and redaction targets said. */
struct rooms_target {
	int64_t     number, room;
	const char *event_id, *sender;
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
	size_t               new_group_count;
	struct rooms_room  **new_rooms;
	struct rooms_job   **new_room_jobs;
	size_t               new_room_count;
	const struct rooms_target *targets;
	size_t               target_count;
};

/* create.c: fills work->made from the jobs; a job that is refused has rc set and leaves nothing. Negative: all fail. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_create_events(struct rooms_group_work *work, struct hearth_error *err);

/* write.c: writes work->made in one transaction and commits. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_write_group(struct rooms_group_work *work, struct hearth_error *err);

/*
 * persist.c: brings the room cache up to date as the transaction ends (argument: struct rooms_group_work). Before anybody
 * hears of the new position: a reader that trusted an old last_ordering would skip the events for ever.
 */
void rooms_group_ended(void *argument, int committed);
void rooms_lanes_new(struct rooms *r);
void rooms_lanes_free(struct rooms *r);

#endif
