/* SPDX-License-Identifier: Apache-2.0
 *
 * host/http/url.h - percent-decoding, path segments and query strings.
 */
#ifndef HOST_HTTP_URL_H
#define HOST_HTTP_URL_H

#include <hearth/arena.h>

#include <stdbool.h>

/* Decoded bytes: NUL-terminated, with NULs inside where length says so; not yet checked to be UTF-8. */
struct url_text {
	const char *text;
	size_t length;
};

struct url_pair {
	struct url_text name;
	struct url_text value;
};

struct url_query {
	const struct url_pair *pairs;
	size_t count;
};

#define URL_PAIRS_MAX 1024u

/*
 * Decodes %XX (and '+' as a space in forms). A '%' that starts no escape stands for itself, as browsers have it. The
 * result is in the arena.
 */
struct url_text url_decode(struct hearth_arena *arena, const char *bytes, size_t length, bool form);

/* Splits "a=1&b=2", decoded. query NULL: none. What follows URL_PAIRS_MAX pairs is dropped. */
struct url_query url_query_parse(struct hearth_arena *arena, const char *query);

/* The first value of a name, NULL where absent. */
const struct url_text *url_query_find(const struct url_query *query, const char *name);

/* 1 where the bytes are valid UTF-8 without NUL. */
bool url_is_text(const char *bytes, size_t length);

#endif
