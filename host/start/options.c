/* SPDX-License-Identifier: Apache-2.0
 *
 * The command line, as Synapse's is: -c may be given several times.
 */
#include "start/start.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_DATA = 256, OPTION_GENERATE_CONFIG, OPTION_GENERATE_KEYS, OPTION_DESCRIBE, OPTION_IGNORED };

static const struct option LONG_OPTIONS[] = {
	{ "config-path", required_argument, NULL, 'c' },
	{ "config-file", required_argument, NULL, 'c' },
	{ "server-name", required_argument, NULL, 'H' },
	{ "data-directory", required_argument, NULL, OPTION_DATA },
	{ "config-directory", required_argument, NULL, OPTION_IGNORED },
	{ "keys-directory", required_argument, NULL, OPTION_DATA },
	{ "report-stats", required_argument, NULL, OPTION_IGNORED },
	{ "generate-config", no_argument, NULL, OPTION_GENERATE_CONFIG },
	{ "generate-keys", no_argument, NULL, OPTION_GENERATE_KEYS },
	{ "describe-endpoints", no_argument, NULL, OPTION_DESCRIBE },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 }
};

void options_print_help(void)
{
	puts("Usage: hearthd -c FILE [-c FILE ...]\n"
	     "       hearthd -c FILE --generate-config -H SERVER_NAME\n"
	     "\n"
	     "  -c, --config-path, --config-file FILE  a configuration file, or a folder of *.yaml files; a later one's\n"
	     "                                         top-level keys replace an earlier one's\n"
	     "      --generate-config                  write a first configuration to FILE, with keys, and end\n"
	     "  -H, --server-name NAME                 the server's name, for --generate-config\n"
	     "      --data-directory FOLDER            where --generate-config puts the signing key\n"
	     "      --generate-keys                    write the key files that FILE names and that are missing, and end\n"
	     "      --describe-endpoints               print every endpoint of the plugins as JSON, and end\n"
	     "  -h, --help                             this text\n"
	     "  -V, --version                          the version\n"
	     "\n"
	     "Taken without effect, as Synapse has them: --report-stats, --config-directory.");
}

static int take(struct options *options, int option, struct hearth_error *err)
{
	switch (option) {
	case 'c':
		if (options->path_count == OPTION_PATHS_MAX)
			return hearth_fail(err, -EINVAL, "more than %d configuration files", OPTION_PATHS_MAX);
		options->paths[options->path_count++] = optarg;
		return 0;
	case 'H': options->server_name = optarg; return 0;
	case 'h': options->help = 1; return 0;
	case 'V': options->version = 1; return 0;
	case OPTION_DATA: options->data_directory = optarg; return 0;
	case OPTION_GENERATE_CONFIG: options->generate_config = 1; return 0;
	case OPTION_GENERATE_KEYS: options->generate_keys = 1; return 0;
	case OPTION_DESCRIBE: options->describe_endpoints = 1; return 0;
	case OPTION_IGNORED: return 0;
	default: return hearth_fail(err, -EINVAL, "see hearthd --help");
	}
}

int options_read(int argc, char **argv, struct options *ret_options, struct hearth_error *err)
{
	struct options options = { .path_count = 0 };
	int option, r = 0;

	while (r >= 0 && (option = getopt_long(argc, argv, "c:H:hV", LONG_OPTIONS, NULL)) >= 0)
		r = take(&options, option, err);
	if (r < 0)
		return r;
	if (optind < argc)
		return hearth_fail(err, -EINVAL, "'%.80s' is no option; see hearthd --help", argv[optind]);
	if (!options.help && !options.version && !options.path_count)
		return hearth_fail(err, -EINVAL, "which configuration? hearthd -c homeserver.yaml");
	if (options.generate_config && !options.server_name)
		return hearth_fail(err, -EINVAL, "--generate-config needs the server's name: -H example.com");
	*ret_options = options;
	return 0;
}
