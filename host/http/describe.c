/* SPDX-License-Identifier: Apache-2.0 */
/* Every declared endpoint as JSON, for documentation, contract tests and tools. */
#include "internal.h"

#include <string.h>

static const char *name_of(const char *const *names, size_t count, uint32_t value)
{
	return value < count ? names[value] : NULL;
}

static void describe_field(struct hearth_writer *w, const struct hearth_field *field)
{
	static const char *const TYPES[] = { NULL, "string", "integer", "boolean", "number", "json", "bytes",
					     "strings", "integers" };
	static const char *const SOURCES[] = { NULL, "path", "query", "body", "whole body", "header" };
	static const char *const FORMATS[] = { NULL, "user id", "room id", "room alias", "room id or alias", "event id",
					       "server name" };
	static const char *const SHAPES[] = { NULL, "object", "array", "string" };

	hearth_write_object(w, NULL);
	hearth_write_string(w, "name", field->name);
	hearth_write_string(w, "in", name_of(SOURCES, HEARTH_COUNT(SOURCES), field->source));
	hearth_write_string(w, "type", name_of(TYPES, HEARTH_COUNT(TYPES), field->type));
	hearth_write_string(w, "format", name_of(FORMATS, HEARTH_COUNT(FORMATS), field->format));
	hearth_write_string(w, "shape", name_of(SHAPES, HEARTH_COUNT(SHAPES), field->shape));
	hearth_write_bool(w, "required", field->required);
	if (field->min || field->max)
		hearth_write_int(w, "min", field->min);
	if (field->max)
		hearth_write_int(w, "max", field->max);
	hearth_write_string(w, "default", field->fallback);
	hearth_write_string(w, "choices", field->choices);
	if (field->secret)
		hearth_write_bool(w, "secret", 1);
	hearth_write_string(w, "about", field->about);
	hearth_write_end(w);
}

static void describe_endpoint(struct hearth_writer *w, const struct route *route)
{
	static const char *const RESOURCES[] = { "client", "federation", "media", "keys", "replication", "metrics", "admin" };
	static const char *const ACCESS[] = { "none", "optional", "user", "guest", "admin" };
	const struct hearth_endpoint *endpoint = route->endpoint;
	const char *resource = name_of(RESOURCES, HEARTH_COUNT(RESOURCES), endpoint->resource);

	hearth_write_object(w, NULL);
	hearth_write_string(w, "plugin", route->plugin);
	hearth_write_string(w, "method", endpoint->method);
	hearth_write_string(w, "path", endpoint->path);
	hearth_write_string(w, "also", endpoint->also);
	hearth_write_string(w, "resource", resource ? resource : "every");
	hearth_write_string(w, "access", name_of(ACCESS, HEARTH_COUNT(ACCESS), endpoint->access));
	hearth_write_string(w, "limit", endpoint->limit);
	hearth_write_int(w, "body_max_bytes",
			 (int64_t)(endpoint->body_max_bytes ? endpoint->body_max_bytes : HTTP_BODY_DEFAULT_BYTES));
	if (endpoint->flags & HEARTH_ENDPOINT_RAW_BODY)
		hearth_write_bool(w, "raw_body", 1);
	if (endpoint->flags & HEARTH_ENDPOINT_LONG_POLL)
		hearth_write_bool(w, "long_poll", 1);
	hearth_write_array(w, "fields");
	for (const struct hearth_field *field = endpoint->fields; field && field->name; field++)
		describe_field(w, field);
	hearth_write_end(w);
	hearth_write_string(w, "about", endpoint->about);
	hearth_write_end(w);
}

void http_describe(struct hearth_writer *w)
{
	const struct route *route;

	hearth_write_array(w, NULL);
	for (size_t i = 0; (route = route_at(http_routes(), i)); i++)
		if (route->path == route->endpoint->path)
			describe_endpoint(w, route);
	hearth_write_end(w);
}
