/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of every room version (the first byte chooses it): redaction is idempotent and leaves the reference hash as it
 * was; what can be read can be read again under the same id after signing and redaction, and its signature verifies.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <hearth/matrix/event.h>

static void check_redaction(struct hearth_arena *arena, const struct hearth_room_version *version,
			    const struct hearth_json *pdu)
{
	const struct hearth_json *once = hearth_event_redact(arena, version, pdu);
	uint8_t before[32], after[32];

	hearth_assert(hearth_json_equal(once, hearth_event_redact(arena, version, once)));
	if (hearth_event_reference_hash(arena, version, pdu, before, NULL) < 0)
		return;
	hearth_assert(hearth_event_reference_hash(arena, version, once, after, NULL) == 0);
	hearth_assert(memcmp(before, after, sizeof(before)) == 0);
}

static void check_signing(struct hearth_arena *arena, const struct hearth_room_version *version,
			  const struct hearth_json *pdu, const struct hearth_signing_key *key)
{
	struct hearth_json *whole = hearth_json_object_copy(arena, pdu);
	const struct hearth_event *event = NULL;
	struct hearth_error err = { 0 };
	const char *event_id;
	int r;

	r = hearth_event_sign(arena, version, whole, "domain", key, &event_id, NULL);
	hearth_assert(r == 0);
	r = hearth_json_verify(arena, hearth_event_redact(arena, version, whole), "domain", key->key_id,
			       key->public_key, &err);
	hearth_assert(r == 0);
	r = hearth_event_read(arena, version, hearth_event_redact(arena, version, whole), NULL, &event, &err);
	if (r == -EFBIG) /* the signature was too much */
		return;
	hearth_assert(r == 0 && strcmp(event->event_id, event_id) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t seed[32] = { 1 };
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	const struct hearth_room_version *version;
	const struct hearth_event *event;
	const struct hearth_json *pdu;
	struct hearth_signing_key key;
	struct hearth_error err = { 0 };

	if (size == 0)
		return 0;
	version = hearth_room_version_at(data[0] % 12);
	if (hearth_json_parse(arena, (const char *)data + 1, size - 1, HEARTH_JSON_BIG_INTS, &pdu, NULL) < 0)
		return 0;
	check_redaction(arena, version, pdu);
	if (hearth_event_read(arena, version, pdu, NULL, &event, &err) < 0) {
		hearth_assert(err.code && err.errcode[0] && err.message[0]);
		return 0;
	}
	hearth_assert(event->event_id && event->room_id && event->type && event->sender && event->content);
	hearth_assert(hearth_signing_key_from_seed(&key, "1", seed, NULL) == 0);
	check_signing(arena, version, pdu, &key);
	return 0;
}
