/* SPDX-License-Identifier: Apache-2.0
 *
 * sync.h - what the files of this plugin share: the plugin, its tokens, and one response under construction.
 */
#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H

#include <stdbool.h>

#include <hearth/log.h>
#include <hearth/map.h>
#include <hearth/plugin.h>
#include <hearth/services/accounts.h>
#include <hearth/services/rooms.h>

#define SYNC_TOKEN_SLOTS 13 /* as many parts as Synapse's tokens have */
#define SYNC_TIMELINE_LIMIT 10
#define SYNC_TIMELINE_MAX 100

/* The streams that stand in tokens or contribute to responses, in the host's order. */
struct sync_stream {
	const struct hearth_stream_ref *ref;
	const struct hearth_stream     *declaration;
	void                           *self;
};

struct sync {
	const struct hearth_host     *host;
	const struct hearth_tasks    *tasks;
	const struct hearth_streams  *streams;
	const struct hearth_hooks    *hooks;
	const struct hearth_accounts *accounts;
	const struct hearth_rooms    *rooms;
	struct hearth_arena          *arena;
	struct sync_stream           *list;
	size_t                        count;
	size_t                        events; /* the index of the events stream in list */
};

/* --- token.c: one position per stream of sync->list --- */
int64_t *sync_token_now(struct sync *sync, struct hearth_arena *arena);
int sync_token_parse(struct sync *sync, struct hearth_arena *arena, const char *text, int64_t **ret_positions,
		     struct hearth_error *err);
const char *sync_token_write(struct sync *sync, struct hearth_arena *arena, const int64_t *positions);

/* --- one response --- */
struct sync_item {
	struct sync_item *next;
	uint32_t          section;
	const char       *key;
	const char       *json;
	size_t            length;
};

struct sync_items {
	struct sync_item *first, **end;
	size_t            count;
};

struct sync_room {
	const struct hearth_membership *membership;
	const char                     *room_id;
	bool                            joined, fresh, active;
	bool                            left;   /* a stay of the user's in it has ended after since */
	bool                            full;   /* the whole state belongs in the response */
	int64_t                         from;   /* events after this */
	int64_t                         upto;   /* up to and with this */
	struct hearth_stored_event     *timeline; /* oldest first */
	size_t                          timeline_count;
	bool                            limited;
	const struct hearth_state_delta *deltas;  /* of (from, upto]; of full rooms: of the timeline */
	size_t                          delta_count;
	struct hearth_map                 state;    /* (type, state_key) -> struct sync_state_entry */
	const struct hearth_stored_event **block; /* what the response's state holds */
	size_t                          block_count;
	const struct hearth_room_summary *summary; /* NULL: unchanged */
	struct sync_items               items;
};

struct sync_state_entry {
	const char                       *final_id; /* the state at upto; NULL: removed */
	const struct hearth_stored_event *event;    /* what the block says of it */
	const char                       *wanted_id;
};

struct sync_build {
	struct sync                 *sync;
	struct hearth_task          *task;
	struct hearth_arena         *arena;
	const char                  *user_id, *device_id;
	const struct hearth_filter  *filter;
	bool                         initial, full_state, state_after;
	const char                  *state_key; /* what a room's state is called in the response */
	const int64_t               *since;   /* by stream; all 0 when initial */
	int64_t                     *upto;
	const struct hearth_membership *memberships;
	size_t                       membership_count;
	struct sync_room            *rooms;   /* joined and left ones */
	size_t                       room_count;
	const struct hearth_membership **invites, **knocks;
	size_t                       invite_count, knock_count;
	struct hearth_state_result  *invite_states, *knock_states;
	struct hearth_map              by_id;   /* room id -> struct sync_room */
	struct sync_items            items;   /* those of no room */
	bool                         news;    /* something that is worth answering at once */
	const void                  *bundled;
};

/* choose.c: which rooms are looked at, from where to where. */
HEARTH_SUSPENDS int sync_choose_rooms(struct sync_build *build, struct hearth_error *err);
/* timeline.c: the rooms' timelines and changes of state. */
HEARTH_SUSPENDS int sync_load_timelines(struct sync_build *build, struct hearth_error *err);
/* state.c: the state block of each room, and the stripped state of invites and knocks. */
HEARTH_SUSPENDS int sync_load_states(struct sync_build *build, struct hearth_error *err);
HEARTH_SUSPENDS int sync_load_stripped(struct sync_build *build, struct hearth_error *err);
/* sources.c: what the other streams contribute; last: those that speak about the rooms in the response. */
HEARTH_SUSPENDS int sync_collect(struct sync_build *build, bool last, struct hearth_error *err);
/* The contribution of one stream alone, whether or not it has moved. */
HEARTH_SUSPENDS int sync_collect_one(struct sync_build *build, const char *stream, struct hearth_error *err);
/* write.c */
void sync_write(struct sync_build *build, struct hearth_writer *w);

static inline int64_t sync_events_since(const struct sync_build *build)
{
	return build->since[build->sync->events];
}

static inline int64_t sync_events_upto(const struct sync_build *build)
{
	return build->upto[build->sync->events];
}

extern const struct hearth_endpoint SYNC_ENDPOINTS[], CHANGES_ENDPOINTS[];

#endif
