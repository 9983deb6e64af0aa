/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/services/rooms.h - hearth.rooms/1: the event store, room state, and sending events.
 * Every function takes the table first. Results: arena of the task, unless said otherwise.
 *
 * 1.0  first version
 * 1.1  published, publish, directory, aliases
 * 1.2  left_at
 */
#ifndef HEARTH_SERVICES_ROOMS_H
#define HEARTH_SERVICES_ROOMS_H

#include <hearth/http.h>
#include <hearth/matrix/auth.h>
#include <hearth/matrix/filter.h>

HEARTH_BEGIN_DECLS

#define HEARTH_ROOMS_ID "hearth.rooms"
#define HEARTH_ROOMS_MAJOR 1
#define HEARTH_ROOMS_MINOR 2

/* An event as the store keeps it. */
struct hearth_stored_event {
	uint32_t    size;
	uint32_t    outlier, rejected, soft_failed, redacted; /* redacted: json is already the redacted form */
	int64_t     stream_ordering; /* negative: backfilled */
	int64_t     depth;
	int64_t     origin_server_ts;
	const char *event_id, *room_id, *type, *sender, *state_key; /* state_key NULL: no state event */
	const char *json;            /* the canonical PDU */
	size_t      json_length;
	const char *redacted_because; /* the redaction's client JSON; NULL */
	const char *txn_id;          /* of the device that sent it; NULL */
	const char *txn_device;      /* whose transaction that is; NULL */
	const char *replaces_id;     /* of a state event: the one that stood in its place; NULL */
	const char *replaces_json;   /* and its PDU; NULL where it was redacted */
	const char *viewer_membership; /* set by filter_visible: the viewer's membership at the event; NULL */
	int64_t     number, state_group; /* the store's own: leave them as they are */
};

/* A (user, room) membership at a position of the events stream. */
struct hearth_membership {
	uint32_t    size;
	const char *room_id;
	const char *user_id;
	const char *membership;  /* join, invite, knock, leave, ban */
	const char *event_id;
	const char *sender;
	int64_t     stream_ordering;
	uint32_t    forgotten;
};

/* An event to be made and sent. */
struct hearth_draft {
	uint32_t                  size;
	const char               *room_id;
	const char               *sender;     /* a local user */
	const char               *type;
	const char               *state_key;  /* NULL: no state event */
	const struct hearth_json *content;
	const char               *redacts;    /* m.room.redaction; NULL */
	const char               *txn_id;     /* with device_id: makes a retry answer the first event's id; NULL */
	const char               *device_id;
	int64_t                   origin_server_ts; /* 0: now */
	uint32_t                  unless_same; /* 1: a state event equal to the current one is not sent again */
};

/*
 * What a page or a timeline asks for. A point in a room's history, as tokens of /messages and prev_batch write it:
 * "t<depth>-<stream ordering>" stands just before the event of that depth and ordering (forwards from it: from is one
 * less). A sync token's first part, "s<stream ordering>", stands just after it.
 */
struct hearth_timeline_query {
	uint32_t    size;
	const char *room_id;
	int64_t     from;      /* exclusive, stream ordering; backwards pages start below it */
	int64_t     to;        /* exclusive for backwards (INT64_MIN: the start), inclusive for forwards */
	uint32_t    backwards; /* 1: newest first */
	uint32_t    limit;
	const struct hearth_event_filter *filter; /* NULL: all */
	const char *viewer;    /* history visibility and ignored users as this user sees it; NULL: everything */
	uint32_t    by_depth;  /* 1: in order of (depth, stream ordering), as history is paged; 0: as /sync tells it */
	int64_t     from_depth, to_depth; /* by_depth: the first halves of from and to */
};

struct hearth_timeline {
	const struct hearth_stored_event *events; /* in the direction that was asked */
	size_t                            count;
	uint32_t                          limited; /* more lies beyond */
	int64_t                           next;    /* where a next page starts: its from */
	int64_t                           next_depth; /* by_depth: its from_depth */
};

/* State of one room at a position. */
struct hearth_state_query {
	uint32_t            size;
	const char         *room_id;
	int64_t             at;          /* current state as of that stream ordering; INT64_MAX: now */
	const char *const  *types;       /* pairs that are wanted; state_keys[i] NULL: all of types[i] */
	const char *const  *state_keys;
	size_t              pair_count;  /* 0: the whole state */
	const struct hearth_texts *members; /* not NULL: of m.room.member only these users' (lazy loading) */
};

struct hearth_state_result {
	const struct hearth_stored_event *events;
	size_t                            count;
};

/* Which changes of a room are asked for: those in (from, to]. */
struct hearth_delta_range {
	const char *room_id;
	int64_t     from, to;
};

/* One change of a room's current state. event_id NULL: the entry is gone. */
struct hearth_state_delta {
	const char *room_id, *type, *state_key, *event_id, *prev_event_id;
	int64_t     stream_ordering;
};

struct hearth_room_summary {
	uint32_t            size;
	int64_t             joined_count, invited_count;
	struct hearth_texts heroes; /* up to 5, not the viewer; empty where the room has a name or canonical alias */
};

/* How an event is written for a client. */
struct hearth_client_form {
	uint32_t    size;
	const char *viewer;       /* adds unsigned.transaction_id and unsigned.membership for them; NULL */
	const char *device_id;
	uint32_t    without_room_id; /* /sync leaves it out */
	uint32_t    federation_format; /* filter's event_format: the PDU as it stands */
	uint32_t    stripped;     /* type, state_key, sender, content alone */
	uint32_t    bundle;       /* aggregations that hearth_rooms.bundle prepared are written */
	const struct hearth_json *event_fields; /* filter's; NULL: all */
	const void *bundled;      /* from bundle; NULL */
};

/* What is asked of the directory of published rooms: the largest first, the larger id first among equals. */
struct hearth_directory_query {
	uint32_t            size;
	uint32_t            limit;
	const char         *search;        /* in name, topic or canonical alias, in any case; NULL: all */
	struct hearth_texts room_types;    /* where every_type is 0 */
	uint32_t            every_type, untyped; /* untyped: rooms without a type, too */
	const char         *bound_room_id; /* NULL: from the start; else those behind it (backwards: in front of it) */
	int64_t             bound_joined;  /* its joined_count as it was told */
	uint32_t            backwards;     /* the last ones in front of the bound, still the largest first */
};

/* A published room; texts that its state does not have are NULL. */
struct hearth_directory_entry {
	uint32_t    size;
	int64_t     joined_count;
	const char *room_id, *name, *topic, *canonical_alias, *avatar_url, *join_rule, *history_visibility, *guest_access,
		*room_type;
};

/*
 * An event that another server made. The caller has checked its signatures and its content hash (where the hash is wrong,
 * json is the redacted form) and the room's server ACL.
 */
struct hearth_pdu {
	uint32_t                   size;
	const struct hearth_json  *json;       /* the PDU; copied */
	uint32_t                   outlier;    /* 1: only for what cites it; no state, no place in the timeline */
	uint32_t                   backfilled; /* 1: history; never an extremity, never soft-failed */
	const char                *rejection;  /* why the caller rejects it; NULL: as the rules say */
	const struct hearth_texts *states;     /* where predecessors are not here: states after them, each as event ids */
	size_t                     state_count;
};

enum hearth_pdu_result {
	HEARTH_PDU_STORED = 1,
	HEARTH_PDU_ALREADY,     /* it was here */
	HEARTH_PDU_REJECTED,    /* stored, and never shown: it fails its auth events or the state before it */
	HEARTH_PDU_SOFT_FAILED, /* stored, not shown and not built upon: it fails the room's current state */
	HEARTH_PDU_MISSING,     /* not stored: the events of missing must come first */
	HEARTH_PDU_INVALID,     /* not stored: no event of this room version, or of this room */
};

struct hearth_pdu_outcome {
	uint32_t            size;
	uint32_t            result;   /* enum hearth_pdu_result */
	const char         *event_id; /* NULL where invalid */
	const char         *reason;   /* of what was rejected, soft-failed or invalid */
	struct hearth_texts missing;
};

#define HEARTH_PDUS_MAX 500

struct hearth_rooms {
	struct hearth_service base;

	/* --- reading events --- */
	/* In the order of ids; event_id NULL where unknown. One query for all. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*events)(const struct hearth_rooms *service, struct hearth_task *task, const char *const *ids, size_t count,
		      const struct hearth_stored_event **ret_events, struct hearth_error *err);
	/*
	 * Several rooms' timelines at once, one round trip. Rooms where nothing happened in the range cost next to nothing
	 * (their latest position is kept in memory). ret_timelines[i] belongs to queries[i].
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*timelines)(const struct hearth_rooms *service, struct hearth_task *task,
			 const struct hearth_timeline_query *queries, size_t count,
			 struct hearth_timeline *ret_timelines, struct hearth_error *err);
	/*
	 * Of events, keeps those the user may see (history visibility at each event, membership, ignored senders,
	 * soft-failed and rejected ones out), in place; returns how many in *count.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*filter_visible)(const struct hearth_rooms *service, struct hearth_task *task, const char *user_id,
			      struct hearth_stored_event *events, size_t *count, struct hearth_error *err);

	/* --- state --- */
	/* The room's version, or NULL in *ret_version where the room is unknown. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*version)(const struct hearth_rooms *service, struct hearth_task *task, const char *room_id,
		       const struct hearth_room_version **ret_version, struct hearth_error *err);
	/* The state of many rooms at once; ret_results[i] belongs to queries[i]. A constant number of round trips. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*states)(const struct hearth_rooms *service, struct hearth_task *task, const struct hearth_state_query *queries,
		      size_t count, struct hearth_state_result *ret_results, struct hearth_error *err);
	/*
	 * The state just before an event, of the fork it stands on. types/state_keys: pairs that are wanted, state_key
	 * NULL: all of the type; pair_count 0: the whole state.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*state_before)(const struct hearth_rooms *service, struct hearth_task *task, const char *event_id,
			    const char *const *types, const char *const *state_keys, size_t pair_count,
			    const struct hearth_stored_event **ret_events, size_t *ret_count, struct hearth_error *err);
	/* Changes of the current state in the ranges, in order of room and stream ordering. One query. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*state_deltas)(const struct hearth_rooms *service, struct hearth_task *task,
			    const struct hearth_delta_range *ranges, size_t range_count,
			    const struct hearth_state_delta **ret_deltas, size_t *ret_count, struct hearth_error *err);

	/* --- membership --- */
	/* The user's rooms as of the position (INT64_MAX: now), forgotten ones left out. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*memberships)(const struct hearth_rooms *service, struct hearth_task *task, const char *user_id, int64_t at,
			   const struct hearth_membership **ret_memberships, size_t *ret_count, struct hearth_error *err);
	/* One membership; membership NULL where there never was one. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*membership)(const struct hearth_rooms *service, struct hearth_task *task, const char *room_id,
			  const char *user_id, struct hearth_membership *ret_membership, struct hearth_error *err);
	/* Users of a room with that membership (NULL: all); local_only: of this server. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*members)(const struct hearth_rooms *service, struct hearth_task *task, const char *room_id,
		       const char *membership, int local_only, struct hearth_texts *ret_user_ids, struct hearth_error *err);
	/* Users who are joined to a room that user_id is joined to; candidates (count 0: anyone) narrows it. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*sharing_users)(const struct hearth_rooms *service, struct hearth_task *task, const char *user_id,
			     const char *const *candidates, size_t count, struct hearth_texts *ret_user_ids,
			     struct hearth_error *err);
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*summaries)(const struct hearth_rooms *service, struct hearth_task *task, const char *const *room_ids,
			 size_t count, const char *viewer, struct hearth_room_summary *ret_summaries,
			 struct hearth_error *err);

	/* --- writing --- */
	/* Makes, checks, signs, stores and announces an event; answers after the commit. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*send)(const struct hearth_rooms *service, struct hearth_task *task, const struct hearth_draft *draft,
		    const char **ret_event_id, struct hearth_error *err);

	/* --- client form --- */
	/* Gathers aggregations (edits, threads, references) of events for a viewer, a few queries for all. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*bundle)(const struct hearth_rooms *service, struct hearth_task *task, const char *viewer,
		      const struct hearth_stored_event *events, size_t count, const void **ret_bundled,
		      struct hearth_error *err);
	/* Writes one event; splices the stored bytes. key as in hearth_write_*. Does not suspend. */
	void (*write)(const struct hearth_rooms *service, struct hearth_writer *w, const char *key,
		      const struct hearth_stored_event *event, const struct hearth_client_form *form);

	/* The room that a local alias points to. -ENOENT: no such alias. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*alias_to_room)(const struct hearth_rooms *service, struct hearth_task *task, const char *alias,
			     const char **ret_room_id, struct hearth_error *err);

	/* --- the directory (1.1) --- */
	/* Whether a room is published. -ENOENT: no such room. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*published)(const struct hearth_rooms *service, struct hearth_task *task, const char *room_id,
			 int *ret_published, struct hearth_error *err);
	/* Publishes it, or no longer. Who may do so is the caller's to know; an unknown room changes nothing. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*publish)(const struct hearth_rooms *service, struct hearth_task *task, const char *room_id, int published,
		       struct hearth_error *err);
	/*
	 * A page of the published rooms that whoever finds them can enter, ask to enter, or look into. ret_total: how many
	 * there are in all. One query, whose cost grows with the number of published rooms.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*directory)(const struct hearth_rooms *service, struct hearth_task *task,
			 const struct hearth_directory_query *query, const struct hearth_directory_entry **ret_entries,
			 size_t *ret_count, int64_t *ret_total, struct hearth_error *err);
	/* A room's local aliases, in their order. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*aliases)(const struct hearth_rooms *service, struct hearth_task *task, const char *room_id,
		       struct hearth_texts *ret_aliases, struct hearth_error *err);
	/* --- events of other servers --- */
	/*
	 * Stores events of other servers, at most HEARTH_PDUS_MAX of one room, in this order: what others rest on comes
	 * first. version: of a room that is not here yet, which this makes; NULL: the room is here. Each event is stored on
	 * its own merits (ret_outcomes[i]), all in one transaction; a normal event whose outlier is here takes its place.
	 * -ENOENT: no such room. Any other error: nothing is known to be stored; ask again.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*store_pdus)(const struct hearth_rooms *service, struct hearth_task *task, const char *room_id,
			  const struct hearth_room_version *version, const struct hearth_pdu *pdus, size_t count,
			  struct hearth_pdu_outcome *ret_outcomes, struct hearth_error *err);
	/* --- membership (1.2) --- */
	/*
	 * Of rooms that the user is not in: where their last stay ended, not after at (stream orderings; INT64_MAX: now).
	 * What such a user may know of the room's state ends there. INT64_MIN where they have never been in it. One query.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*left_at)(const struct hearth_rooms *service, struct hearth_task *task, const char *user_id,
		       const char *const *room_ids, size_t count, int64_t at, int64_t *ret_orderings,
		       struct hearth_error *err);
};

static inline const struct hearth_rooms *hearth_rooms(const struct hearth_host *host)
{
	return (const struct hearth_rooms *)host->service(host, HEARTH_ROOMS_ID, HEARTH_ROOMS_MAJOR,
							  HEARTH_ROOMS_MINOR);
}

HEARTH_END_DECLS
#endif
