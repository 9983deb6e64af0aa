/* SPDX-License-Identifier: Apache-2.0 */
/* Aggregations of relations (spec client-server, "Relationships between events"): edits, threads, references. */
#include "bundle.h"

#include <string.h>

#include <hearth/map.h>

struct bundle_params {
	struct hearth_texts parents;
	const char *viewer;
	struct hearth_texts ignored;
};
struct bundle_row {
	int64_t kind, event, count, participated;
	const char *parent;
	struct hearth_texts references;
};
enum kind { EDIT = 1, THREAD, REFERENCES };

#define BUNDLE(member) HEARTH_COLUMN(struct bundle_row, member)
static const struct hearth_field BUNDLE_PARAMS[] = { HEARTH_COLUMNS(struct bundle_params, parents, viewer, ignored) };
static const struct hearth_field BUNDLE_ROW[] = { BUNDLE(kind), BUNDLE(event), BUNDLE(count), BUNDLE(participated),
						  BUNDLE(parent), BUNDLE(references), HEARTH_FIELDS_END };
/*
 * State events, edits and annotations have no aggregations; a redacted event has no edit, but is the root of its thread
 * still. What an ignored user sends counts nowhere, nor what came after the end of the viewer's last stay in a room that
 * is not open to everybody.
 */
#define LAST_SEEN                                                                                                    \
	"CASE WHEN $2 = '' OR EXISTS (SELECT FROM memberships m WHERE m.room = e.room AND m.user_id = $2 "           \
	"AND m.membership = 'join') OR EXISTS (SELECT FROM current_state c JOIN events v ON v.number = c.event "     \
	"WHERE c.room = e.room AND c.type = 'm.room.history_visibility' AND c.state_key = '' "                       \
	"AND " ROOMS_PDU("v") " -> 'content' ->> 'history_visibility' = 'world_readable') "                          \
	"THEN 9223372036854775807 ELSE coalesce((SELECT max(d.stream_ordering) FROM current_state_deltas d "         \
	"JOIN events j ON j.number = d.prev_event WHERE d.room = e.room AND d.type = 'm.room.member' "               \
	"AND d.state_key = $2 AND " ROOMS_PDU("j") " -> 'content' ->> 'membership' = 'join'), "                      \
	"-9223372036854775807) END "
#define PARENTS                                                                                                      \
	"WITH p AS MATERIALIZED (SELECT e.event_id, e.room, e.sender, e.type, e.redacted_by, " LAST_SEEN "AS upto "  \
	"FROM events e WHERE e.event_id = ANY($1) AND e.state_key IS NULL AND NOT EXISTS (SELECT FROM event_relations own " \
	"WHERE own.event = e.number AND own.rel_type IN ('m.replace', 'm.annotation'))) "
#define CHILD(rel_type_)                                                                                             \
	"l.parent = p.event_id AND l.rel_type = '" rel_type_ "' AND l.room = p.room AND l.stream_ordering <= p.upto " \
	"AND l.sender NOT IN (SELECT unnest($3::text[])) "
#define LATEST_EDIT                                                                                                  \
	"SELECT 1::bigint, x.event, 0::bigint, 0::bigint, p.event_id, '{}'::text[] FROM p CROSS JOIN LATERAL ("      \
	"SELECT l.event FROM event_relations l JOIN events e ON e.number = l.event WHERE " CHILD("m.replace")        \
	"AND l.sender = p.sender AND l.type = p.type AND p.redacted_by IS NULL AND (l.type = 'm.room.encrypted' OR " \
	ROOMS_PDU("e") " -> 'content' -> 'm.new_content' IS NOT NULL) "                                              \
	"ORDER BY e.origin_server_ts DESC, e.event_id DESC LIMIT 1) x "
#define THREAD_SUMMARY                                                                                               \
	"SELECT 2, x.event, x.count, (x.mine OR p.sender = $2)::int::bigint, p.event_id, '{}' FROM p CROSS JOIN "    \
	"LATERAL (SELECT (array_agg(l.event ORDER BY l.stream_ordering DESC))[1] AS event, count(*) AS count, "      \
	"bool_or(l.sender = $2) AS mine FROM event_relations l WHERE " CHILD("m.thread") ") x WHERE x.count > 0 "
#define REFERENCE_LIST                                                                                               \
	"SELECT 3, 0, x.count, 0, p.event_id, x.ids FROM p CROSS JOIN LATERAL (SELECT count(*) AS count, "           \
	"array_agg(e.event_id ORDER BY l.stream_ordering) AS ids FROM event_relations l "                            \
	"JOIN events e ON e.number = l.event WHERE " CHILD("m.reference") ") x WHERE x.count > 0 "
static const struct hearth_statement SELECT_BUNDLES = {
	.name = "rooms.select_bundles",
	.sql = PARENTS LATEST_EDIT "UNION ALL " THREAD_SUMMARY "UNION ALL " REFERENCE_LIST "ORDER BY 5, 1",
	.params = BUNDLE_PARAMS, .row = BUNDLE_ROW, .row_size = sizeof(struct bundle_row),
};

const char *rooms_bundled_text(const void *bundled, const char *event_id)
{
	return bundled ? hearth_map_get(bundled, event_id, "") : NULL;
}

/* Of what belongs to rows, in their order, clears what the viewer may not see. */
HEARTH_SUSPENDS static int hide(struct rooms *r, struct hearth_task *task, const char *viewer,
				struct hearth_stored_event *events, size_t count, struct hearth_error *err)
{
	struct hearth_stored_event *visible =
		hearth_arena_memdup(r->tasks->arena(task), events, count * sizeof(*events));
	size_t visible_count = count, next = 0;
	int rc = rooms_filter_history(r, task, viewer, visible, &visible_count, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		if (next < visible_count && visible[next].number == events[i].number)
			events[i] = visible[next++];
		else
			events[i].event_id = NULL;
	}
	return 0;
}

HEARTH_SUSPENDS static int select_bundles(struct rooms *r, struct hearth_task *task, const struct bundle_params *params,
					  struct hearth_rows *ret_rows, struct hearth_stored_event **ret_events,
					  struct hearth_error *err)
{
	int64_t *numbers;
	int rc = r->db->read(task, &SELECT_BUNDLES, params, ret_rows, err);

	if (rc < 0)
		return rc;
	numbers = hearth_arena_array_of(r->tasks->arena(task), int64_t, ret_rows->count);
	for (size_t i = 0; i < ret_rows->count; i++)
		numbers[i] = ((const struct bundle_row *)ret_rows->items)[i].event;
	rc = rooms_events_by_number(r, task, numbers, ret_rows->count, ret_events, err);
	if (rc < 0 || !*params->viewer)
		return rc;
	return hide(r, task, params->viewer, *ret_events, ret_rows->count, err);
}

static void write_entry(struct rooms *r, struct hearth_writer *w, const struct bundle_row *row,
			const struct hearth_stored_event *event, const struct hearth_client_form *form)
{
	switch (row->kind) {
	case EDIT:
		rooms_write_event(r, w, "m.replace", event, form);
		break;
	case THREAD:
		hearth_write_object(w, "m.thread");
		rooms_write_event(r, w, "latest_event", event, form);
		hearth_write_int(w, "count", row->count);
		hearth_write_bool(w, "current_user_participated", row->participated != 0);
		hearth_write_end(w);
		break;
	case REFERENCES:
		hearth_write_object(w, "m.reference");
		hearth_write_array(w, "chunk");
		for (size_t i = 0; i < row->references.count; i++) {
			hearth_write_object(w, NULL);
			hearth_write_string(w, "event_id", row->references.items[i]);
			hearth_write_end(w);
		}
		hearth_write_end(w);
		hearth_write_end(w);
		break;
	}
}

static bool is_told(const struct bundle_row *row, const struct hearth_stored_event *event)
{
	return row->kind == REFERENCES || event->event_id;
}

/* Rows come ordered by parent: one text for each, by its id. */
static const struct hearth_map *write_all(struct rooms *r, struct hearth_arena *arena, const struct hearth_rows *rows,
					  const struct hearth_stored_event *events, const struct hearth_client_form *form)
{
	const struct bundle_row *items = rows->items;
	struct hearth_map *all = hearth_arena_new_of(arena, struct hearth_map);

	hearth_map_init(all, arena, rows->count);
	for (size_t i = 0, end; i < rows->count; i = end) {
		struct hearth_writer *w = hearth_writer_new(arena);
		bool told = false;

		hearth_write_object(w, NULL);
		for (end = i; end < rows->count && strcmp(items[end].parent, items[i].parent) == 0; end++) {
			if (!is_told(&items[end], &events[end]))
				continue;
			write_entry(r, w, &items[end], &events[end], form);
			told = true;
		}
		hearth_write_end(w);
		if (told)
			hearth_map_at(all, items[i].parent, "")->value = (void *)hearth_writer_text(w, NULL);
	}
	return all;
}

int rooms_bundle(struct rooms *r, struct hearth_task *task, const char *viewer,
		 const struct hearth_stored_event *events, size_t count, const void **ret_bundled,
		 struct hearth_error *err)
{
	struct hearth_arena *arena = r->tasks->arena(task);
	const char **ids = hearth_arena_array_of(arena, const char *, count), **latest;
	struct hearth_client_form form = { .size = sizeof(form), .viewer = viewer, .bundle = 1 };
	struct hearth_stored_event *children, *edits;
	struct bundle_params params = { { ids, count }, viewer ? viewer : "", { NULL, 0 } };
	struct hearth_rows rows, edit_rows = { 0 };
	size_t latest_count = 0;
	int rc = 0;

	*ret_bundled = NULL;
	for (size_t i = 0; i < count; i++)
		ids[i] = events[i].event_id;
	if (!count)
		return 0;
	if (viewer && r->accounts)
		rc = r->accounts->ignored_by(r->accounts, task, viewer, &params.ignored, err);
	if (rc >= 0)
		rc = select_bundles(r, task, &params, &rows, &children, err);
	if (rc < 0 || !rows.count)
		return rc < 0 ? rc : 0;
	/* The latest event of a thread carries its own aggregations. */
	latest = hearth_arena_array_of(arena, const char *, rows.count);
	for (size_t i = 0; i < rows.count; i++)
		if (((const struct bundle_row *)rows.items)[i].kind == THREAD && children[i].event_id)
			latest[latest_count++] = children[i].event_id;
	if (latest_count) {
		params.parents = (struct hearth_texts){ latest, latest_count };
		rc = select_bundles(r, task, &params, &edit_rows, &edits, err);
		if (rc < 0)
			return rc;
		form.bundled = write_all(r, arena, &edit_rows, edits, &form);
	}
	*ret_bundled = write_all(r, arena, &rows, children, &form);
	return 0;
}
