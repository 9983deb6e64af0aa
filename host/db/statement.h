/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/statement.h - every statement that has been used: its number, its parameters' types, its use counted.
 */
#ifndef HOST_DB_STATEMENT_H
#define HOST_DB_STATEMENT_H

#include <libpq-fe.h>
#include <stdbool.h>

#include <hearth/db.h>

#define DB_PARAMS_MAX 64

struct db_statement {
	const struct hearth_statement *declared;
	uint32_t number; /* 0, 1, ...: index into every connection's table of what is prepared */
	uint32_t param_count;
	uint32_t column_count;
	bool     needs_block; /* not fit for a transaction without BEGIN */
	Oid      param_types[DB_PARAMS_MAX];

	uint64_t uses, reported_uses;
	double   seconds, reported_seconds;
};

/* The record of a declaration, made on its first use. -EPROTO where the declaration itself is wrong. */
int db_statement_of(const struct hearth_statement *declared, struct db_statement **ret_statement,
		    struct hearth_error *err);

/* Counts one run; logs it by name where it was slow. */
void db_statement_ran(struct db_statement *statement, int64_t microseconds);

/* Whether the columns of a result fit the declaration: -EPROTO names statement and column. */
int db_statement_check_columns(const struct db_statement *statement, const PGresult *result, struct hearth_error *err);

void db_statement_finish(void);

#endif
