/* SPDX-License-Identifier: Apache-2.0
 *
 * host/http/route.h - the table of all routes: a trie of path segments, so that finding one costs the length of the
 * path, however many there are. Percent-encoded slashes stay inside their segment.
 */
#ifndef HOST_HTTP_ROUTE_H
#define HOST_HTTP_ROUTE_H

#include "url.h"

#include <hearth/http.h>

#define ROUTE_PARAMS_MAX 8u
/* Beside enum hearth_resource: what every HTTP listener serves (/health). */
#define ROUTE_EVERYWHERE 31u

struct route_metrics;

/* An endpoint that has been mounted; as long as the table. */
struct route {
	const struct hearth_endpoint *endpoint;
	const char *plugin;
	void *self;
	struct route_metrics *metrics; /* of the endpoint; set by who counts */
	const char *path;              /* this spelling's template; an endpoint has one route for each version prefix */
	const char *params[ROUTE_PARAMS_MAX]; /* names in the order of the template */
	size_t param_count;
	struct route *next; /* of the same path */
};

struct route_match {
	const struct route *route;
	struct url_text params[ROUTE_PARAMS_MAX]; /* decoded, in the order of route->params */
};

struct route_table;

struct route_table *route_table_new(void); /* owned: route_table_free */
void route_table_free(struct route_table *table);

/*
 * Adds an endpoint under its path and every prefix of .also. -EEXIST: method and path are taken, the message names both
 * plugins; -EINVAL: the declaration is wrong, the message says how.
 */
HEARTH_MUST_CHECK
int route_add(struct route_table *table, const char *plugin, void *self, const struct hearth_endpoint *endpoint,
	      struct hearth_error *err);

/* Walks all routes in the order of their adding; NULL at the end. */
struct route *route_at(const struct route_table *table, size_t index);

/*
 * Finds who serves method and path among the resources of a mask (1 << enum hearth_resource). GET also serves HEAD. A
 * slash at the end does not matter. 404 and 405 with M_UNRECOGNIZED; ret_match is filled in with the arena's memory.
 */
HEARTH_MUST_CHECK
int route_find(const struct route_table *table, uint32_t resources, const char *method, const char *path,
	       struct hearth_arena *arena, struct route_match *ret_match, struct hearth_error *err);

/* The methods that a path has in those resources, "GET, PUT"; NULL where there is no such path. arena. */
const char *route_methods(const struct route_table *table, uint32_t resources, const char *path,
			  struct hearth_arena *arena);

#endif
