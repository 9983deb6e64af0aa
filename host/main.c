/* SPDX-License-Identifier: Apache-2.0
 *
 * hearthd: every process of a deployment. What it does is the list of plugins that its configuration names.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/writer.h>

#include "config/config.h"
#include "config/generate.h"
#include "config/keytable.h"
#include "http/http.h"
#include "keys/keys.h"
#include "plugin/plugin.h"
#include "start/start.h"

static int complain(const struct hearth_error *err)
{
	fprintf(stderr, "hearthd: %s\n", err->message);
	return 1;
}

static int generate_config(const struct options *options)
{
	const char *data = options->data_directory ? options->data_directory : ".";
	struct hearth_error err = { 0 };

	if (config_generate(options->server_name, options->paths[0], data, &err) < 0)
		return complain(&err);
	printf("%s is written. Look at its database section, then start: hearthd -c %s\n", options->paths[0],
			options->paths[0]);
	return 0;
}

static int generate_keys(void)
{
	struct hearth_error err = { 0 };

	return keys_generate(keys_path(NULL), &err) < 0 ? complain(&err) : 0;
}

/* The declarations alone: plugins are loaded, nothing is started. */
static int describe_endpoints(void)
{
	struct hearth_arena *arena = hearth_arena_new();
	struct hearth_writer *w = hearth_writer_new(arena);
	struct hearth_error err = { 0 };
	int r;

	r = limits_init(&err);
	if (r >= 0)
		r = keys_load(&err);
	if (r >= 0)
		r = plugin_choose(&err);
	if (r >= 0)
		r = plugin_load_all(&err);
	if (r >= 0) {
		http_describe(w);
		puts(hearth_writer_text(w, NULL));
	}
	hearth_arena_free(arena);
	return r < 0 ? complain(&err) : 0;
}

static int with_config(const struct options *options)
{
	struct hearth_error err = { 0 };
	struct config *config;
	int code;

	if (config_load(options->paths, options->path_count, &config, &err) < 0)
		return complain(&err);
	config_use(config);
	if (config_check_types(config, &err) < 0)
		code = complain(&err);
	else if (options->generate_keys)
		code = generate_keys();
	else if (options->describe_endpoints)
		code = describe_endpoints();
	else
		code = run_server();
	config_free(config);
	return code;
}

int main(int argc, char **argv)
{
	struct options options;
	struct hearth_error err = { 0 };

	if (options_read(argc, argv, &options, &err) < 0)
		return complain(&err);
	if (options.help)
		options_print_help();
	else if (options.version)
		puts("hearthd " HEARTH_VERSION);
	else if (options.generate_config)
		return generate_config(&options);
	else
		return with_config(&options);
	return 0;
}
