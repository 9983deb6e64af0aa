/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ctl/http.c - talks to a running server, found by URL or by its configuration.
 */
#include <errno.h>
#include <string.h>

#include <curl/curl.h>

#include "config/config.h"

#include "ctl.h"

#define ANSWER_BYTES_MAX (8u << 20)
#define ANSWER_SECONDS 60L

struct sink {
	struct hearth_arena *arena;
	char                *text;
	size_t               length, capacity;
};

static size_t take(char *bytes, size_t one, size_t count, void *closure)
{
	struct sink *sink = closure;

	(void)one;
	if (sink->length + count > ANSWER_BYTES_MAX)
		return 0;
	if (sink->length + count + 1 > sink->capacity) {
		size_t capacity = (sink->length + count + 1) * 2;
		sink->text = hearth_arena_grow(sink->arena, sink->text, sink->capacity, capacity);
		sink->capacity = capacity;
	}
	memcpy(sink->text + sink->length, bytes, count);
	sink->length += count;
	return count;
}

static void curl_freep(CURL **curl)
{
	curl_easy_cleanup(*curl);
}

static void headers_freep(struct curl_slist **headers)
{
	curl_slist_free_all(*headers);
}

int ctl_http(struct hearth_arena *arena, const struct ctl_server *server, const char *path, const char *body,
	     struct ctl_answer *ret_answer, struct hearth_error *err)
{
	HEARTH_CLEANUP(curl_freep) CURL *curl = curl_easy_init();
	HEARTH_CLEANUP(headers_freep) struct curl_slist *headers = NULL;
	struct sink sink = { .arena = arena, .text = hearth_arena_alloc(arena, 1024), .capacity = 1024 };

	if (!curl)
		return hearth_fail(err, -ENOMEM, "no memory for an HTTP client");
	headers = curl_slist_append(NULL, "Content-Type: application/json");
	curl_easy_setopt(curl, CURLOPT_URL, hearth_arena_printf(arena, "%s%s", server->url, path));
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_SECONDS);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &sink);
	if (server->socket)
		curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, server->socket);
	if (body) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	}
	CURLcode code = curl_easy_perform(curl);
	if (code != CURLE_OK)
		return hearth_fail(err, -EIO, "%s does not answer: %s; is hearthd running there?",
				   server->socket ? server->socket : server->url, curl_easy_strerror(code));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &ret_answer->status);
	ret_answer->body = sink.text;
	ret_answer->length = sink.length;
	return 0;
}

static int names_resource(const struct config_node *names, const char *resource)
{
	if (config_text(names))
		return strcmp(config_text(names), resource) == 0;
	for (size_t i = 0; i < config_size(names); i++)
		if (config_text(config_at(names, i)) && strcmp(config_text(config_at(names, i)), resource) == 0)
			return 1;
	return 0;
}

static int serves(const struct config_node *listener, const char *resource)
{
	const char *type = config_text(config_get(listener, "type"));
	const struct config_node *resources = config_get(listener, "resources");

	if (type && strcmp(type, resource) == 0)
		return 1;
	for (size_t i = 0; i < config_size(resources); i++)
		if (names_resource(config_get(config_at(resources, i), "names"), resource))
			return 1;
	return 0;
}

/* The address to connect to for one to listen on: "any" is reached as this machine. */
static const char *reachable(const struct config_node *listener)
{
	const struct config_node *addresses = config_get(listener, "bind_addresses");
	const char *address = config_text(config_get(listener, "bind_address"));

	if (!address)
		address = config_text(config_at(addresses, 0));
	if (!address || !*address || strcmp(address, "0.0.0.0") == 0)
		return "127.0.0.1";
	return strcmp(address, "::") == 0 ? "::1" : address;
}

static int server_of(struct hearth_arena *arena, const struct config_node *listener, struct ctl_server *ret_server,
		     struct hearth_error *err)
{
	const char *path, *address = reachable(listener);
	int64_t port;
	int tls;

	int r = config_string(config_get(listener, "path"), "listeners[].path", NULL, &path, err);
	if (r >= 0)
		r = config_int(config_get(listener, "port"), "listeners[].port", 1, 65535, 8008, &port, err);
	if (r >= 0)
		r = config_bool(config_get(listener, "tls"), "listeners[].tls", 0, &tls, err);
	if (r < 0)
		return r;
	ret_server->socket = path;
	ret_server->url = path ? "http://localhost" :
				 hearth_arena_printf(arena, "%s://%s%s%s:%lld", tls ? "https" : "http",
						     strchr(address, ':') ? "[" : "", address, strchr(address, ':') ? "]" : "",
						     (long long)port);
	return 0;
}

int ctl_find_server(struct hearth_arena *arena, const struct config *config, const char *resource,
		    struct ctl_server *ret_server, struct hearth_error *err)
{
	const struct config_node *listeners = config_find(config, "listeners");

	for (size_t i = 0; i < config_size(listeners); i++)
		if (serves(config_at(listeners, i), resource))
			return server_of(arena, config_at(listeners, i), ret_server, err);
	return hearth_fail(err, -ENOENT, "%s: no listener serves '%s'; name the server's URL instead",
			   config_place(listeners), resource);
}
