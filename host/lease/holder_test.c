/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lease/lease.h"

static void we_are_alive(void **test)
{
	char holder[LEASE_HOLDER_BYTES], again[LEASE_HOLDER_BYTES];

	(void)test;
	lease_holder_self(holder);
	lease_holder_self(again);
	assert_string_equal(holder, again);
	assert_false(lease_holder_is_dead(holder));
}

static void another_start_is_another_process(void **test)
{
	char holder[LEASE_HOLDER_BYTES];

	(void)test;
	lease_holder_self(holder);
	strcpy(strrchr(holder, '/'), "/1");
	assert_true(lease_holder_is_dead(holder));
}

static void who_lives_elsewhere_is_not_ours_to_judge(void **test)
{
	static const char *const others[] = {
		"", "nonsense", "d2f4/4026531836/99999999/1", "d2f4/4026531836", "/", "////",
	};
	char holder[LEASE_HOLDER_BYTES];

	(void)test;
	for (size_t i = 0; i < HEARTH_COUNT(others); i++)
		assert_false(lease_holder_is_dead(others[i]));
	lease_holder_self(holder);
	holder[0] = holder[0] == 'a' ? 'b' : 'a'; /* another boot */
	assert_false(lease_holder_is_dead(holder));
	lease_holder_self(holder);
	strrchr(holder, '/')[0] = '\0'; /* no start time */
	assert_false(lease_holder_is_dead(holder));
}

/* What a killed process leaves until its parent looks is not a holder either. */
static void a_zombie_is_dead(void **test)
{
	char holder[LEASE_HOLDER_BYTES];
	int ends[2];
	pid_t child;

	(void)test;
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (!child) {
		lease_holder_self(holder);
		_exit(write(ends[1], holder, sizeof(holder)) == sizeof(holder) ? 0 : 1);
	}
	assert_int_equal(read(ends[0], holder, sizeof(holder)), sizeof(holder));
	siginfo_t info;
	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_true(lease_holder_is_dead(holder));
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_true(lease_holder_is_dead(holder));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(we_are_alive),
		cmocka_unit_test(another_start_is_another_process),
		cmocka_unit_test(who_lives_elsewhere_is_not_ours_to_judge),
		cmocka_unit_test(a_zombie_is_dead),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
