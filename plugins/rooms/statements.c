/* SPDX-License-Identifier: Apache-2.0 */
/* The statements that write a group: one for each table, whatever the number of rows. */
#include "rows.h"

#define EVENT(member) HEARTH_COLUMN(struct rooms_event_rows, member)
static const struct hearth_field EVENT_PARAMS[] = {
	EVENT(number), EVENT(room), EVENT(ordering), EVENT(depth), EVENT(ts), EVENT(before), EVENT(after), EVENT(replaces),
	EVENT(bits), EVENT(chain), EVENT(seq), EVENT(prev_end), EVENT(auth_end), EVENT(link_end), EVENT(prev), EVENT(auth),
	EVENT(links), EVENT(event_id), EVENT(type), EVENT(sender), EVENT(state_key), EVENT(txn_device), EVENT(txn_id),
	EVENT(rejection), EVENT(json), HEARTH_FIELDS_END
};
/* The part of a list that is the at-th row's own; ends: where each row's part ends. */
#define SLICE(list, ends) \
	"(" list "::bigint[])[coalesce((" ends "::bigint[])[at - 1], 0) + 1 : (" ends "::bigint[])[at]]"
#define EVENT_ROWS                                                                                               \
	"SELECT n, room, ordering, depth, ts, before, nullif(after, 0) AS after, nullif(replaces, 0) AS replaces, "   \
	"(bits >> 2)::smallint AS flags, nullif(chain, 0) AS chain, nullif(seq, 0) AS seq, "                          \
	SLICE("$15", "$12") " AS prev, " SLICE("$16", "$13") " AS auth, "                                              \
	"nullif(" SLICE("$17", "$14") ", '{}') AS links, event_id, type, sender, "                                     \
	"CASE WHEN bits & 1 <> 0 THEN state_key END AS state_key, CASE WHEN bits & 2 <> 0 THEN txn_device END AS txn_device, " \
	"CASE WHEN bits & 2 <> 0 THEN txn_id END AS txn_id, nullif(rejection, '') AS rejection, json "                \
	"FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], "            \
	"$7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $18::text[], $19::text[], "           \
	"$20::text[], $21::text[], $22::text[], $23::text[], $24::text[], $25::text[]) WITH ORDINALITY AS v(n, room, " \
	"ordering, depth, ts, before, after, replaces, bits, chain, seq, event_id, type, sender, state_key, "          \
	"txn_device, txn_id, rejection, json, at)"
const struct hearth_statement ROOMS_INSERT_EVENTS = {
	.name = "rooms.insert_events",
	.sql = "INSERT INTO events (number, room, stream_ordering, depth, origin_server_ts, state_group, state_after, "
	       "replaces, flags, chain, chain_seq, prev, auth, chain_links, event_id, type, sender, state_key, txn_device, "
	       "txn_id, rejection_reason, json) " EVENT_ROWS,
	.params = EVENT_PARAMS,
};
/* An outlier takes its place in the graph. Its place in the auth chains it has already. */
const struct hearth_statement ROOMS_PLACE_OUTLIERS = {
	.name = "rooms.place_outliers",
	.sql = "UPDATE events SET stream_ordering = q.ordering, state_group = q.before, state_after = q.after, "
	       "replaces = q.replaces, flags = q.flags, prev = q.prev, rejection_reason = q.rejection "
	       "FROM (" EVENT_ROWS ") q WHERE events.number = q.n",
	.params = EVENT_PARAMS,
};

#define GAP(member) HEARTH_COLUMN(struct rooms_gap_rows, member)
static const struct hearth_field GAP_PARAMS[] = { GAP(number), GAP(room), GAP(event_id), HEARTH_FIELDS_END };
const struct hearth_statement ROOMS_INSERT_GAPS = {
	.name = "rooms.insert_gaps",
	.sql = "INSERT INTO event_gaps (referrer, room, event_id) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[]) "
	       "ON CONFLICT DO NOTHING",
	.params = GAP_PARAMS,
};
const struct hearth_statement ROOMS_FILL_GAPS = {
	.name = "rooms.fill_gaps",
	.sql = "WITH filled AS (DELETE FROM event_gaps g USING unnest($1::bigint[], $2::bigint[], $3::text[]) "
	       "AS v(number, room, event_id) WHERE g.event_id = v.event_id AND g.room = v.room RETURNING g.referrer, v.number) "
	       "UPDATE events SET prev = prev || q.numbers FROM (SELECT referrer, array_agg(number) AS numbers FROM filled "
	       "GROUP BY referrer) q WHERE events.number = q.referrer",
	.params = GAP_PARAMS,
};

#define ROOM(member) HEARTH_COLUMN(struct rooms_room_rows, member)
static const struct hearth_field ROOM_UPDATE[] = { ROOM(number), ROOM(state_group), ROOM(ordering), ROOM(before),
						   ROOM(extremity_end), ROOM(extremities), HEARTH_FIELDS_END };
/*
 * The first to touch what exists: a transaction of an earlier connection that is still under way holds the row, so that
 * this one waits for it, and then fails where it has changed the room.
 */
const struct hearth_statement ROOMS_UPDATE_ROOMS = {
	.name = "rooms.update_rooms",
	.sql = "UPDATE rooms SET state_group = v.state_group, extremities = " SLICE("$6", "$5") ", last_ordering = "
	       "CASE rooms.last_ordering WHEN v.before THEN v.ordering ELSE rooms_changed(rooms.number) END "
	       "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) WITH ORDINALITY "
	       "AS v(number, state_group, ordering, before, at) WHERE rooms.number = v.number",
	.params = ROOM_UPDATE,
};
static const struct hearth_field ROOM_INSERT[] = {
	ROOM(number), ROOM(state_group), ROOM(ordering), ROOM(extremity_end), ROOM(created_ms), ROOM(published),
	ROOM(room_id), ROOM(version), ROOM(creator), ROOM(extremities), HEARTH_FIELDS_END
};
const struct hearth_statement ROOMS_INSERT_ROOMS = {
	.name = "rooms.insert_rooms",
	.sql = "INSERT INTO rooms (number, state_group, last_ordering, extremities, created_ms, public, room_id, version, "
	       "creator) SELECT n, g, o, " SLICE("$10", "$4") ", c, p <> 0, i, v, u FROM unnest($1::bigint[], "
	       "$2::bigint[], $3::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::text[]) "
	       "WITH ORDINALITY AS q(n, g, o, c, p, i, v, u, at)",
	.params = ROOM_INSERT,
};

static const struct hearth_field ALIAS_PARAMS[] = {
	HEARTH_COLUMNS(struct rooms_alias_rows, alias, creator, room, created_ms)
};
const struct hearth_statement ROOMS_INSERT_ALIASES = {
	.name = "rooms.insert_new_rooms_aliases",
	.sql = "INSERT INTO room_aliases (alias, creator, room, created_ms) "
	       "SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])",
	.params = ALIAS_PARAMS,
};

#define GROUP(member) HEARTH_COLUMN(struct rooms_group_rows, member)
static const struct hearth_field GROUP_PARAMS[] = { GROUP(number), GROUP(room), GROUP(base), GROUP(height), GROUP(start),
						    GROUP(size), GROUP(entries), HEARTH_FIELDS_END };
const struct hearth_statement ROOMS_INSERT_GROUPS = {
	.name = "rooms.insert_state_groups",
	.sql = "INSERT INTO state_groups (number, room, base, height, entries) "
	       "SELECT n, r, b, h, substring($7::bytea FROM at::int FOR size::int) "
	       "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[]) "
	       "AS v(n, r, b, h, at, size)",
	.params = GROUP_PARAMS,
};

#define STATE(member) HEARTH_COLUMN(struct rooms_state_rows, member)
static const struct hearth_field STATE_PARAMS[] = { STATE(room), STATE(ordering), STATE(event), STATE(replaces),
						    STATE(type), STATE(state_key), HEARTH_FIELDS_END };
/* event 0: the entry is gone. */
const struct hearth_statement ROOMS_INSERT_STATE = {
	.name = "rooms.insert_current_state",
	.sql = "WITH v AS (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[], "
	       "$6::text[]) AS v(room, ordering, event, replaces, type, state_key)), "
	       "deltas AS (INSERT INTO current_state_deltas (room, stream_ordering, event, prev_event, type, state_key) "
	       "SELECT room, ordering, nullif(event, 0), nullif(replaces, 0), type, state_key FROM v), "
	       "latest AS (SELECT DISTINCT ON (room, type, state_key) room, type, state_key, event FROM v "
	       "ORDER BY room, type, state_key, ordering DESC), "
	       "gone AS (DELETE FROM current_state c USING latest l WHERE l.event = 0 AND c.room = l.room "
	       "AND c.type = l.type AND c.state_key = l.state_key) "
	       "INSERT INTO current_state (room, type, state_key, event) SELECT * FROM latest WHERE event <> 0 "
	       "ON CONFLICT (room, type, state_key) DO UPDATE SET event = excluded.event",
	.params = STATE_PARAMS,
};

#define MEMBER(member) HEARTH_COLUMN(struct rooms_member_rows, member)
static const struct hearth_field MEMBER_PARAMS[] = { MEMBER(room), MEMBER(ordering), MEMBER(event), MEMBER(user_id),
						     MEMBER(membership), MEMBER(sender), HEARTH_FIELDS_END };
const struct hearth_statement ROOMS_INSERT_MEMBERS = {
	.name = "rooms.insert_memberships",
	.sql = "INSERT INTO memberships (room, stream_ordering, event, user_id, membership, sender) "
	       "SELECT DISTINCT ON (room, user_id) room, ordering, event, user_id, membership, sender "
	       "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[]) "
	       "AS v(room, ordering, event, user_id, membership, sender) ORDER BY room, user_id, ordering DESC "
	       "ON CONFLICT (room, user_id) DO UPDATE SET stream_ordering = excluded.stream_ordering, "
	       "event = excluded.event, membership = excluded.membership, sender = excluded.sender, forgotten = "
	       "memberships.forgotten AND excluded.membership IN ('leave', 'ban')",
	.params = MEMBER_PARAMS,
};

static const struct hearth_field REDACTION_PARAMS[] = {
	HEARTH_COLUMNS(struct rooms_redaction_rows, event, by_power, redacts)
};
const struct hearth_statement ROOMS_INSERT_REDACTIONS = {
	.name = "rooms.insert_redactions",
	.sql = "INSERT INTO redactions (event, by_power, redacts) "
	       "SELECT e, b <> 0, r FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS v(e, b, r)",
	.params = REDACTION_PARAMS,
};
/*
 * Redactions take effect where both events are here, whichever came first: of those who have the power, and of those who
 * are on the server of the event's sender (spec of room version 3, "Handling redactions").
 */
#define APPLY_REDACTIONS(name_, params_, which_)                                                                \
	{                                                                                                       \
		.name = name_, .params = params_,                                                               \
		.sql = "WITH applied AS (UPDATE events t SET redacted_by = x.event FROM redactions x "          \
		       "JOIN events by ON by.number = x.event WHERE " which_ " AND t.event_id = x.redacts "     \
		       "AND t.room = by.room AND t.redacted_by IS NULL AND (x.by_power OR "                     \
		       "substr(by.sender, strpos(by.sender, ':')) = substr(t.sender, strpos(t.sender, ':'))) "  \
		       "RETURNING t.number) DELETE FROM event_relations USING applied "                         \
		       "WHERE event_relations.event = applied.number",                                          \
	}
static const struct hearth_field REDACTING[] = { HEARTH_COLUMNS(struct rooms_redaction_rows, event) };
const struct hearth_statement ROOMS_REDACT_EARLIER =
	APPLY_REDACTIONS("rooms.redact_earlier_events", REDACTING, "x.event = ANY($1)");
static const struct hearth_field REDACTED[] = { GAP(event_id), HEARTH_FIELDS_END };
const struct hearth_statement ROOMS_REDACT_LATER =
	APPLY_REDACTIONS("rooms.redact_new_events", REDACTED, "x.redacts = ANY($1)");

#define RELATION(member) HEARTH_COLUMN(struct rooms_relation_rows, member)
static const struct hearth_field RELATION_PARAMS[] = {
	RELATION(event), RELATION(room), RELATION(ordering), RELATION(parent), RELATION(rel_type), RELATION(type),
	RELATION(sender), RELATION(key), HEARTH_FIELDS_END
};
const struct hearth_statement ROOMS_INSERT_RELATIONS = {
	.name = "rooms.insert_relations",
	.sql = "INSERT INTO event_relations (event, room, stream_ordering, parent, rel_type, type, sender, key) "
	       "SELECT e, r, o, p, rt, t, s, nullif(k, '') FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], "
	       "$5::text[], $6::text[], $7::text[], $8::text[]) AS v(e, r, o, p, rt, t, s, k)",
	.params = RELATION_PARAMS,
};
