/* SPDX-License-Identifier: Apache-2.0 */
/* Outbound HTTP against listeners of the same process, on the same loop. */
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "http/internal.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "outbound/outbound.h"
#include "task/task.h"

#define LOOKUP_MS 3000

/* In place of the C library's: a name server that does not answer. */
HEARTH_EXPORT int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
			      struct addrinfo **ret_addresses)
{
	static int (*real)(const char *name, const char *service, const struct addrinfo *hints,
			   struct addrinfo **ret_addresses);

	if (name && strcmp(name, "unanswered.test") == 0) {
		(void)usleep(LOOKUP_MS * 1000);
		return EAI_AGAIN;
	}
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	return real(name, service, hints, ret_addresses);
}

HEARTH_SUSPENDS static int echo(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	(void)self, (void)task, (void)fields, (void)err;
	http_service()->respond(req, "text/plain", req->raw_body, req->raw_body_length);
	return 0;
}

HEARTH_SUSPENDS static int slow(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	(void)self, (void)req, (void)fields;
	return task_service()->sleep(task, 5000, err);
}

HEARTH_SUSPENDS static int away(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	(void)self, (void)task, (void)fields, (void)err;
	http_service()->redirect(req, "/health");
	return 0;
}

static const struct hearth_endpoint ENDPOINTS[] = {
	{ .method = "PUT", .path = "/echo", .flags = HEARTH_ENDPOINT_RAW_BODY, .body_max_bytes = 4 << 20, .handler = echo },
	{ .method = "GET", .path = "/slow", .handler = slow },
	{ .method = "GET", .path = "/away", .handler = away },
	HEARTH_ENDPOINTS_END
};

struct question {
	struct hearth_outbound_request request;
	struct hearth_outbound_response response;
	struct hearth_error err;
	int result;
	char *body; /* owned: free */
};

HEARTH_SUSPENDS static void ask(struct hearth_task *task, void *argument)
{
	struct question *question = argument;

	question->result = outbound_service()->request(task, &question->request, &question->response, &question->err);
	if (question->result == 0)
		question->body = strndup(question->response.body, question->response.body_size);
}

static char url[64];

static const char *at(const char *path)
{
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", listener_port(http_listener_at(0)), path);
	return url;
}

/* Runs it to its end, or cancels it after some ms. */
static void run(struct question *question, int cancel_after_ms)
{
	int64_t start = loop_monotonic_ms();
	struct hearth_task *task;

	assert_int_equal(task_spawn("test", "ask", ask, question, &task, NULL), 0);
	question->result = 1;
	while (question->result == 1) {
		event_base_loop(loop_base(), EVLOOP_NONBLOCK);
		if (cancel_after_ms && loop_monotonic_ms() - start > cancel_after_ms) {
			task_cancel(task);
			cancel_after_ms = 0;
		}
		(void)usleep(1000);
	}
}

static void a_request_and_its_answer(void **state)
{
	static char large[2 << 20];
	const char *const headers[] = { "Content-Type: text/plain", NULL };
	struct question question = { .request = { .method = "PUT", .url = at("/echo"), .body = "hello", .body_size = 5,
						  .headers = headers, .flags = HEARTH_OUTBOUND_TRUSTED } };

	(void)state;
	run(&question, 0);
	assert_int_equal(question.result, 0);
	assert_int_equal(question.response.status, 200);
	assert_string_equal(question.body, "hello");
	free(question.body);
	memset(large, 'x', sizeof(large));
	question = (struct question){ .request = { .method = "PUT", .url = url, .body = large, .body_size = sizeof(large),
						   .flags = HEARTH_OUTBOUND_TRUSTED } };
	run(&question, 0);
	assert_int_equal(question.result, -EFBIG);
	question.err = (struct hearth_error){ 0 };
	question.request.response_max_bytes = sizeof(large);
	run(&question, 0);
	assert_int_equal(question.result, 0);
	assert_int_equal(question.response.body_size, sizeof(large));
	free(question.body);
}

/* Also after a trusted request has left an open connection to the same address behind. */
static void the_block_list(void **state)
{
	struct question question = { .request = { .method = "PUT", .url = at("/echo"), .body = "x", .body_size = 1 } };

	(void)state;
	run(&question, 0);
	assert_int_equal(question.result, -EACCES);
	assert_non_null(strstr(question.err.message, "ip_range_blacklist"));
	question.err = (struct hearth_error){ 0 };
	(void)snprintf(url, sizeof(url), "http://[::ffff:127.0.0.1]:%d/echo", listener_port(http_listener_at(0)));
	run(&question, 0);
	assert_int_equal(question.result, -EACCES);
	question.err = (struct hearth_error){ 0 };
	(void)snprintf(url, sizeof(url), "http://localhost:%d/echo", listener_port(http_listener_at(0)));
	run(&question, 0);
	assert_int_equal(question.result, -EACCES);
	question.err = (struct hearth_error){ 0 };
	(void)snprintf(url, sizeof(url), "http://0.0.0.0:%d/echo", listener_port(http_listener_at(0)));
	run(&question, 0);
	assert_int_equal(question.result, -EACCES);
}

static void refusals_and_failures(void **state)
{
	static const char *const URLS[] = { "file:///etc/passwd", "gopher://127.0.0.1/", "nonsense://", "" };
	struct question question = { 0 };

	(void)state;
	for (size_t i = 0; i < HEARTH_COUNT(URLS); i++) {
		question = (struct question){ .request = { .method = "GET", .url = URLS[i],
							   .flags = HEARTH_OUTBOUND_TRUSTED } };
		run(&question, 0);
		assert_int_equal(question.result, -EINVAL);
	}
	question = (struct question){ .request = { .method = "GET", .url = "http://127.0.0.1:1/",
						   .flags = HEARTH_OUTBOUND_TRUSTED } };
	run(&question, 0);
	assert_int_equal(question.result, -EIO);
	question = (struct question){ .request = { .method = "GET", .url = at("/away"), .flags = HEARTH_OUTBOUND_TRUSTED } };
	run(&question, 0);
	assert_int_equal(question.result, 0);
	assert_int_equal(question.response.status, 302);
	free(question.body);
}

static void time_and_cancellation(void **state)
{
	struct question question = { .request = { .method = "GET", .url = at("/slow"), .timeout_ms = 200,
						  .flags = HEARTH_OUTBOUND_TRUSTED } };
	int64_t start = loop_monotonic_ms();

	(void)state;
	run(&question, 0);
	assert_int_equal(question.result, -ETIMEDOUT);
	question.err = (struct hearth_error){ 0 };
	question.request.timeout_ms = 0;
	run(&question, 200);
	assert_int_equal(question.result, -ECANCELED);
	assert_true(loop_monotonic_ms() - start < 2000);
}

/* The loop goes on at once, whatever the thread that looks the name up does. */
static void names_that_nobody_answers_for(void **state)
{
	struct question question = { .request = { .method = "GET", .url = "http://unanswered.test/", .timeout_ms = 200 } };
	int64_t start = loop_monotonic_ms();

	(void)state;
	run(&question, 0);
	assert_int_equal(question.result, -ETIMEDOUT);
	question.err = (struct hearth_error){ 0 };
	question.request.timeout_ms = 0;
	run(&question, 200);
	assert_int_equal(question.result, -ECANCELED);
	assert_true(loop_monotonic_ms() - start < LOOKUP_MS / 2);
}

static int set_up(void **state)
{
	const struct listener_settings settings = { .place = "test", .address = "127.0.0.1",
						    .resources = 1u << ROUTE_EVERYWHERE | 1u << HEARTH_RESOURCE_CLIENT };
	static char path[] = "/tmp/hearth-outbound-XXXXXX";
	const char *paths[] = { path };
	struct config *config;
	FILE *file = fdopen(mkstemp(path), "w");

	(void)unsetenv("http_proxy");
	(void)unsetenv("all_proxy");
	(void)unsetenv("ALL_PROXY");
	(void)fprintf(file, "server_name: test\n");
	(void)fclose(file);
	if (loop_init(NULL) < 0 || task_init(NULL) < 0 || config_load(paths, 1, &config, NULL) < 0)
		return -1;
	(void)unlink(path);
	config_use(config);
	*state = config;
	return http_declare("test", NULL, ENDPOINTS, NULL) < 0 || http_start(NULL) < 0 || http_listen(&settings, NULL) < 0 ||
	       outbound_start(NULL) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	http_drain();
	task_cancel_all();
	while (task_count())
		event_base_loop(loop_base(), EVLOOP_ONCE);
	outbound_stop();
	http_stop();
	task_finish();
	loop_finish();
	metrics_finish();
	config_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_and_its_answer),
		cmocka_unit_test(the_block_list),
		cmocka_unit_test(refusals_and_failures),
		cmocka_unit_test(time_and_cancellation),
		cmocka_unit_test(names_that_nobody_answers_for),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
