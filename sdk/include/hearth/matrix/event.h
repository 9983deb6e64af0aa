/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/matrix/event.h - an event (PDU) as parsed from its JSON, its hashes, id, redaction and signatures.
 *
 * 1.0  first version
 */
#ifndef HEARTH_MATRIX_EVENT_H
#define HEARTH_MATRIX_EVENT_H

#include <hearth/json.h>
#include <hearth/matrix/room_version.h>

HEARTH_BEGIN_DECLS

#define HEARTH_EVENT_MAX_BYTES 65536 /* canonical JSON with signatures (spec "Size limits") */

/* The fields that rules look at, out of an event's JSON. All pointers: as long as the arena. */
struct hearth_event {
	uint32_t                          size;
	const struct hearth_room_version *version;
	const struct hearth_json         *json; /* the whole PDU, without event_id in versions 3 and later */
	const char                       *event_id;
	const char                       *room_id; /* of a v12 create event: derived from its hash */
	const char                       *type;
	const char                       *sender;
	const char                       *state_key; /* NULL: not a state event */
	const char                       *redacts;   /* from the top or from content, as the version says; NULL */
	const struct hearth_json         *content;
	int64_t                           origin_server_ts; /* ms */
	int64_t                           depth;
	size_t                            prev_count, auth_count;
	const char *const                *prev_events; /* ids, in the event's order */
	const char *const                *auth_events;
	uint32_t                          rejected; /* set by who found it so; event auth and state resolution skip those */
};

/*
 * Reads an event from a PDU. Checks that the fields are there, of their types and sizes (spec "Size limits"), with
 * canonical JSON in strict versions. event_id NULL: computed (or read from the PDU in versions 1 and 2).
 * -EINVAL with M_BAD_JSON, -EFBIG with M_TOO_LARGE.
 */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_event_read(struct hearth_arena *arena, const struct hearth_room_version *version,
		      const struct hearth_json *pdu, const char *event_id, const struct hearth_event **ret_event,
		      struct hearth_error *err);

/*
 * The event as redaction leaves it (spec of each room version, "Redactions"), as a new PDU; hashes, signatures and
 * unsigned as the rules say.
 */
HEARTH_EXPORT const struct hearth_json *hearth_event_redact(struct hearth_arena *arena,
							     const struct hearth_room_version *version,
							     const struct hearth_json *pdu);

/* SHA-256 over the canonical PDU without unsigned, signatures, hashes (spec "Calculating the content hash"). */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_event_content_hash(struct hearth_arena *arena, const struct hearth_room_version *version,
			      const struct hearth_json *pdu, uint8_t ret_hash[32], struct hearth_error *err);

/* SHA-256 over the redacted PDU (spec "Calculating the reference hash"). */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_event_reference_hash(struct hearth_arena *arena, const struct hearth_room_version *version,
				const struct hearth_json *pdu, uint8_t ret_hash[32], struct hearth_error *err);

/* The event id that the reference hash gives in versions 3 and later; the event_id field before. arena. */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_event_id(struct hearth_arena *arena, const struct hearth_room_version *version,
		    const struct hearth_json *pdu, const char **ret_event_id, struct hearth_error *err);

/* --- Ed25519 and signed JSON (spec appendices, "Signing JSON") --- */
struct hearth_signing_key {
	char    key_id[64];  /* "ed25519:a_abcd" */
	uint8_t seed[32];    /* secret */
	uint8_t public_key[32];
};

/* A new key, or the one whose seed is given; version is the part after "ed25519:". -EINVAL for a bad version. */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_signing_key_generate(struct hearth_signing_key *key, const char *version, struct hearth_error *err);
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_signing_key_from_seed(struct hearth_signing_key *key, const char *version, const uint8_t seed[32],
				 struct hearth_error *err);
HEARTH_EXPORT void hearth_ed25519_sign(const struct hearth_signing_key *key, const void *message, size_t size_bytes,
				       uint8_t ret_signature[64]);
/* 1: valid. */
HEARTH_EXPORT int hearth_ed25519_verify(const uint8_t public_key[32], const void *message, size_t size_bytes,
					const uint8_t signature[64]);

/* Adds signatures.<signer>.<key id> to an object, over its canonical form without signatures and unsigned. */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_json_sign(struct hearth_arena *arena, struct hearth_json *object, const char *signer,
		     const struct hearth_signing_key *key, struct hearth_error *err);
/* 0, or -EACCES with M_UNAUTHORIZED where the signature is missing or wrong. */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_json_verify(struct hearth_arena *arena, const struct hearth_json *object, const char *signer,
		       const char *key_id, const uint8_t public_key[32], struct hearth_error *err);

/*
 * Makes an event whole: adds hashes, signs the redacted form as signer, and tells its id. pdu is changed in place.
 */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_event_sign(struct hearth_arena *arena, const struct hearth_room_version *version, struct hearth_json *pdu,
		      const char *signer, const struct hearth_signing_key *key, const char **ret_event_id,
		      struct hearth_error *err);

/* SHA-256 of bytes. */
HEARTH_EXPORT void hearth_sha256(const void *bytes, size_t size_bytes, uint8_t ret_hash[32]);
/* 1 where the two are equal, in a time that depends on size_bytes alone. */
HEARTH_EXPORT int hearth_equal_secret(const void *a, const void *b, size_t size_bytes);

HEARTH_END_DECLS
#endif
