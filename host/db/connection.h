/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/connection.h - one connection in pipeline mode, and the units of work under way on it.
 *
 * A unit is what stands between two Syncs, so that its failure touches no other. It belongs to the connection until it is
 * finished; a task that stops waiting abandons it, and its results are thrown away when they come.
 */
#ifndef HOST_DB_CONNECTION_H
#define HOST_DB_CONNECTION_H

#include <libpq-fe.h>
#include <stdbool.h>

#include <hearth/task.h>

#include "db/statement.h"

/* What a connection is taken for. */
enum db_use {
	DB_READ = 1, /* beside other reads */
	DB_WRITE,    /* beside other writes; reads never wait behind one */
	DB_OWN,      /* for a transaction, alone */
};

struct db_step {
	struct db_statement *statement; /* NULL: the Sync between preparing and running */
	bool prepares;
};

struct db_unit {
	struct db_unit *next;
	struct hearth_task *task; /* woken at the end; NULL: abandoned */
	uint32_t use;             /* given back at the end; 0: nothing */
	bool keeps_result;        /* of its last step */
	bool commits;
	bool finished;
	bool lost;    /* the connection broke */
	bool unknown; /* ... in a commit that may have happened */
	bool stale;   /* a prepared statement no longer fitted: nothing has run */
	struct hearth_error error;
	PGresult *result;
	int64_t sent_us;
	struct db_step *steps;
	size_t step_count, step_room, at;
};

struct db_connection;

/* Takes an open session over (owned). */
struct db_connection *db_connection_new(PGconn *pg);
/* Fails what is under way and closes; the memory goes when its last use is given back. */
void db_connection_close(struct db_connection *connection);
bool db_connection_alive(const struct db_connection *connection);

/* --- uses --- */
void db_connection_claim(struct db_connection *connection, uint32_t use);
void db_connection_unclaim(struct db_connection *connection, uint32_t use);
/* Units of others that a new one would wait for. */
size_t db_connection_load(const struct db_connection *connection);
bool db_connection_writes(const struct db_connection *connection); /* or is owned */
bool db_connection_owned(const struct db_connection *connection);
/* ms since the unit that is in front was sent; 0: none. */
int64_t db_connection_stuck_ms(const struct db_connection *connection);
int64_t db_connection_idle_since_ms(const struct db_connection *connection);

/* --- units --- */
struct db_unit *db_unit_new(struct hearth_task *task, uint32_t use);
void db_unit_freep(struct db_unit **unit);

/* In this order: prepare for every statement, run for every run, send. Failures surface in the unit, later. */
void db_unit_prepare(struct db_unit *unit, struct db_connection *connection, struct db_statement *statement);
void db_unit_run(struct db_unit *unit, struct db_connection *connection, struct db_statement *statement,
		 const char *const *values, const int *lengths);
void db_unit_send(struct db_unit *unit, struct db_connection *connection);

/* Waits; -ETIMEDOUT, -ECANCELED: the unit is abandoned (*unit is NULL). Otherwise the unit's error. Suspends. */
HEARTH_SUSPENDS int db_unit_wait(struct db_unit **unit, struct hearth_error *err);
/* As db_unit_wait, but nothing but the unit's end ends it. Suspends. */
HEARTH_SUSPENDS int db_unit_wait_firmly(struct db_unit *unit, struct hearth_error *err);

#endif
