/* SPDX-License-Identifier: Apache-2.0 */
/* One outbound request: its options, its wait, its answer. */
#include "internal.h"

#include "proxy.h"

#include "metrics/metrics.h"
#include "task/task.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT_MS 60000u
#define RESPONSE_DEFAULT_BYTES (UINT64_C(1) << 20)
#define CONNECT_TIMEOUT_MS 20000L

struct transfer {
	struct hearth_task *task;
	CURL *easy;
	struct curl_slist *headers;
	bool trusted;
	bool done;
	bool blocked;   /* the address is in the block list */
	bool too_large;
	CURLcode result;
	uint64_t max_bytes;
	char *body; /* owned: free */
	size_t size, room;
	char reason[CURL_ERROR_SIZE];
};

static struct hearth_metric *requests;

/* Closes what is still open; a transfer that runs is aborted. */
static void finish(struct transfer *transfer)
{
	if (transfer->easy) {
		multi_remove(transfer->easy, transfer->trusted);
		curl_easy_cleanup(transfer->easy);
	}
	curl_slist_free_all(transfer->headers);
	free(transfer->body);
}

static void on_done(CURL *easy, CURLcode result)
{
	struct transfer *transfer;

	(void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&transfer);
	transfer->done = true;
	transfer->result = result;
	task_wake(transfer->task);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *argument)
{
	struct transfer *transfer = argument;
	size_t length = size * count;

	if (length > transfer->max_bytes - transfer->size) {
		transfer->too_large = true;
		return 0;
	}
	if (transfer->size + length + 1 > transfer->room) {
		size_t room = 2 * transfer->room + length + 4096;
		char *body = realloc(transfer->body, room);

		hearth_assert(body);
		transfer->body = body;
		transfer->room = room;
	}
	memcpy(transfer->body + transfer->size, bytes, length);
	transfer->size += length;
	return length;
}

/* The last look before a connection, after the name was resolved: a name cannot be rebound behind our back. */
static curl_socket_t on_open_socket(void *argument, curlsocktype purpose, struct curl_sockaddr *address)
{
	struct transfer *transfer = argument;

	if (purpose != CURLSOCKTYPE_IPCXN || (!transfer->trusted && policy_blocks(&address->addr))) {
		transfer->blocked = true;
		return CURL_SOCKET_BAD;
	}
	return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
}

/*
 * Chooses the proxy, and takes the choice out of libcurl's hands: where there is one it does the connecting, and the block
 * list, which speaks of the other server, has no say.
 */
static int choose_proxy(struct transfer *transfer, const char *url, struct hearth_error *err)
{
	CURLU *parts = curl_url();
	char *scheme = NULL, *host = NULL;
	const char *proxy = NULL;
	bool parsed = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
		      curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		      curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK;

	if (parsed)
		proxy = proxy_find(scheme, host);
	(void)curl_easy_setopt(transfer->easy, CURLOPT_PROXY, proxy ? proxy : "");
	(void)curl_easy_setopt(transfer->easy, CURLOPT_NOPROXY, "");
	transfer->trusted = transfer->trusted || proxy;
	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(parts);
	return parsed ? 0 : hearth_fail(err, -EINVAL, "the address of the request is no http or https URL");
}

static int set_headers(struct transfer *transfer, const struct hearth_outbound_request *request,
		       struct hearth_error *err)
{
	transfer->headers = curl_slist_append(NULL, "Expect:"); /* no round trip for a 100 Continue */
	hearth_assert(transfer->headers);
	for (const char *const *header = request->headers; header && *header; header++) {
		struct curl_slist *longer;

		if (strpbrk(*header, "\r\n"))
			return hearth_fail(err, -EINVAL, "a header of the request has a line break");
		longer = curl_slist_append(transfer->headers, *header);
		hearth_assert(longer);
		transfer->headers = longer;
	}
	return 0;
}

static void set_method(CURL *easy, const struct hearth_outbound_request *request)
{
	bool is_get = strcmp(request->method, "GET") == 0;

	if (request->body_size > 0 || strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0) {
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body ? request->body : "");
		(void)curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_size);
	}
	if (strcmp(request->method, "HEAD") == 0)
		(void)curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	if (!is_get || request->body_size > 0)
		(void)curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
}

static int prepare(struct transfer *transfer, const struct hearth_outbound_request *request, struct hearth_error *err)
{
	CURL *easy = curl_easy_init();

	hearth_assert(easy);
	transfer->easy = easy;
	transfer->max_bytes = request->response_max_bytes ? request->response_max_bytes : RESPONSE_DEFAULT_BYTES;
	transfer->trusted = request->flags & HEARTH_OUTBOUND_TRUSTED;
	(void)curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
	(void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	(void)curl_easy_setopt(easy, CURLOPT_URL, request->url);
	if (choose_proxy(transfer, request->url, err) < 0)
		return -EINVAL;
	(void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	(void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	(void)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
	(void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "Hearth/" HEARTH_VERSION);
	(void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* the end does not wait for a name that is being looked up */
	(void)curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
			       (long)(request->timeout_ms ? request->timeout_ms : TIMEOUT_DEFAULT_MS));
	(void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, policy_insecure() ? 0L : 1L);
	(void)curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, policy_insecure() ? 0L : 2L);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
	(void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
	(void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
	(void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->reason);
	set_method(easy, request);
	if (set_headers(transfer, request, err) < 0)
		return err ? err->code : -EINVAL;
	(void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, transfer->headers);
	return 0;
}

/* Names the other side without what may be secret in its address. */
static const char *host_of(CURL *easy, struct hearth_arena *arena)
{
	char *url = NULL, *host = NULL;
	CURLU *parts = curl_url();
	const char *copy = "the server";

	(void)curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
	if (parts && url && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		copy = hearth_arena_strdup(arena, host);
	curl_free(host);
	curl_url_cleanup(parts);
	return copy;
}

static int judge(struct transfer *transfer, struct hearth_error *err)
{
	const char *host = host_of(transfer->easy, task_arena(transfer->task));
	const char *reason = *transfer->reason ? transfer->reason : curl_easy_strerror(transfer->result);

	if (transfer->result == CURLE_OK)
		return 0;
	if (transfer->too_large)
		return hearth_fail(err, -EFBIG, "the response of %s is larger than %llu bytes", host,
				   (unsigned long long)transfer->max_bytes);
	if (transfer->result == CURLE_OPERATION_TIMEDOUT)
		return hearth_fail(err, -ETIMEDOUT, "%s did not answer in time", host);
	if (transfer->blocked)
		return hearth_fail(err, -EACCES, "%s has an address that requests may not go to (ip_range_blacklist)",
				   host);
	if (transfer->result == CURLE_UNSUPPORTED_PROTOCOL || transfer->result == CURLE_URL_MALFORMAT)
		return hearth_fail(err, -EINVAL, "the address of the request is no http or https URL");
	return hearth_fail(err, -EIO, "%s: %s", host, reason);
}

static void take_response(struct transfer *transfer, struct hearth_outbound_response *ret_response)
{
	struct hearth_arena *arena = task_arena(transfer->task);
	char *type = NULL;
	long status = 0;

	(void)curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	(void)curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &type);
	ret_response->status = (uint32_t)status;
	ret_response->content_type = type ? hearth_arena_strdup(arena, type) : "";
	ret_response->body_size = transfer->size;
	ret_response->body = "";
	if (transfer->size > 0) {
		transfer->body[transfer->size] = '\0';
		hearth_arena_defer(arena, free, transfer->body);
		ret_response->body = transfer->body;
		transfer->body = NULL;
	}
}

HEARTH_SUSPENDS static int send_request(struct hearth_task *task, const struct hearth_outbound_request *request,
				   struct hearth_outbound_response *ret_response, struct hearth_error *err)
{
	HEARTH_CLEANUP(finish) struct transfer transfer = { .task = task };
	int r;

	task_may_suspend();
	r = prepare(&transfer, request, err);
	if (r == 0)
		r = multi_add(transfer.easy, transfer.trusted, err);
	while (r == 0 && !transfer.done)
		r = task_park(task, 0, err);
	if (r == 0)
		r = judge(&transfer, err);
	metrics_add(requests, r == 0 ? "answered" : r == -EACCES ? "blocked" : r == -ETIMEDOUT ? "late" : "failed", 1);
	if (r < 0)
		return r;
	take_response(&transfer, ret_response);
	return 0;
}

int outbound_start(struct hearth_error *err)
{
	int r = policy_read(err);

	requests = metrics_define("host", HEARTH_COUNTER, "outbound_requests_total", "Outbound requests by outcome.",
				  "outcome");
	return r < 0 ? r : multi_start(on_done, err);
}

void outbound_stop(void)
{
	multi_stop();
	policy_finish();
}

const struct hearth_outbound *outbound_service(void)
{
	static const struct hearth_outbound SERVICE = {
		.base = { .size = sizeof(SERVICE), .major = HEARTH_OUTBOUND_MAJOR, .minor = HEARTH_OUTBOUND_MINOR,
			  .id = HEARTH_OUTBOUND_ID },
		.request = send_request,
	};

	return &SERVICE;
}
