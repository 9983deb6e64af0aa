/* SPDX-License-Identifier: Apache-2.0 */
/* hearth.http: what a handler asks of its request besides its fields. */
#include "internal.h"

#include "log/log.h"

#include <string.h>

static const char *header(const struct hearth_request *req, const char *name)
{
	const struct exchange *exchange = req->host;

	return head_find(&exchange->head, name);
}

static const char *query(const struct hearth_request *req, const char *name)
{
	const struct exchange *exchange = req->host;
	const struct url_text *value = url_query_find(&exchange->query, name);

	return value && url_is_text(value->text, value->length) ? value->text : NULL;
}

static void add_header(struct hearth_request *req, const char *name, const char *value)
{
	struct exchange *exchange = req->host;
	struct exchange_header *added, **end = &exchange->headers;

	if (strpbrk(name, "\r\n: ") || strpbrk(value, "\r\n")) {
		log_warning("http", "a response header has a line break and was left out: %s", name);
		return;
	}
	while (*end)
		end = &(*end)->next;
	added = hearth_arena_new_of(exchange->arena, struct exchange_header);
	added->name = hearth_arena_strdup(exchange->arena, name);
	added->value = hearth_arena_strdup(exchange->arena, value);
	*end = added;
}

static void respond(struct hearth_request *req, const char *content_type, const void *bytes, size_t size_bytes)
{
	struct exchange *exchange = req->host;

	if (strpbrk(content_type, "\r\n")) {
		log_warning("http", "a content type has a line break, and was replaced");
		content_type = "application/octet-stream";
	}
	exchange->content_type = hearth_arena_strdup(exchange->arena, content_type);
	exchange->body = hearth_arena_memdup(exchange->arena, bytes, size_bytes);
	exchange->body_size = size_bytes;
	exchange->has_body = true;
}

static void redirect(struct hearth_request *req, const char *location)
{
	req->status = 302;
	add_header(req, "Location", location);
	respond(req, "text/plain", "", 0);
}

const struct hearth_http *http_service(void)
{
	static const struct hearth_http SERVICE = {
		.base = { .size = sizeof(SERVICE), .major = HEARTH_HTTP_MAJOR, .minor = HEARTH_HTTP_MINOR,
			  .id = HEARTH_HTTP_ID },
		.header = header,
		.query = query,
		.add_header = add_header,
		.respond = respond,
		.redirect = redirect,
	};

	return &SERVICE;
}
