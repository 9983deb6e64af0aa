/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/json.c - a part of the configuration as JSON.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "node.h"

/* What JSON cannot say (infinities, numbers beyond its bounds) stays the text that it was. */
static const struct hearth_json *number(struct hearth_arena *arena, const struct config_node *node, double value)
{
	const struct hearth_json *json;
	char *text = hearth_arena_printf(arena, "%.17g", value);

	if (!isfinite(value) || hearth_json_parse(arena, text, strlen(text), 0, &json, NULL) < 0)
		return hearth_json_string_new(arena, node->text);
	return json;
}

static const struct hearth_json *scalar(struct hearth_arena *arena, const struct config_node *node)
{
	int64_t integer;
	double fraction;

	switch (config_scalar_type(node, &integer, &fraction)) {
	case SCALAR_NULL: return hearth_json_null_new(arena);
	case SCALAR_BOOL: return hearth_json_bool_new(arena, integer != 0);
	case SCALAR_FLOAT: return number(arena, node, fraction);
	case SCALAR_INT:
		if (integer >= HEARTH_JSON_INT_MIN && integer <= HEARTH_JSON_INT_MAX)
			return hearth_json_int_new(arena, integer);
		return hearth_json_string_new(arena, node->text);
	default: return hearth_json_string_new(arena, node->text);
	}
}

const struct hearth_json *config_to_json(struct hearth_arena *arena, const struct config_node *node)
{
	struct hearth_json *json;

	switch (config_kind(node)) {
	case CONFIG_LIST:
		json = hearth_json_array_new(arena);
		for (size_t i = 0; i < node->count; i++)
			hearth_json_append(json, config_to_json(arena, node->members[i].value));
		return json;
	case CONFIG_MAP:
		json = hearth_json_object_new(arena);
		for (size_t i = 0; i < node->count; i++)
			hearth_json_set(json, node->members[i].key, config_to_json(arena, node->members[i].value));
		return json;
	case CONFIG_SCALAR:
		return scalar(arena, node);
	default:
		return hearth_json_null_new(arena);
	}
}
