/* SPDX-License-Identifier: Apache-2.0
 *
 * Are all needs met, and who is loaded before whom?
 */
#include "plugin/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log/log.h"

static bool offers_it(const struct plugin *plugin, const struct hearth_need *need)
{
	for (const struct hearth_offer *offer = plugin->descriptor.offers; offer && offer->id; offer++)
		if (!strcmp(offer->id, need->id) && offer->major == need->major)
			return true;
	return false;
}

/* One line for each miss, all of them, so that one look is enough. */
static size_t tell_missing(const struct plugin *plugin)
{
	const char *name = plugin->descriptor.name;
	size_t missing = 0;

	for (const struct hearth_need *need = plugin->descriptor.needs; need && need->id; need++) {
		int minor = service_minor_offered(need->id, need->major);

		if (need->optional || minor >= (int)need->minor)
			continue;
		missing++;
		if (minor < 0)
			log_error("plugin", "%s.so: needs %s/%u.%u, which nobody here offers; add the plugin that offers it to"
				  " plugins:, or take '%s' from the list", name, need->id, need->major, need->minor, name);
		else
			log_error("plugin",
					"%s.so: needs %s/%u.%u (built with SDK %u.%u), this host offers"
				  " %s/%u.%d; upgrade hearth,"
				  " or install an older %s", name, need->id, need->major, need->minor,
				  plugin->descriptor.abi_major, plugin->descriptor.abi_minor, need->id, need->major,
				  		minor, name);
	}
	return missing;
}

/* A plugin is ready when everyone who offers what it needs stands before it; what nobody else offers is the host's. */
static bool is_ready(const struct plugin *plugin, const bool *placed, bool with_optional)
{
	for (const struct hearth_need *need = plugin->descriptor.needs; need && need->id; need++)
		for (size_t i = 0; (with_optional || !need->optional) && i < plugin_count; i++)
			if (plugins[i] != plugin && !placed[i] && offers_it(plugins[i], need))
				return false;
	return true;
}

static int tell_cycle(const bool *placed, struct hearth_error *err)
{
	char names[128] = "";

	for (size_t i = 0; i < plugin_count; i++) {
		size_t used = strlen(names);

		if (!placed[i])
			snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "", plugins[i]->descriptor.name);
	}
	return hearth_fail(err, -ELOOP, "plugins need each other in a circle: %s", names);
}

/* The next one in the list's order; optional needs give way where they would close a circle. */
static struct plugin *next_ready(bool *placed)
{
	for (int with_optional = 1; with_optional >= 0; with_optional--)
		for (size_t i = 0; i < plugin_count; i++)
			if (!placed[i] && is_ready(plugins[i], placed, with_optional)) {
				placed[i] = true;
				return plugins[i];
			}
	return NULL;
}

int order_plugins(struct plugin *ret_order[PLUGINS_MAX], struct hearth_error *err)
{
	bool placed[PLUGINS_MAX] = { false };
	size_t missing = 0, count = 0;

	for (size_t i = 0; i < plugin_count; i++)
		missing += tell_missing(plugins[i]);
	if (missing)
		return hearth_fail(err, -ENOENT, "%zu needs of plugins are not met (see above)", missing);
	while (count < plugin_count) {
		ret_order[count] = next_ready(placed);
		if (!ret_order[count++])
			return tell_cycle(placed, err);
	}
	return 0;
}
