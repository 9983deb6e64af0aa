/* SPDX-License-Identifier: Apache-2.0
 *
 * host/start/start.h - the command line, the log's settings, and the life of the process.
 */
#ifndef HOST_START_START_H
#define HOST_START_START_H

#include <hearth/error.h>
#include <hearth/writer.h>

#define OPTION_PATHS_MAX 64

struct options {
	const char *paths[OPTION_PATHS_MAX]; /* -c, --config-path, --config-file, in order */
	size_t      path_count;
	const char *server_name;    /* -H, --server-name */
	const char *data_directory; /* --data-directory */
	int         generate_config, generate_keys, describe_endpoints, help, version;
};

/* --- options.c --- */
int options_read(int argc, char **argv, struct options *ret_options, struct hearth_error *err);
void options_print_help(void);

/* --- logging.c: log_level, log_format, log_file, and what log_config says of them --- */
/* Reads them; level and format hold from now on, still on standard error. */
int logging_read(struct hearth_error *err);
/* Goes over to the log file, once it is certain that the server starts: a refused configuration leaves no file. */
int logging_open(struct hearth_error *err);

/* --- ready.c: what /ready says --- */
int ready_check(struct hearth_writer *w);

/* --- run.c --- */
/* 1 from the signal on that ends the process. */
int run_is_stopping(void);
/* Starts everything the configuration asks for and runs until a signal. Returns the exit code. */
int run_server(void);

#endif
