/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ctl/check_config.c - hearthctl check-config: everything about a configuration that needs no server.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/limits.h"
#include "db/db.h"
#include "http/http.h"
#include "keys/keys.h"
#include "plugin/plugin.h"
#include "start/start.h"

#include "ctl.h"

static const char USAGE[] = "Usage: hearthctl check-config FILE...\n\n"
			    "Checks configuration files as hearthd reads them (a later file's top-level keys replace an\n"
			    "earlier one's; a folder stands for its *.yaml): syntax, types, names of keys, the database\n"
			    "section, the listeners, the key files. Ends with 0 where hearthd would start.\n";

struct report {
	int errors, warnings;
};

static void error_line(struct report *report, struct hearth_error *err)
{
	printf("error: %s\n", err->message);
	report->errors++;
	hearth_error_clear(err);
}

static void complaint_line(void *closure, uint32_t doubt, const char *text)
{
	struct report *report = closure;
	int is_error = doubt == CONFIG_MISSPELT;

	printf("%s: %s\n", is_error ? "error" : "warning", text);
	report->errors += is_error;
	report->warnings += !is_error;
}

static int check_limits(struct hearth_error *err)
{
	return limit_config_read(NULL, err);
}

/* As the plugin's load would fill its struct, of whose size the table tells. */
static int check_table(struct hearth_arena *arena, const struct config *config, const struct hearth_field *table,
		       struct hearth_error *err)
{
	size_t size = 0;

	for (const struct hearth_field *field = table; field->name; field++)
		if (field->offset + sizeof(struct hearth_texts) > size)
			size = field->offset + sizeof(struct hearth_texts);
	return config_fill(config, table, hearth_arena_alloc(arena, size), err);
}

static void check_plugins(struct hearth_arena *arena, const struct config *config, struct report *report)
{
	const struct hearth_field *const *const *plugin = ctl_plugin_tables(arena);
	struct hearth_error err = { 0 };

	for (; *plugin; plugin++)
		for (const struct hearth_field *const *table = *plugin; *table; table++)
			if (check_table(arena, config, *table, &err) < 0)
				error_line(report, &err);
	config_each_unknown(config, ctl_plugin_tables(arena), complaint_line, report);
}

static void check_all(struct hearth_arena *arena, const struct config *config, struct report *report)
{
	static int (*const CHECKS[])(struct hearth_error *err) = { logging_read, config_check_server_name, db_check_config,
								   http_check_config, check_limits, keys_load };
	struct hearth_error err = { 0 };

	for (size_t i = 0; i < HEARTH_COUNT(CHECKS); i++)
		if (CHECKS[i](&err) < 0)
			error_line(report, &err);
	if (ctl_open_plugins(arena, config, &err) < 0)
		error_line(report, &err);
	else
		check_plugins(arena, config, report);
}

int ctl_check_config(int argc, char **argv)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct hearth_error err = { 0 };
	struct report report = { 0 };
	struct config *config;

	if (argc < 2 || strcmp(argv[1], "--help") == 0) {
		fputs(USAGE, argc < 2 ? stderr : stdout);
		return argc < 2 ? CTL_USAGE : CTL_DONE;
	}
	if (config_load((const char *const *)argv + 1, (size_t)argc - 1, &config, &err) < 0) {
		error_line(&report, &err);
	} else {
		config_use(config);
		check_all(arena, config, &report);
		keys_finish();
		config_free(config);
	}
	printf("%d error%s, %d warning%s\n", report.errors, report.errors == 1 ? "" : "s", report.warnings,
	       report.warnings == 1 ? "" : "s");
	return report.errors ? CTL_FAILED : CTL_DONE;
}
