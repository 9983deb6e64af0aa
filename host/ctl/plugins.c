/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ctl/plugins.c - hearthctl plugins and plugin-info: what descriptors say, without running a plugin.
 */
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "plugin/plugin.h"

#include "ctl.h"

static const char USAGE[] = "Usage: hearthctl plugins [-c FILE]\n\n"
			    "Lists the installed plugins, or those that a configuration names, with their version, the\n"
			    "services they need and offer, their hooks, streams, migrations and endpoints.\n";
static const char INFO_USAGE[] = "Usage: hearthctl plugin-info [--deb] FILE.so\n\n"
				 "Tells about one plugin. --deb: as fields of a Debian control file.\n";

int ctl_open_plugins(struct hearth_arena *arena, const struct config *config, struct hearth_error *err)
{
	struct hearth_texts installed;
	int r;

	if (config)
		return plugin_choose(err);
	r = plugin_list(arena, &installed, err);
	return r < 0 ? r : plugin_open(installed.items, installed.count, err);
}

const struct hearth_field *const *const *ctl_plugin_tables(struct hearth_arena *arena)
{
	const struct hearth_field *const **tables;
	size_t count = 0, used = 0;

	while (plugin_at(count))
		count++;
	tables = hearth_arena_array_of(arena, const struct hearth_field *const *, count + 1);
	for (size_t i = 0; i < count; i++)
		if (plugin_descriptor(plugin_at(i))->config)
			tables[used++] = plugin_descriptor(plugin_at(i))->config;
	return tables;
}

static size_t count_endpoints(const struct hearth_plugin *descriptor)
{
	size_t count = 0;

	for (const struct hearth_endpoint *const *table = descriptor->endpoints; table && *table; table++)
		for (const struct hearth_endpoint *endpoint = *table; endpoint->method; endpoint++)
			count++;
	return count;
}

static void print_services(const struct hearth_plugin *descriptor)
{
	const char *lead = "  needs  ";

	for (const struct hearth_need *need = descriptor->needs; need && need->id; need++, lead = ", ")
		printf("%s%s/%u.%u%s", lead, need->id, need->major, need->minor, need->optional ? " (optional)" : "");
	if (*lead == ',')
		putchar('\n');
	lead = "  offers ";
	for (const struct hearth_offer *offer = descriptor->offers; offer && offer->id; offer++, lead = ", ")
		printf("%s%s/%u.%u", lead, offer->id, offer->major, offer->minor);
	if (*lead == ',')
		putchar('\n');
}

static void print_rest(const struct hearth_plugin *descriptor)
{
	for (const struct hearth_hook_point *point = descriptor->hook_points; point && point->id; point++)
		printf("  runs hook %s\n", point->id);
	for (const struct hearth_hook *hook = descriptor->hooks; hook && hook->id; hook++)
		printf("  answers hook %s\n", hook->id);
	for (const struct hearth_stream *const *stream = descriptor->streams; stream && *stream; stream++)
		printf("  stream %s\n", (*stream)->name);
	for (const struct hearth_migration *one = descriptor->migrations; one && one->number; one++)
		printf("  migration %s\n", one->name);
	if (count_endpoints(descriptor))
		printf("  %zu endpoints\n", count_endpoints(descriptor));
}

static void print_plugin(const struct plugin *plugin)
{
	const struct hearth_plugin *descriptor = plugin_descriptor(plugin);

	printf("%s %s (%s, ABI %u.%u)%s%s\n", descriptor->name, descriptor->version, descriptor->license,
	       descriptor->abi_major, descriptor->abi_minor, descriptor->summary ? ": " : "",
	       descriptor->summary ? descriptor->summary : "");
	if (plugin_file(plugin))
		printf("  file   %s\n", plugin_file(plugin));
	print_services(descriptor);
	print_rest(descriptor);
}

/* What a package of this plugin says about the hosts it fits: a minor only adds, a major parts. */
static void print_deb(const struct hearth_plugin *descriptor)
{
	printf("Provides: hearth-plugin-%s (= %s)\n", descriptor->name, descriptor->version);
	printf("Depends: hearth-abi-%u (>= %u.%u)\n", descriptor->abi_major, descriptor->abi_major,
	       descriptor->abi_minor);
	if (descriptor->summary)
		printf("Description: %s\n", descriptor->summary);
}

int ctl_plugins(int argc, char **argv)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct hearth_error err = { 0 };
	struct config *config = NULL;
	const struct plugin *plugin;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(USAGE, stdout);
		return CTL_DONE;
	}
	if (argc != 1 && !(argc == 3 && strcmp(argv[1], "-c") == 0)) {
		fputs(USAGE, stderr);
		return CTL_USAGE;
	}
	const char *path = argc == 3 ? argv[2] : NULL;
	int r = path ? config_load(&path, 1, &config, &err) : 0;
	if (r >= 0) {
		config_use(config);
		r = ctl_open_plugins(arena, config, &err);
	}
	for (size_t i = 0; r >= 0 && (plugin = plugin_at(i)); i++)
		print_plugin(plugin);
	if (r >= 0)
		puts("hearthd itself");
	for (const struct hearth_hook_point *point = hook_host_points(); r >= 0 && point->id; point++)
		printf("  runs hook %s\n", point->id);
	config_free(config);
	return r < 0 ? ctl_fail(&err) : CTL_DONE;
}

int ctl_plugin_info(int argc, char **argv)
{
	struct hearth_error err = { 0 };
	int deb = argc > 1 && strcmp(argv[1], "--deb") == 0;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(INFO_USAGE, stdout);
		return CTL_DONE;
	}
	if (argc != 2 + deb) {
		fputs(INFO_USAGE, stderr);
		return CTL_USAGE;
	}
	if (plugin_open_file(argv[1 + deb], &err) < 0)
		return ctl_fail(&err);
	if (deb)
		print_deb(plugin_descriptor(plugin_at(0)));
	else
		print_plugin(plugin_at(0));
	return CTL_DONE;
}
