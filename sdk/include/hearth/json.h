/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/json.h - JSON values as Matrix needs them.
 *
 * The parser is strict where others repair: duplicate keys, lone surrogates, invalid UTF-8, numbers out of range,
 * trailing bytes and nesting beyond a limit are errors that name the byte offset. A value lives in the arena it was
 * parsed into; integers are exact within +-(2^53 - 1) (spec appendices, "Canonical JSON").
 *
 * A value from hearth_json_parse is immutable. hearth_json_object_new and _array_new make values that can be added to
 * until they are handed on; what is added is shared, not copied.
 *
 * Accessors take NULL and values of another type, and answer NULL, 0 or false: a chain of lookups needs one check at
 * its end.
 *
 * 1.0  first version
 */
#ifndef HEARTH_JSON_H
#define HEARTH_JSON_H

#include <hearth/arena.h>
#include <hearth/error.h>

HEARTH_BEGIN_DECLS

struct hearth_json;

enum hearth_json_type {
	HEARTH_JSON_NONE = 0, /* the type of a NULL pointer: no such value */
	HEARTH_JSON_NULL,
	HEARTH_JSON_BOOL,
	HEARTH_JSON_INT,
	HEARTH_JSON_FLOAT,
	HEARTH_JSON_STRING,
	HEARTH_JSON_ARRAY,
	HEARTH_JSON_OBJECT,
};

#define HEARTH_JSON_INT_MAX INT64_C(9007199254740991)
#define HEARTH_JSON_INT_MIN (-HEARTH_JSON_INT_MAX)
#define HEARTH_JSON_DEPTH_MAX 128

/* Flags of hearth_json_parse. */
#define HEARTH_JSON_NO_FLOATS 1u /* refuse floats and exponents, as room versions 6 and later do for events */
#define HEARTH_JSON_BIG_INTS 2u  /* integers up to 64 bits (room versions 1 to 5 let them through) */

/*
 * Parses one value. text need not be NUL-terminated, and must outlive the value: source spans point into it. Returns 0,
 * or -EINVAL with M_NOT_JSON for what is no JSON and M_BAD_JSON for what is JSON that Matrix forbids (duplicate keys,
 * lone surrogates, numbers out of range, nesting). "-0" is the integer 0.
 */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_json_parse(struct hearth_arena *arena, const char *text, size_t length, uint32_t flags,
		      const struct hearth_json **ret_value, struct hearth_error *err);

HEARTH_EXPORT uint32_t hearth_json_type(const struct hearth_json *value); /* enum hearth_json_type */

/* The bytes of the source text that this value was parsed from; NULL and 0 for a built value. */
HEARTH_EXPORT const char *hearth_json_source(const struct hearth_json *value, size_t *ret_length);

/* --- scalars --- */
/* NUL-terminated UTF-8; ret_length (may be NULL) tells of NULs inside. NULL if not a string. */
HEARTH_EXPORT const char *hearth_json_string(const struct hearth_json *value, size_t *ret_length);
HEARTH_EXPORT int64_t hearth_json_int(const struct hearth_json *value);
HEARTH_EXPORT double hearth_json_float(const struct hearth_json *value); /* of an int, too */
HEARTH_EXPORT int hearth_json_true(const struct hearth_json *value);     /* 1 only for true itself */

/* --- arrays and objects --- */
HEARTH_EXPORT size_t hearth_json_size(const struct hearth_json *value); /* elements or members; else 0 */
/* An element of an array, or a member's value or key, by index; NULL beyond the last. */
HEARTH_EXPORT const struct hearth_json *hearth_json_at(const struct hearth_json *value, size_t index);
HEARTH_EXPORT const char *hearth_json_key_at(const struct hearth_json *object, size_t index);
HEARTH_EXPORT size_t hearth_json_key_length_at(const struct hearth_json *object, size_t index); /* tells of NULs inside */
/* A member by its key; NULL where there is none. */
HEARTH_EXPORT const struct hearth_json *hearth_json_get(const struct hearth_json *object, const char *key);

/* A member of one type, NULL or the default where it is missing or of another type. */
HEARTH_EXPORT const char *hearth_json_get_string(const struct hearth_json *object, const char *key);
HEARTH_EXPORT const struct hearth_json *hearth_json_get_object(const struct hearth_json *object, const char *key);
HEARTH_EXPORT const struct hearth_json *hearth_json_get_array(const struct hearth_json *object, const char *key);
HEARTH_EXPORT int64_t hearth_json_get_int(const struct hearth_json *object, const char *key, int64_t fallback);
HEARTH_EXPORT int hearth_json_get_bool(const struct hearth_json *object, const char *key, int fallback);

/* Deep equality; the order of members does not matter. */
HEARTH_EXPORT int hearth_json_equal(const struct hearth_json *a, const struct hearth_json *b);

/* --- building --- */
/* An empty object or array, to be filled; arena. */
HEARTH_EXPORT struct hearth_json *hearth_json_object_new(struct hearth_arena *arena);
HEARTH_EXPORT struct hearth_json *hearth_json_array_new(struct hearth_arena *arena);
/* A shallow copy that can be changed, its members in the order of their keys. object NULL or no object: an empty one. */
HEARTH_EXPORT struct hearth_json *hearth_json_object_copy(struct hearth_arena *arena, const struct hearth_json *object);
/* Adds or replaces; members of a built object stand in the order of their keys. key is copied. value NULL: nothing. */
HEARTH_EXPORT void hearth_json_set(struct hearth_json *object, const char *key, const struct hearth_json *value);
HEARTH_EXPORT void hearth_json_set_string(struct hearth_json *object, const char *key, const char *text);
HEARTH_EXPORT void hearth_json_set_int(struct hearth_json *object, const char *key, int64_t number);
HEARTH_EXPORT void hearth_json_set_bool(struct hearth_json *object, const char *key, int truth);
HEARTH_EXPORT void hearth_json_remove(struct hearth_json *object, const char *key);
HEARTH_EXPORT void hearth_json_append(struct hearth_json *array, const struct hearth_json *value);
HEARTH_EXPORT const struct hearth_json *hearth_json_string_new(struct hearth_arena *arena, const char *text);
HEARTH_EXPORT const struct hearth_json *hearth_json_int_new(struct hearth_arena *arena, int64_t number);
HEARTH_EXPORT const struct hearth_json *hearth_json_bool_new(struct hearth_arena *arena, int truth);
HEARTH_EXPORT const struct hearth_json *hearth_json_null_new(struct hearth_arena *arena);

/*
 * Canonical JSON (spec appendices): sorted keys, no spaces, shortest escapes, UTF-8. NUL-terminated, arena.
 * flags 0: a float that is a whole number is written as the integer it is (1e10 as 10000000000); -EINVAL with
 * M_BAD_JSON for any other, and for an integer beyond 2^53. HEARTH_JSON_NO_FLOATS: for every float.
 * HEARTH_JSON_BIG_INTS: none is refused, and floats stay floats, in the shortest form (what room versions 1 to 5 need).
 * M_BAD_JSON, too, for nesting beyond HEARTH_JSON_DEPTH_MAX: what is canonical can be parsed again. ret_length may be
 * NULL.
 */
HEARTH_EXPORT HEARTH_MUST_CHECK
int hearth_json_canonical(struct hearth_arena *arena, const struct hearth_json *value, uint32_t flags, char **ret_text,
			  size_t *ret_length, struct hearth_error *err);

HEARTH_END_DECLS
#endif
