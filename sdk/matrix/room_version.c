/* SPDX-License-Identifier: Apache-2.0 */
/* The room versions. Each row adds to, or takes from, the one above it. */
#include <hearth/matrix/room_version.h>

#include <string.h>

#define VERSION(n, ...)                                                                                                \
	{                                                                                                              \
		.size = sizeof(struct hearth_room_version), .number = n, .name = #n, __VA_ARGS__                       \
	}

#define SINCE_1  .special_aliases_auth = 1
#define SINCE_5  SINCE_1, .enforce_key_validity = 1
#define SINCE_6  .enforce_key_validity = 1, .strict_canonical_json = 1, .notifications_power = 1
#define SINCE_7  SINCE_6, .knock = 1
#define SINCE_8  SINCE_7, .restricted_join = 1
#define SINCE_9  SINCE_8, .redaction_keeps_join_authoriser = 1
#define SINCE_10 SINCE_9, .knock_restricted_join = 1, .integer_power_levels = 1
#define SINCE_11 SINCE_10, .updated_redaction_rules = 1
#define SINCE_12 SINCE_11, .creator_power = 1, .room_id_is_create_hash = 1

#define GIVEN_ID    .event_id_form = HEARTH_EVENT_ID_GIVEN
#define HASH_ID     .event_id_form = HEARTH_EVENT_ID_HASH
#define URL_SAFE_ID .event_id_form = HEARTH_EVENT_ID_HASH_URLSAFE

#define RESOLVE_V1   .state_resolution = HEARTH_STATE_RESOLUTION_V1
#define RESOLVE_V2   .state_resolution = HEARTH_STATE_RESOLUTION_V2
#define RESOLVE_V2_1 .state_resolution = HEARTH_STATE_RESOLUTION_V2_1

static const struct hearth_room_version VERSIONS[] = {
	VERSION(1, GIVEN_ID, RESOLVE_V1, SINCE_1),      VERSION(2, GIVEN_ID, RESOLVE_V2, SINCE_1),
	VERSION(3, HASH_ID, RESOLVE_V2, SINCE_1),       VERSION(4, URL_SAFE_ID, RESOLVE_V2, SINCE_1),
	VERSION(5, URL_SAFE_ID, RESOLVE_V2, SINCE_5),   VERSION(6, URL_SAFE_ID, RESOLVE_V2, SINCE_6),
	VERSION(7, URL_SAFE_ID, RESOLVE_V2, SINCE_7),   VERSION(8, URL_SAFE_ID, RESOLVE_V2, SINCE_8),
	VERSION(9, URL_SAFE_ID, RESOLVE_V2, SINCE_9),   VERSION(10, URL_SAFE_ID, RESOLVE_V2, SINCE_10),
	VERSION(11, URL_SAFE_ID, RESOLVE_V2, SINCE_11), VERSION(12, URL_SAFE_ID, RESOLVE_V2_1, SINCE_12),
};

const struct hearth_room_version *hearth_room_version(const char *name)
{
	for (size_t i = 0; name && i < HEARTH_COUNT(VERSIONS); i++)
		if (strcmp(VERSIONS[i].name, name) == 0)
			return &VERSIONS[i];
	return NULL;
}

const struct hearth_room_version *hearth_room_version_at(size_t index)
{
	return index < HEARTH_COUNT(VERSIONS) ? &VERSIONS[index] : NULL;
}
