/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds plugins by name, opens them through libltdl and checks what their descriptors say. Runs none of their code.
 */
#include "plugin/internal.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <ltdl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "log/log.h"
#include "loop/loop.h"
#include "plugin/preload.h"

#ifndef HEARTH_PLUGIN_DIR
#define HEARTH_PLUGIN_DIR "lib/hearth/plugins"
#endif

/* The least that a descriptor can be: what 1.0 had. */
#define SIZE_1_0 (offsetof(struct hearth_plugin, stop) + sizeof(((struct hearth_plugin *)NULL)->stop))

struct plugin *plugins[PLUGINS_MAX];
size_t plugin_count;

static char directory[PATH_MAX];

/* The folder that belongs to this program, in a build tree or installed. */
static const char *plugin_directory(void)
{
	char program[PATH_MAX];
	ssize_t length;
	char *slash;

	if (*directory)
		return directory;
	length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (length <= 0)
		return HEARTH_PLUGIN_DIR;
	program[length] = '\0';
	slash = strrchr(program, '/');
	*slash = '\0';
	if ((size_t)snprintf(directory, sizeof(directory), "%s/../%s", program, HEARTH_PLUGIN_DIR) >= sizeof(directory))
		*directory = '\0';
	return directory;
}

/* Folders of plugin_path (a text or a list) come first. A name that is in none of them stays with the program's own. */
static void find_file(const char *name, char file[PATH_MAX])
{
	const struct config_node *path = config_find(NULL, "plugin_path");
	size_t count = config_kind(path) == CONFIG_LIST ? config_size(path) : path != NULL;

	for (size_t i = 0; i < count; i++) {
		const char *folder = config_resolve(NULL, config_text(config_kind(path) == CONFIG_LIST ? config_at(path, i) :
													 path));

		if (folder && snprintf(file, PATH_MAX, "%s/%s.so", folder, name) < PATH_MAX && !access(file, F_OK))
			return;
	}
	snprintf(file, PATH_MAX, "%s/%s.so", plugin_directory(), name);
}

static bool is_name(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return length > 0 && length <= 64 && !text[length];
}

static const struct hearth_plugin *find_preloaded(const char *name)
{
	for (size_t i = 0; PLUGIN_PRELOADED[i]; i++)
		if (!strcmp(PLUGIN_PRELOADED[i]->name, name))
			return PLUGIN_PRELOADED[i];
	return NULL;
}

/* libltdl tells of the last of the loaders that it tried; the dynamic linker says it again, to us. */
static const char *why_not(const char *file)
{
	const char *said = dlopen(file, RTLD_NOW | RTLD_LOCAL) ? NULL : dlerror();

	return said ? said : lt_dlerror();
}

/* Plugins are never closed: their code may be on a suspended task's stack, and leak checkers want their symbols. */
static int open_file(const char *file, const char *name, const struct hearth_plugin **ret_descriptor,
		     struct hearth_error *err)
{
	char symbol[96];
	lt_dladvise advise;
	lt_dlhandle handle;
	int r = elf_check(file, name, err);

	if (r < 0)
		return r;
	lt_dladvise_init(&advise);
	lt_dladvise_local(&advise);
	lt_dladvise_resident(&advise);
	loop_watch_begin(name, "its opening");
	handle = lt_dlopenadvise(file, advise);
	loop_watch_end();
	lt_dladvise_destroy(&advise);
	if (!handle)
		return hearth_fail(err, -EINVAL, "%s.so: %.150s", name, why_not(file));
	snprintf(symbol, sizeof(symbol), "hearth_plugin_%s", name);
	*ret_descriptor = lt_dlsym(handle, symbol);
	if (!*ret_descriptor)
		return hearth_fail(err, -EINVAL, "%s.so: exports no %s; it is no Hearth plugin of that name", name, symbol);
	return 0;
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
	int r = 0;

	if (!is_name(name))
		return hearth_fail(err, -EINVAL, "'%.80s' is no plugin name: expected a-z, 0-9 and _", name);
	for (size_t i = 0; i < plugin_count; i++)
		if (!strcmp(plugins[i]->descriptor.name, name))
			return hearth_fail(err, -EEXIST, "plugin '%s' is listed twice", name);
	if (plugin_count == PLUGINS_MAX)
		return hearth_fail(err, -E2BIG, "more than %d plugins", PLUGINS_MAX);
	*file = '\0';
	descriptor = path ? NULL : find_preloaded(name);
	if (!descriptor) {
		if (path)
			snprintf(file, sizeof(file), "%s", path);
		else
			find_file(name, file);
		r = open_file(file, name, &descriptor, err);
	}
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

	if (lt_dlinit())
		return hearth_fail(err, -EIO, "libltdl: %.120s", lt_dlerror());
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

int plugin_open_file(const char *path, struct hearth_error *err)
{
	char *absolute = realpath(path, NULL), *name, *end;

	if (!absolute)
		return hearth_fail(err, -errno, "%.120s: %s", path, strerror(errno));
	int r = lt_dlinit() ? hearth_fail(err, -EIO, "libltdl: %.120s", lt_dlerror()) : 0;
	name = strdup(strrchr(absolute, '/') + 1);
	hearth_assert(name);
	end = strstr(name, ".so");
	if (r >= 0 && (!end || end[3]))
		r = hearth_fail(err, -EINVAL, "%.120s: expected a file NAME.so", path);
	if (r >= 0) {
		*end = '\0';
		r = open_one(name, absolute, err);
	}
	free(name);
	free(absolute);
	return r;
}

static int is_plugin_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return length > 3 && !strcmp(entry->d_name + length - 3, ".so");
}

int plugin_list(struct hearth_arena *arena, struct hearth_texts *ret_names, struct hearth_error *err)
{
	struct dirent **entries = NULL;
	const char **names;
	size_t linked = 0;
	int found;

	while (PLUGIN_PRELOADED[linked])
		linked++;
	found = linked ? 0 : scandir(plugin_directory(), &entries, is_plugin_file, alphasort);
	if (found < 0)
		return hearth_fail(err, -errno, "plugins in %s: %s", plugin_directory(), strerror(errno));
	names = hearth_arena_array_of(arena, const char *, linked + (size_t)found);
	for (size_t i = 0; i < linked; i++)
		names[i] = PLUGIN_PRELOADED[i]->name;
	for (int i = 0; i < found; i++) {
		names[linked + (size_t)i] = hearth_arena_strndup(arena, entries[i]->d_name, strlen(entries[i]->d_name) - 3);
		free(entries[i]);
	}
	free(entries);
	*ret_names = (struct hearth_texts){ names, linked + (size_t)found };
	return 0;
}

/* Opens an installed plugin for a look; NULL where it fits this host no better than the one that is complained about. */
static const struct hearth_plugin *peek(const char *name)
{
	const struct hearth_plugin *descriptor = find_preloaded(name);
	char file[PATH_MAX];

	find_file(name, file);
	if (!descriptor && open_file(file, name, &descriptor, NULL) < 0)
		return NULL;
	return check_descriptor(descriptor, name, NULL) < 0 ? NULL : descriptor;
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
