/* SPDX-License-Identifier: Apache-2.0 */
/* The redaction algorithm of every room version. */
#include <hearth/matrix/event.h>

#include <string.h>

static const char *const KEPT[] = {
	"event_id", "type",  "room_id",    "sender",      "state_key",   "content",
	"hashes",   "depth", "signatures", "prev_events", "auth_events", "origin_server_ts",
};

/* Kept, too, before version 11. */
static const char *const KEPT_BEFORE_11[] = { "prev_state", "origin", "membership" };

static const char *const POWER_LEVELS_KEPT[] = {
	"ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default",
};

static void keep(struct hearth_json *to, const struct hearth_json *from, const char *key)
{
	hearth_json_set(to, key, hearth_json_get(from, key));
}

static void keep_all(struct hearth_json *to, const struct hearth_json *from, const char *const *keys, size_t count)
{
	for (size_t i = 0; i < count; i++)
		keep(to, from, keys[i]);
}

static void redact_member(struct hearth_arena *arena, const struct hearth_room_version *version, struct hearth_json *to,
			  const struct hearth_json *from)
{
	const struct hearth_json *invite = hearth_json_get_object(from, "third_party_invite");
	struct hearth_json *signed_only;

	keep(to, from, "membership");
	if (version->redaction_keeps_join_authoriser)
		keep(to, from, "join_authorised_via_users_server");
	if (!version->updated_redaction_rules || !invite)
		return;
	signed_only = hearth_json_object_new(arena);
	keep(signed_only, invite, "signed");
	hearth_json_set(to, "third_party_invite", signed_only);
}

static void redact_power_levels(const struct hearth_room_version *version, struct hearth_json *to,
				const struct hearth_json *from)
{
	keep_all(to, from, POWER_LEVELS_KEPT, HEARTH_COUNT(POWER_LEVELS_KEPT));
	if (version->updated_redaction_rules)
		keep(to, from, "invite");
}

static const struct hearth_json *redact_content(struct hearth_arena *arena, const struct hearth_room_version *version,
						const char *type, const struct hearth_json *from)
{
	struct hearth_json *to;

	if (strcmp(type, "m.room.create") == 0 && version->updated_redaction_rules)
		return from;
	to = hearth_json_object_new(arena);
	if (strcmp(type, "m.room.member") == 0) {
		redact_member(arena, version, to, from);
	} else if (strcmp(type, "m.room.create") == 0) {
		keep(to, from, "creator");
	} else if (strcmp(type, "m.room.join_rules") == 0) {
		keep(to, from, "join_rule");
		if (version->restricted_join)
			keep(to, from, "allow");
	} else if (strcmp(type, "m.room.power_levels") == 0) {
		redact_power_levels(version, to, from);
	} else if (strcmp(type, "m.room.aliases") == 0 && version->special_aliases_auth) {
		keep(to, from, "aliases");
	} else if (strcmp(type, "m.room.history_visibility") == 0) {
		keep(to, from, "history_visibility");
	} else if (strcmp(type, "m.room.redaction") == 0 && version->updated_redaction_rules) {
		keep(to, from, "redacts");
	}
	return to;
}

const struct hearth_json *hearth_event_redact(struct hearth_arena *arena, const struct hearth_room_version *version,
					      const struct hearth_json *pdu)
{
	struct hearth_json *redacted = hearth_json_object_new(arena);
	const struct hearth_json *content = hearth_json_get(pdu, "content");
	const char *type = hearth_json_get_string(pdu, "type");

	keep_all(redacted, pdu, KEPT, HEARTH_COUNT(KEPT));
	if (!version->updated_redaction_rules)
		keep_all(redacted, pdu, KEPT_BEFORE_11, HEARTH_COUNT(KEPT_BEFORE_11));
	if (content)
		hearth_json_set(redacted, "content", redact_content(arena, version, type ? type : "", content));
	return redacted;
}
