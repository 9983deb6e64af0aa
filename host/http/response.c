/* SPDX-License-Identifier: Apache-2.0 */
/* Responses as bytes: status line, headers, error bodies, compression. */
#include "internal.h"

#include "task/task.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <zlib.h>

#define RETRY_MS 1000 /* what 503 asks for where nobody knows better */
#define COPY_MAX_BYTES 4096u     /* smaller bodies are cheaper to copy than to refer to */
#define COMPRESS_MIN_BYTES 1024u /* what is smaller fits a packet anyway */
#define OFFLOAD_MIN_BYTES 65536u /* takes more than a millisecond to compress */
#define COMPRESS_LEVEL 4

static const char CORS[] = "Access-Control-Allow-Origin: *\r\n"
			   "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS\r\n"
			   "Access-Control-Allow-Headers: X-Requested-With, Content-Type, Authorization, Date\r\n";

static const char *reason(uint32_t status)
{
	static const struct {
		uint32_t status;
		const char *reason;
	} REASONS[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 302, "Found" },
		{ 304, "Not Modified" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 413, "Content Too Large" },
		{ 417, "Expectation Failed" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < HEARTH_COUNT(REASONS); i++)
		if (REASONS[i].status == status)
			return REASONS[i].reason;
	return "Other";
}

/* The Date header, made once a second. */
static const char *date(void)
{
	static char text[64];
	static time_t made;
	time_t now = time(NULL);
	struct tm parts;

	if (now != made && gmtime_r(&now, &parts)) {
		(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
		made = now;
	}
	return text;
}

static const char *error_body(struct hearth_arena *arena, const struct hearth_error *err, size_t *ret_length)
{
	struct hearth_writer *w = hearth_writer_new(arena);

	hearth_write_object(w, NULL);
	hearth_write_string(w, "errcode", hearth_error_errcode(err));
	hearth_write_string(w, "error", err->message);
	if (err->soft_logout)
		hearth_write_bool(w, "soft_logout", 1);
	if (err->retry_after_ms)
		hearth_write_int(w, "retry_after_ms", err->retry_after_ms);
	hearth_write_end(w);
	return hearth_writer_text(w, ret_length);
}

void response_error(struct exchange *exchange, const struct hearth_error *err)
{
	struct hearth_request *req = &exchange->req;

	uint32_t retry_ms = err->retry_after_ms;

	req->status = (uint32_t)hearth_error_status(err);
	if (req->status == 503 && !retry_ms)
		retry_ms = RETRY_MS;
	exchange->content_type = "application/json";
	exchange->body = error_body(exchange->arena, err, &exchange->body_size);
	exchange->has_body = true;
	exchange->compressed = false;
	if (retry_ms)
		http_service()->add_header(req, "Retry-After",
					   hearth_arena_printf(exchange->arena, "%u", (retry_ms + 999) / 1000));
}

/* --- compression --- */

static bool accepts_gzip(const struct head *head)
{
	const char *list = head_find(head, "Accept-Encoding");
	const char *gzip = list ? strcasestr(list, "gzip") : NULL;

	if (!gzip || !head_list_has(list, "gzip"))
		return false;
	gzip += 4;
	gzip += strspn(gzip, " \t");
	if (strncasecmp(gzip, ";q=0", 4) != 0)
		return true;
	gzip += 4;
	gzip += *gzip == '.';
	return gzip[strspn(gzip, "0")] >= '1' && gzip[strspn(gzip, "0")] <= '9';
}

struct compression {
	const void *input;
	size_t input_size;
	unsigned char *output;
	size_t output_size; /* 0: it failed, or did not pay */
};

static void compress_body(void *argument)
{
	struct compression *work = argument;
	z_stream stream = { 0 };

	if (deflateInit2(&stream, COMPRESS_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return;
	stream.next_in = (z_const Bytef *)work->input;
	stream.avail_in = (uInt)work->input_size;
	stream.next_out = work->output;
	stream.avail_out = (uInt)work->input_size;
	if (deflate(&stream, Z_FINISH) == Z_STREAM_END)
		work->output_size = stream.total_out;
	(void)deflateEnd(&stream);
}

static bool may_compress(const struct exchange *exchange)
{
	const char *type = exchange->content_type;

	if (!(exchange->listener->compress & 1u << exchange->req.endpoint->resource))
		return false;
	return !type || strncmp(type, "application/json", 16) == 0 || strncmp(type, "text/", 5) == 0;
}

static void settle_body(struct exchange *exchange)
{
	struct hearth_writer *out = exchange->req.out;

	if (exchange->has_body)
		return;
	exchange->has_body = true;
	exchange->content_type = "application/json";
	exchange->body = "{}";
	exchange->body_size = 2;
	if (out && hearth_writer_size(out) > 0)
		exchange->body = hearth_writer_text(out, &exchange->body_size);
}

void response_compress(struct exchange *exchange, struct hearth_task *task)
{
	struct compression work = { 0 };

	settle_body(exchange);
	if (exchange->body_size < COMPRESS_MIN_BYTES || exchange->body_size > UINT32_MAX || !may_compress(exchange) ||
	    !accepts_gzip(&exchange->head))
		return;
	work.input = exchange->body;
	work.input_size = exchange->body_size;
	work.output = hearth_arena_alloc(exchange->arena, exchange->body_size);
	if (work.input_size < OFFLOAD_MIN_BYTES)
		compress_body(&work);
	else if (task_service()->offload(task, compress_body, &work, NULL) < 0)
		return;
	if (work.output_size == 0)
		return;
	exchange->body = work.output;
	exchange->body_size = work.output_size;
	exchange->compressed = true;
}

/* --- bytes --- */

static void release(const void *data, size_t size, void *argument)
{
	(void)data;
	(void)size;
	exchange_unref(argument);
}

static void write_headers(struct exchange *exchange, struct evbuffer *out, bool keep_alive)
{
	const struct hearth_request *req = &exchange->req;
	const struct hearth_endpoint *endpoint = req->endpoint;
	bool empty = req->status == 204 || req->status == 304;

	(void)evbuffer_add_printf(out, "HTTP/1.1 %u %s\r\nDate: %s\r\nX-Request-Id: %s\r\n", req->status,
				  reason(req->status), date(), req->id);
	if (!empty)
		(void)evbuffer_add_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", exchange->content_type,
					  exchange->body_size);
	if (exchange->compressed)
		(void)evbuffer_add_printf(out, "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
	if (!endpoint || !(endpoint->flags & HEARTH_ENDPOINT_NO_CORS))
		(void)evbuffer_add(out, CORS, sizeof(CORS) - 1);
	for (const struct exchange_header *header = exchange->headers; header; header = header->next)
		(void)evbuffer_add_printf(out, "%s: %s\r\n", header->name, header->value);
	if (!keep_alive)
		(void)evbuffer_add_printf(out, "Connection: close\r\n");
	else if (head_find(&exchange->head, "Connection"))
		(void)evbuffer_add_printf(out, "Connection: keep-alive\r\n");
	(void)evbuffer_add(out, "\r\n", 2);
}

void response_write(struct exchange *exchange, struct evbuffer *out, bool keep_alive)
{
	uint32_t status = exchange->req.status;

	if (!exchange->preflight)
		settle_body(exchange);
	write_headers(exchange, out, keep_alive);
	exchange->sent_bytes = exchange->body_size;
	if (exchange->is_head || exchange->body_size == 0 || status == 204 || status == 304) {
		exchange->sent_bytes = 0;
	} else if (exchange->body_size <= COPY_MAX_BYTES) {
		(void)evbuffer_add(out, exchange->body, exchange->body_size);
	} else {
		exchange->references++;
		(void)evbuffer_add_reference(out, exchange->body, exchange->body_size, release, exchange);
	}
}

void response_write_bare(struct evbuffer *out, const struct hearth_error *err)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	uint32_t status = (uint32_t)hearth_error_status(err);
	size_t length;
	const char *body = error_body(arena, err, &length);

	(void)evbuffer_add_printf(out,
				  "HTTP/1.1 %u %s\r\nDate: %s\r\nContent-Type: application/json\r\n"
				  "Content-Length: %zu\r\n%sConnection: close\r\n\r\n%s",
				  status, reason(status), date(), length, CORS, body);
}
