/* SPDX-License-Identifier: Apache-2.0 */
/* The MAC that register_new_matrix_user sends. */
#include "admin.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* By Python: hmac.new(b"secret", b"\0".join([b"nonce", b"alice", b"pw", b"admin"]), "sha1").hexdigest() */
static void test_mac(void **state)
{
	char mac[ADMIN_MAC_SIZE];

	(void)state;
	admin_register_mac("secret", "nonce", "alice", "pw", true, NULL, mac);
	assert_string_equal(mac, "d7b3ebc9fec30d9bed19eb81e3902aa4ad214333");
	admin_register_mac("secret", "nonce", "alice", "pw", false, "bot", mac);
	assert_string_equal(mac, "61c050416d5283e3e4dc3a7e7204dc604ffff01c");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_mac) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
