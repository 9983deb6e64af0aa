/* SPDX-License-Identifier: Apache-2.0 */
/* The host's own endpoints: health, readiness, metrics, and a page for those who look at the server with a browser. */
#include "internal.h"

#include "metrics/metrics.h"

#include <string.h>

static int respond_text(struct hearth_request *req, const char *type, const char *text, size_t length)
{
	http_service()->respond(req, type, text, length);
	return 0;
}

HEARTH_SUSPENDS static int health(void *self, struct hearth_task *task, struct hearth_request *req, const void *args,
				  struct hearth_error *err)
{
	(void)self, (void)task, (void)args, (void)err;
	return respond_text(req, "text/plain; charset=utf-8", "OK", 2);
}

static int (*ready_check)(struct hearth_writer *w);

void http_use_ready(int (*check)(struct hearth_writer *w))
{
	ready_check = check;
}

HEARTH_SUSPENDS static int ready(void *self, struct hearth_task *task, struct hearth_request *req, const void *args,
				 struct hearth_error *err)
{
	int well;

	(void)self, (void)task, (void)args, (void)err;
	hearth_write_object(req->out, NULL);
	well = ready_check && ready_check(req->out);
	hearth_write_bool(req->out, "ready", well);
	hearth_write_end(req->out);
	req->status = well ? 200 : 503;
	return 0;
}

HEARTH_SUSPENDS static int page(void *self, struct hearth_task *task, struct hearth_request *req, const void *args,
				struct hearth_error *err)
{
	static const char TEXT[] = "<!DOCTYPE html><title>Matrix</title><p>This is a Matrix server. "
				   "Point a Matrix client at this address.</p>\n";

	(void)self, (void)task, (void)args, (void)err;
	return respond_text(req, "text/html; charset=utf-8", TEXT, sizeof(TEXT) - 1);
}

HEARTH_SUSPENDS static int metrics(void *self, struct hearth_task *task, struct hearth_request *req, const void *args,
				   struct hearth_error *err)
{
	size_t length;
	const char *text = metrics_text(req->arena, &length);

	(void)self, (void)task, (void)args, (void)err;
	return respond_text(req, "text/plain; version=0.0.4; charset=utf-8", text, length);
}

static const struct hearth_endpoint ENDPOINTS[] = {
	{ .method = "GET", .path = "/health", .resource = ROUTE_EVERYWHERE, .handler = health,
	  .about = "200 while this process runs." },
	{ .method = "GET", .path = "/live", .resource = ROUTE_EVERYWHERE, .handler = health,
	  .about = "200 while the event loop turns: where it does not answer, a restart helps." },
	{ .method = "GET", .path = "/ready", .resource = ROUTE_EVERYWHERE, .handler = ready,
	  .about = "200 while requests would succeed; 503 and what is amiss where they would not." },
	{ .method = "GET", .path = "/", .resource = ROUTE_EVERYWHERE, .handler = page,
	  .about = "Says that this is a Matrix server." },
	{ .method = "GET", .path = "/_synapse/metrics", .resource = HEARTH_RESOURCE_METRICS, .handler = metrics,
	  .about = "All metrics in Prometheus' text form." },
	{ .method = "GET", .path = "/metrics", .resource = HEARTH_RESOURCE_METRICS, .handler = metrics,
	  .about = "As /_synapse/metrics." },
	HEARTH_ENDPOINTS_END
};

int http_declare_builtins(struct hearth_error *err)
{
	return http_declare("host", NULL, ENDPOINTS, err);
}
