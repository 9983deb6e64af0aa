/* SPDX-License-Identifier: Apache-2.0 */
/* Finds each field's value where its declaration says it stands. */
#include "fields.h"

#include <errno.h>
#include <string.h>

static const struct url_text *find_param(const struct route_match *match, const char *name)
{
	for (size_t i = 0; match && i < match->route->param_count; i++)
		if (strcmp(match->route->params[i], name) == 0)
			return &match->params[i];
	return NULL;
}

/*
 * A member, or "a.b": b of object a. Names of the specification have dots of their own ("m.relates_to"), so the whole
 * name is tried before its parts.
 */
static const struct hearth_json *find_member(struct hearth_arena *arena, const struct hearth_json *object, const char *name)
{
	const struct hearth_json *value = hearth_json_get(object, name);

	for (const char *dot = strchr(name, '.'); dot && !value; dot = strchr(dot + 1, '.')) {
		const char *outer = hearth_arena_strndup(arena, name, (size_t)(dot - name));
		const struct hearth_json *inner = hearth_json_get(object, outer);

		if (hearth_json_type(inner) == HEARTH_JSON_OBJECT)
			value = find_member(arena, inner, dot + 1);
	}
	return value;
}

/* null counts as absent, as clients that fill in every member expect; a field of any JSON may be null. */
static bool is_absent(const struct hearth_field *field, const struct hearth_json *value)
{
	if (hearth_json_type(value) != HEARTH_JSON_NULL)
		return !value;
	return field->type != HEARTH_TYPE_JSON || field->shape != HEARTH_ANY_JSON;
}

static int fill_from_body(const struct field_source *source, const struct hearth_field *field, void *ret_member,
			  struct hearth_error *err)
{
	const struct hearth_json *value = source->body;
	int r;

	if (field->source == HEARTH_FROM_BODY)
		value = find_member(source->arena, value, field->name);
	if (is_absent(field, value))
		return 0;
	r = field_from_json(field, source->arena, value, ret_member, err);
	return r < 0 ? r : 1;
}

static int fill_from_query(const struct field_source *source, const struct hearth_field *field, void *ret_member,
			   struct hearth_error *err)
{
	const struct url_query *query = source->query;
	struct url_text *texts = NULL;
	size_t count = 0;
	int r;

	for (size_t i = 0; query && i < query->count; i++) {
		if (strcmp(query->pairs[i].name.text, field->name) != 0)
			continue;
		if (!texts)
			texts = hearth_arena_array_of(source->arena, struct url_text, query->count - i);
		texts[count++] = query->pairs[i].value;
	}
	if (count == 0)
		return 0;
	if (field->type == HEARTH_TYPE_TEXTS || field->type == HEARTH_TYPE_INTS)
		r = field_from_texts(field, source->arena, texts, count, ret_member, err);
	else
		r = field_from_text(field, source->arena, &texts[0], ret_member, err);
	return r < 0 ? r : 1;
}

static int fill_from_head(const struct field_source *source, const struct hearth_field *field, void *ret_member,
			  struct hearth_error *err)
{
	struct url_text text = { 0 };
	const struct url_text *found = NULL;
	int r;

	if (field->source == HEARTH_FROM_PATH) {
		found = find_param(source->match, field->name);
	} else if (source->head) {
		text.text = head_find(source->head, field->name);
		text.length = text.text ? strlen(text.text) : 0;
		found = text.text ? &text : NULL;
	}
	if (!found)
		return 0;
	r = field_from_text(field, source->arena, found, ret_member, err);
	return r < 0 ? r : 1;
}

/* 1: filled in; 0: absent. */
static int fill(const struct field_source *source, const struct hearth_field *field, void *ret_member,
		struct hearth_error *err)
{
	switch (field->source) {
	case HEARTH_FROM_QUERY:
		return fill_from_query(source, field, ret_member, err);
	case HEARTH_FROM_BODY:
	case HEARTH_FROM_WHOLE_BODY:
		return fill_from_body(source, field, ret_member, err);
	default:
		return fill_from_head(source, field, ret_member, err);
	}
}

int fields_fill(const struct field_source *source, const struct hearth_field *table, void *ret_args,
		struct hearth_error *err)
{
	for (const struct hearth_field *field = table; field && field->name; field++) {
		void *member = (char *)ret_args + field->offset;
		int r = fill(source, field, member, err);

		if (r < 0)
			return r;
		if (r == 0 && field->required)
			return hearth_refuse(err, 400, "M_MISSING_PARAM", "%s is missing", field->name);
		if (r == 0 && field->fallback) {
			struct url_text fallback = { .text = field->fallback, .length = strlen(field->fallback) };

			r = field_from_text(field, source->arena, &fallback, member, err);
			hearth_assert(r == 0);
		}
	}
	return 0;
}
