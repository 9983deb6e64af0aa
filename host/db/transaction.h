/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/transaction.h - transactions, as the service's table offers them.
 */
#ifndef HOST_DB_TRANSACTION_H
#define HOST_DB_TRANSACTION_H

#include <hearth/db.h>

HEARTH_SUSPENDS int db_tx_begin(struct hearth_task *task, uint32_t flags, struct hearth_tx **ret_tx,
				struct hearth_error *err);
int db_tx_exec(struct hearth_tx *tx, const struct hearth_statement *statement, const void *params,
	       struct hearth_error *err);
HEARTH_SUSPENDS int db_tx_query(struct hearth_tx *tx, const struct hearth_statement *statement, const void *params,
				struct hearth_rows *ret_rows, struct hearth_error *err);
HEARTH_SUSPENDS int db_tx_commit(struct hearth_tx **tx, struct hearth_error *err);
void db_tx_rollback(struct hearth_tx **tx);
HEARTH_SUSPENDS int db_tx_transact(struct hearth_task *task, uint32_t flags,
				   HEARTH_SUSPENDS int (*fn)(struct hearth_tx *tx, struct hearth_task *task,
							     void *argument, struct hearth_error *err),
				   void *argument, struct hearth_error *err);
void db_tx_on_end(struct hearth_tx *tx, void (*fn)(void *argument, int committed), void *argument);
struct hearth_task *db_tx_task(struct hearth_tx *tx);

#endif
