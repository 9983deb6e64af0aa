/* SPDX-License-Identifier: Apache-2.0 */
/* Content hash, reference hash and event id (spec server-server, "Signing Events"). */
#include "event_internal.h"

#include <hearth/matrix/id.h>

#include <errno.h>

static int hash_canonical(struct hearth_arena *arena, const struct hearth_room_version *version,
			  const struct hearth_json *object, uint8_t ret_hash[32], struct hearth_error *err)
{
	char *text;
	size_t length;
	int r;

	r = hearth_json_canonical(arena, object, canonical_flags(version), &text, &length, err);
	if (r < 0)
		return r;
	hearth_sha256(text, length, ret_hash);
	return 0;
}

int hearth_event_content_hash(struct hearth_arena *arena, const struct hearth_room_version *version,
			      const struct hearth_json *pdu, uint8_t ret_hash[32], struct hearth_error *err)
{
	struct hearth_json *hashed = hearth_json_object_copy(arena, pdu);

	hearth_json_remove(hashed, "unsigned");
	hearth_json_remove(hashed, "signatures");
	hearth_json_remove(hashed, "hashes");
	return hash_canonical(arena, version, hashed, ret_hash, err);
}

int hearth_event_reference_hash(struct hearth_arena *arena, const struct hearth_room_version *version,
				const struct hearth_json *pdu, uint8_t ret_hash[32], struct hearth_error *err)
{
	struct hearth_json *hashed = hearth_json_object_copy(arena, hearth_event_redact(arena, version, pdu));

	hearth_json_remove(hashed, "signatures");
	return hash_canonical(arena, version, hashed, ret_hash, err);
}

int hearth_event_id(struct hearth_arena *arena, const struct hearth_room_version *version,
		    const struct hearth_json *pdu, const char **ret_event_id, struct hearth_error *err)
{
	uint8_t hash[32];
	const char *text;
	int r;

	if (version->event_id_form == HEARTH_EVENT_ID_GIVEN) {
		text = hearth_json_get_string(pdu, "event_id");
		if (!text || !hearth_id_is_event(text))
			return hearth_refuse(err, 400, "M_BAD_JSON", "the event has no valid event_id");
		*ret_event_id = text;
		return 0;
	}
	r = hearth_event_reference_hash(arena, version, pdu, hash, err);
	if (r < 0)
		return r;
	text = version->event_id_form == HEARTH_EVENT_ID_HASH ? hearth_base64_encode(arena, hash, sizeof(hash))
							      : hearth_base64url_encode(arena, hash, sizeof(hash));
	*ret_event_id = hearth_arena_printf(arena, "$%s", text);
	return 0;
}
