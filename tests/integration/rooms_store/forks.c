/* SPDX-License-Identifier: Apache-2.0 */
/* Random graphs of every room version, stored event by event and compared with a model of the room. */
#include <persist.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define USERS 6

static const char *user(struct model *model, uint64_t index)
{
	return hearth_arena_printf(model->run->arena, "@u%u:elsewhere", (unsigned)index);
}

/* The room as its creator makes it, each event behind the one before. */
static int found(struct model *model)
{
	const char *creator = user(model, 0);
	struct hearth_arena *arena = model->run->arena;
	const struct model_draft drafts[] = {
		{ .type = "m.room.create", .sender = creator, .state_key = "",
		  .content = hearth_arena_printf(arena, "{\"creator\":\"%s\",\"room_version\":\"%s\"}", creator,
						 model->version->name) },
		{ .type = "m.room.member", .sender = creator, .state_key = creator, .content = "{\"membership\":\"join\"}" },
		{ .type = "m.room.power_levels", .sender = creator, .state_key = "",
		  .content = model->version->creator_power
				     ? "{\"users\":{\"@u1:elsewhere\":100,\"@u2:elsewhere\":50}}"
				     : "{\"users\":{\"@u0:elsewhere\":100,\"@u1:elsewhere\":100,\"@u2:elsewhere\":50}}" },
		{ .type = "m.room.join_rules", .sender = creator, .state_key = "", .content = "{\"join_rule\":\"public\"}" },
	};

	for (size_t i = 0; i < HEARTH_COUNT(drafts); i++) {
		size_t prev = i - 1;

		must(model_add(model, &drafts[i], &prev, i ? 1 : 0));
		expect(model->run, !model->events[i].rejected && !model->events[i].soft_failed);
		must(model_store(model, i));
	}
	return 0;
}

static const char *levels(struct model *model)
{
	static const int LEVELS[] = { 0, 50, 100 };
	int one = LEVELS[model_random(model, 3)], two = LEVELS[model_random(model, 3)];
	const char *creator = model->version->creator_power ? "" : "\"@u0:elsewhere\":100,";

	return hearth_arena_printf(model->run->arena, "{\"users\":{%s\"@u1:elsewhere\":%d,\"@u2:elsewhere\":%d},\"ban\":%d}",
				   creator, one, two, model_random(model, 2) ? 50 : 100);
}

/* Somebody who has joined, mostly. */
static const char *random_sender(struct model *model, const struct hearth_state_set *state)
{
	const char *sender = user(model, model_random(model, USERS));

	for (int tries = 0; tries < 4; tries++) {
		const char *id = model_find(state, "m.room.member", sender);
		const struct hearth_map_entry *entry = id ? hearth_map_find(&model->by_id, id, "") : NULL;
		const char *membership =
			entry ? hearth_json_get_string(model->events[entry->number - 1].event->content, "membership") : NULL;

		if (membership && strcmp(membership, "join") == 0)
			break;
		sender = user(model, model_random(model, USERS));
	}
	return sender;
}

static struct model_draft random_draft(struct model *model, const struct hearth_state_set *state)
{
	const char *sender = random_sender(model, state), *other = user(model, model_random(model, USERS));
	struct model_draft draft = { .type = "m.room.member", .sender = sender, .state_key = sender };
	uint64_t kind = model_random(model, 16);

	if (kind < 4) {
		draft.sender = draft.state_key = other;
		draft.content = hearth_arena_printf(model->run->arena, "{\"membership\":\"join\",\"displayname\":\"%u\"}",
						    (unsigned)model_random(model, 1000));
	} else if (kind < 5) {
		draft.content = "{\"membership\":\"leave\"}";
	} else if (kind < 8) {
		draft.state_key = other;
		draft.content = model_random(model, 2) ? "{\"membership\":\"ban\"}" : "{\"membership\":\"leave\"}";
	} else if (kind < 10) {
		draft = (struct model_draft){ "m.room.power_levels", sender, "", levels(model), NULL };
	} else if (kind < 11) {
		draft = (struct model_draft){ "m.room.join_rules", sender, "",
					      model_random(model, 2) ? "{\"join_rule\":\"invite\"}"
								     : "{\"join_rule\":\"public\"}",
					      NULL };
	} else if (kind < 13) {
		draft = (struct model_draft){ "m.room.topic", sender, "", "{\"topic\":\"t\"}", NULL };
	} else {
		draft = (struct model_draft){ "m.room.message", sender, NULL, "{\"body\":\"hello\"}", NULL };
	}
	return draft;
}

/* One to three of the latest events, mostly extremities, now and then one that was not accepted. */
static size_t random_prev(struct model *model, size_t *ret_prev)
{
	size_t wanted = 1 + model_random(model, 3), count = 0;

	for (size_t tries = 0; tries < 8 && count < wanted; tries++) {
		size_t window = model->count - 4 < 12 ? model->count - 3 : 12;
		size_t event = model->count - 1 - model_random(model, window);
		bool seen = false;

		if (model_random(model, 5) < 2 && model->extremity_count)
			event = model->extremities[model_random(model, model->extremity_count)];
		for (size_t i = 0; i < count; i++)
			seen = seen || ret_prev[i] == event;
		if (!seen)
			ret_prev[count++] = event;
	}
	return count;
}

static int store_as_outlier(struct model *model, size_t event)
{
	const struct hearth_pdu pdu = { .size = sizeof(pdu), .json = model->events[event].pdu, .outlier = 1 };
	struct hearth_stored_event *stored;
	struct hearth_pdu_outcome outcome;

	must(rooms_store_pdus(model->run->r, model->run->task, model->room_id, NULL, &pdu, 1, &outcome, model->run->err));
	must(rooms_events(model->run->r, model->run->task, &outcome.event_id, 1, &stored, model->run->err));
	expect(model->run, stored->event_id && stored->outlier);
	return 0;
}

/* --- auth chains --- */

static void walk(struct model *model, const char *id, struct hearth_map *chain)
{
	struct hearth_map_entry *entry = hearth_map_at(chain, id, "");
	const struct hearth_event *event;

	if (entry->number)
		return;
	entry->number = 1;
	event = model->events[hearth_map_find(&model->by_id, id, "")->number - 1].event;
	for (size_t i = 0; i < event->auth_count; i++)
		walk(model, event->auth_events[i], chain);
	if (model->version->room_id_is_create_hash)
		hearth_map_at(chain, hearth_arena_printf(model->run->arena, "$%s", model->room_id + 1), "")->number = 1;
}

static int numbers_of(struct model *model, const struct hearth_state_set *state, struct rooms_number_list *ret_numbers)
{
	const char **ids = hearth_arena_array_of(model->run->arena, const char *, state->count);
	struct hearth_stored_event *events;

	for (size_t i = 0; i < state->count; i++)
		ids[i] = state->entries[i].event_id;
	must(rooms_events(model->run->r, model->run->task, ids, state->count, &events, model->run->err));
	*ret_numbers = (struct rooms_number_list){ hearth_arena_array_of(model->run->arena, int64_t, state->count),
						   state->count };
	for (size_t i = 0; i < state->count; i++)
		ret_numbers->items[i] = events[i].number;
	return 0;
}

struct split {
	struct model *model;
	struct hearth_state_set same;
	struct rooms_number_list numbers;
};

static int64_t same_at_key_of(void *context, const struct hearth_event *event)
{
	const struct split *split = context;

	for (size_t i = 0; i < split->same.count; i++)
		if (strcmp(split->same.entries[i].type, event->type) == 0 &&
		    strcmp(split->same.entries[i].state_key, event->state_key) == 0)
			return split->numbers.items[i];
	return 0;
}

/* Takes out of the sets what all of them hold. */
static int split_same(struct model *model, struct hearth_state_set *sets, size_t count, struct split *ret_split)
{
	struct hearth_state_entry *same = hearth_arena_array_of(model->run->arena, struct hearth_state_entry, sets[0].count);

	*ret_split = (struct split){ .model = model, .same = { same, 0 } };
	for (size_t i = 0; i < sets[0].count; i++) {
		const struct hearth_state_entry *entry = &sets[0].entries[i];
		size_t in = 0;

		for (size_t s = 0; s < count; s++) {
			const char *id = model_find(&sets[s], entry->type, entry->state_key);

			in += id && strcmp(id, entry->event_id) == 0;
		}
		if (in == count)
			same[ret_split->same.count++] = *entry;
	}
	for (size_t s = 0; s < count; s++) {
		struct hearth_state_entry *own =
			hearth_arena_array_of(model->run->arena, struct hearth_state_entry, sets[s].count);
		size_t kept = 0;

		for (size_t i = 0; i < sets[s].count; i++)
			if (!model_find(&ret_split->same, sets[s].entries[i].type, sets[s].entries[i].state_key))
				own[kept++] = sets[s].entries[i];
		sets[s] = (struct hearth_state_set){ own, kept };
	}
	return numbers_of(model, &ret_split->same, &ret_split->numbers);
}

/* The index says of some events' states what a walk over the citations says. */
static int compare_chains(struct model *model, bool split)
{
	struct run *run = model->run;
	const struct rooms_chains chains = { .r = run->r, .task = run->task, .arena = run->arena };
	struct rooms_number_list numbers[3], difference;
	struct hearth_state_set sets[3];
	struct hearth_stored_event *events;
	struct hearth_map walked[3];
	struct split same = { .model = model };
	const struct rooms_chains_common common = { &same.numbers, same_at_key_of, &same, NULL };
	size_t count = 2 + model_random(model, 2), wanted = 0;

	for (size_t s = 0; s < count; s++) {
		sets[s] = model->events[4 + model_random(model, model->count - 4)].before;
		hearth_map_init(&walked[s], run->arena, 64);
		for (size_t i = 0; i < sets[s].count; i++)
			walk(model, sets[s].entries[i].event_id, &walked[s]);
	}
	if (split)
		must(split_same(model, sets, count, &same));
	for (size_t s = 0; s < count; s++)
		must(numbers_of(model, &sets[s], &numbers[s]));
	must(rooms_chains_difference(&chains, numbers, count, split ? &common : NULL, &difference, run->err));
	must(rooms_events_by_number(run->r, run->task, difference.items, difference.count, &events, run->err));
	for (size_t e = 0; e < model->count; e++) {
		const char *id = model->events[e].event->event_id;
		size_t in = 0, told = 0;

		for (size_t s = 0; s < count; s++)
			in += hearth_map_find(&walked[s], id, "") != NULL;
		for (size_t i = 0; i < difference.count; i++)
			told += strcmp(events[i].event_id, id) == 0;
		wanted += in > 0 && in < count;
		if (told != (in > 0 && in < count))
			return hearth_fail(run->err, -EIO, "version %s: event %zu is %sin the difference of auth chains",
					   model->version->name, e, told ? "" : "not ");
	}
	expect(run, wanted == difference.count);
	return 0;
}

/* What the graphs have brought about: all of it must happen. */
struct happened {
	size_t rejected, soft_failed, merged, outliers;
};

/* together: at most so many events in one transaction. */
static int random_graph(struct run *run, const char *version, uint64_t seed, size_t size, size_t together,
			struct happened *happened)
{
	struct model *model = model_new(run, version, seed);
	size_t stored;

	must(found(model));
	stored = model->count;
	while (model->count < size) {
		size_t prev[3], count = random_prev(model, prev);
		struct hearth_state_set state;
		struct model_draft draft;

		must(model_resolve(model, prev, count, &state));
		draft = random_draft(model, &state);
		must(model_add(model, &draft, prev, count));
		if (together == 1 && model_random(model, 8) == 0) {
			must(store_as_outlier(model, model->count - 1));
			happened->outliers++;
		}
		if (model->count < size && model_random(model, together))
			continue;
		must(model_store_many(model, stored, model->count - stored));
		stored = model->count;
		if (model_random(model, 10) == 0)
			rooms_lru_drop(run->r->room_cache, model->room_id, strlen(model->room_id));
	}
	must(model_compare(model));
	for (size_t i = 0; i < model->count; i++) {
		happened->rejected += model->events[i].rejected;
		happened->soft_failed += model->events[i].soft_failed;
		happened->merged += model->events[i].prev_count > 1;
	}
	for (int i = 0; i < 8; i++)
		must(compare_chains(model, i % 2));
	return 0;
}

/* Plans that were made for empty tables are made anew. */
static const struct hearth_statement ANALYZE = { .name = "rooms_store_test.analyze", .sql = "ANALYZE" };

int random_graphs_resolve_alike(struct run *run)
{
	const char *longer = getenv("HEARTH_TEST_GRAPHS");
	unsigned long rounds = longer ? strtoul(longer, NULL, 10) : 1;
	struct happened happened = { 0 };
	char version[8];

	must(run->r->db->write(run->task, &ANALYZE, NULL, NULL, run->err));
	for (unsigned long seed = 1; seed <= rounds; seed++)
		for (int number = 1; number <= 12; number++) {
			snprintf(version, sizeof(version), "%d", number);
			must(random_graph(run, version, seed, 60, 1, &happened));
			must(random_graph(run, version, seed + 1000, 60, 12, &happened));
		}
	printf("rooms_store: %zu rejected, %zu soft-failed, %zu merges, %zu outliers\n", happened.rejected,
	       happened.soft_failed, happened.merged, happened.outliers);
	expect(run, happened.rejected > 20 && happened.soft_failed > 5);
	expect(run, happened.merged > 100 && happened.outliers > 20);
	return 0;
}
