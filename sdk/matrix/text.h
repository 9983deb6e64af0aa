/* SPDX-License-Identifier: Apache-2.0 */
/* A growing text on the heap, and how JSON scalars are written into it. Shared by the writer and canonical JSON. */
#ifndef HEARTH_TEXT_H
#define HEARTH_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	char *bytes;
	size_t size;
	size_t capacity;
	char *borrowed; /* memory that bytes may start in, and that is not ours to free */
};

/* Frees the bytes. */
void hearth_text_finish(struct text *text);

/* Makes room for more_bytes; doubles, so that appending is linear on the whole. */
void hearth_text_reserve_slowly(struct text *text, size_t more_bytes);

static inline void hearth_text_reserve(struct text *text, size_t more_bytes)
{
	if (more_bytes > text->capacity - text->size)
		hearth_text_reserve_slowly(text, more_bytes);
}

static inline void hearth_text_append(struct text *text, const char *bytes, size_t length)
{
	hearth_text_reserve(text, length);
	if (length)
		memcpy(text->bytes + text->size, bytes, length);
	text->size += length;
}

static inline void hearth_text_put(struct text *text, char byte)
{
	hearth_text_reserve(text, 1);
	text->bytes[text->size++] = byte;
}

/* Quoted, with the escapes of canonical JSON. Bytes that are not UTF-8 become U+FFFD. */
void hearth_text_json_string(struct text *text, const char *string, size_t length);
void hearth_text_json_int(struct text *text, int64_t number);
/* The shortest decimal that reads back as the same number; always with a point or an exponent. */
void hearth_text_json_float(struct text *text, double number);

/* The length of the well-formed UTF-8 sequence at bytes (1 to 4), 0 where there is none. */
size_t hearth_utf8_length(const char *bytes, size_t available);

#endif
