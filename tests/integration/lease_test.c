/* SPDX-License-Identifier: Apache-2.0 */
/* Leases against a real PostgreSQL (tools/testenv run -- lease_test). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "db_harness.h"
#include "lease/lease.h"

struct row {
	const char *name;
	int64_t ms;
};

static const struct hearth_field ROW[] = { HEARTH_COLUMNS(struct row, name, ms) };
static const struct hearth_statement OTHER_HOLDS = {
	.name = "test.other_holds",
	.sql = "INSERT INTO hearth_leases (name, holder, shown, token, expires_at)"
	       " VALUES ($1, 'elsewhere', 'instance ''other''', 1, clock_timestamp() + $2 * interval '1 ms')",
	.params = ROW,
};

static const struct hearth_field MS[] = { HEARTH_COLUMNS(struct row, ms) };
static const struct hearth_statement SLEEP = { .name = "test.sleep", .sql = "SELECT pg_sleep($1 / 1000.0)", .params = MS };

struct asker {
	const char *name;
	int64_t timeout_ms;
	struct hearth_error err;
	int64_t token;
	int result;
};

static int lost;

static void on_lost(void *argument)
{
	(void)argument;
	lost++;
}

static void starts(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	(void)argument;
	CHECK_CODE(db_start(task, &err), 0);
	CHECK_CODE(lease_start(task, on_lost, &err), 0);
	CHECK(!lease_missing());
}

/* Takes it and gives it back. */
static void ask(struct hearth_task *task, void *argument)
{
	struct asker *asker = argument;
	struct hearth_lease *lease = NULL;

	asker->result = lease_service()->acquire(task, asker->name, asker->timeout_ms, &lease, &asker->err);
	if (asker->result == 0)
		asker->token = lease_service()->token(lease);
	lease_service()->release(&lease);
}

static void tasks_wait_for_one_lease(struct hearth_task *task, void *argument)
{
	static struct asker askers[3];
	struct hearth_error err = { 0 };

	(void)argument;
	CHECK_CODE(db_service()->write(task, &OTHER_HOLDS, &(struct row){ "test.duty", 500 }, NULL, &err), 0);
	CHECK_CODE(db_service()->write(task, &OTHER_HOLDS, &(struct row){ "test.other", 500 }, NULL, &err), 0);
	askers[0] = (struct asker){ .name = "test.duty", .timeout_ms = 8000 };
	askers[1] = (struct asker){ .name = "test.duty", .timeout_ms = 8000 };
	askers[2] = (struct asker){ .name = "test.other", .timeout_ms = 8000 };
	for (size_t i = 0; i < HEARTH_COUNT(askers); i++)
		harness_spawn(ask, &askers[i]);
	harness_join(task);
	for (size_t i = 0; i < HEARTH_COUNT(askers); i++) {
		err = askers[i].err;
		CHECK_CODE(askers[i].result, 0);
	}
	CHECK(askers[0].token != askers[1].token);
}

static void who_waited_in_vain_hears_of_the_holder(struct hearth_task *task, void *argument)
{
	static struct asker asker = { .name = "test.taken", .timeout_ms = 0 };
	struct hearth_error err = { 0 };

	(void)argument;
	CHECK_CODE(db_service()->write(task, &OTHER_HOLDS, &(struct row){ "test.taken", 60000 }, NULL, &err), 0);
	ask(task, &asker);
	CHECK(asker.result == -EALREADY && strstr(asker.err.message, "instance 'other'"));
	asker = (struct asker){ .name = "test.taken", .timeout_ms = 200 };
	ask(task, &asker);
	CHECK(asker.result == -ETIMEDOUT && asker.err.code == -ETIMEDOUT);
	CHECK(strstr(asker.err.message, "instance 'other'"));
}

/* The one that is to be had is taken, and it is the other that the error names. */
static void the_error_names_what_is_missing(struct hearth_task *task, void *argument)
{
	const char *const names[] = { "test.taken", "test.zfree" };
	struct hearth_lease *leases[HEARTH_COUNT(names)];
	struct hearth_error err = { 0 };

	(void)argument;
	CHECK(lease_take(task, names, HEARTH_COUNT(names), leases, &err) == -EALREADY);
	CHECK(strstr(err.message, "'test.taken' is the duty of instance 'other'"));
	CHECK(!lease_missing() && !lost);
}

static void write_slowly(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	(void)argument;
	CHECK_CODE(db_service()->write(task, &SLEEP, &(struct row){ .ms = 5000 }, NULL, &err), 0);
}

/* All connections that write wait for longer than a lease lasts. */
static void slow_writers_hold_up_no_renewal(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	(void)argument;
	for (int i = 0; i < 8; i++) {
		harness_spawn(write_slowly, NULL);
		CHECK_CODE(task_service()->sleep(task, 60, &err), 0);
	}
	for (int i = 0; i < 45; i++) {
		CHECK_CODE(task_service()->sleep(task, 100, &err), 0);
		CHECK(!lease_missing());
	}
	harness_join(task);
}

static void stops(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	(void)argument;
	task_cancel_all();
	while (task_count() > 1 && task_service()->sleep(task, 10, &err) == 0)
		;
	lease_stop(task);
	CHECK(lease_missing());
}

#define TEST(name)                              \
	static void test_##name(void **state)   \
	{                                       \
		(void)state;                    \
		assert_true(harness_run(name)); \
	}
TEST(starts)
TEST(tasks_wait_for_one_lease)
TEST(who_waited_in_vain_hears_of_the_holder)
TEST(the_error_names_what_is_missing)
TEST(slow_writers_hold_up_no_renewal)
TEST(stops)

static int up(void **state)
{
	(void)state;
	harness_up(6);
	return 0;
}

static int down(void **state)
{
	(void)state;
	lease_finish();
	harness_down();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts),
		cmocka_unit_test(test_tasks_wait_for_one_lease),
		cmocka_unit_test(test_who_waited_in_vain_hears_of_the_holder),
		cmocka_unit_test(test_the_error_names_what_is_missing),
		cmocka_unit_test(test_slow_writers_hold_up_no_renewal),
		cmocka_unit_test(test_stops),
	};

	return cmocka_run_group_tests(tests, up, down);
}
