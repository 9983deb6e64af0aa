/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions of three inserts through the database service, by 1, 8 and 64 tasks, beside what libpq alone does with
 * one and eight connections: transactions per second, and this process's CPU for each.
 */
#include <sys/resource.h>
#include <libpq-fe.h>

#include "../integration/db_harness.h"

#define SECONDS 2
#define CONNECTIONS 8

struct row {
	int64_t sender;
	const char *body;
};
struct id {
	int64_t id;
};

static const struct hearth_field ROW[] = { HEARTH_COLUMNS(struct row, sender, body) };
static const struct hearth_field ID[] = { HEARTH_COLUMNS(struct id, id) };
static const struct hearth_statement INSERT = {
	.name = "bench.insert", .sql = "INSERT INTO bench (sender, body) VALUES ($1, $2)", .params = ROW
};
static const struct hearth_statement NEXT = {
	.name = "bench.next", .sql = "SELECT nextval('bench_id')", .row = ID, .row_size = sizeof(struct id)
};
static const struct hearth_statement MAKE = { .name = "bench.make",
					      .sql = "CREATE TABLE IF NOT EXISTS bench (sender bigint, body text)" };
static const struct hearth_statement MAKE_SEQUENCE = { .name = "bench.make_sequence",
						       .sql = "CREATE SEQUENCE IF NOT EXISTS bench_id" };

static const char BODY[] = "{\"body\":\"a message of a usual length, as people write them\",\"msgtype\":\"m.text\"}";

static struct {
	int64_t until_ms;
	uint64_t done;
	bool asks;
} bench;

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static int send_three(struct hearth_tx *tx, struct hearth_task *task, void *argument, struct hearth_error *err)
{
	const struct row row = { .sender = 1, .body = BODY };
	struct hearth_rows rows;
	int r = 0;

	(void)task, (void)argument;
	if (bench.asks)
		r = db_service()->query(tx, &NEXT, NULL, &rows, err);
	for (int i = 0; r == 0 && i < 3; i++)
		r = db_service()->exec(tx, &INSERT, &row, err);
	return r;
}

static void sender(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	(void)argument;
	while (loop_monotonic_ms() < bench.until_ms) {
		CHECK_CODE(db_service()->transact(task, HEARTH_TX_WRITE, send_three, NULL, &err), 0);
		bench.done++;
	}
}

static void say(const char *what, int count, double cpu)
{
	printf("%-28s %3d: %7.0f transactions/s, %5.1f us CPU each\n", what, count, (double)bench.done / SECONDS,
	       cpu / (double)bench.done * 1e6);
	fflush(stdout);
}

static void measure(struct hearth_task *task, void *argument)
{
	static const int counts[] = { 1, 8, 64 };
	struct hearth_error err = { 0 };

	(void)argument;
	CHECK_CODE(db_start(task, &err), 0);
	CHECK_CODE(db_service()->write(task, &MAKE, NULL, NULL, &err), 0);
	CHECK_CODE(db_service()->write(task, &MAKE_SEQUENCE, NULL, NULL, &err), 0);
	for (int asks = 0; asks < 2; asks++) {
		for (size_t i = 0; i < HEARTH_COUNT(counts); i++) {
			double cpu = cpu_seconds();

			bench.asks = asks;
			bench.done = 0;
			bench.until_ms = loop_monotonic_ms() + SECONDS * 1000;
			for (int n = 0; n < counts[i]; n++)
				harness_spawn(sender, NULL);
			harness_join(task);
			say(asks ? "service, a query and 3 execs" : "service, 3 execs, tasks", counts[i],
			    cpu_seconds() - cpu);
		}
	}
}

/* --- libpq alone --- */

static bool send_raw(PGconn *pg)
{
	const char *values[] = { "1", BODY };
	bool sent = PQsendQueryPrepared(pg, "begin", 0, NULL, NULL, NULL, 0);

	for (int i = 0; sent && i < 3; i++)
		sent = PQsendQueryPrepared(pg, "insert", 2, values, NULL, NULL, 0);
	return sent && PQsendQueryPrepared(pg, "commit", 0, NULL, NULL, NULL, 0) && PQpipelineSync(pg);
}

static bool receive_raw(PGconn *pg)
{
	for (;;) {
		PGresult *result = PQgetResult(pg);
		ExecStatusType status = PQresultStatus(result);

		PQclear(result);
		if (result && status == PGRES_PIPELINE_SYNC)
			return true;
		if (result && status != PGRES_COMMAND_OK)
			return false;
	}
}

static PGconn *connect_raw(void)
{
	PGconn *pg = PQconnectdb(getenv("HEARTH_TEST_PG"));

	PQclear(PQprepare(pg, "begin", "BEGIN", 0, NULL));
	PQclear(PQprepare(pg, "commit", "COMMIT", 0, NULL));
	PQclear(PQprepare(pg, "insert", INSERT.sql, 0, NULL));
	hearth_assert(PQenterPipelineMode(pg));
	return pg;
}

static void measure_raw(int count)
{
	PGconn *connections[CONNECTIONS];
	double cpu;

	for (int i = 0; i < count; i++)
		connections[i] = connect_raw();
	cpu = cpu_seconds();
	bench.done = 0;
	bench.until_ms = loop_monotonic_ms() + SECONDS * 1000;
	for (int i = 0; i < count; i++)
		hearth_assert(send_raw(connections[i]));
	for (int i = 0; loop_monotonic_ms() < bench.until_ms; i = (i + 1) % count) {
		hearth_assert(receive_raw(connections[i]) && send_raw(connections[i]));
		bench.done++;
	}
	say("libpq alone, connections", count, cpu_seconds() - cpu);
	for (int i = 0; i < count; i++)
		PQfinish(connections[i]);
}

int main(void)
{
	bool well;

	harness_up(10);
	well = harness_run(measure);
	if (well) {
		measure_raw(1);
		measure_raw(CONNECTIONS);
	}
	harness_down();
	return well ? 0 : 1;
}
