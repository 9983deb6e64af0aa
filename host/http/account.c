/* SPDX-License-Identifier: Apache-2.0 */
/* What was served: a line in the log and metrics for each request. */
#include "internal.h"

#include "log/log.h"
#include "metrics/metrics.h"

#include <inttypes.h>
#include <string.h>

struct route_metrics {
	struct hearth_metric *seconds;
	struct hearth_metric *responses;
	struct hearth_metric *failures;
	const char *label; /* "GET /_matrix/client/v3/sync" */
};

static size_t in_flight;

static void set_in_flight(size_t count)
{
	static struct hearth_metric *gauge;

	if (!gauge)
		gauge = metrics_define("host", HEARTH_GAUGE, "http_requests_in_flight", "Requests that are being served.",
				       NULL);
	in_flight = count;
	metrics_set(gauge, NULL, (double)count);
}

struct route_metrics *account_route(struct hearth_arena *arena, const char *plugin,
				    const struct hearth_endpoint *endpoint)
{
	struct route_metrics *metrics = hearth_arena_new_of(arena, struct route_metrics);

	metrics->seconds = metrics_define(plugin, HEARTH_HISTOGRAM, "http_request_seconds",
					  "Time from the head of a request to its response.", "endpoint");
	metrics->responses = metrics_define(plugin, HEARTH_COUNTER, "http_responses_total",
					    "Responses by class of status.", "class");
	metrics->failures = metrics_define(plugin, HEARTH_COUNTER, "http_failures_total",
					   "Responses with a status of 500 and above.", "endpoint");
	metrics->label = hearth_arena_printf(arena, "%s %s", endpoint->method, endpoint->path);
	return metrics;
}

void account_begin(void)
{
	set_in_flight(in_flight + 1);
}

static bool is_secret(const struct exchange *exchange, const char *name, size_t length)
{
	const struct hearth_endpoint *endpoint = exchange->req.endpoint;

	if (length == 12 && memcmp(name, "access_token", 12) == 0)
		return true;
	for (const struct hearth_field *field = endpoint ? endpoint->fields : NULL; field && field->name; field++)
		if (field->secret && field->source == HEARTH_FROM_QUERY && strlen(field->name) == length &&
		    memcmp(field->name, name, length) == 0)
			return true;
	return false;
}

const char *account_target(const struct exchange *exchange, struct hearth_arena *arena)
{
	const char *at = exchange->head.query;
	char *text, *end;

	if (!at)
		return exchange->req.path;
	text = hearth_arena_alloc(arena, strlen(exchange->req.path) + 5 * strlen(at) + 16);
	end = stpcpy(stpcpy(text, exchange->req.path), "?");
	while (*at) {
		size_t length = strcspn(at, "&"), name = strcspn(at, "=&");
		/* A name that is spelt with escapes is decoded before it is compared. */
		struct url_text plain = url_decode(arena, at, name, true);

		if (is_secret(exchange, plain.text, plain.length)) {
			end = stpcpy(end, "REDACTED");
		} else {
			memcpy(end, at, length);
			end += length;
		}
		at += length;
		if (*at == '&')
			*end++ = *at++;
		*end = '\0';
	}
	return text;
}

static void count(const struct exchange *exchange, double seconds)
{
	static const char *const CLASSES[] = { "2xx", "3xx", "4xx", "5xx" };
	const struct route_metrics *metrics = exchange->match.route ? exchange->match.route->metrics : NULL;
	uint32_t status = exchange->req.status;

	if (!metrics)
		return;
	metrics_add(metrics->seconds, metrics->label, seconds);
	metrics_add(metrics->responses, CLASSES[status / 100 - 2], 1);
	if (status >= 500)
		metrics_add(metrics->failures, metrics->label, 1);
}

void account_end(const struct exchange *exchange)
{
	const struct hearth_request *req = &exchange->req;
	int64_t us = http_monotonic_us() - exchange->started_us;

	set_in_flight(in_flight - 1);
	count(exchange, (double)us / 1e6);
	if (!log_on(HEARTH_INFO))
		return;
	log_info("http", "%s %s %u %" PRId64 ".%" PRId64 "ms %zuB %s %s", req->method,
		 account_target(exchange, exchange->arena), req->status, us / 1000, us % 1000 / 100,
		 exchange->sent_bytes, req->ip, req->user ? req->user->user_id : "-");
}

void account_malformed(const char *ip, const struct hearth_error *err)
{
	log_info("http", "%s sent what is no request: %s", ip, err->message);
}
