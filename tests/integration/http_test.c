/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inbound HTTP end to end: a child process serves endpoints made for the purpose, and each test speaks to it over raw
 * sockets, well and badly.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <zlib.h>

#include "config/config.h"
#include "http/internal.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "task/task.h"

/* What the child and the tests share. */
static struct shared {
	int port, tls_port;
	int cancelled; /* long polls that ended because their client went away */
	int written;   /* writes that went on without their client */
} *shared;

static char unix_path[64];
static pid_t child;

/* --- the endpoints --- */

struct echo_args {
	const char *name;
	const char *message;
	int64_t count;
	struct hearth_texts server;
};

static const struct hearth_field ECHO_ARGS[] = {
	HEARTH_PATH(struct echo_args, name, "name"),
	HEARTH_BODY(struct echo_args, message, "content.message", .required = 1),
	HEARTH_BODY(struct echo_args, count, "count", .min = 1, .max = 10, .fallback = "3"),
	HEARTH_QUERY(struct echo_args, server, "server"),
	HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int echo(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	const struct echo_args *args = fields;

	(void)self, (void)task, (void)err;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "name", args->name);
	hearth_write_string(req->out, "message", args->message);
	hearth_write_int(req->out, "count", args->count);
	hearth_write_int(req->out, "servers", (int64_t)args->server.count);
	hearth_write_string(req->out, "user", req->user ? req->user->user_id : "nobody");
	hearth_write_string(req->out, "ip", req->ip);
	hearth_write_end(req->out);
	return 0;
}

/* A megabyte of text, to be compressed and to fill socket buffers. */
HEARTH_SUSPENDS static int large(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				 struct hearth_error *err)
{
	(void)self, (void)task, (void)fields, (void)err;
	hearth_write_array(req->out, NULL);
	for (int i = 0; i < 100000; i++)
		hearth_write_string(req->out, NULL, "lorem ipsum");
	hearth_write_end(req->out);
	return 0;
}

HEARTH_SUSPENDS static int astray(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				  struct hearth_error *err)
{
	(void)self, (void)task, (void)fields, (void)err;
	req->status = 4200;
	return 0;
}

HEARTH_SUSPENDS static int poll_long(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	int r = task_service()->sleep(task, 20000, err);

	(void)self, (void)req, (void)fields;
	if (r == -ECANCELED)
		__atomic_add_fetch(&shared->cancelled, 1, __ATOMIC_SEQ_CST);
	return r;
}

HEARTH_SUSPENDS static int write_slowly(void *self, struct hearth_task *task, struct hearth_request *req,
					const void *fields, struct hearth_error *err)
{
	int r = task_service()->sleep(task, 300, err);

	(void)self, (void)req, (void)fields;
	if (r == 0)
		__atomic_add_fetch(&shared->written, 1, __ATOMIC_SEQ_CST);
	return r;
}

HEARTH_SUSPENDS static int upload(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				  struct hearth_error *err)
{
	uLong sum = crc32(0, (const Bytef *)req->raw_body, (uInt)req->raw_body_length);

	(void)self, (void)task, (void)fields, (void)err;
	hearth_write_object(req->out, NULL);
	hearth_write_int(req->out, "bytes", (int64_t)req->raw_body_length);
	hearth_write_int(req->out, "crc", (int64_t)sum);
	hearth_write_end(req->out);
	return 0;
}

#define CLIENT "/_matrix/client/v3/"

static const struct hearth_endpoint ENDPOINTS[] = {
	{ .method = "PUT", .path = CLIENT "echo/{name}", .also = "r0 api/v1", .fields = ECHO_ARGS,
	  .args_size = sizeof(struct echo_args), .access = HEARTH_ACCESS_OPTIONAL, .handler = echo },
	{ .method = "GET", .path = CLIENT "whoami", .access = HEARTH_ACCESS_USER, .handler = upload },
	{ .method = "GET", .path = CLIENT "admin", .access = HEARTH_ACCESS_ADMIN, .handler = upload },
	{ .method = "GET", .path = CLIENT "limited", .limit = "rc_registration", .handler = upload },
	{ .method = "GET", .path = CLIENT "large", .handler = large },
	{ .method = "GET", .path = CLIENT "astray", .handler = astray },
	{ .method = "GET", .path = CLIENT "slow", .deadline_ms = 200, .handler = poll_long },
	{ .method = "GET", .path = CLIENT "poll", .flags = HEARTH_ENDPOINT_LONG_POLL, .handler = poll_long },
	{ .method = "POST", .path = CLIENT "write", .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, .handler = write_slowly },
	{ .method = "POST", .path = "/_matrix/media/v3/upload", .resource = HEARTH_RESOURCE_MEDIA,
	  .flags = HEARTH_ENDPOINT_RAW_BODY, .body_max_bytes = 8 << 20, .handler = upload },
	{ .method = "GET", .path = "/_matrix/federation/v1/version", .resource = HEARTH_RESOURCE_FEDERATION,
	  .handler = upload },
	HEARTH_ENDPOINTS_END
};

HEARTH_SUSPENDS static int authenticate(const struct hearth_auth *service, struct hearth_task *task,
					struct hearth_request *req, const char *token,
					const struct hearth_requester **ret_requester, struct hearth_error *err)
{
	static const struct hearth_requester ALICE = { .size = sizeof(ALICE), .user_id = "@alice:test" };
	static const struct hearth_requester GUEST = { .size = sizeof(GUEST), .user_id = "@1:test",
						       .flags = HEARTH_REQUESTER_GUEST };

	(void)service, (void)task, (void)req;
	if (strcmp(token, "expired") == 0) {
		err->soft_logout = 1;
		return hearth_refuse(err, 401, "M_UNKNOWN_TOKEN", "the token has expired");
	}
	*ret_requester = strcmp(token, "guest") == 0 ? &GUEST : &ALICE;
	return 0;
}

static const struct hearth_auth AUTH = {
	.base = { .size = sizeof(AUTH), .major = HEARTH_AUTH_MAJOR, .minor = HEARTH_AUTH_MINOR, .id = HEARTH_AUTH_ID },
	.authenticate = authenticate,
};

/* --- the child --- */

static void stop(void)
{
	http_drain();
	task_cancel_all();
	while (task_count())
		event_base_loop(loop_base(), EVLOOP_ONCE);
	http_stop();
	loop_stop();
}

static void serve(const char *config_path)
{
	struct listener_settings tcp = { .place = "test", .address = "127.0.0.1", .x_forwarded = true,
					 .resources = 1u << ROUTE_EVERYWHERE | 1u << HEARTH_RESOURCE_CLIENT |
						      1u << HEARTH_RESOURCE_MEDIA | 1u << HEARTH_RESOURCE_METRICS,
					 .compress = 1u << HEARTH_RESOURCE_CLIENT };
	struct listener_settings tls = tcp, local = tcp;
	struct hearth_error err = { 0 };
	struct config *config;

	tls.tls = true;
	local.address = NULL;
	local.path = unix_path;
	local.mode = 0600;
	if (loop_init(&err) < 0 || task_init(&err) < 0 || config_load(&config_path, 1, &config, &err) < 0)
		_exit(3);
	config_use(config);
	http_use_auth(&AUTH);
	if (limits_init(&err) < 0 || http_declare("test", NULL, ENDPOINTS, &err) < 0 || http_start(&err) < 0 ||
	    tls_load(&err) < 0 || http_listen(&tcp, &err) < 0 || http_listen(&tls, &err) < 0 || http_listen(&local, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.message);
		_exit(4);
	}
	shared->tls_port = listener_port(http_listener_at(1));
	__atomic_store_n(&shared->port, listener_port(http_listener_at(0)), __ATOMIC_SEQ_CST);
	loop_run(stop, NULL);
	task_finish();
	loop_finish();
	metrics_finish();
	config_free(config);
	exit(0);
}

static void pause_ms(int ms)
{
	(void)poll(NULL, 0, ms);
}

static int set_up(void **state)
{
	char folder[] = "/tmp/hearth-http-XXXXXX", config[64], command[512];
	FILE *file;

	(void)state;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED || !mkdtemp(folder))
		return -1;
	(void)snprintf(unix_path, sizeof(unix_path), "%s/socket", folder);
	(void)snprintf(config, sizeof(config), "%s/homeserver.yaml", folder);
	(void)snprintf(command, sizeof(command),
		       "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost "
		       "-keyout %s/key -out %s/cert >/dev/null 2>&1", folder, folder);
	file = fopen(config, "w");
	if (!file || system(command) != 0)
		return -1;
	(void)fprintf(file, "server_name: test\ntls_certificate_path: %s/cert\ntls_private_key_path: %s/key\n", folder, folder);
	(void)fclose(file);
	child = fork();
	if (child == 0)
		serve(config);
	for (int i = 0; i < 500 && !__atomic_load_n(&shared->port, __ATOMIC_SEQ_CST); i++)
		pause_ms(20);
	return shared->port ? 0 : -1;
}

static int tear_down(void **state)
{
	int status;

	(void)state;
	(void)kill(child, SIGTERM);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		(void)fprintf(stderr, "the server ended with status %x\n", status);
		return -1;
	}
	return access(unix_path, F_OK) == 0 ? -1 : 0;
}

/* --- the client --- */

static int dial(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)shared->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void send_all(int fd, const char *bytes, size_t length)
{
	while (length > 0) {
		ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);

		if (sent <= 0)
			return; /* refused in the middle: the response tells */
		bytes += sent;
		length -= (size_t)sent;
	}
}

static void say(int fd, const char *text)
{
	send_all(fd, text, strlen(text));
}

/* Bytes that come within the time, until the peer closes or one whole response is there (whole); -1: closed first. */
static ssize_t receive(int fd, char *bytes, size_t room, int timeout_ms, bool whole)
{
	size_t length = 0;

	for (;;) {
		struct pollfd wait = { .fd = fd, .events = POLLIN };
		const char *end, *size;
		ssize_t got;

		bytes[length] = '\0';
		end = strstr(bytes, "\r\n\r\n");
		size = strstr(bytes, "Content-Length: ");
		if (whole && end && (!size || size > end || length >= (size_t)(end + 4 - bytes) + strtoul(size + 16, NULL, 10)))
			return (ssize_t)length;
		if (poll(&wait, 1, timeout_ms) <= 0)
			return (ssize_t)length;
		got = recv(fd, bytes + length, room - 1 - length, 0);
		if (got <= 0)
			return length ? (ssize_t)length : -1;
		length += (size_t)got;
	}
}

static char answer[4 << 20];

/* Sends one request on a connection of its own; the answer is in answer, its status is returned. */
static int ask_n(const char *request, size_t length)
{
	int fd = dial(), status = 0;

	send_all(fd, request, length);
	if (receive(fd, answer, sizeof(answer), 5000, true) > 12)
		status = atoi(answer + 9);
	(void)close(fd);
	return status;
}

static int ask(const char *request)
{
	return ask_n(request, strlen(request));
}

static void expect(const char *request, int status, const char *part)
{
	int got = ask(request);

	if (got != status || !strstr(answer, part))
		fail_msg("%.60s: expected %d with %s, got %.400s", request, status, part, got ? answer : "nothing");
}

#define HOST "Host: test\r\n"
#define PUT_ECHO(path, body_length, body) \
	"PUT " path " HTTP/1.1\r\n" HOST "Content-Length: " #body_length "\r\n\r\n" body

static void fields_and_paths(void **state)
{
	(void)state;
	expect(PUT_ECHO(CLIENT "echo/a%2Fb%20c?server=x&server=y", 31, "{\"content\":{\"message\":\"hello\"}}"), 200,
	       "{\"name\":\"a/b c\",\"message\":\"hello\",\"count\":3,\"servers\":2,\"user\":\"nobody\",\"ip\":\"127.0.0.1\"}");
	expect(PUT_ECHO("/_matrix/client/api/v1/echo/x/", 31, "{\"content\":{\"message\":\"hello\"}}"), 200, "\"name\":\"x\"");
	expect(PUT_ECHO(CLIENT "echo/a%00b", 31, "{\"content\":{\"message\":\"hello\"}}"), 400,
			"M_INVALID_PARAM\",\"error\":\"name");
	expect(PUT_ECHO(CLIENT "echo/%ff", 31, "{\"content\":{\"message\":\"hello\"}}"), 400, "M_INVALID_PARAM");
	expect(PUT_ECHO(CLIENT "echo/x", 2, "{}"), 400, "\"M_MISSING_PARAM\",\"error\":\"content.message");
	expect(PUT_ECHO(CLIENT "echo/x", 25, "{\"content\":{\"message\":42}}"), 400, "M_NOT_JSON");
	expect(PUT_ECHO(CLIENT "echo/x", 26, "{\"content\":{\"message\":42}}"), 400,
			"\"M_BAD_JSON\",\"error\":\"content.message");
	expect(PUT_ECHO(CLIENT "echo/x", 42, "{\"content\":{\"message\":\"hello\"},\"count\":11}"), 400,
			"M_INVALID_PARAM\",\"error\":\"count");
	expect(PUT_ECHO(CLIENT "echo/x", 2, "[]"), 400, "M_BAD_JSON");
	expect(PUT_ECHO(CLIENT "echo/x", 0, ""), 400, "M_NOT_JSON");
}

static void unknown_paths_and_methods(void **state)
{
	(void)state;
	expect("GET " CLIENT "astray HTTP/1.1\r\n" HOST "\r\n", 500, "");
	expect("GET /_matrix/client/v3/nothing HTTP/1.1\r\n" HOST "\r\n", 404, "M_UNRECOGNIZED");
	expect("GET /_matrix/federation/v1/version HTTP/1.1\r\n" HOST "\r\n", 404, "M_UNRECOGNIZED");
	expect("DELETE " CLIENT "large HTTP/1.1\r\n" HOST "\r\n", 405, "Allow: GET");
	expect("BREW /health HTTP/1.1\r\n" HOST "\r\n", 405, "M_UNRECOGNIZED");
	expect("GET /health HTTP/1.1\r\n" HOST "\r\n", 200, "\r\n\r\nOK");
	expect("GET http://test/health HTTP/1.1\r\n" HOST "\r\n", 200, "\r\n\r\nOK");
	expect("GET /_synapse/metrics HTTP/1.1\r\n" HOST "\r\n", 200, "hearth_http_requests_in_flight");
	expect("OPTIONS " CLIENT "whoami HTTP/1.1\r\n" HOST "\r\n", 204, "Access-Control-Allow-Origin: *");
	expect("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 204, "Access-Control-Allow-Methods: GET");
	expect("GET /_matrix/client/v3/nothing HTTP/1.1\r\n" HOST "\r\n", 404, "Access-Control-Allow-Origin: *");
}

static void head_has_no_body(void **state)
{
	int fd = dial();

	(void)state;
	say(fd, "HEAD /health HTTP/1.1\r\n" HOST "\r\n");
	assert_true(receive(fd, answer, sizeof(answer), 500, false) > 0);
	assert_non_null(strstr(answer, "Content-Length: 2\r\n"));
	assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
	(void)close(fd);
}

static void callers(void **state)
{
	(void)state;
	expect("GET " CLIENT "whoami HTTP/1.1\r\n" HOST "\r\n", 401, "M_MISSING_TOKEN");
	expect("GET " CLIENT "whoami HTTP/1.1\r\n" HOST "Authorization: Bearer a\r\n\r\n", 200, "bytes");
	expect("GET " CLIENT "whoami?access_token=a HTTP/1.1\r\n" HOST "\r\n", 200, "bytes");
	expect("GET " CLIENT "whoami HTTP/1.1\r\n" HOST "Authorization: Bearer guest\r\n\r\n", 403, "M_GUEST_ACCESS_FORBIDDEN");
	expect("GET " CLIENT "whoami HTTP/1.1\r\n" HOST "Authorization: Bearer expired\r\n\r\n", 401, "\"soft_logout\":true");
	expect("GET " CLIENT "admin HTTP/1.1\r\n" HOST "Authorization: Bearer a\r\n\r\n", 403, "M_FORBIDDEN");
}

static void rate_limits(void **state)
{
	const char *request = "GET " CLIENT "limited HTTP/1.1\r\n" HOST "X-Forwarded-For: 192.0.2.7\r\n\r\n";

	(void)state;
	for (int i = 0; i < 3; i++)
		expect(request, 200, "bytes");
	expect(request, 429, "\"retry_after_ms\":");
	assert_non_null(strstr(answer, "Retry-After: "));
	expect("GET " CLIENT "limited HTTP/1.1\r\n" HOST "X-Forwarded-For: 192.0.2.8\r\n\r\n", 200, "bytes");
}

/* Each would let a proxy and this server disagree about where a request ends: 4xx or 501, and the connection closes. */
static void smuggling(void **state)
{
	static const char *const REQUESTS[] = {
		"POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
		"POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n",
		"POST /a HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /a HTTP/1.1\r\n" HOST "Content-Length : 3\r\n\r\nabc",
		"POST /a HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc",
		"POST /a HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\nabc",
		"POST /a HTTP/1.1\r\n" HOST "X: y\r\n Content-Length: 3\r\n\r\nabc",
		"POST /a HTTP/1.1\r\n" HOST "X: y\nContent-Length: 3\r\n\r\nabc",
		"POST /a HTTP/1.1\r\n" HOST HOST "\r\n",
		"POST /a HTTP/1.1\r\n\r\n",
		"POST /a\r\n\r\n",
		"POST /a HTTP/2.0\r\n" HOST "\r\n",
		"PRI * HTTP/2.0\r\n\r\n",
		"POST a HTTP/1.1\r\n" HOST "\r\n",
		"P(ST /a HTTP/1.1\r\n" HOST "\r\n",
		"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
		"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
		"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n",
	};
	static const char NUL_IN_HEADER[] = "GET /health HTTP/1.1\r\n" HOST "X: a\0b\r\n\r\n";

	(void)state;
	for (size_t i = 0; i < HEARTH_COUNT(REQUESTS); i++) {
		char buffer[1024];
		int fd = dial(), status;

		(void)snprintf(buffer, sizeof(buffer), "%sGET /health HTTP/1.1\r\n" HOST "\r\n", REQUESTS[i]);
		send_all(fd, buffer, strlen(buffer));
		assert_true(receive(fd, answer, sizeof(answer), 5000, false) > 0);
		status = atoi(answer + 9);
		if (status < 400 || status == 500 || status > 505 || !strstr(answer, "Connection: close") ||
		    strstr(answer + 9, "HTTP/1.1 "))
			fail_msg("request %zu was answered %s", i, answer);
		(void)close(fd);
	}
	assert_int_equal(ask_n(NUL_IN_HEADER, sizeof(NUL_IN_HEADER) - 1), 400);
}

static void bodies(void **state)
{
	static char request[3 << 20];
	int head = snprintf(request, sizeof(request), "POST /_matrix/media/v3/upload HTTP/1.1\r\n" HOST
						      "Expect: 100-continue\r\nContent-Length: 2000000\r\n\r\n");
	char crc[64];
	int fd;

	(void)state;
	memset(request + head, 'x', 2000000);
	(void)snprintf(crc, sizeof(crc), "{\"bytes\":2000000,\"crc\":%lu}", crc32(0, (Bytef *)request + head, 2000000));
	fd = dial();
	send_all(fd, request, (size_t)head);
	assert_true(receive(fd, answer, sizeof(answer), 2000, true) > 0);
	assert_memory_equal(answer, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	send_all(fd, request + head, 2000000);
	assert_true(receive(fd, answer, sizeof(answer), 5000, true) > 0);
	assert_non_null(strstr(answer, crc));
	(void)close(fd);
	expect("POST /_matrix/media/v3/upload HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
	       "3;x=y\r\nabc\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n", 200, "{\"bytes\":13,");
	expect("POST /_matrix/media/v3/upload HTTP/1.1\r\n" HOST "Content-Length: 8388609\r\n\r\nabc", 413, "M_TOO_LARGE");
	expect("PUT " CLIENT "echo/x HTTP/1.1\r\n" HOST "Content-Length: 1048577\r\n\r\n{", 413, "M_TOO_LARGE");
	expect("PUT " CLIENT "echo/x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n100001\r\n", 413, "M_TOO_LARGE");
	head = snprintf(request, sizeof(request), "PUT " CLIENT "echo/x HTTP/1.1\r\n" HOST "Content-Length: 100000\r\n\r\n");
	memset(request + head, '[', 100000);
	assert_int_equal(ask_n(request, (size_t)head + 100000), 400);
	assert_non_null(strstr(answer, "M_BAD_JSON"));
}

static void large_heads(void **state)
{
	static char request[80000];
	int head = snprintf(request, sizeof(request), "GET /health HTTP/1.1\r\n" HOST "X: ");

	(void)state;
	memset(request + head, 'x', sizeof(request) - (size_t)head);
	assert_int_equal(ask_n(request, sizeof(request)), 431);
	memcpy(request + 60000, "\r\n\r\n", 4);
	assert_int_equal(ask_n(request, 60004), 200);
	for (size_t at = (size_t)head - 3; at + 5 < 60000; at += 5)
		memcpy(request + at, "a:b\r\n", 5);
	memcpy(request + 60000, "\r\n\r\n", 4);
	assert_int_not_equal(ask_n(request, 60004), 200);
}

static void pipelining_and_keep_alive(void **state)
{
	char request[4096] = "";
	size_t count = 0;
	int fd = dial();

	(void)state;
	for (int i = 0; i < 50; i++)
		(void)strcat(request, "GET /health HTTP/1.1\r\n" HOST "\r\n");
	send_all(fd, request, strlen(request));
	for (int i = 0; i < 50 && count < 50; i++) {
		count = 0;
		assert_true(receive(fd, answer, sizeof(answer), 300, false) > 0);
		for (const char *at = answer; (at = strstr(at, "HTTP/1.1 200")); at++)
			count++;
		break;
	}
	assert_int_equal(count, 50);
	say(fd, "GET /health HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
	assert_true(receive(fd, answer, sizeof(answer), 2000, false) > 0);
	assert_non_null(strstr(answer, "Connection: close"));
	assert_int_equal(recv(fd, answer, 1, 0), 0);
	(void)close(fd);
}

static void compression(void **state)
{
	static char plain[4 << 20];
	z_stream stream = { .next_out = (Bytef *)plain, .avail_out = sizeof(plain) };
	const char *body;
	ssize_t length;
	int fd = dial();

	(void)state;
	say(fd, "GET " CLIENT "large HTTP/1.1\r\n" HOST "Accept-Encoding: br, gzip\r\nConnection: close\r\n\r\n");
	length = receive(fd, answer, sizeof(answer), 3000, false);
	(void)close(fd);
	assert_true(length > 0 && length < 100000);
	assert_non_null(strstr(answer, "Content-Encoding: gzip"));
	body = strstr(answer, "\r\n\r\n") + 4;
	stream.next_in = (Bytef *)body;
	stream.avail_in = (uInt)(length - (body - answer));
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.total_out, 100000 * 14 + 1);
	(void)inflateEnd(&stream);
	expect("GET " CLIENT "large HTTP/1.1\r\n" HOST "Accept-Encoding: gzip;q=0\r\n\r\n", 200, "Content-Length: 1400001");
	assert_null(strstr(answer, "Content-Encoding"));
}

static void deadlines(void **state)
{
	(void)state;
	expect("GET " CLIENT "slow HTTP/1.1\r\n" HOST "\r\n", 504, "M_UNKNOWN");
}

/* Reads end with their client, writes do not. */
static void clients_that_leave(void **state)
{
	int fd = dial(), before = shared->cancelled;

	(void)state;
	say(fd, "GET " CLIENT "poll HTTP/1.1\r\n" HOST "\r\n");
	pause_ms(200);
	(void)close(fd);
	fd = dial();
	say(fd, "POST " CLIENT "write HTTP/1.1\r\n" HOST "\r\n");
	pause_ms(50);
	(void)close(fd);
	for (int i = 0; i < 100 && !(__atomic_load_n(&shared->written, __ATOMIC_SEQ_CST) == 1 &&
				     __atomic_load_n(&shared->cancelled, __ATOMIC_SEQ_CST) == before + 1); i++)
		pause_ms(20);
	assert_int_equal(shared->cancelled, before + 1);
	assert_int_equal(shared->written, 1);
}

static void half_open_connections_disturb_nobody(void **state)
{
	int fds[500];

	(void)state;
	for (int i = 0; i < 500; i++) {
		fds[i] = dial();
		send_all(fds[i], "PUT " CLIENT "echo/x HTTP/1.1\r\n" HOST "Content-Length: 100\r\n\r\n{", i % 2 ? 30 : 74);
	}
	for (int i = 0; i < 20; i++)
		expect("GET /health HTTP/1.1\r\n" HOST "\r\n", 200, "OK");
	for (int i = 0; i < 500; i++)
		(void)close(fds[i]);
	expect("GET /health HTTP/1.1\r\n" HOST "\r\n", 200, "OK");
}

/* A client that sends a byte a second is cut off after 30 seconds, however regularly it does. */
static void slow_clients_are_cut_off(void **state)
{
	time_t start = time(NULL);
	int fd = dial(), sent = 0;
	ssize_t got = 0;

	(void)state;
	say(fd, "GET /health HTTP/1.1\r\nX: ");
	while (time(NULL) - start < 45 && (got = recv(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT)) < 0) {
		say(fd, "x");
		sent++;
		pause_ms(1000);
	}
	assert_true(got > 12 && sent >= 25 && sent <= 40);
	assert_memory_equal(answer, "HTTP/1.1 408", 12);
	(void)close(fd);
}

static void unix_sockets(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct stat status;

	(void)state;
	memcpy(address.sun_path, unix_path, strlen(unix_path));
	assert_int_equal(stat(unix_path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	say(fd, "GET /health HTTP/1.1\r\n" HOST "\r\n");
	assert_true(receive(fd, answer, sizeof(answer), 2000, true) > 0);
	assert_non_null(strstr(answer, "\r\n\r\nOK"));
	(void)close(fd);
}

static void tls(void **state)
{
	SSL_CTX *context = SSL_CTX_new(TLS_client_method());
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)shared->tls_port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const char request[] = "GET " CLIENT "large HTTP/1.1\r\n" HOST "\r\n";
	int fd = socket(AF_INET, SOCK_STREAM, 0), got, length = 0;
	SSL *ssl = SSL_new(context);

	(void)state;
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	SSL_set_fd(ssl, fd);
	assert_int_equal(SSL_connect(ssl), 1);
	for (int i = 0; i < 2; i++) {
		assert_true(SSL_write(ssl, request, sizeof(request) - 1) > 0);
		for (length = 0; length < 1400001; length += got) {
			got = SSL_read(ssl, answer + length, 16384);
			assert_true(got > 0);
		}
		while (!(length >= 4 && answer[length - 1] == ']')) {
			got = SSL_read(ssl, answer + length, 16384);
			assert_true(got > 0);
			length += got;
		}
	}
	SSL_free(ssl);
	SSL_CTX_free(context);
	(void)close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_and_paths),
		cmocka_unit_test(unknown_paths_and_methods),
		cmocka_unit_test(head_has_no_body),
		cmocka_unit_test(callers),
		cmocka_unit_test(rate_limits),
		cmocka_unit_test(smuggling),
		cmocka_unit_test(bodies),
		cmocka_unit_test(large_heads),
		cmocka_unit_test(pipelining_and_keep_alive),
		cmocka_unit_test(compression),
		cmocka_unit_test(deadlines),
		cmocka_unit_test(clients_that_leave),
		cmocka_unit_test(half_open_connections_disturb_nobody),
		cmocka_unit_test(slow_clients_are_cut_off),
		cmocka_unit_test(unix_sockets),
		cmocka_unit_test(tls),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
