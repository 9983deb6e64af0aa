/* SPDX-License-Identifier: Apache-2.0 */
/* Rule 5.4.1: an invite that an identity server vouches for, after an m.room.third_party_invite. */
#include "auth_private.h"

#include <string.h>

#include <hearth/matrix/id.h>

/* Keys times signatures that one invite may have tried: an event of 64 KiB has room for hundreds of thousands. */
#define SIGNATURE_CHECKS_MAX 1024

struct proof {
	struct hearth_arena *arena;
	const struct hearth_json *signatures; /* server -> key id -> signature */
	const char *text;                     /* canonical form of what is signed */
	size_t length;
	unsigned checks;
};

static int decode(struct hearth_arena *arena, const char *text, size_t wanted_bytes, uint8_t **ret_bytes)
{
	size_t size_bytes;

	return text && hearth_base64_decode(arena, text, ret_bytes, &size_bytes) == 0 && size_bytes == wanted_bytes;
}

static int is_signed_by(struct proof *proof, const struct hearth_json *of_server, const uint8_t *public_key)
{
	for (size_t i = 0; i < hearth_json_size(of_server); i++) {
		const char *key_id = hearth_json_key_at(of_server, i);
		uint8_t *signature;

		if (strncmp(key_id, "ed25519:", 8) != 0 || proof->checks++ >= SIGNATURE_CHECKS_MAX)
			continue;
		if (decode(proof->arena, hearth_json_string(hearth_json_at(of_server, i), NULL), 64, &signature) &&
		    hearth_ed25519_verify(public_key, proof->text, proof->length, signature))
			return 1;
	}
	return 0;
}

/* 1 where any of the signatures is of this key. */
static int is_key_proven(struct proof *proof, const char *public_key_text)
{
	uint8_t *public_key;

	if (!decode(proof->arena, public_key_text, 32, &public_key))
		return 0;
	for (size_t i = 0; i < hearth_json_size(proof->signatures); i++)
		if (is_signed_by(proof, hearth_json_at(proof->signatures, i), public_key))
			return 1;
	return 0;
}

/* Rule 5.4.1.7: public_key and public_keys of the third-party invite. */
static int is_proven(struct proof *proof, const struct hearth_json *content)
{
	const struct hearth_json *more = hearth_json_get_array(content, "public_keys");

	if (is_key_proven(proof, hearth_auth_string(content, "public_key")))
		return 1;
	for (size_t i = 0; i < hearth_json_size(more); i++)
		if (is_key_proven(proof, hearth_auth_string(hearth_json_at(more, i), "public_key")))
			return 1;
	return 0;
}

static int check_signatures(const struct auth_check *check, const struct hearth_json *signed_part,
			    const struct hearth_event *invite)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct proof proof = { .arena = arena, .signatures = hearth_json_get_object(signed_part, "signatures") };
	struct hearth_json *bare = hearth_json_object_copy(arena, signed_part);
	uint32_t flags = check->event->version->strict_canonical_json ? 0 : HEARTH_JSON_BIG_INTS;
	char *text;

	hearth_json_remove(bare, "signatures");
	hearth_json_remove(bare, "unsigned");
	if (hearth_json_canonical(arena, bare, flags, &text, &proof.length, NULL) < 0)
		return hearth_auth_reject(check, "what the third-party invite signs is no canonical JSON");
	proof.text = text;
	if (!is_proven(&proof, invite->content))
		return hearth_auth_reject(check, "no key of the third-party invite has signed the invite");
	return 0;
}

int hearth_auth_invite_check(const struct auth_check *check, const struct hearth_json *third_party_invite)
{
	const struct hearth_event *event = check->event, *invite;
	const struct hearth_json *signed_part = hearth_json_get_object(third_party_invite, "signed");
	const char *user_id = hearth_auth_string(signed_part, "mxid");
	const char *token = hearth_auth_string(signed_part, "token");

	if (!user_id || !token)
		return hearth_auth_reject(check, "the third-party invite lacks signed, mxid or token");
	if (strcmp(user_id, event->state_key) != 0)
		return hearth_auth_reject(check, "the third-party invite is for another user");
	invite = hearth_auth_state(check, "m.room.third_party_invite", token);
	if (!invite)
		return hearth_auth_reject(check, "the room has no such third-party invite");
	if (strcmp(invite->sender, event->sender) != 0)
		return hearth_auth_reject(check, "the third-party invite was sent by another user");
	return check_signatures(check, signed_part, invite);
}
