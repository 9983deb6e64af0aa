/* SPDX-License-Identifier: Apache-2.0 */
/* Timelines of many rooms, a page of each in one round trip, filtered as the viewer sees them. */
#include "cache.h"

#include <errno.h>
#include <string.h>

#define ROUNDS_MAX 8
#define FETCH_MAX 1000

struct page_params {
	struct hearth_ints room, from_depth, from, to_depth, to, limit;
};
struct page_row {
	int64_t query, event;
};
#define PAGE(member) HEARTH_COLUMN(struct page_params, member)
static const struct hearth_field PAGE_PARAMS[] = { PAGE(room), PAGE(from_depth), PAGE(from), PAGE(to_depth), PAGE(to),
						   PAGE(limit), HEARTH_FIELDS_END };
static const struct hearth_field PAGE_ROW[] = { HEARTH_COLUMNS(struct page_row, query, event) };
#define PAGES(name_, where_, order_)                                                                             \
	{                                                                                                        \
		.name = name_, .params = PAGE_PARAMS, .row = PAGE_ROW, .row_size = sizeof(struct page_row),        \
		.sql = "SELECT q.at, e.number FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], " \
		       "$5::bigint[], $6::bigint[]) WITH ORDINALITY AS q(room, from_depth, low, to_depth, high, "    \
		       "max, at) CROSS JOIN LATERAL (SELECT number, depth, stream_ordering FROM events "             \
		       "WHERE room = q.room AND flags = 0 AND " where_ " ORDER BY " order_ " LIMIT q.max) e "        \
		       "ORDER BY q.at, " order_,                                                                  \
	}
static const struct hearth_statement SELECT_PAGES[2][2] = {
	{ PAGES("rooms.select_timelines_forwards", "stream_ordering > q.low AND stream_ordering <= q.high",
		"stream_ordering"),
	  PAGES("rooms.select_timelines_backwards", "stream_ordering < q.low AND stream_ordering > q.high",
		"stream_ordering DESC") },
	{ PAGES("rooms.select_history_forwards",
		"(depth, stream_ordering) > (q.from_depth, q.low) AND (depth, stream_ordering) <= (q.to_depth, q.high)",
		"depth, stream_ordering"),
	  PAGES("rooms.select_history_backwards",
		"(depth, stream_ordering) < (q.from_depth, q.low) AND (depth, stream_ordering) > (q.to_depth, q.high)",
		"depth DESC, stream_ordering DESC") },
};

/* Of events, those that a relation by such a sender and of such a type points to. */
struct related_params {
	struct hearth_texts parents, senders, rel_types;
	int64_t             any_sender, any_type;
};
struct related_row {
	const char *event_id;
};
#define RELATED(member) HEARTH_COLUMN(struct related_params, member)
static const struct hearth_field RELATED_PARAMS[] = { RELATED(parents), RELATED(senders), RELATED(any_sender),
						      RELATED(rel_types), RELATED(any_type), HEARTH_FIELDS_END };
static const struct hearth_field RELATED_ROW[] = { HEARTH_COLUMNS(struct related_row, event_id) };
static const struct hearth_statement SELECT_RELATED = {
	.name = "rooms.select_related_by",
	.sql = "SELECT DISTINCT parent FROM event_relations WHERE parent = ANY($1) "
	       "AND ($3 <> 0 OR sender = ANY($2::text[])) AND ($5 <> 0 OR rel_type = ANY($4::text[]))",
	.params = RELATED_PARAMS, .row = RELATED_ROW, .row_size = sizeof(struct related_row),
};

/* One query's progress. */
struct progress {
	const struct hearth_timeline_query *query;
	struct hearth_stored_event *kept; /* limit + 1 of them */
	size_t kept_count;
	int64_t room, at, at_depth; /* where the next round starts */
	size_t fetch;
	bool done, exhausted;
};

static bool passes(const struct hearth_timeline_query *query, struct hearth_arena *arena,
		   const struct hearth_stored_event *event)
{
	const struct hearth_json *pdu = NULL;

	if (!query->filter)
		return true;
	if (query->filter->contains_url >= 0 &&
	    hearth_json_parse(arena, event->json, event->json_length, HEARTH_JSON_BIG_INTS, &pdu, NULL) < 0)
		return false;
	return hearth_event_filter_passes(query->filter, event->type, event->sender, event->room_id,
					  hearth_json_get(pdu, "content"));
}

/* The page's own bookkeeping; returns how many of its events the filter lets through, at the front. */
static size_t take_page(struct hearth_arena *arena, struct progress *p, struct hearth_stored_event *events, size_t count)
{
	size_t passed = 0;

	if (count < p->fetch)
		p->exhausted = p->done = true;
	if (count) {
		p->at = events[count - 1].stream_ordering;
		p->at_depth = events[count - 1].depth;
	}
	for (size_t i = 0; i < count; i++)
		if (passes(p->query, arena, &events[i]))
			events[passed++] = events[i];
	p->fetch = p->fetch * 4 < FETCH_MAX ? p->fetch * 4 : FETCH_MAX;
	return passed;
}

static bool same_viewer(const struct progress *a, const struct progress *b)
{
	const char *left = a->query->viewer, *right = b->query->viewer;

	return left == right || (left && right && strcmp(left, right) == 0);
}

/* Keeps what the viewers may see of events, which belong to owners: asked at once for all pages of one viewer. */
HEARTH_SUSPENDS static int keep_visible(struct rooms *r, struct hearth_task *task, struct hearth_stored_event *events,
					struct progress **owners, size_t count, struct hearth_error *err)
{
	int64_t *numbers = hearth_arena_array_of(r->tasks->arena(task), int64_t, count);

	for (size_t i = 0; i < count; i++)
		numbers[i] = events[i].number;
	for (size_t start = 0, end; start < count; start = end) {
		size_t visible, taken = 0;
		int rc = 0;

		for (end = start; end < count && same_viewer(owners[start], owners[end]);)
			end++;
		visible = end - start;
		if (owners[start]->query->viewer)
			rc = rooms_filter_visible(r, task, owners[start]->query->viewer, events + start, &visible, err);
		if (rc < 0)
			return rc;
		for (size_t i = start; i < end && taken < visible; i++) {
			struct progress *p = owners[i];

			if (events[start + taken].number != numbers[i])
				continue;
			if (p->kept_count <= p->query->limit)
				p->kept[p->kept_count++] = events[start + taken];
			p->done = p->done || p->kept_count > p->query->limit;
			taken++;
		}
	}
	return 0;
}

static struct hearth_texts texts_of(struct hearth_arena *arena, const struct hearth_json *list)
{
	const char **items = hearth_arena_array_of(arena, const char *, hearth_json_size(list));

	for (size_t i = 0; i < hearth_json_size(list); i++)
		items[i] = hearth_json_string(hearth_json_at(list, i), NULL);
	return (struct hearth_texts){ items, hearth_json_size(list) };
}

static bool wants_related(const struct hearth_event_filter *filter)
{
	return filter && (hearth_json_size(filter->related_by_senders) || hearth_json_size(filter->related_by_rel_types));
}

static bool holds(const struct hearth_rows *rows, const char *event_id)
{
	for (size_t i = 0; i < rows->count; i++)
		if (!strcmp(((const struct related_row *)rows->items)[i].event_id, event_id))
			return true;
	return false;
}

HEARTH_SUSPENDS static int select_related(struct rooms *r, struct hearth_task *task,
					  const struct hearth_event_filter *filter,
					  const struct hearth_stored_event *events, size_t count,
					  struct hearth_rows *ret_rows, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	const char **ids = hearth_arena_array_of(arena, const char *, count);
	struct related_params params = { .parents = { ids, count }, .senders = texts_of(arena, filter->related_by_senders),
					 .rel_types = texts_of(arena, filter->related_by_rel_types) };

	for (size_t i = 0; i < count; i++)
		ids[i] = events[i].event_id;
	params.any_sender = !params.senders.count;
	params.any_type = !params.rel_types.count;
	return r->db->read(task, &SELECT_RELATED, &params, ret_rows, err);
}

/*
 * Filters that ask for what others have related to: one query for all events in a row whose queries share a filter. An
 * empty list asks for nothing.
 */
HEARTH_SUSPENDS static int keep_related(struct rooms *r, struct hearth_task *task, struct hearth_stored_event *events,
					struct progress **owners, size_t *count, struct hearth_error *err)
{
	size_t kept = 0;

	for (size_t start = 0, end; start < *count; start = end) {
		const struct hearth_event_filter *filter = owners[start]->query->filter;
		bool asks = wants_related(filter);
		struct hearth_rows rows;
		int rc;

		for (end = start; end < *count && owners[end]->query->filter == filter;)
			end++;
		rc = asks ? select_related(r, task, filter, events + start, end - start, &rows, err) : 0;
		if (rc < 0)
			return rc;
		for (size_t i = start; i < end; i++) {
			if (asks && !holds(&rows, events[i].event_id))
				continue;
			events[kept] = events[i];
			owners[kept++] = owners[i];
		}
	}
	*count = kept;
	return 0;
}

/* Asks once for all queries of one kind that are not done. */
HEARTH_SUSPENDS static int run_round(struct rooms *r, struct hearth_task *task, struct progress *all, size_t count,
				     int by_depth, int backwards, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	int64_t *columns[6], *numbers;
	struct progress **asked = hearth_arena_array_of(arena, struct progress *, count), **owners;
	struct hearth_stored_event *events;
	const struct page_row *found;
	struct hearth_rows rows;
	size_t n = 0, at = 0, kept = 0;
	int rc;

	for (size_t c = 0; c < HEARTH_COUNT(columns); c++)
		columns[c] = hearth_arena_array_of(arena, int64_t, count);
	for (size_t i = 0; i < count; i++) {
		const struct hearth_timeline_query *query = all[i].query;

		if (all[i].done || (query->by_depth != 0) != by_depth || (query->backwards != 0) != backwards)
			continue;
		columns[0][n] = all[i].room;
		columns[1][n] = all[i].at_depth;
		columns[2][n] = all[i].at;
		columns[3][n] = query->to_depth;
		columns[4][n] = query->to;
		columns[5][n] = (int64_t)all[i].fetch;
		asked[n++] = &all[i];
	}
	if (!n)
		return 0;
	rc = r->db->read(task, &SELECT_PAGES[by_depth][backwards],
			 &(struct page_params){ { columns[0], n }, { columns[1], n }, { columns[2], n }, { columns[3], n },
						{ columns[4], n }, { columns[5], n } },
			 &rows, err);
	if (rc < 0)
		return rc;
	found = rows.items;
	numbers = hearth_arena_array_of(arena, int64_t, rows.count);
	for (size_t i = 0; i < rows.count; i++)
		numbers[i] = found[i].event;
	rc = rooms_events_by_number(r, task, numbers, rows.count, &events, err);
	if (rc < 0)
		return rc;
	owners = hearth_arena_array_of(arena, struct progress *, rows.count);
	for (size_t q = 0; q < n; q++) {
		size_t start = at, passed;

		while (at < rows.count && found[at].query == (int64_t)q + 1)
			at++;
		passed = take_page(arena, asked[q], events + start, at - start);
		for (size_t i = 0; i < passed; i++) {
			events[kept] = events[start + i];
			owners[kept++] = asked[q];
		}
	}
	rc = keep_related(r, task, events, owners, &kept, err);
	return rc < 0 ? rc : keep_visible(r, task, events, owners, kept, err);
}

static bool nothing_there(const struct hearth_timeline_query *query, const struct rooms_facts *facts)
{
	if (!facts->number || (query->filter && query->filter->blocks_all) || !query->limit)
		return true;
	if (query->by_depth)
		return false;
	return query->backwards ? query->to >= facts->last_ordering : query->from >= facts->last_ordering;
}

static void conclude(const struct progress *p, struct hearth_timeline *ret_timeline)
{
	bool more = p->kept_count > p->query->limit;
	size_t count = more ? p->query->limit : p->kept_count;

	*ret_timeline = (struct hearth_timeline){ .events = p->kept, .count = count,
						  .limited = more || (!p->exhausted && p->kept_count),
						  .next = p->at, .next_depth = p->at_depth };
	if (!p->exhausted && !p->kept_count && p->query->limit)
		ret_timeline->limited = p->at != p->query->from;
	if (more) {
		ret_timeline->next = p->kept[count - 1].stream_ordering;
		ret_timeline->next_depth = p->kept[count - 1].depth;
	}
}

int rooms_timelines(struct rooms *r, struct hearth_task *task, const struct hearth_timeline_query *queries,
		    size_t count, struct hearth_timeline *ret_timelines, struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	struct progress *all = hearth_arena_array_of(arena, struct progress, count);
	const char **room_ids = hearth_arena_array_of(arena, const char *, count);
	struct rooms_facts *facts = hearth_arena_array_of(arena, struct rooms_facts, count);
	int rc;

	for (size_t i = 0; i < count; i++)
		room_ids[i] = queries[i].room_id;
	rc = rooms_facts(r, task, room_ids, count, facts, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		size_t limit = queries[i].limit < FETCH_MAX ? queries[i].limit : FETCH_MAX;

		all[i] = (struct progress){ .query = &queries[i], .room = facts[i].number, .at = queries[i].from,
					    .at_depth = queries[i].from_depth, .fetch = limit + 1 };
		all[i].done = all[i].exhausted = nothing_there(&queries[i], &facts[i]);
		all[i].kept = hearth_arena_array_of(arena, struct hearth_stored_event, (size_t)queries[i].limit + 1);
	}
	for (int round = 0; round < ROUNDS_MAX; round++)
		for (int kind = 0; rc >= 0 && kind < 4; kind++)
			rc = run_round(r, task, all, count, kind >> 1, kind & 1, err);
	for (size_t i = 0; rc >= 0 && i < count; i++)
		conclude(&all[i], &ret_timelines[i]);
	return rc < 0 ? rc : 0;
}
