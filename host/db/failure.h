/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/failure.h - what PostgreSQL's errors mean here.
 */
#ifndef HOST_DB_FAILURE_H
#define HOST_DB_FAILURE_H

#include <libpq-fe.h>
#include <stdbool.h>

#include <hearth/error.h>

/*
 * Records the error of a result as hearth/db.h maps it. statement: its name. The server's own words may hold values of
 * parameters: they go to the log, never into err. Returns err's code.
 */
int db_failure_of_result(struct hearth_error *err, const char *statement, const PGresult *result);

/* The server is going away: the connection is of no more use. */
bool db_failure_ends_connection(const PGresult *result);

/* The prepared statement no longer fits the tables, and has not run. */
bool db_failure_is_stale_plan(const PGresult *result);

/* The first line of an error message of libpq, without its line end. Borrowed: until the next call. */
const char *db_failure_text(const char *message);

#endif
