/* SPDX-License-Identifier: Apache-2.0 */
/* How long a connection lives, by the clock of the test. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "connection.c"

#define RESPONSE_BYTES ((size_t)4 << 20)
#define STEP_MS 10000

static struct listener listener;

/* A connection that has got a large response; returns its other end. */
static int open_with_response(bool keep_alive)
{
	static char bytes[RESPONSE_BYTES];
	struct sockaddr local = { .sa_family = AF_UNIX };
	struct evbuffer *response = evbuffer_new();
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	connection_open(&listener, ends[0], &local);
	assert_int_equal(all.count, 1);
	assert_int_equal(evbuffer_add(response, bytes, sizeof(bytes)), 0);
	connection_send(all.first, response, keep_alive);
	evbuffer_free(response);
	assert_true(unwritten(all.first) > 0);
	return ends[1];
}

static size_t take(int end, size_t size)
{
	static char bytes[RESPONSE_BYTES];
	size_t taken = 0;
	ssize_t r;

	while (taken < size) {
		(void)event_base_loop(loop_base(), EVLOOP_NONBLOCK);
		r = read(end, bytes, size - taken);
		if (r <= 0)
			break;
		taken += (size_t)r;
	}
	(void)event_base_loop(loop_base(), EVLOOP_NONBLOCK);
	return taken;
}

/* Ten seconds pass with each step; returns how long the client took. */
static int64_t read_slowly(int end, int64_t *now_ms)
{
	int64_t began_ms = *now_ms;
	size_t taken = 0;

	while (taken < RESPONSE_BYTES) {
		size_t part = take(end, 100000);

		assert_true(part > 0);
		taken += part;
		*now_ms += STEP_MS;
		connections_sweep(*now_ms);
	}
	return *now_ms - began_ms;
}

static void a_slow_reader_gets_all(void **state)
{
	int64_t now_ms = loop_monotonic_ms();
	int end = open_with_response(true);

	(void)state;
	assert_true(read_slowly(end, &now_ms) > 2 * IDLE_MS);
	assert_int_equal(all.count, 1);
	connections_sweep(now_ms + IDLE_MS / 2);
	assert_int_equal(all.count, 1);
	connections_sweep(now_ms + IDLE_MS + STEP_MS);
	assert_int_equal(all.count, 0);
	(void)close(end);
}

static void a_last_response_is_read_slowly_too(void **state)
{
	int64_t now_ms = loop_monotonic_ms();
	int end = open_with_response(false);

	(void)state;
	assert_true(read_slowly(end, &now_ms) > 2 * STALLED_MS);
	assert_int_equal(all.count, 0);
	(void)close(end);
}

static void who_does_not_read_is_cut_off(void **state)
{
	int64_t now_ms = loop_monotonic_ms();
	int end = open_with_response(true);

	(void)state;
	connections_sweep(now_ms);
	connections_sweep(now_ms + STALLED_MS / 2);
	assert_int_equal(all.count, 1);
	connections_sweep(now_ms + STALLED_MS + STEP_MS);
	assert_int_equal(all.count, 0);
	(void)close(end);
}

/* As the last test: nothing starts anew after it. */
static void a_drain_waits_for_readers_alone(void **state)
{
	int64_t now_ms = loop_monotonic_ms();
	int end = open_with_response(true);

	(void)state;
	http_drain();
	connections_sweep(now_ms);
	assert_int_equal(all.count, 1);
	assert_int_equal(take(end, RESPONSE_BYTES), RESPONSE_BYTES);
	connections_sweep(now_ms);
	assert_int_equal(all.count, 0);
	(void)close(end);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_slow_reader_gets_all),
		cmocka_unit_test(a_last_response_is_read_slowly_too),
		cmocka_unit_test(who_does_not_read_is_cut_off),
		cmocka_unit_test(a_drain_waits_for_readers_alone),
	};

	if (loop_init(NULL) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
