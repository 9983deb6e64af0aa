/* SPDX-License-Identifier: Apache-2.0 */
/* Inbound HTTP from declaration to stop. */
#include "internal.h"

#include "config/limits.h"
#include "log/log.h"
#include "loop/loop.h"

#include <errno.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#define LISTENERS_MAX 64u

static struct {
	struct hearth_arena *arena; /* of settings and metrics */
	struct route_table *routes;
	const struct hearth_auth *auth;
	struct listener *listeners[LISTENERS_MAX];
	size_t listener_count;
	struct listener_list configured; /* once it is read */
	bool is_configured;
	struct event *sweep;
	bool draining;
} http;

struct route_table *http_routes(void)
{
	if (!http.routes)
		http.routes = route_table_new();
	return http.routes;
}

static struct hearth_arena *arena(void)
{
	if (!http.arena)
		http.arena = hearth_arena_new();
	return http.arena;
}

const struct hearth_auth *http_auth(void)
{
	return http.auth;
}

void http_use_auth(const struct hearth_auth *auth)
{
	http.auth = auth;
}

bool http_draining(void)
{
	return http.draining;
}

int64_t http_monotonic_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int http_declare(const char *plugin, void *self, const struct hearth_endpoint *table, struct hearth_error *err)
{
	for (const struct hearth_endpoint *endpoint = table; endpoint->method; endpoint++) {
		int r = route_add(http_routes(), plugin, self, endpoint, err);

		if (r == 0 && endpoint->limit && !limit_config_find(endpoint->limit))
			r = hearth_fail(err, -EINVAL, "plugin %s, endpoint %s %s: there is no rate limit %s", plugin,
					endpoint->method, endpoint->path, endpoint->limit);
		if (r < 0)
			return r;
	}
	return 0;
}

int http_check_config(struct hearth_error *err)
{
	int r = http.is_configured ? 0 : listener_settings_read(arena(), &http.configured, err);

	http.is_configured = r >= 0;
	return r;
}

/* --- listeners --- */

static int keep(struct listener *listener, struct hearth_error *err)
{
	if (http.listener_count == LISTENERS_MAX) {
		listener_free(listener);
		return hearth_fail(err, -EINVAL, "there are more than %u listeners", LISTENERS_MAX);
	}
	http.listeners[http.listener_count++] = listener;
	return 0;
}

static bool is_same_socket(const struct listener_settings *settings, int fd)
{
	if (settings->path)
		return sd_is_socket_unix(fd, SOCK_STREAM, 1, settings->path, 0) > 0;
	return sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, (uint16_t)settings->port) > 0;
}

/* Sockets of systemd take the place of the listeners with their port or path; without listeners they serve clients. */
static int adopt_systemd(struct listener_list *list, struct hearth_error *err)
{
	int count = sd_listen_fds(1);

	for (int fd = SD_LISTEN_FDS_START; fd < SD_LISTEN_FDS_START + count; fd++) {
		struct listener_settings settings = {
			.place = "systemd socket",
			.address = sd_is_socket(fd, AF_UNIX, 0, -1) > 0 ? NULL : "systemd",
			.x_forwarded = sd_is_socket(fd, AF_UNIX, 0, -1) > 0,
			.resources = 1u << ROUTE_EVERYWHERE | 1u << HEARTH_RESOURCE_CLIENT | 1u << HEARTH_RESOURCE_MEDIA |
				     1u << HEARTH_RESOURCE_ADMIN | 1u << HEARTH_RESOURCE_FEDERATION |
				     1u << HEARTH_RESOURCE_KEYS,
		};
		bool matched = false;
		struct listener *listener;
		int r;

		for (size_t i = 0; i < list->count;) {
			if (!is_same_socket(&list->items[i], fd)) {
				i++;
				continue;
			}
			settings = list->items[i];
			list->items[i] = list->items[--list->count];
			matched = true;
		}
		if (!matched)
			log_info("http", "a socket of systemd matches no listener; it serves client and federation");
		r = listener_adopt(&settings, fd, &listener, err);
		if (r == 0)
			r = keep(listener, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int bind_listener(const struct listener_settings *settings, struct hearth_error *err)
{
	struct listener *listener;
	int r = listener_open(settings, &listener, err);

	if ((r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL) && settings->may_be_missing) {
		log_info("http", "%s: this machine has no IPv6", settings->place);
		hearth_error_clear(err);
		return 0;
	}
	return r < 0 ? r : keep(listener, err);
}

int http_listen(const struct listener_settings *settings, struct hearth_error *err)
{
	int r = bind_listener(settings, err);

	return r < 0 ? r : listener_begin(http.listeners[http.listener_count - 1], err);
}

struct listener *http_listener_at(size_t index)
{
	return index < http.listener_count ? http.listeners[index] : NULL;
}

int http_bind(struct hearth_error *err)
{
	int r = http_check_config(err);
	struct listener_list list = http.configured;

	for (size_t i = 0; r == 0 && i < list.count && !tls_context(); i++)
		if (list.items[i].tls)
			r = tls_load(err);
	if (r == 0)
		r = adopt_systemd(&list, err);
	for (size_t i = 0; i < list.count && r == 0; i++)
		r = bind_listener(&list.items[i], err);
	return r;
}

/* --- life --- */

static void prepare_routes(void)
{
	const struct hearth_endpoint *counted = NULL;
	struct route_metrics *metrics = NULL;
	bool needs_auth = false;
	struct route *route;

	for (size_t i = 0; (route = route_at(http_routes(), i)); i++) {
		if (route->endpoint != counted)
			metrics = account_route(arena(), route->plugin, route->endpoint);
		counted = route->endpoint;
		route->metrics = metrics;
		needs_auth = needs_auth || route->endpoint->access != HEARTH_ACCESS_NONE;
	}
	if (needs_auth && !http.auth)
		log_warning("http", "endpoints need access tokens, but no loaded plugin knows them (hearth.auth): "
				    "they will answer 500");
}

static void on_sweep(evutil_socket_t fd, short what, void *argument)
{
	(void)fd, (void)what, (void)argument;
	connections_sweep(loop_monotonic_ms());
}

int http_start(struct hearth_error *err)
{
	const struct timeval second = { .tv_sec = 1 };
	int r = http_declare_builtins(err);

	if (r < 0)
		return r;
	prepare_routes();
	http.sweep = event_new(loop_base(), -1, EV_PERSIST, on_sweep, NULL);
	if (!http.sweep || event_add(http.sweep, &second) < 0)
		return hearth_fail(err, -ENOMEM, "the connection timer cannot be set up");
	for (size_t i = 0; i < http.listener_count && r == 0; i++)
		r = listener_begin(http.listeners[i], err);
	return r;
}

void http_drain(void)
{
	http.draining = true;
	for (size_t i = 0; i < http.listener_count; i++)
		listener_close(http.listeners[i]);
	connections_drain();
}

void http_cancel_polls(void)
{
	connections_cancel_polls();
}

size_t http_connections(void)
{
	return connections_count();
}

void http_stop(void)
{
	http_drain();
	connections_finish();
	for (size_t i = 0; i < http.listener_count; i++)
		listener_free(http.listeners[i]);
	if (http.sweep)
		event_free(http.sweep);
	tls_finish();
	limits_finish();
	route_table_free(http.routes);
	hearth_arena_free(http.arena);
	memset(&http, 0, sizeof(http));
}

int http_reload(struct hearth_error *err)
{
	return tls_context() ? tls_load(err) : 0;
}
