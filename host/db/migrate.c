/* SPDX-License-Identifier: Apache-2.0 */
/* Migrations: each plugin's numbered SQL, once, under a lock that all processes share. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "db/failure.h"
#include "db/pool.h"
#include "db/session.h"
#include "log/log.h"
#include "task/task.h"

/* "hearth" in ASCII; any constant that others do not use. */
#define LOCK "pg_advisory_lock(114784820031592)"

static const char CREATE_TABLE[] =
	"CREATE TABLE IF NOT EXISTS hearth_migrations ("
	" plugin text NOT NULL, number bigint NOT NULL, name text NOT NULL, applied_ts bigint NOT NULL,"
	" PRIMARY KEY (plugin, number))";

struct applied {
	const char *plugin;
	int64_t     latest;
};

static const struct hearth_field LATEST_PARAMS[] = { HEARTH_COLUMNS(struct applied, plugin) };
static const struct hearth_field LATEST_ROW[] = { HEARTH_COLUMNS(struct applied, latest) };
static const struct hearth_statement SELECT_LATEST = {
	.name = "db.select_latest_migration",
	.sql = "SELECT coalesce(max(number), 0) FROM hearth_migrations WHERE plugin = $1",
	.params = LATEST_PARAMS,
	.row = LATEST_ROW,
	.row_size = sizeof(struct applied),
};

struct table {
	bool exists;
};

static const struct hearth_field TABLE_ROW[] = { HEARTH_COLUMNS(struct table, exists) };
static const struct hearth_statement SELECT_TABLE = {
	.name = "db.select_migrations_table",
	.sql = "SELECT to_regclass('hearth_migrations') IS NOT NULL",
	.row = TABLE_ROW,
	.row_size = sizeof(struct table),
};

static uint32_t latest_of(const struct hearth_migration *migrations)
{
	uint32_t latest = 0;

	for (; migrations && migrations->number; migrations++)
		latest = migrations->number > latest ? migrations->number : latest;
	return latest;
}

/* The number of the newest migration that has run; 0: none. */
HEARTH_SUSPENDS static int read_latest(struct hearth_task *task, const char *plugin, int64_t *ret_latest,
				       struct hearth_error *err)
{
	const struct hearth_db *db = db_service();
	struct hearth_rows rows;
	int r;

	*ret_latest = 0;
	r = db->read(task, &SELECT_TABLE, NULL, &rows, err);
	if (r < 0 || !((const struct table *)rows.items)->exists)
		return r;
	r = db->read(task, &SELECT_LATEST, &(struct applied){ .plugin = plugin }, &rows, err);
	if (r == 0)
		*ret_latest = ((const struct applied *)rows.items)->latest;
	return r;
}

static int check_not_newer(const char *plugin, int64_t applied, uint32_t known, struct hearth_error *err)
{
	if (applied <= known)
		return 0;
	return hearth_fail(err, -EPROTO,
			   "plugin %s: the database has migration %" PRId64 ", this version knows up to %" PRIu32
			   "; install a newer %s",
			   plugin, applied, known, plugin);
}

HEARTH_SUSPENDS static int apply(struct hearth_task *task, PGconn *pg, const char *plugin,
				 const struct hearth_migration *migration, struct hearth_error *err)
{
	char *quoted_plugin = PQescapeLiteral(pg, plugin, strlen(plugin));
	char *quoted_name = PQescapeLiteral(pg, migration->name, strlen(migration->name));
	const char *note;
	int r;

	hearth_assert(quoted_plugin && quoted_name);
	note = hearth_arena_printf(task_arena(task),
				   "INSERT INTO hearth_migrations (plugin, number, name, applied_ts) VALUES (%s, %" PRIu32
				   ", %s, (extract(epoch FROM now()) * 1000)::bigint); COMMIT",
				   quoted_plugin, migration->number, quoted_name);
	PQfreemem(quoted_plugin);
	PQfreemem(quoted_name);
	log_info("db", "migrating %s: %s", plugin, migration->name);
	r = db_session_run(task, pg, migration->name, "BEGIN", NULL, err);
	if (r == 0)
		r = db_session_run(task, pg, migration->name, migration->sql, NULL, err);
	if (r == 0)
		r = db_session_run(task, pg, migration->name, note, NULL, err);
	if (r < 0 && err)
		hearth_error_prefix(err, "plugin %s", plugin);
	return r;
}

/* The lock goes with the session. "exists already" is no news. */
static const char LOCK_ALL[] = "SET client_min_messages = warning; SET statement_timeout = 0; SET lock_timeout = 0;"
			       " SELECT " LOCK;

HEARTH_SUSPENDS static int migrate(struct hearth_task *task, const char *plugin,
				   const struct hearth_migration *migrations, struct hearth_error *err)
{
	HEARTH_CLEANUP(db_session_closep) PGconn *pg = NULL;
	int64_t applied;
	int r;

	r = db_session_open(task, db_pool_settings(), &pg, err);
	if (r < 0)
		return r;
	r = db_session_run(task, pg, "locking migrations", LOCK_ALL, NULL, err);
	if (r < 0)
		return r;
	r = db_session_run(task, pg, "making hearth_migrations", CREATE_TABLE, NULL, err);
	if (r < 0)
		return r;
	r = read_latest(task, plugin, &applied, err);
	if (r < 0)
		return r;
	r = check_not_newer(plugin, applied, latest_of(migrations), err);
	for (; r == 0 && migrations->number; migrations++)
		if (migrations->number > applied)
			r = apply(task, pg, plugin, migrations, err);
	return r;
}

HEARTH_SUSPENDS int db_check_migrations(struct hearth_task *task, const char *plugin,
					const struct hearth_migration *migrations, struct hearth_error *err)
{
	int64_t applied;
	int r = read_latest(task, plugin, &applied, err);

	return r < 0 ? r : check_not_newer(plugin, applied, latest_of(migrations), err);
}

HEARTH_SUSPENDS int db_migrate(struct hearth_task *task, const char *plugin, const struct hearth_migration *migrations,
			       struct hearth_error *err)
{
	uint32_t known = latest_of(migrations);
	int64_t applied;
	int r;

	r = read_latest(task, plugin, &applied, err);
	if (r < 0)
		return r;
	r = check_not_newer(plugin, applied, known, err);
	if (r < 0 || applied == known)
		return r;
	return migrate(task, plugin, migrations, err);
}
