/* SPDX-License-Identifier: Apache-2.0
 *
 * A room as another server would see it: every event in memory, states resolved by the domain library alone, auth chains
 * walked. What the store says is compared with it.
 */
#ifndef STORE_TEST_MODEL_H
#define STORE_TEST_MODEL_H

#include <hearth/map.h>
#include <hearth/matrix/state.h>

#include "store_test.h"

#define MODEL_MAX 512
#define MODEL_PREV_MAX 20

struct model_event {
	const struct hearth_event *event;
	const struct hearth_json *pdu;
	size_t prev[MODEL_PREV_MAX];
	size_t prev_count;
	struct hearth_state_set before, after;
	bool rejected, soft_failed, foreseen; /* foreseen: in the room when it was made */
};

struct model {
	struct run *run;
	const struct hearth_room_version *version;
	const char *room_id;
	struct model_event events[MODEL_MAX];
	size_t count;
	size_t extremities[MODEL_MAX];
	size_t extremity_count;
	struct hearth_state_set current;
	struct hearth_map by_id; /* event id to its place in events, from 1 */
	uint64_t random;
	int64_t clock;
};

/* What an event says. */
struct model_draft {
	const char *type, *sender, *state_key, *content, *redacts;
};

struct model *model_new(struct run *run, const char *version, uint64_t seed);
uint64_t model_random(struct model *model, uint64_t bound);
/* The state of several events' ends. */
int model_resolve(struct model *model, const size_t *events, size_t count, struct hearth_state_set *ret_state);
const char *model_find(const struct hearth_state_set *state, const char *type, const char *state_key);
/* Makes an event behind the given ones, judges it, and takes it into the room. Its place is model->count - 1. */
int model_add(struct model *model, const struct model_draft *draft, const size_t *prev, size_t prev_count);
/* Gives it to the store; the outcome must be the model's. */
int model_store(struct model *model, size_t event);
/* Several in one transaction. */
int model_store_many(struct model *model, size_t first, size_t count);
/* Current state, extremities, and the state before every fourth event are the same on both sides. */
int model_compare(struct model *model);

#endif
