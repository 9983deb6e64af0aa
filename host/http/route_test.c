/* SPDX-License-Identifier: Apache-2.0 */
/* The route table: what is found, what is not, and which declarations are refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "route.h"

HEARTH_SUSPENDS static int handle(void *self, struct hearth_task *task, struct hearth_request *req, const void *args,
				  struct hearth_error *err)
{
	(void)self, (void)task, (void)req, (void)args, (void)err;
	return 0;
}

#define ROUTE(method_, path_, ...) { .method = (method_), .path = (path_), .handler = handle, __VA_ARGS__ }
#define EVERY 0xffffffffu

static const struct hearth_endpoint ENDPOINTS[] = {
	ROUTE("GET", "/_matrix/client/v3/login", .also = "r0 api/v1"),
	ROUTE("POST", "/_matrix/client/v3/login", .also = "r0 api/v1"),
	ROUTE("GET", "/_matrix/client/v3/rooms/{roomId}/state"),
	ROUTE("PUT", "/_matrix/client/v3/rooms/{roomId}/state/{eventType}/{stateKey}"),
	ROUTE("GET", "/_matrix/client/v3/rooms/{room}/state/{type}/{key}"),
	ROUTE("GET", "/_matrix/client/v3/rooms/{roomId}/messages"),
	ROUTE("GET", "/_matrix/client/v3/rooms/special/{what}"),
	ROUTE("GET", "/_matrix/client/v3/pushrules/"),
	ROUTE("POST", "/_matrix/client/v3/tokens/new"),
	ROUTE("GET", "/_matrix/client/v3/tokens/{token}"),
	ROUTE("PUT", "/_matrix/client/v3/tokens/{token}"),
	ROUTE("GET", "/_matrix/federation/v1/version", .resource = HEARTH_RESOURCE_FEDERATION),
	ROUTE("GET", "/files/{rest...}"),
	ROUTE("GET", "/"),
};

static struct route_table *table;
static struct hearth_arena *arena;
static struct route_match match;

static int set_up(void **state)
{
	(void)state;
	table = route_table_new();
	arena = hearth_arena_new();
	for (size_t i = 0; i < HEARTH_COUNT(ENDPOINTS); i++)
		if (route_add(table, "test", NULL, &ENDPOINTS[i], NULL) < 0)
			return -1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	route_table_free(table);
	hearth_arena_free(arena);
	return 0;
}

/* The template that a path leads to, or the status of the refusal. */
static const char *find_in(uint32_t resources, const char *method, const char *path)
{
	struct hearth_error err = { 0 };

	match = (struct route_match){ 0 };
	if (route_find(table, resources, method, path, arena, &match, &err) == 0)
		return match.route->path;
	assert_string_equal(err.errcode, "M_UNRECOGNIZED");
	return err.http_status == 405 ? "405" : "404";
}

static const char *find(const char *method, const char *path)
{
	return find_in(EVERY, method, path);
}

static void versions(void **state)
{
	(void)state;
	assert_string_equal(find("GET", "/_matrix/client/v3/login"), "/_matrix/client/v3/login");
	assert_string_equal(find("POST", "/_matrix/client/r0/login"), "/_matrix/client/r0/login");
	assert_string_equal(find("POST", "/_matrix/client/api/v1/login"), "/_matrix/client/api/v1/login");
	assert_ptr_equal(match.route->endpoint, &ENDPOINTS[1]);
	assert_string_equal(find("GET", "/_matrix/client/v1/login"), "404");
}

static void methods(void **state)
{
	(void)state;
	assert_string_equal(find("PUT", "/_matrix/client/v3/login"), "405");
	assert_string_equal(find("get", "/_matrix/client/v3/login"), "405");
	assert_string_equal(find("HEAD", "/_matrix/client/v3/login"), "/_matrix/client/v3/login");
	assert_string_equal(find("HEAD", "/nothing"), "404");
	assert_string_equal(route_methods(table, EVERY, "/_matrix/client/v3/login", arena), "GET, POST");
	assert_null(route_methods(table, EVERY, "/nothing", arena));
	assert_string_equal(route_methods(table, EVERY, "/_matrix/client/v3/tokens/new", arena), "POST, GET, PUT");
	assert_string_equal(route_methods(table, EVERY, "/_matrix/client/v3/tokens/new/", arena), "POST, GET, PUT");
}

static void resources(void **state)
{
	(void)state;
	assert_string_equal(find_in(1u << HEARTH_RESOURCE_CLIENT, "GET", "/_matrix/federation/v1/version"), "404");
	assert_string_equal(find_in(1u << HEARTH_RESOURCE_CLIENT, "PUT", "/_matrix/federation/v1/version"), "404");
	assert_string_equal(find_in(1u << HEARTH_RESOURCE_FEDERATION, "GET", "/_matrix/federation/v1/version"),
			    "/_matrix/federation/v1/version");
}

static void parameters(void **state)
{
	(void)state;
	assert_string_equal(find("GET", "/_matrix/client/v3/rooms/!a%3Ab/state/m.x/k%2Fey"),
			    "/_matrix/client/v3/rooms/{room}/state/{type}/{key}");
	assert_string_equal(match.params[0].text, "!a:b");
	assert_string_equal(match.params[1].text, "m.x");
	assert_string_equal(match.params[2].text, "k/ey");
	assert_string_equal(match.route->params[2], "key");
	(void)find("GET", "/_matrix/client/v3/rooms/a%00b/messages");
	assert_int_equal(match.params[0].length, 3);
	assert_string_equal(find("GET", "/_matrix/client/v3/rooms/special/thing"), "/_matrix/client/v3/rooms/special/{what}");
	assert_string_equal(find("GET", "/_matrix/client/v3/rooms/special/messages"),
			    "/_matrix/client/v3/rooms/special/{what}");
	assert_string_equal(find("GET", "/_matrix/client/v3/rooms/special/state/a/b"),
			    "/_matrix/client/v3/rooms/{room}/state/{type}/{key}");
	assert_string_equal(find("GET", "/_matrix/client/v3/rooms//messages"), "404");
	assert_string_equal(find("GET", "/%5Fmatrix/client/v3/login"), "/_matrix/client/v3/login");
	assert_string_equal(find("GET", "/_matrix%2Fclient/v3/login"), "404");
}

static void slashes_at_the_end(void **state)
{
	(void)state;
	assert_string_equal(find("GET", "/_matrix/client/v3/pushrules"), "/_matrix/client/v3/pushrules/");
	assert_string_equal(find("GET", "/_matrix/client/v3/pushrules/"), "/_matrix/client/v3/pushrules/");
	assert_string_equal(find("GET", "/_matrix/client/v3/login/"), "/_matrix/client/v3/login");
	assert_string_equal(find("GET", "/_matrix/client/v3/login//"), "404");
	assert_string_equal(find("GET", "/_matrix/client/v3/rooms/!a/state/m.x/"),
			    "/_matrix/client/v3/rooms/{room}/state/{type}/{key}");
	assert_string_equal(match.params[2].text, "");
	assert_string_equal(find("GET", "/"), "/");
}

static void the_rest(void **state)
{
	char deep[1024] = "";

	(void)state;
	assert_string_equal(find("GET", "/files/a/b%20c/d"), "/files/{rest...}");
	assert_string_equal(match.params[0].text, "a/b c/d");
	for (int i = 0; i < 100; i++)
		(void)strcat(deep, "/x");
	assert_string_equal(find("GET", deep), "404");
}

static int try_add(const struct hearth_endpoint *endpoint, struct hearth_error *err)
{
	hearth_error_clear(err);
	return route_add(table, "other", NULL, endpoint, err);
}

static void declarations_that_are_refused(void **state)
{
	static const struct hearth_field LOST[] = { { .name = "nope", .source = HEARTH_FROM_PATH }, HEARTH_FIELDS_END };
	static const struct hearth_field MISFIT[] = { { .name = "n", .type = HEARTH_TYPE_INT, .source = HEARTH_FROM_QUERY,
							.fallback = "ten" }, HEARTH_FIELDS_END };
	static const struct hearth_endpoint TAKEN = ROUTE("GET", "/_matrix/client/r0/login");
	static const struct hearth_endpoint RENAMED = ROUTE("PUT", "/_matrix/client/v3/rooms/{a}/state/{b}/{c}");
	static const struct hearth_endpoint WRONG[] = {
		ROUTE("GET", "no/slash"),
		ROUTE("GET", "/a/{b"),
		ROUTE("GET", "/a//b"),
		ROUTE("GET", "/a/{}"),
		ROUTE("GET", "/a/{b...}/c"),
		ROUTE("GET", "/short", .also = "r0"),
		ROUTE("GET", "/lost", .fields = LOST),
		ROUTE("GET", "/misfit", .fields = MISFIT, .args_size = 8),
		ROUTE("GET", "/resource", .resource = 30),
		{ .method = "GET", .path = "/handlerless" },
	};
	struct hearth_error err = { 0 };

	(void)state;
	assert_int_equal(try_add(&TAKEN, &err), -EEXIST);
	assert_non_null(strstr(err.message, "plugins test and other both declare GET /_matrix/client/r0/login"));
	assert_int_equal(try_add(&RENAMED, &err), -EEXIST);
	for (size_t i = 0; i < HEARTH_COUNT(WRONG); i++)
		assert_int_equal(try_add(&WRONG[i], &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(methods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(resources, set_up, tear_down),
		cmocka_unit_test_setup_teardown(parameters, set_up, tear_down),
		cmocka_unit_test_setup_teardown(slashes_at_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_rest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(declarations_that_are_refused, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
