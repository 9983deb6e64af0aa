/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/matrix/room_version.h - what differs between room versions, as one table of facts (spec "Room Versions").
 *
 * 1.0  first version; room versions 1 to 12
 */
#ifndef HEARTH_MATRIX_ROOM_VERSION_H
#define HEARTH_MATRIX_ROOM_VERSION_H

#include <hearth/base.h>

HEARTH_BEGIN_DECLS

enum hearth_event_id_form {
	HEARTH_EVENT_ID_GIVEN = 1,    /* 1, 2: chosen by the sender, with a server name */
	HEARTH_EVENT_ID_HASH,         /* 3: hash in standard base64 */
	HEARTH_EVENT_ID_HASH_URLSAFE, /* 4 and later */
};

enum hearth_state_resolution {
	HEARTH_STATE_RESOLUTION_V1 = 1, /* 1 */
	HEARTH_STATE_RESOLUTION_V2,     /* 2 to 11 */
	HEARTH_STATE_RESOLUTION_V2_1,   /* 12 */
};

struct hearth_room_version {
	uint32_t    size;
	uint32_t    number;
	const char *name;                    /* "1" to "12" */
	uint32_t    event_id_form;           /* enum hearth_event_id_form */
	uint32_t    state_resolution;        /* enum hearth_state_resolution */
	uint32_t    strict_canonical_json;   /* 6: no floats, 53-bit integers */
	uint32_t    special_aliases_auth;    /* 1 to 5: m.room.aliases has auth rules and survives redaction */
	uint32_t    enforce_key_validity;    /* 5 */
	uint32_t    notifications_power;     /* 6: power level changes check notifications */
	uint32_t    knock;                   /* 7 */
	uint32_t    restricted_join;         /* 8 */
	uint32_t    knock_restricted_join;   /* 10 */
	uint32_t    integer_power_levels;    /* 10: strings are refused */
	uint32_t    redaction_keeps_join_authoriser; /* 9: m.room.member keeps join_authorised_via_users_server */
	uint32_t    updated_redaction_rules; /* 11: MSC2176, MSC3821, redacts in content, creator from sender */
	uint32_t    creator_power;           /* 12: creators outrank all (MSC4289) */
	uint32_t    room_id_is_create_hash;  /* 12: room id = create event's hash (MSC4291) */
};

/* NULL for an unknown version. A missing room_version in m.room.create means "1". */
HEARTH_EXPORT const struct hearth_room_version *hearth_room_version(const char *name);

/* All of them in ascending order, index from 0; NULL beyond the last. */
HEARTH_EXPORT const struct hearth_room_version *hearth_room_version_at(size_t index);

HEARTH_END_DECLS
#endif
