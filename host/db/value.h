/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/value.h - struct members to and from PostgreSQL's binary form.
 */
#ifndef HOST_DB_VALUE_H
#define HOST_DB_VALUE_H

#include "db/statement.h"

/* The parameters of one run of a statement. */
struct db_values {
	const char *at[DB_PARAMS_MAX]; /* NULL: SQL NULL */
	int         length[DB_PARAMS_MAX];
	char        scalars[DB_PARAMS_MAX][8];
};

extern const int DB_BINARY[DB_PARAMS_MAX]; /* all ones: every format is binary */

/*
 * Points ret_values at the params struct and into ret_values itself; lists and JSON are laid out in the arena. So it
 * lives as long as params. -EINVAL: a JSON value that has no canonical form; -EFBIG: more than libpq can take.
 */
int db_encode(struct hearth_arena *arena, const struct db_statement *statement, const void *params,
	      struct db_values *ret_values, struct hearth_error *err);

/* As db_encode, but with copies of everything in the arena: two arrays, as libpq takes them. */
int db_encode_copy(struct hearth_arena *arena, const struct db_statement *statement, const void *params,
		   const char *const **ret_at, const int **ret_lengths, struct hearth_error *err);

/* The rows of a result whose columns have been checked, copied to the arena. -EPROTO: what no row may hold. */
int db_decode(struct hearth_arena *arena, const struct db_statement *statement, const PGresult *result,
	      struct hearth_rows *ret_rows, struct hearth_error *err);

#endif
