/* SPDX-License-Identifier: Apache-2.0
 *
 * plugins/rooms/rows.h - the rows that a group writes, as the parameters of its statements: each list is a column.
 */
#ifndef ROOMS_ROWS_H
#define ROOMS_ROWS_H

#include <hearth/db.h>

struct rooms_event_rows {
	struct hearth_ints number, room, ordering, depth, ts, before, after, replaces, bits, chain, seq, prev_end, auth_end,
		link_end, prev, auth, links;
	struct hearth_texts event_id, type, sender, state_key, txn_device, txn_id, rejection, json;
};

struct rooms_gap_rows {
	struct hearth_ints number, room; /* the event that names it; of those that fill: the event itself */
	struct hearth_texts event_id;
};

struct rooms_room_rows {
	struct hearth_ints number, state_group, ordering, before, extremity_end, extremities, created_ms, published;
	struct hearth_texts room_id, version, creator;
};

struct rooms_alias_rows {
	struct hearth_texts alias, creator;
	struct hearth_ints room, created_ms;
};

struct rooms_group_rows {
	struct hearth_ints number, room, base, height, start, size;
	struct hearth_bytes entries;
};

struct rooms_state_rows {
	struct hearth_ints room, ordering, event, replaces;
	struct hearth_texts type, state_key;
};

struct rooms_member_rows {
	struct hearth_ints room, ordering, event;
	struct hearth_texts user_id, membership, sender;
};

struct rooms_redaction_rows {
	struct hearth_ints event, by_power;
	struct hearth_texts redacts;
};

struct rooms_relation_rows {
	struct hearth_ints event, room, ordering;
	struct hearth_texts parent, rel_type, type, sender, key;
};

/* All rows of a group; those of a table that gets none are empty. */
struct rooms_rows {
	struct rooms_event_rows events, placed;
	struct rooms_gap_rows gaps, arrived, foreign; /* arrived: those that fill gaps; foreign: all of other servers */
	struct rooms_room_rows updated, inserted;
	struct rooms_alias_rows aliases;
	struct rooms_group_rows groups;
	struct rooms_state_rows state;
	struct rooms_member_rows members;
	struct rooms_redaction_rows redactions;
	struct rooms_relation_rows relations;
};

/* bits of an event: 1 it has a state key, 2 it has a transaction id; from 4 on its flags. *_end: where its part ends. */
#define ROOMS_BIT_STATE_KEY 1
#define ROOMS_BIT_TXN 2
#define ROOMS_BIT_FLAGS 2 /* their place */

extern const struct hearth_statement ROOMS_INSERT_EVENTS;
extern const struct hearth_statement ROOMS_PLACE_OUTLIERS;
extern const struct hearth_statement ROOMS_INSERT_GAPS;
extern const struct hearth_statement ROOMS_FILL_GAPS;
extern const struct hearth_statement ROOMS_UPDATE_ROOMS;
extern const struct hearth_statement ROOMS_INSERT_ROOMS;
extern const struct hearth_statement ROOMS_INSERT_ALIASES;
extern const struct hearth_statement ROOMS_INSERT_GROUPS;
extern const struct hearth_statement ROOMS_INSERT_STATE;
extern const struct hearth_statement ROOMS_INSERT_MEMBERS;
extern const struct hearth_statement ROOMS_INSERT_REDACTIONS;
extern const struct hearth_statement ROOMS_REDACT_EARLIER;
extern const struct hearth_statement ROOMS_REDACT_LATER;
extern const struct hearth_statement ROOMS_INSERT_RELATIONS;

#endif
