/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/session.h - one connection used by one task at a time, without pipelining: how every connection starts, and
 * how migrations and LISTEN work.
 */
#ifndef HOST_DB_SESSION_H
#define HOST_DB_SESSION_H

#include <libpq-fe.h>

#include <hearth/task.h>

#include "db/settings.h"

/*
 * Connects, checks server version and encoding, and sets what every session of ours relies on. ret_pg: owned, PQfinish.
 * -EBUSY: not reachable (now); -EINVAL: reachable, and not fit. Suspends.
 */
HEARTH_SUSPENDS int db_session_open(struct hearth_task *task, const struct db_settings *settings, PGconn **ret_pg,
				    struct hearth_error *err);

/*
 * Runs SQL of any number of statements and waits. what: names it in errors. ret_result (may be NULL): the last result;
 * owned, PQclear. Suspends.
 */
HEARTH_SUSPENDS int db_session_run(struct hearth_task *task, PGconn *pg, const char *what, const char *sql,
				   PGresult **ret_result, struct hearth_error *err);

/* Parks until the connection's socket can be read or written (EV_READ, EV_WRITE). timeout_ms 0: for ever. Suspends. */
HEARTH_SUSPENDS int db_session_wait(struct hearth_task *task, PGconn *pg, short events, int64_t timeout_ms,
				    struct hearth_error *err);

void db_session_closep(PGconn **pg);
void db_result_clearp(PGresult **result);

#endif
