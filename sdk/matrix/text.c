/* SPDX-License-Identifier: Apache-2.0 */
/* Growing text and JSON scalars. */
#include "text.h"

#include <hearth/base.h>

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAPACITY 256u

void hearth_text_finish(struct text *text)
{
	if (text->bytes != text->borrowed)
		free(text->bytes);
	*text = (struct text){ 0 };
}

void hearth_text_reserve_slowly(struct text *text, size_t more_bytes)
{
	size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;
	char *bytes;

	hearth_assert(more_bytes < SIZE_MAX / 4 && text->size < SIZE_MAX / 4);
	while (capacity - text->size < more_bytes)
		capacity *= 2;
	if (text->bytes == text->borrowed) {
		bytes = malloc(capacity);
		if (bytes && text->size)
			memcpy(bytes, text->bytes, text->size);
	} else {
		bytes = realloc(text->bytes, capacity);
	}
	hearth_assert(bytes);
	text->bytes = bytes;
	text->capacity = capacity;
}

/* Well-formed byte sequences: Unicode standard, table 3-7. */
size_t hearth_utf8_length(const char *bytes, size_t available)
{
	const unsigned char *at = (const unsigned char *)bytes;
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (available == 0)
		return 0;
	if (at[0] < 0x80)
		return 1;
	if (at[0] < 0xc2 || at[0] > 0xf4)
		return 0;
	length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
	switch (at[0]) {
	case 0xe0: low = 0xa0; break;
	case 0xed: high = 0x9f; break;
	case 0xf0: low = 0x90; break;
	case 0xf4: high = 0x8f; break;
	}
	if (available < length || at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if (at[i] < 0x80 || at[i] > 0xbf)
			return 0;
	return length;
}

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
}

/* Eight bytes at a time: a byte stands out where its top bit is set in one of the four terms. */
static size_t plain_length(const char *string, size_t length)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	size_t i = 0;

	for (; i + 8 <= length; i += 8) {
		uint64_t word, quote, backslash;

		memcpy(&word, string + i, 8);
		quote = word ^ (ones * '"');
		backslash = word ^ (ones * '\\');
		if ((word | (word - ones * 0x20) | (quote - ones) | (backslash - ones)) & tops)
			break;
	}
	while (i < length && is_plain((unsigned char)string[i]))
		i++;
	return i;
}

static void append_escape(struct text *text, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";
	char letter = 0;

	switch (byte) {
	case '\b': letter = 'b'; break;
	case '\t': letter = 't'; break;
	case '\n': letter = 'n'; break;
	case '\f': letter = 'f'; break;
	case '\r': letter = 'r'; break;
	case '"':
	case '\\': letter = (char)byte; break;
	}
	if (letter)
		hearth_text_append(text, (char[]){ '\\', letter }, 2);
	else
		hearth_text_append(text, (char[]){ '\\', 'u', '0', '0', digits[byte >> 4], digits[byte & 15] }, 6);
}

void hearth_text_json_string(struct text *text, const char *string, size_t length)
{
	size_t i = 0;

	hearth_text_reserve(text, length + 2);
	hearth_text_put(text, '"');
	while (i < length) {
		size_t run = plain_length(string + i, length - i);

		hearth_text_append(text, string + i, run);
		i += run;
		if (i == length)
			break;
		if ((unsigned char)string[i] < 0x80) {
			append_escape(text, (unsigned char)string[i++]);
			continue;
		}
		run = hearth_utf8_length(string + i, length - i);
		hearth_text_append(text, run ? string + i : "\xef\xbf\xbd", run ? run : 3);
		i += run ? run : 1;
	}
	hearth_text_put(text, '"');
}

void hearth_text_json_int(struct text *text, int64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);
	uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

	do {
		digits[--at] = (char)('0' + rest % 10);
		rest /= 10;
	} while (rest);
	if (number < 0)
		digits[--at] = '-';
	hearth_text_append(text, digits + at, sizeof(digits) - at);
}

/* The significant digits of a finite number in the fewest that read back, whatever the locale's decimal point. */
static size_t shortest_digits(double number, char digits[18], int *ret_exponent)
{
	char printed[40];
	size_t count = 0;
	const char *at;

	for (int precision = 0; precision < 17; precision++) {
		snprintf(printed, sizeof(printed), "%.*e", precision, number);
		if (strtod(printed, NULL) == number)
			break;
	}
	for (at = printed; *at != 'e'; at++)
		if (*at >= '0' && *at <= '9')
			digits[count++] = *at;
	*ret_exponent = (int)strtol(at + 1, NULL, 10);
	while (count > 1 && digits[count - 1] == '0')
		count--;
	return count;
}

void hearth_text_json_float(struct text *text, double number)
{
	char digits[18], exponent_text[8];
	int exponent;
	size_t count = shortest_digits(number, digits, &exponent);

	if (__builtin_signbit(number))
		hearth_text_put(text, '-');
	if (exponent < -4 || exponent >= 16) {
		hearth_text_put(text, digits[0]);
		if (count > 1)
			hearth_text_put(text, '.');
		hearth_text_append(text, digits + 1, count - 1);
		snprintf(exponent_text, sizeof(exponent_text), "e%+03d", exponent);
		hearth_text_append(text, exponent_text, strlen(exponent_text));
		return;
	}
	if (exponent < 0)
		hearth_text_append(text, "0.000", (size_t)(1 - exponent));
	for (int i = 0; i < (int)count || i <= exponent + 1; i++) {
		if (exponent >= 0 && i == exponent + 1)
			hearth_text_put(text, '.');
		hearth_text_put(text, i < (int)count ? digits[i] : '0');
	}
}
