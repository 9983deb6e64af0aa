/* SPDX-License-Identifier: Apache-2.0 */
/* Unpadded base64 (spec appendices, "Unpadded Base64"). */
#include <hearth/matrix/id.h>

#include <errno.h>
#include <string.h>

static const char STANDARD[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char URL_SAFE[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static char *encode(struct hearth_arena *arena, const char *alphabet, const uint8_t *bytes, size_t size_bytes)
{
	size_t length, written = 0;
	uint32_t bits = 0;
	int bit_count = 0;
	char *text;

	hearth_assert(size_bytes < SIZE_MAX / 2);
	length = size_bytes / 3 * 4 + (size_bytes % 3 ? size_bytes % 3 + 1 : 0);
	text = hearth_arena_alloc(arena, length + 1);
	for (size_t i = 0; i < size_bytes; i++) {
		bits = bits << 8 | bytes[i];
		for (bit_count += 8; bit_count >= 6; bit_count -= 6)
			text[written++] = alphabet[bits >> (bit_count - 6) & 63];
	}
	if (bit_count > 0)
		text[written++] = alphabet[bits << (6 - bit_count) & 63];
	hearth_assert(written == length);
	return text;
}

char *hearth_base64_encode(struct hearth_arena *arena, const void *bytes, size_t size_bytes)
{
	return encode(arena, STANDARD, bytes, size_bytes);
}

char *hearth_base64url_encode(struct hearth_arena *arena, const void *bytes, size_t size_bytes)
{
	return encode(arena, URL_SAFE, bytes, size_bytes);
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

/* The bits that are left over at the end may be anything: hashes that set them are in events for ever. */
int hearth_base64_decode(struct hearth_arena *arena, const char *text, uint8_t **ret_bytes, size_t *ret_size_bytes)
{
	size_t length = text ? strlen(text) : 0, padding = 0, size = 0;
	uint32_t bits = 0;
	int bit_count = 0;
	uint8_t *bytes;

	if (!text)
		return -EINVAL;
	while (padding < 2 && length > padding && text[length - padding - 1] == '=')
		padding++;
	if (padding && length % 4)
		return -EINVAL;
	length -= padding;
	if (length % 4 == 1)
		return -EINVAL;
	bytes = hearth_arena_alloc(arena, length / 4 * 3 + 3);
	for (size_t i = 0; i < length; i++) {
		int value = value_of(text[i]);

		if (value < 0)
			return -EINVAL;
		bits = bits << 6 | (uint32_t)value;
		bit_count += 6;
		if (bit_count >= 8) {
			bit_count -= 8;
			bytes[size++] = (uint8_t)(bits >> bit_count);
		}
	}
	*ret_bytes = bytes;
	*ret_size_bytes = size;
	return 0;
}
