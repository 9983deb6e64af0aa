/* SPDX-License-Identifier: Apache-2.0
 *
 * host/db/listen.h - LISTEN, on a connection of its own that exists only where somebody listens.
 */
#ifndef HOST_DB_LISTEN_H
#define HOST_DB_LISTEN_H

#include <hearth/db.h>

int db_listen(const struct hearth_host *host, const char *channel, void (*fn)(void *argument, const char *payload),
	      void *argument, struct hearth_error *err);
int db_listen_start(struct hearth_error *err);
void db_listen_stop(void);

#endif
