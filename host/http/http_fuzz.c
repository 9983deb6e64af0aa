/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever a client sends: the head, its path and query, and the fields of its body. */
#include "fields.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct args {
	const char *room_id;
	const char *text;
	int64_t number;
	bool truth;
	double ratio;
	const struct hearth_json *json;
	struct hearth_bytes bytes;
	struct hearth_texts texts, servers;
	struct hearth_ints ints;
};

static const struct hearth_field ARGS[] = {
	HEARTH_PATH(struct args, room_id, "roomId", .format = HEARTH_ROOM_ID),
	HEARTH_BODY(struct args, text, "m.relates_to.event_id", .max = 10, .fallback = "x"),
	HEARTH_QUERY(struct args, number, "limit", .min = 1, .max = 100, .fallback = "10"),
	HEARTH_QUERY(struct args, truth, "t"),
	HEARTH_QUERY(struct args, ratio, "r"),
	HEARTH_QUERY(struct args, json, "filter", .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct args, bytes, "b"),
	HEARTH_BODY(struct args, texts, "l", .choices = "a|b"),
	HEARTH_QUERY(struct args, servers, "server_name", .format = HEARTH_SERVER_NAME, .max = 3),
	HEARTH_BODY(struct args, ints, "i"),
	HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int handle(void *self, struct hearth_task *task, struct hearth_request *req, const void *args,
				  struct hearth_error *err)
{
	(void)self, (void)task, (void)req, (void)args, (void)err;
	return 0;
}

static const struct hearth_endpoint ENDPOINTS[] = {
	{ .method = "PUT", .path = "/_matrix/client/v3/rooms/{roomId}/x", .also = "r0", .handler = handle, .fields = ARGS,
	  .args_size = sizeof(struct args) },
	{ .method = "GET", .path = "/_matrix/client/v3/rooms/{roomId}/{rest...}", .handler = handle },
	{ .method = "GET", .path = "/_matrix/client/v3/rooms/{a}/state/{b}/{c}", .handler = handle },
};

static const struct route_table *routes(void)
{
	static struct route_table *table;

	for (size_t i = table ? HEARTH_COUNT(ENDPOINTS) : 0; i < HEARTH_COUNT(ENDPOINTS); i++) {
		if (!table)
			table = route_table_new();
		hearth_assert(route_add(table, "fuzz", NULL, &ENDPOINTS[i], NULL) == 0);
	}
	return table;
}

static void serve(struct hearth_arena *arena, const struct head *head, const char *body, size_t length)
{
	struct url_query query = url_query_parse(arena, head->query);
	struct route_match match = { 0 };
	struct field_source source = { .arena = arena, .head = head, .query = &query, .match = &match };
	struct args args = { 0 };

	if (route_find(routes(), 1, head->method, head->path, arena, &match, NULL) < 0) {
		(void)route_methods(routes(), 1, head->path, arena);
		return;
	}
	if (hearth_json_parse(arena, body, length, 0, &source.body, NULL) < 0)
		return;
	if (match.route->endpoint->fields && fields_fill(&source, ARGS, &args, NULL) == 0)
		hearth_assert(args.number >= 1 && args.number <= 100 && url_is_text(args.room_id, strlen(args.room_id)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	const uint8_t *end = memmem(data, size, "\r\n\r\n", 4);
	size_t length = end ? (size_t)(end - data) + 4 : 0;
	char *head_bytes = hearth_arena_alloc(arena, length + 1);
	struct head head;

	if (!end || length > HEAD_MAX_BYTES)
		return 0;
	memcpy(head_bytes, data, length);
	if (head_parse(arena, head_bytes, length, &head, NULL) == 0)
		serve(arena, &head, (const char *)data + length, size - length);
	return 0;
}
