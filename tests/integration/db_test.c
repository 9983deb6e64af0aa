/* SPDX-License-Identifier: Apache-2.0 */
/* The database service against a real PostgreSQL (tools/testenv run -- db_test). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <libpq-fe.h>

#include "db_harness.h"

#define DB db_service()
#define TASKS 100
#define EACH 10

struct item {
	int64_t id;
	const char *name;
};
struct number {
	int64_t n;
};
struct truth {
	bool yes;
};

static const struct hearth_field ITEM[] = { HEARTH_COLUMNS(struct item, id, name) };
static const struct hearth_field NUMBER[] = { HEARTH_COLUMNS(struct number, n) };
static const struct hearth_field TRUTH[] = { HEARTH_COLUMNS(struct truth, yes) };

#define WRITES(name_, sql_, params_)                                                          \
	static const struct hearth_statement name_ = { .name = "test." #name_, .sql = (sql_), \
						       .params = (params_) }
#define READS(name_, sql_, params_, type_, row_)                                                     \
	static const struct hearth_statement name_ = { .name = "test." #name_, .sql = (sql_),        \
						       .params = (params_), .row = (row_), .row_size = sizeof(type_) }

WRITES(INSERT, "INSERT INTO items (id, name) VALUES ($1, $2)", ITEM);
WRITES(INSERT_CHILD, "INSERT INTO children (item) VALUES ($1)", NUMBER);
WRITES(INSERT_DEFERRED, "INSERT INTO deferred (item) VALUES ($1)", NUMBER);
WRITES(CLEAR, "DELETE FROM items", NULL);
WRITES(ADD, "UPDATE counter SET n = n + $1", NUMBER);
WRITES(LOCK_ITEMS, "LOCK TABLE items IN SHARE MODE", NULL);
WRITES(BROKEN, "SELECT no_such_column FROM items", NULL);
WRITES(ALTER_TEXT, "ALTER TABLE changing ALTER COLUMN n TYPE bigint", NULL);
READS(COUNT, "SELECT count(*) FROM items", NULL, struct number, NUMBER);
READS(BY_ID, "SELECT id, name FROM items WHERE id = $1", NUMBER, struct item, ITEM);
READS(COUNTER, "SELECT n FROM counter", NULL, struct number, NUMBER);
READS(SLEEP, "SELECT pg_sleep($1 / 1000.0)::text IS NULL", NUMBER, struct truth, TRUTH);
READS(DIVIDE, "SELECT 100 / $1", NUMBER, struct number, NUMBER);
READS(PID, "SELECT pg_backend_pid()", NULL, struct number, NUMBER);
READS(KILL, "SELECT pg_terminate_backend($1::int)", NUMBER, struct truth, TRUTH);
READS(KILL_OTHERS, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
		   " WHERE pid <> pg_backend_pid() AND application_name = 'hearth'", NULL, struct number, NUMBER);
READS(WRONG_TYPE, "SELECT name FROM items", NULL, struct number, NUMBER);
READS(WRONG_COUNT, "SELECT id FROM items", NULL, struct item, ITEM);
READS(CHANGING, "SELECT n FROM changing", NULL, struct number, NUMBER);
READS(NOTIFY, "SELECT pg_notify('test channel', 'hello') IS NULL", NULL, struct truth, TRUTH);
READS(SHORT_STATEMENTS, "SELECT set_config('statement_timeout', '50ms', true) = ''", NULL, struct truth, TRUTH);
READS(SHORT_IDLENESS, "SELECT set_config('idle_in_transaction_session_timeout', '50ms', true) = ''", NULL, struct truth,
      TRUTH);
READS(SESSION_LIMITS, "SELECT (SELECT sum(setting::bigint) FROM pg_settings WHERE name IN ('statement_timeout', "
      "'idle_in_transaction_session_timeout', 'lock_timeout'))::bigint", NULL, struct number, NUMBER);
READS(OPEN_BLOCKS, "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'", NULL, struct number,
      NUMBER);

static const struct hearth_migration TABLES[] = {
	{ 1, "0001_test.sql",
	  "CREATE TABLE items (id int PRIMARY KEY, name text);"
	  "CREATE TABLE children (item int REFERENCES items ON DELETE CASCADE);"
	  "CREATE TABLE deferred (item int REFERENCES items DEFERRABLE INITIALLY DEFERRED);" },
	{ 2, "0002_test.sql",
	  "CREATE TABLE counter (n bigint); INSERT INTO counter VALUES (0);"
	  "CREATE TABLE changing (n int); INSERT INTO changing VALUES (7);"
	  "CREATE SEQUENCE test_stream_id; CREATE SEQUENCE other_id" },
	{ 0 },
};

static int64_t number_of(struct hearth_task *task, const struct hearth_statement *statement)
{
	struct hearth_error err = { 0 };
	struct hearth_rows rows;

	if (DB->read(task, statement, NULL, &rows, &err) < 0 || rows.count != 1) {
		fprintf(stderr, "%s: %s\n", statement->name, err.message);
		return -1;
	}
	return ((const struct number *)rows.items)->n;
}

/* --- start and migrations --- */

static void says_when_unreachable(struct hearth_task *task, void *argument)
{
	struct config *right = harness.config;
	struct hearth_error err = { 0 };

	(void)argument;
	harness_use_config("database:\n  name: psycopg2\n  args:\n    host: /nonexistent\n");
	CHECK(db_start(task, &err) == -EBUSY && strstr(err.message, "/nonexistent"));
	CHECK(!db_healthy());
	config_free(harness.config);
	harness.config = right;
	config_use(right);
}

static void starts_and_migrates(struct hearth_task *task, void *argument)
{
	static const struct hearth_migration broken[] = { { 1, "0001_ok.sql", "CREATE TABLE half (n int)" },
							  { 2, "0002_broken.sql", "CREATE TABLE x (n int); SELECT 1/0" },
							  { 0 } };
	static const struct hearth_migration repaired[] = { { 1, "0001_ok.sql", "CREATE TABLE half (n int)" },
							    { 2, "0002_ok.sql", "CREATE TABLE x (n int)" },
							    { 0 } };
	static const struct hearth_migration older[] = { { 1, "0001_test.sql", "SELECT 1" }, { 0 } };
	struct hearth_error err = { 0 };

	(void)argument;
	CHECK_CODE(db_start(task, &err), 0);
	CHECK(db_healthy());
	CHECK_CODE(db_migrate(task, "test", TABLES, &err), 0);
	CHECK_CODE(db_migrate(task, "test", TABLES, &err), 0);
	CHECK(db_migrate(task, "test", older, &err) == -EPROTO && strstr(err.message, "migration 2"));
	hearth_error_clear(&err);
	CHECK(db_migrate(task, "broken", broken, &err) == -EIO && strstr(err.message, "0002_broken.sql"));
	hearth_error_clear(&err);
	CHECK_CODE(db_migrate(task, "broken", repaired, &err), 0);
}

/* --- values --- */

struct everything {
	const char *text, *absent;
	int64_t big, small;
	bool yes;
	double ratio;
	const struct hearth_json *json;
	struct hearth_bytes bytes, no_bytes;
	struct hearth_texts texts, no_texts;
	struct hearth_ints ints;
};

static const struct hearth_field EVERYTHING[] = {
	HEARTH_COLUMNS(struct everything, text, absent, big, small, yes, ratio, json, bytes, no_bytes, texts, no_texts,
		       ints)
};
READS(ECHO, "SELECT $1, $2, $3, $4::smallint, $5, $6, $7, $8, $9, $10, $11, $12", EVERYTHING, struct everything, EVERYTHING);

static void carries_every_type(struct hearth_task *task, void *argument)
{
	static const char *const texts[] = { "a", NULL, "", "\xc3\xa9" };
	static const int64_t ints[] = { INT64_MIN, 0, INT64_MAX };
	struct everything sent = { .text = "caf\xc3\xa9", .big = INT64_MIN, .small = -3, .yes = true, .ratio = -0.5,
				   .bytes = { "\0\1\2", 3 }, .texts = { texts, 4 }, .ints = { ints, 3 } };
	struct hearth_json *object = hearth_json_object_new(task_arena(task));
	const struct everything *got;
	struct hearth_error err = { 0 };
	struct hearth_rows rows;

	(void)argument;
	hearth_json_set_int(object, "b", 1);
	hearth_json_set_string(object, "a", "x");
	sent.json = object;
	CHECK_CODE(DB->read(task, &ECHO, &sent, &rows, &err), 0);
	CHECK(rows.count == 1);
	got = rows.items;
	CHECK(!strcmp(got->text, sent.text) && !got->absent && got->big == INT64_MIN && got->small == -3 && got->yes);
	CHECK(got->ratio > -0.6 && got->ratio < -0.4 && hearth_json_equal(got->json, object));
	CHECK(got->bytes.size == 3 && !memcmp(got->bytes.data, "\0\1\2", 3) && !got->no_bytes.data);
	CHECK(got->texts.count == 4 && !strcmp(got->texts.items[0], "a") && !got->texts.items[1] &&
	      !*got->texts.items[2] && got->no_texts.count == 0);
	CHECK(got->ints.count == 3 && got->ints.items[0] == INT64_MIN && got->ints.items[2] == INT64_MAX);
}

/* --- errors --- */

static void maps_errors(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_rows rows;

	(void)argument;
	CHECK_CODE(DB->write(task, &CLEAR, NULL, NULL, &err), 0);
	CHECK_CODE(DB->write(task, &INSERT, &(struct item){ 1, "one" }, &rows, &err), 0);
	CHECK(rows.affected == 1);
	CHECK(DB->write(task, &INSERT, &(struct item){ 1, "again" }, NULL, &err) == -EEXIST);
	CHECK(strstr(err.message, "items_pkey") && !strstr(err.message, "again") && hearth_error_status(&err) == 500);
	hearth_error_clear(&err);
	CHECK_CODE(DB->write(task, &INSERT_CHILD, &(struct number){ 99 }, NULL, &err), -ENOENT);
	CHECK_CODE(DB->read(task, &BROKEN, NULL, &rows, &err), -EIO);
	CHECK_CODE(DB->read(task, &BROKEN, NULL, &rows, &err), -EIO);
	CHECK(DB->read(task, &WRONG_TYPE, NULL, &rows, &err) == -EPROTO && strstr(err.message, "'name'") &&
	      strstr(err.message, "test.WRONG_TYPE"));
	hearth_error_clear(&err);
	CHECK_CODE(DB->read(task, &WRONG_TYPE, NULL, &rows, &err), -EPROTO);
	CHECK_CODE(DB->read(task, &WRONG_COUNT, NULL, &rows, &err), -EPROTO);
	CHECK_CODE(DB->read(task, &BY_ID, &(struct number){ 1 }, &rows, &err), 0);
	CHECK(rows.count == 1 && !strcmp(((const struct item *)rows.items)->name, "one"));
	CHECK_CODE(DB->read(task, &BY_ID, &(struct number){ 2 }, &rows, &err), 0);
	CHECK(rows.count == 0);
}

/* --- transactions --- */

static void note_end(void *argument, int committed)
{
	*(int *)argument = committed;
}

static void commits_what_is_queued(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_rows rows;
	struct hearth_tx *tx;
	int committed = 9;

	(void)argument;
	CHECK_CODE(DB->write(task, &CLEAR, NULL, NULL, &err), 0);
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
	DB->on_end(tx, note_end, &committed);
	for (int64_t i = 0; i < 3; i++)
		CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ i, "x" }, &err), 0);
	CHECK(number_of(task, &COUNT) == 0 && committed == 9);
	CHECK_CODE(DB->commit(&tx, &err), 0);
	CHECK(!tx && committed == 1 && number_of(task, &COUNT) == 3);

	/* One of the queue fails: nothing of it happened, without BEGIN or with. */
	for (int block = 0; block < 2; block++) {
		CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
		DB->on_end(tx, note_end, &committed);
		if (block)
			CHECK_CODE(DB->exec(tx, &LOCK_ITEMS, NULL, &err), 0);
		CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ 10, "x" }, &err), 0);
		CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ 1, "x" }, &err), 0);
		CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ 11, "x" }, &err), 0);
		CHECK_CODE(DB->commit(&tx, &err), -EEXIST);
		CHECK(!tx && committed == 0 && number_of(task, &COUNT) == 3);
	}
	/* A constraint that is checked at the commit itself. */
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
	CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ 12, "x" }, &err), 0);
	CHECK_CODE(DB->exec(tx, &INSERT_DEFERRED, &(struct number){ 99 }, &err), 0);
	CHECK_CODE(DB->commit(&tx, &err), -ENOENT);
	CHECK(number_of(task, &COUNT) == 3);

	/* A query sees what is queued before it; rollback undoes it. */
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
	DB->on_end(tx, note_end, &committed);
	CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ 20, "x" }, &err), 0);
	CHECK_CODE(DB->query(tx, &COUNT, NULL, &rows, &err), 0);
	CHECK(((const struct number *)rows.items)->n == 4 && DB->tx_task(tx) == task);
	committed = 9;
	DB->rollback(&tx);
	CHECK(!tx && committed == 0 && number_of(task, &COUNT) == 3);
	DB->rollback(&tx);

	/* Read-only is enforced, and an empty transaction costs nothing. */
	CHECK_CODE(DB->begin(task, HEARTH_TX_READ_ONLY | HEARTH_TX_REPEATABLE, &tx, &err), 0);
	CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ 21, "x" }, &err), 0);
	CHECK_CODE(DB->commit(&tx, &err), -EBUSY);
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
	CHECK_CODE(DB->commit(&tx, &err), 0);
}

static void remembers_the_first_error(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_rows rows;
	struct hearth_tx *tx;

	(void)argument;
	CHECK_CODE(DB->write(task, &CLEAR, NULL, NULL, &err), 0);
	CHECK_CODE(DB->write(task, &INSERT, &(struct item){ 1, "x" }, NULL, &err), 0);
	for (int i = 0; i < 20; i++) { /* more often than there are connections: none is lost */
		CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
		CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ 1, "x" }, &err), 0);
		CHECK_CODE(DB->query(tx, &COUNT, NULL, &rows, &err), -EEXIST);
		CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ 2, "x" }, &err), -EEXIST);
		CHECK_CODE(DB->query(tx, &COUNT, NULL, &rows, &err), -EEXIST);
		CHECK_CODE(DB->commit(&tx, &err), -EEXIST);
	}
	CHECK(number_of(task, &COUNT) == 1);
}

static int ended_with = 9;

static void dies_with_open_transaction(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_rows rows;
	struct hearth_tx *tx;

	(void)argument;
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
	DB->on_end(tx, note_end, &ended_with);
	CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ 77, "x" }, &err), 0);
	CHECK_CODE(DB->query(tx, &COUNT, NULL, &rows, &err), 0);
}

static void rolls_back_for_the_dead(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_rows rows;

	(void)argument;
	for (int i = 0; i < 15; i++)
		harness_spawn(dies_with_open_transaction, NULL);
	CHECK_CODE(DB->write(task, &CLEAR, NULL, NULL, &err), 0);
	harness_join(task);
	CHECK_CODE(task_service()->sleep(task, 20, &err), 0);
	CHECK(ended_with == 0 && number_of(task, &OPEN_BLOCKS) == 0);
	CHECK_CODE(DB->read(task, &BY_ID, &(struct number){ 77 }, &rows, &err), 0);
	CHECK(rows.count == 0);
}

static int add_one(struct hearth_tx *tx, struct hearth_task *task, void *argument, struct hearth_error *err)
{
	struct hearth_rows rows;
	int r = DB->query(tx, &COUNTER, NULL, &rows, err);

	++*(int *)argument;
	if (r < 0)
		return r;
	r = task_service()->yield(task, err);
	return r < 0 ? r : DB->exec(tx, &ADD, &(struct number){ 1 }, err);
}

static int calls;

static void adds(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	(void)argument;
	for (int i = 0; i < 5; i++)
		CHECK_CODE(DB->transact(task, HEARTH_TX_SERIALIZABLE, add_one, &calls, &err), 0);
}

static void retries_serialization_failures(struct hearth_task *task, void *argument)
{
	(void)argument;
	harness_spawn(adds, NULL);
	harness_spawn(adds, NULL);
	harness_join(task);
	CHECK(number_of(task, &COUNTER) == 10);
	CHECK(calls > 10);
}

/* --- many at once --- */

static int answered;

static void divides(struct hearth_task *task, void *argument)
{
	int64_t n = *(const int64_t *)argument;
	struct hearth_error err = { 0 };
	struct hearth_rows rows;

	for (int i = 0; i < EACH; i++) {
		int64_t divisor = (n + i) % 7;

		if (!divisor) {
			CHECK_CODE(DB->read(task, &DIVIDE, &(struct number){ 0 }, &rows, &err), -EIO);
		} else {
			CHECK_CODE(DB->read(task, &DIVIDE, &(struct number){ divisor }, &rows, &err), 0);
			CHECK(((const struct number *)rows.items)->n == 100 / divisor);
		}
		answered++;
	}
}

static void pipelines_a_thousand(struct hearth_task *task, void *argument)
{
	static int64_t numbers[TASKS];

	(void)argument;
	for (int i = 0; i < TASKS; i++) {
		numbers[i] = i;
		harness_spawn(divides, &numbers[i]);
	}
	harness_join(task);
	CHECK(answered == TASKS * EACH);
}

static int done;

/* All connections that transactions may have are taken, and reads beside them still answer. */
static void holds_and_reads(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_rows rows;
	struct hearth_tx *tx;

	(void)argument;
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
	CHECK_CODE(DB->query(tx, &COUNT, NULL, &rows, &err), 0);
	CHECK_CODE(task_service()->sleep(task, 10, &err), 0);
	CHECK_CODE(DB->read(task, &COUNT, NULL, &rows, &err), 0);
	CHECK_CODE(DB->commit(&tx, &err), 0);
	done++;
}

static void serves_more_transactions_than_connections(struct hearth_task *task, void *argument)
{
	(void)argument;
	for (int i = 0; i < 40; i++)
		harness_spawn(holds_and_reads, NULL);
	harness_join(task);
	CHECK(done == 40);
}

/* --- cancellation and lost connections --- */

static int cancelled_code;

static void sleeps_long(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_rows rows;
	struct hearth_tx *tx;

	if (argument) {
		CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
		CHECK_CODE(DB->exec(tx, &INSERT, &(struct item){ 55, "x" }, &err), 0);
		cancelled_code = DB->query(tx, &SLEEP, &(struct number){ 300 }, &rows, &err);
		return; /* with the transaction open */
	}
	cancelled_code = DB->read(task, &SLEEP, &(struct number){ 300 }, &rows, &err);
}

static void survives_cancelled_waiters(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_task *other;

	(void)argument;
	CHECK_CODE(DB->write(task, &CLEAR, NULL, NULL, &err), 0);
	for (int in_tx = 0; in_tx < 2; in_tx++) {
		cancelled_code = 0;
		other = harness_spawn(sleeps_long, in_tx ? &done : NULL);
		CHECK_CODE(task_service()->sleep(task, 50, &err), 0);
		task_cancel(other);
		harness_join(task);
		CHECK(cancelled_code == -ECANCELED);
		for (int i = 0; i < 20; i++)
			CHECK(number_of(task, &COUNT) == 0);
		CHECK_CODE(task_service()->sleep(task, 350, &err), 0);
		CHECK(number_of(task, &COUNT) == 0 && number_of(task, &OPEN_BLOCKS) == 0);
	}
	task_set_deadline(task, 50);
	CHECK_CODE(DB->read(task, &SLEEP, &(struct number){ 200 }, NULL, &err), -ETIMEDOUT);
	task_set_deadline(task, 0);
	CHECK(number_of(task, &COUNT) == 0);
}

static int attempts;

static int kill_own_once(struct hearth_tx *tx, struct hearth_task *task, void *argument, struct hearth_error *err)
{
	struct hearth_rows rows;
	int64_t pid;
	int r = DB->query(tx, &PID, NULL, &rows, err);

	(void)argument;
	if (r < 0)
		return r;
	pid = ((const struct number *)rows.items)->n;
	if (attempts++ == 0)
		r = DB->read(task, &KILL, &(struct number){ pid }, NULL, err);
	if (r == 0)
		r = task_service()->sleep(task, 20, err);
	return r < 0 ? r : DB->exec(tx, &INSERT, &(struct item){ 5, "x" }, err);
}

static void recovers_from_killed_backends(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_rows rows;
	struct hearth_tx *tx;

	(void)argument;
	CHECK_CODE(DB->write(task, &CLEAR, NULL, NULL, &err), 0);
	/* In mid-transaction: 503. */
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
	CHECK_CODE(DB->query(tx, &COUNT, NULL, &rows, &err), 0);
	CHECK(number_of(task, &KILL_OTHERS) > 0);
	CHECK_CODE(task_service()->sleep(task, 20, &err), 0);
	CHECK(DB->query(tx, &COUNT, NULL, &rows, &err) == -EBUSY && hearth_error_status(&err) == 503);
	hearth_error_clear(&err);
	CHECK_CODE(DB->commit(&tx, &err), -EBUSY);
	/* While a statement runs: reads are run again. */
	for (int i = 0; i < 3; i++) {
		CHECK(number_of(task, &KILL_OTHERS) >= 0);
		CHECK(number_of(task, &COUNT) == 0);
	}
	CHECK_CODE(DB->read(task, &PID, NULL, &rows, &err), 0);
	/* transact starts again. */
	CHECK_CODE(DB->transact(task, HEARTH_TX_WRITE, kill_own_once, NULL, &err), 0);
	CHECK(attempts == 2 && number_of(task, &COUNT) == 1 && db_healthy());
}

static PGconn *admin;

/* As if the database were down: nobody gets in, and nobody stays. */
static void set_away(bool away)
{
	static const char *const down[] = { "ALTER DATABASE hearth ALLOW_CONNECTIONS false",
					    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'hearth'" };
	static const char *const up[] = { "ALTER DATABASE hearth ALLOW_CONNECTIONS true", "SELECT 1" };

	for (int i = 0; i < 2; i++)
		PQclear(PQexec(admin, away ? down[i] : up[i]));
}

static void lets_in_later(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	(void)argument;
	CHECK_CODE(task_service()->sleep(task, 700, &err), 0);
	set_away(false);
}

static void waits_while_the_database_is_away(struct hearth_task *task, void *argument)
{
	char connection[512];
	struct hearth_error err = { 0 };
	int64_t began_ms;

	(void)argument;
	snprintf(connection, sizeof(connection), "%s dbname=postgres", getenv("HEARTH_TEST_PG"));
	admin = PQconnectdb(connection);
	CHECK(PQstatus(admin) == CONNECTION_OK);
	/* Briefly: it shows as latency alone. */
	set_away(true);
	harness_spawn(lets_in_later, NULL);
	CHECK_CODE(task_service()->sleep(task, 50, &err), 0);
	CHECK(!db_healthy());
	CHECK(number_of(task, &COUNT) >= 0 && db_healthy());
	harness_join(task);
	/* For longer: 503, after a while at once, until it is back. */
	set_away(true);
	CHECK_CODE(task_service()->sleep(task, 50, &err), 0);
	CHECK_CODE(DB->read(task, &COUNT, NULL, NULL, &err), -EBUSY);
	began_ms = loop_monotonic_ms();
	CHECK_CODE(DB->write(task, &CLEAR, NULL, NULL, &err), -EBUSY);
	CHECK(loop_monotonic_ms() - began_ms < 100);
	set_away(false);
	for (int i = 0; i < 60 && !db_healthy(); i++)
		CHECK_CODE(task_service()->sleep(task, 100, &err), 0);
	CHECK(number_of(task, &COUNT) >= 0);
	PQfinish(admin);
}

static void prepares_anew_when_tables_change(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_tx *tx;

	(void)argument;
	CHECK(number_of(task, &CHANGING) == 7);
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
	CHECK_CODE(DB->exec(tx, &ALTER_TEXT, NULL, &err), 0);
	CHECK_CODE(DB->commit(&tx, &err), 0);
	for (int i = 0; i < 20; i++)
		CHECK(number_of(task, &CHANGING) == 7);
}

/* --- LISTEN --- */

static int heard, missed;

static void hear(void *argument, const char *payload)
{
	(void)argument;
	if (!payload)
		missed++;
	else if (!strcmp(payload, "hello"))
		heard++;
}

static void listens_and_listens_again(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	(void)argument;
	CHECK_CODE(DB->listen(NULL, "test channel", hear, NULL, &err), 0);
	CHECK_CODE(task_service()->sleep(task, 100, &err), 0);
	CHECK_CODE(DB->write(task, &NOTIFY, NULL, NULL, &err), 0);
	CHECK_CODE(task_service()->sleep(task, 50, &err), 0);
	CHECK(heard == 1 && missed == 0);
	CHECK(number_of(task, &KILL_OTHERS) > 0);
	CHECK_CODE(task_service()->sleep(task, 800, &err), 0);
	CHECK(missed == 1);
	CHECK_CODE(DB->write(task, &NOTIFY, NULL, NULL, &err), 0);
	CHECK_CODE(task_service()->sleep(task, 50, &err), 0);
	CHECK(heard == 2);
}

/* --- streams --- */

#define STREAMS stream_service()
static const struct hearth_stream TEST_STREAM = { .name = "test", .sequence = "test_stream_id", .sync_slot = -2 };
static const struct hearth_stream MEMORY_STREAM = { .name = "memory", .memory = 1, .sync_slot = -2 };
static const char *const ROOM[] = { "!room:test" };
static const char *const USER[] = { "@user:test" };
static const struct hearth_news NEWS = { .rooms = ROOM, .room_count = 1 };

static void moves_in_order(struct hearth_task *task, void *argument)
{
	const struct hearth_stream_ref *stream;
	struct hearth_error err = { 0 };
	struct hearth_waiter *waiter;
	struct hearth_tx *early, *late, *gone;
	int64_t first, second, third, start;

	(void)argument;
	CHECK_CODE(stream_declare("test", &TEST_STREAM, NULL, &err), 0);
	CHECK_CODE(stream_declare("test", &MEMORY_STREAM, NULL, &err), 0);
	CHECK_CODE(stream_declare("test", &TEST_STREAM, NULL, &err), -EEXIST);
	CHECK_CODE(stream_start(task, &err), 0);
	stream = STREAMS->find(NULL, "test");
	start = STREAMS->position(stream);
	waiter = STREAMS->waiter_new(task, "@user:test", ROOM, 1);
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &early, &err), 0);
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &late, &err), 0);
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &gone, &err), 0);
	CHECK_CODE(STREAMS->next(early, stream, 1, &NEWS, &first, &err), 0);
	CHECK_CODE(STREAMS->next(late, stream, 3, NULL, &second, &err), 0);
	STREAMS->news_at_commit(late, stream, &(struct hearth_news){ .users = USER, .user_count = 1 });
	CHECK_CODE(STREAMS->next(gone, stream, 1, &NEWS, &third, &err), 0);
	CHECK(first == start + 1 && second == first + 1 && third == second + 3);
	CHECK_CODE(DB->commit(&late, &err), 0);
	CHECK(STREAMS->position(stream) == start);
	CHECK(STREAMS->wait(task, waiter, 10, &err) == -ETIMEDOUT && !err.code);
	DB->rollback(&gone);
	CHECK_CODE(DB->commit(&early, &err), 0);
	CHECK(STREAMS->position(stream) == second + 2);
	CHECK_CODE(STREAMS->wait(task, waiter, 1000, &err), 0);
	CHECK(STREAMS->wait(task, waiter, 0, &err) == -ETIMEDOUT && !err.code);
	stream = STREAMS->find(NULL, "memory");
	first = STREAMS->position(stream);
	CHECK(STREAMS->advance(stream, &NEWS) == first + 1 && first > INT64_C(1700000000000));
	CHECK_CODE(STREAMS->wait(task, waiter, 1000, &err), 0);
	STREAMS->waiter_free(&waiter);
	CHECK(!waiter && !STREAMS->find(NULL, "none") && STREAMS->at(0) && !STREAMS->at(2));
}

/* What PostgreSQL's own limits end is told as such, and touches nobody else. */
static void keeps_to_time_limits(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_rows rows;
	struct hearth_tx *tx;

	(void)argument;
	CHECK(number_of(task, &SESSION_LIMITS) == 600000 + 120000 + 60000);
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
	CHECK_CODE(DB->query(tx, &SHORT_STATEMENTS, NULL, &rows, &err), 0);
	CHECK(DB->query(tx, &SLEEP, &(struct number){ 2000 }, &rows, &err) == -ETIMEDOUT);
	CHECK(hearth_error_status(&err) == 503);
	hearth_error_clear(&err);
	CHECK(DB->commit(&tx, &err) == -ETIMEDOUT);
	hearth_error_clear(&err);
	CHECK_CODE(DB->begin(task, HEARTH_TX_WRITE, &tx, &err), 0);
	CHECK_CODE(DB->query(tx, &SHORT_IDLENESS, NULL, &rows, &err), 0);
	CHECK_CODE(task_service()->sleep(task, 300, &err), 0);
	CHECK(DB->query(tx, &COUNT, NULL, &rows, &err) == -EBUSY && hearth_error_status(&err) == 503);
	hearth_error_clear(&err);
	DB->rollback(&tx);
	CHECK(number_of(task, &OPEN_BLOCKS) == 0);
	CHECK(number_of(task, &SESSION_LIMITS) == 600000 + 120000 + 60000);
}

#define RUNS(body_)                             \
	static void test_##body_(void **state)  \
	{                                       \
		(void)state;                    \
		assert_true(harness_run(body_)); \
	}
RUNS(says_when_unreachable)
RUNS(starts_and_migrates)
RUNS(carries_every_type)
RUNS(maps_errors)
RUNS(commits_what_is_queued)
RUNS(remembers_the_first_error)
RUNS(rolls_back_for_the_dead)
RUNS(retries_serialization_failures)
RUNS(pipelines_a_thousand)
RUNS(serves_more_transactions_than_connections)
RUNS(survives_cancelled_waiters)
RUNS(recovers_from_killed_backends)
RUNS(keeps_to_time_limits)
RUNS(waits_while_the_database_is_away)
RUNS(prepares_anew_when_tables_change)
RUNS(listens_and_listens_again)
RUNS(moves_in_order)

static int up(void **state)
{
	(void)state;
	harness_up(6);
	return 0;
}

static int down(void **state)
{
	(void)state;
	stream_finish();
	harness_down();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_says_when_unreachable),
		cmocka_unit_test(test_starts_and_migrates),
		cmocka_unit_test(test_carries_every_type),
		cmocka_unit_test(test_maps_errors),
		cmocka_unit_test(test_commits_what_is_queued),
		cmocka_unit_test(test_remembers_the_first_error),
		cmocka_unit_test(test_rolls_back_for_the_dead),
		cmocka_unit_test(test_retries_serialization_failures),
		cmocka_unit_test(test_pipelines_a_thousand),
		cmocka_unit_test(test_serves_more_transactions_than_connections),
		cmocka_unit_test(test_survives_cancelled_waiters),
		cmocka_unit_test(test_recovers_from_killed_backends),
		cmocka_unit_test(test_keeps_to_time_limits),
		cmocka_unit_test(test_waits_while_the_database_is_away),
		cmocka_unit_test(test_prepares_anew_when_tables_change),
		cmocka_unit_test(test_listens_and_listens_again),
		cmocka_unit_test(test_moves_in_order),
	};

	return cmocka_run_group_tests(tests, up, down);
}
