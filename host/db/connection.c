/* SPDX-License-Identifier: Apache-2.0 */
#include "db/connection.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "db/failure.h"
#include "db/pool.h"
#include "db/value.h"
#include "loop/loop.h"
#include "task/task.h"

#define NAME_BYTES 20

enum preparation { UNPREPARED = 0, PREPARED, CHECKED };

struct prepared {
	uint8_t  state;
	uint16_t generation; /* part of the name: a stale statement is prepared anew under another */
	char     name[NAME_BYTES];
};

struct db_connection {
	PGconn *pg;
	struct event *readable, *writable;
	bool broken; /* to be closed at the loop's next turn */
	bool alive;
	unsigned reads, writes, owners;
	int64_t idle_since_ms;
	struct db_unit *first, **last;
	struct prepared *prepared; /* by the statement's number */
	size_t prepared_count;
};

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* --- what is prepared --- */

static struct prepared *preparation_of(struct db_connection *connection, const struct db_statement *statement)
{
	size_t count = connection->prepared_count;

	if (statement->number >= count) {
		connection->prepared_count = statement->number + 32;
		connection->prepared =
			realloc(connection->prepared, connection->prepared_count * sizeof(*connection->prepared));
		hearth_assert(connection->prepared);
		memset(connection->prepared + count, 0, (connection->prepared_count - count) * sizeof(struct prepared));
	}
	return &connection->prepared[statement->number];
}

/* --- sending --- */

static void add_step(struct db_unit *unit, struct db_statement *statement, bool prepares)
{
	if (unit->step_count == unit->step_room) {
		unit->step_room = unit->step_room ? 2 * unit->step_room : 8;
		unit->steps = realloc(unit->steps, unit->step_room * sizeof(*unit->steps));
		hearth_assert(unit->steps);
	}
	unit->steps[unit->step_count++] = (struct db_step){ .statement = statement, .prepares = prepares };
}

static void expect(struct db_connection *connection, int sent)
{
	if (!sent)
		connection->broken = true;
}

void db_unit_prepare(struct db_unit *unit, struct db_connection *connection, struct db_statement *statement)
{
	struct prepared *prepared = preparation_of(connection, statement);

	hearth_assert(connection->alive);
	if (prepared->state != UNPREPARED)
		return;
	prepared->state = PREPARED;
	snprintf(prepared->name, NAME_BYTES, "h%u_%u", statement->number, prepared->generation);
	add_step(unit, statement, true);
	expect(connection, PQsendPrepare(connection->pg, prepared->name, statement->declared->sql,
					 (int)statement->param_count, statement->param_types));
}

/* What was prepared stays so whatever becomes of the statements that run: a Sync stands between. */
static void end_preparing(struct db_unit *unit, struct db_connection *connection)
{
	if (!unit->step_count || !unit->steps[unit->step_count - 1].prepares)
		return;
	add_step(unit, NULL, false);
	expect(connection, PQpipelineSync(connection->pg));
}

void db_unit_run(struct db_unit *unit, struct db_connection *connection, struct db_statement *statement,
		 const char *const *values, const int *lengths)
{
	const char *name = preparation_of(connection, statement)->name;

	end_preparing(unit, connection);
	add_step(unit, statement, false);
	expect(connection, PQsendQueryPrepared(connection->pg, name, (int)statement->param_count, values, lengths,
					       DB_BINARY, /* resultFormat= */ 1));
}

static void flush(struct db_connection *connection)
{
	int unsent = PQflush(connection->pg);

	if (unsent < 0)
		connection->broken = true;
	else if (unsent > 0)
		event_add(connection->writable, NULL);
}

void db_unit_send(struct db_unit *unit, struct db_connection *connection)
{
	unit->sent_us = now_us();
	unit->next = NULL;
	*connection->last = unit;
	connection->last = &unit->next;
	expect(connection, PQpipelineSync(connection->pg));
	flush(connection);
	if (connection->broken)
		event_active(connection->readable, EV_READ, 0);
}

/* --- receiving --- */

static void finish_unit(struct db_connection *connection, struct db_unit *unit)
{
	uint32_t use = unit->use;

	connection->first = unit->next;
	if (!connection->first)
		connection->last = &connection->first;
	unit->finished = true;
	if (unit->task)
		task_wake(unit->task);
	else
		db_unit_freep(&unit);
	if (use)
		db_pool_release(connection, use);
}

static void note_stale(struct db_connection *connection, struct db_unit *unit, const struct db_statement *statement)
{
	struct prepared *prepared = preparation_of(connection, statement);

	prepared->state = UNPREPARED;
	prepared->generation++;
	unit->stale = true;
	if (!unit->error.code)
		unit->error.http_status = 503;
	hearth_fail(&unit->error, -EAGAIN, "statement %s was prepared before its tables changed",
		    statement->declared->name);
}

static void note_doubt(struct db_unit *unit)
{
	unit->unknown = true;
	hearth_fail(&unit->error, -EBUSY, "the connection to the database was lost in a commit: outcome unknown");
}

/* Whether a commit may have happened although an error came: the error speaks of no step before the last. */
static bool leaves_doubt(const struct db_unit *unit, const PGresult *result)
{
	return unit->commits && db_failure_ends_connection(result) &&
	       (!PQresultErrorField(result, PG_DIAG_SQLSTATE) || unit->at + 1 >= unit->step_count);
}

static void note_error(struct db_connection *connection, struct db_unit *unit, const struct db_statement *statement,
		       const PGresult *result)
{
	bool ends = db_failure_ends_connection(result);

	if (ends)
		connection->broken = true;
	if (unit->error.code)
		return;
	unit->lost = ends;
	if (statement && db_failure_is_stale_plan(result))
		note_stale(connection, unit, statement);
	else if (leaves_doubt(unit, result))
		note_doubt(unit);
	else
		db_failure_of_result(&unit->error, statement ? statement->declared->name : "commit", result);
}

/* Columns are compared with the declaration once per preparation. */
static void check_columns(struct db_connection *connection, struct db_unit *unit, const struct db_statement *statement,
			  const PGresult *result)
{
	struct prepared *prepared = preparation_of(connection, statement);

	if (prepared->state == CHECKED || !statement->declared->row)
		return;
	if (db_statement_check_columns(statement, result, &unit->error) == 0)
		prepared->state = CHECKED;
}

static void take_run(struct db_connection *connection, struct db_unit *unit, struct db_statement *statement,
		     PGresult *result)
{
	db_statement_ran(statement, now_us() - unit->sent_us);
	if (!unit->keeps_result || unit->at + 1 != unit->step_count) {
		PQclear(result);
		return;
	}
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		check_columns(connection, unit, statement, result);
	unit->result = result;
}

static void take_step(struct db_connection *connection, struct db_unit *unit, PGresult *result)
{
	struct db_step *step = &unit->steps[unit->at];

	switch (PQresultStatus(result)) {
	case PGRES_TUPLES_OK:
	case PGRES_COMMAND_OK:
		if (step->prepares)
			PQclear(result);
		else
			take_run(connection, unit, step->statement, result);
		break;
	case PGRES_FATAL_ERROR:
		note_error(connection, unit, step->statement, result);
		/* fall through */
	case PGRES_PIPELINE_ABORTED:
		if (step->prepares)
			preparation_of(connection, step->statement)->state = UNPREPARED;
		PQclear(result);
		break;
	default:
		hearth_fail(&unit->error, -EPROTO, "statement %s gives no rows but a stream", step->statement->declared->name);
		connection->broken = true;
		PQclear(result);
	}
	unit->at++;
}

static void take(struct db_connection *connection, PGresult *result)
{
	struct db_unit *unit = connection->first;
	bool in_steps = unit->at < unit->step_count && unit->steps[unit->at].statement;

	if (PQresultStatus(result) == PGRES_PIPELINE_SYNC) {
		PQclear(result);
		if (unit->at >= unit->step_count)
			finish_unit(connection, unit);
		else
			unit->at++;
	} else if (in_steps) {
		take_step(connection, unit, result);
	} else {
		/* An error of the Sync itself: constraints that are checked at commit. */
		note_error(connection, unit, NULL, result);
		PQclear(result);
	}
}

static void take_all(struct db_connection *connection)
{
	int empty = 0;

	/* One NULL ends each statement's results; libpq repeats it for ever once the connection is gone. */
	while (connection->first && empty < 3 && !PQisBusy(connection->pg)) {
		PGresult *result = PQgetResult(connection->pg);

		if (result) {
			take(connection, result);
			empty = 0;
		} else {
			empty++;
		}
	}
	if (empty == 3)
		connection->broken = true;
}

static void on_readable(evutil_socket_t fd, short what, void *argument)
{
	struct db_connection *connection = argument;

	(void)fd, (void)what;
	loop_watch_begin("host", "database results");
	if (!PQconsumeInput(connection->pg))
		connection->broken = true;
	take_all(connection);
	if (!connection->first && PQstatus(connection->pg) == CONNECTION_BAD)
		connection->broken = true;
	if (connection->broken)
		db_connection_close(connection);
	loop_watch_end();
}

static void on_writable(evutil_socket_t fd, short what, void *argument)
{
	struct db_connection *connection = argument;

	(void)fd, (void)what;
	flush(connection);
	if (connection->broken)
		event_active(connection->readable, EV_READ, 0);
}

/* --- life --- */

struct db_connection *db_connection_new(PGconn *pg)
{
	struct db_connection *connection = calloc(1, sizeof(*connection));

	hearth_assert(connection);
	connection->pg = pg;
	connection->alive = true;
	connection->last = &connection->first;
	connection->idle_since_ms = loop_monotonic_ms();
	hearth_assert(PQenterPipelineMode(pg));
	connection->readable = event_new(loop_base(), PQsocket(pg), EV_READ | EV_PERSIST, on_readable, connection);
	connection->writable = event_new(loop_base(), PQsocket(pg), EV_WRITE, on_writable, connection);
	hearth_assert(connection->readable && connection->writable);
	event_add(connection->readable, NULL);
	return connection;
}

static void free_unused(struct db_connection *connection)
{
	if (connection->alive || connection->reads || connection->writes || connection->owners)
		return;
	free(connection->prepared);
	free(connection);
}

static void fail_unit(struct db_unit *unit)
{
	if (unit->error.code)
		return;
	unit->lost = true;
	if (unit->commits)
		note_doubt(unit);
	else
		hearth_fail(&unit->error, -EBUSY, "the connection to the database was lost");
}

void db_connection_close(struct db_connection *connection)
{
	if (!connection->alive)
		return;
	connection->alive = false;
	event_free(connection->readable);
	event_free(connection->writable);
	PQfinish(connection->pg);
	connection->pg = NULL;
	connection->owners++; /* keeps it while its units give back what they hold */
	db_pool_lost(connection);
	while (connection->first) {
		fail_unit(connection->first);
		finish_unit(connection, connection->first);
	}
	connection->owners--;
	free_unused(connection);
}

bool db_connection_alive(const struct db_connection *connection)
{
	return connection->alive && !connection->broken;
}

static unsigned *counter_of(struct db_connection *connection, uint32_t use)
{
	return use == DB_READ ? &connection->reads : use == DB_WRITE ? &connection->writes : &connection->owners;
}

void db_connection_claim(struct db_connection *connection, uint32_t use)
{
	++*counter_of(connection, use);
}

void db_connection_unclaim(struct db_connection *connection, uint32_t use)
{
	--*counter_of(connection, use);
	if (!db_connection_load(connection))
		connection->idle_since_ms = loop_monotonic_ms();
	free_unused(connection);
}

size_t db_connection_load(const struct db_connection *connection)
{
	return connection->reads + connection->writes + connection->owners;
}

bool db_connection_writes(const struct db_connection *connection)
{
	return connection->writes || connection->owners;
}

bool db_connection_owned(const struct db_connection *connection)
{
	return connection->owners;
}

int64_t db_connection_stuck_ms(const struct db_connection *connection)
{
	return connection->first ? (now_us() - connection->first->sent_us) / 1000 : 0;
}

int64_t db_connection_idle_since_ms(const struct db_connection *connection)
{
	return connection->idle_since_ms;
}
