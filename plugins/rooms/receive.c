/* SPDX-License-Identifier: Apache-2.0 */
/* hearth_rooms.store_pdus as the asker sees it: PDUs are read and copied, queued, and their outcomes copied back. */
#include "persist.h"

#include <errno.h>
#include <string.h>

static const struct hearth_texts *copy_states(struct hearth_arena *arena, const struct hearth_pdu *pdu)
{
	struct hearth_texts *states = hearth_arena_array_of(arena, struct hearth_texts, pdu->state_count);

	for (size_t i = 0; i < pdu->state_count; i++) {
		const char **items = hearth_arena_array_of(arena, const char *, pdu->states[i].count);

		for (size_t j = 0; j < pdu->states[i].count; j++)
			items[j] = hearth_arena_strdup(arena, pdu->states[i].items[j]);
		states[i] = (struct hearth_texts){ items, pdu->states[i].count };
	}
	return states;
}

/* A PDU that cannot be read is answered as invalid, and leaves event NULL. */
static void copy_pdu(struct rooms_job *job, const struct hearth_room_version *version, const struct hearth_pdu *pdu,
		     size_t index)
{
	struct rooms_pdu *copy = &job->pdus[index];
	const struct hearth_json *json;
	struct hearth_error problem = { 0 };
	char *text;
	int rc;

	copy->outlier = pdu->outlier;
	copy->backfilled = pdu->backfilled;
	copy->rejection = hearth_arena_strdup(job->arena, pdu->rejection);
	copy->states = copy_states(job->arena, pdu);
	copy->state_count = pdu->state_count;
	rc = hearth_json_canonical(job->arena, pdu->json, HEARTH_JSON_BIG_INTS, &text, &copy->json_length, &problem);
	copy->json = text;
	if (rc >= 0)
		rc = hearth_json_parse(job->arena, text, copy->json_length, HEARTH_JSON_BIG_INTS, &json, &problem);
	if (rc >= 0)
		rc = hearth_event_read(job->arena, version, json, NULL, &copy->event, &problem);
	if (rc < 0)
		job->outcomes[index] = (struct hearth_pdu_outcome){
			.size = sizeof(job->outcomes[index]), .result = HEARTH_PDU_INVALID,
			.reason = hearth_arena_strdup(job->arena, problem.message) };
}

HEARTH_SUSPENDS static int find_version(struct rooms *r, struct hearth_task *task, const char *room_id,
					const struct hearth_room_version **version, struct hearth_error *err)
{
	struct rooms_facts facts;
	int rc = rooms_facts(r, task, &room_id, 1, &facts, err);

	if (rc < 0)
		return rc;
	if (facts.number)
		*version = facts.version;
	if (!*version)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "There is no such room here");
	return 0;
}

static void copy_outcome(struct hearth_arena *arena, const struct hearth_pdu_outcome *from,
			 struct hearth_pdu_outcome *ret_outcome)
{
	const char **missing = hearth_arena_array_of(arena, const char *, from->missing.count);

	for (size_t i = 0; i < from->missing.count; i++)
		missing[i] = hearth_arena_strdup(arena, from->missing.items[i]);
	*ret_outcome = *from;
	ret_outcome->event_id = hearth_arena_strdup(arena, from->event_id);
	ret_outcome->reason = hearth_arena_strdup(arena, from->reason);
	ret_outcome->missing = (struct hearth_texts){ missing, from->missing.count };
}

int rooms_store_pdus(struct rooms *r, struct hearth_task *task, const char *room_id,
		     const struct hearth_room_version *version, const struct hearth_pdu *pdus, size_t count,
		     struct hearth_pdu_outcome *ret_outcomes, struct hearth_error *err)
{
	HEARTH_CLEANUP(rooms_job_unrefp) struct rooms_job *job = rooms_job_new(r);
	bool readable = false;
	int rc;

	if (count > HEARTH_PDUS_MAX || strlen(room_id) > 255)
		return hearth_fail(err, -EFBIG, "%zu events of a room at once", count);
	rc = find_version(r, task, room_id, &version, err);
	if (rc < 0)
		return rc;
	job->room_id = hearth_arena_strdup(job->arena, room_id);
	job->version = version;
	job->pdus = hearth_arena_array_of(job->arena, struct rooms_pdu, count);
	job->outcomes = hearth_arena_array_of(job->arena, struct hearth_pdu_outcome, count);
	job->pdu_count = count;
	for (size_t i = 0; i < count; i++) {
		copy_pdu(job, version, &pdus[i], i);
		readable = readable || job->pdus[i].event;
	}
	if (readable)
		rc = rooms_job_run(r, task, job, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		copy_outcome(r->tasks->arena(task), &job->outcomes[i], &ret_outcomes[i]);
	return rc < 0 ? rc : 0;
}
