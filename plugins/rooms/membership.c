/* SPDX-License-Identifier: Apache-2.0 */
/* Who is in which room, now and at a position. */
#include "cache.h"

#include <errno.h>
#include <string.h>

#include <hearth/matrix/id.h>

struct member_row {
	const char *room_id, *user_id, *membership, *event_id, *sender;
	int64_t stream_ordering, forgotten;
};
#define MEMBER(member) HEARTH_COLUMN(struct member_row, member)
static const struct hearth_field MEMBER_ROW[] = { MEMBER(room_id), MEMBER(user_id), MEMBER(membership), MEMBER(event_id),
						  MEMBER(sender), MEMBER(stream_ordering), MEMBER(forgotten),
						  HEARTH_FIELDS_END };

struct one_params {
	const char *room_id, *user_id;
};
static const struct hearth_field ONE_PARAMS[] = { HEARTH_COLUMNS(struct one_params, room_id, user_id) };
static const struct hearth_statement SELECT_ONE = {
	.name = "rooms.select_membership",
	.sql = "SELECT r.room_id, m.user_id, m.membership, e.event_id, m.sender, m.stream_ordering, m.forgotten::int::bigint "
	       "FROM rooms r JOIN memberships m ON m.room = r.number JOIN events e ON e.number = m.event "
	       "WHERE r.room_id = $1 AND m.user_id = $2",
	.params = ONE_PARAMS, .row = MEMBER_ROW, .row_size = sizeof(struct member_row),
};
static const struct hearth_statement FORGET = {
	.name = "rooms.forget",
	.sql = "UPDATE memberships m SET forgotten = true FROM rooms r WHERE r.room_id = $1 AND m.room = r.number "
	       "AND m.user_id = $2 AND m.membership IN ('leave', 'ban')",
	.params = ONE_PARAMS,
};

struct at_params {
	const char *user_id;
	int64_t at;
};
static const struct hearth_field AT_PARAMS[] = { HEARTH_COLUMNS(struct at_params, user_id, at) };
static const struct hearth_statement SELECT_AT = {
	.name = "rooms.select_memberships",
	.sql = "SELECT r.room_id, m.user_id, m.membership, e.event_id, m.sender, m.stream_ordering, 0::bigint "
	       "FROM memberships m JOIN rooms r ON r.number = m.room JOIN events e ON e.number = m.event "
	       "WHERE m.user_id = $1 AND m.stream_ordering <= $2 AND NOT m.forgotten "
	       "UNION ALL SELECT r.room_id, $1, " ROOMS_PDU("p") " -> 'content' ->> 'membership', p.event_id, p.sender, "
	       "coalesce((SELECT max(x.stream_ordering) FROM current_state_deltas x WHERE x.room = rolled.room "
	       "AND x.type = 'm.room.member' AND x.state_key = $1 AND x.stream_ordering <= $2), p.stream_ordering), "
	       "0::bigint FROM (SELECT DISTINCT ON (d.room) d.room, d.prev_event "
	       "FROM current_state_deltas d WHERE d.type = 'm.room.member' AND d.state_key = $1 AND d.stream_ordering > $2 "
	       "ORDER BY d.room, d.stream_ordering) rolled "
	       "JOIN rooms r ON r.number = rolled.room JOIN events p ON p.number = rolled.prev_event",
	.params = AT_PARAMS, .row = MEMBER_ROW, .row_size = sizeof(struct member_row),
};

struct user_row {
	const char *user_id;
};
static const struct hearth_field USER_ROW[] = { HEARTH_COLUMNS(struct user_row, user_id) };
struct members_params {
	const char *room_id, *membership, *local_suffix;
};
static const struct hearth_field MEMBERS_PARAMS[] = {
	HEARTH_COLUMNS(struct members_params, room_id, membership, local_suffix)
};
static const struct hearth_statement SELECT_MEMBERS = {
	.name = "rooms.select_members",
	.sql = "SELECT m.user_id FROM rooms r JOIN memberships m ON m.room = r.number WHERE r.room_id = $1 "
	       "AND ($2::text IS NULL OR m.membership = $2) "
	       "AND ($3::text IS NULL OR substr(m.user_id, strpos(m.user_id, ':') + 1) = $3) ORDER BY m.stream_ordering",
	.params = MEMBERS_PARAMS, .row = USER_ROW, .row_size = sizeof(struct user_row),
};

struct sharing_params {
	const char *user_id;
	struct hearth_texts candidates;
};
static const struct hearth_field SHARING_PARAMS[] = { HEARTH_COLUMNS(struct sharing_params, user_id, candidates) };
static const struct hearth_field ANYONE_PARAMS[] = { HEARTH_COLUMNS(struct sharing_params, user_id) };
static const struct hearth_statement SELECT_SHARING_ANYONE = {
	.name = "rooms.select_sharing_anyone",
	.sql = "SELECT DISTINCT o.user_id FROM memberships m JOIN memberships o ON o.room = m.room "
	       "WHERE m.user_id = $1 AND m.membership = 'join' AND o.membership = 'join'",
	.params = ANYONE_PARAMS, .row = USER_ROW, .row_size = sizeof(struct user_row),
};
/* Each candidate is looked up by itself: neither the members of large rooms nor the candidates are gone through for each. */
static const struct hearth_statement SELECT_SHARING = {
	.name = "rooms.select_sharing_users",
	.sql = "SELECT c.user_id FROM unnest($2::text[]) c(user_id) CROSS JOIN LATERAL (SELECT FROM memberships o "
	       "JOIN memberships m ON m.room = o.room AND m.user_id = $1 AND m.membership = 'join' "
	       "WHERE o.user_id = c.user_id AND o.membership = 'join' LIMIT 1) shared",
	.params = SHARING_PARAMS, .row = USER_ROW, .row_size = sizeof(struct user_row),
};

struct summary_params {
	struct hearth_texts room_ids;
	const char *viewer;
};
struct summary_row {
	int64_t at, joined, invited;
	struct hearth_texts heroes;
};
static const struct hearth_field SUMMARY_PARAMS[] = { HEARTH_COLUMNS(struct summary_params, room_ids, viewer) };
static const struct hearth_field SUMMARY_ROW[] = { HEARTH_COLUMNS(struct summary_row, at, joined, invited, heroes) };
#define HEROES(memberships)                                                                                     \
	"(SELECT array_agg(user_id) FROM (SELECT h.user_id FROM memberships h WHERE h.room = r.number "          \
	"AND h.membership IN (" memberships ") AND h.user_id <> $2 ORDER BY h.stream_ordering LIMIT 5) first)"
static const struct hearth_statement SELECT_SUMMARIES = {
	.name = "rooms.select_summaries",
	.sql = "SELECT q.at, (SELECT count(*) FROM memberships m WHERE m.room = r.number AND m.membership = 'join'), "
	       "(SELECT count(*) FROM memberships m WHERE m.room = r.number AND m.membership = 'invite'), "
	       "CASE WHEN EXISTS (SELECT FROM current_state c JOIN events e ON e.number = c.event WHERE c.room = r.number "
	       "AND c.state_key = '' AND e.redacted_by IS NULL "
	       "AND ((c.type = 'm.room.name' AND " ROOMS_PDU("e") " -> 'content' ->> 'name' <> '') OR "
	       "(c.type = 'm.room.canonical_alias' AND " ROOMS_PDU("e") " -> 'content' ->> 'alias' <> ''))) THEN '{}'::text[] "
	       "ELSE coalesce(" HEROES("'join', 'invite'") ", " HEROES("'leave', 'ban'") ", '{}') END "
	       "FROM unnest($1::text[]) WITH ORDINALITY AS q(room_id, at) JOIN rooms r ON r.room_id = q.room_id",
	.params = SUMMARY_PARAMS, .row = SUMMARY_ROW, .row_size = sizeof(struct summary_row),
};

struct left_params {
	const char *user_id;
	struct hearth_texts room_ids;
	int64_t at;
};
struct left_row {
	int64_t at, ordering;
};
static const struct hearth_field LEFT_PARAMS[] = { HEARTH_COLUMNS(struct left_params, user_id, room_ids, at) };
static const struct hearth_field LEFT_ROW[] = { HEARTH_COLUMNS(struct left_row, at, ordering) };
static const struct hearth_statement SELECT_LEFT = {
	.name = "rooms.select_left_at",
	.sql = "SELECT q.at, max(d.stream_ordering) FROM unnest($2::text[]) WITH ORDINALITY AS q(room_id, at) "
	       "JOIN rooms r ON r.room_id = q.room_id JOIN current_state_deltas d ON d.room = r.number "
	       "AND d.type = 'm.room.member' AND d.state_key = $1 AND d.stream_ordering <= $3 "
	       "JOIN events p ON p.number = d.prev_event "
	       "WHERE " ROOMS_PDU("p") " -> 'content' ->> 'membership' = 'join' GROUP BY q.at",
	.params = LEFT_PARAMS, .row = LEFT_ROW, .row_size = sizeof(struct left_row),
};

static struct hearth_membership membership_of(const struct member_row *row)
{
	return (struct hearth_membership){
		.size = sizeof(struct hearth_membership), .room_id = row->room_id, .user_id = row->user_id,
		.membership = row->membership, .event_id = row->event_id, .sender = row->sender,
		.stream_ordering = row->stream_ordering, .forgotten = row->forgotten != 0,
	};
}

int rooms_membership(struct rooms *r, struct hearth_task *task, const char *room_id, const char *user_id,
		     struct hearth_membership *ret_membership, struct hearth_error *err)
{
	struct hearth_rows rows;
	int rc = r->db->read(task, &SELECT_ONE, &(struct one_params){ room_id, user_id }, &rows, err);

	if (rc < 0)
		return rc;
	*ret_membership = (struct hearth_membership){ .size = sizeof(*ret_membership), .room_id = room_id,
						      .user_id = user_id };
	if (rows.count)
		*ret_membership = membership_of(rows.items);
	return 0;
}

int rooms_memberships(struct rooms *r, struct hearth_task *task, const char *user_id, int64_t at,
		      const struct hearth_membership **ret_memberships, size_t *ret_count, struct hearth_error *err)
{
	struct hearth_membership *memberships;
	struct hearth_rows rows;
	int rc = r->db->read(task, &SELECT_AT, &(struct at_params){ user_id, at }, &rows, err);

	if (rc < 0)
		return rc;
	memberships = hearth_arena_array_of(r->tasks->arena(task), struct hearth_membership, rows.count);
	*ret_count = 0;
	for (size_t i = 0; i < rows.count; i++) {
		const struct member_row *row = (const struct member_row *)rows.items + i;

		if (row->membership)
			memberships[(*ret_count)++] = membership_of(row);
	}
	*ret_memberships = memberships;
	return 0;
}

static void take_users(struct hearth_arena *arena, const struct hearth_rows *rows, struct hearth_texts *ret_user_ids)
{
	const char **items = hearth_arena_array_of(arena, const char *, rows->count);

	for (size_t i = 0; i < rows->count; i++)
		items[i] = ((const struct user_row *)rows->items)[i].user_id;
	*ret_user_ids = (struct hearth_texts){ items, rows->count };
}

int rooms_members(struct rooms *r, struct hearth_task *task, const char *room_id, const char *membership,
		  int local_only, struct hearth_texts *ret_user_ids, struct hearth_error *err)
{
	struct hearth_rows rows;
	int rc = r->db->read(task, &SELECT_MEMBERS,
			     &(struct members_params){ room_id, membership, local_only ? r->server_name : NULL }, &rows, err);

	if (rc < 0)
		return rc;
	take_users(r->tasks->arena(task), &rows, ret_user_ids);
	return 0;
}

int rooms_sharing_users(struct rooms *r, struct hearth_task *task, const char *user_id, const char *const *candidates,
			size_t count, struct hearth_texts *ret_user_ids, struct hearth_error *err)
{
	struct hearth_rows rows;
	int rc = r->db->read(task, count ? &SELECT_SHARING : &SELECT_SHARING_ANYONE,
			     &(struct sharing_params){ user_id, { candidates, count } }, &rows, err);

	if (rc < 0)
		return rc;
	take_users(r->tasks->arena(task), &rows, ret_user_ids);
	return 0;
}

int rooms_summaries(struct rooms *r, struct hearth_task *task, const char *const *room_ids, size_t count,
		    const char *viewer, struct hearth_room_summary *ret_summaries, struct hearth_error *err)
{
	struct hearth_rows rows;
	int rc = r->db->read(task, &SELECT_SUMMARIES,
			     &(struct summary_params){ { room_ids, count }, viewer ? viewer : "" }, &rows, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		ret_summaries[i] = (struct hearth_room_summary){ .size = sizeof(*ret_summaries) };
	for (size_t i = 0; i < rows.count; i++) {
		const struct summary_row *row = (const struct summary_row *)rows.items + i;
		struct hearth_room_summary *summary = &ret_summaries[row->at - 1];

		summary->joined_count = row->joined;
		summary->invited_count = row->invited;
		summary->heroes = row->heroes;
	}
	return 0;
}

int rooms_forget(struct rooms *r, struct hearth_task *task, const char *room_id, const char *user_id,
		 struct hearth_error *err)
{
	struct hearth_membership membership;
	struct hearth_rows rows;
	int rc = r->db->write(task, &FORGET, &(struct one_params){ room_id, user_id }, &rows, err);

	if (rc < 0 || rows.affected)
		return rc < 0 ? rc : 0;
	rc = rooms_membership(r, task, room_id, user_id, &membership, err);
	if (rc < 0)
		return rc;
	if (!membership.membership)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "You have never been in this room");
	return hearth_refuse(err, 400, "M_UNKNOWN", "You are in this room: leave it first");
}

int rooms_left_at(struct rooms *r, struct hearth_task *task, const char *user_id, const char *const *room_ids,
		  size_t count, int64_t at, int64_t *ret_orderings, struct hearth_error *err)
{
	struct hearth_rows rows;
	int rc = r->db->read(task, &SELECT_LEFT, &(struct left_params){ user_id, { room_ids, count }, at }, &rows, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < count; i++)
		ret_orderings[i] = INT64_MIN;
	for (size_t i = 0; i < rows.count; i++) {
		const struct left_row *row = (const struct left_row *)rows.items + i;

		ret_orderings[row->at - 1] = row->ordering;
	}
	return 0;
}

int rooms_may_read(struct rooms *r, struct hearth_task *task, const char *room_id, const char *user_id,
		   int64_t *ret_at, struct hearth_error *err)
{
	const char *type = "m.room.history_visibility", *state_key = "";
	const struct hearth_event *visibility;
	struct hearth_membership membership;
	const char *value;
	int rc = rooms_membership(r, task, room_id, user_id, &membership, err);

	if (rc < 0)
		return rc;
	*ret_at = INT64_MAX;
	if (membership.membership && strcmp(membership.membership, "join") == 0)
		return 0;
	rc = rooms_current_parsed(r, task, room_id, &type, &state_key, 1, &visibility, err);
	if (rc < 0)
		return rc;
	value = visibility ? hearth_json_get_string(visibility->content, "history_visibility") : NULL;
	if (value && strcmp(value, "world_readable") == 0)
		return 0;
	/* Who turned an invitation down, took a knock back or was banned outside has left nothing. */
	if (membership.membership && !membership.forgotten &&
	    (strcmp(membership.membership, "leave") == 0 || strcmp(membership.membership, "ban") == 0)) {
		rc = rooms_left_at(r, task, user_id, &room_id, 1, INT64_MAX, ret_at, err);
		if (rc < 0 || *ret_at != INT64_MIN)
			return rc;
	}
	return hearth_refuse(err, 403, "M_FORBIDDEN", "You are not in this room");
}
