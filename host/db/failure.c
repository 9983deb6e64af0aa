/* SPDX-License-Identifier: Apache-2.0 */
#include "db/failure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log/log.h"

enum { SERVICE_UNAVAILABLE = 503, SERVER_ERROR = 500 };

struct meaning {
	const char *sqlstate; /* or its first two characters */
	int         code;
	int         status;
	const char *says;
};

static const struct meaning MEANINGS[] = {
	{ "23505", -EEXIST, SERVER_ERROR, "violates a unique constraint" },
	{ "23503", -ENOENT, SERVER_ERROR, "violates a foreign key" },
	{ "HL001", -ESTALE, SERVICE_UNAVAILABLE, "comes from a process that has lost its duty" },
	{ "40001", -EAGAIN, SERVICE_UNAVAILABLE, "could not be serialized with another transaction" },
	{ "40P01", -EAGAIN, SERVICE_UNAVAILABLE, "was in a deadlock" },
	{ "55P03", -EAGAIN, SERVICE_UNAVAILABLE, "could not get a lock" },
	{ "57014", -ETIMEDOUT, SERVICE_UNAVAILABLE, "took too long" },
	{ "25006", -EBUSY, SERVICE_UNAVAILABLE, "found the database read-only" },
	{ "53300", -EBUSY, SERVICE_UNAVAILABLE, "found the database out of connections" },
	{ "57P", -EBUSY, SERVICE_UNAVAILABLE, "lost its connection: the database is shutting down" },
	{ "25P03", -EBUSY, SERVICE_UNAVAILABLE, "lost its connection: its transaction was idle for too long" },
	{ "08", -EBUSY, SERVICE_UNAVAILABLE, "lost its connection" },
};

static const struct meaning *meaning_of(const char *sqlstate)
{
	static const struct meaning other = { "", -EIO, SERVER_ERROR, "failed" };

	for (size_t i = 0; i < HEARTH_COUNT(MEANINGS); i++)
		if (!strncmp(sqlstate, MEANINGS[i].sqlstate, strlen(MEANINGS[i].sqlstate)))
			return &MEANINGS[i];
	return &other;
}

static const char *sqlstate_of(const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	return sqlstate ? sqlstate : "08006"; /* libpq's own errors carry none: the connection broke */
}

const char *db_failure_text(const char *message)
{
	static char line[256];

	snprintf(line, sizeof(line), "%s", message ? message : "");
	line[strcspn(line, "\r\n")] = '\0';
	return line;
}

int db_failure_of_result(struct hearth_error *err, const char *statement, const PGresult *result)
{
	const char *sqlstate = sqlstate_of(result);
	const char *constraint = PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const struct meaning *meaning = meaning_of(sqlstate);

	if (meaning->code == -EIO)
		log_error("db", "statement %s failed: %s (SQLSTATE %s)", statement,
			  db_failure_text(primary ? primary : PQresultErrorMessage(result)), sqlstate);
	if (err && !err->code)
		err->http_status = (uint16_t)meaning->status;
	if (constraint)
		return hearth_fail(err, meaning->code, "statement %s %s: %s", statement, meaning->says, constraint);
	return hearth_fail(err, meaning->code, "statement %s %s (SQLSTATE %s)", statement, meaning->says, sqlstate);
}

bool db_failure_ends_connection(const PGresult *result)
{
	const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);

	return !severity || !strcmp(severity, "FATAL") || !strcmp(severity, "PANIC");
}

bool db_failure_is_stale_plan(const PGresult *result)
{
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	return !strcmp(sqlstate_of(result), "0A000") && function && !strcmp(function, "RevalidateCachedQuery");
}
