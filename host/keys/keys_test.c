/* SPDX-License-Identifier: Apache-2.0
 *
 * host/keys/keys_test.c - signing key files in Synapse's format, secrets, and refusals.
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
#include "keys/keys.h"

#define SEED "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"

static char folder[] = "/tmp/hearth-keys-XXXXXX";

static const char *put(const char *name, const char *text)
{
	static char paths[4][64];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, 64, "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	chmod(path, 0600);
	return path;
}

static int load(const char *text, struct config **ret_config, struct hearth_error *err)
{
	const char *path = put("homeserver.yaml", text);

	hearth_error_clear(err);
	int r = config_load(&path, 1, ret_config, err);
	assert_int_equal(r, 0);
	config_use(*ret_config);
	return keys_load(err);
}

/* The seed of the specification's appendices, and the public key that belongs to it. */
static void test_reads_several_keys(void **state)
{
	struct hearth_error err = { 0 };
	struct config *config;
	uint8_t one[32], other[32];

	(void)state;
	put("k", "# today's\ned25519 1 " SEED "\r\n\ned25519 a_old " SEED "\n");
	assert_int_equal(load("server_name: x\nsigning_key_path: k\nmacaroon_secret_key: hush\nold_signing_keys:\n"
			      "  'ed25519:z': {key: XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI, expired_ts: 12}\n",
			      &config, &err),
			 0);
	assert_string_equal(keys_service()->signing()->key_id, "ed25519:1");
	assert_string_equal(keys_at(1)->key_id, "ed25519:a_old");
	assert_null(keys_at(2));
	assert_memory_equal(keys_old_at(0)->public_key, keys_at(0)->public_key, 32);
	assert_int_equal(keys_old_at(0)->expired_ms, 12);
	keys_service()->hmac("a", "bc", 2, one);
	keys_service()->hmac("ab", "c", 1, other);
	assert_memory_not_equal(one, other, 32);
	keys_finish();
	config_free(config);
}

static void test_makes_what_is_missing(void **state)
{
	struct hearth_error err = { 0 };
	struct config *config;
	char path[64];
	struct stat info;

	(void)state;
	snprintf(path, sizeof(path), "%s/new.key", folder);
	assert_int_equal(keys_generate(path, &err), 0);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 0777, 0600);
	ino_t inode = info.st_ino;
	off_t size = info.st_size;
	assert_int_equal(keys_generate(path, &err), 0);
	assert_int_equal(stat(path, &info), 0);
	assert_true(info.st_ino == inode && info.st_size == size);
	assert_int_equal(load("server_name: x\nsigning_key_path: new.key\nregistration_shared_secret_path: reg\n", &config,
			      &err),
			 0);
	assert_int_equal(strncmp(keys_service()->signing()->key_id, "ed25519:a_", 10), 0);
	snprintf(path, sizeof(path), "%s/reg", folder);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_size, 50);
	keys_finish();
	config_free(config);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *file, *config, *message;
	} CASES[] = {
		{ "", "server_name: x\nsigning_key_path: nowhere\n", ":2: signing_key_path: there is no file" },
		{ "\n", "signing_key_path: k\n", "holds no key" },
		{ "ed25519 1\n", "signing_key_path: k\n", "k:1: expected 'ed25519 VERSION SEED'" },
		{ "\nrsa 1 " SEED "\n", "signing_key_path: k\n", "k:2: found a key of type 'rsa'" },
		{ "ed25519 1 AAAA\n", "signing_key_path: k\n", "not 32 bytes" },
		{ "ed25519 1 " SEED "\n", "signing_key_path: k\nold_signing_keys: {'ed25519:z': {key: xx}}\n",
		  ":2: old_signing_keys" },
		{ "ed25519 1 " SEED "\n", "signing_key_path: k\nmacaroon_secret_key_path: nowhere\n",
		  "macaroon_secret_key_path" },
	};
	struct hearth_error err = { 0 };
	struct config *config;

	(void)state;
	for (size_t i = 0; i < HEARTH_COUNT(CASES); i++) {
		put("k", CASES[i].file);
		assert_true(load(CASES[i].config, &config, &err) < 0);
		if (!strstr(err.message, CASES[i].message))
			fail_msg("'%s' lacks '%s'", err.message, CASES[i].message);
		keys_finish();
		config_free(config);
	}
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads_several_keys),
		cmocka_unit_test(test_makes_what_is_missing),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
