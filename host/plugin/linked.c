/* SPDX-License-Identifier: Apache-2.0
 *
 * Plugins that are linked into this program (HEARTH_STATIC): there are no others, and no file is ever opened.
 */
#include "plugin/internal.h"

#include <errno.h>
#include <string.h>

#include "plugin/preload.h"

int find_plugin(const char *name, const char *path, char ret_file[PATH_MAX], const struct hearth_plugin **ret_descriptor,
		struct hearth_error *err)
{
	*ret_file = '\0';
	if (path)
		return hearth_fail(err, -ENOTSUP, "%.120s: this program has its plugins linked in and opens no files", path);
	for (size_t i = 0; PLUGIN_PRELOADED[i]; i++)
		if (!strcmp(PLUGIN_PRELOADED[i]->name, name)) {
			*ret_descriptor = PLUGIN_PRELOADED[i];
			return 0;
		}
	return hearth_fail(err, -ENOENT, "plugin '%s': is not linked into this program, which opens no files; build it with"
			   " the plugin, or take it from the plugins: list", name);
}

int plugin_list(struct hearth_arena *arena, struct hearth_texts *ret_names, struct hearth_error *err)
{
	const char **names;
	size_t count = 0;

	(void)err;
	while (PLUGIN_PRELOADED[count])
		count++;
	names = hearth_arena_array_of(arena, const char *, count);
	for (size_t i = 0; i < count; i++)
		names[i] = PLUGIN_PRELOADED[i]->name;
	*ret_names = (struct hearth_texts){ names, count };
	return 0;
}
