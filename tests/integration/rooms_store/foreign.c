/* SPDX-License-Identifier: Apache-2.0 */
/* Events of other servers, case by case: redactions, gaps, history, many extremities. */
#include <persist.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"

#define CREATOR "@u0:elsewhere"
#define THIRD "@stranger:third"

static int add_last(struct model *model, const char *type, const char *sender, const char *state_key, const char *content)
{
	const struct model_draft draft = { type, sender, state_key, content, NULL };
	size_t prev = model->count - 1;

	must(model_add(model, &draft, &prev, model->count ? 1 : 0));
	return model_store(model, model->count - 1);
}

/* A public room of another server with two of its users, one of a third, and alice. */
static int found(struct model *model)
{
	static const char *const MEMBERS[] = { "@u1:elsewhere", THIRD, ALICE };
	struct hearth_arena *arena = model->run->arena;

	must(add_last(model, "m.room.create", CREATOR, "",
		      hearth_arena_printf(arena, "{\"creator\":\"" CREATOR "\",\"room_version\":\"%s\"}",
					  model->version->name)));
	must(add_last(model, "m.room.member", CREATOR, CREATOR, "{\"membership\":\"join\"}"));
	must(add_last(model, "m.room.power_levels", CREATOR, "",
		      model->version->creator_power ? "{}" : "{\"users\":{\"" CREATOR "\":100}}"));
	must(add_last(model, "m.room.join_rules", CREATOR, "", "{\"join_rule\":\"public\"}"));
	for (size_t i = 0; i < HEARTH_COUNT(MEMBERS); i++)
		must(add_last(model, "m.room.member", MEMBERS[i], MEMBERS[i], "{\"membership\":\"join\"}"));
	return 0;
}

static int store(struct model *model, size_t event, const struct hearth_pdu *how, struct hearth_pdu_outcome *ret_outcome)
{
	struct hearth_pdu pdu = *how;

	pdu.size = sizeof(pdu);
	pdu.json = model->events[event].pdu;
	return rooms_store_pdus(model->run->r, model->run->task, model->room_id, NULL, &pdu, 1, ret_outcome, model->run->err);
}

static int stored_event(struct model *model, size_t event, struct hearth_stored_event **ret_event)
{
	const char *id = model->events[event].event->event_id;

	must(rooms_events(model->run->r, model->run->task, &id, 1, ret_event, model->run->err));
	expect(model->run, (*ret_event)->event_id);
	return 0;
}

/* --- redactions --- */

static int redact(struct model *model, const char *sender, const char *author, bool first, bool wanted)
{
	const struct model_draft message = { "m.room.message", author, NULL, "{\"body\":\"secret\"}", NULL };
	struct model_draft redaction = { "m.room.redaction", sender, NULL, "{}", NULL };
	size_t prev = model->count - 1, order[2];
	struct hearth_stored_event *event;

	must(model_add(model, &message, &prev, 1));
	redaction.redacts = model->events[prev + 1].event->event_id;
	if (model->version->updated_redaction_rules)
		redaction.content = hearth_arena_printf(model->run->arena, "{\"redacts\":\"%s\"}", redaction.redacts);
	must(model_add(model, &redaction, &prev, 1));
	order[0] = first ? prev + 2 : prev + 1;
	order[1] = first ? prev + 1 : prev + 2;
	must(model_store(model, order[0]));
	must(model_store(model, order[1]));
	must(stored_event(model, prev + 1, &event));
	if ((event->redacted != 0) != wanted || (strstr(event->json, "secret") != NULL) == wanted)
		return hearth_fail(model->run->err, -EIO, "version %s: what %s sent is %sredacted by %s, who was %s",
				   model->version->name, author, event->redacted ? "" : "not ", sender,
				   first ? "first" : "second");
	return add_last(model, "m.room.message", CREATOR, NULL, "{\"body\":\"on\"}");
}

/* Whichever comes first: with power any event, without it those of the same server. */
int redactions_wait_for_their_events(struct run *run)
{
	static const char *const VERSIONS[] = { "1", "2", "3", "8", "10", "11", "12" };

	for (size_t v = 0; v < HEARTH_COUNT(VERSIONS); v++)
		for (int first = 0; first < 2; first++) {
			struct model *model = model_new(run, VERSIONS[v], 100 + (uint64_t)first);

			must(found(model));
			must(redact(model, CREATOR, THIRD, first, true));
			must(redact(model, "@u1:elsewhere", CREATOR, first, true));
			if (model->version->number > 2)
				must(redact(model, THIRD, CREATOR, first, false));
			must(redact(model, THIRD, THIRD, first, true));
		}
	return 0;
}

/* --- gaps, history --- */

static int compare_outcome(struct model *model, const struct hearth_pdu_outcome *outcome, uint32_t wanted)
{
	if (outcome->result != wanted)
		return hearth_fail(model->run->err, -EIO, "outcome %u (%s), expected %u", outcome->result,
				   outcome->reason ? outcome->reason : "", wanted);
	return 0;
}

int gaps_are_told_and_filled(struct run *run)
{
	struct model *model = model_new(run, "10", 200);
	struct hearth_pdu how = { .outlier = 0 };
	struct hearth_pdu_outcome outcome;
	struct hearth_texts state;
	const char *ids[32];
	struct rooms_room *room;
	size_t event;

	must(found(model));
	event = model->count;
	for (size_t i = 0; i < 3; i++) {
		const struct model_draft draft = { "m.room.message", CREATOR, NULL, "{\"body\":\"hi\"}", NULL };
		size_t prev = model->count - 1;

		must(model_add(model, &draft, &prev, 1));
	}
	must(store(model, event + 2, &how, &outcome));
	must(compare_outcome(model, &outcome, HEARTH_PDU_MISSING));
	expect(run, outcome.missing.count == 1);
	expect(run, strcmp(outcome.missing.items[0], model->events[event + 1].event->event_id) == 0);
	for (size_t i = 0; i < model->current.count; i++)
		ids[i] = model->current.entries[i].event_id;
	state = (struct hearth_texts){ ids, model->current.count };
	how.states = &state;
	how.state_count = 1;
	must(store(model, event + 2, &how, &outcome));
	must(compare_outcome(model, &outcome, HEARTH_PDU_STORED));
	/* what the room had before is an extremity still: nothing here names it */
	must(rooms_rooms_load(run->r, run->task, &model->room_id, 1, &room, run->err));
	expect(run, room->extremity_count == 2);
	must(store(model, event + 1, &(struct hearth_pdu){ .backfilled = 1, .states = &state, .state_count = 1 }, &outcome));
	must(compare_outcome(model, &outcome, HEARTH_PDU_STORED));
	must(store(model, event, &(struct hearth_pdu){ .outlier = 0 }, &outcome));
	must(compare_outcome(model, &outcome, HEARTH_PDU_STORED));
	must(store(model, event, &(struct hearth_pdu){ .outlier = 0 }, &outcome));
	must(compare_outcome(model, &outcome, HEARTH_PDU_ALREADY));
	rooms_lru_drop(run->r->room_cache, model->room_id, strlen(model->room_id));
	return model_compare(model);
}

int history_stays_in_the_past(struct run *run)
{
	struct model *model = model_new(run, "11", 300);
	struct hearth_pdu_outcome outcome;
	struct hearth_stored_event *event;
	struct rooms_facts facts, after;

	must(found(model));
	must(rooms_facts(run->r, run->task, &model->room_id, 1, &facts, run->err));
	{
		const struct model_draft draft = { "m.room.topic", CREATOR, "", "{\"topic\":\"old\"}", NULL };
		size_t prev = 4, extremities = model->extremity_count;
		struct hearth_state_set current = model->current;

		must(model_add(model, &draft, &prev, 1));
		model->extremity_count = extremities; /* the model takes every event for news */
		model->current = current;
	}
	must(store(model, model->count - 1, &(struct hearth_pdu){ .backfilled = 1 }, &outcome));
	must(compare_outcome(model, &outcome, HEARTH_PDU_STORED));
	must(stored_event(model, model->count - 1, &event));
	expect(run, event->stream_ordering < 0);
	must(rooms_facts(run->r, run->task, &model->room_id, 1, &after, run->err));
	expect(run, after.last_ordering == facts.last_ordering);
	return model_compare(model);
}

/* --- what is wrong is not stored --- */

int bad_pdus_are_refused(struct run *run)
{
	struct model *model = model_new(run, "10", 400), *other = model_new(run, "10", 401);
	struct hearth_pdu pdus[3] = { { .size = sizeof(pdus[0]) }, { .size = sizeof(pdus[0]) }, { .size = sizeof(pdus[0]) } };
	struct hearth_pdu_outcome outcomes[3];
	struct hearth_json *odd;

	must(found(model));
	must(found(other));
	pdus[0].json = test_json(run, "{\"type\":\"m.room.message\"}");
	pdus[1].json = other->events[3].pdu;
	odd = hearth_json_object_copy(run->arena, model->events[4].pdu);
	hearth_json_set(odd, "auth_events", test_json(run, "[\"$unknown-event-of-nobody-at-all\"]"));
	pdus[2].json = odd;
	must(rooms_store_pdus(run->r, run->task, model->room_id, NULL, pdus, 3, outcomes, run->err));
	must(compare_outcome(model, &outcomes[0], HEARTH_PDU_INVALID));
	must(compare_outcome(model, &outcomes[1], HEARTH_PDU_INVALID));
	must(compare_outcome(model, &outcomes[2], HEARTH_PDU_MISSING));
	expect(run, rooms_store_pdus(run->r, run->task, "!nowhere:else", NULL, pdus, 1, outcomes, NULL) == -ENOENT);
	return model_compare(model);
}

/* --- many extremities --- */

#define FORKS 30

int local_events_join_the_forks(struct run *run)
{
	struct model *model = model_new(run, "10", 500);
	struct hearth_stored_event *event;
	struct rooms_room *room;
	const struct hearth_json *pdu;
	const char *id;
	size_t base;

	must(found(model));
	base = model->count - 1;
	for (size_t i = 0; i < FORKS; i++) {
		const struct model_draft draft = {
			i % 3 ? "m.room.message" : "m.room.topic", CREATOR, i % 3 ? NULL : "",
			hearth_arena_printf(run->arena, "{\"topic\":\"%zu\",\"body\":\"%zu\"}", i, i), NULL,
		};

		must(model_add(model, &draft, &base, 1));
		must(model_store(model, model->count - 1));
	}
	must(model_compare(model));
	run->room_id = model->room_id;
	for (size_t left = FORKS; left > 1; left = room->extremity_count) {
		must(test_send(run, ALICE, "m.room.member", ALICE,
			       hearth_arena_printf(run->arena, "{\"membership\":\"join\",\"displayname\":\"%zu\"}", left),
			       &id));
		must(rooms_rooms_load(run->r, run->task, &run->room_id, 1, &room, run->err));
		expect(run, room->extremity_count == (left > ROOMS_PREV_MAX ? left - ROOMS_PREV_MAX + 1 : 1));
		must(rooms_events(run->r, run->task, &id, 1, &event, run->err));
		must(hearth_json_parse(run->arena, event->json, event->json_length, 0, &pdu, run->err));
		expect(run, hearth_json_size(hearth_json_get(pdu, "prev_events")) ==
				    (left > ROOMS_PREV_MAX ? ROOMS_PREV_MAX : left));
	}
	/* her name is the latest, and one topic won */
	must(rooms_current(run->r, run->task, run->room_id, "m.room.member", ALICE, event, run->err));
	expect(run, strcmp(event->event_id, id) == 0);
	must(rooms_current(run->r, run->task, run->room_id, "m.room.topic", "", event, run->err));
	expect(run, strcmp(event->event_id, model_find(&model->current, "m.room.topic", "")) == 0);
	return 0;
}

/* Somebody who forks a room without end costs no more than a bounded number of forks. */
int forks_are_bounded(struct run *run)
{
	struct model *model = model_new(run, "10", 600);
	struct rooms_room *room;
	size_t base;

	must(found(model));
	base = model->count - 1;
	for (size_t i = 0; i < 130; i++) {
		const struct model_draft draft = { "m.room.message", CREATOR, NULL,
						   hearth_arena_printf(run->arena, "{\"body\":\"%zu\"}", i), NULL };

		must(model_add(model, &draft, &base, 1));
		must(model_store(model, model->count - 1));
	}
	must(rooms_rooms_load(run->r, run->task, &model->room_id, 1, &room, run->err));
	expect(run, room->extremity_count == 100);
	/* what joins forks is taken, whatever their number */
	must(add_last(model, "m.room.message", CREATOR, NULL, "{\"body\":\"behind one that does not count\"}"));
	{
		const struct model_draft joins = { "m.room.message", CREATOR, NULL, "{\"body\":\"together\"}", NULL };
		size_t prev[10];

		for (size_t i = 0; i < 10; i++)
			prev[i] = base + 1 + i;
		must(model_add(model, &joins, prev, 10));
		must(model_store(model, model->count - 1));
	}
	must(rooms_rooms_load(run->r, run->task, &model->room_id, 1, &room, run->err));
	expect(run, room->extremity_count == 91);
	return 0;
}
