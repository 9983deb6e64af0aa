/* SPDX-License-Identifier: Apache-2.0 */
/* Building and searching the trie. Everything lives in the table's arena. */
#include "route.h"

#include "fields.h"
#include "head.h"

#include <errno.h>
#include <string.h>

#define SEGMENTS_MAX 64u

struct node {
	const char *segment;
	size_t length;
	struct node **children; /* fixed segments, sorted */
	size_t child_count;
	struct node *any;    /* {name} */
	struct route *routes; /* that end here */
	struct route *rest;   /* {name...}: that take whatever follows */
};

struct route_table {
	struct hearth_arena *arena;
	struct node root;
	struct route **routes;
	size_t count;
};

struct path {
	struct url_text segments[SEGMENTS_MAX]; /* decoded */
	const char *raw[SEGMENTS_MAX];
	size_t count;
};

struct search {
	const struct path *path;
	uint32_t resources;
	const char *method; /* NULL: any */
	bool known; /* the path has routes of these resources, but not that method */
	struct hearth_arena *arena;
	const char *methods; /* of those routes, where there is an arena */
	struct route_match match;
};

struct route_table *route_table_new(void)
{
	struct hearth_arena *arena = hearth_arena_new();
	struct route_table *table = hearth_arena_new_of(arena, struct route_table);

	table->arena = arena;
	return table;
}

void route_table_free(struct route_table *table)
{
	if (table)
		hearth_arena_free(table->arena);
}

struct route *route_at(const struct route_table *table, size_t index)
{
	return index < table->count ? table->routes[index] : NULL;
}

static int compare(const struct node *node, const char *segment, size_t length)
{
	if (node->length != length)
		return node->length < length ? -1 : 1;
	return memcmp(node->segment, segment, length);
}

/* The child, or NULL with the place where it belongs. */
static struct node *find_child(const struct node *node, const char *segment, size_t length, size_t *ret_place)
{
	size_t low = 0, high = node->child_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = compare(node->children[middle], segment, length);

		if (order == 0)
			return node->children[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_place = low;
	return NULL;
}

static struct node *add_child(struct hearth_arena *arena, struct node *node, const char *segment, size_t length)
{
	size_t place, size = node->child_count * sizeof(*node->children);
	struct node *child = find_child(node, segment, length, &place);

	if (child)
		return child;
	child = hearth_arena_new_of(arena, struct node);
	child->segment = hearth_arena_strndup(arena, segment, length);
	child->length = length;
	node->children = hearth_arena_grow(arena, node->children, size, size + sizeof(*node->children));
	memmove(node->children + place + 1, node->children + place, size - place * sizeof(*node->children));
	node->children[place] = child;
	node->child_count++;
	return child;
}

static int refuse_declaration(const struct route *route, const char *reason, struct hearth_error *err)
{
	return hearth_fail(err, -EINVAL, "plugin %s, endpoint %s %s: %s", route->plugin, route->endpoint->method,
			   route->path, reason);
}

/* Puts the route at the end of the list of its node, unless the method is taken. */
static int link_route(struct route **list, struct route *route, struct hearth_error *err)
{
	for (; *list; list = &(*list)->next)
		if (strcmp((*list)->endpoint->method, route->endpoint->method) == 0)
			return hearth_fail(err, -EEXIST, "plugins %s and %s both declare %s %s", (*list)->plugin,
					   route->plugin, route->endpoint->method, route->path);
	*list = route;
	return 0;
}

static bool is_name(const char *name, size_t length)
{
	return length > 0 && !memchr(name, '{', length) && !memchr(name, '}', length);
}

/* Walks the template down the trie, making nodes, and notes the names of its parameters. */
static int insert(struct route_table *table, struct route *route, struct hearth_error *err)
{
	struct node *node = &table->root;
	const char *at = route->path;
	bool rest = false;

	while (*at) {
		size_t length, name_length;

		if (*at != '/' || rest)
			return refuse_declaration(route, "the path is malformed", err);
		at++;
		length = strcspn(at, "/");
		if (length < 2 || at[0] != '{') {
			if (length > 0)
				node = add_child(table->arena, node, at, length);
			else if (at[0])
				return refuse_declaration(route, "the path has an empty segment", err);
			at += length;
			continue;
		}
		rest = length > 5 && memcmp(at + length - 4, "...}", 4) == 0;
		name_length = length - (rest ? 5 : 2);
		if (at[length - 1] != '}' || !is_name(at + 1, name_length))
			return refuse_declaration(route, "a parameter of the path is malformed", err);
		if (route->param_count == ROUTE_PARAMS_MAX)
			return refuse_declaration(route, "the path has too many parameters", err);
		route->params[route->param_count++] = hearth_arena_strndup(table->arena, at + 1, name_length);
		if (!rest && !node->any)
			node->any = hearth_arena_new_of(table->arena, struct node);
		if (!rest)
			node = node->any;
		at += length;
	}
	return link_route(rest ? &node->rest : &node->routes, route, err);
}

static bool has_param(const struct route *route, const char *name)
{
	for (size_t i = 0; i < route->param_count; i++)
		if (strcmp(route->params[i], name) == 0)
			return true;
	return false;
}

static bool default_fits(const struct hearth_field *field)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = NULL;
	struct url_text text = { .text = field->fallback, .length = field->fallback ? strlen(field->fallback) : 0 };
	union {
		struct hearth_texts texts; /* the largest of all types */
		int64_t number;
	} member;

	if (!field->fallback)
		return true;
	arena = hearth_arena_new();
	return field_from_text(field, arena, &text, &member, NULL) == 0;
}

static int check_fields(const struct route *route, struct hearth_error *err)
{
	const struct hearth_endpoint *endpoint = route->endpoint;

	if (!endpoint->handler || (endpoint->resource > HEARTH_RESOURCE_ADMIN && endpoint->resource != ROUTE_EVERYWHERE))
		return refuse_declaration(route, "it has no handler, or an unknown resource", err);
	if (endpoint->access > HEARTH_ACCESS_ADMIN)
		return refuse_declaration(route, "its access class is unknown", err);
	for (const struct hearth_field *field = endpoint->fields; field && field->name; field++) {
		if (field->source == 0 || field->source > HEARTH_FROM_HEADER)
			return refuse_declaration(route, "a field stands nowhere in the request", err);
		if (field->source == HEARTH_FROM_PATH && !has_param(route, field->name))
			return refuse_declaration(route, "a field names no parameter of the path", err);
		if (field->offset >= endpoint->args_size)
			return refuse_declaration(route, "args_size is smaller than the struct", err);
		if (!default_fits(field))
			return refuse_declaration(route, "the default of a field is no value that it takes", err);
	}
	return 0;
}

static int add_path(struct route_table *table, const struct route *pattern, const char *path, struct hearth_error *err)
{
	struct route *route = hearth_arena_memdup(table->arena, pattern, sizeof(*pattern));
	size_t size = table->count * sizeof(*table->routes);
	int r;

	route->path = path;
	r = insert(table, route, err);
	if (r < 0)
		return r;
	r = check_fields(route, err);
	if (r < 0)
		return r;
	if ((table->count & (table->count - 1)) == 0)
		table->routes = hearth_arena_grow(table->arena, table->routes, size,
						  (table->count ? 2 * table->count : 1) * sizeof(*table->routes));
	table->routes[table->count++] = route;
	return 0;
}

/* "/_matrix/client/" of "/_matrix/client/v3/login", and where what follows the version starts. */
static bool split_version(const char *path, size_t *ret_prefix, size_t *ret_suffix)
{
	size_t at = 0;

	for (int slashes = 0; path[at]; at++)
		if (path[at] == '/' && ++slashes == 3) {
			*ret_prefix = at + 1;
			*ret_suffix = at + 1 + strcspn(path + at + 1, "/");
			return true;
		}
	return false;
}

int route_add(struct route_table *table, const char *plugin, void *self, const struct hearth_endpoint *endpoint,
	      struct hearth_error *err)
{
	struct route pattern = { .endpoint = endpoint, .plugin = plugin, .self = self, .path = endpoint->path };
	const char *also = endpoint->also ? endpoint->also : "";
	size_t prefix = 0, suffix = 0;
	int r;

	r = add_path(table, &pattern, endpoint->path, err);
	if (r < 0)
		return r;
	also += strspn(also, " ");
	if (*also && !split_version(endpoint->path, &prefix, &suffix))
		return refuse_declaration(&pattern, "it has .also, but no version in its path", err);
	while (*also) {
		size_t length = strcspn(also, " ");

		r = add_path(table, &pattern,
			     hearth_arena_printf(table->arena, "%.*s%.*s%s", (int)prefix, endpoint->path, (int)length,
						 also, endpoint->path + suffix),
			     err);
		if (r < 0)
			return r;
		also += length;
		also += strspn(also, " ");
	}
	return 0;
}

/* --- searching --- */

static bool split(struct hearth_arena *arena, const char *path, struct path *ret_path)
{
	size_t count = 0;

	while (*path == '/') {
		size_t length = strcspn(++path, "/");

		if (count == SEGMENTS_MAX)
			return false;
		ret_path->raw[count] = path;
		if (memchr(path, '%', length))
			ret_path->segments[count++] = url_decode(arena, path, length, false);
		else
			ret_path->segments[count++] = (struct url_text){ .text = path, .length = length };
		path += length;
	}
	ret_path->count = count;
	return true;
}

static const struct route *pick(struct search *search, const struct route *list)
{
	const struct route *get = NULL;

	for (const struct route *route = list; route; route = route->next) {
		if (!(search->resources & 1u << route->endpoint->resource))
			continue;
		if (!search->method || strcmp(route->endpoint->method, search->method) == 0)
			return route;
		if (strcmp(route->endpoint->method, "GET") == 0)
			get = route;
	}
	return get && strcmp(search->method, "HEAD") == 0 ? get : NULL;
}

/* A path may be found in more than one place: /new beside /{name}, each with methods of its own. */
static void note_methods(struct search *search, const struct route *list)
{
	for (const struct route *route = list; route; route = route->next) {
		const char *method = route->endpoint->method;

		if (!(search->resources & 1u << route->endpoint->resource))
			continue;
		search->known = true;
		if (!search->arena || (search->methods && head_list_has(search->methods, method)))
			continue;
		search->methods = search->methods ? hearth_arena_printf(search->arena, "%s, %s", search->methods, method)
						  : method;
	}
}

/* Depth first, the fixed segment before the parameter; depth: segments that are matched, params: of them variable. */
static bool descend(struct search *search, const struct node *node, size_t depth, size_t params)
{
	const struct url_text *segment = &search->path->segments[depth];
	const struct node *child;
	size_t place;

	if (depth == search->path->count) {
		search->match.route = pick(search, node->routes);
		if (!search->match.route)
			note_methods(search, node->routes);
		return search->match.route != NULL;
	}
	child = find_child(node, segment->text, segment->length, &place);
	if (child && descend(search, child, depth + 1, params))
		return true;
	if (node->any && (segment->length > 0 || depth + 1 == search->path->count)) {
		search->match.params[params] = *segment;
		if (descend(search, node->any, depth + 1, params + 1))
			return true;
	}
	if (!node->rest)
		return false;
	search->match.route = pick(search, node->rest);
	if (!search->match.route)
		note_methods(search, node->rest);
	if (search->match.route)
		search->match.params[params].text = NULL; /* the rest, decoded once the search is over */
	if (search->match.route)
		search->match.params[params].length = depth;
	return search->match.route != NULL;
}

/* First without a slash at the end, then with an empty last segment (an empty state key). */
static bool search_path(struct search *search, struct path *path, const struct node *root)
{
	bool slash = path->count > 0 && path->segments[path->count - 1].length == 0;

	search->path = path;
	if (slash)
		path->count--;
	if (descend(search, root, 0, 0))
		return true;
	if (slash)
		path->count++;
	return slash && descend(search, root, 0, 0);
}

static void copy_params(struct search *search, struct hearth_arena *arena, struct route_match *ret_match)
{
	struct route_match *match = &search->match;

	ret_match->route = match->route;
	for (size_t i = 0; i < match->route->param_count; i++) {
		const struct url_text *param = &match->params[i];
		const char *raw = param->text ? NULL : search->path->raw[param->length];

		if (raw)
			ret_match->params[i] = url_decode(arena, raw, strlen(raw), false);
		else
			ret_match->params[i] = (struct url_text){
				.text = hearth_arena_strndup(arena, param->text, param->length),
				.length = param->length,
			};
	}
}

int route_find(const struct route_table *table, uint32_t resources, const char *method, const char *path,
	       struct hearth_arena *arena, struct route_match *ret_match, struct hearth_error *err)
{
	struct search search = { .resources = resources, .method = method };
	struct path segments;

	if (split(arena, path, &segments) && search_path(&search, &segments, &table->root)) {
		copy_params(&search, arena, ret_match);
		return 0;
	}
	if (search.known)
		return hearth_refuse(err, 405, "M_UNRECOGNIZED", "this path does not have the method %s", method);
	return hearth_refuse(err, 404, "M_UNRECOGNIZED", "there is no such path");
}

const char *route_methods(const struct route_table *table, uint32_t resources, const char *path,
			  struct hearth_arena *arena)
{
	struct search search = { .resources = resources, .method = "", .arena = arena };
	struct path segments;

	if (split(arena, path, &segments))
		(void)search_path(&search, &segments, &table->root);
	return search.methods;
}
