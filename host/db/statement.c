/* SPDX-License-Identifier: Apache-2.0 */
#include "db/statement.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "db/oid.h"
#include "log/log.h"
#include "loop/loop.h"
#include "metrics/metrics.h"

#define SLOW_MICROSECONDS 1000000
#define REPORT_SECONDS 1

static struct {
	struct db_statement **by_number;
	size_t count;
	/* Open addressing by the declaration's address; twice as large as what is in it, at least. */
	struct db_statement **table;
	size_t table_size;
	struct event *report; /* pending while something is unreported */
	struct hearth_metric *uses, *seconds;
} registry;

static size_t place_of(const struct hearth_statement *declared)
{
	return (size_t)(((uintptr_t)declared >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (registry.table_size - 1);
}

static struct db_statement **find(const struct hearth_statement *declared)
{
	size_t at = place_of(declared);

	while (registry.table[at] && registry.table[at]->declared != declared)
		at = (at + 1) & (registry.table_size - 1);
	return &registry.table[at];
}

static void grow(void)
{
	struct db_statement **old = registry.table;
	size_t size = registry.table_size ? 2 * registry.table_size : 64;

	registry.table = calloc(size, sizeof(*registry.table));
	registry.by_number = realloc(registry.by_number, size * sizeof(*registry.by_number));
	hearth_assert(registry.table && registry.by_number);
	registry.table_size = size;
	for (size_t i = 0; i < registry.count; i++)
		*find(registry.by_number[i]->declared) = registry.by_number[i];
	free(old);
}

static Oid param_type(const struct hearth_field *field)
{
	switch (field->type) {
	case HEARTH_TYPE_TEXT:
	case HEARTH_TYPE_JSON:  return OID_TEXT;
	case HEARTH_TYPE_INT:   return OID_INT8;
	case HEARTH_TYPE_BOOL:  return OID_BOOL;
	case HEARTH_TYPE_FLOAT: return OID_FLOAT8;
	case HEARTH_TYPE_BYTES: return OID_BYTEA;
	case HEARTH_TYPE_TEXTS: return OID_TEXT_ARRAY;
	case HEARTH_TYPE_INTS:  return OID_INT8_ARRAY;
	default:                return 0;
	}
}

/* What may run without BEGIN, one after the other up to a Sync, which is a transaction as well. */
static bool is_plain(const char *sql)
{
	static const char *const plain[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "MERGE", "VALUES", "NOTIFY" };

	sql += strspn(sql, " \t\r\n(");
	for (size_t i = 0; i < HEARTH_COUNT(plain); i++)
		if (!strncasecmp(sql, plain[i], strlen(plain[i])))
			return true;
	return false;
}

static int describe(struct db_statement *statement, struct hearth_error *err)
{
	const struct hearth_statement *declared = statement->declared;

	for (const struct hearth_field *field = declared->params; field && field->name; field++) {
		if (statement->param_count == DB_PARAMS_MAX || !param_type(field))
			return hearth_fail(err, -EPROTO, "statement %s: parameter '%s': %s", declared->name, field->name,
					   param_type(field) ? "too many of them" : "unknown type");
		statement->param_types[statement->param_count++] = param_type(field);
	}
	for (const struct hearth_field *field = declared->row; field && field->name; field++) {
		if (field->offset >= declared->row_size || !param_type(field))
			return hearth_fail(err, -EPROTO, "statement %s: column '%s' lies outside of its row",
					   declared->name, field->name);
		statement->column_count++;
	}
	statement->needs_block = !is_plain(declared->sql);
	return 0;
}

int db_statement_of(const struct hearth_statement *declared, struct db_statement **ret_statement,
		    struct hearth_error *err)
{
	struct db_statement *statement;
	int r;

	if (2 * (registry.count + 1) > registry.table_size)
		grow();
	statement = *find(declared);
	if (statement) {
		*ret_statement = statement;
		return 0;
	}
	statement = calloc(1, sizeof(*statement));
	hearth_assert(statement);
	statement->declared = declared;
	statement->number = (uint32_t)registry.count;
	r = describe(statement, err);
	if (r < 0) {
		free(statement);
		return r;
	}
	*find(declared) = statement;
	registry.by_number[registry.count++] = statement;
	*ret_statement = statement;
	return 0;
}

int db_statement_check_columns(const struct db_statement *statement, const PGresult *result, struct hearth_error *err)
{
	const struct hearth_statement *declared = statement->declared;
	int columns = PQnfields(result);

	if ((uint32_t)columns != statement->column_count)
		return hearth_fail(err, -EPROTO, "statement %s gives %d columns, declared are %u", declared->name, columns,
				   statement->column_count);
	for (int i = 0; i < columns; i++) {
		const struct hearth_field *field = &declared->row[i];

		if (!oid_fits(PQftype(result, i), field->type))
			return hearth_fail(err, -EPROTO,
					   "statement %s: column %d '%s' (type OID %u) does not fit the declared '%s'",
					   declared->name, i + 1, PQfname(result, i), PQftype(result, i), field->name);
	}
	return 0;
}

static void report(evutil_socket_t fd, short what, void *argument)
{
	(void)fd, (void)what, (void)argument;
	for (size_t i = 0; i < registry.count; i++) {
		struct db_statement *statement = registry.by_number[i];
		uint64_t uses = statement->uses - statement->reported_uses;

		if (!uses)
			continue;
		metrics_add(registry.uses, statement->declared->name, (double)uses);
		metrics_add(registry.seconds, statement->declared->name, statement->seconds - statement->reported_seconds);
		statement->reported_uses = statement->uses;
		statement->reported_seconds = statement->seconds;
	}
}

/* Labels are looked up once a second, not once a statement; an idle process sets no timer. */
static void report_soon(void)
{
	if (!registry.report) {
		registry.uses = metrics_define("host", HEARTH_COUNTER, "db_statements_total", "Statements run.", "statement");
		registry.seconds = metrics_define("host", HEARTH_COUNTER, "db_statement_seconds_total",
						  "Time from sending statements to their results.", "statement");
		registry.report = event_new(loop_base(), -1, 0, report, NULL);
		hearth_assert(registry.report);
	}
	if (!event_pending(registry.report, EV_TIMEOUT, NULL))
		event_add(registry.report, &(struct timeval){ .tv_sec = REPORT_SECONDS });
}

void db_statement_ran(struct db_statement *statement, int64_t microseconds)
{
	if (statement->uses == statement->reported_uses)
		report_soon();
	statement->uses++;
	statement->seconds += (double)microseconds / 1e6;
	if (microseconds > SLOW_MICROSECONDS)
		log_warning("db", "slow statement %s: %.1f s", statement->declared->name, (double)microseconds / 1e6);
}

void db_statement_finish(void)
{
	if (registry.report) {
		report(-1, 0, NULL);
		event_free(registry.report);
	}
	for (size_t i = 0; i < registry.count; i++)
		free(registry.by_number[i]);
	free(registry.by_number);
	free(registry.table);
	memset(&registry, 0, sizeof(registry));
}
