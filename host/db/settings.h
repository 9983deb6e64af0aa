/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/settings.h - the database: section of the configuration.
 */
#ifndef HOST_DB_SETTINGS_H
#define HOST_DB_SETTINGS_H

#include <stdbool.h>

#include <hearth/error.h>

#define DB_CONNECTIONS_MAX 100 /* of one process */

struct db_settings {
	/* As PQconnectdbParams takes them; end with NULL. Owned. */
	char **keywords;
	char **values;
	size_t count;

	size_t  connections_min;
	size_t  connections_max;
	int64_t connect_timeout_ms;
	bool    allow_unsafe_locale;
	bool    resolves_names; /* connecting may ask the resolver, which blocks */
};

/*
 * Reads and checks the section; no I/O. -EINVAL names file, line, and what to write instead. ret_settings: owned,
 * db_settings_clear.
 */
int db_settings_read(struct db_settings *ret_settings, struct hearth_error *err);
void db_settings_clear(struct db_settings *settings);

/* The value of a keyword; NULL where it is not set. Borrowed. */
const char *db_settings_get(const struct db_settings *settings, const char *keyword);

#endif
