/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of the plugins: load, migrate, start, drain, stop.
 */
#include "plugin/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "http/http.h"
#include "log/log.h"
#include "loop/loop.h"
#include "loop/watch.h"
#include "stream/stream.h"
#include "task/task.h"

#define DRAIN_MS 10000
#define LOAD_MS  10000 /* load does no I/O: one that takes longer never ends */

static struct plugin *order[PLUGINS_MAX];

/* Before load, which looks them up. */
static int declare_streams(struct plugin *plugin, struct hearth_error *err)
{
	const struct hearth_plugin *descriptor = &plugin->descriptor;
	int r = 0;

	for (size_t i = 0; descriptor->streams && descriptor->streams[i] && r >= 0; i++)
		r = stream_declare(descriptor->name, descriptor->streams[i], &plugin->self, err);
	return r;
}

static int declare_endpoints(struct plugin *plugin, struct hearth_error *err)
{
	const struct hearth_plugin *descriptor = &plugin->descriptor;
	int r = 0;

	for (size_t i = 0; descriptor->endpoints && descriptor->endpoints[i] && r >= 0; i++)
		r = http_declare(descriptor->name, plugin->self, descriptor->endpoints[i], err);
	return r;
}

/* What a descriptor promises is there once load has returned. */
static int check_offers(const struct plugin *plugin, struct hearth_error *err)
{
	for (const struct hearth_offer *offer = plugin->descriptor.offers; offer && offer->id; offer++)
		if (!service_find(offer->id, offer->major, offer->minor))
			return hearth_fail(err, -EPROTO, "its descriptor lists %s/%u.%u, but load did not offer it", offer->id,
					   offer->major, offer->minor);
	return 0;
}

static int load_one(struct plugin *plugin, struct hearth_error *err)
{
	int r = declare_streams(plugin, err);

	service_bind_host(plugin);
	loop_watch_begin(plugin->descriptor.name, "load");
	if (r >= 0)
		r = plugin->descriptor.load(&plugin->host, &plugin->self, err);
	loop_watch_end();
	plugin->loaded = r >= 0;
	if (r >= 0)
		r = check_offers(plugin, err);
	if (r >= 0)
		r = declare_endpoints(plugin, err);
	if (r < 0 && err && !err->code)
		hearth_fail(err, r, "load: %s", strerror(-r));
	if (r < 0)
		return hearth_error_prefix(err, "plugin '%s'", plugin->descriptor.name);
	log_debug("plugin", "loaded %s %s", plugin->descriptor.name, plugin->descriptor.version);
	return 0;
}

int plugin_load_all(struct hearth_error *err)
{
	int r;

	r = order_plugins(order, err);
	hang_limit(LOAD_MS);
	for (size_t i = 0; i < plugin_count && r >= 0; i++)
		r = load_one(order[i], err);
	hang_limit(0);
	if (r < 0)
		return r;
	http_use_auth((const struct hearth_auth *)service_find(HEARTH_AUTH_ID, HEARTH_AUTH_MAJOR, HEARTH_AUTH_MINOR));
	return hooks_build(err);
}

int plugin_check_database(struct hearth_task *task, struct hearth_error *err)
{
	int r = 0;

	for (size_t i = 0; i < plugin_count && r >= 0; i++)
		if (order[i]->descriptor.migrations)
			r = db_check_migrations(task, order[i]->descriptor.name, order[i]->descriptor.migrations, err);
	return r;
}

int plugin_migrate_all(struct hearth_task *task, struct hearth_error *err)
{
	int r = 0;

	for (size_t i = 0; i < plugin_count && r >= 0; i++)
		if (order[i]->descriptor.migrations)
			r = db_migrate(task, order[i]->descriptor.name, order[i]->descriptor.migrations, err);
	return r;
}

HEARTH_SUSPENDS static int start_one(struct plugin *plugin, struct hearth_task *task, struct hearth_error *err)
{
	int r = 0;

	if (plugin->descriptor.start) {
		loop_watch_begin(plugin->descriptor.name, "start");
		r = plugin->descriptor.start(plugin->self, task, err);
		loop_watch_end();
	}
	if (r < 0)
		return hearth_error_prefix(err, "plugin '%s'", plugin->descriptor.name);
	plugin->started = true;
	return 0;
}

int plugin_start_all(struct hearth_task *task, struct hearth_error *err)
{
	int r;

	r = plugin_migrate_all(task, err);
	if (r >= 0)
		r = stream_start(task, err);
	for (size_t i = 0; i < plugin_count && r >= 0; i++)
		r = start_one(order[i], task, err);
	return r < 0 ? r : jobs_start(err);
}

void plugin_drain_all(struct hearth_task *task)
{
	for (size_t i = plugin_count; i-- > 0;) {
		struct plugin *plugin = order[i];
		struct hearth_error err = { 0 };

		if (!plugin || !plugin->started || !plugin->descriptor.drain)
			continue;
		task_set_deadline(task, DRAIN_MS);
		loop_watch_begin(plugin->descriptor.name, "drain");
		if (plugin->descriptor.drain(plugin->self, task, &err) < 0)
			log_warning(plugin->descriptor.name, "drain: %s", err.message);
		loop_watch_end();
	}
}

void plugin_stop_all(void)
{
	for (size_t i = plugin_count; i-- > 0;) {
		struct plugin *plugin = order[i];

		if (plugin && plugin->loaded && plugin->descriptor.stop)
			plugin->descriptor.stop(plugin->self);
	}
	hooks_finish();
	service_forget_all();
	while (plugin_count) {
		struct plugin *plugin = plugins[--plugin_count];

		free(plugin->file);
		free(plugin);
	}
	memset(order, 0, sizeof(order));
}

const char *plugin_name_of(const struct hearth_host *host)
{
	return ((const struct plugin *)host->self)->descriptor.name;
}
