/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ctl/main.c - hearthctl: finds the command and runs it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *about;
} COMMANDS[] = {
	{ "register", ctl_register, "make an account on a running server" },
	{ "check-config", ctl_check_config, "check configuration files" },
	{ "config", ctl_config, "explain a configuration key" },
	{ "plugins", ctl_plugins, "list plugins with what they need and offer" },
	{ "plugin-info", ctl_plugin_info, "tell about one plugin file" },
	{ "migrate", ctl_migrate, "bring the database up to date" },
	{ "top", ctl_top, "watch a running server" },
};

static void usage(FILE *out)
{
	fputs("Usage: hearthctl COMMAND [ARGUMENTS]\n\nCommands:\n", out);
	for (size_t i = 0; i < HEARTH_COUNT(COMMANDS); i++)
		fprintf(out, "  %-14s%s\n", COMMANDS[i].name, COMMANDS[i].about);
	fputs("\n'hearthctl COMMAND --help' tells more.\n", out);
}

int ctl_complain(const char *format, ...)
{
	va_list arguments;

	fputs("hearthctl: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	return CTL_FAILED;
}

int ctl_fail(const struct hearth_error *err)
{
	return ctl_complain("%s", err->message);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		usage(stderr);
		return CTL_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		usage(stdout);
		return CTL_DONE;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("hearthctl " HEARTH_VERSION);
		return CTL_DONE;
	}
	for (size_t i = 0; i < HEARTH_COUNT(COMMANDS); i++)
		if (strcmp(argv[1], COMMANDS[i].name) == 0)
			return COMMANDS[i].run(argc - 1, argv + 1);
	ctl_complain("there is no command '%s'; 'hearthctl --help' lists them", argv[1]);
	return CTL_USAGE;
}
