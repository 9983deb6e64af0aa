/* SPDX-License-Identifier: Apache-2.0 */
/* Drafts become events: checked against the room's state, hashed, signed, numbered. */
#include "persist.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hearth/matrix/id.h>

struct txn_params {
	struct hearth_ints room;
	struct hearth_texts sender, device, txn_id, type;
};
struct txn_row {
	int64_t at;
	const char *event_id;
};
static const struct hearth_field TXN_PARAMS[] = {
	HEARTH_COLUMNS(struct txn_params, room, sender, device, txn_id, type)
};
static const struct hearth_field TXN_ROW[] = { HEARTH_COLUMNS(struct txn_row, at, event_id) };
static const struct hearth_statement SELECT_TXNS = {
	.name = "rooms.select_transactions",
	.sql = "SELECT q.at, e.event_id "
	       "FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[]) "
	       "WITH ORDINALITY AS q(room, sender, device, txn_id, type, at) "
	       "JOIN events e ON e.room = q.room AND e.sender = q.sender AND e.txn_device = q.device "
	       "AND e.txn_id = q.txn_id AND e.type = q.type",
	.params = TXN_PARAMS, .row = TXN_ROW, .row_size = sizeof(struct txn_row),
};

struct ids_params {
	struct hearth_texts ids;
};
static const struct hearth_field IDS[] = { HEARTH_COLUMNS(struct ids_params, ids) };
static const struct hearth_field TARGET_ROW[] = { HEARTH_COLUMNS(struct rooms_target, number, room, event_id, sender) };
static const struct hearth_statement SELECT_TARGETS = {
	.name = "rooms.select_redaction_targets",
	.sql = "SELECT number, room, event_id, sender FROM events WHERE event_id = ANY($1)",
	.params = IDS, .row = TARGET_ROW, .row_size = sizeof(struct rooms_target),
};

/* A room while an event is made. */
struct view {
	struct rooms_view state; /* before it; first, so that it is what hearth_auth_check hands on */
	const struct rooms_room *room;
	const struct rooms_extremity *prev; /* those that the event cites */
	size_t prev_count;
};

/* --- what a group needs from the database, in a few queries for all --- */

static void need_for(struct rooms_needed *needed, const struct hearth_room_version *version,
		     const struct hearth_draft *draft)
{
	hearth_auth_select(version, draft->type, draft->sender, draft->state_key, draft->content, rooms_need, needed);
	rooms_need(needed, "m.room.create", "");
	rooms_need(needed, "m.room.power_levels", "");
	if (draft->state_key)
		rooms_need(needed, draft->type, draft->state_key);
}

/* ret_rooms: each job's, and behind them the rooms that they replace. */
HEARTH_SUSPENDS static int load_rooms(struct rooms_group_work *work, struct rooms_room **ret_rooms, struct hearth_error *err)
{
	size_t count = 2 * work->job_count;
	const char **ids = hearth_arena_array_of(work->arena, const char *, count);
	int64_t *numbers = hearth_arena_array_of(work->arena, int64_t, count);
	struct rooms_group **groups = hearth_arena_array_of(work->arena, struct rooms_group *, count);
	int rc;

	for (size_t i = 0; i < work->job_count; i++) {
		ids[i] = work->jobs[i]->create_version ? "" : work->jobs[i]->room_id;
		ids[work->job_count + i] = work->jobs[i]->replaces ? work->jobs[i]->replaces : "";
	}
	rc = rooms_rooms_load(work->r, work->task, ids, count, ret_rooms, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		numbers[i] = ret_rooms[i] && !ret_rooms[i]->group ? ret_rooms[i]->state_group : 0;
	rc = rooms_groups_load(work->r, work->task, numbers, count, groups, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		if (groups[i] && !ret_rooms[i]->group)
			rooms_room_set_group(ret_rooms[i], groups[i]);
	return rc;
}

HEARTH_SUSPENDS static int load_state(struct rooms_group_work *work, struct rooms_room **rooms, struct hearth_error *err)
{
	struct rooms_needed needed = { .r = work->r, .arena = work->arena };

	for (size_t i = 0; i < work->job_count; i++) {
		for (size_t d = 0; d < work->jobs[i]->count; d++) {
			const struct rooms_room *room = rooms[rooms_is_farewell(work->jobs[i], d) ? work->job_count + i : i];

			needed.group = room ? room->group : NULL;
			if (room)
				need_for(&needed, room->version, &work->jobs[i]->drafts[d]);
		}
	}
	return rooms_load_needed(work, &needed, err);
}

/*
 * The view of the next event: behind the room's extremities, or the newest of them where they are too many, in the state
 * over those that it cites.
 */
HEARTH_SUSPENDS static int look(struct rooms_group_work *work, const struct rooms_room *room,
				const struct hearth_draft *draft, struct view *ret_view, struct hearth_error *err)
{
	struct rooms_needed needed = { .r = work->r, .arena = work->arena };
	struct rooms_group *groups[ROOMS_PREV_MAX];
	int64_t numbers[ROOMS_PREV_MAX];
	size_t skipped = room->extremity_count > ROOMS_PREV_MAX ? room->extremity_count - ROOMS_PREV_MAX : 0;
	int rc = 0;

	*ret_view = (struct view){ { work->r, work->arena, room->group }, room, room->extremities + skipped,
				   room->extremity_count - skipped };
	if (skipped) {
		for (size_t i = 0; i < ROOMS_PREV_MAX; i++)
			numbers[i] = ret_view->prev[i].state_after;
		rc = rooms_groups_load(work->r, work->task, numbers, ROOMS_PREV_MAX, groups, err);
		if (rc >= 0)
			rc = rooms_resolve(work, room, groups, ROOMS_PREV_MAX, &ret_view->state.group, err);
		if (rc < 0)
			return rc;
	}
	needed.group = ret_view->state.group;
	need_for(&needed, room->version, draft);
	return rooms_load_needed(work, &needed, err);
}

HEARTH_SUSPENDS static int answer_transactions(struct rooms_group_work *work, struct rooms_room **rooms,
					       struct hearth_error *err)
{
	size_t max = 0, count = 0;
	struct hearth_rows rows;
	const char **text[4], ***answers;
	int64_t *room;
	int rc;

	for (size_t i = 0; i < work->job_count; i++)
		max += work->jobs[i]->count;
	for (size_t i = 0; i < HEARTH_COUNT(text); i++)
		text[i] = hearth_arena_array_of(work->arena, const char *, max);
	answers = hearth_arena_array_of(work->arena, const char **, max);
	room = hearth_arena_array_of(work->arena, int64_t, max);
	for (size_t i = 0; i < work->job_count; i++) {
		for (size_t d = 0; rooms[i] && d < work->jobs[i]->count; d++) {
			const struct hearth_draft *draft = &work->jobs[i]->drafts[d];

			if (!draft->txn_id)
				continue;
			room[count] = rooms[i]->number;
			text[0][count] = draft->sender;
			text[1][count] = draft->device_id ? draft->device_id : "";
			text[2][count] = draft->txn_id;
			text[3][count] = draft->type;
			answers[count++] = &work->jobs[i]->event_ids[d];
		}
	}
	if (!count)
		return 0;
	rc = work->r->db->read(work->task, &SELECT_TXNS,
			       &(struct txn_params){ { room, count }, { text[0], count }, { text[1], count },
						     { text[2], count }, { text[3], count } },
			       &rows, err);
	for (size_t i = 0; rc >= 0 && i < rows.count; i++) {
		const struct txn_row *row = (const struct txn_row *)rows.items + i;

		*answers[row->at - 1] = row->event_id;
	}
	return rc;
}

HEARTH_SUSPENDS static int load_targets(struct rooms_group_work *work, struct hearth_error *err)
{
	const char **ids = NULL;
	struct hearth_rows rows;
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < work->job_count; i++) {
		for (size_t d = 0; d < work->jobs[i]->count; d++) {
			if (!work->jobs[i]->drafts[d].redacts)
				continue;
			ids = hearth_arena_grow(work->arena, ids, count * sizeof(*ids), (count + 1) * sizeof(*ids));
			ids[count++] = work->jobs[i]->drafts[d].redacts;
		}
	}
	if (!count)
		return 0;
	rc = work->r->db->read(work->task, &SELECT_TARGETS, &(struct ids_params){ { ids, count } }, &rows, err);
	if (rc < 0)
		return rc;
	work->targets = rows.items;
	work->target_count = rows.count;
	return 0;
}

/* --- one event --- */

struct citing {
	const struct view *view;
	struct hearth_json *ids;
	const struct hearth_room_version *version;
	struct rooms_event *events[32];
	size_t count;
};

/* Room versions 1 and 2 pair each id with hashes, which receivers do not look at. */
static void append_reference(struct hearth_arena *arena, const struct hearth_room_version *version,
			     struct hearth_json *list, const char *event_id)
{
	struct hearth_json *pair;

	if (version->event_id_form != HEARTH_EVENT_ID_GIVEN) {
		hearth_json_append(list, hearth_json_string_new(arena, event_id));
		return;
	}
	pair = hearth_json_array_new(arena);
	hearth_json_append(pair, hearth_json_string_new(arena, event_id));
	hearth_json_append(pair, hearth_json_object_new(arena));
	hearth_json_append(list, pair);
}

static void cite(void *context, const char *type, const char *state_key)
{
	struct citing *citing = context;
	struct rooms_event *entry = rooms_view_entry(&citing->view->state, type, state_key);

	if (!entry || citing->count == HEARTH_COUNT(citing->events))
		return;
	for (size_t i = 0; i < citing->count; i++)
		if (citing->events[i] == entry)
			return;
	citing->events[citing->count++] = entry;
	append_reference(citing->view->state.arena, citing->version, citing->ids, entry->event->event_id);
}

static int64_t write_predecessors(const struct view *view, struct hearth_json *pdu, struct rooms_made *made)
{
	struct hearth_json *ids = hearth_json_array_new(view->state.arena);
	int64_t depth = 0;

	made->prev_count = view->prev_count;
	made->prev = hearth_arena_array_of(view->state.arena, int64_t, view->prev_count);
	for (size_t i = 0; i < view->prev_count; i++) {
		append_reference(view->state.arena, view->room->version, ids, view->prev[i].event_id);
		made->prev[i] = view->prev[i].number;
		if (view->prev[i].depth > depth)
			depth = view->prev[i].depth;
	}
	hearth_json_set(pdu, "prev_events", ids);
	return depth < HEARTH_JSON_INT_MAX ? depth + 1 : HEARTH_JSON_INT_MAX;
}

static void write_citations(struct citing *citing, const struct hearth_draft *draft, struct hearth_json *pdu,
			    struct rooms_made *made)
{
	const struct view *view = citing->view;

	hearth_auth_select(citing->version, draft->type, draft->sender, draft->state_key, draft->content, cite, citing);
	made->auth_count = citing->count;
	made->auth = hearth_arena_array_of(view->state.arena, int64_t, citing->count);
	for (size_t i = 0; i < citing->count; i++)
		made->auth[i] = citing->events[i]->number;
	hearth_json_set(pdu, "auth_events", citing->ids);
}

static struct hearth_json *build_pdu(const struct view *view, const struct hearth_draft *draft, struct citing *citing,
				     struct rooms_made *made)
{
	const struct hearth_room_version *version = view->room->version;
	struct hearth_json *pdu = hearth_json_object_new(view->state.arena);
	struct hearth_json *content = NULL;
	char random[25];

	write_citations(citing, draft, pdu, made);
	hearth_json_set_int(pdu, "depth", write_predecessors(view, pdu, made));
	hearth_json_set_string(pdu, "type", draft->type);
	hearth_json_set_string(pdu, "sender", draft->sender);
	if (view->room->room_id[0])
		hearth_json_set_string(pdu, "room_id", view->room->room_id);
	if (draft->state_key)
		hearth_json_set_string(pdu, "state_key", draft->state_key);
	hearth_json_set_int(pdu, "origin_server_ts",
			    draft->origin_server_ts ? draft->origin_server_ts : view->state.r->tasks->now_ms());
	if (draft->redacts && version->updated_redaction_rules) {
		content = hearth_json_object_copy(view->state.arena, draft->content);
		hearth_json_set_string(content, "redacts", draft->redacts);
	} else if (draft->redacts) {
		hearth_json_set_string(pdu, "redacts", draft->redacts);
	}
	hearth_json_set(pdu, "content", content ? content : draft->content);
	if (version->event_id_form == HEARTH_EVENT_ID_GIVEN) {
		hearth_id_random(random, sizeof(random));
		hearth_json_set_string(pdu, "event_id",
				       hearth_arena_printf(view->state.arena, "$%s:%s", random, view->state.r->server_name));
	}
	return pdu;
}

static int sign_event(const struct view *view, struct hearth_json *pdu, struct rooms_made *made,
		      struct hearth_error *err)
{
	const struct hearth_room_version *version = view->room->version;
	char *json;
	const char *event_id;
	int rc;

	rc = hearth_event_sign(view->state.arena, version, pdu, view->state.r->server_name, view->state.r->keys->signing(),
			       &event_id, err);
	if (rc < 0)
		return rc;
	rc = hearth_event_read(view->state.arena, version, pdu, event_id, &made->event, err);
	if (rc < 0)
		return rc;
	rc = hearth_json_canonical(view->state.arena, pdu, version->strict_canonical_json ? HEARTH_JSON_NO_FLOATS
										    : HEARTH_JSON_BIG_INTS,
				   &json, &made->json_length, err);
	if (rc < 0)
		return rc;
	made->json = json;
	if (made->json_length > HEARTH_EVENT_MAX_BYTES)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "The event is larger than %d bytes",
				     HEARTH_EVENT_MAX_BYTES);
	return 0;
}

/* Here a user redacts their own events or has the power; what another server lets its users do is its own affair. */
static int check_redaction(struct rooms_group_work *work, const struct view *view, const struct hearth_draft *draft,
			   struct rooms_made *made, struct hearth_error *err)
{
	const struct hearth_event *levels = rooms_view_get((void *)(uintptr_t)view, "m.room.power_levels", "");
	const struct hearth_event *create = rooms_view_get((void *)(uintptr_t)view, "m.room.create", "");
	const struct hearth_room_version *version = view->room->version;

	if (!draft->redacts)
		return 0;
	made->by_power = hearth_power_of_user(version, levels, create, draft->sender) >=
			 hearth_power_to_act(version, levels, "redact");
	for (size_t i = 0; i < work->target_count && !made->by_power; i++) {
		const struct rooms_target *target = &work->targets[i];

		if (strcmp(target->event_id, draft->redacts) == 0 && target->room == view->room->number &&
		    strcmp(target->sender, draft->sender))
			return hearth_refuse(err, 403, "M_FORBIDDEN",
					     "You need a higher power level to redact events of others");
	}
	return 0;
}

struct rooms_group *rooms_work_group(struct rooms_group_work *work, int64_t number, const struct rooms_room *room,
				     struct rooms_group *previous, const struct rooms_entry *changes, size_t count)
{
	struct rooms_group *group =
		rooms_group_next(work->r, work->arena, number, room->number, previous, changes, count);

	if (work->new_group_count == work->new_group_capacity) {
		size_t old = work->new_group_capacity;

		work->new_group_capacity = old ? old * 2 : 16;
		work->new_groups = hearth_arena_grow(work->arena, work->new_groups, old * sizeof(*work->new_groups),
						     work->new_group_capacity * sizeof(*work->new_groups));
	}
	work->new_groups[work->new_group_count++] = group;
	return group;
}

int rooms_work_state(struct rooms_group_work *work, const struct rooms_room *room, const struct rooms_entry *entries,
		     size_t count, struct rooms_group **ret_group, struct hearth_error *err)
{
	size_t old_count, change_count;
	const struct rooms_entry *old = rooms_group_entries(work->arena, room->group, &old_count);
	struct rooms_entry *changes = hearth_arena_array_of(work->arena, struct rooms_entry, old_count + count);
	int64_t number;
	int rc;

	change_count = rooms_entries_changes(old, old_count, entries, count, changes);
	*ret_group = room->group;
	if (!change_count)
		return 0;
	rc = rooms_numbers(work->r, work->task, 1, &number, err);
	if (rc >= 0)
		*ret_group = rooms_work_group(work, number, room, room->group, changes, change_count);
	return rc < 0 ? rc : 0;
}

/* The event gets its place in the auth chains, and the state with it a group. */
static int enter_state(struct rooms_group_work *work, const struct view *view, struct rooms_made *made,
		       struct rooms_event *const *auth, int64_t group_number, struct hearth_error *err)
{
	struct rooms_entry change = { rooms_state_hash(work->r->hash_key, made->event->type, made->event->state_key),
				      made->number };
	struct rooms_event *cached;
	struct rooms_text text;
	int rc;

	made->placing = rooms_chains_place(work->arena, made->event, made->number, auth, made->auth_count);
	text = (struct rooms_text){ .number = made->number, .place = made->placing.place,
				    .version = made->room->version, .event_id = made->event->event_id,
				    .json = made->json, .json_length = made->json_length };
	rc = rooms_parsed_put(work->r, work->arena, &text, &cached, err);
	if (rc < 0)
		return rc;
	made->replaces = rooms_group_find(view->state.group, change.key);
	rooms_work_group(work, group_number, made->room, view->state.group, &change, 1);
	made->state_after = group_number;
	return 0;
}

HEARTH_SUSPENDS static int make_event(struct rooms_group_work *work, struct rooms_room *room, struct rooms_job *job,
				      size_t index, struct hearth_error *err)
{
	const struct hearth_draft *draft = &job->drafts[index];
	struct view view;
	struct hearth_state_view state = { rooms_view_get, &view.state };
	struct citing citing = { .view = &view, .ids = hearth_json_array_new(work->arena), .version = room->version };
	struct rooms_made *made = &work->made[work->made_count];
	int64_t numbers;
	int rc;

	*made = (struct rooms_made){ .draft = draft, .room = room };
	rc = look(work, room, draft, &view, err);
	if (rc < 0)
		return rc;
	rc = check_redaction(work, &view, draft, made, err);
	if (rc < 0)
		return rc;
	rc = rooms_numbers(work->r, work->task, 2, &numbers, err);
	if (rc < 0)
		return rc;
	rc = sign_event(&view, build_pdu(&view, draft, &citing, made), made, err);
	if (rc < 0)
		return rc;
	rc = hearth_auth_check(made->event, &state, err);
	if (rc < 0)
		return rc;
	made->number = numbers;
	made->state_before = view.state.group ? view.state.group->number : 0;
	if (draft->state_key)
		rc = enter_state(work, &view, made, citing.events, numbers + 1, err);
	work->made_count++;
	if (rc >= 0)
		rc = rooms_settle(work, made, made->prev, made->prev_count, /* stands= */ true, err);
	if (rc < 0)
		return rc;
	job->event_ids[index] = hearth_arena_strdup(job->arena, made->event->event_id);
	return 0;
}

/* Whether the draft is answered by an event that is already there, or by one of this group. */
static bool answered(struct rooms_group_work *work, struct rooms_room *room, struct rooms_job *job, size_t index)
{
	const struct hearth_draft *draft = &job->drafts[index];
	struct rooms_view view = { work->r, work->arena, room->group };
	const struct hearth_event *current;

	if (job->event_ids[index]) {
		job->event_ids[index] = hearth_arena_strdup(job->arena, job->event_ids[index]);
		return true;
	}
	for (size_t i = 0; draft->txn_id && i < work->made_count; i++) {
		const struct rooms_made *made = &work->made[i];
		const struct hearth_draft *other = made->draft;

		if (made->room == room && other->txn_id && strcmp(other->txn_id, draft->txn_id) == 0 &&
		    strcmp(other->sender, draft->sender) == 0 && strcmp(other->type, draft->type) == 0 &&
		    strcmp(other->device_id ? other->device_id : "", draft->device_id ? draft->device_id : "") == 0) {
			job->event_ids[index] = hearth_arena_strdup(job->arena, made->event->event_id);
			return true;
		}
	}
	if (!draft->unless_same || !draft->state_key)
		return false;
	current = rooms_view_get(&view, draft->type, draft->state_key);
	if (!current || strcmp(current->sender, draft->sender) || !hearth_json_equal(current->content, draft->content))
		return false;
	job->event_ids[index] = hearth_arena_strdup(job->arena, current->event_id);
	return true;
}

static void unref_room(void *argument)
{
	rooms_lru_unref(argument);
}

int rooms_work_room(struct rooms_group_work *work, struct rooms_job *job, const struct hearth_room_version *version,
		    const char *room_id, struct rooms_room **ret_room, struct hearth_error *err)
{
	struct rooms_room *room;
	int64_t number;
	int rc = rooms_numbers(work->r, work->task, 1, &number, err);

	if (rc < 0)
		return rc;
	room = rooms_room_new(number, room_id, version);
	room->node.lru = work->r->room_cache;
	rooms_lru_ref(&room->node);
	hearth_arena_defer(work->arena, unref_room, room);
	work->new_rooms[work->new_room_count] = room;
	work->new_room_jobs[work->new_room_count++] = job;
	*ret_room = room;
	return 0;
}

/* A room for a batch that makes one. In version 12 its id is known once the create event is. */
HEARTH_SUSPENDS static int make_room(struct rooms_group_work *work, struct rooms_job *job, struct rooms_room **ret_room,
				     struct hearth_error *err)
{
	const struct hearth_room_version *version = job->create_version;
	struct hearth_json *content = hearth_json_object_copy(job->arena, job->drafts[0].content);
	char random[19], room_id[256] = "";

	hearth_json_set_string(content, "room_version", version->name);
	if (!version->updated_redaction_rules)
		hearth_json_set_string(content, "creator", job->drafts[0].sender);
	job->drafts[0].content = content;
	hearth_id_random(random, sizeof(random));
	if (!version->room_id_is_create_hash)
		snprintf(room_id, sizeof(room_id), "!%s:%s", random, work->r->server_name);
	return rooms_work_room(work, job, version, room_id, ret_room, err);
}

static void name_room(struct rooms_room *room, struct rooms_job *job, const char *room_id)
{
	strncpy(room->room_id, room_id, sizeof(room->room_id) - 1);
	room->node.key_bytes = strlen(room->room_id);
	job->room_id = hearth_arena_strdup(job->arena, room->room_id);
}

/* The old room's tombstone names the new room, which must have its id. */
HEARTH_SUSPENDS static int say_farewell(struct rooms_group_work *work, struct rooms_room *replaced, struct rooms_job *job,
					const struct rooms_room *room, struct hearth_error *err)
{
	struct hearth_json *content = hearth_json_object_copy(job->arena, job->drafts[1].content);

	if (!replaced)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "There is no such room here");
	hearth_json_set_string(content, "replacement_room", room->room_id);
	job->drafts[1].content = content;
	return make_event(work, replaced, job, 1, err);
}

static void name_farewell(struct rooms_job *job)
{
	const struct hearth_json *old = hearth_json_get_object(job->drafts[0].content, "predecessor");
	struct hearth_json *content = hearth_json_object_copy(job->arena, job->drafts[0].content);
	struct hearth_json *predecessor = hearth_json_object_copy(job->arena, old);

	hearth_json_set_string(predecessor, "event_id", job->event_ids[1]);
	hearth_json_set(content, "predecessor", predecessor);
	job->drafts[0].content = content;
}

/* A room, its m.room.create, and the tombstone of the room that it replaces: before that where the version lets it. */
HEARTH_SUSPENDS static int found_room(struct rooms_group_work *work, struct rooms_job *job, struct rooms_room *replaced,
				      struct rooms_room **ret_room, struct hearth_error *err)
{
	bool named = !job->create_version->room_id_is_create_hash;
	int rc = make_room(work, job, ret_room, err);

	if (rc >= 0 && job->replaces && named) {
		rc = say_farewell(work, replaced, job, *ret_room, err);
		if (rc >= 0)
			name_farewell(job);
	}
	if (rc >= 0)
		rc = make_event(work, *ret_room, job, 0, err);
	if (rc < 0)
		return rc;
	name_room(*ret_room, job, work->made[work->made_count - 1].event->room_id);
	return job->replaces && !named ? say_farewell(work, replaced, job, *ret_room, err) : 0;
}

HEARTH_SUSPENDS static int make_job(struct rooms_group_work *work, struct rooms_job *job, struct rooms_room *room,
				    struct rooms_room *replaced, struct hearth_error *err)
{
	size_t first = 0;
	int rc = 0;

	if (job->create_version) {
		rc = found_room(work, job, replaced, &room, err);
		first = job->replaces ? 2 : 1;
	} else if (!room) {
		return hearth_refuse(err, 404, "M_NOT_FOUND", "There is no such room here");
	}
	for (size_t d = first; rc >= 0 && d < job->count; d++)
		if (!answered(work, room, job, d))
			rc = make_event(work, room, job, d, err);
	return rc;
}

/* What a job that is refused puts back. room NULL: nothing. */
struct kept {
	struct rooms_room      *room;
	struct rooms_group     *group;
	struct rooms_extremity *extremities;
	size_t                  count;
};

static struct kept keep(struct hearth_arena *arena, struct rooms_room *room)
{
	struct kept kept = { .room = room };

	if (!room)
		return kept;
	kept.group = room->group;
	kept.count = room->extremity_count;
	kept.extremities = hearth_arena_array_of(arena, struct rooms_extremity, kept.count);
	for (size_t i = 0; i < kept.count; i++) {
		kept.extremities[i] = room->extremities[i];
		kept.extremities[i].event_id = hearth_arena_strdup(arena, kept.extremities[i].event_id);
	}
	return kept;
}

static void put_back(const struct kept *kept)
{
	if (!kept->room)
		return;
	rooms_room_set_group(kept->room, kept->group);
	rooms_room_set_extremities(kept->room, kept->extremities, kept->count);
}

/* All or nothing: a job that is refused takes back what it has changed. */
HEARTH_SUSPENDS static void try_job(struct rooms_group_work *work, struct rooms_job *job, struct rooms_room *room,
				    struct rooms_room *replaced)
{
	size_t made = work->made_count, groups = work->new_group_count, rooms = work->new_room_count;
	const struct kept own = keep(work->arena, room), old = keep(work->arena, replaced);

	job->rc = make_job(work, job, room, replaced, &job->error);
	if (job->rc >= 0)
		return;
	work->made_count = made;
	work->new_group_count = groups;
	work->new_room_count = rooms;
	put_back(&own);
	put_back(&old);
}

int rooms_create_events(struct rooms_group_work *work, struct hearth_error *err)
{
	struct rooms_room **rooms = hearth_arena_array_of(work->arena, struct rooms_room *, 2 * work->job_count);
	int rc;

	for (size_t i = 0; i < work->job_count; i++)
		work->made_capacity += work->jobs[i]->count;
	work->made = hearth_arena_array_of(work->arena, struct rooms_made, work->made_capacity + 1);
	work->new_rooms = hearth_arena_array_of(work->arena, struct rooms_room *, work->job_count);
	work->new_room_jobs = hearth_arena_array_of(work->arena, struct rooms_job *, work->job_count);
	rc = load_rooms(work, rooms, err);
	if (rc >= 0)
		rc = answer_transactions(work, rooms, err);
	if (rc >= 0)
		rc = load_state(work, rooms, err);
	if (rc >= 0)
		rc = load_targets(work, err);
	for (size_t i = 0; rc >= 0 && i < work->job_count; i++)
		try_job(work, work->jobs[i], rooms[i], rooms[work->job_count + i]);
	return rc < 0 ? rc : 0;
}
