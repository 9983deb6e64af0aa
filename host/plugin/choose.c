/* SPDX-License-Identifier: Apache-2.0
 *
 * Which plugins this process loads: the plugins: list, else what its worker_app stands for; then those that modules: names.
 */
#include "plugin/plugin.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "config/config.h"
#include "log/log.h"

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

/* "synapse.app.generic_worker", or the part after the last dot. */
static const char *app(void)
{
	const char *name = config_text(config_find(NULL, "worker_app")), *dot = name ? strrchr(name, '.') : NULL;

	return dot ? dot + 1 : name ? name : "homeserver";
}

static int serves(const struct hearth_plugin *descriptor, const void *app_name)
{
	size_t length = strlen(app_name);

	for (const char *at = descriptor->apps; at; at = strchr(at, '|')) {
		at += *at == '|';
		if (!strncmp(at, app_name, length) && (at[length] == '|' || !at[length]))
			return 1;
	}
	return 0;
}

int plugin_choose(struct hearth_error *err)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	const struct config_node *list = config_find(NULL, "plugins");
	bool listed = config_kind(list) == CONFIG_LIST;
	struct hearth_texts names = { NULL, 0 };
	int r;

	r = listed ? from_list(arena, list, &names, err) : plugin_list(arena, &names, err);
	if (r >= 0)
		r = plugin_open(names.items, names.count, err);
	if (r >= 0 && !listed)
		plugin_keep(serves, app());
	return r < 0 ? r : open_modules(err);
}
