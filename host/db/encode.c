/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters: from struct members to binary values. */
#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "db/oid.h"
#include "db/value.h"

#define VALUE_BYTES_MAX (INT_MAX / 2)

#define ONES_8 1, 1, 1, 1, 1, 1, 1, 1
const int DB_BINARY[DB_PARAMS_MAX] = { ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8, ONES_8 };

struct value {
	const char *at;
	size_t      length;
};

static void put_32(char *at, uint32_t number)
{
	uint32_t big = htobe32(number);

	memcpy(at, &big, sizeof(big));
}

static void put_64(char *at, uint64_t number)
{
	uint64_t big = htobe64(number);

	memcpy(at, &big, sizeof(big));
}

/* An array's head: dimensions, whether NULLs are inside, the elements' type, then size and lower bound of each dimension. */
static char *put_array_head(char *at, Oid element, size_t count, bool nulls)
{
	put_32(at, count > 0);
	put_32(at + 4, nulls);
	put_32(at + 8, element);
	if (!count)
		return at + 12;
	put_32(at + 12, (uint32_t)count);
	put_32(at + 16, 1);
	return at + 20;
}

static struct value texts_value(struct hearth_arena *arena, const struct hearth_texts *texts)
{
	size_t size_bytes = 20;
	bool nulls = false;
	char *bytes, *at;

	for (size_t i = 0; i < texts->count; i++) {
		size_bytes += 4 + (texts->items[i] ? strlen(texts->items[i]) : 0);
		nulls = nulls || !texts->items[i];
	}
	bytes = hearth_arena_alloc(arena, size_bytes);
	at = put_array_head(bytes, OID_TEXT, texts->count, nulls);
	for (size_t i = 0; i < texts->count; i++) {
		size_t length = texts->items[i] ? strlen(texts->items[i]) : 0;

		put_32(at, texts->items[i] ? (uint32_t)length : UINT32_MAX);
		if (length)
			memcpy(at + 4, texts->items[i], length);
		at += 4 + length;
	}
	return (struct value){ bytes, (size_t)(at - bytes) };
}

static struct value ints_value(struct hearth_arena *arena, const struct hearth_ints *ints)
{
	char *bytes = hearth_arena_alloc(arena, 20 + 12 * ints->count);
	char *at = put_array_head(bytes, OID_INT8, ints->count, false);

	for (size_t i = 0; i < ints->count; i++, at += 12) {
		put_32(at, 8);
		put_64(at + 4, (uint64_t)ints->items[i]);
	}
	return (struct value){ bytes, (size_t)(at - bytes) };
}

static int json_value(struct hearth_arena *arena, const struct hearth_json *json, struct value *ret,
		      struct hearth_error *err)
{
	char *text;
	size_t length;
	int r;

	if (!json) {
		*ret = (struct value){ 0 };
		return 0;
	}
	r = hearth_json_canonical(arena, json, HEARTH_JSON_BIG_INTS, &text, &length, err);
	if (r < 0)
		return r;
	*ret = (struct value){ text, length };
	return 0;
}

static struct value scalar(char place[8], uint64_t bits)
{
	put_64(place, bits);
	return (struct value){ place, 8 };
}

static struct value truth(char place[8], bool is_true)
{
	place[0] = (char)is_true;
	return (struct value){ place, 1 };
}

static int encode_member(struct hearth_arena *arena, const struct hearth_field *field, const void *member,
			 char place[8], struct value *ret, struct hearth_error *err)
{
	const char *text;
	const struct hearth_bytes *bytes;
	uint64_t bits;

	switch (field->type) {
	case HEARTH_TYPE_TEXT:
		text = *(const char *const *)member;
		*ret = (struct value){ text, text ? strlen(text) : 0 };
		return 0;
	case HEARTH_TYPE_INT:
		*ret = scalar(place, (uint64_t)*(const int64_t *)member);
		return 0;
	case HEARTH_TYPE_BOOL:
		*ret = truth(place, *(const bool *)member);
		return 0;
	case HEARTH_TYPE_FLOAT:
		memcpy(&bits, member, sizeof(bits));
		*ret = scalar(place, bits);
		return 0;
	case HEARTH_TYPE_BYTES:
		bytes = member;
		*ret = (struct value){ bytes->data, bytes->size };
		return 0;
	case HEARTH_TYPE_TEXTS:
		*ret = texts_value(arena, member);
		return 0;
	case HEARTH_TYPE_INTS:
		*ret = ints_value(arena, member);
		return 0;
	default:
		return json_value(arena, *(const struct hearth_json *const *)member, ret, err);
	}
}

int db_encode(struct hearth_arena *arena, const struct db_statement *statement, const void *params,
	      struct db_values *ret_values, struct hearth_error *err)
{
	const struct hearth_field *field = statement->declared->params;
	struct value value;
	int r;

	hearth_assert(params || !statement->param_count);
	for (uint32_t i = 0; i < statement->param_count; i++, field++) {
		r = encode_member(arena, field, (const char *)params + field->offset, ret_values->scalars[i], &value, err);
		if (r < 0)
			return r;
		if (value.length > VALUE_BYTES_MAX)
			return hearth_fail(err, -EFBIG, "statement %s: parameter '%s' has %zu bytes",
					   statement->declared->name, field->name, value.length);
		ret_values->at[i] = value.at;
		ret_values->length[i] = (int)value.length;
	}
	return 0;
}

static bool is_in_arena(uint32_t type)
{
	return type == HEARTH_TYPE_JSON || type == HEARTH_TYPE_TEXTS || type == HEARTH_TYPE_INTS;
}

int db_encode_copy(struct hearth_arena *arena, const struct db_statement *statement, const void *params,
		   const char *const **ret_at, const int **ret_lengths, struct hearth_error *err)
{
	struct db_values values;
	const char **at;
	size_t size_bytes = 0;
	char *bytes;
	int r;

	r = db_encode(arena, statement, params, &values, err);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < statement->param_count; i++)
		size_bytes += is_in_arena(statement->declared->params[i].type) ? 0 : (size_t)values.length[i];
	at = hearth_arena_memdup(arena, values.at, statement->param_count * sizeof(*at));
	bytes = hearth_arena_alloc(arena, size_bytes + 1);
	for (uint32_t i = 0; i < statement->param_count; i++) {
		if (!at[i] || is_in_arena(statement->declared->params[i].type))
			continue;
		memcpy(bytes, at[i], (size_t)values.length[i]);
		at[i] = bytes;
		bytes += values.length[i];
	}
	*ret_at = (const char *const *)at;
	*ret_lengths = hearth_arena_memdup(arena, values.length, statement->param_count * sizeof(int));
	return 0;
}
