/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks on a real loop: each test starts some, runs the loop until all have ended, and looks at what they noted. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <hearth/arena.h>

#include "loop/loop.h"
#include "metrics/metrics.h"
#include "task/fiber.h"
#include "task/task_internal.h"

#define TEXT(literal) ((char[]){ literal }) /* as an argument of a task; in the test that runs it */

static char notes[256];

static void note(const char *text)
{
	strncat(notes, text, sizeof(notes) - strlen(notes) - 1);
}

static int set_up(void **state)
{
	struct hearth_error err = { 0 };

	(void)state;
	notes[0] = '\0';
	return loop_init(&err) < 0 || task_init(&err) < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	task_finish();
	loop_finish();
	metrics_finish();
	return 0;
}

static void run_until_idle(void)
{
	while (task_count())
		event_base_loop(loop_base(), EVLOOP_ONCE);
}

static struct hearth_task *start(const char *name, void (*fn)(struct hearth_task *task, void *argument), void *argument)
{
	struct hearth_error err = { 0 };
	struct hearth_task *task = NULL;

	assert_int_equal(task_spawn("test", name, fn, argument, &task, &err), 0);
	return task;
}

/* ---- order, yield, sleep ---- */

static void note_twice(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	note(argument);
	assert_int_equal(task_yield(task, &err), 0);
	note(argument);
}

static void test_tasks_take_turns(void **state)
{
	(void)state;
	start("a", note_twice, TEXT("a"));
	start("b", note_twice, TEXT("b"));
	assert_string_equal(notes, "");
	run_until_idle();
	assert_string_equal(notes, "abab");
}

static void sleep_then_note(struct hearth_task *task, void *argument)
{
	int64_t begun_ms = loop_monotonic_ms();
	int ms = *(const int *)argument;
	struct hearth_error err = { 0 };

	assert_int_equal(task_sleep(task, ms, &err), 0);
	assert_true(loop_monotonic_ms() - begun_ms >= ms);
	note(ms < 20 ? "s" : "l");
}

static void test_sleep_lasts(void **state)
{
	int longer = 30, shorter = 5;

	(void)state;
	start("long", sleep_then_note, &longer);
	start("short", sleep_then_note, &shorter);
	run_until_idle();
	assert_string_equal(notes, "sl");
}

/* ---- park, wake, deadline, cancel ---- */

struct parked {
	int result;
	int64_t timeout_ms;
	int64_t deadline_ms;
	struct hearth_error err;
};

static void park(struct hearth_task *task, void *argument)
{
	struct parked *parked = argument;

	if (parked->deadline_ms)
		task_set_deadline(task, parked->deadline_ms);
	parked->result = task_park(task, parked->timeout_ms, &parked->err);
}

static void test_wake_ends_a_wait(void **state)
{
	struct parked parked = { .result = 1 };
	struct hearth_task *task = start("park", park, &parked);

	(void)state;
	event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_int_equal(parked.result, 1);
	task_wake(task);
	run_until_idle();
	assert_int_equal(parked.result, 0);
}

static void test_wake_before_a_wait_is_remembered(void **state)
{
	struct parked parked = { .result = 1 };

	(void)state;
	task_wake(start("park", park, &parked));
	run_until_idle();
	assert_int_equal(parked.result, 0);
}

static void test_timeout_and_deadline(void **state)
{
	struct parked timeout = { .timeout_ms = 5 }, deadline = { .deadline_ms = 5, .timeout_ms = 60000 };

	(void)state;
	start("timeout", park, &timeout);
	start("deadline", park, &deadline);
	run_until_idle();
	assert_int_equal(timeout.result, -ETIMEDOUT);
	assert_int_equal(deadline.result, -ETIMEDOUT);
	assert_int_equal(deadline.err.code, -ETIMEDOUT);
}

static void test_cancel_ends_this_and_later_waits(void **state)
{
	struct parked parked = { .timeout_ms = 60000 };
	struct hearth_task *task = start("park", park, &parked);

	(void)state;
	event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	task_cancel(task);
	run_until_idle();
	assert_int_equal(parked.result, -ECANCELED);
}

static void park_after_cancel(struct hearth_task *task, void *argument)
{
	task_cancel(task);
	park(task, argument);
}

static void test_cancelled_task_does_not_wait(void **state)
{
	struct parked parked = { .timeout_ms = 60000 };

	(void)state;
	start("park", park_after_cancel, &parked);
	run_until_idle();
	assert_int_equal(parked.result, -ECANCELED);
}

static void deadline_left(struct hearth_task *task, void *argument)
{
	(void)argument;
	assert_int_equal(task_set_deadline(task, 5000), 0);
	assert_in_range(task_set_deadline(task, 0), 4000, 5000);
	assert_int_equal(task_set_deadline(task, 0), 0);
}

static void test_set_deadline_tells_what_was_left(void **state)
{
	(void)state;
	start("deadline", deadline_left, NULL);
	run_until_idle();
}

static void stay_parked(struct hearth_task *task, void *argument)
{
	bool *done = argument;

	while (!*done)
		task_park_firmly(task);
	note("done");
}

static void test_a_firm_wait_ignores_cancellation(void **state)
{
	bool done = false;
	struct hearth_task *task = start("firm", stay_parked, &done);

	(void)state;
	event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	task_cancel(task);
	event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	assert_string_equal(notes, "");
	done = true;
	task_wake(task);
	run_until_idle();
	assert_string_equal(notes, "done");
}

/* ---- arena ---- */

static void note_end(void *argument)
{
	(void)argument;
	note("end");
}

static void defer(struct hearth_task *task, void *argument)
{
	(void)argument;
	hearth_arena_defer(task_arena(task), note_end, NULL);
	task_set_request_id(task, "r1");
	assert_string_equal(task_request_id(task), "r1");
	note("body ");
}

static void test_arena_ends_with_the_task(void **state)
{
	(void)state;
	start("defer", defer, NULL);
	run_until_idle();
	assert_string_equal(notes, "body end");
}

/* ---- signals ---- */

static void wait_for_signal(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	note(signal_wait(task, argument, 0, &err) == 0 ? "w" : "c");
}

static void wake_signals(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	assert_int_equal(task_yield(task, &err), 0);
	signal_wake_one(argument);
	assert_int_equal(task_yield(task, &err), 0);
	note("|");
	signal_wake_all(argument);
}

static void test_signal_wakes_one_or_all(void **state)
{
	struct hearth_signal *signal = signal_new();

	(void)state;
	for (int i = 0; i < 3; i++)
		start("waiter", wait_for_signal, signal);
	start("waker", wake_signals, signal);
	run_until_idle();
	assert_string_equal(notes, "w|ww");
	signal_free(signal);
}

static void wait_briefly(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	assert_int_equal(signal_wait(task, argument, 5, &err), -ETIMEDOUT);
	note("t");
}

static void test_signal_times_out(void **state)
{
	struct hearth_signal *signal = signal_new();

	(void)state;
	start("waiter", wait_briefly, signal);
	run_until_idle();
	assert_string_equal(notes, "t");
	signal_wake_all(signal);
	signal_free(signal);
}

/* ---- locks ---- */

static void lock_and_note(struct hearth_task *task, void *argument)
{
	struct hearth_lock *lock = NULL;
	struct hearth_error err = { 0 };

	assert_int_equal(lock_take("test", task, "room", &lock, &err), 0);
	note("(");
	assert_int_equal(task_sleep(task, 2, &err), 0);
	note(argument);
	note(")");
	lock_give(&lock);
	assert_null(lock);
}

static void test_lock_is_first_come_first_served(void **state)
{
	(void)state;
	start("1", lock_and_note, TEXT("1"));
	start("2", lock_and_note, TEXT("2"));
	start("3", lock_and_note, TEXT("3"));
	run_until_idle();
	assert_string_equal(notes, "(1)(2)(3)");
}

static void lock_and_forget(struct hearth_task *task, void *argument)
{
	struct hearth_lock *lock = NULL;
	struct hearth_error err = { 0 };

	(void)argument;
	assert_int_equal(lock_take("test", task, "room", &lock, &err), 0);
}

static void lock_cancelled(struct hearth_task *task, void *argument)
{
	struct hearth_lock *lock = NULL;
	struct hearth_error err = { 0 };

	(void)argument;
	task_set_deadline(task, 1);
	assert_int_equal(lock_take("test", task, "room", &lock, &err), -ETIMEDOUT);
	note("late");
}

static void test_lock_ends_with_the_task_and_survives_a_late_claim(void **state)
{
	(void)state;
	start("1", lock_and_note, TEXT("1"));
	start("2", lock_cancelled, NULL);
	start("3", lock_and_forget, NULL);
	start("4", lock_and_note, TEXT("4"));
	run_until_idle();
	assert_non_null(strstr(notes, "late"));
	assert_non_null(strstr(notes, "(4)"));
}

/* ---- offload ---- */

struct sum {
	int from, result;
};

static void add_up(void *argument)
{
	struct sum *sum = argument;

	assert_null(task_current());
	for (int i = 0; i < 100; i++)
		sum->result += sum->from;
}

static void offload_sum(struct hearth_task *task, void *argument)
{
	struct sum sum = { .from = 3 };
	struct hearth_error err = { 0 };
	int *total = argument;

	assert_int_equal(offload_run(task, add_up, &sum, &err), 0);
	*total += sum.result;
}

static void test_offload(void **state)
{
	int total = 0;

	(void)state;
	for (int i = 0; i < 50; i++)
		start("sum", offload_sum, &total);
	run_until_idle();
	assert_int_equal(total, 50 * 300);
}

static void nap(void *argument)
{
	(void)argument;
	usleep(20000);
}

static void offload_nap(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	int *results = argument;

	task_set_deadline(task, 5);
	results[offload_run(task, nap, NULL, &err) == 0]++;
}

static void test_offload_withdraws_what_has_not_begun(void **state)
{
	int results[2] = { 0 };

	(void)state;
	for (int i = 0; i < 20; i++)
		start("nap", offload_nap, results);
	run_until_idle();
	assert_in_range(results[1], 0, 4); /* those that a thread had begun; on a busy machine that may be none */
	assert_int_equal(results[0] + results[1], 20);
}

static void test_offload_refuses_beyond_its_bound(void **state)
{
	int results[2] = { 0 };

	(void)state;
	for (int i = 0; i < 400; i++)
		start("nap", offload_nap, results);
	run_until_idle();
	assert_int_equal(results[0] + results[1], 400);
}

/* ---- many ---- */

struct crowd {
	int turns;
	struct hearth_signal *signal;
};

static int depth_of(int levels, struct hearth_task *task, struct crowd *crowd)
{
	volatile char frame[64];
	struct hearth_error err = { 0 };

	frame[levels % 64] = (char)levels;
	if (levels > 0)
		return depth_of(levels - 1, task, crowd) + frame[levels % 64] - (char)levels;
	crowd->turns++;
	return signal_wait(task, crowd->signal, 0, &err);
}

static void join_crowd(struct hearth_task *task, void *argument)
{
	assert_int_equal(depth_of(20, task, argument), 0);
}

static void test_thousands(void **state)
{
	const size_t count = fiber_limit() < 4000 ? fiber_limit() : 4000;
	struct crowd crowd = { .signal = signal_new() };

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < count; i++)
			start("crowd", join_crowd, &crowd);
		event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
		assert_int_equal(task_count(), count);
		signal_wake_all(crowd.signal);
		run_until_idle();
	}
	assert_int_equal(crowd.turns, 2 * count);
	signal_free(crowd.signal);
}

static void test_too_many_are_refused(void **state)
{
	struct crowd crowd = { .signal = signal_new() };
	struct hearth_error err = { 0 };
	size_t started = 0;

	(void)state;
	while (started <= fiber_limit() && task_spawn("test", "crowd", join_crowd, &crowd, NULL, &err) == 0)
		started++;
	assert_int_equal(started, fiber_limit());
	assert_int_equal(err.code, -EAGAIN);
	assert_int_equal(hearth_error_status(&err), 503);
	assert_string_equal(hearth_error_errcode(&err), "M_LIMIT_EXCEEDED");
	event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	signal_wake_all(crowd.signal);
	run_until_idle();
	signal_free(crowd.signal);
}

static void test_finish_cancels_what_is_left(void **state)
{
	struct parked parked = { .result = 1 };

	(void)state;
	start("park", park, &parked);
	event_base_loop(loop_base(), EVLOOP_ONCE | EVLOOP_NONBLOCK);
	task_finish();
	assert_int_equal(parked.result, -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_tasks_take_turns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_sleep_lasts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wake_ends_a_wait, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_wake_before_a_wait_is_remembered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timeout_and_deadline, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancel_ends_this_and_later_waits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_cancelled_task_does_not_wait, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_set_deadline_tells_what_was_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_firm_wait_ignores_cancellation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_arena_ends_with_the_task, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signal_wakes_one_or_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_signal_times_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lock_is_first_come_first_served, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lock_ends_with_the_task_and_survives_a_late_claim, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_offload, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_offload_withdraws_what_has_not_begun, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_offload_refuses_beyond_its_bound, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_thousands, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_too_many_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_finish_cancels_what_is_left, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
