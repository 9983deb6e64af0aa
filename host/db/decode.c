/* SPDX-License-Identifier: Apache-2.0 */
/* Rows: from binary values to struct members. */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db/value.h"

static uint32_t get_32(const char *at)
{
	uint32_t big;

	memcpy(&big, at, sizeof(big));
	return be32toh(big);
}

static uint64_t get_64(const char *at)
{
	uint64_t big;

	memcpy(&big, at, sizeof(big));
	return be64toh(big);
}

static int64_t get_int(const char *at, size_t length)
{
	uint16_t big;

	switch (length) {
	case 8:
		return (int64_t)get_64(at);
	case 4:
		return (int32_t)get_32(at);
	default:
		memcpy(&big, at, sizeof(big));
		return (int16_t)be16toh(big);
	}
}

static double get_float(const char *at, size_t length)
{
	uint64_t bits_64;
	uint32_t bits_32;
	double wide;
	float narrow;

	if (length == 8) {
		bits_64 = get_64(at);
		memcpy(&wide, &bits_64, sizeof(wide));
		return wide;
	}
	bits_32 = get_32(at);
	memcpy(&narrow, &bits_32, sizeof(narrow));
	return narrow;
}

/* What is left of an array value while it is read. */
struct cursor {
	const char *at;
	size_t      left;
};

/* The count of elements; -EPROTO for more than one dimension. */
static int array_head(struct cursor *cursor, size_t *ret_count)
{
	uint32_t dimensions;

	if (cursor->left < 12)
		return -EPROTO;
	dimensions = get_32(cursor->at);
	if (dimensions > 1 || (dimensions && cursor->left < 20))
		return -EPROTO;
	*ret_count = dimensions ? get_32(cursor->at + 12) : 0;
	cursor->at += dimensions ? 20 : 12;
	cursor->left -= dimensions ? 20 : 12;
	return *ret_count > cursor->left / 4 ? -EPROTO : 0;
}

/* *ret_at is NULL for SQL NULL. */
static int array_element(struct cursor *cursor, const char **ret_at, size_t *ret_length)
{
	uint32_t length;

	if (cursor->left < 4)
		return -EPROTO;
	length = get_32(cursor->at);
	cursor->at += 4;
	cursor->left -= 4;
	*ret_at = length == UINT32_MAX ? NULL : cursor->at;
	*ret_length = length == UINT32_MAX ? 0 : length;
	if (*ret_length > cursor->left)
		return -EPROTO;
	cursor->at += *ret_length;
	cursor->left -= *ret_length;
	return 0;
}

static int decode_texts(struct hearth_arena *arena, struct cursor cursor, struct hearth_texts *ret)
{
	const char **items, *at;
	size_t count, length;
	int r = array_head(&cursor, &count);

	if (r < 0)
		return r;
	items = hearth_arena_array_of(arena, const char *, count);
	for (size_t i = 0; i < count; i++) {
		r = array_element(&cursor, &at, &length);
		if (r < 0)
			return r;
		items[i] = at ? hearth_arena_strndup(arena, at, length) : NULL;
	}
	*ret = (struct hearth_texts){ items, count };
	return 0;
}

static int decode_ints(struct hearth_arena *arena, struct cursor cursor, struct hearth_ints *ret)
{
	int64_t *items;
	const char *at;
	size_t count, length;
	int r = array_head(&cursor, &count);

	if (r < 0)
		return r;
	items = hearth_arena_array_of(arena, int64_t, count);
	for (size_t i = 0; i < count; i++) {
		r = array_element(&cursor, &at, &length);
		if (r < 0 || (at && length != 8 && length != 4 && length != 2))
			return -EPROTO;
		items[i] = at ? get_int(at, length) : 0;
	}
	*ret = (struct hearth_ints){ items, count };
	return 0;
}

static int decode_json(struct hearth_arena *arena, const char *at, size_t length, const struct hearth_json **ret)
{
	struct hearth_error ignored = { 0 };
	const char *text = hearth_arena_strndup(arena, at, length);

	return hearth_json_parse(arena, text, length, HEARTH_JSON_BIG_INTS, ret, &ignored) < 0 ? -EPROTO : 0;
}

static int decode_member(struct hearth_arena *arena, const struct hearth_field *field, const char *at, size_t length,
			 void *member)
{
	switch (field->type) {
	case HEARTH_TYPE_TEXT:
		*(const char **)member = hearth_arena_strndup(arena, at, length);
		return 0;
	case HEARTH_TYPE_INT:
		*(int64_t *)member = get_int(at, length);
		return 0;
	case HEARTH_TYPE_BOOL:
		*(bool *)member = at[0] != 0;
		return 0;
	case HEARTH_TYPE_FLOAT:
		*(double *)member = get_float(at, length);
		return 0;
	case HEARTH_TYPE_BYTES:
		*(struct hearth_bytes *)member = (struct hearth_bytes){ hearth_arena_memdup(arena, at, length), length };
		return 0;
	case HEARTH_TYPE_TEXTS:
		return decode_texts(arena, (struct cursor){ at, length }, member);
	case HEARTH_TYPE_INTS:
		return decode_ints(arena, (struct cursor){ at, length }, member);
	default:
		return decode_json(arena, at, length, member);
	}
}

int db_decode(struct hearth_arena *arena, const struct db_statement *statement, const PGresult *result,
	      struct hearth_rows *ret_rows, struct hearth_error *err)
{
	const struct hearth_statement *declared = statement->declared;
	int count = PQntuples(result), columns = (int)statement->column_count;
	char *items = hearth_arena_calloc(arena, (size_t)count, declared->row_size);
	int r;

	for (int row = 0; row < count; row++) {
		char *item = items + (size_t)row * declared->row_size;

		for (int column = 0; column < columns; column++) {
			const struct hearth_field *field = &declared->row[column];

			if (PQgetisnull(result, row, column))
				continue;
			r = decode_member(arena, field, PQgetvalue(result, row, column),
					  (size_t)PQgetlength(result, row, column), item + field->offset);
			if (r < 0)
				return hearth_fail(err, r, "statement %s: column '%s' holds a value that cannot be read",
						   declared->name, field->name);
		}
	}
	*ret_rows = (struct hearth_rows){
		.items = items,
		.count = (size_t)count,
		.affected = strtoull(PQcmdTuples((PGresult *)(uintptr_t)result), NULL, 10),
	};
	return 0;
}
