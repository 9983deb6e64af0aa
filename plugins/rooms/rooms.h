/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/rooms.h - what the files of this plugin share. The store (events, state, membership) stands below the
 * endpoints: endpoint files call what is declared here, the store calls none of them.
 *
 * Results live in the task's arena unless said otherwise. `task` is the one the call runs in.
 */
#ifndef ROOMS_H
#define ROOMS_H

#include <stdbool.h>

#include <hearth/db.h>
#include <hearth/hook.h>
#include <hearth/http.h>
#include <hearth/keys.h>
#include <hearth/log.h>
#include <hearth/metrics.h>
#include <hearth/plugin.h>
#include <hearth/services/accounts.h>
#include <hearth/services/rooms.h>
#include <hearth/stream.h>
#include <hearth/task.h>

#define ROOMS_LANES 2

struct rooms_lru;
struct rooms_lane;
struct rooms_upgrading;

struct rooms_metrics {
	struct hearth_metric *group_size;     /* gauge: drafts of the latest group */
	struct hearth_metric *groups, *events; /* counters */
	struct hearth_metric *lane_wait;      /* histogram: queued to taken */
	struct hearth_metric *persist;        /* histogram: taken to committed */
	struct hearth_metric *cache;          /* counter by "rooms_hit", "rooms_miss", "events_hit", ... */
};

/* The plugin's self. */
struct rooms {
	struct hearth_rooms             service; /* first: a service call finds its plugin by it */
	const struct hearth_host       *host;
	const struct hearth_db         *db;
	const struct hearth_tasks      *tasks;
	const struct hearth_streams    *streams;
	const struct hearth_hooks      *hooks;
	const struct hearth_limits     *limits;
	const struct hearth_keys       *keys;
	const struct hearth_log        *log;
	const struct hearth_metrics    *metrics;
	const struct hearth_accounts   *accounts; /* NULL: not here, and nobody ignores anybody */
	const struct hearth_stream_ref *events_stream, *backfill_stream;
	const char                     *server_name;
	const char                     *default_version; /* default_room_version */
	const struct hearth_json       *admin_redaction; /* rc_admin_redaction; NULL: such redactions count as messages */
	bool                            forget_on_leave;  /* forget_rooms_on_leave */
	bool                            members_name;     /* require_membership_for_aliases */
	const char                     *encrypted_presets; /* encryption_enabled_by_default_for_room_type */
	const struct hearth_json       *preset_levels;    /* default_power_level_content_override; NULL */
	double                          invites_at_once; /* rc_invites.per_room.burst_count: as many may createRoom invite */
	uint64_t                        hash_key[2]; /* of rooms_secret */
	int64_t                         number_next, number_end; /* the rest of a block of rooms_number_seq */
	struct rooms_lru               *room_cache;  /* struct rooms_room by room id */
	struct rooms_lru               *state_cache; /* struct rooms_group by group number */
	struct rooms_lru               *event_cache; /* struct rooms_event by event number */
	uint64_t                        placed;      /* outliers that have become normal: what was read before may be old */
	struct rooms_upgrading         *upgrading;   /* upgrades that are under way */
	struct rooms_lane              *lanes[ROOMS_LANES];
	struct rooms_metrics            metric;
};

static inline struct rooms *rooms_of(const struct hearth_rooms *service)
{
	return (struct rooms *)service->base.self;
}

/* service.c: fills r->service. */
void rooms_service_init(struct rooms *r);

/* ---- persist.c: making and storing events -------------------------------------------------------------------- */

/*
 * Drafts of one room that are stored in one transaction, in this order, or not at all.
 *
 * create_version not NULL: makes a room. drafts[0] is its m.room.create (content without room_version, and without
 * creator, which are added as the version asks for); room_id of every draft is ignored.
 *
 * replaces not NULL: the new room takes the place of that one. drafts[1] is the old room's m.room.tombstone (content without
 * replacement_room, which is added); its id goes into the predecessor of the new room's m.room.create, save in versions
 * where the room's id is not known before that event is.
 */
struct rooms_batch {
	const struct hearth_draft        *drafts;
	size_t                            count;
	const struct hearth_room_version *create_version;
	bool                              published; /* a new room that stands in the directory */
	const char                       *alias;     /* of a new room, made in the same transaction; NULL */
	const char                       *replaces;  /* a room; NULL */
};

/*
 * Queues the batch at its room's lane and waits for the commit. ret_event_ids: one of each draft, in order; a draft whose
 * transaction id was used before, or that is `unless_same`, answers the id of the event that is already there.
 * ret_room_id may be NULL. -EACCES: the rules or a hook refuse. -ENOENT: no such room. -EEXIST with M_ROOM_IN_USE: the
 * alias is taken. When the task is cancelled the batch may be stored nevertheless.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_send_batch(struct rooms *r, struct hearth_task *task, const struct rooms_batch *batch,
		     const char **ret_room_id, const char *const **ret_event_ids, struct hearth_error *err);

/* One draft: what hearth_rooms.send does. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_send(struct rooms *r, struct hearth_task *task, const struct hearth_draft *draft, const char **ret_event_id,
	       struct hearth_error *err);

/* As hearth_rooms.store_pdus. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_store_pdus(struct rooms *r, struct hearth_task *task, const char *room_id,
		     const struct hearth_room_version *version, const struct hearth_pdu *pdus, size_t count,
		     struct hearth_pdu_outcome *ret_outcomes, struct hearth_error *err);

/* ---- store.c: reading events --------------------------------------------------------------------------------- */

/* As hearth_rooms.events: in the order of ids, event_id NULL where unknown. Rejected and outliers are told. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_events(struct rooms *r, struct hearth_task *task, const char *const *ids, size_t count,
		 struct hearth_stored_event **ret_events, struct hearth_error *err);
/* By their numbers. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_events_by_number(struct rooms *r, struct hearth_task *task, const int64_t *numbers, size_t count,
			   struct hearth_stored_event **ret_events, struct hearth_error *err);

/*
 * Rows of events in the order in which a statement of your own selects them; its columns are ROOMS_EVENT_COLUMNS over
 * ROOMS_EVENT_TABLES (aliases e, r, b, p), its row is ROOMS_EVENT_ROW, and rooms_events_of_rows makes events of them.
 */
struct rooms_event_row {
	int64_t     number, stream_ordering, depth, origin_server_ts, state_group, flags;
	const char *event_id, *room_id, *version, *type, *sender, *state_key, *txn_device, *txn_id, *json;
	const char *because_id, *because_json, *replaces_id, *replaces_json;
};
extern const struct hearth_field ROOMS_EVENT_ROW[];
#define ROOMS_EVENT_COLUMNS                                                                                     \
	"e.number, e.stream_ordering, e.depth, e.origin_server_ts, e.state_group, e.flags::bigint, e.event_id, r.room_id, " \
	"r.version, e.type, e.sender, e.state_key, e.txn_device, e.txn_id, e.json, b.event_id, b.json, p.event_id, " \
	"CASE WHEN p.redacted_by IS NULL THEN p.json END"
#define ROOMS_EVENT_TABLES                                                                              \
	"events e JOIN rooms r ON r.number = e.room LEFT JOIN events b ON b.number = e.redacted_by " \
	"LEFT JOIN events p ON p.number = e.replaces"
/*
 * The PDU of an event (an alias of the table), to look into from SQL: PostgreSQL's texts cannot hold the NULs that strings
 * of clients may, so they are left out. A doubled backslash is out of the way while "\\u0000" is looked for.
 */
#define ROOMS_PDU(event_)                                                                                      \
	"(CASE WHEN strpos(" event_ ".json, '\\u0000') = 0 THEN " event_ ".json ELSE replace(replace(replace("   \
	event_ ".json, '\\\\', chr(1)), '\\u0000', ''), chr(1), '\\\\') END)::json"
HEARTH_MUST_CHECK
int rooms_events_of_rows(struct hearth_arena *arena, const struct rooms_event_row *rows, size_t count,
			 struct hearth_stored_event **ret_events, struct hearth_error *err);

/* The stored event, parsed. Its version comes from its room. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_parse(struct rooms *r, struct hearth_task *task, const struct hearth_stored_event *stored,
		const struct hearth_event **ret_event, struct hearth_error *err);

/* ---- facts of rooms ------------------------------------------------------------------------------------------ */

struct rooms_facts {
	int64_t                           number; /* 0: no such room here */
	int64_t                           last_ordering;
	const struct hearth_room_version *version;
};
/* Of many rooms, in the order of room_ids. Kept in memory. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_facts(struct rooms *r, struct hearth_task *task, const char *const *room_ids, size_t count,
		struct rooms_facts *ret_facts, struct hearth_error *err);

/* ---- state.c -------------------------------------------------------------------------------------------------- */

/* One entry of the current state. event_id NULL in *ret_event: there is none. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_current(struct rooms *r, struct hearth_task *task, const char *room_id, const char *type,
		  const char *state_key, struct hearth_stored_event *ret_event, struct hearth_error *err);
/*
 * Parsed events of the current state, in the order of the pairs, NULL where there is none: for power levels and the like.
 * One query at most.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_current_parsed(struct rooms *r, struct hearth_task *task, const char *room_id, const char *const *types,
			 const char *const *state_keys, size_t count, const struct hearth_event **ret_events,
			 struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_states(struct rooms *r, struct hearth_task *task, const struct hearth_state_query *queries, size_t count,
		 struct hearth_state_result *ret_results, struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_state_before(struct rooms *r, struct hearth_task *task, const char *event_id, const char *const *types,
		       const char *const *state_keys, size_t pair_count, const struct hearth_stored_event **ret_events,
		       size_t *ret_count, struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_state_deltas(struct rooms *r, struct hearth_task *task, const struct hearth_delta_range *ranges,
		       size_t range_count, const struct hearth_state_delta **ret_deltas, size_t *ret_count,
		       struct hearth_error *err);

/* ---- membership.c --------------------------------------------------------------------------------------------- */

HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_membership(struct rooms *r, struct hearth_task *task, const char *room_id, const char *user_id,
		     struct hearth_membership *ret_membership, struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_memberships(struct rooms *r, struct hearth_task *task, const char *user_id, int64_t at,
		      const struct hearth_membership **ret_memberships, size_t *ret_count, struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_members(struct rooms *r, struct hearth_task *task, const char *room_id, const char *membership,
		  int local_only, struct hearth_texts *ret_user_ids, struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_sharing_users(struct rooms *r, struct hearth_task *task, const char *user_id, const char *const *candidates,
			size_t count, struct hearth_texts *ret_user_ids, struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_summaries(struct rooms *r, struct hearth_task *task, const char *const *room_ids, size_t count,
		    const char *viewer, struct hearth_room_summary *ret_summaries, struct hearth_error *err);
/* Marks a room that the user has left as forgotten. -EINVAL while they are in it; -ENOENT where they never were. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_forget(struct rooms *r, struct hearth_task *task, const char *room_id, const char *user_id,
		 struct hearth_error *err);
/* As hearth_rooms.left_at. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_left_at(struct rooms *r, struct hearth_task *task, const char *user_id, const char *const *room_ids,
		  size_t count, int64_t at, int64_t *ret_orderings, struct hearth_error *err);
/*
 * Whether the user may read the room, and up to which position: 0 with *ret_at INT64_MAX while joined (or the room is
 * world readable), the ordering of the event that ended their last stay where they have left (/messages, /state and
 * /members answer as of then). -EACCES otherwise, and where they have never been in the room.
 */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_may_read(struct rooms *r, struct hearth_task *task, const char *room_id, const char *user_id,
		   int64_t *ret_at, struct hearth_error *err);

/* ---- timeline.c, visibility.c, bundle.c, client_form.c ---------------------------------------------------------- */

HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_timelines(struct rooms *r, struct hearth_task *task, const struct hearth_timeline_query *queries,
		    size_t count, struct hearth_timeline *ret_timelines, struct hearth_error *err);
/* What the room's history visibility lets user_id see, of the events; ignored senders' stay. In place. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_filter_history(struct rooms *r, struct hearth_task *task, const char *user_id,
			 struct hearth_stored_event *events, size_t *count, struct hearth_error *err);
/* As rooms_filter_history, without what ignored users sent. */
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_filter_visible(struct rooms *r, struct hearth_task *task, const char *user_id,
			 struct hearth_stored_event *events, size_t *count, struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_bundle(struct rooms *r, struct hearth_task *task, const char *viewer,
		 const struct hearth_stored_event *events, size_t count, const void **ret_bundled,
		 struct hearth_error *err);
void rooms_write_event(struct rooms *r, struct hearth_writer *w, const char *key,
		       const struct hearth_stored_event *event, const struct hearth_client_form *form);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_alias_to_room(struct rooms *r, struct hearth_task *task, const char *alias, const char **ret_room_id,
			struct hearth_error *err);

/* ---- directory.c: as the functions of hearth_rooms of these names ----------------------------------------------- */

HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_published(struct rooms *r, struct hearth_task *task, const char *room_id, int *ret_published,
		    struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_publish(struct rooms *r, struct hearth_task *task, const char *room_id, int published,
		  struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_directory(struct rooms *r, struct hearth_task *task, const struct hearth_directory_query *query,
		    const struct hearth_directory_entry **ret_entries, size_t *ret_count, int64_t *ret_total,
		    struct hearth_error *err);
HEARTH_SUSPENDS HEARTH_MUST_CHECK
int rooms_aliases(struct rooms *r, struct hearth_task *task, const char *room_id, struct hearth_texts *ret_aliases,
		  struct hearth_error *err);

#endif
