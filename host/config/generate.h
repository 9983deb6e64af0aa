/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/generate.h - writes a first configuration.
 */
#ifndef HOST_CONFIG_GENERATE_H
#define HOST_CONFIG_GENERATE_H

#include <hearth/error.h>

/*
 * Writes a short, commented configuration (mode 0600) with fresh secrets, and the signing key it names into data_dir. The
 * database is the one that PGHOST, PGUSER and PGDATABASE name, as libpq reads them. -EEXIST: config_path is there
 * already; it stays as it is, and nothing is written.
 */
int config_generate(const char *server_name, const char *config_path, const char *data_dir, struct hearth_error *err);

#endif
