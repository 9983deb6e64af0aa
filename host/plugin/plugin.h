/* SPDX-License-Identifier: Apache-2.0
 *
 * host/plugin/plugin.h - finding, checking, ordering and running plugins, and their hooks.
 */
#ifndef HOST_PLUGIN_PLUGIN_H
#define HOST_PLUGIN_PLUGIN_H

#include <hearth/plugin.h>

struct plugin; /* one loaded plugin */

/* Opens each named plugin from the plugin path and checks its descriptor; runs none of its code. */
int plugin_open(const char *const *names, size_t count, struct hearth_error *err);
/* The same for one file, wherever it is. */
int plugin_open_file(const char *path, struct hearth_error *err);

/* Forgets those opened ones that are not wanted; before plugin_load_all. */
void plugin_keep(int (*wanted)(const struct hearth_plugin *descriptor, const void *argument), const void *argument);

/*
 * Opens what the configuration in use wants: its plugins: list, else those installed ones that serve its worker_app; then
 * those that modules: names.
 */
int plugin_choose(struct hearth_error *err);

/* The names of all plugins that are linked in, else of all in the plugin path, sorted. arena. */
int plugin_list(struct hearth_arena *arena, struct hearth_texts *ret_names, struct hearth_error *err);

/* Loads all, providers before users; tells every missing need in one line each. */
int plugin_load_all(struct hearth_error *err);
/* -EPROTO where the database is newer than a plugin; changes nothing. */
HEARTH_SUSPENDS int plugin_check_database(struct hearth_task *task, struct hearth_error *err);
/* Migrations and streams' positions, then each plugin's start, then their jobs. */
HEARTH_SUSPENDS int plugin_start_all(struct hearth_task *task, struct hearth_error *err);
/* The migrations alone. */
HEARTH_SUSPENDS int plugin_migrate_all(struct hearth_task *task, struct hearth_error *err);
HEARTH_SUSPENDS void plugin_drain_all(struct hearth_task *task);
void plugin_stop_all(void);

/* Walks the loaded ones; NULL at the end. */
const struct plugin *plugin_at(size_t index);
const struct hearth_plugin *plugin_descriptor(const struct plugin *plugin);
const char *plugin_file(const struct plugin *plugin); /* NULL: linked in */

/* The name of the plugin that a service was called by. */
const char *plugin_name_of(const struct hearth_host *host);

const struct hearth_hooks *hook_service(void);
/* The points that the host itself runs; the end has id NULL. */
const struct hearth_hook_point *hook_host_points(void);
/* Runs one of those: handlers that fail are logged, none suspends. 1: some handler decided; the subject has its answer. */
int hook_ask(const char *id, void *subject);

#endif
