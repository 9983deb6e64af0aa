/* SPDX-License-Identifier: Apache-2.0 */
/* Rooms that are published in the directory: the flag, and what is told of them. Rules and endpoints stand elsewhere. */
#include "rooms.h"

#include <string.h>

struct room_params {
	const char *room_id;
	int64_t     published;
};
static const struct hearth_field ROOM[] = { HEARTH_COLUMNS(struct room_params, room_id) };
static const struct hearth_field PUBLISHED[] = { HEARTH_COLUMNS(struct room_params, published) };
static const struct hearth_field ROOM_AND_FLAG[] = { HEARTH_COLUMNS(struct room_params, room_id, published) };
static const struct hearth_statement SELECT_PUBLISHED = {
	.name = "rooms.select_published", .sql = "SELECT public::int::bigint FROM rooms WHERE room_id = $1",
	.params = ROOM, .row = PUBLISHED, .row_size = sizeof(struct room_params),
};
static const struct hearth_statement UPDATE_PUBLISHED = {
	.name = "rooms.update_published",
	.sql = "UPDATE rooms SET public = $2 <> 0 WHERE room_id = $1 AND public <> ($2 <> 0)",
	.params = ROOM_AND_FLAG,
};

struct alias_row {
	const char *alias;
};
static const struct hearth_field ALIAS_ROW[] = { HEARTH_COLUMNS(struct alias_row, alias) };
static const struct hearth_statement SELECT_ALIASES = {
	.name = "rooms.select_aliases_of",
	.sql = "SELECT a.alias FROM rooms r JOIN room_aliases a ON a.room = r.number WHERE r.room_id = $1 ORDER BY a.alias",
	.params = ROOM, .row = ALIAS_ROW, .row_size = sizeof(struct alias_row),
};

struct list_params {
	const char         *search, *bound_room_id;
	struct hearth_texts room_types, asked;
	int64_t             every_type, untyped, bounded, bound_joined, most;
};
struct list_row {
	int64_t     total, joined;
	const char *room_id, *name, *topic, *canonical_alias, *avatar_url, *join_rule, *history_visibility, *guest_access,
		*room_type;
};
static const struct hearth_field LIST_PARAMS[] = { HEARTH_COLUMNS(struct list_params, search, room_types, every_type, untyped,
								  bounded, bound_joined, bound_room_id, most, asked) };
static const struct hearth_field LIST_ROW[] = { HEARTH_COLUMNS(struct list_row, total, joined, room_id, name, topic,
							       canonical_alias, avatar_url, join_rule, history_visibility,
							       guest_access, room_type) };

/* A text of a state event's content. */
#define STATE(type_, key_)                                                                                   \
	"max(CASE WHEN c.type = '" type_ "' AND json_typeof(c.content -> '" key_ "') = 'string' "            \
	"THEN c.content ->> '" key_ "' END)"
#define CONTENTS(room_, types_)                                                                              \
	"SELECT c.type, CASE WHEN e.redacted_by IS NULL OR c.type IN ('m.room.create', 'm.room.join_rules', " \
	"'m.room.history_visibility') THEN " ROOMS_PDU("e") " -> 'content' END AS content "                  \
	"FROM current_state c JOIN events e ON e.number = c.event WHERE c.room = " room_ " "                 \
	"AND c.state_key = '' AND c.type " types_
#define EVERY_TYPE                                                                                           \
	"IN ('m.room.create', 'm.room.name', 'm.room.topic', 'm.room.canonical_alias', 'm.room.avatar', "    \
	"'m.room.join_rules', 'm.room.history_visibility', 'm.room.guest_access')"
#define FACTS(room_, types_)                                                                                 \
	"SELECT " STATE("m.room.name", "name") " AS name, " STATE("m.room.topic", "topic") " AS topic, "     \
	STATE("m.room.canonical_alias", "alias") " AS alias, " STATE("m.room.avatar", "url") " AS avatar, "  \
	STATE("m.room.join_rules", "join_rule") " AS join_rule, "                                            \
	STATE("m.room.history_visibility", "history_visibility") " AS visibility, "                          \
	STATE("m.room.guest_access", "guest_access") " AS guests, "                                          \
	STATE("m.room.create", "type") " AS room_type FROM (" CONTENTS(room_, types_) ") c"
#define MEMBERS "SELECT count(*) AS joined FROM memberships m WHERE m.room = r.number AND m.membership = 'join'"
#define FOUND(text_) "strpos(lower(" text_ "), lower($1)) > 0"
/*
 * Only rooms that whoever finds them can enter, ask to enter, or look into; never an empty one. Of all published rooms only
 * what the query asks about is read ($9), of those on the page everything.
 */
#define LISTED                                                                                               \
	"WITH listed AS MATERIALIZED (SELECT r.number, r.room_id, n.joined FROM rooms r "                    \
	"CROSS JOIN LATERAL (" MEMBERS ") n CROSS JOIN LATERAL (" FACTS("r.number", "= ANY($9::text[])") ") f " \
	"WHERE r.public AND n.joined > 0 AND (f.join_rule IN ('public', 'knock', 'knock_restricted') "       \
	"OR f.visibility = 'world_readable') "                                                               \
	"AND ($1::text IS NULL OR " FOUND("f.name") " OR " FOUND("f.topic") " OR " FOUND("f.alias") ") "     \
	"AND ($3 <> 0 OR f.room_type = ANY($2::text[]) OR ($4 <> 0 AND f.room_type IS NULL))) "              \
	"SELECT (SELECT count(*) FROM listed), coalesce(p.joined, 0), p.room_id, f.name, f.topic, f.alias, " \
	"f.avatar, f.join_rule, f.visibility, f.guests, f.room_type "                                        \
	"FROM (SELECT) one LEFT JOIN (SELECT * FROM listed WHERE $5 = 0 OR "
#define LIST(name_, compare_, order_)                                                                        \
	{ .name = "rooms.select_directory_" name_, .params = LIST_PARAMS, .row = LIST_ROW,                   \
	  .row_size = sizeof(struct list_row),                                                               \
	  .sql = LISTED "(joined, room_id) " compare_ " ($6::bigint, $7::text) "                             \
		 "ORDER BY joined" order_ ", room_id" order_ " LIMIT $8) p ON true "                         \
		 "LEFT JOIN LATERAL (" FACTS("p.number", EVERY_TYPE) ") f ON true "                          \
		 "ORDER BY p.joined" order_ ", p.room_id" order_ }
static const struct hearth_statement SELECT_LIST[2] = { LIST("forwards", "<", " DESC"), LIST("backwards", ">", "") };

/* The types of state that decide whether a room is in the answer. */
static struct hearth_texts asked_of(const struct hearth_directory_query *query)
{
	static const char *const TYPES[] = { "m.room.join_rules", "m.room.history_visibility", "m.room.create", "m.room.name",
					     "m.room.topic", "m.room.canonical_alias" };

	return (struct hearth_texts){ TYPES, query->search ? HEARTH_COUNT(TYPES) : query->every_type ? 2 : 3 };
}

int rooms_published(struct rooms *r, struct hearth_task *task, const char *room_id, int *ret_published,
		    struct hearth_error *err)
{
	struct hearth_rows rows;
	int rc = r->db->read(task, &SELECT_PUBLISHED, &(struct room_params){ .room_id = room_id }, &rows, err);

	if (rc < 0)
		return rc;
	if (!rows.count)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "There is no such room here");
	*ret_published = ((const struct room_params *)rows.items)->published != 0;
	return 0;
}

int rooms_publish(struct rooms *r, struct hearth_task *task, const char *room_id, int published, struct hearth_error *err)
{
	return r->db->write(task, &UPDATE_PUBLISHED, &(struct room_params){ room_id, published != 0 }, NULL, err);
}

int rooms_aliases(struct rooms *r, struct hearth_task *task, const char *room_id, struct hearth_texts *ret_aliases,
		  struct hearth_error *err)
{
	const char **items;
	struct hearth_rows rows;
	int rc = r->db->read(task, &SELECT_ALIASES, &(struct room_params){ .room_id = room_id }, &rows, err);

	if (rc < 0)
		return rc;
	items = hearth_arena_array_of(r->tasks->arena(task), const char *, rows.count);
	for (size_t i = 0; i < rows.count; i++)
		items[i] = ((const struct alias_row *)rows.items)[i].alias;
	*ret_aliases = (struct hearth_texts){ items, rows.count };
	return 0;
}

int rooms_directory(struct rooms *r, struct hearth_task *task, const struct hearth_directory_query *query,
		    const struct hearth_directory_entry **ret_entries, size_t *ret_count, int64_t *ret_total,
		    struct hearth_error *err)
{
	const struct list_params params = {
		.search = query->search, .room_types = query->room_types, .every_type = query->every_type,
		.untyped = query->untyped, .bounded = query->bound_room_id != NULL, .bound_joined = query->bound_joined,
		.bound_room_id = query->bound_room_id ? query->bound_room_id : "", .most = query->limit,
		.asked = asked_of(query),
	};
	struct hearth_directory_entry *entries;
	const struct list_row *found;
	struct hearth_rows rows;
	size_t count;
	int rc = r->db->read(task, &SELECT_LIST[query->backwards != 0], &params, &rows, err);

	if (rc < 0)
		return rc;
	found = rows.items;
	count = rows.count && found[0].room_id ? rows.count : 0;
	entries = hearth_arena_array_of(r->tasks->arena(task), struct hearth_directory_entry, count);
	for (size_t i = 0; i < count; i++) {
		const struct list_row *row = &found[query->backwards ? count - 1 - i : i];

		entries[i] = (struct hearth_directory_entry){
			.size = sizeof(*entries), .room_id = row->room_id, .joined_count = row->joined, .name = row->name,
			.topic = row->topic, .canonical_alias = row->canonical_alias, .avatar_url = row->avatar_url,
			.join_rule = row->join_rule, .history_visibility = row->history_visibility,
			.guest_access = row->guest_access, .room_type = row->room_type,
		};
	}
	*ret_entries = entries;
	*ret_count = count;
	*ret_total = rows.count ? found[0].total : 0;
	return 0;
}
