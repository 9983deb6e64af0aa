/* SPDX-License-Identifier: Apache-2.0 */
/* State: current, as of a position (rolled back by its deltas), and before an event (from its state group). */
#include "cache.h"

#include <errno.h>
#include <string.h>

/* One thing that is wanted of one query's room. */
enum mode { WHOLE = 0, OF_TYPE, EXACT, WITHOUT_MEMBERS };

struct wanted_params {
	struct hearth_ints query, room, at, mode;
	struct hearth_texts type, state_key;
};
struct state_row {
	int64_t query, event;
};
#define WANTED(member) HEARTH_COLUMN(struct wanted_params, member)
static const struct hearth_field WANTED_PARAMS[] = { WANTED(query), WANTED(room), WANTED(at), WANTED(mode), WANTED(type),
						     WANTED(state_key), HEARTH_FIELDS_END };
static const struct hearth_field STATE_ROW[] = { HEARTH_COLUMNS(struct state_row, query, event) };
#define UNCHANGED                                                                                  \
	" AND NOT EXISTS (SELECT FROM current_state_deltas d WHERE d.room = w.room AND d.type = c.type " \
	"AND d.state_key = c.state_key AND d.stream_ordering > w.at)"
static const struct hearth_statement SELECT_STATES = {
	.name = "rooms.select_states",
	.sql = "WITH w AS MATERIALIZED (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], "
	       "$5::text[], $6::text[]) AS v(query, room, at, mode, type, state_key)) "
	       "SELECT w.query, c.event FROM w JOIN current_state c ON c.room = w.room "
	       "WHERE w.mode IN (0, 3) AND (w.mode = 0 OR c.type <> 'm.room.member')" UNCHANGED
	       " UNION SELECT w.query, c.event FROM w JOIN current_state c ON c.room = w.room AND c.type = w.type "
	       "WHERE w.mode = 1" UNCHANGED
	       " UNION SELECT w.query, c.event FROM w JOIN current_state c ON c.room = w.room AND c.type = w.type "
	       "AND c.state_key = w.state_key WHERE w.mode = 2" UNCHANGED
	       " UNION SELECT query, prev_event FROM (SELECT DISTINCT ON (w.query, d.type, d.state_key) w.query, d.prev_event "
	       "FROM w JOIN current_state_deltas d ON d.room = w.room AND d.stream_ordering > w.at "
	       "WHERE w.mode = 0 OR (w.mode = 3 AND d.type <> 'm.room.member') OR "
	       "(d.type = w.type AND (w.mode = 1 OR (w.mode = 2 AND d.state_key = w.state_key))) "
	       "ORDER BY w.query, d.type, d.state_key, d.stream_ordering) rolled WHERE prev_event IS NOT NULL "
	       "ORDER BY 1, 2",
	.params = WANTED_PARAMS, .row = STATE_ROW, .row_size = sizeof(struct state_row),
};

struct range_params {
	struct hearth_texts room;
	struct hearth_ints from, to;
};
static const struct hearth_field RANGE_PARAMS[] = { HEARTH_COLUMNS(struct range_params, room, from, to) };
#define DELTA(member) HEARTH_COLUMN(struct hearth_state_delta, member)
static const struct hearth_field DELTA_ROW[] = { DELTA(room_id), DELTA(type), DELTA(state_key), DELTA(event_id),
						 DELTA(prev_event_id), DELTA(stream_ordering), HEARTH_FIELDS_END };
static const struct hearth_statement SELECT_DELTAS = {
	.name = "rooms.select_state_deltas",
	.sql = "SELECT r.room_id, d.type, d.state_key, e.event_id, p.event_id, d.stream_ordering "
	       "FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS q(room_id, low, high) "
	       "JOIN rooms r ON r.room_id = q.room_id JOIN current_state_deltas d ON d.room = r.number "
	       "AND d.stream_ordering > q.low AND d.stream_ordering <= q.high "
	       "LEFT JOIN events e ON e.number = d.event LEFT JOIN events p ON p.number = d.prev_event "
	       "ORDER BY r.room_id, d.stream_ordering",
	.params = RANGE_PARAMS, .row = DELTA_ROW, .row_size = sizeof(struct hearth_state_delta),
};

struct current_params {
	const char *room_id;
	struct hearth_texts type, state_key;
};
struct current_row {
	int64_t at, event;
};
static const struct hearth_field CURRENT_PARAMS[] = { HEARTH_COLUMNS(struct current_params, room_id, type, state_key) };
static const struct hearth_field CURRENT_ROW[] = { HEARTH_COLUMNS(struct current_row, at, event) };
static const struct hearth_statement SELECT_CURRENT = {
	.name = "rooms.select_current",
	.sql = "SELECT q.at, c.event FROM rooms r "
	       "CROSS JOIN unnest($2::text[], $3::text[]) WITH ORDINALITY AS q(type, state_key, at) "
	       "JOIN current_state c ON c.room = r.number AND c.type = q.type AND c.state_key = q.state_key "
	       "WHERE r.room_id = $1",
	.params = CURRENT_PARAMS, .row = CURRENT_ROW, .row_size = sizeof(struct current_row),
};

struct wanted {
	int64_t *query, *room, *at, *mode;
	const char **type, **state_key;
	size_t count;
};

static void want(struct wanted *w, size_t query, int64_t room, int64_t at, enum mode mode, const char *type,
		 const char *state_key)
{
	w->query[w->count] = (int64_t)query;
	w->room[w->count] = room;
	w->at[w->count] = at;
	w->mode[w->count] = mode;
	w->type[w->count] = type ? type : "";
	w->state_key[w->count++] = state_key ? state_key : "";
}

static void want_pair(struct wanted *w, size_t i, int64_t room, const struct hearth_state_query *query, size_t pair)
{
	const char *type = query->types[pair], *state_key = query->state_keys[pair];

	if (state_key)
		want(w, i, room, query->at, EXACT, type, state_key);
	else if (query->members && strcmp(type, "m.room.member") == 0)
		for (size_t m = 0; m < query->members->count; m++)
			want(w, i, room, query->at, EXACT, type, query->members->items[m]);
	else
		want(w, i, room, query->at, OF_TYPE, type, NULL);
}

static struct wanted want_all(struct hearth_arena *arena, const struct hearth_state_query *queries, size_t count,
			      const struct rooms_facts *facts)
{
	struct wanted w = { 0 };
	size_t max = 0;

	for (size_t i = 0; i < count; i++)
		max += 1 + queries[i].pair_count + (queries[i].members ? queries[i].members->count : 0) *
							   (queries[i].pair_count ? queries[i].pair_count : 1);
	w.query = hearth_arena_array_of(arena, int64_t, max);
	w.room = hearth_arena_array_of(arena, int64_t, max);
	w.at = hearth_arena_array_of(arena, int64_t, max);
	w.mode = hearth_arena_array_of(arena, int64_t, max);
	w.type = hearth_arena_array_of(arena, const char *, max);
	w.state_key = hearth_arena_array_of(arena, const char *, max);
	for (size_t i = 0; i < count; i++) {
		const struct hearth_state_query *query = &queries[i];

		if (!facts[i].number)
			continue;
		for (size_t p = 0; p < query->pair_count; p++)
			want_pair(&w, i, facts[i].number, query, p);
		if (query->pair_count)
			continue;
		want(&w, i, facts[i].number, query->at, query->members ? WITHOUT_MEMBERS : WHOLE, NULL, NULL);
		for (size_t m = 0; query->members && m < query->members->count; m++)
			want(&w, i, facts[i].number, query->at, EXACT, "m.room.member", query->members->items[m]);
	}
	return w;
}

int rooms_states(struct rooms *r, struct hearth_task *task, const struct hearth_state_query *queries, size_t count,
		 struct hearth_state_result *ret_results, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	struct rooms_facts *facts = hearth_arena_array_of(arena, struct rooms_facts, count);
	const char **room_ids = hearth_arena_array_of(arena, const char *, count);
	struct hearth_stored_event *events;
	const struct state_row *found;
	struct hearth_rows rows;
	struct wanted w;
	int64_t *numbers;
	int rc;

	memset(ret_results, 0, count * sizeof(*ret_results));
	for (size_t i = 0; i < count; i++)
		room_ids[i] = queries[i].room_id;
	rc = rooms_facts(r, task, room_ids, count, facts, err);
	if (rc < 0)
		return rc;
	w = want_all(arena, queries, count, facts);
	if (!w.count)
		return 0;
	rc = r->db->read(task, &SELECT_STATES,
			 &(struct wanted_params){ { w.query, w.count }, { w.room, w.count }, { w.at, w.count },
						  { w.mode, w.count }, { w.type, w.count }, { w.state_key, w.count } },
			 &rows, err);
	if (rc < 0)
		return rc;
	found = rows.items;
	numbers = hearth_arena_array_of(arena, int64_t, rows.count);
	for (size_t i = 0; i < rows.count; i++)
		numbers[i] = found[i].event;
	rc = rooms_events_by_number(r, task, numbers, rows.count, &events, err);
	for (size_t i = 0; rc >= 0 && i < rows.count; i++) {
		struct hearth_state_result *result = &ret_results[found[i].query];

		if (!result->count++)
			result->events = &events[i];
	}
	return rc;
}

/* Numbers of the group's entries that the pairs may want; the types of the others are not known yet. */
static int64_t *candidates(struct rooms *r, struct hearth_arena *arena, const struct rooms_group *group,
			   const char *const *types, const char *const *state_keys, size_t pair_count, size_t *ret_count)
{
	const struct rooms_entry *entries;
	int64_t *numbers = hearth_arena_array_of(arena, int64_t, pair_count);
	size_t count = 0, pairs = 0;

	while (pairs < pair_count && state_keys[pairs])
		pairs++;
	if (pair_count && pairs == pair_count) {
		for (size_t i = 0; i < pair_count; i++) {
			int64_t number = rooms_group_find(group, rooms_state_hash(r->hash_key, types[i], state_keys[i]));

			if (number)
				numbers[count++] = number;
		}
		*ret_count = count;
		return numbers;
	}
	entries = rooms_group_entries(arena, group, &count);
	numbers = hearth_arena_array_of(arena, int64_t, count);
	for (size_t i = 0; i < count; i++)
		numbers[i] = entries[i].event;
	*ret_count = count;
	return numbers;
}

static bool pair_wants(const struct hearth_stored_event *event, const char *const *types, const char *const *state_keys,
		       size_t pair_count)
{
	for (size_t i = 0; i < pair_count; i++)
		if (strcmp(types[i], event->type) == 0 &&
		    (!state_keys[i] || strcmp(state_keys[i], event->state_key) == 0))
			return true;
	return !pair_count;
}

int rooms_state_before(struct rooms *r, struct hearth_task *task, const char *event_id, const char *const *types,
		       const char *const *state_keys, size_t pair_count, const struct hearth_stored_event **ret_events,
		       size_t *ret_count, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	struct hearth_stored_event *event, *events;
	struct rooms_group *group;
	size_t count, kept = 0;
	int64_t *numbers;
	int rc;

	rc = rooms_events(r, task, &event_id, 1, &event, err);
	if (rc < 0)
		return rc;
	if (!event->event_id || event->outlier)
		return hearth_fail(err, -ENOENT, "the state before event '%s' is not known here", event_id);
	rc = rooms_groups_load(r, task, &event->state_group, 1, &group, err);
	if (rc < 0)
		return rc;
	numbers = candidates(r, arena, group, types, state_keys, pair_count, &count);
	rc = rooms_events_by_number(r, task, numbers, count, &events, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		if (events[i].event_id && pair_wants(&events[i], types, state_keys, pair_count))
			events[kept++] = events[i];
	*ret_events = events;
	*ret_count = kept;
	return 0;
}

int rooms_state_deltas(struct rooms *r, struct hearth_task *task, const struct hearth_delta_range *ranges,
		       size_t range_count, const struct hearth_state_delta **ret_deltas, size_t *ret_count,
		       struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	const char **rooms = hearth_arena_array_of(arena, const char *, range_count);
	int64_t *from = hearth_arena_array_of(arena, int64_t, range_count);
	int64_t *to = hearth_arena_array_of(arena, int64_t, range_count);
	struct hearth_rows rows;
	int rc;

	for (size_t i = 0; i < range_count; i++) {
		rooms[i] = ranges[i].room_id;
		from[i] = ranges[i].from;
		to[i] = ranges[i].to;
	}
	rc = r->db->read(task, &SELECT_DELTAS,
			 &(struct range_params){ { rooms, range_count }, { from, range_count }, { to, range_count } }, &rows,
			 err);
	if (rc < 0)
		return rc;
	*ret_deltas = rows.items;
	*ret_count = rows.count;
	return 0;
}

HEARTH_SUSPENDS static int current_numbers(struct rooms *r, struct hearth_task *task, const char *room_id,
					   const char *const *types, const char *const *state_keys, size_t count,
					   int64_t *ret_numbers, struct hearth_error *err)
{
	struct hearth_rows rows;
	int rc = r->db->read(task, &SELECT_CURRENT,
			     &(struct current_params){ room_id, { types, count }, { state_keys, count } }, &rows, err);

	if (rc < 0)
		return rc;
	memset(ret_numbers, 0, count * sizeof(*ret_numbers));
	for (size_t i = 0; i < rows.count; i++) {
		const struct current_row *row = (const struct current_row *)rows.items + i;

		ret_numbers[row->at - 1] = row->event;
	}
	return 0;
}

int rooms_current(struct rooms *r, struct hearth_task *task, const char *room_id, const char *type,
		  const char *state_key, struct hearth_stored_event *ret_event, struct hearth_error *err)
{
	struct hearth_stored_event *event;
	int64_t number;
	int rc = current_numbers(r, task, room_id, &type, &state_key, 1, &number, err);

	if (rc >= 0)
		rc = rooms_events_by_number(r, task, &number, number ? 1 : 0, &event, err);
	if (rc < 0)
		return rc;
	*ret_event = number ? *event : (struct hearth_stored_event){ 0 };
	return 0;
}

int rooms_current_parsed(struct rooms *r, struct hearth_task *task, const char *room_id, const char *const *types,
			 const char *const *state_keys, size_t count, const struct hearth_event **ret_events,
			 struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	int64_t *numbers = hearth_arena_array_of(arena, int64_t, count);
	struct rooms_event **events = hearth_arena_array_of(arena, struct rooms_event *, count);
	int rc = current_numbers(r, task, room_id, types, state_keys, count, numbers, err);

	if (rc >= 0)
		rc = rooms_parsed_load(r, task, numbers, count, events, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		ret_events[i] = events[i] ? events[i]->event : NULL;
	return rc;
}
