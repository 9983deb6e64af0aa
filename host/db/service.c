/* SPDX-License-Identifier: Apache-2.0 */
/* The table that plugins get, and statements outside of transactions. */
#include <errno.h>

#include "db/connection.h"
#include "db/db.h"
#include "db/listen.h"
#include "db/pool.h"
#include "db/session.h"
#include "db/transaction.h"
#include "db/value.h"
#include "task/task.h"

HEARTH_SUSPENDS static int run_once(struct hearth_task *task, uint32_t use, struct db_statement *statement,
				    const struct db_values *values, struct hearth_rows *ret_rows, bool *ret_again,
				    struct hearth_error *err)
{
	HEARTH_CLEANUP(db_unit_freep) struct db_unit *unit = NULL;
	struct db_connection *connection;
	int r;

	*ret_again = false;
	r = db_pool_acquire(task, use, &connection, err);
	if (r < 0)
		return r;
	unit = db_unit_new(task, use);
	unit->keeps_result = true;
	db_unit_prepare(unit, connection, statement);
	db_unit_run(unit, connection, statement, values->at, values->length);
	db_unit_send(unit, connection);
	r = db_unit_wait(&unit, err);
	if (r < 0) {
		*ret_again = unit && (unit->stale || (unit->lost && use == DB_READ));
		return r;
	}
	return ret_rows ? db_decode(task_arena(task), statement, unit->result, ret_rows, err) : 0;
}

HEARTH_SUSPENDS static int run(struct hearth_task *task, uint32_t use, const struct hearth_statement *declared,
			       const void *params, struct hearth_rows *ret_rows, struct hearth_error *err)
{
	struct hearth_error first = { 0 };
	struct db_statement *statement;
	struct db_values values;
	bool again;
	int r;

	r = db_statement_of(declared, &statement, err);
	if (r < 0)
		return r;
	r = db_encode(task_arena(task), statement, params, &values, err);
	if (r < 0)
		return r;
	r = run_once(task, use, statement, &values, ret_rows, &again, &first);
	if (r < 0 && again)
		return run_once(task, use, statement, &values, ret_rows, &again, err);
	if (r < 0 && err && !err->code)
		*err = first;
	return r;
}

HEARTH_SUSPENDS static int read_rows(struct hearth_task *task, const struct hearth_statement *statement,
				     const void *params, struct hearth_rows *ret_rows, struct hearth_error *err)
{
	return run(task, DB_READ, statement, params, ret_rows, err);
}

HEARTH_SUSPENDS static int write_rows(struct hearth_task *task, const struct hearth_statement *statement,
				      const void *params, struct hearth_rows *ret_rows, struct hearth_error *err)
{
	return run(task, DB_WRITE, statement, params, ret_rows, err);
}

static const struct hearth_db SERVICE = {
	.base = { .size = sizeof(SERVICE), .major = HEARTH_DB_MAJOR, .minor = HEARTH_DB_MINOR, .id = HEARTH_DB_ID },
	.read = read_rows,
	.write = write_rows,
	.begin = db_tx_begin,
	.exec = db_tx_exec,
	.query = db_tx_query,
	.commit = db_tx_commit,
	.rollback = db_tx_rollback,
	.transact = db_tx_transact,
	.on_end = db_tx_on_end,
	.tx_task = db_tx_task,
	.listen = db_listen,
};

const struct hearth_db *db_service(void)
{
	return &SERVICE;
}

int db_check_config(struct hearth_error *err)
{
	HEARTH_CLEANUP(db_settings_clear) struct db_settings settings = { 0 };

	return db_settings_read(&settings, err);
}

HEARTH_SUSPENDS int db_start(struct hearth_task *task, struct hearth_error *err)
{
	HEARTH_CLEANUP(db_settings_clear) struct db_settings settings = { 0 };
	PGconn *pg;
	int r;

	r = db_settings_read(&settings, err);
	if (r < 0)
		return r;
	r = db_session_open(task, &settings, &pg, err);
	if (r < 0)
		return r;
	db_pool_start(&settings, pg);
	return db_listen_start(err);
}

void db_stop(void)
{
	db_listen_stop();
	db_pool_stop();
	db_statement_finish();
}

int db_healthy(void)
{
	return db_pool_healthy();
}
