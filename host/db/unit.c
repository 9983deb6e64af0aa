/* SPDX-License-Identifier: Apache-2.0 */
/* Units of work: their memory, and waiting for them. */
#include <stdlib.h>

#include "db/connection.h"
#include "task/task.h"

struct db_unit *db_unit_new(struct hearth_task *task, uint32_t use)
{
	struct db_unit *unit = calloc(1, sizeof(*unit));

	hearth_assert(unit);
	unit->task = task;
	unit->use = use;
	return unit;
}

void db_unit_freep(struct db_unit **unit)
{
	if (!*unit)
		return;
	PQclear((*unit)->result);
	free((*unit)->steps);
	free(*unit);
	*unit = NULL;
}

static int outcome(const struct db_unit *unit, struct hearth_error *err)
{
	if (err && !err->code)
		*err = unit->error;
	return unit->error.code;
}

HEARTH_SUSPENDS int db_unit_wait(struct db_unit **unit, struct hearth_error *err)
{
	while (!(*unit)->finished) {
		struct hearth_error waiting = { 0 };
		int r = task_park((*unit)->task, 0, &waiting);

		if (r < 0 && !(*unit)->finished) {
			(*unit)->task = NULL;
			*unit = NULL;
			if (err && !err->code)
				*err = waiting;
			return r;
		}
	}
	return outcome(*unit, err);
}

HEARTH_SUSPENDS int db_unit_wait_firmly(struct db_unit *unit, struct hearth_error *err)
{
	while (!unit->finished)
		task_park_firmly(unit->task);
	return outcome(unit, err);
}
