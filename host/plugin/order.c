/* SPDX-License-Identifier: Apache-2.0
 *
 * Are all needs met, and who is loaded before whom?
 */
#include "plugin/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log/log.h"

/* The plugin's offer of that id and major, or NULL. major < 0: any. */
static const struct hearth_offer *offer_of(const struct plugin *plugin, const char *id, int major)
{
	for (const struct hearth_offer *offer = plugin->descriptor.offers; offer && offer->id; offer++)
		if (!strcmp(offer->id, id) && (major < 0 || offer->major == major))
			return offer;
	return NULL;
}

/* The first plugin that offers it, or NULL. */
static const struct plugin *provider_of(const char *id, int major)
{
	for (size_t i = 0; i < plugin_count; i++)
		if (offer_of(plugins[i], id, major))
			return plugins[i];
	return NULL;
}

static int check_twice(const struct plugin *plugin, struct hearth_error *err)
{
	for (const struct hearth_offer *offer = plugin->descriptor.offers; offer && offer->id; offer++) {
		const struct plugin *first = provider_of(offer->id, offer->major);

		if (first != plugin || service_of_host(offer->id, offer->major))
			return hearth_fail(err, -EEXIST, "plugin '%s' offers %s/%u, which %s%s offers already; take one of the"
					   " two from the plugins: list", plugin->descriptor.name, offer->id, offer->major,
					   first != plugin ? "plugin " : "the host",
					   first != plugin ? first->descriptor.name : "");
	}
	return 0;
}

static bool is_met(const struct hearth_need *need)
{
	const struct hearth_service *own = service_of_host(need->id, need->major);
	const struct plugin *provider = provider_of(need->id, need->major);

	return need->optional || (own && own->minor >= need->minor) ||
	       (provider && offer_of(provider, need->id, need->major)->minor >= need->minor);
}

/* What there is of a service in another version: "plugin 'media' offers x/1.2", or "" where there is none. */
static void tell_other(const struct hearth_need *need, char *text, size_t size_bytes)
{
	const struct plugin *provider = provider_of(need->id, need->major);
	const struct hearth_service *own = NULL;
	const struct hearth_offer *offer;

	*text = '\0';
	for (int major = 0; major <= UINT8_MAX && !own; major++)
		own = service_of_host(need->id, (uint16_t)major);
	if (!provider)
		provider = provider_of(need->id, -1);
	offer = provider ? offer_of(provider, need->id, -1) : NULL;
	if (own)
		snprintf(text, size_bytes, "this host offers %s/%u.%u; upgrade hearthd", own->id, own->major, own->minor);
	else if (offer)
		snprintf(text, size_bytes, "plugin '%s' offers %s/%u.%u; upgrade it", provider->descriptor.name, offer->id,
			 offer->major, offer->minor);
}

static void tell_need(const struct plugin *plugin, const struct hearth_need *need)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	const char *name = plugin->descriptor.name, *offerer;
	char other[192];

	tell_other(need, other, sizeof(other));
	offerer = *other ? NULL : find_offerer(arena, need);
	if (*other)
		log_error("plugin", "%s.so: needs %s/%u.%u (built with SDK %u.%u), %s, or install an older %s", name, need->id,
			  need->major, need->minor, plugin->descriptor.abi_major, plugin->descriptor.abi_minor, other, name);
	else if (offerer)
		log_error("plugin", "%s.so: needs %s/%u.%u, which the plugin '%s' offers; add it to plugins:, or take '%s' from"
			  " the list", name, need->id, need->major, need->minor, offerer, name);
	else
		log_error("plugin", "%s.so: needs %s/%u.%u, which no installed plugin offers; install the one that does, or"
			  " take '%s' from plugins:", name, need->id, need->major, need->minor, name);
}

/* One line for each miss, all of them, so that one look is enough. */
static size_t tell_missing(const struct plugin *plugin)
{
	size_t missing = 0;

	for (const struct hearth_need *need = plugin->descriptor.needs; need && need->id; need++)
		if (!is_met(need)) {
			tell_need(plugin, need);
			missing++;
		}
	return missing;
}

/* The first need whose provider is not placed yet, or NULL: then the plugin is ready. */
static const struct hearth_need *waits_for(const struct plugin *plugin, const bool *placed, bool with_optional,
					   size_t *ret_provider)
{
	for (const struct hearth_need *need = plugin->descriptor.needs; need && need->id; need++)
		for (size_t i = 0; (with_optional || !need->optional) && i < plugin_count; i++)
			if (plugins[i] != plugin && !placed[i] && offer_of(plugins[i], need->id, need->major)) {
				*ret_provider = i;
				return need;
			}
	return NULL;
}

/* Everybody who is left waits for somebody who is left: whoever follows the needs ends up in the circle. */
static int tell_circle(const bool *placed, struct hearth_error *err)
{
	bool seen[PLUGINS_MAX] = { false };
	char text[160] = "";
	size_t at = 0, first;

	while (placed[at])
		at++;
	while (!seen[at]) {
		seen[at] = true;
		waits_for(plugins[at], placed, false, &at);
	}
	first = at;
	do {
		const char *name = plugins[at]->descriptor.name;
		const struct hearth_need *need = waits_for(plugins[at], placed, false, &at);
		size_t used = strlen(text);

		snprintf(text + used, sizeof(text) - used, "%s%s needs %s of %s", used ? ", " : "", name, need->id,
			 plugins[at]->descriptor.name);
	} while (at != first);
	return hearth_fail(err, -ELOOP, "plugins need each other in a circle: %s", text);
}

/* The next one in the list's order; optional needs give way where they would close a circle. */
static struct plugin *next_ready(bool *placed)
{
	size_t provider;

	for (int with_optional = 1; with_optional >= 0; with_optional--)
		for (size_t i = 0; i < plugin_count; i++)
			if (!placed[i] && !waits_for(plugins[i], placed, with_optional, &provider)) {
				placed[i] = true;
				return plugins[i];
			}
	return NULL;
}

int order_plugins(struct plugin *ret_order[PLUGINS_MAX], struct hearth_error *err)
{
	bool placed[PLUGINS_MAX] = { false };
	size_t missing = 0, count = 0;
	int r = 0;

	for (size_t i = 0; i < plugin_count; i++)
		missing += tell_missing(plugins[i]);
	if (missing)
		return hearth_fail(err, -ENOENT, "%zu needs of plugins are not met (see above)", missing);
	for (size_t i = 0; i < plugin_count && r >= 0; i++)
		r = check_twice(plugins[i], err);
	while (count < plugin_count && r >= 0) {
		ret_order[count] = next_ready(placed);
		if (!ret_order[count++])
			return tell_circle(placed, err);
	}
	return r;
}
