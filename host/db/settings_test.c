/* SPDX-License-Identifier: Apache-2.0 */
/* The database: section: what is taken, and what is refused in which words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "db/db.h"
#include "db/settings.h"

static const char SYNAPSE[] = "database:\n  name: psycopg2\n  txn_limit: 10000\n  allow_unsafe_locale: true\n  args:\n"
			      "    user: u\n    password: \"p w\"\n    database: synapse\n    host: /run/pg\n"
			      "    port: 5433\n    sslmode: prefer\n    cp_min: 5\n    cp_max: 12\n"
			      "    cp_reconnect: true\n";

static int read_text(const char *text, struct db_settings *settings, struct hearth_error *err)
{
	char path[] = "/tmp/hearth-settings.XXXXXX.yaml";
	const char *paths[] = { path };
	int fd = mkstemps(path, 5), r;
	struct config *config;

	assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(config_load(paths, 1, &config, err), 0);
	unlink(path);
	config_use(config);
	r = db_settings_read(settings, err);
	config_use(NULL);
	config_free(config);
	return r;
}

static void refuses(const char *text, const char *words)
{
	struct db_settings settings = { 0 };
	struct hearth_error err = { 0 };

	assert_int_equal(read_text(text, &settings, &err), -EINVAL);
	if (!strstr(err.message, words))
		fail_msg("'%s' does not say '%s'", err.message, words);
}

static void takes_what_synapse_takes(void **state)
{
	struct db_settings settings;
	struct hearth_error err = { 0 };

	(void)state;
	assert_int_equal(read_text(SYNAPSE, &settings, &err), 0);
	assert_string_equal(db_settings_get(&settings, "dbname"), "synapse");
	assert_string_equal(db_settings_get(&settings, "password"), "p w");
	assert_string_equal(db_settings_get(&settings, "port"), "5433");
	assert_null(db_settings_get(&settings, "cp_reconnect"));
	assert_int_equal(settings.connections_min, 5);
	assert_int_equal(settings.connections_max, 12);
	assert_true(settings.allow_unsafe_locale && !settings.resolves_names);
	db_settings_clear(&settings);
	assert_int_equal(read_text("database:\n  name: psycopg2\n  args:\n    host: db.example.com\n    cp_max: 1\n",
				   &settings, &err), 0);
	assert_true(settings.resolves_names && settings.connections_max == 2 && settings.connections_min == 1);
	db_settings_clear(&settings);
}

static void refuses_the_rest_in_one_line(void **state)
{
	(void)state;
	refuses("server_name: x\n", "database is missing");
	refuses("database:\n  name: sqlite3\n  args:\n    database: /x.db\n", ".yaml:2: database.name: sqlite3 is not");
	refuses("database:\n  name: sqlite3\n", "./quickstart");
	refuses("database:\n  name: mysql\n", "expected psycopg2");
	refuses("database:\n  name: psycopg2\n  args:\n    hots: x\n", ".yaml:4: database.args.hots");
	refuses("database:\n  name: psycopg2\n  args:\n    cp_max: many\n", "cp_max");
	refuses("database:\n  name: psycopg2\n  args:\n    client_encoding: LATIN1\n", "must be UTF8");
	refuses("databases:\n  master:\n    name: psycopg2\n", "one database");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_synapse_takes),
		cmocka_unit_test(refuses_the_rest_in_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
