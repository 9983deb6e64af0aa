/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State resolution over stored states. The resolver is shown what differs, and of the rest what the rules will ask for:
 * the cost follows the conflict, not the size of the room. Auth chains are compared by their index.
 */
#include "persist.h"

#include <errno.h>
#include <string.h>

#include <hearth/matrix/state.h>

#include "number_map.h"

/* A key at which the states differ: the event of each state, 0 where it has none. */
struct differing {
	uint64_t key;
	int64_t *events;
	int64_t resolved;
};

struct resolving {
	struct rooms_group_work *work;
	struct rooms *r;
	struct hearth_arena *arena;
	const struct rooms_room *room;
	struct rooms_group **groups; /* of different numbers */
	size_t count;
	struct rooms_number_list *sets, same; /* each state's events that differ; those that all have */
	struct differing *differing;
	size_t differing_count;
	struct rooms_number_list conflicted, difference;
	struct hearth_map by_id; /* event id to struct rooms_event */
	const char **difference_ids;
};

static void push_number(struct hearth_arena *arena, struct rooms_number_list *list, int64_t number)
{
	if ((list->count & (list->count - 1)) == 0)
		list->items = hearth_arena_grow(arena, list->items, list->count * sizeof(int64_t),
						(list->count ? list->count * 2 : 1) * sizeof(int64_t));
	list->items[list->count++] = number;
}

static size_t distinct(struct rooms_group *const *groups, size_t count, struct rooms_group **ret_groups)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		bool seen = false;

		for (size_t j = 0; j < kept && !seen; j++)
			seen = ret_groups[j] == groups[i];
		if (!seen)
			ret_groups[kept++] = groups[i];
	}
	return kept;
}

/* --- what differs --- */

struct cursor {
	const struct rooms_entry *entries;
	size_t count, at;
};

static bool smallest_key(const struct cursor *cursors, size_t count, uint64_t *ret_key)
{
	bool found = false;

	for (size_t i = 0; i < count; i++) {
		if (cursors[i].at == cursors[i].count)
			continue;
		if (!found || cursors[i].entries[cursors[i].at].key < *ret_key)
			*ret_key = cursors[i].entries[cursors[i].at].key;
		found = true;
	}
	return found;
}

static void note_difference(struct resolving *s, uint64_t key, const int64_t *events)
{
	size_t n = s->differing_count++;

	if ((n & (n - 1)) == 0)
		s->differing = hearth_arena_grow(s->arena, s->differing, n * sizeof(*s->differing),
						 (n ? n * 2 : 1) * sizeof(*s->differing));
	s->differing[n] = (struct differing){
		.key = key, .events = hearth_arena_memdup(s->arena, events, s->count * sizeof(*events)) };
	for (size_t i = 0; i < s->count; i++) {
		bool seen = !events[i];

		if (events[i])
			push_number(s->arena, &s->sets[i], events[i]);
		for (size_t j = 0; j < i && !seen; j++)
			seen = events[j] == events[i];
		if (!seen)
			push_number(s->arena, &s->conflicted, events[i]);
	}
}

static void find_differing(struct resolving *s)
{
	struct cursor *cursors = hearth_arena_array_of(s->arena, struct cursor, s->count);
	int64_t *events = hearth_arena_array_of(s->arena, int64_t, s->count);
	uint64_t key = 0;

	s->sets = hearth_arena_array_of(s->arena, struct rooms_number_list, s->count);
	for (size_t i = 0; i < s->count; i++)
		cursors[i].entries = rooms_group_entries(s->arena, s->groups[i], &cursors[i].count);
	while (smallest_key(cursors, s->count, &key)) {
		bool same = true;

		for (size_t i = 0; i < s->count; i++) {
			bool has = cursors[i].at < cursors[i].count && cursors[i].entries[cursors[i].at].key == key;

			events[i] = has ? cursors[i].entries[cursors[i].at++].event : 0;
			same = same && events[i] == events[0];
		}
		if (same)
			push_number(s->arena, &s->same, events[0]);
		else
			note_difference(s, key, events);
	}
}

static struct differing *find_key(const struct resolving *s, uint64_t key)
{
	size_t low = 0, high = s->differing_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->differing[middle].key < key)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->differing_count && s->differing[low].key == key ? &s->differing[low] : NULL;
}

/* --- events --- */

HEARTH_SUSPENDS static int load_events(struct resolving *s, const struct rooms_number_list *numbers,
				       struct rooms_event ***ret_events, struct hearth_error *err)
{
	struct rooms_event **events = hearth_arena_array_of(s->arena, struct rooms_event *, numbers->count);
	int rc = rooms_parsed_load(s->r, s->work->task, numbers->items, numbers->count, events, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < numbers->count; i++) {
		if (!events[i])
			return hearth_fail(err, -EIO, "event %lld of a state is missing", (long long)numbers->items[i]);
		hearth_map_at(&s->by_id, events[i]->event->event_id, "")->value = events[i];
	}
	if (ret_events)
		*ret_events = events;
	return 0;
}

HEARTH_SUSPENDS static int fetch(void *context, const char *const *ids, size_t count,
				 const struct hearth_event **ret_events, struct hearth_error *err)
{
	struct resolving *s = context;
	const char **missing = hearth_arena_array_of(s->arena, const char *, count);
	struct rooms_event **found = hearth_arena_array_of(s->arena, struct rooms_event *, count);
	size_t missing_count = 0;
	int rc;

	for (size_t i = 0; i < count; i++)
		if (!hearth_map_get(&s->by_id, ids[i], ""))
			missing[missing_count++] = ids[i];
	rc = rooms_parsed_load_ids(s->r, s->work->task, missing, missing_count, found, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < missing_count; i++)
		if (found[i])
			hearth_map_at(&s->by_id, missing[i], "")->value = found[i];
	for (size_t i = 0; i < count; i++) {
		const struct rooms_event *event = hearth_map_get(&s->by_id, ids[i], "");

		ret_events[i] = event ? event->event : NULL;
	}
	return 0;
}

static int tell_difference(void *context, const struct hearth_state_set *sets, size_t set_count,
			   const char *const **ret_ids, size_t *ret_count, struct hearth_error *err)
{
	struct resolving *s = context;

	(void)sets;
	(void)set_count;
	(void)err;
	*ret_ids = s->difference_ids;
	*ret_count = s->difference.count;
	return 0;
}

/* Events that the lane has made and not written yet are found by their ids, too. */
static void know_pending(struct resolving *s)
{
	for (size_t i = 0; i < s->work->made_count; i++) {
		const struct rooms_made *made = &s->work->made[i];
		struct rooms_event *event;

		if (made->room != s->room || !made->event->state_key)
			continue;
		event = rooms_lru_get(s->r->event_cache, s->arena, &made->number, sizeof(made->number));
		if (event)
			hearth_map_at(&s->by_id, made->event->event_id, "")->value = event;
	}
}

/* --- what the rules will ask for of the state that does not differ --- */

struct asking {
	struct resolving *s;
	struct rooms_number_map seen;
	struct rooms_number_list numbers;
};

static void ask(void *context, const char *type, const char *state_key)
{
	struct asking *asking = context;
	uint64_t key = rooms_state_hash(asking->s->r->hash_key, type, state_key);
	int64_t number = find_key(asking->s, key) ? 0 : rooms_group_find(asking->s->groups[0], key);

	if (!number || *rooms_number_map_at(&asking->seen, number))
		return;
	*rooms_number_map_at(&asking->seen, number) = 1;
	push_number(asking->s->arena, &asking->numbers, number);
}

static void ask_for(struct asking *asking, struct rooms_event *const *events, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct hearth_event *event = events[i]->event;

		hearth_auth_select(event->version, event->type, event->sender, event->state_key, event->content, ask, asking);
	}
}

static int64_t same_at_key_of(void *context, const struct hearth_event *event)
{
	const struct resolving *s = context;
	uint64_t key = rooms_state_hash(s->r->hash_key, event->type, event->state_key);

	return find_key(s, key) ? 0 : rooms_group_find(s->groups[0], key);
}

/* Loads the full conflicted set (and more, in version 2.1), and of the rest what its rules look at. */
HEARTH_SUSPENDS static int prepare(struct resolving *s, struct rooms_number_list *ret_rest, struct hearth_error *err)
{
	const struct rooms_chains chains = { s->r, s->work->task, s->arena, s->work->made, s->work->made_count };
	uint32_t algorithm = s->room->version->state_resolution;
	const struct rooms_chains_common common = { &s->same, same_at_key_of, s, &s->conflicted };
	struct asking asking = { .s = s };
	struct rooms_number_list below = { 0 };
	struct rooms_event **events;
	int rc = 0;

	if (algorithm != HEARTH_STATE_RESOLUTION_V1)
		rc = rooms_chains_difference(&chains, s->sets, s->count, &common, &s->difference, err);
	if (rc >= 0 && algorithm == HEARTH_STATE_RESOLUTION_V2_1)
		rc = rooms_chains_of(&chains, &s->conflicted, &below, err);
	if (rc < 0)
		return rc;
	rooms_number_map_init(&asking.seen, s->arena, 64);
	ask(&asking, "m.room.create", "");
	ask(&asking, "m.room.power_levels", "");
	rc = load_events(s, &s->conflicted, &events, err);
	if (rc < 0)
		return rc;
	ask_for(&asking, events, s->conflicted.count);
	rc = load_events(s, &below, &events, err);
	if (rc < 0)
		return rc;
	ask_for(&asking, events, below.count);
	rc = load_events(s, &s->difference, &events, err);
	if (rc < 0)
		return rc;
	ask_for(&asking, events, s->difference.count);
	s->difference_ids = hearth_arena_array_of(s->arena, const char *, s->difference.count);
	for (size_t i = 0; i < s->difference.count; i++)
		s->difference_ids[i] = events[i]->event->event_id;
	*ret_rest = asking.numbers;
	return load_events(s, &asking.numbers, NULL, err);
}

static const struct rooms_event *loaded(const struct resolving *s, int64_t number)
{
	return rooms_lru_get(s->r->event_cache, NULL, &number, sizeof(number));
}

static void add_entry(const struct resolving *s, struct hearth_state_entry *entries, size_t *count, int64_t number)
{
	const struct hearth_event *event = loaded(s, number)->event;

	entries[(*count)++] = (struct hearth_state_entry){ event->type, event->state_key, event->event_id };
}

static struct hearth_state_set *build_sets(const struct resolving *s, const struct rooms_number_list *rest)
{
	struct hearth_state_set *sets = hearth_arena_array_of(s->arena, struct hearth_state_set, s->count);

	for (size_t i = 0; i < s->count; i++) {
		struct hearth_state_entry *entries =
			hearth_arena_array_of(s->arena, struct hearth_state_entry, s->differing_count + rest->count);

		for (size_t d = 0; d < s->differing_count; d++)
			if (s->differing[d].events[i])
				add_entry(s, entries, &sets[i].count, s->differing[d].events[i]);
		for (size_t j = 0; j < rest->count; j++)
			add_entry(s, entries, &sets[i].count, rest->items[j]);
		sets[i].entries = entries;
	}
	return sets;
}

/* --- the result as a group --- */

static size_t changes_from(const struct resolving *s, size_t base, struct rooms_entry *ret_changes)
{
	size_t count = 0;

	for (size_t d = 0; d < s->differing_count; d++) {
		if (s->differing[d].events[base] == s->differing[d].resolved)
			continue;
		if (ret_changes)
			ret_changes[count] = (struct rooms_entry){ s->differing[d].key, s->differing[d].resolved };
		count++;
	}
	return count;
}

HEARTH_SUSPENDS static int make_result(struct resolving *s, struct rooms_group **ret_group, struct hearth_error *err)
{
	size_t best = 0, fewest = SIZE_MAX;
	struct rooms_entry *changes;
	int64_t number;
	int rc;

	for (size_t i = 0; i < s->count; i++) {
		size_t count = changes_from(s, i, NULL);

		if (count < fewest) {
			fewest = count;
			best = i;
		}
	}
	*ret_group = s->groups[best];
	if (!fewest)
		return 0;
	rc = rooms_numbers(s->r, s->work->task, 1, &number, err);
	if (rc < 0)
		return rc;
	changes = hearth_arena_array_of(s->arena, struct rooms_entry, fewest);
	changes_from(s, best, changes);
	*ret_group = rooms_work_group(s->work, number, s->room, s->groups[best], changes, fewest);
	return 0;
}

static void take_resolved(struct resolving *s, const struct hearth_state_set *state)
{
	for (size_t i = 0; i < state->count; i++) {
		const struct hearth_state_entry *entry = &state->entries[i];
		struct differing *differing = find_key(s, rooms_state_hash(s->r->hash_key, entry->type, entry->state_key));
		const struct rooms_event *event = hearth_map_get(&s->by_id, entry->event_id, "");

		if (differing && event)
			differing->resolved = event->number;
	}
}

int rooms_resolve(struct rooms_group_work *work, const struct rooms_room *room, struct rooms_group *const *groups,
		  size_t count, struct rooms_group **ret_group, struct hearth_error *err)
{
	struct resolving s = { .work = work, .r = work->r, .arena = work->arena, .room = room };
	const struct hearth_event_source source = { .fetch = fetch, .auth_difference = tell_difference, .context = &s };
	struct hearth_state_set resolved, *sets;
	struct rooms_number_list rest = { 0 };
	int rc;

	s.groups = hearth_arena_array_of(s.arena, struct rooms_group *, count);
	s.count = distinct(groups, count, s.groups);
	*ret_group = s.count ? s.groups[0] : NULL;
	if (s.count < 2)
		return 0;
	find_differing(&s);
	if (!s.differing_count)
		return 0;
	hearth_map_init(&s.by_id, s.arena, s.conflicted.count * 2);
	know_pending(&s);
	rc = prepare(&s, &rest, err);
	if (rc < 0)
		return rc;
	sets = build_sets(&s, &rest);
	rc = hearth_state_resolve(s.arena, room->version, sets, s.count, &source, &resolved, err);
	if (rc < 0)
		return rc;
	take_resolved(&s, &resolved);
	return make_result(&s, ret_group, err);
}
