/* SPDX-License-Identifier: Apache-2.0 */
/* Fields whose value came as text: path, query, headers, defaults. */
#include "fields.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int refuse_type(const struct hearth_field *field, const char *expected, struct hearth_error *err)
{
	return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must be %s", field->name, expected);
}

static int parse_int(const struct hearth_field *field, const struct url_text *text, int64_t *ret_number,
		     struct hearth_error *err)
{
	const char *digits = text->text + (text->text[0] == '-');
	size_t count = strspn(digits, "0123456789");
	int64_t number;

	if (count == 0 || digits + count != text->text + text->length)
		return refuse_type(field, "an integer", err);
	errno = 0;
	number = strtoll(text->text, NULL, 10);
	if (errno || number > HEARTH_JSON_INT_MAX || number < HEARTH_JSON_INT_MIN)
		return refuse_type(field, "an integer within +-(2^53 - 1)", err);
	*ret_number = number;
	return field_check_int(field, number, err);
}

static int parse_bool(const struct hearth_field *field, const struct url_text *text, bool *ret_truth,
		      struct hearth_error *err)
{
	if (text->length == 4 && memcmp(text->text, "true", 4) == 0)
		*ret_truth = true;
	else if (text->length == 5 && memcmp(text->text, "false", 5) == 0)
		*ret_truth = false;
	else
		return refuse_type(field, "'true' or 'false'", err);
	return 0;
}

static int parse_float(const struct hearth_field *field, const struct url_text *text, double *ret_number,
		       struct hearth_error *err)
{
	char *end = NULL;
	double number = 0;

	if (text->length > 0 && strspn(text->text, "0123456789+-.eE") == text->length)
		number = strtod(text->text, &end);
	if (!end || end != text->text + text->length || !isfinite(number))
		return refuse_type(field, "a number", err);
	*ret_number = number;
	return 0;
}

static int parse_json(const struct hearth_field *field, struct hearth_arena *arena, const struct url_text *text,
		      const struct hearth_json **ret_value, struct hearth_error *err)
{
	const struct hearth_json *value;

	if (hearth_json_parse(arena, text->text, text->length, 0, &value, NULL) < 0)
		return refuse_type(field, "JSON", err);
	return field_from_json(field, arena, value, ret_value, err);
}

int field_from_text(const struct hearth_field *field, struct hearth_arena *arena, const struct url_text *text,
		    void *ret_member, struct hearth_error *err)
{
	int r;

	switch (field->type) {
	case HEARTH_TYPE_TEXT:
		r = field_check_text(field, text->text, text->length, err);
		if (r == 0)
			*(const char **)ret_member = text->text;
		return r;
	case HEARTH_TYPE_INT:
		return parse_int(field, text, ret_member, err);
	case HEARTH_TYPE_BOOL:
		return parse_bool(field, text, ret_member, err);
	case HEARTH_TYPE_FLOAT:
		return parse_float(field, text, ret_member, err);
	case HEARTH_TYPE_JSON:
		return parse_json(field, arena, text, ret_member, err);
	case HEARTH_TYPE_BYTES:
		*(struct hearth_bytes *)ret_member = (struct hearth_bytes){ .data = text->text, .size = text->length };
		return 0;
	default:
		return field_from_texts(field, arena, text, 1, ret_member, err);
	}
}

int field_from_texts(const struct hearth_field *field, struct hearth_arena *arena, const struct url_text *texts,
		     size_t count, void *ret_member, struct hearth_error *err)
{
	bool ints = field->type == HEARTH_TYPE_INTS;
	const char **items = hearth_arena_array_of(arena, const char *, ints ? 0 : count);
	int64_t *numbers = hearth_arena_array_of(arena, int64_t, ints ? count : 0);
	int r = field_check_count(field, count, err);

	for (size_t i = 0; i < count && r == 0; i++) {
		if (ints)
			r = parse_int(field, &texts[i], &numbers[i], err);
		else
			r = field_check_text(field, items[i] = texts[i].text, texts[i].length, err);
	}
	if (r < 0)
		return r;
	if (ints)
		*(struct hearth_ints *)ret_member = (struct hearth_ints){ .items = numbers, .count = count };
	else
		*(struct hearth_texts *)ret_member = (struct hearth_texts){ .items = items, .count = count };
	return 0;
}
