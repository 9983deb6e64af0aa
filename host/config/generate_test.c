/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/generate_test.c - a generated configuration can be read, is private, and replaces nothing.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/generate.h"

static void complain(void *closure, uint32_t doubt, const char *text)
{
	(void)closure, (void)doubt;
	fail_msg("the generated configuration has a complaint: %s", text);
}

static void test_generates_once(void **state)
{
	char folder[] = "/tmp/hearth-gen-XXXXXX", path[64], key[80];
	const char *paths[] = { path };
	static const struct hearth_field KEYS[] = { { .name = "registration_shared_secret" },
						    { .name = "enable_registration" },

						    HEARTH_FIELDS_END };
	static const struct hearth_field *const TABLES[] = { KEYS, NULL };
	static const struct hearth_field *const *const KNOWN[] = { TABLES, NULL };
	struct hearth_error err = { 0 };
	struct config *config;
	struct stat info;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/homeserver.yaml", folder);
	snprintf(key, sizeof(key), "%s/example.com.signing.key", folder);
	setenv("PGHOST", "/tmp/it's here", 1);
	assert_int_equal(config_generate("no name", path, folder, &err), -EINVAL);
	assert_int_equal(access(path, F_OK), -1);
	hearth_error_clear(&err);
	assert_int_equal(config_generate("example.com", path, folder, &err), 0);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(stat(key, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	assert_int_equal(config_load(paths, 1, &config, &err), 0);
	assert_string_equal(config_text(config_find(config, "database.args.host")), "/tmp/it's here");
	assert_string_equal(config_text(config_find(config, "signing_key_path")), key);
	assert_int_equal(strlen(config_text(config_find(config, "macaroon_secret_key"))), 50);
	config_each_unknown(config, KNOWN, complain, NULL);
	config_free(config);
	assert_int_equal(config_generate("other.org", path, folder, &err), -EEXIST);
	unlink(path);
	unlink(key);
	assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_generates_once) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
