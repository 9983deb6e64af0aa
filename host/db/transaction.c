/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions. Statements that nobody waits for are only noted; a connection is taken when the first answer is needed. A
 * transaction that never asks needs no BEGIN: what stands between two Syncs is one transaction to PostgreSQL.
 */
#include "db/transaction.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "db/connection.h"
#include "db/pool.h"
#include "db/value.h"
#include "task/task.h"

#define MAGIC 0x74786e31u
#define ATTEMPTS_MAX 5
#define PAUSE_MS 5

struct call {
	struct call *next;
	struct db_statement *statement;
	const char *const *values;
	const int *lengths;
};

struct ending {
	struct ending *next;
	void (*fn)(void *argument, int committed);
	void *argument;
};

struct hearth_tx {
	uint32_t magic;
	uint32_t flags;
	struct hearth_task *task;
	struct hearth_arena *arena; /* of what is queued; NULL once it has ended */
	struct db_connection *connection;
	bool begun;       /* BEGIN has been sent */
	bool needs_block; /* something queued is not fit for a transaction without BEGIN */
	bool lost;        /* the connection broke and nothing was committed */
	bool unknown;     /* the connection broke in the commit */
	struct call *first, **last;
	struct ending *endings, **last_ending;
	struct hearth_error error; /* the first; later calls return it */
};

#define PLAIN(name_, sql_) { .name = (name_), .sql = (sql_) }
static const struct hearth_statement BEGIN[] = {
	PLAIN("db.begin", "BEGIN"),
	PLAIN("db.begin_read_only", "BEGIN READ ONLY"),
	PLAIN("db.begin_repeatable", "BEGIN ISOLATION LEVEL REPEATABLE READ"),
	PLAIN("db.begin_repeatable_read_only", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
	PLAIN("db.begin_serializable", "BEGIN ISOLATION LEVEL SERIALIZABLE"),
	PLAIN("db.begin_serializable_read_only", "BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY"),
};
static const struct hearth_statement COMMIT = PLAIN("db.commit", "COMMIT");
static const struct hearth_statement ROLLBACK = PLAIN("db.rollback", "ROLLBACK");

static struct db_statement *own_statement(const struct hearth_statement *declared)
{
	struct db_statement *statement;

	hearth_assert(db_statement_of(declared, &statement, NULL) == 0);
	return statement;
}

static struct db_statement *begin_of(uint32_t flags)
{
	uint32_t level = flags & HEARTH_TX_SERIALIZABLE ? 4 : flags & HEARTH_TX_REPEATABLE ? 2 : 0;

	return own_statement(&BEGIN[level | (flags & HEARTH_TX_READ_ONLY)]);
}

/* --- life --- */

static void end(struct hearth_tx *tx, int committed)
{
	struct hearth_arena *arena = tx->arena;
	struct ending *ending = tx->endings;

	tx->magic = 0;
	tx->arena = NULL;
	for (; ending; ending = ending->next)
		ending->fn(ending->argument, committed);
	hearth_arena_free(arena);
}

static void send_rollback(struct db_connection *connection)
{
	struct db_unit *unit = db_unit_new(/* task= */ NULL, DB_OWN);
	struct db_statement *rollback = own_statement(&ROLLBACK);

	db_unit_prepare(unit, connection, rollback);
	db_unit_run(unit, connection, rollback, NULL, NULL);
	db_unit_send(unit, connection);
}

static void give_back(struct hearth_tx *tx, bool clean)
{
	struct db_connection *connection = tx->connection;

	tx->connection = NULL;
	if (!connection)
		return;
	if (clean || !tx->begun || !db_connection_alive(connection))
		db_pool_release(connection, DB_OWN);
	else
		send_rollback(connection);
}

static void give_up(struct hearth_tx *tx, int committed)
{
	give_back(tx, /* clean= */ false);
	end(tx, committed);
}

static void abandon(void *argument)
{
	struct hearth_tx *tx = argument;

	if (tx->magic == MAGIC)
		give_up(tx, 0);
}

HEARTH_SUSPENDS int db_tx_begin(struct hearth_task *task, uint32_t flags, struct hearth_tx **ret_tx,
				struct hearth_error *err)
{
	struct hearth_tx *tx;

	(void)err;
	tx = hearth_arena_new_of(task_arena(task), struct hearth_tx);
	tx->magic = MAGIC;
	tx->flags = flags;
	tx->task = task;
	tx->arena = hearth_arena_new();
	tx->last = &tx->first;
	tx->last_ending = &tx->endings;
	hearth_arena_defer(task_arena(task), abandon, tx);
	*ret_tx = tx;
	return 0;
}

void db_tx_rollback(struct hearth_tx **tx)
{
	if (!*tx)
		return;
	hearth_assert((*tx)->magic == MAGIC);
	give_up(*tx, 0);
	*tx = NULL;
}

void db_tx_on_end(struct hearth_tx *tx, void (*fn)(void *argument, int committed), void *argument)
{
	struct ending *ending;

	hearth_assert(tx->magic == MAGIC);
	ending = hearth_arena_new_of(tx->arena, struct ending);
	*ending = (struct ending){ .fn = fn, .argument = argument };
	*tx->last_ending = ending;
	tx->last_ending = &ending->next;
}

struct hearth_task *db_tx_task(struct hearth_tx *tx)
{
	hearth_assert(tx->magic == MAGIC);
	return tx->task;
}

/* --- statements --- */

static int first_error(const struct hearth_tx *tx, struct hearth_error *err)
{
	hearth_assert(tx->magic == MAGIC);
	if (tx->error.code && err && !err->code)
		*err = tx->error;
	return tx->error.code;
}

int db_tx_exec(struct hearth_tx *tx, const struct hearth_statement *statement, const void *params,
	       struct hearth_error *err)
{
	struct call *call;
	int r = first_error(tx, err);

	if (r < 0)
		return r;
	call = hearth_arena_new_of(tx->arena, struct call);
	r = db_statement_of(statement, &call->statement, err);
	if (r < 0)
		return r;
	r = db_encode_copy(tx->arena, call->statement, params, &call->values, &call->lengths, err);
	if (r < 0)
		return r;
	tx->needs_block = tx->needs_block || call->statement->needs_block;
	*tx->last = call;
	tx->last = &call->next;
	return 0;
}

/* Prepares what is to run: the queue, and BEGIN and last where they are not NULL. */
static void prepare_all(struct hearth_tx *tx, struct db_unit *unit, struct db_statement *begin,
			struct db_statement *last)
{
	if (begin)
		db_unit_prepare(unit, tx->connection, begin);
	for (struct call *call = tx->first; call; call = call->next)
		db_unit_prepare(unit, tx->connection, call->statement);
	if (last)
		db_unit_prepare(unit, tx->connection, last);
}

/* Sends BEGIN if it is due, what is queued, and last. */
static void send_all(struct hearth_tx *tx, struct db_unit *unit, bool block, struct db_statement *last,
		     const struct db_values *values)
{
	struct db_statement *begin = block && !tx->begun ? begin_of(tx->flags) : NULL;

	prepare_all(tx, unit, begin, last);
	if (begin)
		db_unit_run(unit, tx->connection, begin, NULL, NULL);
	for (struct call *call = tx->first; call; call = call->next)
		db_unit_run(unit, tx->connection, call->statement, call->values, call->lengths);
	if (last)
		db_unit_run(unit, tx->connection, last, values ? values->at : NULL, values ? values->length : NULL);
	db_unit_send(unit, tx->connection);
	tx->begun = block;
	tx->first = NULL;
	tx->last = &tx->first;
}

static int note(struct hearth_tx *tx, const struct db_unit *unit)
{
	tx->lost = unit->lost && !unit->unknown;
	tx->unknown = unit->unknown;
	return unit->error.code;
}

HEARTH_SUSPENDS static int ask(struct hearth_tx *tx, struct db_statement *statement, const struct db_values *values,
			       struct hearth_rows *ret_rows, struct hearth_error *err)
{
	HEARTH_CLEANUP(db_unit_freep) struct db_unit *unit = NULL;
	int r = 0;

	if (!tx->connection)
		r = db_pool_acquire(tx->task, DB_OWN, &tx->connection, err);
	if (r < 0)
		return r;
	if (!db_connection_alive(tx->connection)) {
		tx->lost = true;
		return hearth_fail(err, -EBUSY, "the connection to the database was lost");
	}
	unit = db_unit_new(tx->task, 0);
	unit->keeps_result = true;
	send_all(tx, unit, /* block= */ true, statement, values);
	r = db_unit_wait(&unit, err);
	if (r < 0)
		return unit ? note(tx, unit) : r;
	return ret_rows ? db_decode(task_arena(tx->task), statement, unit->result, ret_rows, err) : 0;
}

HEARTH_SUSPENDS int db_tx_query(struct hearth_tx *tx, const struct hearth_statement *statement, const void *params,
				struct hearth_rows *ret_rows, struct hearth_error *err)
{
	struct hearth_error own = { 0 };
	struct db_statement *known;
	struct db_values values;
	int r = first_error(tx, err);

	task_may_suspend();
	if (r < 0)
		return r;
	r = db_statement_of(statement, &known, &own);
	if (r == 0)
		r = db_encode(task_arena(tx->task), known, params, &values, &own);
	if (r == 0)
		r = ask(tx, known, &values, ret_rows, &own);
	if (r < 0) {
		if (!tx->error.code)
			tx->error = own;
		return first_error(tx, err);
	}
	return 0;
}

/* --- the end --- */

HEARTH_SUSPENDS static int commit_block(struct hearth_tx *tx, struct hearth_error *err)
{
	HEARTH_CLEANUP(db_unit_freep) struct db_unit *unit = NULL;
	int r;

	if (!db_connection_alive(tx->connection)) {
		tx->lost = true;
		return hearth_fail(err, -EBUSY, "the connection to the database was lost");
	}
	unit = db_unit_new(tx->task, 0);
	unit->keeps_result = true;
	unit->commits = true;
	send_all(tx, unit, /* block= */ true, own_statement(&COMMIT), NULL);
	r = db_unit_wait_firmly(unit, err);
	if (r < 0)
		return note(tx, unit);
	give_back(tx, /* clean= */ true);
	return 0;
}

/* The queue alone, as one transaction without BEGIN, on a connection that others use as well. */
HEARTH_SUSPENDS static int commit_queue(struct hearth_tx *tx, struct hearth_error *err)
{
	HEARTH_CLEANUP(db_unit_freep) struct db_unit *unit = NULL;
	int r;

	r = db_pool_acquire(tx->task, DB_WRITE, &tx->connection, err);
	if (r < 0)
		return r;
	unit = db_unit_new(tx->task, DB_WRITE);
	unit->commits = true;
	send_all(tx, unit, /* block= */ false, NULL, NULL);
	tx->connection = NULL; /* the unit gives it back */
	r = db_unit_wait_firmly(unit, err);
	return r < 0 ? note(tx, unit) : 0;
}

HEARTH_SUSPENDS static int commit(struct hearth_tx *tx, struct hearth_error *err)
{
	int r = first_error(tx, err);

	if (r < 0)
		return r;
	if (!tx->connection && !tx->first)
		return 0;
	if (!tx->connection && !tx->flags && !tx->needs_block)
		return commit_queue(tx, err);
	if (!tx->connection)
		r = db_pool_acquire(tx->task, DB_OWN, &tx->connection, err);
	return r < 0 ? r : commit_block(tx, err);
}

/* ret_lost: the connection broke, and nothing was committed. */
HEARTH_SUSPENDS static int finish(struct hearth_tx **tx, bool *ret_lost, struct hearth_error *err)
{
	struct hearth_tx *ending = *tx;
	struct hearth_error own = { 0 };
	int r;

	*tx = NULL;
	r = commit(ending, &own);
	*ret_lost = ending->lost;
	if (r == 0) {
		end(ending, 1);
		return 0;
	}
	give_up(ending, ending->unknown ? -1 : 0);
	if (err && !err->code)
		*err = own;
	return r;
}

HEARTH_SUSPENDS int db_tx_commit(struct hearth_tx **tx, struct hearth_error *err)
{
	bool lost;

	task_may_suspend();
	return finish(tx, &lost, err);
}

/* Another attempt makes sense where the transaction itself failed so; fn may have an -EAGAIN of its own. */
HEARTH_SUSPENDS static int attempt(struct hearth_task *task, uint32_t flags,
				   HEARTH_SUSPENDS int (*fn)(struct hearth_tx *tx, struct hearth_task *task,
							     void *argument, struct hearth_error *err),
				   void *argument, bool *ret_again, struct hearth_error *err)
{
	HEARTH_CLEANUP(db_tx_rollback) struct hearth_tx *tx = NULL;
	bool lost;
	int r;

	r = db_tx_begin(task, flags, &tx, err);
	if (r < 0)
		return r;
	r = fn(tx, task, argument, err);
	if (r < 0) {
		*ret_again = tx->error.code == -EAGAIN || tx->lost;
		return r;
	}
	r = finish(&tx, &lost, err);
	*ret_again = r == -EAGAIN || (r == -EBUSY && lost);
	return r;
}

HEARTH_SUSPENDS int db_tx_transact(struct hearth_task *task, uint32_t flags,
				   HEARTH_SUSPENDS int (*fn)(struct hearth_tx *tx, struct hearth_task *task,
							     void *argument, struct hearth_error *err),
				   void *argument, struct hearth_error *err)
{
	struct hearth_error own = { 0 };
	int r = 0;

	task_may_suspend();
	for (int64_t attempts = 1;; attempts++) {
		bool again = false;

		r = attempt(task, flags, fn, argument, &again, &own);
		if (r >= 0)
			return r;
		if (!again || attempts == ATTEMPTS_MAX)
			break;
		hearth_error_clear(&own);
		r = task_service()->sleep(task, PAUSE_MS * attempts * attempts, &own);
		if (r < 0)
			break;
	}
	if (err && !err->code)
		*err = own;
	return r;
}
