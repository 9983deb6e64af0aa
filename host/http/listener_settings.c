/* SPDX-License-Identifier: Apache-2.0 */
/* Reads listeners: and worker_listeners: as deployments write them. */
#include "internal.h"

#include "config/config.h"
#include "log/log.h"

#include <errno.h>
#include <string.h>

#define BIT(resource) (1u << (resource))
#define PORT_MAX 65535

static const struct {
	const char *name;
	uint32_t resources;
} RESOURCES[] = {
	{ "client", BIT(HEARTH_RESOURCE_CLIENT) | BIT(HEARTH_RESOURCE_MEDIA) | BIT(HEARTH_RESOURCE_ADMIN) },
	{ "federation", BIT(HEARTH_RESOURCE_FEDERATION) | BIT(HEARTH_RESOURCE_MEDIA) | BIT(HEARTH_RESOURCE_KEYS) },
	{ "media", BIT(HEARTH_RESOURCE_MEDIA) },
	{ "keys", BIT(HEARTH_RESOURCE_KEYS) },
	{ "metrics", BIT(HEARTH_RESOURCE_METRICS) },
	{ "replication", BIT(HEARTH_RESOURCE_REPLICATION) },
	{ "openid", BIT(HEARTH_RESOURCE_FEDERATION) },
	{ "consent", BIT(HEARTH_RESOURCE_CLIENT) },
	{ "static", BIT(HEARTH_RESOURCE_CLIENT) },
	{ "health", 0 },
};

static const char *const TLS_KEYS[] = { "tls_certificate_path", "tls_private_key_path" };

static int complain(const struct config_node *node, struct hearth_error *err, const char *problem, const char *what)
{
	return hearth_fail(err, -EINVAL, "%s: listeners: %s%s", config_place(node), problem, what);
}

static int add_resource(const struct config_node *name, bool compress, struct listener_settings *settings,
			struct hearth_error *err)
{
	const char *text = config_text(name);

	for (size_t i = 0; text && i < HEARTH_COUNT(RESOURCES); i++) {
		if (strcmp(RESOURCES[i].name, text) != 0)
			continue;
		settings->resources |= RESOURCES[i].resources;
		if (compress)
			settings->compress |= RESOURCES[i].resources;
		return 0;
	}
	return complain(name, err, "there is no resource named ", text ? text : "(nothing)");
}

static int read_resources(const struct config_node *node, struct listener_settings *settings, struct hearth_error *err)
{
	const struct config_node *resources = config_get(node, "resources");

	for (size_t i = 0; i < config_size(resources); i++) {
		const struct config_node *entry = config_at(resources, i);
		const struct config_node *names = config_get(entry, "names");
		int compress;
		int r = config_bool(config_get(entry, "compress"), "compress", 0, &compress, err);

		for (size_t j = 0; j < config_size(names) && r == 0; j++)
			r = add_resource(config_at(names, j), compress, settings, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* "0o666", "0666" and "666" are octal; what has an 8 or a 9 is the decimal that YAML makes of it. */
static int read_mode(const struct config_node *node, uint32_t *ret_mode, struct hearth_error *err)
{
	const char *text = config_text(node);
	char *end;
	unsigned long mode;

	*ret_mode = 0666;
	if (!text || config_kind(node) == CONFIG_NULL)
		return 0;
	if (strncmp(text, "0o", 2) == 0)
		mode = strtoul(text + 2, &end, 8);
	else
		mode = strtoul(text, &end, strpbrk(text, "89") ? 10 : 8);
	if (*end || end == text || mode > 0777)
		return complain(node, err, "mode must be file permissions such as 0o660, found ", text);
	*ret_mode = (uint32_t)mode;
	return 0;
}

static int read_common(const struct config_node *node, struct listener_settings *settings, struct hearth_error *err)
{
	int tls, x_forwarded;
	int r = config_bool(config_get(node, "tls"), "tls", 0, &tls, err);

	settings->place = config_place(node);
	settings->resources = BIT(ROUTE_EVERYWHERE);
	if (r == 0)
		r = config_string(config_get(node, "path"), "path", NULL, &settings->path, err);
	if (r == 0)
		r = config_bool(config_get(node, "x_forwarded"), "x_forwarded", settings->path != NULL, &x_forwarded, err);
	if (r == 0)
		r = config_string(config_get(node, "request_id_header"), "request_id_header", NULL,
				  &settings->request_id_header, err);
	if (r == 0)
		r = read_mode(config_get(node, "mode"), &settings->mode, err);
	if (r == 0)
		r = read_resources(node, settings, err);
	if (r < 0)
		return r;
	settings->tls = tls && !settings->path;
	for (size_t i = 0; settings->tls && i < HEARTH_COUNT(TLS_KEYS); i++)
		if (!config_text(config_find(NULL, TLS_KEYS[i])))
			return complain(node, err, "tls: true needs ", TLS_KEYS[i]);
	settings->x_forwarded = x_forwarded;
	return 0;
}

/* One listener for each address. */
static int add_addresses(struct hearth_arena *arena, const struct config_node *node,
			 const struct listener_settings *pattern, struct listener_list *list, struct hearth_error *err)
{
	const struct config_node *addresses = config_get(node, "bind_addresses");
	const char *const every[] = { "::", "0.0.0.0" };
	const char *single;
	size_t count = config_size(addresses);
	int r = config_string(config_get(node, "bind_address"), "bind_address", NULL, &single, err);
	bool by_default = count == 0 && !(single && *single);

	if (r < 0)
		return r;
	if (count == 0)
		count = by_default && !pattern->path ? 2 : 1;
	list->items = hearth_arena_grow(arena, list->items, list->count * sizeof(*list->items),
					(list->count + count) * sizeof(*list->items));
	for (size_t i = 0; i < count; i++) {
		struct listener_settings *settings = &list->items[list->count++];

		*settings = *pattern;
		settings->may_be_missing = by_default;
		if (pattern->path)
			return 0;
		settings->address = by_default ? every[i] : single && *single ? single :
							     config_text(config_at(addresses, i));
		if (!settings->address)
			return complain(node, err, "bind_addresses must be a list of addresses", "");
		if (!*settings->address)
			settings->address = "0.0.0.0";
	}
	return 0;
}

static int read_listener(struct hearth_arena *arena, const struct config_node *node, struct listener_list *list,
			 struct hearth_error *err)
{
	struct listener_settings settings = { 0 };
	const char *type;
	int r;

	if (config_kind(node) != CONFIG_MAP)
		return complain(node, err, "each listener is a mapping with port: or path:", "");
	r = config_string(config_get(node, "type"), "type", "http", &type, err);
	if (r < 0)
		return r;
	if (strcmp(type, "manhole") == 0) {
		log_warning("http", "%s: a manhole is a Python shell, which this server does not have; ignored",
			    config_place(node));
		return 0;
	}
	if (strcmp(type, "http") != 0 && strcmp(type, "metrics") != 0)
		return complain(node, err, "type must be http or metrics, found ", type);
	r = read_common(node, &settings, err);
	if (r == 0)
		r = config_int(config_get(node, "port"), "port", 1, PORT_MAX, 0, &settings.port, err);
	if (r < 0)
		return r;
	if (!settings.path == !settings.port)
		return complain(node, err, "a listener has either port: or path:", "");
	if (strcmp(type, "metrics") == 0)
		settings.resources |= BIT(HEARTH_RESOURCE_METRICS);
	return add_addresses(arena, node, &settings, list, err);
}

int listener_settings_read(struct hearth_arena *arena, struct listener_list *ret_list, struct hearth_error *err)
{
	const char *app = config_text(config_find(NULL, "worker_app"));
	bool worker = app && strcmp(app, "synapse.app.homeserver") != 0;
	const char *key = worker ? "worker_listeners" : "listeners";
	const struct config_node *node = config_find(NULL, key);
	uint32_t kind = config_kind(node);
	struct listener_list list = { 0 };

	if (kind != CONFIG_ABSENT && kind != CONFIG_NULL && kind != CONFIG_LIST)
		return hearth_fail(err, -EINVAL, "%s: %s must be a list", config_place(node), key);
	for (size_t i = 0; i < config_size(node); i++) {
		int r = read_listener(arena, config_at(node, i), &list, err);

		if (r < 0)
			return r;
	}
	*ret_list = list;
	return 0;
}
