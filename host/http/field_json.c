/* SPDX-License-Identifier: Apache-2.0 */
/* Fields whose value is part of the JSON body. */
#include "fields.h"

#include <errno.h>

static int refuse_type(const struct hearth_field *field, const char *expected, struct hearth_error *err)
{
	return hearth_refuse(err, 400, "M_BAD_JSON", "%s must be %s", field->name, expected);
}

static int take_text(const struct hearth_field *field, const struct hearth_json *value, const char **ret_text,
		     struct hearth_error *err)
{
	size_t length;
	const char *text = hearth_json_string(value, &length);
	int r;

	if (!text)
		return refuse_type(field, field->type == HEARTH_TYPE_TEXTS ? "an array of strings" : "a string", err);
	r = field_check_text(field, text, length, err);
	if (r == 0)
		*ret_text = text;
	return r;
}

static int take_int(const struct hearth_field *field, const struct hearth_json *value, int64_t *ret_number,
		    struct hearth_error *err)
{
	if (hearth_json_type(value) != HEARTH_JSON_INT)
		return refuse_type(field, field->type == HEARTH_TYPE_INTS ? "an array of integers" : "an integer", err);
	*ret_number = hearth_json_int(value);
	return field_check_int(field, *ret_number, err);
}

static int take_json(const struct hearth_field *field, const struct hearth_json *value,
		     const struct hearth_json **ret_value, struct hearth_error *err)
{
	uint32_t type = hearth_json_type(value);

	if (field->shape == HEARTH_AN_OBJECT && type != HEARTH_JSON_OBJECT)
		return refuse_type(field, "an object", err);
	if (field->shape == HEARTH_AN_ARRAY && type != HEARTH_JSON_ARRAY)
		return refuse_type(field, "an array", err);
	if (field->shape == HEARTH_A_STRING && type != HEARTH_JSON_STRING)
		return refuse_type(field, "a string", err);
	*ret_value = value;
	return type == HEARTH_JSON_ARRAY ? field_check_count(field, hearth_json_size(value), err) : 0;
}

static int take_list(const struct hearth_field *field, struct hearth_arena *arena, const struct hearth_json *value,
		     void *ret_member, struct hearth_error *err)
{
	bool ints = field->type == HEARTH_TYPE_INTS;
	size_t count = hearth_json_size(value);
	const char **items = hearth_arena_array_of(arena, const char *, ints ? 0 : count);
	int64_t *numbers = hearth_arena_array_of(arena, int64_t, ints ? count : 0);
	int r;

	if (hearth_json_type(value) != HEARTH_JSON_ARRAY)
		return refuse_type(field, ints ? "an array of integers" : "an array of strings", err);
	r = field_check_count(field, count, err);
	for (size_t i = 0; i < count && r == 0; i++) {
		if (ints)
			r = take_int(field, hearth_json_at(value, i), &numbers[i], err);
		else
			r = take_text(field, hearth_json_at(value, i), &items[i], err);
	}
	if (r < 0)
		return r;
	if (ints)
		*(struct hearth_ints *)ret_member = (struct hearth_ints){ .items = numbers, .count = count };
	else
		*(struct hearth_texts *)ret_member = (struct hearth_texts){ .items = items, .count = count };
	return 0;
}

int field_from_json(const struct hearth_field *field, struct hearth_arena *arena, const struct hearth_json *value,
		    void *ret_member, struct hearth_error *err)
{
	uint32_t type = hearth_json_type(value);
	struct hearth_bytes *bytes = ret_member;

	switch (field->type) {
	case HEARTH_TYPE_TEXT:
		return take_text(field, value, ret_member, err);
	case HEARTH_TYPE_INT:
		return take_int(field, value, ret_member, err);
	case HEARTH_TYPE_BOOL:
		if (type != HEARTH_JSON_BOOL)
			return refuse_type(field, "true or false", err);
		*(bool *)ret_member = hearth_json_true(value);
		return 0;
	case HEARTH_TYPE_FLOAT:
		if (type != HEARTH_JSON_INT && type != HEARTH_JSON_FLOAT)
			return refuse_type(field, "a number", err);
		*(double *)ret_member = hearth_json_float(value);
		return 0;
	case HEARTH_TYPE_JSON:
		return take_json(field, value, ret_member, err);
	case HEARTH_TYPE_BYTES:
		bytes->data = hearth_json_string(value, &bytes->size);
		return bytes->data ? 0 : refuse_type(field, "a string", err);
	default:
		return take_list(field, arena, value, ret_member, err);
	}
}
