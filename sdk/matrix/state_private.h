/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of state resolution share: the events as a graph of numbered nodes, the state as numbered keys.
 * Numbers stay valid while the tables grow; pointers into them do not.
 */
#ifndef HEARTH_STATE_PRIVATE_H
#define HEARTH_STATE_PRIVATE_H

#include <hearth/map.h>
#include <hearth/matrix/state.h>


#define STATE_NONE UINT32_MAX

/* node.flags */
enum {
	NODE_FETCHED = 1 << 0,    /* asked for; event is NULL where it is unknown */
	NODE_CHAINED = 1 << 1,    /* its auth chain has been brought */
	NODE_CONFLICTED = 1 << 2, /* in the conflicted state set */
	NODE_FULL = 1 << 3,       /* in the full conflicted set */
	NODE_COMMON = 1 << 4,     /* in the auth chain of every set, since unconflicted state rests on it */
	NODE_BELOW = 1 << 5,      /* a conflicted event reaches it */
	NODE_ABOVE = 1 << 6,      /* it reaches a conflicted event */
	NODE_POWER = 1 << 7,      /* sorted with the power events */
	NODE_PASSED = 1 << 8,     /* power levels that the search for the mainline has passed */
};

struct node {
	const char *id;
	const struct hearth_event *event;
	const uint32_t *auth; /* nodes that it cites; version 12: the create event as well */
	uint32_t auth_count;
	uint32_t flags;
	uint32_t key;         /* of a conflicted event */
	uint32_t chain_count; /* sets whose auth chain holds it */
	uint32_t last_set;    /* the latest of them, from 1 */
	uint32_t index;       /* in the list that is being sorted */
	uint32_t mainline;    /* its place there, from 1; 0: not (yet) */
	uint32_t position;    /* mainline position of what cites it, from 1; 0: not known yet */
};

struct key {
	const char *type, *state_key;
	uint32_t unconflicted; /* node; STATE_NONE: conflicted or not in the input */
	uint32_t resolved;     /* node; STATE_NONE: not resolved (yet) */
	uint32_t set_count;    /* sets that have it */
	uint32_t is_conflicted;
};

struct list {
	uint32_t *items;
	size_t count, capacity;
};

struct resolution {
	struct hearth_arena *arena;
	const struct hearth_room_version *version;
	const struct hearth_state_set *sets;
	size_t set_count;
	const struct hearth_event_source *source;
	struct hearth_error *err;

	struct node *nodes;
	uint32_t node_count;
	size_t node_capacity;
	struct hearth_map node_of_id; /* each index plus one */
	struct key *keys;
	uint32_t key_count;
	size_t key_capacity;
	struct hearth_map key_of_state; /* each index plus one */
	struct list conflicted; /* nodes, each once */
	struct list full;       /* the full conflicted set, as far as it is known */
};

void hearth_state_push(struct resolution *r, struct list *list, uint32_t item);

/* --- state_graph.c --- */
uint32_t hearth_state_node(struct resolution *r, const char *id);
uint32_t hearth_state_key(struct resolution *r, const char *type, const char *state_key);
/* The node that the state has come to for this key, STATE_NONE. */
uint32_t hearth_state_resolved(const struct resolution *r, const char *type, const char *state_key);
/* Brings the events of these nodes in one fetch, without those that are there. */
HEARTH_SUSPENDS int hearth_state_load(struct resolution *r, const struct list *nodes);
/* Brings the events that the given ones cite, in one fetch. */
HEARTH_SUSPENDS int hearth_state_load_cited(struct resolution *r, const struct list *nodes);
/* Brings the auth chains, one fetch a generation. */
HEARTH_SUSPENDS int hearth_state_load_chains(struct resolution *r, const struct list *nodes);
/* Sets flag on the given nodes and on all that their auth edges lead to. */
void hearth_state_flag_chains(struct resolution *r, const struct list *nodes, uint32_t flag);
/* The event of this type and empty state key that a node cites, STATE_NONE; what it cites must be loaded. */
uint32_t hearth_state_cited(const struct resolution *r, uint32_t node, const char *type);

/* --- state_split.c --- */
/* Fills keys and conflicted. absence_conflicts: a set without the key disagrees (version 2 and later). */
void hearth_state_split(struct resolution *r, int absence_conflicts);
void hearth_state_result(struct resolution *r, struct hearth_state_set *ret_state);

/* --- state_difference.c --- */
/* Sets NODE_FULL on the full conflicted set, and loads it. */
HEARTH_SUSPENDS int hearth_state_find_full_set(struct resolution *r);

/* --- state_power.c, state_mainline.c --- */
/* Reverse topological power ordering of the power events and what they rest on. */
HEARTH_SUSPENDS int hearth_state_sort_power(struct resolution *r, struct list *ret_order);
/* Mainline ordering of the rest, by the power levels in the resolved state. */
HEARTH_SUSPENDS int hearth_state_sort_mainline(struct resolution *r, struct list *ret_order);

/* --- state_iterate.c --- */
/* Whether the resolved state, and what the event cites where that has none, allows it. 1: allowed. */
int hearth_state_allows(const struct resolution *r, uint32_t node, int with_citations);
/* Loads what authorising these events in the resolved state will look at. */
HEARTH_SUSPENDS int hearth_state_load_for_auth(struct resolution *r, const struct list *nodes);
/* Authorises one after the other and puts those that pass into the resolved state. */
void hearth_state_iterate(struct resolution *r, const struct list *order);

/* --- state_v1.c, state_v2.c --- */
HEARTH_SUSPENDS int hearth_state_resolve_v1(struct resolution *r);
HEARTH_SUSPENDS int hearth_state_resolve_v2(struct resolution *r);

#endif
