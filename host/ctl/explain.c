/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ctl/explain.c - hearthctl config explain KEY: who reads a key, its type, default and bounds.
 */
#include <stdio.h>
#include <string.h>

#include "config/keytable.h"
#include "plugin/plugin.h"

#include "ctl.h"

static const char USAGE[] = "Usage: hearthctl config explain KEY\n\n"
			    "Tells what a configuration key is, such as 'server_name' or 'rc_login.address'.\n";

static const char *type_text(const struct hearth_field *field)
{
	switch (field->type) {
	case HEARTH_TYPE_INT:
		return field->format == HEARTH_DURATION ? "a duration such as 30s, 5m, 2h, 7d, 1w or 1y" :
		       field->format == HEARTH_SIZE	? "a size such as 100K, 50M or 1G" :
							  "an integer";
	case HEARTH_TYPE_BOOL: return "true or false";
	case HEARTH_TYPE_FLOAT: return "a number";
	case HEARTH_TYPE_TEXTS: return "a list of texts";
	case HEARTH_TYPE_INTS: return "a list of integers";
	case HEARTH_TYPE_JSON: return field->shape == HEARTH_AN_ARRAY ? "a list" : "a map";
	default: return "a text";
	}
}

static void explain_field(const char *plugin, const struct hearth_field *field)
{
	printf("%s (plugin %s): %s\n", field->name, plugin, type_text(field));
	if (field->about)
		printf("  %s\n", field->about);
	if (field->choices)
		printf("  one of: %s\n", field->choices);
	if (field->min || field->max)
		printf("  from %lld to %lld\n", (long long)field->min, (long long)field->max);
	if (field->required)
		puts("  required");
	else if (field->fallback)
		printf("  default: %s\n", field->fallback);
	if (field->secret)
		printf("  secret; %s_path names a file that holds it\n", field->name);
}

static int explain_plugins(const char *name)
{
	const struct plugin *plugin;
	int found = 0;

	for (size_t i = 0; (plugin = plugin_at(i)); i++) {
		const struct hearth_plugin *descriptor = plugin_descriptor(plugin);
		for (const struct hearth_field *const *table = descriptor->config; table && *table; table++)
			for (const struct hearth_field *field = *table; field->name; field++)
				if (strcmp(field->name, name) == 0) {
					explain_field(descriptor->name, field);
					found = 1;
				}
	}
	return found;
}

static int explain_tables(const char *name)
{
	const struct host_key *host = host_key_find(name);
	const struct synapse_key *key = synapse_key_find(name);
	size_t length = strlen(name);

	if (host && strcmp(host->name, name) == 0)
		printf("%s: %s\n  %s\n", name, key_types_text(host->types), host->about);
	else if (key)
		printf("%s: %s\n", name, key_types_text(key->types));
	if (key && !host)
		puts("  A key of Synapse that no installed plugin of this version acts on.");
	for (size_t i = 0; i < SYNAPSE_KEY_COUNT; i++)
		if (strncmp(SYNAPSE_KEYS[i].name, name, length) == 0 && SYNAPSE_KEYS[i].name[length] == '.')
			printf("  %s: %s\n", SYNAPSE_KEYS[i].name, key_types_text(SYNAPSE_KEYS[i].types));
	return host || key;
}

static void suggest(const char *name)
{
	const char *near = NULL;
	size_t best = 4;

	for (size_t i = 0; i < SYNAPSE_KEY_COUNT; i++) {
		size_t distance = text_distance(name, SYNAPSE_KEYS[i].name, 3);
		if (distance < best) {
			best = distance;
			near = SYNAPSE_KEYS[i].name;
		}
	}
	if (near)
		ctl_complain("'%s' is no known key; did you mean '%s'?", name, near);
	else
		ctl_complain("'%s' is no known key", name);
}

int ctl_config(int argc, char **argv)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct hearth_error err = { 0 };

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(USAGE, stdout);
		return CTL_DONE;
	}
	if (argc != 3 || strcmp(argv[1], "explain") != 0) {
		fputs(USAGE, stderr);
		return CTL_USAGE;
	}
	if (ctl_open_plugins(arena, NULL, &err) < 0)
		ctl_fail(&err);
	if (explain_plugins(argv[2]) || explain_tables(argv[2]))
		return CTL_DONE;
	suggest(argv[2]);
	return CTL_FAILED;
}
