/* SPDX-License-Identifier: Apache-2.0 */
/* A request from its head to its response: route, caller, rate limit, fields, handler. */
#include "internal.h"

#include "log/log.h"
#include "task/task.h"

#include <arpa/inet.h>
#include <errno.h>
#include <hearth/matrix/id.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define REFUSED_BODY_BYTES 65536u /* is read and dropped, so that the connection can go on */
#define DEADLINE_DEFAULT_MS 60000
#define REQUEST_ID_MAX 64u

/* --- the head --- */

static const char *new_request_id(struct hearth_arena *arena)
{
	static char process[7];
	static uint64_t count;

	if (!process[0])
		hearth_id_random(process, sizeof(process));
	return hearth_arena_printf(arena, "%s-%" PRIu64, process, ++count);
}

static bool is_request_id(const char *text)
{
	size_t length = strlen(text);

	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return length > 0 && length <= REQUEST_ID_MAX;
}

static const char *request_id(const struct exchange *exchange)
{
	const char *name = exchange->listener->request_id_header;
	const char *given = name ? head_find(&exchange->head, name) : NULL;

	return given && is_request_id(given) ? given : new_request_id(exchange->arena);
}

/* The first address of X-Forwarded-For: the proxy in front is told to set it. */
static const char *client_ip(const struct exchange *exchange, const char *peer)
{
	const char *list = exchange->listener->x_forwarded ? head_find(&exchange->head, "X-Forwarded-For") : NULL;
	unsigned char address[sizeof(struct in6_addr)];
	const char *first;

	if (list) {
		list += strspn(list, " ");
		first = hearth_arena_strndup(exchange->arena, list, strcspn(list, ", "));
		if (inet_pton(AF_INET, first, address) == 1 || inet_pton(AF_INET6, first, address) == 1)
			return first;
	}
	return hearth_arena_strdup(exchange->arena, peer);
}

static const char *bearer_token(const struct exchange *exchange)
{
	const char *header = head_find(&exchange->head, "Authorization");
	const struct url_text *parameter;

	if (header && strncasecmp(header, "Bearer ", 7) == 0) {
		header += 7;
		return header + strspn(header, " ");
	}
	parameter = header ? NULL : url_query_find(&exchange->query, "access_token");
	return parameter && url_is_text(parameter->text, parameter->length) ? parameter->text : NULL;
}

static bool needs_token(const struct hearth_endpoint *endpoint)
{
	return endpoint->access != HEARTH_ACCESS_NONE && endpoint->access != HEARTH_ACCESS_OPTIONAL;
}

/* Decides what needs no body: preflight, unknown paths, missing tokens. */
static void decide(struct exchange *exchange)
{
	struct hearth_request *req = &exchange->req;
	struct hearth_error *err = &exchange->refusal;
	const char *methods;

	exchange->preflight = strcmp(req->method, "OPTIONS") == 0;
	exchange->is_head = strcmp(req->method, "HEAD") == 0;
	if (exchange->preflight)
		return;
	if (route_find(http_routes(), exchange->listener->resources, req->method, req->path, exchange->arena,
		       &exchange->match, err) < 0) {
		methods = err->http_status == 405 ? route_methods(http_routes(), exchange->listener->resources,
								   req->path, exchange->arena) : NULL;
		if (methods)
			http_service()->add_header(req, "Allow", methods);
		return;
	}
	req->endpoint = exchange->match.route->endpoint;
	if (needs_token(req->endpoint) && !req->access_token)
		(void)hearth_refuse(err, 401, "M_MISSING_TOKEN", "this endpoint needs an access token");
}

int exchange_open(struct connection *connection, const struct listener_settings *listener, const char *ip,
		  struct hearth_arena *arena, char *head, size_t length, struct exchange **ret_exchange,
		  struct hearth_error *err)
{
	struct exchange *exchange = hearth_arena_new_of(arena, struct exchange);
	struct hearth_request *req = &exchange->req;
	const char *agent;
	int r = head_parse(arena, head, length, &exchange->head, err);

	if (r < 0)
		return r;
	exchange->connection = connection;
	exchange->listener = listener;
	exchange->arena = arena;
	exchange->references = 1;
	exchange->started_us = http_monotonic_us();
	exchange->query = url_query_parse(arena, exchange->head.query);
	agent = head_find(&exchange->head, "User-Agent");
	*req = (struct hearth_request){
		.size = sizeof(*req),
		.status = 200,
		.method = exchange->head.method,
		.path = exchange->head.path,
		.id = request_id(exchange),
		.ip = client_ip(exchange, ip),
		.user_agent = agent ? agent : "",
		.access_token = bearer_token(exchange),
		.arena = arena,
		.host = exchange,
	};
	account_begin();
	decide(exchange);
	*ret_exchange = exchange;
	return 0;
}

uint64_t exchange_body_max(const struct exchange *exchange)
{
	const struct hearth_endpoint *endpoint = exchange->req.endpoint;

	if (exchange->refusal.code || !endpoint)
		return REFUSED_BODY_BYTES;
	return endpoint->body_max_bytes ? endpoint->body_max_bytes : HTTP_BODY_DEFAULT_BYTES;
}

void exchange_unref(struct exchange *exchange)
{
	if (exchange && --exchange->references == 0)
		hearth_arena_free(exchange->arena);
}

/* --- the task --- */

HEARTH_SUSPENDS static int authenticate(struct exchange *exchange, struct hearth_task *task, struct hearth_error *err)
{
	struct hearth_request *req = &exchange->req;
	const struct hearth_auth *auth = http_auth();
	uint32_t access = req->endpoint->access;
	int r;

	if (access == HEARTH_ACCESS_NONE || !req->access_token)
		return 0;
	if (!auth)
		return hearth_fail(err, -EIO, "no plugin of this process knows access tokens (hearth.auth)");
	r = auth->authenticate(auth, task, req, req->access_token, &req->user, err);
	if (r < 0)
		return r;
	if (!req->user)
		return hearth_fail(err, -EIO, "hearth.auth took a token and named nobody");
	if (access == HEARTH_ACCESS_USER && req->user->flags & HEARTH_REQUESTER_GUEST)
		return hearth_refuse(err, 403, "M_GUEST_ACCESS_FORBIDDEN", "guests may not do this");
	if (access == HEARTH_ACCESS_ADMIN && !(req->user->flags & HEARTH_REQUESTER_ADMIN))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "only server administrators may do this");
	return 0;
}

/* An IPv6 client owns a /64 as a rule: one bucket for all of it. */
static const char *address_key(const struct hearth_request *req)
{
	struct in6_addr address;
	char text[INET6_ADDRSTRLEN];

	if (inet_pton(AF_INET6, req->ip, &address) != 1 || IN6_IS_ADDR_V4MAPPED(&address))
		return req->ip;
	memset(address.s6_addr + 8, 0, 8);
	if (!inet_ntop(AF_INET6, &address, text, sizeof(text)))
		return req->ip;
	return hearth_arena_printf(req->arena, "%s/64", text);
}

static int apply_limit(const struct hearth_request *req, struct hearth_error *err)
{
	const char *limit = req->endpoint->limit;

	if (!limit)
		return 0;
	return limits_service()->check(limit, req->user ? req->user->user_id : address_key(req), err);
}

static bool wants_body(const struct hearth_endpoint *endpoint)
{
	for (const struct hearth_field *field = endpoint->fields; field && field->name; field++)
		if (field->source == HEARTH_FROM_BODY || field->source == HEARTH_FROM_WHOLE_BODY)
			return true;
	return false;
}

static bool carries_body(const char *method)
{
	return strcmp(method, "POST") == 0 || strcmp(method, "PUT") == 0 || strcmp(method, "PATCH") == 0;
}

static int parse_body(struct hearth_request *req, struct hearth_error *err)
{
	const struct hearth_endpoint *endpoint = req->endpoint;
	const char *text = req->raw_body;
	size_t length = req->raw_body_length;
	bool wanted = wants_body(endpoint);
	int r;

	if (endpoint->flags & HEARTH_ENDPOINT_RAW_BODY || (!wanted && (length == 0 || !carries_body(req->method))))
		return 0;
	if (length == 0 && endpoint->flags & HEARTH_ENDPOINT_OPTIONAL_BODY) {
		text = "{}";
		length = 2;
	}
	if (length == 0)
		return hearth_refuse(err, 400, "M_NOT_JSON", "the body is empty, a JSON object is expected");
	r = hearth_json_parse(req->arena, text, length, 0, &req->body, err);
	if (r < 0)
		return r;
	if (hearth_json_type(req->body) != HEARTH_JSON_OBJECT)
		return hearth_refuse(err, 400, "M_BAD_JSON", "the body must be a JSON object");
	return 0;
}

HEARTH_SUSPENDS static int serve(struct exchange *exchange, struct hearth_task *task, struct hearth_error *err)
{
	struct hearth_request *req = &exchange->req;
	const struct hearth_endpoint *endpoint = req->endpoint;
	struct field_source source = {
		.arena = req->arena,
		.match = &exchange->match,
		.query = &exchange->query,
		.head = &exchange->head,
	};
	void *args = hearth_arena_alloc(req->arena, endpoint->args_size);
	int r = authenticate(exchange, task, err);

	if (r < 0)
		return r;
	r = apply_limit(req, err);
	if (r < 0)
		return r;
	r = parse_body(req, err);
	if (r < 0)
		return r;
	source.body = req->body;
	r = fields_fill(&source, endpoint->fields, args, err);
	if (r < 0)
		return r;
	return endpoint->handler(exchange->match.route->self, task, req, args, err);
}

/* What is no refusal but our own trouble, in the words that the client gets. */
static void soften(const struct exchange *exchange, int r, struct hearth_error *err)
{
	if (!err->code)
		(void)hearth_fail(err, r, "the request failed");
	if (err->errcode[0])
		return;
	if (r == -ECANCELED && !err->http_status) {
		hearth_error_clear(err);
		(void)hearth_refuse(err, 503, "M_UNKNOWN", "the server is shutting down; try again");
	} else if (r == -ETIMEDOUT && !err->http_status) {
		log_warning("http", "%s %s: deadline passed: %s", exchange->req.method, exchange->req.path, err->message);
		hearth_error_clear(err);
		(void)hearth_refuse(err, 504, "M_UNKNOWN", "the request took too long");
	} else if (hearth_error_status(err) == 500) {
		log_error("http", "%s %s: %s", exchange->req.method, exchange->req.path, err->message);
		(void)snprintf(err->message, sizeof(err->message), "internal error, request %s", exchange->req.id);
	} else if (hearth_error_status(err) > 500) {
		/* Whoever is away says so once; not every request that missed it does. */
		log_info("http", "%s %s: %s", exchange->req.method, exchange->req.path, err->message);
		(void)snprintf(err->message, sizeof(err->message), "something that the server needs is away; try again");
	}
}

/* A status that is none would reach the client, and the counters of classes. */
static void settle_status(struct hearth_request *req)
{
	if (req->status >= 200 && req->status <= 599)
		return;
	log_error("http", "%s %s: its handler answered with status %u", req->method, req->path, req->status);
	req->status = 500;
}

static void finish(struct exchange *exchange, bool keep_alive)
{
	struct connection *connection = exchange->connection;
	struct evbuffer *response;

	settle_status(&exchange->req);
	exchange->connection = NULL;
	if (connection) {
		response = evbuffer_new();
		hearth_assert(response);
		keep_alive = keep_alive && exchange->head.keep_alive && !http_draining();
		response_write(exchange, response, keep_alive);
		account_end(exchange);
		connection_send(connection, response, keep_alive);
		evbuffer_free(response);
	} else {
		account_end(exchange);
	}
	exchange_unref(exchange);
}

HEARTH_SUSPENDS static void run(struct hearth_task *task, void *argument)
{
	struct exchange *exchange = argument;
	struct hearth_request *req = &exchange->req;
	struct hearth_error err = { 0 };
	int r;

	req->arena = task_arena(task);
	task_set_request_id(task, req->id);
	(void)task_set_deadline(task, req->endpoint->deadline_ms ? req->endpoint->deadline_ms : DEADLINE_DEFAULT_MS);
	r = serve(exchange, task, &err);
	if (r < 0) {
		soften(exchange, r, &err);
		response_error(exchange, &err);
	} else {
		response_compress(exchange, task);
	}
	exchange->task = NULL;
	finish(exchange, true);
}

/* --- what the connection calls --- */

void exchange_refuse(struct exchange *exchange, bool close)
{
	response_error(exchange, &exchange->refusal);
	finish(exchange, !close);
}

void exchange_run(struct exchange *exchange, const char *body, size_t length)
{
	const struct route *route = exchange->match.route;

	if (exchange->preflight) {
		exchange->req.status = 204;
		finish(exchange, true);
		return;
	}
	exchange->req.raw_body = body;
	exchange->req.raw_body_length = length;
	exchange->req.out = hearth_writer_new(exchange->arena);
	if (!exchange->refusal.code &&
	    task_spawn(route->plugin, route->endpoint->path, run, exchange, &exchange->task, &exchange->refusal) == 0)
		return;
	if (exchange->refusal.code == -EAGAIN && !exchange->refusal.http_status) {
		hearth_error_clear(&exchange->refusal);
		(void)hearth_refuse(&exchange->refusal, 503, "M_UNKNOWN", "the server is too busy; try again");
	}
	exchange_refuse(exchange, false);
}

void exchange_drop(struct exchange *exchange)
{
	exchange->connection = NULL;
	exchange->req.status = 400;
	account_end(exchange);
	exchange_unref(exchange);
}

/*
 * A read is pointless without its reader; a write that was begun is finished, since a client that lost its connection
 * believes that it may have happened.
 */
bool exchange_cancel(struct exchange *exchange)
{
	const struct hearth_endpoint *endpoint = exchange->req.endpoint;

	if (strcmp(exchange->req.method, "GET") != 0 && !exchange->is_head &&
	    !(endpoint->flags & HEARTH_ENDPOINT_LONG_POLL))
		return false;
	if (exchange->task)
		task_cancel(exchange->task);
	return true;
}
