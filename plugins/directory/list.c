/* SPDX-License-Identifier: Apache-2.0 */
/* /publicRooms: pages of the directory, the largest rooms first (spec client-server, "Room discovery"). */
#include "directory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/matrix/id.h>

#define PAGE_MAX 100

struct list_args {
	const char               *since, *server, *search, *instance;
	int64_t                   limit;
	bool                      every_network;
	const struct hearth_json *room_types;
};
#define SERVER HEARTH_QUERY(struct list_args, server, "server", .format = HEARTH_SERVER_NAME)
static const struct hearth_field GET_ARGS[] = {
	SERVER, HEARTH_QUERY(struct list_args, limit, "limit", .min = 0, .max = INT64_MAX),
	HEARTH_QUERY(struct list_args, since, "since", .max = 512), HEARTH_FIELDS_END
};
static const struct hearth_field POST_ARGS[] = {
	SERVER, HEARTH_BODY(struct list_args, limit, "limit", .min = 0, .max = INT64_MAX),
	HEARTH_BODY(struct list_args, since, "since", .max = 512),
	HEARTH_BODY(struct list_args, search, "filter.generic_search_term", .max = 1024),
	HEARTH_BODY(struct list_args, room_types, "filter.room_types", .shape = HEARTH_AN_ARRAY),
	HEARTH_BODY(struct list_args, every_network, "include_all_networks"),
	HEARTH_BODY(struct list_args, instance, "third_party_instance_id", .max = 512), HEARTH_FIELDS_END
};

/* A token: which way ("f" or "b"), and the room at the edge of the page: "f12~!room:server". */
static int read_token(const char *text, struct hearth_directory_query *query, struct hearth_error *err)
{
	char *end = NULL;

	if (!text || !*text)
		return 0;
	errno = 0;
	query->backwards = *text == 'b';
	query->bound_joined = strtoll(text + 1, &end, 10);
	if ((*text != 'f' && *text != 'b') || errno || end == text + 1 || *end != '~')
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "since: '%.64s' is no token of this server", text);
	query->bound_room_id = end + 1;
	return 0;
}

static void write_token(struct hearth_writer *w, struct hearth_arena *arena, const char *key, char way,
			const struct hearth_directory_entry *edge)
{
	hearth_write_string(w, key, hearth_arena_printf(arena, "%c%" PRId64 "~%s", way, edge ? edge->joined_count : 0,
							edge ? edge->room_id : ""));
}

static int read_types(struct hearth_arena *arena, const struct list_args *args, struct hearth_directory_query *query,
		      struct hearth_error *err)
{
	size_t count = hearth_json_size(args->room_types);
	const char **types = hearth_arena_array_of(arena, const char *, count);

	query->every_type = !args->room_types;
	for (size_t i = 0; i < count; i++) {
		const struct hearth_json *type = hearth_json_at(args->room_types, i);

		if (hearth_json_type(type) == HEARTH_JSON_NULL)
			query->untyped = 1;
		else if (hearth_json_type(type) == HEARTH_JSON_STRING)
			types[query->room_types.count++] = hearth_json_string(type, NULL);
		else
			return hearth_refuse(err, 400, "M_INVALID_PARAM", "filter.room_types[%zu]: expected a text or null", i);
	}
	query->room_types.items = types;
	return 0;
}

static void write_entry(struct hearth_writer *w, const struct hearth_directory_entry *entry)
{
	const struct {
		const char *key, *value;
	} texts[] = {
		{ "name", entry->name }, { "topic", entry->topic }, { "canonical_alias", entry->canonical_alias },
		{ "avatar_url", entry->avatar_url }, { "join_rule", entry->join_rule }, { "room_type", entry->room_type },
	};

	hearth_write_object(w, NULL);
	hearth_write_string(w, "room_id", entry->room_id);
	for (size_t i = 0; i < HEARTH_COUNT(texts); i++)
		if (texts[i].value)
			hearth_write_string(w, texts[i].key, texts[i].value);
	hearth_write_int(w, "num_joined_members", entry->joined_count);
	hearth_write_bool(w, "world_readable",
			  entry->history_visibility && !strcmp(entry->history_visibility, "world_readable"));
	hearth_write_bool(w, "guest_can_join", entry->guest_access && !strcmp(entry->guest_access, "can_join"));
	hearth_write_end(w);
}

/* more: there are rooms beyond the page, in the direction that was asked. */
static void write_page(struct hearth_request *req, const struct hearth_directory_query *query,
		       const struct hearth_directory_entry *entries, size_t count, bool more, int64_t total)
{
	const struct hearth_directory_entry *last = count ? &entries[count - 1] : NULL;

	hearth_write_object(req->out, NULL);
	hearth_write_array(req->out, "chunk");
	for (size_t i = 0; i < count; i++)
		write_entry(req->out, &entries[i]);
	hearth_write_end(req->out);
	if (last && (query->backwards ? query->bound_room_id != NULL : more))
		write_token(req->out, req->arena, "next_batch", 'f', last);
	if (query->backwards ? more : query->bound_room_id != NULL)
		write_token(req->out, req->arena, "prev_batch", 'b', entries && count ? entries : NULL);
	hearth_write_int(req->out, "total_room_count_estimate", total);
	hearth_write_end(req->out);
}

static int check_network(const struct list_args *args, struct hearth_error *err)
{
	if (args->instance && args->every_network)
		return hearth_refuse(err, 400, "M_INVALID_PARAM",
				"third_party_instance_id: not together with include_all_networks");
	if (args->instance && !strchr(args->instance, '|'))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "third_party_instance_id: there is no such network");
	return 0;
}

HEARTH_SUSPENDS static int list(struct directory *directory, struct hearth_task *task, struct hearth_request *req,
				const struct list_args *args, struct hearth_error *err)
{
	struct hearth_directory_query query = { .size = sizeof(query), .limit = PAGE_MAX, .search = args->search };
	const struct hearth_directory_entry *entries = NULL;
	int64_t total = 0;
	size_t count = 0;
	bool more;
	int r = check_network(args, err);

	if (r >= 0)
		r = read_token(args->since, &query, err);
	if (r >= 0)
		r = read_types(req->arena, args, &query, err);
	if (r < 0)
		return r;
	if (args->server && strcmp(args->server, directory->server_name))
		return hearth_refuse(err, 502, "M_UNKNOWN", "the directory of %.80s cannot be reached", args->server);
	if (args->limit > 0 && args->limit < PAGE_MAX)
		query.limit = (uint32_t)args->limit;
	query.limit++;
	if (query.search && !*query.search)
		query.search = NULL;
	/* No network has a list of its own: what is not this server's is empty. */
	if (directory->config.searchable && !args->instance)
		r = directory->rooms->directory(directory->rooms, task, &query, &entries, &count, &total, err);
	if (r < 0)
		return r;
	more = count == query.limit;
	if (more && query.backwards)
		entries++;
	write_page(req, &query, entries, count - more, more, total);
	return 0;
}

HEARTH_SUSPENDS static int get_list(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	struct directory *directory = self;
	const struct list_args *args = fields;

	if (!req->user && (!directory->config.open || (args->server && strcmp(args->server, directory->server_name))))
		return hearth_refuse(err, 401, "M_MISSING_TOKEN", "the directory is for users of this server");
	return list(directory, task, req, args, err);
}

HEARTH_SUSPENDS static int post_list(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	return list(self, task, req, fields, err);
}

#define LIST(method_, access_, fields_, handler_)                                                         \
	{ .method = method_, .path = "/_matrix/client/v3/publicRooms", .also = "api/v1 r0 unstable",      \
	  .access = access_, .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, .fields = fields_,                   \
	  .args_size = sizeof(struct list_args), .handler = handler_ }

const struct hearth_endpoint LIST_ENDPOINTS[] = {
	LIST("GET", HEARTH_ACCESS_OPTIONAL, GET_ARGS, get_list),
	LIST("POST", HEARTH_ACCESS_GUEST, POST_ARGS, post_list),
	HEARTH_ENDPOINTS_END
};
