/* SPDX-License-Identifier: Apache-2.0
 *
 * host/http/head.h - reads the head of an HTTP/1.1 request (RFC 9112), strictly: whatever two servers could read in
 * two ways is refused, so that nothing can be smuggled past a proxy in front of us.
 */
#ifndef HOST_HTTP_HEAD_H
#define HOST_HTTP_HEAD_H

#include <hearth/arena.h>
#include <hearth/error.h>

#include <stdbool.h>

#define HEAD_MAX_BYTES 65536u
#define HEAD_MAX_HEADERS 128u

struct head_header {
	const char *name;
	const char *value; /* without the spaces around it */
};

struct head {
	const char *method;
	const char *path;  /* "/..." as received; an absolute target's scheme and host are taken off; "*" of OPTIONS */
	const char *query; /* what follows the first '?'; NULL: none */
	const struct head_header *headers;
	size_t header_count;
	uint64_t content_length;
	bool has_length;
	bool chunked;
	bool keep_alive;
	bool expects_continue;
};

/*
 * Reads a head that ends with an empty line. bytes are changed: the texts of ret_head point into them; the rest is in
 * the arena. Refusals carry their HTTP status; the connection is of no more use after one.
 */
HEARTH_MUST_CHECK
int head_parse(struct hearth_arena *arena, char *bytes, size_t length, struct head *ret_head, struct hearth_error *err);

/* Whether a line without its CRLF is a header: a name, a colon right behind it, a value. */
bool head_is_field(const char *line);

/* A header's value, NULL where absent; of several the first. name in any case. */
const char *head_find(const struct head *head, const char *name);

/* 1 where a comma-separated header has that element, in any case. */
bool head_list_has(const char *list, const char *element);

#endif
