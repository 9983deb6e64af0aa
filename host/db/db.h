/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/db.h - the PostgreSQL service as the host starts it; hearth/db.h is what plugins see.
 */
#ifndef HOST_DB_DB_H
#define HOST_DB_DB_H

#include <hearth/db.h>

/*
 * Reads the database: section, opens the first connection and checks server version, encoding and collation. Errors say
 * what to do. Suspends: called from the start-up task.
 */
HEARTH_SUSPENDS int db_start(struct hearth_task *task, struct hearth_error *err);
void db_stop(void);

/* Checks the database: section alone; no I/O. sqlite3 is refused with advice. */
int db_check_config(struct hearth_error *err);

/*
 * Brings one plugin's tables up to date, under an advisory lock shared by all processes. -EPROTO where the database has
 * migrations that this plugin does not know (it is too new).
 */
HEARTH_SUSPENDS int db_migrate(struct hearth_task *task, const char *plugin, const struct hearth_migration *migrations,
			       struct hearth_error *err);

/* -EPROTO in that case, without any change. */
HEARTH_SUSPENDS int db_check_migrations(struct hearth_task *task, const char *plugin,
					const struct hearth_migration *migrations, struct hearth_error *err);

/* 1 while the database answers. */
int db_healthy(void);

const struct hearth_db *db_service(void);

#endif
