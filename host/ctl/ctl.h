/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ctl/ctl.h - what the commands of hearthctl share.
 */
#ifndef HOST_CTL_CTL_H
#define HOST_CTL_CTL_H

#include <hearth/arena.h>
#include <hearth/error.h>

struct config;
struct hearth_field;

/* Exit codes. */
enum ctl_exit { CTL_DONE = 0, CTL_FAILED = 1, CTL_USAGE = 2 };

/* Every command parses its own arguments (argv[0] is its name) and returns an exit code. */
int ctl_register(int argc, char **argv);
int ctl_check_config(int argc, char **argv);
int ctl_plugins(int argc, char **argv);
int ctl_plugin_info(int argc, char **argv);
int ctl_migrate(int argc, char **argv);
int ctl_top(int argc, char **argv);
int ctl_config(int argc, char **argv);

/* Tells a person on standard error; returns CTL_FAILED. */
int ctl_fail(const struct hearth_error *err);
HEARTH_PRINTF(1, 2) int ctl_complain(const char *format, ...);

/* --- http.c: a small blocking client --- */
struct ctl_answer {
	long        status;
	const char *body; /* NUL-terminated; arena */
	size_t      length;
};

struct ctl_server {
	const char *url;    /* "http://127.0.0.1:8008", without a final '/' */
	const char *socket; /* the Unix socket to connect to; NULL: what url names */
};

/* GET, or POST where body is not NULL. -EIO: no answer; the message says what to do. */
int ctl_http(struct hearth_arena *arena, const struct ctl_server *server, const char *path, const char *body,
	     struct ctl_answer *ret_answer, struct hearth_error *err);
/* The first listener of the configuration that serves that resource. -ENOENT: none does. */
int ctl_find_server(struct hearth_arena *arena, const struct config *config, const char *resource,
		    struct ctl_server *ret_server, struct hearth_error *err);

/* --- plugins.c --- */
/* Opens the plugins that the configuration in use wants, or all that are installed (config: NULL); runs none of their code. */
int ctl_open_plugins(struct hearth_arena *arena, const struct config *config, struct hearth_error *err);
/* The configuration tables of the open plugins, as config_each_unknown takes them; arena. */
const struct hearth_field *const *const *ctl_plugin_tables(struct hearth_arena *arena);

#endif
