/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of what stands in a request target. */
#include "url.h"

#include <string.h>

static int hex_digit(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	if (digit >= 'A' && digit <= 'F')
		return digit - 'A' + 10;
	return -1;
}

struct url_text url_decode(struct hearth_arena *arena, const char *bytes, size_t length, bool form)
{
	char *text = hearth_arena_alloc(arena, length + 1);
	size_t size = 0;

	for (size_t i = 0; i < length; i++) {
		char byte = bytes[i];

		if (byte == '%' && length - i > 2 && hex_digit(bytes[i + 1]) >= 0 && hex_digit(bytes[i + 2]) >= 0) {
			byte = (char)(hex_digit(bytes[i + 1]) * 16 + hex_digit(bytes[i + 2]));
			i += 2;
		} else if (byte == '+' && form) {
			byte = ' ';
		}
		text[size++] = byte;
	}
	text[size] = '\0';
	return (struct url_text){ .text = text, .length = size };
}

static struct url_pair parse_pair(struct hearth_arena *arena, const char *pair, size_t length)
{
	const char *equals = memchr(pair, '=', length);
	size_t name_length = equals ? (size_t)(equals - pair) : length;
	struct url_pair parsed = { .name = url_decode(arena, pair, name_length, true) };

	if (equals)
		parsed.value = url_decode(arena, equals + 1, length - name_length - 1, true);
	else
		parsed.value = (struct url_text){ .text = "", .length = 0 };
	return parsed;
}

struct url_query url_query_parse(struct hearth_arena *arena, const char *query)
{
	size_t room = 1, count = 0;
	struct url_pair *pairs;

	if (!query || !*query)
		return (struct url_query){ 0 };
	for (const char *at = query; *at; at++)
		room += *at == '&';
	if (room > URL_PAIRS_MAX)
		room = URL_PAIRS_MAX;
	pairs = hearth_arena_array_of(arena, struct url_pair, room);
	while (*query && count < room) {
		size_t length = strcspn(query, "&");

		if (length > 0)
			pairs[count++] = parse_pair(arena, query, length);
		query += length + (query[length] == '&');
	}
	return (struct url_query){ .pairs = pairs, .count = count };
}

const struct url_text *url_query_find(const struct url_query *query, const char *name)
{
	for (size_t i = 0; i < query->count; i++)
		if (strcmp(query->pairs[i].name.text, name) == 0 && strlen(name) == query->pairs[i].name.length)
			return &query->pairs[i].value;
	return NULL;
}

/* Length of the UTF-8 sequence at bytes, 0 where there is none: overlong forms and surrogates are none. */
static size_t sequence_length(const unsigned char *bytes, size_t left)
{
	size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xc2 ? 0 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 :
			bytes[0] < 0xf5 ? 4 : 0;

	if (length == 0 || length > left)
		return 0;
	for (size_t i = 1; i < length; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	if ((bytes[0] == 0xe0 && bytes[1] < 0xa0) || (bytes[0] == 0xed && bytes[1] > 0x9f))
		return 0;
	if ((bytes[0] == 0xf0 && bytes[1] < 0x90) || (bytes[0] == 0xf4 && bytes[1] > 0x8f))
		return 0;
	return length;
}

bool url_is_text(const char *bytes, size_t length)
{
	size_t at = 0;

	while (at < length) {
		size_t step = bytes[at] ? sequence_length((const unsigned char *)bytes + at, length - at) : 0;

		if (step == 0)
			return false;
		at += step;
	}
	return true;
}
