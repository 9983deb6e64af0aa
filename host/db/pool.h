/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/pool.h - the pool: which connection serves whom, when another is opened, and what happens when one is lost.
 *
 * Reads share connections with reads, writes with writes, and a transaction has one alone. One connection is always left
 * to reads: they wait for no row lock, so that a task inside a transaction can read beside it whatever others hold.
 */
#ifndef HOST_DB_POOL_H
#define HOST_DB_POOL_H

#include <hearth/task.h>

#include "db/connection.h"
#include "db/settings.h"

/* Takes the settings over, and the first connection (owned). */
void db_pool_start(struct db_settings *settings, PGconn *first);
void db_pool_stop(void);
bool db_pool_healthy(void);
const struct db_settings *db_pool_settings(void);

/*
 * A connection for one unit (DB_READ, DB_WRITE) or until it is given back (DB_OWN). It is alive, and stays so until the
 * caller suspends. -EBUSY: the database is away, or no connection became free in time. Suspends.
 */
HEARTH_SUSPENDS int db_pool_acquire(struct hearth_task *task, uint32_t use, struct db_connection **ret_connection,
				    struct hearth_error *err);
void db_pool_release(struct db_connection *connection, uint32_t use);

/* The connection has been lost; it serves nobody any more. */
void db_pool_lost(struct db_connection *connection);

#endif
