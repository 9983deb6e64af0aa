/* SPDX-License-Identifier: Apache-2.0
 *
 * Which plugins this process loads: the plugins: list, else all that are installed; then those that modules: names.
 */
#include "start/start.h"

#include <errno.h>
#include <string.h>

#include "config/config.h"
#include "log/log.h"
#include "plugin/plugin.h"

static int from_list(struct hearth_arena *arena, const struct config_node *list, struct hearth_texts *ret_names,
		     struct hearth_error *err)
{
	const char **names = hearth_arena_array_of(arena, const char *, config_size(list));

	for (size_t i = 0; i < config_size(list); i++) {
		names[i] = config_text(config_at(list, i));
		if (!names[i])
			return hearth_fail(err, -EINVAL, "%s: plugins: expected a list of names",
					config_place(config_at(list, i)));
	}
	*ret_names = (struct hearth_texts){ names, config_size(list) };
	return 0;
}

static int open_modules(struct hearth_error *err)
{
	const struct config_node *modules = config_find(NULL, "modules");
	int r = 0;

	for (size_t i = 0; i < config_size(modules) && r >= 0; i++) {
		const struct config_node *module = config_get(config_at(modules, i), "module");
		const char *name = config_text(module);

		if (name && strchr(name, '.'))
			log_warning("plugin",
					"%s: modules: '%s' is a Python module of Synapse's and is left out; look for a Hearth"
				    " plugin that does the same", config_place(module), name);
		else if (name)
			r = plugin_open(&name, 1, err);
	}
	return r;
}

int choose_plugins(struct hearth_error *err)
{
	struct hearth_arena *arena = hearth_arena_new();
	const struct config_node *list = config_find(NULL, "plugins");
	struct hearth_texts names = { NULL, 0 };
	int r;

	r = config_kind(list) == CONFIG_LIST ? from_list(arena, list, &names, err) : plugin_list(arena, &names, err);
	if (r >= 0)
		r = plugin_open(names.items, names.count, err);
	if (r >= 0)
		r = open_modules(err);
	hearth_arena_free(arena);
	return r;
}
