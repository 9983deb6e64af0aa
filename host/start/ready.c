/* SPDX-License-Identifier: Apache-2.0
 *
 * What a load balancer asks: would a request succeed here? Each part on its own, so that an admin sees which one does not.
 */
#include "start/start.h"

#include "db/db.h"
#include "lease/lease.h"

static int say(struct hearth_writer *w, const char *part, const char *ailment)
{
	hearth_write_string(w, part, ailment ? ailment : "ok");
	return !ailment;
}

int ready_check(struct hearth_writer *w)
{
	int well = say(w, "process", run_is_stopping() ? "is stopping" : NULL);

	well &= say(w, "database", db_healthy() ? NULL : "does not answer");
	well &= say(w, "leases", lease_missing());
	return well;
}
