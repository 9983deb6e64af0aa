/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/matrix/id.h - identifiers (spec appendices, "Identifier Grammar"). Pure; nothing suspends.
 *
 * 1.0  first version
 */
#ifndef HEARTH_MATRIX_ID_H
#define HEARTH_MATRIX_ID_H

#include <hearth/arena.h>
#include <hearth/error.h>

HEARTH_BEGIN_DECLS

#define HEARTH_ID_MAX_BYTES 255

/*
 * 1 where text is a valid id of that kind, at most 255 bytes (NULL is none). User ids are checked against the historical
 * grammar (any localpart, even an empty one, of UTF-8 without ':'), since old ids must go on working; new registrations
 * pass hearth_id_localpart_is_strict. Room ids and event ids of every room version are taken: with a server name, and
 * without one, where a room id is "!" and 43 characters of URL-safe base64.
 */
HEARTH_EXPORT int hearth_id_is_user(const char *text);
HEARTH_EXPORT int hearth_id_is_room(const char *text);
HEARTH_EXPORT int hearth_id_is_alias(const char *text);
HEARTH_EXPORT int hearth_id_is_event(const char *text);
HEARTH_EXPORT int hearth_id_is_server_name(const char *text); /* host, IPv4 or [IPv6], optional port */
HEARTH_EXPORT int hearth_id_localpart_is_strict(const char *localpart); /* a-z 0-9 . _ = - / + */
HEARTH_EXPORT int hearth_id_is_opaque(const char *text); /* opaque identifier grammar: 1 to 255 of A-Z a-z 0-9 - . _ ~ */

/* What follows the first ':' of an id, borrowed; NULL where there is none (room version 12 rooms, v3+ events). */
HEARTH_EXPORT const char *hearth_id_server(const char *id);
/* What stands between the sigil and the first ':' (or the end). arena. */
HEARTH_EXPORT char *hearth_id_localpart(struct hearth_arena *arena, const char *id);
/* 1 where the id's server part is server_name. */
HEARTH_EXPORT int hearth_id_is_local(const char *id, const char *server_name);

/* Fills text with length - 1 letters and digits from the system's random source, and a NUL. */
HEARTH_EXPORT void hearth_id_random(char *text, size_t length);

/* Unpadded base64, standard and URL-safe. Encode: arena. Decode: either alphabet, padding or none; -EINVAL. */
HEARTH_EXPORT char *hearth_base64_encode(struct hearth_arena *arena, const void *bytes, size_t size_bytes);
HEARTH_EXPORT char *hearth_base64url_encode(struct hearth_arena *arena, const void *bytes, size_t size_bytes);
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_base64_decode(struct hearth_arena *arena, const char *text, uint8_t **ret_bytes, size_t *ret_size_bytes);

/*
 * Server ACL (spec "Server Access Control Lists"): 1 where server_name may take part under the content of an
 * m.room.server_acl event (NULL: no ACL, all may).
 */
struct hearth_json;
HEARTH_EXPORT int hearth_acl_allows(const struct hearth_json *content, const char *server_name);

/* Matches * and ? (one character) against the whole of text; case as given. In time at most |pattern| x |text|. */
HEARTH_EXPORT int hearth_glob_matches(const char *pattern, const char *text);

HEARTH_END_DECLS
#endif
