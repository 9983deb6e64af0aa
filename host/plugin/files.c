/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins as files: where they are, and opening them through libltdl. A host that has its plugins linked in has linked.c
 * instead.
 */
#include "plugin/internal.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <ltdl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "loop/loop.h"

static char directory[PATH_MAX];

/* The folder that belongs to this program, in a build tree or installed: both have the same layout. */
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
		const struct config_node *node = config_kind(path) == CONFIG_LIST ? config_at(path, i) : path;
		const char *folder = config_resolve(NULL, config_text(node));

		if (folder && snprintf(file, PATH_MAX, "%s/%s.so", folder, name) < PATH_MAX && !access(file, F_OK))
			return;
	}
	snprintf(file, PATH_MAX, "%s/%s.so", plugin_directory(), name);
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

int find_plugin(const char *name, const char *path, char ret_file[PATH_MAX], const struct hearth_plugin **ret_descriptor,
		struct hearth_error *err)
{
	if (lt_dlinit())
		return hearth_fail(err, -EIO, "libltdl: %.120s", lt_dlerror());
	if (path)
		snprintf(ret_file, PATH_MAX, "%s", path);
	else
		find_file(name, ret_file);
	return open_file(ret_file, name, ret_descriptor, err);
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
	int found = scandir(plugin_directory(), &entries, is_plugin_file, alphasort);

	if (found < 0)
		return hearth_fail(err, -errno, "plugins in %s: %s", plugin_directory(), strerror(errno));
	names = hearth_arena_array_of(arena, const char *, (size_t)found);
	for (int i = 0; i < found; i++) {
		names[i] = hearth_arena_strndup(arena, entries[i]->d_name, strlen(entries[i]->d_name) - 3);
		free(entries[i]);
	}
	free(entries);
	*ret_names = (struct hearth_texts){ names, (size_t)found };
	return 0;
}
