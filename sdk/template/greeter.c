/* SPDX-License-Identifier: Apache-2.0
 *
 * A whole plugin: one endpoint, GET /_synapse/client/greeter/{name}. Copy this folder and change the names.
 */
#include <stdlib.h>

#include <hearth/plugin.h>

struct greeter {
	const char *server_name;
};

struct greet_args {
	const char *name;
	int64_t     times;
};

static const struct hearth_field GREET_ARGS[] = {
	HEARTH_PATH(struct greet_args, name, "name", .max = 100),
	HEARTH_QUERY(struct greet_args, times, "times", .min = 1, .max = 10, .fallback = "1"),
	HEARTH_FIELDS_END
};

/* The host has found the route and checked every field; what is written here is the response. */
static int greet(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
		 struct hearth_error *err)
{
	const struct greet_args *args = fields;
	struct greeter *greeter = self;

	(void)task;
	(void)err;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "server", greeter->server_name);
	hearth_write_array(req->out, "greetings");
	for (int64_t i = 0; i < args->times; i++)
		hearth_write_string(req->out, NULL, hearth_arena_printf(req->arena, "Hello, %s", args->name));
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

static const struct hearth_endpoint ENDPOINTS[] = {
	{ .method = "GET", .path = "/_synapse/client/greeter/{name}", .fields = GREET_ARGS,
	  .args_size = sizeof(struct greet_args), .handler = greet, .about = "Greets somebody." },
	HEARTH_ENDPOINTS_END
};

/* Configuration and services come here; there is no I/O yet. */
static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct greeter *greeter = calloc(1, sizeof(*greeter));

	(void)err;
	hearth_assert(greeter);
	greeter->server_name = host->info(host, HEARTH_INFO_SERVER_NAME);
	*ret_self = greeter;
	return 0;
}

HEARTH_PLUGIN(greeter,
	.version = "1.0.0", .license = "Apache-2.0", .summary = "Greets somebody.",
	.endpoints = HEARTH_ENDPOINT_TABLES(ENDPOINTS), .load = load, .stop = free);
