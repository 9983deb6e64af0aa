/* SPDX-License-Identifier: Apache-2.0 */
/* What a JSON value is made of. For the json_*.c files and the writer alone. */
#ifndef HEARTH_JSON_INTERNAL_H
#define HEARTH_JSON_INTERNAL_H

#include <hearth/json.h>

#include "text.h"

/* Levels beyond HEARTH_JSON_DEPTH_MAX that our own code may put around a parsed value. */
#define HEARTH_JSON_WRAPPING_MAX 16

struct hearth_json {
	uint32_t type; /* enum hearth_json_type */
	uint32_t source_length;
	const char *source; /* NULL for a built value */
	union {
		int truth;
		int64_t integer;
		double number;
		struct {
			const char *text;
			size_t length;
		};
	};
};

struct member {
	const char *key;
	size_t key_length;
	const struct hearth_json *value;
};

/*
 * The value of an array or object: members in the order of the source text. order lists them by key, and is NULL where
 * they stand in that order already, as in canonical JSON and in every built object.
 */
struct container {
	struct hearth_json base;
	union {
		struct member *members;
		const struct hearth_json **elements;
	};
	size_t count;
	size_t capacity;
	const uint32_t *order;
	struct hearth_arena *arena; /* NULL: immutable */
};

static inline const struct container *as_object(const struct hearth_json *value)
{
	return value && value->type == HEARTH_JSON_OBJECT ? (const struct container *)value : NULL;
}

static inline const struct container *as_array(const struct hearth_json *value)
{
	return value && value->type == HEARTH_JSON_ARRAY ? (const struct container *)value : NULL;
}

/* The member at an index of the order by key. */
static inline const struct member *sorted_member(const struct container *object, size_t index)
{
	return &object->members[object->order ? object->order[index] : index];
}

/* Order by code point, which is the order of UTF-8 bytes. */
int hearth_json_compare_keys(const struct member *a, const struct member *b);

/* With a key that may hold NULs. */
const struct hearth_json *hearth_json_get_n(const struct hearth_json *object, const char *key, size_t length);

/*
 * Writes a value, keys sorted. Flags as for hearth_json_canonical. -EINVAL with M_BAD_JSON for a number that they
 * forbid, and for nesting beyond depth_max.
 */
HEARTH_MUST_CHECK
int hearth_json_serialise(struct text *text, const struct hearth_json *value, uint32_t flags, size_t depth_max,
			  struct hearth_error *err);

#endif
