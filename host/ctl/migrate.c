/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ctl/migrate.c - hearthctl migrate: brings every plugin's tables up to date, as a starting hearthd would.
 */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "db/db.h"
#include "lease/lease.h"
#include "loop/loop.h"
#include "plugin/plugin.h"
#include "task/task.h"

#include "ctl.h"

static const char USAGE[] = "Usage: hearthctl migrate -c FILE\n\n"
			    "Brings the database of that configuration up to date for its plugins, and tells what it did.\n"
			    "hearthd does the same when it starts.\n";

struct migration {
	struct hearth_error err;
	int                 result;
};

HEARTH_SUSPENDS static int migrate_one(struct hearth_task *task, const struct hearth_plugin *descriptor,
				       struct hearth_error *err)
{
	unsigned last = 0;

	if (!descriptor->migrations)
		return 0;
	for (const struct hearth_migration *migration = descriptor->migrations; migration->number; migration++)
		last = (unsigned)migration->number;
	int r = db_migrate(task, descriptor->name, descriptor->migrations, err);
	if (r >= 0)
		printf("%s: at migration %u\n", descriptor->name, last);
	return r;
}

HEARTH_SUSPENDS static void run(struct hearth_task *task, void *argument)
{
	struct migration *migration = argument;
	const struct plugin *plugin;

	migration->result = db_start(task, &migration->err);
	if (migration->result >= 0)
		migration->result = lease_migrate(task, &migration->err);
	for (size_t i = 0; migration->result >= 0 && (plugin = plugin_at(i)); i++)
		migration->result = migrate_one(task, plugin_descriptor(plugin), &migration->err);
	db_stop();
	loop_stop();
}

static void ignore(void)
{
}

static int migrate(const char *path, struct hearth_error *err)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct migration migration = { 0 };
	struct config *config;

	int r = config_load(&path, 1, &config, err);
	if (r < 0)
		return r;
	config_use(config);
	r = ctl_open_plugins(arena, config, err);
	if (r >= 0)
		r = loop_init(err);
	if (r >= 0)
		r = task_init(err);
	if (r >= 0)
		r = task_spawn("host", "migrate", run, &migration, NULL, err);
	if (r < 0)
		return r;
	loop_run(loop_stop, ignore);
	task_finish();
	loop_finish();
	if (migration.result < 0)
		*err = migration.err;
	config_free(config);
	return migration.result;
}

int ctl_migrate(int argc, char **argv)
{
	struct hearth_error err = { 0 };

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(USAGE, stdout);
		return CTL_DONE;
	}
	if (argc != 3 || (strcmp(argv[1], "-c") != 0 && strcmp(argv[1], "--config") != 0)) {
		fputs(USAGE, stderr);
		return CTL_USAGE;
	}
	return migrate(argv[2], &err) < 0 ? ctl_fail(&err) : CTL_DONE;
}
