/* SPDX-License-Identifier: Apache-2.0 */
/* Events of other servers: placed in the graph, authorised, and stored as what they turn out to be. */
#include "incoming.h"

#include <errno.h>
#include <string.h>

#define PREV_MAX 20 /* spec server-server, "PDUs" */
#define AUTH_MAX 10
#define EXTREMITIES_MAX 100

/* One event while it is taken. */
struct taking {
	struct rooms_incoming *in;
	const struct rooms_pdu *pdu;
	const struct hearth_event *event;
	struct rooms_made *made;
	struct hearth_pdu_outcome *outcome;
	struct rooms_event *auth[AUTH_MAX + 1]; /* of a v12 room with the create event */
	size_t auth_count;
	struct rooms_group *before;
};

static void miss(struct taking *t, const char *event_id)
{
	struct hearth_texts *missing = &t->outcome->missing;
	const char **items = (const char **)(uintptr_t)missing->items;

	if ((missing->count & (missing->count - 1)) == 0)
		items = hearth_arena_grow(t->in->job->arena, items, missing->count * sizeof(*items),
					  (missing->count ? missing->count * 2 : 1) * sizeof(*items));
	items[missing->count++] = hearth_arena_strdup(t->in->job->arena, event_id);
	missing->items = items;
	t->outcome->result = HEARTH_PDU_MISSING;
}

static void reject(struct taking *t, const char *reason)
{
	if (t->made->flags & ROOMS_REJECTED)
		return;
	t->made->flags |= ROOMS_REJECTED;
	t->made->rejection = hearth_arena_strdup(t->in->job->arena, reason);
}

static void invalid(struct taking *t, const char *reason)
{
	t->outcome->result = HEARTH_PDU_INVALID;
	t->outcome->reason = reason;
}

/* An event of this room that is here; of another room it counts as not here, and never will be. */
static struct rooms_known *known_here(const struct taking *t, const char *event_id)
{
	struct rooms_known *known = rooms_known(t->in, event_id);

	return known && known->room == t->in->room->number ? known : NULL;
}

/* --- auth events --- */

HEARTH_SUSPENDS static int find_auth(struct taking *t, struct hearth_error *err)
{
	struct rooms_group_work *work = t->in->work;
	int64_t numbers[AUTH_MAX + 1];
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < t->event->auth_count; i++) {
		const struct rooms_known *known = known_here(t, t->event->auth_events[i]);

		if (known)
			numbers[count++] = known->number;
		else
			miss(t, t->event->auth_events[i]);
	}
	t->made->auth = hearth_arena_memdup(work->arena, numbers, count * sizeof(*numbers));
	t->made->auth_count = count;
	if (t->in->create_id && strcmp(t->event->type, "m.room.create")) {
		const struct rooms_known *create = known_here(t, t->in->create_id);

		if (create)
			numbers[count++] = create->number;
		else
			miss(t, t->in->create_id);
	}
	t->auth_count = count;
	if (t->outcome->result)
		return 0;
	rc = rooms_parsed_load(work->r, work->task, numbers, count, t->auth, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		if (!t->auth[i])
			return hearth_fail(err, -EIO, "event %lld is missing", (long long)numbers[i]);
	return rc;
}

static const struct hearth_event *get_cited(void *context, const char *type, const char *state_key)
{
	const struct taking *t = context;

	for (size_t i = 0; i < t->auth_count; i++) {
		const struct hearth_event *event = t->auth[i]->event;

		if (event->state_key && strcmp(event->type, type) == 0 && strcmp(event->state_key, state_key) == 0)
			return event;
	}
	return NULL;
}

/* By what it cites itself. */
static void check_citations(struct taking *t)
{
	const struct hearth_event *cited[AUTH_MAX];
	struct hearth_state_view view = { get_cited, t };
	struct hearth_error refusal = { 0 };

	for (size_t i = 0; i < t->event->auth_count; i++)
		cited[i] = t->auth[i]->event;
	if (hearth_auth_check_citations(t->event, cited, t->event->auth_count, &refusal) < 0 ||
	    hearth_auth_check(t->event, &view, &refusal) < 0)
		reject(t, refusal.message);
}

/* --- the state before --- */

/* A state that another server tells, as a group on top of the room's current one. */
HEARTH_SUSPENDS static int group_of_state(struct taking *t, const struct hearth_texts *ids, struct rooms_group **ret_group,
					  struct hearth_error *err)
{
	struct rooms_group_work *work = t->in->work;
	int64_t *numbers = hearth_arena_array_of(work->arena, int64_t, ids->count);
	struct rooms_entry *entries = hearth_arena_array_of(work->arena, struct rooms_entry, ids->count);
	size_t count = 0;
	int rc;

	for (size_t i = 0; i < ids->count; i++) {
		const struct rooms_known *known = known_here(t, ids->items[i]);

		if (known)
			numbers[i] = known->number;
		else
			miss(t, ids->items[i]);
	}
	*ret_group = NULL;
	if (t->outcome->result)
		return 0;
	rc = rooms_known_entries(t->in, numbers, ids->count, entries, &count, err);
	if (rc < 0)
		return rc;
	return rooms_work_state(work, t->in->room, entries, count, ret_group, err);
}

HEARTH_SUSPENDS static int states_before(struct taking *t, struct rooms_group ***ret_groups, size_t *ret_count,
					 struct hearth_error *err)
{
	struct rooms_group_work *work = t->in->work;
	struct rooms_made *made = t->made;
	int64_t *numbers = hearth_arena_array_of(work->arena, int64_t, t->event->prev_count);
	struct rooms_group **groups =
		hearth_arena_array_of(work->arena, struct rooms_group *, t->event->prev_count + t->pdu->state_count);
	int rc;

	made->prev = hearth_arena_array_of(work->arena, int64_t, t->event->prev_count);
	made->gaps = hearth_arena_array_of(work->arena, const char *, t->event->prev_count);
	for (size_t i = 0; i < t->event->prev_count; i++) {
		const struct rooms_known *known = known_here(t, t->event->prev_events[i]);

		if (known && !(known->flags & ROOMS_OUTLIER)) {
			numbers[made->prev_count] = known->state_after;
			made->prev[made->prev_count++] = known->number;
		} else {
			made->gaps[made->gap_count++] = t->event->prev_events[i];
		}
	}
	for (size_t i = 0; i < made->gap_count && !t->pdu->state_count; i++)
		miss(t, made->gaps[i]);
	if (t->outcome->result)
		return 0;
	rc = rooms_groups_load(work->r, work->task, numbers, made->prev_count, groups, err);
	*ret_count = made->prev_count;
	for (size_t i = 0; rc >= 0 && made->gap_count && i < t->pdu->state_count; i++)
		rc = group_of_state(t, &t->pdu->states[i], &groups[(*ret_count)++], err);
	*ret_groups = groups;
	return rc;
}

HEARTH_SUSPENDS static int load_view(struct taking *t, struct rooms_group *group, struct hearth_error *err)
{
	struct rooms_needed needed = { .r = t->in->work->r, .arena = t->in->work->arena, .group = group };

	hearth_auth_select(t->event->version, t->event->type, t->event->sender, t->event->state_key, t->event->content,
			   rooms_need, &needed);
	rooms_need(&needed, "m.room.create", "");
	rooms_need(&needed, "m.room.power_levels", "");
	return rooms_load_needed(t->in->work, &needed, err);
}

static bool allowed_in(struct taking *t, struct rooms_group *group, struct hearth_error *refusal)
{
	struct rooms_view view = { t->in->work->r, t->in->work->arena, group };
	struct hearth_state_view state = { rooms_view_get, &view };

	return hearth_auth_check(t->event, &state, refusal) >= 0;
}

/* Whether a redaction's sender may redact everybody's events. */
static bool has_power(struct taking *t)
{
	struct rooms_view view = { t->in->work->r, t->in->work->arena, t->before };
	const struct hearth_event *levels = rooms_view_get(&view, "m.room.power_levels", "");
	const struct hearth_event *create = rooms_view_get(&view, "m.room.create", "");

	return t->event->redacts && hearth_power_of_user(t->event->version, levels, create, t->event->sender) >=
					    hearth_power_to_act(t->event->version, levels, "redact");
}

/* By the state before it, and by the current state. */
HEARTH_SUSPENDS static int check_states(struct taking *t, struct hearth_error *err)
{
	struct rooms_group *current = t->in->room->group;
	struct hearth_error refusal = { 0 };
	int rc = load_view(t, t->before, err);

	if (rc < 0)
		return rc;
	t->made->by_power = has_power(t);
	if (!allowed_in(t, t->before, &refusal))
		reject(t, refusal.message);
	if (t->made->flags || t->made->backfilled || current == t->before || !t->in->room->extremity_count)
		return 0;
	rc = load_view(t, current, err);
	if (rc >= 0 && !allowed_in(t, current, &refusal)) {
		t->made->flags |= ROOMS_SOFT_FAILED;
		t->outcome->reason = hearth_arena_strdup(t->in->job->arena, refusal.message);
	}
	return rc;
}

HEARTH_SUSPENDS static int find_state(struct taking *t, struct hearth_error *err)
{
	struct rooms_group_work *work = t->in->work;
	struct rooms_group **groups = NULL;
	size_t count = 0;
	int rc = states_before(t, &groups, &count, err);

	if (rc < 0 || t->outcome->result)
		return rc;
	rc = rooms_resolve(work, t->in->room, groups, count, &t->before, err);
	if (rc < 0)
		return rc;
	t->made->state_before = t->before ? t->before->number : 0;
	return check_states(t, err);
}

/* --- the event itself --- */

HEARTH_SUSPENDS static int enter_state(struct taking *t, struct hearth_error *err)
{
	struct rooms_group_work *work = t->in->work;
	struct rooms_entry change = { 0, t->made->number };
	int64_t number;
	int rc;

	if (!t->event->state_key || t->made->flags & (ROOMS_REJECTED | ROOMS_OUTLIER))
		return 0;
	rc = rooms_numbers(work->r, work->task, 1, &number, err);
	if (rc < 0)
		return rc;
	change.key = rooms_state_hash(work->r->hash_key, t->event->type, t->event->state_key);
	t->made->replaces = rooms_group_find(t->before, change.key);
	rooms_work_group(work, number, t->in->room, t->before, &change, 1);
	t->made->state_after = number;
	return 0;
}

/* Gives it a place in the auth chains, unless it has one, and keeps it in memory for those that cite it. */
static int keep(struct taking *t, struct hearth_error *err)
{
	struct rooms_group_work *work = t->in->work;
	struct rooms_made *made = t->made;
	struct rooms_event *cached;
	struct rooms_text text;

	if (made->known)
		return 0;
	if (t->event->state_key && !(made->flags & ROOMS_REJECTED))
		made->placing = rooms_chains_place(work->arena, t->event, made->number, t->auth, t->auth_count);
	text = (struct rooms_text){ .number = made->number, .place = made->placing.place, .flags = made->flags,
				    .version = t->in->room->version, .event_id = t->event->event_id, .json = t->pdu->json,
				    .json_length = t->pdu->json_length };
	return rooms_parsed_put(work->r, work->arena, &text, &cached, err);
}

static bool covers_any(const struct rooms_room *room, const struct rooms_number_list *behind)
{
	for (size_t i = 0; i < room->extremity_count; i++)
		for (size_t j = 0; j < behind->count; j++)
			if (room->extremities[i].number == behind->items[j])
				return true;
	return false;
}

/* A room that is forked without end takes no more forks: what they lead to counts once it is named from within. */
static bool stands(const struct taking *t, const struct rooms_number_list *behind)
{
	return !hearth_map_find(&t->in->referenced, t->event->event_id, "") &&
	       (t->in->room->extremity_count < EXTREMITIES_MAX || covers_any(t->in->room, behind));
}

HEARTH_SUSPENDS static int settle(struct taking *t, struct hearth_error *err)
{
	struct rooms_number_list behind;
	int rc;

	if (t->made->flags || t->made->backfilled)
		return 0;
	rc = rooms_known_behind(t->in, t->made, &behind, err);
	return rc < 0 ? rc : rooms_settle(t->in->work, t->made, behind.items, behind.count, stands(t, &behind), err);
}

static bool is_taken(struct taking *t, const struct rooms_known *known)
{
	if (!known)
		return false;
	if (known->room != t->in->room->number) {
		invalid(t, "an event of that id is in another room");
		return true;
	}
	if (known->made || !(known->flags & ROOMS_OUTLIER) || t->pdu->outlier) {
		t->outcome->result = HEARTH_PDU_ALREADY;
		return true;
	}
	t->made->known = true;
	t->made->number = known->number;
	if (known->flags & ROOMS_REJECTED)
		reject(t, "it was rejected as an outlier");
	return false;
}

static bool is_invalid(struct taking *t)
{
	if (!t->event)
		return true; /* receive.c has told why */
	if (!t->event->room_id || strcmp(t->event->room_id, t->in->room->room_id))
		invalid(t, "the event is of another room");
	else if (t->event->prev_count > PREV_MAX || t->event->auth_count > AUTH_MAX)
		invalid(t, "the event names too many others");
	return t->outcome->result == HEARTH_PDU_INVALID;
}

HEARTH_SUSPENDS static int take_checked(struct taking *t, struct hearth_error *err)
{
	int rc = find_auth(t, err);

	if (rc < 0 || t->outcome->result)
		return rc;
	check_citations(t);
	if (!(t->made->flags & ROOMS_OUTLIER)) {
		rc = find_state(t, err);
		if (rc < 0 || t->outcome->result)
			return rc;
	}
	rc = enter_state(t, err);
	if (rc >= 0)
		rc = keep(t, err);
	if (rc < 0)
		return rc;
	t->in->work->made_count++;
	rooms_known_add(t->in, t->made);
	t->outcome->result = t->made->flags & ROOMS_REJECTED ? HEARTH_PDU_REJECTED
			     : t->made->flags & ROOMS_SOFT_FAILED ? HEARTH_PDU_SOFT_FAILED
								  : HEARTH_PDU_STORED;
	if (t->made->rejection)
		t->outcome->reason = t->made->rejection;
	return settle(t, err);
}

HEARTH_SUSPENDS static int take(struct rooms_incoming *in, size_t index, struct hearth_error *err)
{
	struct rooms_group_work *work = in->work;
	const struct rooms_pdu *pdu = &in->job->pdus[index];
	struct rooms_made *made = &work->made[work->made_count];
	struct taking t = { .in = in, .pdu = pdu, .event = pdu->event, .made = made, .outcome = &in->job->outcomes[index] };
	int rc;

	if (is_invalid(&t))
		return 0;
	*made = (struct rooms_made){ .room = in->room, .event = pdu->event, .json = pdu->json,
				     .json_length = pdu->json_length, .backfilled = pdu->backfilled != 0,
				     .flags = pdu->outlier ? ROOMS_OUTLIER : 0 };
	t.outcome->event_id = pdu->event->event_id;
	if (is_taken(&t, rooms_known(in, pdu->event->event_id)))
		return 0;
	if (pdu->rejection)
		reject(&t, pdu->rejection);
	if (!made->known) {
		rc = rooms_numbers(work->r, work->task, 1, &made->number, err);
		if (rc < 0)
			return rc;
	}
	return take_checked(&t, err);
}

HEARTH_SUSPENDS static int find_room(struct rooms_incoming *in, struct hearth_error *err)
{
	struct rooms_group_work *work = in->work;
	struct rooms_job *job = in->job;
	struct rooms_group *group;
	int rc = rooms_rooms_load(work->r, work->task, &job->room_id, 1, &in->room, err);

	if (rc < 0)
		return rc;
	if (!in->room && !job->version)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "There is no such room here");
	if (!in->room) {
		work->new_rooms = hearth_arena_array_of(work->arena, struct rooms_room *, 1);
		work->new_room_jobs = hearth_arena_array_of(work->arena, struct rooms_job *, 1);
		rc = rooms_work_room(work, job, job->version, job->room_id, &in->room, err);
	} else if (!in->room->group) {
		rc = rooms_groups_load(work->r, work->task, &in->room->state_group, 1, &group, err);
		if (rc >= 0)
			rooms_room_set_group(in->room, group);
	}
	if (rc >= 0 && in->room->version->room_id_is_create_hash)
		in->create_id = hearth_arena_printf(work->arena, "$%s", in->room->room_id + 1);
	return rc;
}

int rooms_take_incoming(struct rooms_group_work *work, struct hearth_error *err)
{
	struct rooms_incoming in = { .work = work, .job = work->jobs[0] };
	int rc = find_room(&in, err);

	if (rc < 0)
		return rc;
	work->made_capacity = in.job->pdu_count;
	work->made = hearth_arena_array_of(work->arena, struct rooms_made, work->made_capacity + 1);
	rc = rooms_known_load(&in, err);
	for (size_t i = 0; rc >= 0 && i < in.job->pdu_count; i++)
		rc = take(&in, i, err);
	return rc < 0 ? rc : 0;
}
