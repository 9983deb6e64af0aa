/* SPDX-License-Identifier: Apache-2.0 */
/* One step per part of the coding: size line, data, its end, trailers. Trailers are read and dropped. */
#include "chunked.h"

#include "head.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 256u
#define TRAILERS_MAX_BYTES 8192u

/* A bare CR or LF in an extension or a trailer ends the line for some, and not for others. */
static bool is_plain(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (((unsigned char)line[i] < 0x20 && line[i] != '\t') || line[i] == 0x7f)
			return false;
	return true;
}

/* 1: ret_line (owned: free) is a line without its CRLF; 0: it has not arrived. */
static int take_line(struct evbuffer *in, char **ret_line, size_t *ret_length, struct hearth_error *err)
{
	char *line = evbuffer_readln(in, ret_length, EVBUFFER_EOL_CRLF_STRICT);

	if (line && *ret_length <= LINE_MAX_BYTES && is_plain(line, *ret_length)) {
		*ret_line = line;
		return 1;
	}
	free(line);
	if (line && *ret_length <= LINE_MAX_BYTES)
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "a line of the chunked body has a control character");
	if (line || evbuffer_get_length(in) > LINE_MAX_BYTES + 1) /* and its CR */
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "a line of the chunked body is too long");
	return 0;
}

/* "1a3;extension" */
static int parse_size(const char *line, uint64_t *ret_size, struct hearth_error *err)
{
	size_t digits = strspn(line, "0123456789abcdefABCDEF");

	if (digits == 0 || digits > 13 || (line[digits] && line[digits] != ';'))
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "a chunk of the body has no size");
	*ret_size = strtoull(line, NULL, 16);
	return 0;
}

static int take_size(struct chunked *chunked, struct evbuffer *in, uint64_t room, struct hearth_error *err)
{
	char *line;
	size_t length;
	int r = take_line(in, &line, &length, err);

	if (r <= 0)
		return r;
	r = parse_size(line, &chunked->left, err);
	free(line);
	if (r < 0)
		return r;
	if (chunked->left > room)
		return hearth_fail(err, -EFBIG, "the body is larger than this endpoint takes");
	chunked->state = chunked->left ? CHUNKED_DATA : CHUNKED_TRAILERS;
	return 1;
}

static int take_data(struct chunked *chunked, struct evbuffer *in, struct evbuffer *out)
{
	size_t size = evbuffer_get_length(in);

	if (size > chunked->left)
		size = (size_t)chunked->left;
	if (size == 0)
		return 0;
	(void)evbuffer_remove_buffer(in, out, size);
	chunked->left -= size;
	if (chunked->left > 0)
		return 0;
	chunked->state = CHUNKED_DATA_END;
	return 1;
}

static int take_data_end(struct chunked *chunked, struct evbuffer *in, struct hearth_error *err)
{
	char end[2];

	if (evbuffer_get_length(in) < 2)
		return 0;
	(void)evbuffer_remove(in, end, 2);
	if (end[0] != '\r' || end[1] != '\n')
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "a chunk of the body is longer than its size");
	chunked->state = CHUNKED_SIZE;
	return 1;
}

static int take_trailer(struct chunked *chunked, struct evbuffer *in, struct hearth_error *err)
{
	char *line;
	size_t length;
	int r = take_line(in, &line, &length, err);

	if (r <= 0)
		return r;
	r = length > 0 && !head_is_field(line) ? -EINVAL : 0;
	free(line);
	if (r < 0)
		return hearth_refuse(err, 400, "M_UNRECOGNIZED", "a trailer of the chunked body is malformed");
	chunked->trailer_bytes += length;
	if (chunked->trailer_bytes > TRAILERS_MAX_BYTES)
		return hearth_refuse(err, 431, "M_TOO_LARGE", "the trailers are too large");
	if (length == 0)
		chunked->state = CHUNKED_DONE;
	return 1;
}

int chunked_take(struct chunked *chunked, struct evbuffer *in, struct evbuffer *out, uint64_t max_bytes,
		 struct hearth_error *err)
{
	int r = 1;

	while (r > 0 && chunked->state != CHUNKED_DONE) {
		switch (chunked->state) {
		case CHUNKED_SIZE:
			r = take_size(chunked, in, max_bytes - evbuffer_get_length(out), err);
			break;
		case CHUNKED_DATA:
			r = take_data(chunked, in, out);
			break;
		case CHUNKED_DATA_END:
			r = take_data_end(chunked, in, err);
			break;
		case CHUNKED_TRAILERS:
			r = take_trailer(chunked, in, err);
			break;
		case CHUNKED_DONE:
			break;
		}
	}
	return r;
}
