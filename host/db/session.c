/* SPDX-License-Identifier: Apache-2.0 */
#include "db/session.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <string.h>

#include "db/failure.h"
#include "log/log.h"
#include "loop/loop.h"
#include "task/task.h"

#define SERVER_VERSION_MIN 130000

/*
 * What our statements rely on, whatever the server's defaults are. A tidy session does not idle in a transaction: that
 * would hold locks and keep vacuum from its work. Statements are prepared once and written for their indexes: planning them
 * anew for each array's length costs more than it gains, and a plan must not rest on how small a table was when it was made.
 */
static const char SETUP[] =
	"SELECT set_config('default_transaction_isolation', 'read committed', false),"
	" set_config('statement_timeout', '600s', false),"
	" set_config('idle_in_transaction_session_timeout', '120s', false),"
	" set_config('lock_timeout', '60s', false),"
	" set_config('standard_conforming_strings', 'on', false),"
	" set_config('plan_cache_mode', 'force_generic_plan', false),"
	" set_config('enable_seqscan', 'off', false),"
	" set_config('jit', 'off', false)";

static const char LOCALE[] = "SELECT datcollate, datctype FROM pg_database WHERE datname = current_database()";

void db_session_closep(PGconn **pg)
{
	PQfinish(*pg);
	*pg = NULL;
}

void db_result_clearp(PGresult **result)
{
	PQclear(*result);
	*result = NULL;
}

static void wake(evutil_socket_t fd, short what, void *argument)
{
	(void)fd, (void)what;
	task_wake(argument);
}

HEARTH_SUSPENDS int db_session_wait(struct hearth_task *task, PGconn *pg, short events, int64_t timeout_ms,
				    struct hearth_error *err)
{
	struct event event;
	int r;

	event_assign(&event, loop_base(), PQsocket(pg), events, wake, task);
	event_add(&event, NULL);
	r = task_park(task, timeout_ms, err);
	event_del(&event);
	return r;
}

/* The server's notices, and last words that libpq finds no statement for. */
static void on_notice(void *argument, const char *message)
{
	(void)argument;
	log_debug("db", "%s", db_failure_text(message));
}

struct start {
	const struct db_settings *settings;
	PGconn *pg;
};

static void start_connecting(void *argument)
{
	struct start *start = argument;

	start->pg = PQconnectStartParams((const char *const *)start->settings->keywords,
					 (const char *const *)start->settings->values, 0);
}

static int away(struct hearth_error *err, PGconn *pg)
{
	return hearth_fail(err, -EBUSY, "the database cannot be reached: %s", db_failure_text(PQerrorMessage(pg)));
}

HEARTH_SUSPENDS static int finish_connecting(struct hearth_task *task, const struct db_settings *settings, PGconn *pg,
					     struct hearth_error *err)
{
	int64_t until_ms = loop_monotonic_ms() + settings->connect_timeout_ms;
	PostgresPollingStatusType next = PGRES_POLLING_WRITING;
	int r;

	if (PQstatus(pg) == CONNECTION_BAD)
		return away(err, pg);
	while (next != PGRES_POLLING_OK) {
		struct hearth_error waiting = { 0 };
		int64_t left_ms = until_ms - loop_monotonic_ms();

		if (next == PGRES_POLLING_FAILED)
			return away(err, pg);
		if (left_ms <= 0)
			return hearth_fail(err, -EBUSY, "the database cannot be reached: no answer within %lld s",
					   (long long)settings->connect_timeout_ms / 1000);
		r = db_session_wait(task, pg, next == PGRES_POLLING_READING ? EV_READ : EV_WRITE, left_ms, &waiting);
		if (r == -ECANCELED)
			return hearth_fail(err, r, "cancelled while connecting to the database");
		next = PQconnectPoll(pg);
	}
	return 0;
}

static int check_server(PGconn *pg, struct hearth_error *err)
{
	const char *encoding = PQparameterStatus(pg, "server_encoding");

	if (PQserverVersion(pg) < SERVER_VERSION_MIN)
		return hearth_fail(err, -EINVAL, "database: PostgreSQL %s is too old; Hearth needs version %d or later",
				   PQparameterStatus(pg, "server_version"), SERVER_VERSION_MIN / 10000);
	if (!encoding || strcmp(encoding, "UTF8"))
		return hearth_fail(err, -EINVAL,
				   "database '%s' has the encoding %s, not UTF8; make it with: createdb --encoding=UTF8 "
				   "--locale=C --template=template0 %s",
				   PQdb(pg), encoding ? encoding : "?", PQdb(pg));
	return 0;
}

/* Once per process: another collation than C lets an upgrade of the C library corrupt indexes. */
HEARTH_SUSPENDS static int warn_of_locale(struct hearth_task *task, const struct db_settings *settings, PGconn *pg,
					  struct hearth_error *err)
{
	HEARTH_CLEANUP(db_result_clearp) PGresult *result = NULL;
	static bool looked;
	int r;

	if (looked || settings->allow_unsafe_locale)
		return 0;
	looked = true;
	r = db_session_run(task, pg, "reading the locale", LOCALE, &result, err);
	if (r < 0)
		return r;
	if (PQntuples(result) == 1 && (strcmp(PQgetvalue(result, 0, 0), "C") || strcmp(PQgetvalue(result, 0, 1), "C")))
		log_warning("db",
			    "database '%s' has the locale %s/%s: after an upgrade of the system's C library its indexes must "
			    "be rebuilt (REINDEX); a database made with --locale=C has no such need "
			    "(database.allow_unsafe_locale: true silences this)",
			    PQdb(pg), PQgetvalue(result, 0, 0), PQgetvalue(result, 0, 1));
	return 0;
}

HEARTH_SUSPENDS int db_session_open(struct hearth_task *task, const struct db_settings *settings, PGconn **ret_pg,
				    struct hearth_error *err)
{
	struct start start = { .settings = settings };
	HEARTH_CLEANUP(db_session_closep) PGconn *pg = NULL;
	int r = 0;

	if (settings->resolves_names)
		r = task_service()->offload(task, start_connecting, &start, err);
	else
		start_connecting(&start);
	pg = start.pg;
	if (r < 0)
		return r;
	hearth_assert(pg);
	PQsetNoticeProcessor(pg, on_notice, NULL);
	r = finish_connecting(task, settings, pg, err);
	if (r < 0)
		return r;
	PQsetnonblocking(pg, 1);
	r = check_server(pg, err);
	if (r < 0)
		return r;
	r = db_session_run(task, pg, "preparing a session", SETUP, NULL, err);
	if (r < 0)
		return r;
	r = warn_of_locale(task, settings, pg, err);
	if (r < 0)
		return r;
	*ret_pg = pg;
	pg = NULL;
	return 0;
}

HEARTH_SUSPENDS static int send_all(struct hearth_task *task, PGconn *pg, struct hearth_error *err)
{
	int r, unsent;

	while ((unsent = PQflush(pg)) > 0) {
		r = db_session_wait(task, pg, EV_READ | EV_WRITE, 0, err);
		if (r < 0)
			return r;
		if (!PQconsumeInput(pg))
			return away(err, pg);
	}
	return unsent < 0 ? away(err, pg) : 0;
}

/* Keeps the last result, or the first that is an error. */
static void keep(PGresult **kept, PGresult *result)
{
	if (*kept && PQresultStatus(*kept) == PGRES_FATAL_ERROR) {
		PQclear(result);
		return;
	}
	PQclear(*kept);
	*kept = result;
}

HEARTH_SUSPENDS static int receive_all(struct hearth_task *task, PGconn *pg, PGresult **kept, struct hearth_error *err)
{
	PGresult *result;
	int r;

	for (;;) {
		while (PQisBusy(pg)) {
			r = db_session_wait(task, pg, EV_READ, 0, err);
			if (r < 0)
				return r;
			if (!PQconsumeInput(pg))
				return away(err, pg);
		}
		result = PQgetResult(pg);
		if (!result)
			return 0;
		keep(kept, result);
	}
}

HEARTH_SUSPENDS int db_session_run(struct hearth_task *task, PGconn *pg, const char *what, const char *sql,
				   PGresult **ret_result, struct hearth_error *err)
{
	HEARTH_CLEANUP(db_result_clearp) PGresult *result = NULL;
	int r;

	if (!PQsendQuery(pg, sql))
		return away(err, pg);
	r = send_all(task, pg, err);
	if (r < 0)
		return r;
	r = receive_all(task, pg, &result, err);
	if (r < 0)
		return r;
	if (result && PQresultStatus(result) == PGRES_FATAL_ERROR)
		return hearth_fail(err, db_failure_ends_connection(result) ? -EBUSY : -EIO, "database: %s: %s", what,
				   db_failure_text(PQresultErrorMessage(result)));
	if (ret_result) {
		*ret_result = result;
		result = NULL;
	}
	return 0;
}
