/* SPDX-License-Identifier: Apache-2.0 */
/* Auth chains by ranges: links are loaded a generation of chains at a time, then everything is decided in memory. */
#include "chains.h"

#include <errno.h>
#include <string.h>

#include "number_map.h"
#include "persist.h"

struct numbers_params {
	struct hearth_ints numbers;
};
struct place_row {
	int64_t number, chain, seq;
};
static const struct hearth_field NUMBERS[] = { HEARTH_COLUMNS(struct numbers_params, numbers) };
static const struct hearth_field PLACE_ROW[] = { HEARTH_COLUMNS(struct place_row, number, chain, seq) };
static const struct hearth_statement SELECT_PLACES = {
	.name = "rooms.select_chain_places",
	.sql = "SELECT number, chain, chain_seq FROM events WHERE number = ANY($1) AND chain IS NOT NULL",
	.params = NUMBERS, .row = PLACE_ROW, .row_size = sizeof(struct place_row),
};

struct ranges_params {
	struct hearth_ints chain, low, high; /* those above low, up to high */
};
struct links_row {
	int64_t chain, seq;
	struct hearth_ints links;
};
static const struct hearth_field RANGES[] = { HEARTH_COLUMNS(struct ranges_params, chain, low, high) };
static const struct hearth_field LINKS_ROW[] = { HEARTH_COLUMNS(struct links_row, chain, seq, links) };
#define IN_RANGES                                                                                           \
	" FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS q(chain, low, high) "                    \
	"JOIN events e ON e.chain = q.chain AND e.chain_seq > q.low AND e.chain_seq <= q.high "
static const struct hearth_statement SELECT_LINKS = {
	.name = "rooms.select_chain_links",
	.sql = "SELECT e.chain, e.chain_seq, e.chain_links" IN_RANGES "WHERE e.chain_links IS NOT NULL",
	.params = RANGES, .row = LINKS_ROW, .row_size = sizeof(struct links_row),
};
static const struct hearth_statement SELECT_RANGES = {
	.name = "rooms.select_chain_ranges",
	.sql = "SELECT e.number, e.chain, e.chain_seq" IN_RANGES,
	.params = RANGES, .row = PLACE_ROW, .row_size = sizeof(struct place_row),
};

/* --- placing --- */

static bool cites(const struct hearth_event *event, const char *event_id)
{
	for (size_t i = 0; i < event->auth_count; i++)
		if (strcmp(event->auth_events[i], event_id) == 0)
			return true;
	return false;
}

static struct rooms_event *find_parent(const struct hearth_event *event, struct rooms_event *const *auth, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (auth[i]->place.chain && !auth[i]->extended && strcmp(auth[i]->event->type, event->type) == 0 &&
		    strcmp(auth[i]->event->state_key, event->state_key) == 0)
			return auth[i];
	return NULL;
}

struct rooms_placing rooms_chains_place(struct hearth_arena *arena, const struct hearth_event *event, int64_t number,
					struct rooms_event *const *auth, size_t count)
{
	struct rooms_event *parent = find_parent(event, auth, count);
	struct rooms_place *links = hearth_arena_array_of(arena, struct rooms_place, count);
	struct rooms_placing placing = { .place = { number, 1 }, .links = links };

	if (parent) {
		parent->extended = true;
		placing.place = (struct rooms_place){ parent->place.chain, parent->place.seq + 1 };
	}
	for (size_t i = 0; i < count; i++) {
		if (auth[i] == parent || !auth[i]->place.chain || strcmp(auth[i]->event->type, "m.room.create") == 0)
			continue;
		if (!parent || !cites(parent->event, auth[i]->event->event_id))
			links[placing.link_count++] = auth[i]->place;
	}
	return placing;
}

/* --- links in memory --- */

struct link {
	int64_t from_seq;
	struct rooms_place to;
};

/* What is known of one chain: its links up to the position loaded. */
struct known_chain {
	int64_t chain, loaded;
	struct link *links;
	size_t count, capacity;
};

struct graph {
	const struct rooms_chains *at;
	struct rooms_number_map index; /* chain to its place in chains, from 1 */
	struct known_chain *chains;
	size_t count, capacity;
	struct ranges_params wanted; /* what the next generation loads */
	size_t wanted_capacity;
};

static struct known_chain *known(struct graph *graph, int64_t chain)
{
	int64_t *place = rooms_number_map_at(&graph->index, chain);

	if (*place)
		return &graph->chains[*place - 1];
	if (graph->count == graph->capacity) {
		size_t old = graph->capacity;

		graph->capacity = old ? old * 2 : 64;
		graph->chains = hearth_arena_grow(graph->at->arena, graph->chains, old * sizeof(*graph->chains),
						  graph->capacity * sizeof(*graph->chains));
	}
	graph->chains[graph->count] = (struct known_chain){ .chain = chain };
	*place = (int64_t)++graph->count;
	return &graph->chains[graph->count - 1];
}

static int64_t *column(struct hearth_ints *ints)
{
	return (int64_t *)(uintptr_t)ints->items;
}

static void grow_column(struct graph *graph, struct hearth_ints *ints, size_t old)
{
	ints->items = hearth_arena_grow(graph->at->arena, column(ints), old * sizeof(int64_t),
					graph->wanted_capacity * sizeof(int64_t));
}

/* Asks for the links of a chain up to a position; each position is asked for once. */
static void want(struct graph *graph, struct rooms_place place)
{
	struct known_chain *chain = known(graph, place.chain);
	struct ranges_params *wanted = &graph->wanted;
	size_t n = wanted->chain.count;

	if (chain->loaded >= place.seq)
		return;
	if (n == graph->wanted_capacity) {
		graph->wanted_capacity = n ? n * 2 : 64;
		grow_column(graph, &wanted->chain, n);
		grow_column(graph, &wanted->low, n);
		grow_column(graph, &wanted->high, n);
	}
	column(&wanted->chain)[n] = place.chain;
	column(&wanted->low)[n] = chain->loaded;
	column(&wanted->high)[n] = place.seq;
	wanted->chain.count = wanted->low.count = wanted->high.count = n + 1;
	chain->loaded = place.seq;
}

static void add_link(struct graph *graph, struct rooms_place from, struct rooms_place to)
{
	struct known_chain *chain = known(graph, from.chain);

	if (chain->count == chain->capacity) {
		size_t old = chain->capacity;

		chain->capacity = old ? old * 2 : 4;
		chain->links = hearth_arena_grow(graph->at->arena, chain->links, old * sizeof(*chain->links),
						 chain->capacity * sizeof(*chain->links));
	}
	chain->links[chain->count++] = (struct link){ from.seq, to };
	want(graph, to);
}

static bool in_ranges(const struct ranges_params *ranges, struct rooms_place place)
{
	for (size_t i = 0; i < ranges->chain.count; i++)
		if (ranges->chain.items[i] == place.chain)
			if (place.seq > ranges->low.items[i] && place.seq <= ranges->high.items[i])
				return true;
	return false;
}

HEARTH_SUSPENDS static int load_generation(struct graph *graph, const struct ranges_params *asked, struct hearth_error *err)
{
	const struct rooms_chains *at = graph->at;
	struct hearth_rows rows;
	int rc = at->r->db->read(at->task, &SELECT_LINKS, asked, &rows, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < rows.count; i++) {
		const struct links_row *row = (const struct links_row *)rows.items + i;

		for (size_t j = 0; j + 1 < row->links.count; j += 2)
			add_link(graph, (struct rooms_place){ row->chain, row->seq },
				 (struct rooms_place){ row->links.items[j], row->links.items[j + 1] });
	}
	for (size_t i = 0; i < at->pending_count; i++) {
		const struct rooms_placing *placing = &at->pending[i].placing;

		if (at->pending[i].known || !placing->place.chain || !in_ranges(asked, placing->place))
			continue;
		for (size_t j = 0; j < placing->link_count; j++)
			add_link(graph, placing->place, placing->links[j]);
	}
	return 0;
}

HEARTH_SUSPENDS static int load_graph(struct graph *graph, struct hearth_error *err)
{
	int rc = 0;

	while (rc >= 0 && graph->wanted.chain.count) {
		struct ranges_params asked = graph->wanted;

		graph->wanted = (struct ranges_params){ 0 };
		graph->wanted_capacity = 0;
		rc = load_generation(graph, &asked, err);
	}
	return rc;
}

/* --- reaching --- */

/* How far a set reaches in each chain. */
struct reach {
	struct rooms_number_map seq, done; /* by chain; done: as far as its links have been followed */
	int64_t *stack;
	size_t depth, capacity;
};

static void raise(struct hearth_arena *arena, struct reach *reach, struct rooms_place place)
{
	int64_t *seq = rooms_number_map_at(&reach->seq, place.chain);

	if (*seq >= place.seq)
		return;
	*seq = place.seq;
	if (reach->depth == reach->capacity) {
		size_t old = reach->capacity;

		reach->capacity = old ? old * 2 : 64;
		reach->stack = hearth_arena_grow(arena, reach->stack, old * sizeof(int64_t),
						 reach->capacity * sizeof(int64_t));
	}
	reach->stack[reach->depth++] = place.chain;
}

static struct reach follow(const struct graph *graph, const struct rooms_place *places, size_t count)
{
	struct hearth_arena *arena = graph->at->arena;
	struct reach reach = { .depth = 0 };

	rooms_number_map_init(&reach.seq, arena, count);
	rooms_number_map_init(&reach.done, arena, count);
	for (size_t i = 0; i < count; i++)
		raise(arena, &reach, places[i]);
	while (reach.depth) {
		int64_t number = reach.stack[--reach.depth], seq = rooms_number_map_get(&reach.seq, number);
		const struct known_chain *chain = &graph->chains[rooms_number_map_get(&graph->index, number) - 1];
		int64_t *done = rooms_number_map_at(&reach.done, number), from = *done;

		*done = seq;
		for (size_t i = 0; i < chain->count; i++)
			if (chain->links[i].from_seq > from && chain->links[i].from_seq <= seq)
				raise(arena, &reach, chain->links[i].to);
	}
	return reach;
}

/* --- from events to places, and back --- */

struct places {
	struct rooms_place *items;
	size_t count;
};

HEARTH_SUSPENDS static int find_places(const struct rooms_chains *at, const struct rooms_number_list *sets,
				       size_t set_count, struct places *ret_places, struct hearth_error *err)
{
	struct rooms_number_map index; /* number to its row, from 1 */
	struct rooms_number_list all = { 0 };
	const struct place_row *found;
	struct hearth_rows rows;
	size_t max = 0;
	int rc;

	for (size_t i = 0; i < set_count; i++)
		max += sets[i].count;
	all.items = hearth_arena_array_of(at->arena, int64_t, max);
	rooms_number_map_init(&index, at->arena, max);
	for (size_t i = 0; i < at->pending_count; i++)
		if (!at->pending[i].known && at->pending[i].placing.place.chain)
			*rooms_number_map_at(&index, at->pending[i].number) = -(int64_t)i - 1;
	for (size_t i = 0; i < set_count; i++)
		for (size_t j = 0; j < sets[i].count; j++)
			if (!rooms_number_map_get(&index, sets[i].items[j])) {
				*rooms_number_map_at(&index, sets[i].items[j]) = INT64_MAX;
				all.items[all.count++] = sets[i].items[j];
			}
	rc = at->r->db->read(at->task, &SELECT_PLACES, &(struct numbers_params){ { all.items, all.count } }, &rows, err);
	if (rc < 0)
		return rc;
	found = rows.items;
	for (size_t i = 0; i < rows.count; i++)
		*rooms_number_map_at(&index, found[i].number) = (int64_t)i + 1;
	for (size_t i = 0; i < set_count; i++) {
		ret_places[i].items = hearth_arena_array_of(at->arena, struct rooms_place, sets[i].count);
		for (size_t j = 0; j < sets[i].count; j++) {
			int64_t place = rooms_number_map_get(&index, sets[i].items[j]);

			if (place != INT64_MAX)
				ret_places[i].items[ret_places[i].count++] =
					place < 0 ? at->pending[-place - 1].placing.place
						  : (struct rooms_place){ found[place - 1].chain, found[place - 1].seq };
		}
	}
	return 0;
}

HEARTH_SUSPENDS static int events_in(const struct rooms_chains *at, const struct ranges_params *ranges,
				     struct rooms_number_list *ret_events, struct hearth_error *err)
{
	struct hearth_rows rows = { 0 };
	int rc = 0;

	if (ranges->chain.count)
		rc = at->r->db->read(at->task, &SELECT_RANGES, ranges, &rows, err);
	if (rc < 0)
		return rc;
	*ret_events = (struct rooms_number_list){
		hearth_arena_array_of(at->arena, int64_t, rows.count + at->pending_count), 0 };
	for (size_t i = 0; i < rows.count; i++)
		ret_events->items[ret_events->count++] = ((const struct place_row *)rows.items + i)->number;
	for (size_t i = 0; i < at->pending_count; i++)
		if (!at->pending[i].known && at->pending[i].placing.place.chain &&
		    in_ranges(ranges, at->pending[i].placing.place))
			ret_events->items[ret_events->count++] = at->pending[i].number;
	return 0;
}

/* Of each chain what some reach beyond what all reach; of a single set all that it reaches. */
static struct ranges_params compare(const struct graph *graph, const struct reach *reaches, size_t count)
{
	struct hearth_arena *arena = graph->at->arena;
	struct ranges_params ranges = { { hearth_arena_array_of(arena, int64_t, graph->count), 0 },
					{ hearth_arena_array_of(arena, int64_t, graph->count), 0 },
					{ hearth_arena_array_of(arena, int64_t, graph->count), 0 } };
	size_t n = 0;

	for (size_t i = 0; i < graph->count; i++) {
		int64_t low = count == 1 ? 0 : INT64_MAX, high = 0;

		for (size_t s = 0; s < count; s++) {
			int64_t seq = rooms_number_map_get(&reaches[s].seq, graph->chains[i].chain);

			high = seq > high ? seq : high;
			low = seq < low ? seq : low;
		}
		if (low >= high)
			continue;
		column(&ranges.chain)[n] = graph->chains[i].chain;
		column(&ranges.low)[n] = low;
		column(&ranges.high)[n++] = high;
	}
	ranges.chain.count = ranges.low.count = ranges.high.count = n;
	return ranges;
}

/* Loads what some sets reach, and says of each set how far it does. */
HEARTH_SUSPENDS static int find_reaches(struct graph *graph, const struct rooms_number_list *sets, size_t set_count,
					struct reach *ret_reaches, struct hearth_error *err)
{
	struct places *places = hearth_arena_array_of(graph->at->arena, struct places, set_count);
	int rc = find_places(graph->at, sets, set_count, places, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < set_count; i++)
		for (size_t j = 0; j < places[i].count; j++)
			want(graph, places[i].items[j]);
	rc = load_graph(graph, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < set_count; i++)
		ret_reaches[i] = follow(graph, places[i].items, places[i].count);
	return 0;
}

int rooms_chains_of(const struct rooms_chains *chains, const struct rooms_number_list *events,
		    struct rooms_number_list *ret_chain, struct hearth_error *err)
{
	struct graph graph = { .at = chains };
	struct ranges_params ranges;
	struct reach reach;
	int rc;

	rooms_number_map_init(&graph.index, chains->arena, events->count);
	rc = find_reaches(&graph, events, 1, &reach, err);
	if (rc < 0)
		return rc;
	ranges = compare(&graph, &reach, 1);
	return events_in(chains, &ranges, ret_chain, err);
}

/* --- what all sets hold besides --- */

static void raise_low(struct ranges_params *ranges, size_t range, int64_t seq)
{
	if (seq > ranges->low.items[range])
		column(&ranges->low)[range] = seq;
}

/* Of each range the event at its end. */
HEARTH_SUSPENDS static int load_tops(const struct rooms_chains *at, const struct ranges_params *ranges,
				     struct rooms_event ***ret_tops, struct hearth_error *err)
{
	struct ranges_params ends = *ranges;
	struct rooms_number_list tops;
	int rc;

	ends.low.items = hearth_arena_memdup(at->arena, ranges->high.items, ranges->high.count * sizeof(int64_t));
	for (size_t i = 0; i < ends.low.count; i++)
		column(&ends.low)[i]--;
	rc = events_in(at, &ends, &tops, err);
	if (rc < 0)
		return rc;
	if (tops.count != ranges->chain.count)
		return hearth_fail(err, -EIO, "the index of auth chains has a hole");
	*ret_tops = hearth_arena_array_of(at->arena, struct rooms_event *, tops.count);
	return rooms_parsed_load(at->r, at->task, tops.items, tops.count, *ret_tops, err);
}

/* A chain is the history of one state key: an event there that all sets hold covers what it follows. */
HEARTH_SUSPENDS static int trim_by_keys(const struct rooms_chains *at, const struct rooms_chains_common *common,
					struct ranges_params *ranges, struct hearth_error *err)
{
	size_t count = ranges->chain.count;
	struct rooms_event **tops = NULL, **held = hearth_arena_array_of(at->arena, struct rooms_event *, count);
	int64_t *numbers = hearth_arena_array_of(at->arena, int64_t, count);
	int rc = load_tops(at, ranges, &tops, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		numbers[i] = tops[i] ? common->at_key_of(common->context, tops[i]->event) : 0;
	rc = rooms_parsed_load(at->r, at->task, numbers, count, held, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		for (size_t j = 0; held[i] && j < count; j++)
			if (ranges->chain.items[j] == held[i]->place.chain)
				raise_low(ranges, j, held[i]->place.seq);
	return rc;
}

HEARTH_SUSPENDS static int trim_by_all(struct graph *graph, const struct rooms_chains_common *common,
				       struct ranges_params *ranges, struct hearth_error *err)
{
	struct reach reach;
	int rc = find_reaches(graph, common->events, 1, &reach, err);

	for (size_t i = 0; rc >= 0 && i < ranges->chain.count; i++)
		raise_low(ranges, i, rooms_number_map_get(&reach.seq, ranges->chain.items[i]));
	return rc;
}

static void drop_untold(const struct rooms_chains *at, const struct rooms_number_list *untold,
			struct rooms_number_list *events)
{
	struct rooms_number_map known;
	size_t kept = 0;

	rooms_number_map_init(&known, at->arena, untold->count);
	for (size_t i = 0; i < untold->count; i++)
		*rooms_number_map_at(&known, untold->items[i]) = 1;
	for (size_t i = 0; i < events->count; i++)
		if (!rooms_number_map_get(&known, events->items[i]))
			events->items[kept++] = events->items[i];
	events->count = kept;
}

HEARTH_SUSPENDS static int tell(const struct rooms_chains *at, const struct rooms_chains_common *common,
				const struct ranges_params *ranges, struct rooms_number_list *ret_events,
				struct hearth_error *err)
{
	int rc = events_in(at, ranges, ret_events, err);

	if (rc >= 0 && common && common->untold)
		drop_untold(at, common->untold, ret_events);
	return rc;
}

int rooms_chains_difference(const struct rooms_chains *chains, const struct rooms_number_list *sets, size_t set_count,
			    const struct rooms_chains_common *common, struct rooms_number_list *ret_difference,
			    struct hearth_error *err)
{
	struct reach *reaches = hearth_arena_array_of(chains->arena, struct reach, set_count);
	struct graph graph = { .at = chains };
	struct ranges_params ranges;
	int rc;

	*ret_difference = (struct rooms_number_list){ 0 };
	if (set_count < 2)
		return 0;
	rooms_number_map_init(&graph.index, chains->arena, 64);
	rc = find_reaches(&graph, sets, set_count, reaches, err);
	if (rc < 0)
		return rc;
	ranges = compare(&graph, reaches, set_count);
	if (common)
		rc = trim_by_keys(chains, common, &ranges, err);
	if (rc >= 0)
		rc = tell(chains, common, &ranges, ret_difference, err);
	if (rc < 0 || !common || !ret_difference->count)
		return rc;
	rc = trim_by_all(&graph, common, &ranges, err);
	return rc < 0 ? rc : tell(chains, common, &ranges, ret_difference, err);
}
