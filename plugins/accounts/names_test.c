/* SPDX-License-Identifier: Apache-2.0 */
/* Which names may be registered, and which profile fields exist. */
#include "accounts.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static int refused(const char *localpart, int numeric_ok)
{
	struct hearth_error err = { 0 };

	if (accounts_names_check(localpart, "example.com", numeric_ok, &err) == 0)
		return 0;
	assert_string_equal(err.errcode, "M_INVALID_USERNAME");
	return 1;
}

static void test_localparts(void **state)
{
	(void)state;
	assert_false(refused("alice", 0));
	assert_false(refused("a.b_c=d-e/f+9", 0));
	assert_true(refused("", 0));
	assert_true(refused("Alice", 0));
	assert_true(refused("_bot", 0));
	assert_true(refused("j\xc3\xb6rg", 0));
	assert_true(refused("12345", 0));
	assert_false(refused("12345", 1));
}

static void test_lengths(void **state)
{
	char name[HEARTH_ID_MAX_BYTES + 1];
	const size_t fits = HEARTH_ID_MAX_BYTES - sizeof("@:example.com") + 1;

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++)
		name[i] = 'a';
	name[fits] = '\0';
	assert_false(refused(name, 0));
	name[fits] = 'a';
	name[fits + 1] = '\0';
	assert_true(refused(name, 0));
}

static void test_fields(void **state)
{
	(void)state;
	assert_true(accounts_names_is_field("displayname"));
	assert_true(accounts_names_is_field("avatar_url"));
	assert_true(accounts_names_is_field("m.tz"));
	assert_true(accounts_names_is_field("org.example.field_1"));
	assert_false(accounts_names_is_field("nickname"));
	assert_false(accounts_names_is_field("m."));
	assert_false(accounts_names_is_field(".m"));
	assert_false(accounts_names_is_field("m.Tz"));
	assert_false(accounts_names_is_field("m.1z"));
	assert_false(accounts_names_is_field(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_localparts),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_fields),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
