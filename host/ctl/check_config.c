/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ctl/check_config.c - hearthctl check-config: everything about a configuration that needs no server.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hearth/matrix/id.h>

#include "config/config.h"
#include "config/limits.h"
#include "db/db.h"
#include "keys/keys.h"
#include "plugin/plugin.h"

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

static void warning_line(void *closure, const char *text)
{
	struct report *report = closure;

	printf("warning: %s\n", text);
	report->warnings++;
}

static int check_server_name(struct hearth_error *err)
{
	const struct config_node *node = config_find(NULL, "server_name");
	const char *name;

	int r = config_string(node, "server_name", NULL, &name, err);
	if (r < 0)
		return r;
	if (!name)
		return hearth_fail(err, -EINVAL, "server_name is missing; expected a line such as 'server_name: example.com'");
	if (!hearth_id_is_server_name(name))
		return hearth_fail(err, -EINVAL, "%s: server_name: '%.80s' is no server name", config_place(node), name);
	return 0;
}

static int check_keys(struct hearth_error *err)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct hearth_signing_key *keys;
	const char *secret, *path = keys_path(NULL);
	size_t length, count;
	char *text;

	int r = config_secret(NULL, "macaroon_secret_key", &secret, err);
	if (r < 0 || config_text(config_find(NULL, "signing_key")))
		return r;
	r = config_read_file(arena, path, 65536, &text, &length, err);
	if (r < 0)
		return hearth_error_prefix(err, "%s: signing_key_path", config_place(config_find(NULL, "signing_key_path")));
	r = keys_parse(arena, path, text, &keys, &count, err);
	explicit_bzero(text, length);
	return r;
}

static int check_listener(const struct config_node *listener, struct hearth_error *err)
{
	const char *path, *type;
	int64_t port;

	int r = config_string(config_get(listener, "path"), "listeners[].path", NULL, &path, err);
	if (r >= 0)
		r = config_int(config_get(listener, "port"), "listeners[].port", 1, 65535, 0, &port, err);
	if (r >= 0)
		r = config_string(config_get(listener, "type"), "listeners[].type", "http", &type, err);
	if (r < 0)
		return r;
	if ((path != NULL) == (port != 0))
		return hearth_fail(err, -EINVAL, "%s: a listener has either 'port' or 'path'", config_place(listener));
	if (strcmp(type, "http") != 0 && strcmp(type, "metrics") != 0 && strcmp(type, "manhole") != 0)
		return hearth_fail(err, -EINVAL, "%s: listeners[].type: found '%.30s', expected http, metrics or manhole",
				   config_place(listener), type);
	return 0;
}

static int check_listeners(struct hearth_error *err)
{
	const struct config_node *listeners = config_find(NULL, "listeners");
	int r = 0;

	for (size_t i = 0; i < config_size(listeners) && r >= 0; i++)
		r = check_listener(config_at(listeners, i), err);
	return r;
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
	config_each_unknown(config, ctl_plugin_tables(arena), warning_line, report);
}

static void check_all(struct hearth_arena *arena, const struct config *config, struct report *report)
{
	static int (*const CHECKS[])(struct hearth_error *err) = { check_server_name, db_check_config, check_listeners,
								    check_limits, check_keys };
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
		config_free(config);
	}
	printf("%d error%s, %d warning%s\n", report.errors, report.errors == 1 ? "" : "s", report.warnings,
	       report.warnings == 1 ? "" : "s");
	return report.errors ? CTL_FAILED : CTL_DONE;
}
