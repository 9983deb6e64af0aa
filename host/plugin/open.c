/* SPDX-License-Identifier: Apache-2.0
 *
 * Opens plugins by name and checks what their descriptors say. Runs none of their code.
 */
#include "plugin/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log/log.h"

/* The least that a descriptor can be: what 1.0 had. */
#define SIZE_1_0 (offsetof(struct hearth_plugin, stop) + sizeof(((struct hearth_plugin *)NULL)->stop))

struct plugin *plugins[PLUGINS_MAX];
size_t plugin_count;

static bool is_name(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return length > 0 && length <= 64 && !text[length];
}

static int check_descriptor(const struct hearth_plugin *descriptor, const char *name, struct hearth_error *err)
{
	if (descriptor->abi_major != HEARTH_ABI_MAJOR)
		return hearth_fail(err, -EPROTO, "%s.so: built for ABI %u.%u, this host has %u.%u; install the %s for this"
				   " hearthd", name, descriptor->abi_major, descriptor->abi_minor, HEARTH_ABI_MAJOR,
				   HEARTH_ABI_MINOR, name);
	if (descriptor->abi_minor > HEARTH_ABI_MINOR)
		return hearth_fail(err, -EPROTO, "%s.so: needs ABI %u.%u, this host has %u.%u; upgrade hearthd or install an"
				   " older %s", name, descriptor->abi_major, descriptor->abi_minor, HEARTH_ABI_MAJOR,
				   HEARTH_ABI_MINOR, name);
	if (descriptor->size < SIZE_1_0 || !descriptor->load || !descriptor->version || !descriptor->license)
		return hearth_fail(err, -EPROTO, "%s.so: its descriptor is damaged; build it with HEARTH_PLUGIN()", name);
	if (!descriptor->name || strcmp(descriptor->name, name))
		return hearth_fail(err, -EPROTO, "%s.so: calls itself '%.40s'; the file carries its plugin's name", name,
				   descriptor->name ? descriptor->name : "");
	return 0;
}

/* path: its file; NULL: linked in, or in the plugin folder. */
static int open_one(const char *name, const char *path, struct hearth_error *err)
{
	const struct hearth_plugin *descriptor = NULL;
	char file[PATH_MAX];
	struct plugin *plugin;
	size_t known;
	int r;

	if (!is_name(name))
		return hearth_fail(err, -EINVAL, "'%.80s' is no plugin name: expected a-z, 0-9 and _", name);
	for (size_t i = 0; i < plugin_count; i++)
		if (!strcmp(plugins[i]->descriptor.name, name))
			return hearth_fail(err, -EEXIST, "plugin '%s' is listed twice", name);
	if (plugin_count == PLUGINS_MAX)
		return hearth_fail(err, -E2BIG, "more than %d plugins", PLUGINS_MAX);
	r = find_plugin(name, path, file, &descriptor, err);
	if (r >= 0)
		r = check_descriptor(descriptor, name, err);
	if (r < 0)
		return r;
	plugin = calloc(1, sizeof(*plugin));
	hearth_assert(plugin);
	plugin->file = *file ? strdup(file) : NULL;
	known = descriptor->size < sizeof(plugin->descriptor) ? descriptor->size : sizeof(plugin->descriptor);
	memcpy(&plugin->descriptor, descriptor, known);
	plugins[plugin_count++] = plugin;
	return 0;
}

int plugin_open(const char *const *names, size_t count, struct hearth_error *err)
{
	struct hearth_error first = { 0 };
	size_t failed = 0;

	for (size_t i = 0; i < count; i++) {
		struct hearth_error said = { 0 };

		if (open_one(names[i], NULL, &said) >= 0)
			continue;
		if (++failed == 1)
			first = said;
		else
			log_error("plugin", "%s", said.message);
	}
	if (failed && err && !err->code)
		*err = first;
	return failed ? first.code : 0;
}

void plugin_keep(int (*wanted)(const struct hearth_plugin *descriptor, const void *argument), const void *argument)
{
	size_t kept = 0;

	for (size_t i = 0; i < plugin_count; i++) {
		if (wanted(&plugins[i]->descriptor, argument)) {
			plugins[kept++] = plugins[i];
			continue;
		}
		free(plugins[i]->file);
		free(plugins[i]);
	}
	plugin_count = kept;
}

int plugin_open_file(const char *path, struct hearth_error *err)
{
	char *absolute = realpath(path, NULL), *name, *end;
	int r;

	if (!absolute)
		return hearth_fail(err, -errno, "%.120s: %s", path, strerror(errno));
	name = strdup(strrchr(absolute, '/') + 1);
	hearth_assert(name);
	end = strstr(name, ".so");
	if (end && !end[3]) {
		*end = '\0';
		r = open_one(name, absolute, err);
	} else {
		r = hearth_fail(err, -EINVAL, "%.120s: expected a file NAME.so", path);
	}
	free(name);
	free(absolute);
	return r;
}

/* Opens an installed plugin for a look; NULL where it fits this host no better than the one that is complained about. */
static const struct hearth_plugin *peek(const char *name)
{
	const struct hearth_plugin *descriptor;
	char file[PATH_MAX];

	if (find_plugin(name, NULL, file, &descriptor, NULL) < 0 || check_descriptor(descriptor, name, NULL) < 0)
		return NULL;
	return descriptor;
}

const char *find_offerer(struct hearth_arena *arena, const struct hearth_need *need)
{
	struct hearth_texts names = { 0 };

	if (plugin_list(arena, &names, NULL) < 0)
		return NULL;
	for (size_t i = 0; i < names.count; i++) {
		const struct hearth_plugin *descriptor = peek(names.items[i]);

		for (const struct hearth_offer *offer = descriptor ? descriptor->offers : NULL; offer && offer->id; offer++)
			if (!strcmp(offer->id, need->id) && offer->major == need->major && offer->minor >= need->minor)
				return names.items[i];
	}
	return NULL;
}

const struct plugin *plugin_at(size_t index)
{
	return index < plugin_count ? plugins[index] : NULL;
}

const struct hearth_plugin *plugin_descriptor(const struct plugin *plugin)
{
	return &plugin->descriptor;
}

const char *plugin_file(const struct plugin *plugin)
{
	return plugin->file;
}
