/* SPDX-License-Identifier: Apache-2.0
 *
 * host/http/chunked.h - takes the chunked coding off a request body (RFC 9112, 7.1).
 */
#ifndef HOST_HTTP_CHUNKED_H
#define HOST_HTTP_CHUNKED_H

#include <hearth/error.h>

struct evbuffer;

enum chunked_state {
	CHUNKED_SIZE = 0,
	CHUNKED_DATA,
	CHUNKED_DATA_END,
	CHUNKED_TRAILERS,
	CHUNKED_DONE,
};

/* All zero: at the start of a body. */
struct chunked {
	enum chunked_state state;
	uint64_t left; /* bytes of the chunk that are still to come */
	size_t trailer_bytes;
};

/*
 * Moves what has arrived from in to out. 1: the body is complete, what is left in in belongs to the next request;
 * 0: more must come. -EFBIG: out would exceed max_bytes; -EINVAL: malformed, nothing after it can be trusted.
 */
HEARTH_MUST_CHECK
int chunked_take(struct chunked *chunked, struct evbuffer *in, struct evbuffer *out, uint64_t max_bytes,
		 struct hearth_error *err);

#endif
