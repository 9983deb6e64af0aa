/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"

#include <string.h>

struct model *model_new(struct run *run, const char *version, uint64_t seed)
{
	struct model *model = hearth_arena_new_of(run->arena, struct model);

	model->run = run;
	model->version = hearth_room_version(version);
	model->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	model->clock = 1700000000000 + (int64_t)seed;
	hearth_map_init(&model->by_id, run->arena, MODEL_MAX);
	if (!model->version->room_id_is_create_hash)
		model->room_id = hearth_arena_printf(run->arena, "!fork%llu-%s:elsewhere", (unsigned long long)seed, version);
	return model;
}

uint64_t model_random(struct model *model, uint64_t bound)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return model->random % bound;
}

static int fetch(void *context, const char *const *ids, size_t count, const struct hearth_event **ret_events,
		 struct hearth_error *err)
{
	struct model *model = context;

	(void)err;
	for (size_t i = 0; i < count; i++) {
		const struct hearth_map_entry *entry = hearth_map_find(&model->by_id, ids[i], "");

		ret_events[i] = entry ? model->events[entry->number - 1].event : NULL;
	}
	return 0;
}

int model_resolve(struct model *model, const size_t *events, size_t count, struct hearth_state_set *ret_state)
{
	const struct hearth_event_source source = { .fetch = fetch, .context = model };
	struct hearth_state_set *sets = hearth_arena_array_of(model->run->arena, struct hearth_state_set, count);

	for (size_t i = 0; i < count; i++)
		sets[i] = model->events[events[i]].after;
	*ret_state = count ? sets[0] : (struct hearth_state_set){ 0 };
	if (count < 2)
		return 0;
	return hearth_state_resolve(model->run->arena, model->version, sets, count, &source, ret_state, model->run->err);
}

const char *model_find(const struct hearth_state_set *state, const char *type, const char *state_key)
{
	for (size_t i = 0; i < state->count; i++)
		if (strcmp(state->entries[i].type, type) == 0 && strcmp(state->entries[i].state_key, state_key) == 0)
			return state->entries[i].event_id;
	return NULL;
}

/* --- one state, as the rules and the selection look at it --- */

struct looking {
	struct model *model;
	const struct hearth_state_set *state;
	struct hearth_json *auth;
};

static const struct hearth_event *look(void *context, const char *type, const char *state_key)
{
	const struct looking *looking = context;
	const char *id = model_find(looking->state, type, state_key);
	const struct hearth_event *event = NULL;

	if (id)
		(void)!fetch(looking->model, &id, 1, &event, NULL);
	return event;
}

static const struct hearth_json *reference(struct model *model, const char *event_id)
{
	struct hearth_json *pair;

	if (model->version->event_id_form != HEARTH_EVENT_ID_GIVEN)
		return hearth_json_string_new(model->run->arena, event_id);
	pair = hearth_json_array_new(model->run->arena);
	hearth_json_append(pair, hearth_json_string_new(model->run->arena, event_id));
	hearth_json_append(pair, test_json(model->run, "{\"sha256\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU\"}"));
	return pair;
}

static void cite(void *context, const char *type, const char *state_key)
{
	struct looking *looking = context;
	const char *id = model_find(looking->state, type, state_key);

	for (size_t i = 0; id && i < hearth_json_size(looking->auth); i++) {
		const struct hearth_json *cited = hearth_json_at(looking->auth, i);
		const char *other = hearth_json_string(cited, NULL);

		if (!other)
			other = hearth_json_string(hearth_json_at(cited, 0), NULL);
		if (strcmp(other, id) == 0)
			return;
	}
	if (id)
		hearth_json_append(looking->auth, reference(looking->model, id));
}

static struct hearth_state_set with(struct hearth_arena *arena, const struct hearth_state_set *state,
				    const struct hearth_event *event)
{
	struct hearth_state_entry *entries = hearth_arena_array_of(arena, struct hearth_state_entry, state->count + 1);
	size_t count = 0;

	for (size_t i = 0; i < state->count; i++)
		if (strcmp(state->entries[i].type, event->type) || strcmp(state->entries[i].state_key, event->state_key))
			entries[count++] = state->entries[i];
	entries[count++] = (struct hearth_state_entry){ event->type, event->state_key, event->event_id };
	return (struct hearth_state_set){ entries, count };
}

/* --- making and judging --- */

static int make(struct model *model, const struct model_draft *draft, struct model_event *made)
{
	struct hearth_arena *arena = model->run->arena;
	struct hearth_json *pdu = hearth_json_object_new(arena), *prev = hearth_json_array_new(arena);
	struct looking looking = { model, &made->before, hearth_json_array_new(arena) };
	const struct hearth_json *content = test_json(model->run, draft->content);
	int64_t depth = 0;
	const char *event_id;

	for (size_t i = 0; i < made->prev_count; i++) {
		const struct hearth_event *event = model->events[made->prev[i]].event;

		hearth_json_append(prev, reference(model, event->event_id));
		depth = event->depth > depth ? event->depth : depth;
	}
	hearth_auth_select(model->version, draft->type, draft->sender, draft->state_key, content, cite, &looking);
	hearth_json_set(pdu, "auth_events", looking.auth);
	hearth_json_set(pdu, "prev_events", prev);
	hearth_json_set_int(pdu, "depth", depth + 1);
	hearth_json_set_int(pdu, "origin_server_ts", model->clock++);
	hearth_json_set_string(pdu, "type", draft->type);
	hearth_json_set_string(pdu, "sender", draft->sender);
	hearth_json_set(pdu, "content", content);
	if (model->room_id)
		hearth_json_set_string(pdu, "room_id", model->room_id);
	if (draft->state_key)
		hearth_json_set_string(pdu, "state_key", draft->state_key);
	if (draft->redacts && !model->version->updated_redaction_rules)
		hearth_json_set_string(pdu, "redacts", draft->redacts);
	if (model->version->event_id_form == HEARTH_EVENT_ID_GIVEN)
		hearth_json_set_string(pdu, "event_id",
				       hearth_arena_printf(arena, "$%zu-%s", model->count, model->room_id + 1));
	must(hearth_event_sign(arena, model->version, pdu, "elsewhere", model->run->r->keys->signing(), &event_id,
			       model->run->err));
	made->pdu = pdu;
	return hearth_event_read(arena, model->version, pdu, event_id, &made->event, model->run->err);
}

static bool allowed(struct model *model, const struct hearth_event *event, const struct hearth_state_set *state)
{
	struct looking looking = { model, state, NULL };
	struct hearth_state_view view = { look, &looking };

	return hearth_auth_check(event, &view, NULL) >= 0;
}

/* What lies behind an event that was not accepted is covered with it. */
static void cover(struct model *model, size_t event)
{
	const struct model_event *covered = &model->events[event];
	size_t kept = 0;

	for (size_t i = 0; i < model->extremity_count; i++)
		if (model->extremities[i] != event)
			model->extremities[kept++] = model->extremities[i];
	model->extremity_count = kept;
	for (size_t i = 0; (covered->rejected || covered->soft_failed) && i < covered->prev_count; i++)
		cover(model, covered->prev[i]);
}

int model_add(struct model *model, const struct model_draft *draft, const size_t *prev, size_t prev_count)
{
	struct model_event *made = &model->events[model->count];

	expect(model->run, model->count < MODEL_MAX);
	*made = (struct model_event){ .prev_count = prev_count };
	memcpy(made->prev, prev, prev_count * sizeof(*prev));
	must(model_resolve(model, prev, prev_count, &made->before));
	must(make(model, draft, made));
	if (!model->room_id)
		model->room_id = made->event->room_id;
	hearth_map_at(&model->by_id, made->event->event_id, "")->number = model->count + 1;
	made->rejected = !allowed(model, made->event, &made->before);
	made->soft_failed = !made->rejected && model->count && !allowed(model, made->event, &model->current);
	made->after = made->before;
	((struct hearth_event *)(uintptr_t)made->event)->rejected = made->rejected;
	if (!made->rejected && draft->state_key)
		made->after = with(model->run->arena, &made->before, made->event);
	model->count++;
	if (made->rejected || made->soft_failed)
		return 0;
	for (size_t i = 0; i < prev_count; i++)
		cover(model, prev[i]);
	model->extremities[model->extremity_count++] = model->count - 1;
	return model_resolve(model, model->extremities, model->extremity_count, &model->current);
}

static int judge(struct model *model, size_t event, const struct hearth_pdu_outcome *outcome)
{
	const struct model_event *made = &model->events[event];
	uint32_t wanted = made->rejected ? HEARTH_PDU_REJECTED : made->soft_failed ? HEARTH_PDU_SOFT_FAILED : HEARTH_PDU_STORED;

	if (outcome->result != wanted || strcmp(outcome->event_id, made->event->event_id))
		return hearth_fail(model->run->err, -EIO, "version %s, event %zu (%s by %s): outcome %u (%s), expected %u",
				   model->version->name, event, made->event->type, made->event->sender, outcome->result,
				   outcome->reason ? outcome->reason : "", wanted);
	return 0;
}

int model_store_many(struct model *model, size_t first, size_t count)
{
	struct hearth_arena *arena = model->run->arena;
	struct hearth_pdu *pdus = hearth_arena_array_of(arena, struct hearth_pdu, count);
	struct hearth_pdu_outcome *outcomes = hearth_arena_array_of(arena, struct hearth_pdu_outcome, count);

	for (size_t i = 0; i < count; i++)
		pdus[i] = (struct hearth_pdu){ .size = sizeof(pdus[i]), .json = model->events[first + i].pdu };
	must(rooms_store_pdus(model->run->r, model->run->task, model->room_id, model->version, pdus, count, outcomes,
			      model->run->err));
	for (size_t i = 0; i < count; i++)
		must(judge(model, first + i, &outcomes[i]));
	return 0;
}

int model_store(struct model *model, size_t event)
{
	return model_store_many(model, event, 1);
}

/* --- comparing --- */

static int compare_state(struct model *model, const char *what, size_t number, const struct hearth_state_set *wanted,
			 const struct hearth_stored_event *events, size_t count)
{
	if (count != wanted->count)
		return hearth_fail(model->run->err, -EIO, "version %s: %s %zu has %zu entries, expected %zu",
				   model->version->name, what, number, count, wanted->count);
	for (size_t i = 0; i < count; i++) {
		const char *id = model_find(wanted, events[i].type, events[i].state_key);

		if (!id || strcmp(id, events[i].event_id))
			return hearth_fail(model->run->err, -EIO, "version %s: %s %zu differs at (%s, %s)",
					   model->version->name, what, number, events[i].type, events[i].state_key);
	}
	return 0;
}

static int compare_extremities(struct model *model)
{
	struct rooms_room *room;

	must(rooms_rooms_load(model->run->r, model->run->task, &model->room_id, 1, &room, model->run->err));
	expect(model->run, room && room->extremity_count == model->extremity_count);
	for (size_t i = 0; i < room->extremity_count; i++) {
		const struct hearth_map_entry *entry = hearth_map_find(&model->by_id, room->extremities[i].event_id, "");
		bool found = false;

		for (size_t j = 0; entry && j < model->extremity_count; j++)
			found = found || model->extremities[j] + 1 == entry->number;
		expect(model->run, found);
	}
	return 0;
}

int model_compare(struct model *model)
{
	struct run *run = model->run;
	struct hearth_state_query query = { .size = sizeof(query), .room_id = model->room_id, .at = INT64_MAX };
	struct hearth_state_result result;

	must(compare_extremities(model));
	must(rooms_states(run->r, run->task, &query, 1, &result, run->err));
	must(compare_state(model, "current state after event", model->count - 1, &model->current, result.events,
			   result.count));
	for (size_t i = 1 + model_random(model, 4); i < model->count; i += 4) {
		const struct hearth_stored_event *before;
		size_t count;

		must(rooms_state_before(run->r, run->task, model->events[i].event->event_id, NULL, NULL, 0, &before, &count,
					run->err));
		must(compare_state(model, "the state before event", i, &model->events[i].before, before, count));
	}
	return 0;
}
