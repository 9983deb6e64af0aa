/* SPDX-License-Identifier: Apache-2.0
 *
 * Services by id and version: the host's own, and those that plugins offer each other.
 */
#include "plugin/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "db/db.h"
#include "http/http.h"
#include "keys/keys.h"
#include "lease/lease.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "outbound/outbound.h"
#include "stream/stream.h"
#include "task/task.h"

#define OFFERS_MAX 64

static struct {
	const struct plugin         *plugin;
	const struct hearth_service *table;
} offers[OFFERS_MAX];
static size_t offer_count;

static const struct hearth_service *host_service(size_t index)
{
	switch (index) {
	case 0: return &task_service()->base;
	case 1: return &log_service()->base;
	case 2: return &metrics_service()->base;
	case 3: return &db_service()->base;
	case 4: return &stream_service()->base;
	case 5: return &http_service()->base;
	case 6: return &limits_service()->base;
	case 7: return &outbound_service()->base;
	case 8: return &keys_service()->base;
	case 9: return &hook_service()->base;
	case 10: return &lease_service()->base;
	default: return NULL;
	}
}

const struct hearth_service *service_of_host(const char *id, uint16_t major)
{
	const struct hearth_service *table;

	for (size_t i = 0; (table = host_service(i)); i++)
		if (!strcmp(table->id, id) && table->major == major)
			return table;
	return NULL;
}

const struct hearth_service *service_find(const char *id, uint16_t major, uint16_t minor)
{
	const struct hearth_service *table = service_of_host(id, major);

	for (size_t i = 0; !table && i < offer_count; i++)
		if (!strcmp(offers[i].table->id, id) && offers[i].table->major == major)
			table = offers[i].table;
	return table && table->minor >= minor ? table : NULL;
}

static const struct hearth_service *service(const struct hearth_host *host, const char *id, uint16_t major, uint16_t minor)
{
	(void)host;
	return service_find(id, major, minor);
}

static bool lists(const struct plugin *plugin, const struct hearth_service *table)
{
	for (const struct hearth_offer *offer = plugin->descriptor.offers; offer && offer->id; offer++)
		if (!strcmp(offer->id, table->id) && offer->major == table->major)
			return true;
	return false;
}

static int offer(const struct hearth_host *host, const struct hearth_service *table, struct hearth_error *err)
{
	const struct plugin *plugin = host->self;
	const char *name = plugin->descriptor.name;

	if (!lists(plugin, table))
		return hearth_fail(err, -EINVAL, "plugin '%s' offers %s/%u, which its descriptor does not list", name,
				   table->id, table->major);
	if (service_find(table->id, table->major, 0))
		return hearth_fail(err, -EEXIST, "plugin '%s' offers %s/%u, which is offered already; take one of the two"
				   " from the plugins: list", name, table->id, table->major);
	if (offer_count == OFFERS_MAX)
		return hearth_fail(err, -E2BIG, "more than %d services", OFFERS_MAX);
	offers[offer_count].plugin = plugin;
	offers[offer_count++].table = table;
	return 0;
}

/* The base URL ends with a '/', and defaults to the server name as Synapse's does. */
static const char *public_baseurl(void)
{
	static char url[512];
	const char *configured = config_text(config_find(NULL, "public_baseurl"));
	const char *server_name = config_text(config_find(NULL, "server_name"));
	size_t length;

	if (configured)
		snprintf(url, sizeof(url) - 1, "%s", configured);
	else
		snprintf(url, sizeof(url) - 1, "https://%s/", server_name);
	length = strlen(url);
	if (length && url[length - 1] != '/')
		memcpy(url + length, "/", 2);
	return url;
}

static const char *info(const struct hearth_host *host, uint32_t what)
{
	const char *text;

	(void)host;
	switch (what) {
	case HEARTH_INFO_SERVER_NAME:
		return config_text(config_find(NULL, "server_name"));
	case HEARTH_INFO_INSTANCE:
		text = config_text(config_find(NULL, "worker_name"));
		return text ? text : "master";
	case HEARTH_INFO_VERSION:
		return HEARTH_VERSION;
	case HEARTH_INFO_PUBLIC_BASEURL:
		return public_baseurl();
	case HEARTH_INFO_CONFIG_DIR:
		return config_folder(NULL);
	default:
		return "";
	}
}

static int fill(const struct hearth_host *host, const struct hearth_field *table, void *ret_struct, struct hearth_error *err)
{
	(void)host;
	return config_fill(NULL, table, ret_struct, err);
}

static const char *place(const struct hearth_host *host, const char *key)
{
	static char text[512];

	(void)host;
	snprintf(text, sizeof(text), "%s: %s: ", config_place(config_find(NULL, key)), key);
	return text;
}

void service_bind_host(struct plugin *plugin)
{
	plugin->host = (struct hearth_host){
		.size = sizeof(plugin->host), .self = plugin, .service = service, .offer = offer, .info = info,
		.config = fill, .config_place = place,
	};
}

void service_forget_all(void)
{
	offer_count = 0;
}
