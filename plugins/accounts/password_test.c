/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords as bcrypt gets them, hashes of other servers, and the policy. */
#include "accounts.h"

#include <crypt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static int verifies(const char *password, const char *pepper, const char *hash)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct crypt_data *data = hearth_arena_new_of(arena, struct crypt_data);
	const char *made = crypt_rn(accounts_password_prepare(arena, password, pepper), hash, data, sizeof(*data));

	return made && strcmp(made, hash) == 0;
}

/* Made by Python's bcrypt over NFKC(password) + pepper, which is what Synapse does. */
static void test_synapse_hashes(void **state)
{
	static const char PEPPERED[] = "$2b$12$js.tcmWGQxDq9K3xh8ncoONwmJ/Ppa1tXJ9g2ZXRs3e4TtpdigkTi";
	static const char LIGATURE[] = "$2b$05$/JNLYgBgNvLt9xlhjYy2.e0SJk2lnrC6gdw8KLy3b2Ybl5UuMsSpC";

	(void)state;
	assert_true(verifies("correct horse", "peppercorn", PEPPERED));
	assert_false(verifies("correct horse", "", PEPPERED));
	assert_false(verifies("correct horsE", "peppercorn", PEPPERED));
	assert_true(verifies("\xef\xac\x81" "ance\xcc\x81" "e", NULL, LIGATURE));
	assert_true(verifies("fianc\xc3\xa9" "e", "", LIGATURE));
	assert_false(verifies("fiancee", "", LIGATURE));
}

static const char *refused(const struct accounts_config *config, const char *password)
{
	static struct hearth_error err;

	hearth_error_clear(&err);
	return accounts_password_policy(config, password, &err) < 0 ? err.errcode : "";
}

static void test_policy(void **state)
{
	const struct accounts_config none = { 0 };
	const struct accounts_config strict = { .policy_enabled = true, .policy_length = 6, .policy_digit = true,
						.policy_symbol = true,
						.policy_lower = true, .policy_upper = true };
	char huge[600];

	(void)state;
	memset(huge, 'a', sizeof(huge));
	huge[sizeof(huge) - 1] = '\0';
	assert_string_equal(refused(&none, "a"), "");
	assert_string_equal(refused(&none, huge), "M_INVALID_PARAM");
	assert_string_equal(refused(&strict, "aB1!"), "M_PASSWORD_TOO_SHORT");
	assert_string_equal(refused(&strict, "aBcde!"), "M_PASSWORD_NO_DIGIT");
	assert_string_equal(refused(&strict, "aBcde1"), "M_PASSWORD_NO_SYMBOL");
	assert_string_equal(refused(&strict, "abcde1!"), "M_PASSWORD_NO_UPPERCASE");
	assert_string_equal(refused(&strict, "ABCDE1!"), "M_PASSWORD_NO_LOWERCASE");
	assert_string_equal(refused(&strict, "aBcde1!"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_synapse_hashes),
		cmocka_unit_test(test_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
