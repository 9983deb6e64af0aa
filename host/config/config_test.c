/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/config_test.c - files, trees, types, complaints.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/keytable.h"
#include "config/limits.h"
#include "config/node.h"

struct folder {
	char           path[32];
	struct config *config;
	struct hearth_error err;
};

static int setup(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	strcpy(folder->path, "/tmp/hearth-cfg-XXXXXX");
	*state = folder;
	return mkdtemp(folder->path) ? 0 : -1;
}

static int teardown(void **state)
{
	struct folder *folder = *state;
	char command[64];

	config_free(folder->config);
	snprintf(command, sizeof(command), "rm -rf %s", folder->path);
	int r = system(command);
	free(folder);
	return r;
}

static const char *put(struct folder *folder, const char *name, const char *text)
{
	static char path[64];

	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return path;
}

/* Loads one file of that text; the error's message is in folder->err. */
static int load(struct folder *folder, const char *text)
{
	const char *path = put(folder, "homeserver.yaml", text);

	config_free(folder->config);
	folder->config = NULL;
	hearth_error_clear(&folder->err);
	return config_load(&path, 1, &folder->config, &folder->err);
}

static void expect_refusal(struct folder *folder, const char *text, const char *message)
{
	assert_true(load(folder, text) < 0);
	if (!strstr(folder->err.message, message))
		fail_msg("'%s' lacks '%s'", folder->err.message, message);
}

static void test_finds_nodes_with_their_place(void **state)
{
	struct folder *folder = *state;

	assert_int_equal(load(folder, "server_name: example.com\ndatabase:\n  name: psycopg2\n  args:\n    host: /run\n"), 0);
	const struct config_node *host = config_find(folder->config, "database.args.host");
	assert_string_equal(config_text(host), "/run");
	assert_non_null(strstr(config_place(host), "homeserver.yaml:5"));
	assert_null(config_find(folder->config, "database.args.port"));
	assert_null(config_find(folder->config, "server_name.x"));
	assert_int_equal(config_kind(NULL), CONFIG_ABSENT);
}

static void test_later_file_replaces_top_level_keys(void **state)
{
	struct folder *folder = *state;
	const char *paths[1] = { folder->path };

	put(folder, "a.yaml", "server_name: one\ndatabase: {name: psycopg2, txn_limit: 3}\n");
	put(folder, "b.yaml", "database: {name: psycopg2}\npid_file: /x\n");
	put(folder, "c.yml", "server_name: never\n");
	assert_int_equal(config_load(paths, 1, &folder->config, &folder->err), 0);
	assert_string_equal(config_text(config_find(folder->config, "server_name")), "one");
	assert_null(config_find(folder->config, "database.txn_limit"));
	assert_string_equal(config_text(config_find(folder->config, "pid_file")), "/x");
	assert_string_equal(config_folder(folder->config), folder->path);
}

static void test_refuses_bad_files(void **state)
{
	struct folder *folder = *state;
	const char *missing = "/tmp/hearth-no-such-file.yaml";

	expect_refusal(folder, "a: 1\nb: 2\na: 3\n", "homeserver.yaml:3: 'a' stands here a second time, first at");
	expect_refusal(folder, "a: [1, 2\nb: 3\n", "not YAML");
	expect_refusal(folder, "- a\n- b\n", "expected lines such as");
	expect_refusal(folder, "a: *nowhere\n", "has no anchor");
	expect_refusal(folder, "a: &x [*x]\n", "has no anchor");
	expect_refusal(folder, "a: 1\n---\nb: 2\n", "second YAML document");
	expect_refusal(folder, "a: !!python/object:x {}\n", "tag");
	expect_refusal(folder, "a: \"b\\0c\"\n", "NUL");
	expect_refusal(folder, "? [a, b]\n: 1\n", "plain text");
	assert_true(config_load(&missing, 1, &folder->config, &folder->err) < 0);
	assert_null(folder->config);
}

static void test_bounds_depth_and_expansion(void **state)
{
	struct folder *folder = *state;
	char text[4096] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";

	for (int i = 1; i < 9; i++) {
		size_t length = strlen(text);
		length += (size_t)snprintf(text + length, sizeof(text) - length, "a%d: &a%d [", i, i);
		for (int j = 0; j < 10; j++)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "*a%d, ", i - 1);
		snprintf(text + length, sizeof(text) - length, "]\n");
	}
	expect_refusal(folder, text, "expand to more than");

	char deep[256] = "a: ";
	memset(deep + 3, '[', 100);
	expect_refusal(folder, deep, "nested deeper");
}

static void test_merge_keys(void **state)
{
	struct folder *folder = *state;

	assert_int_equal(load(folder, "x: &d {a: 1, b: 2}\ny:\n  <<: *d\n  b: 3\n"), 0);
	assert_string_equal(config_text(config_find(folder->config, "y.a")), "1");
	assert_string_equal(config_text(config_find(folder->config, "y.b")), "3");
	expect_refusal(folder, "y:\n  <<: 3\n", "'<<' takes a map");
}

static uint32_t type_of(const char *text, int64_t *number, double *fraction)
{
	struct config_node node = { .kind = CONFIG_SCALAR, .plain = true, .text = text };

	return config_scalar_type(&node, number, fraction);
}

static void test_scalars_are_those_of_yaml_1_1(void **state)
{
	int64_t number;
	double fraction;

	(void)state;
	assert_int_equal(type_of("yes", &number, NULL), SCALAR_BOOL);
	assert_int_equal(number, 1);
	assert_int_equal(type_of("Off", &number, NULL), SCALAR_BOOL);
	assert_int_equal(number, 0);
	assert_int_equal(type_of("y", NULL, NULL), SCALAR_TEXT);
	assert_int_equal(type_of("~", NULL, NULL), SCALAR_NULL);
	assert_int_equal(type_of("0666", &number, NULL), SCALAR_INT);
	assert_int_equal(number, 0666);
	assert_int_equal(type_of("-1_000", &number, NULL), SCALAR_INT);
	assert_int_equal(number, -1000);
	assert_int_equal(type_of("0x1F", &number, NULL), SCALAR_INT);
	assert_int_equal(number, 31);
	assert_int_equal(type_of("08", NULL, NULL), SCALAR_TEXT);
	assert_int_equal(type_of("99999999999999999999", NULL, &fraction), SCALAR_FLOAT);
	assert_int_equal(type_of("1e3", NULL, NULL), SCALAR_TEXT);
	assert_int_equal(type_of("1.5e+3", NULL, &fraction), SCALAR_FLOAT);
	assert_true(fraction > 1499 && fraction < 1501);
	assert_int_equal(type_of("127.0.0.1", NULL, NULL), SCALAR_TEXT);
	assert_int_equal(type_of(".", NULL, NULL), SCALAR_TEXT);
}

static void test_durations_and_sizes(void **state)
{
	static const struct {
		const char *text;
		uint32_t    format;
		int64_t     value;
	} CASES[] = {
		{ "500", HEARTH_DURATION, 500 },	  { "30s", HEARTH_DURATION, 30000 },
		{ "5m", HEARTH_DURATION, 300000 },	  { "1h", HEARTH_DURATION, 3600000 },
		{ "7d", HEARTH_DURATION, 604800000 },	  { "1w", HEARTH_DURATION, 604800000 },
		{ "1y", HEARTH_DURATION, 31536000000 }, { "-1", HEARTH_DURATION, -1 },
		{ "10K", HEARTH_SIZE, 10240 },		  { "50M", HEARTH_SIZE, 52428800 },
		{ "1G", HEARTH_SIZE, 1073741824 },
	};
	static const char *const BAD[] = { "", "s", "5 m", "5ms", "1.5h", "m5", "5M" };
	int64_t value;

	(void)state;
	for (size_t i = 0; i < HEARTH_COUNT(CASES); i++) {
		assert_int_equal(config_quantity(CASES[i].text, CASES[i].format, &value), 0);
		assert_int_equal(value, CASES[i].value);
	}
	for (size_t i = 0; i < HEARTH_COUNT(BAD); i++)
		assert_int_equal(config_quantity(BAD[i], HEARTH_DURATION, &value), -EINVAL);
	assert_int_equal(config_quantity("9223372036854775807y", HEARTH_DURATION, &value), -ERANGE);
}

static void test_wrong_types_are_refused_with_their_place(void **state)
{
	struct folder *folder = *state;

	expect_refusal(folder, "a: 1\nserver_name: [x]\n",
		       "homeserver.yaml:2: server_name: found a list, expected a text");
	expect_refusal(folder, "listeners:\n - port: abc\n", "listeners[].port: found a text, expected an integer");
	expect_refusal(folder, "enable_registration: 1\n", "found an integer, expected true or false");
	expect_refusal(folder, "databases:\n  x:\n    name: 3\n", "databases.*.name: found an integer");
	assert_int_equal(load(folder, "email: null\nstream_writers: {typing: w1, events: [w2]}\nmax_upload_size: 5M\n"), 0);
	assert_int_equal(load(folder, "caches: {cache_autotuning: {max_cache_memory_usage: 1024M}}\n"), 0);
}

struct sample {
	const char *name, *mode, *user, *secret, *extent;
	int64_t lifetime_ms, size, count;
	bool on;
	double factor;
	struct hearth_texts list;
	struct hearth_ints numbers;
	const struct hearth_json *any;
};

static const struct hearth_field SAMPLE[] = {
	HEARTH_CONFIG(struct sample, name, "name", .required = 1),
	HEARTH_CONFIG(struct sample, mode, "in.mode", .choices = "live|historic", .fallback = "live"),
	HEARTH_CONFIG(struct sample, user, "user", .format = HEARTH_USER_ID),
	HEARTH_CONFIG(struct sample, secret, "key", .secret = 1),
	HEARTH_CONFIG(struct sample, lifetime_ms, "in.lifetime", .format = HEARTH_DURATION, .fallback = "5m", .min = 1000,
		      .max = 1000000),
	HEARTH_CONFIG(struct sample, size, "size", .format = HEARTH_SIZE, .fallback = "50M"),
	HEARTH_CONFIG(struct sample, count, "count", .min = 1, .max = 9, .fallback = "2"),
	HEARTH_CONFIG(struct sample, on, "on_it", .fallback = "true"),
	HEARTH_CONFIG(struct sample, factor, "factor"),
	HEARTH_CONFIG(struct sample, list, "list", .max = 3),
	HEARTH_CONFIG(struct sample, numbers, "numbers"),
	HEARTH_CONFIG(struct sample, any, "any"),
	HEARTH_CONFIG(struct sample, extent, "extent", .choices = "true|false|partly", .fallback = "true"),
	HEARTH_FIELDS_END
};

static int fill(struct folder *folder, const char *text, struct sample *sample)
{
	assert_int_equal(load(folder, text), 0);
	return config_fill(folder->config, SAMPLE, sample, &folder->err);
}

static void test_fill_defaults(void **state)
{
	struct folder *folder = *state;
	struct sample sample;

	memset(&sample, 0xaa, sizeof(sample));
	assert_int_equal(fill(folder, "name: n\n", &sample), 0);
	assert_string_equal(sample.name, "n");
	assert_string_equal(sample.mode, "live");
	assert_null(sample.user);
	assert_null(sample.secret);
	assert_int_equal(sample.lifetime_ms, 300000);
	assert_int_equal(sample.size, 52428800);
	assert_int_equal(sample.count, 2);
	assert_true(sample.on);
	assert_int_equal(sample.list.count, 0);
	assert_null(sample.any);
	assert_string_equal(sample.extent, "true");
}

static void test_fill_values(void **state)
{
	struct folder *folder = *state;
	struct sample sample;
	char text[512];

	put(folder, "secret", "  hush\n");
	snprintf(text, sizeof(text),
		 "name: '5'\nin: {mode: historic, lifetime: 2s}\nuser: '@a:b'\nkey_path: secret\nsize: 1K\ncount: 9\n"
		 "on_it: off\nextent: off\nfactor: 2\nlist: [a, b]\nnumbers: [1, -2]\nany: {x: [1, 1.5, yes, ~, '1']}\n");
	assert_int_equal(fill(folder, text, &sample), 0);
	assert_string_equal(sample.name, "5");
	assert_string_equal(sample.mode, "historic");
	assert_string_equal(sample.secret, "hush");
	assert_int_equal(sample.lifetime_ms, 2000);
	assert_int_equal(sample.size, 1024);
	assert_false(sample.on);
	assert_string_equal(sample.extent, "false");
	assert_true(sample.factor > 1.9);
	assert_int_equal(sample.list.count, 2);
	assert_string_equal(sample.list.items[1], "b");
	assert_int_equal(sample.numbers.items[1], -2);
	const struct hearth_json *x = hearth_json_get(sample.any, "x");
	assert_int_equal(hearth_json_size(x), 5);
	assert_int_equal(hearth_json_int(hearth_json_at(x, 0)), 1);
	assert_int_equal(hearth_json_type(hearth_json_at(x, 1)), HEARTH_JSON_FLOAT);
	assert_int_equal(hearth_json_type(hearth_json_at(x, 2)), HEARTH_JSON_BOOL);
	assert_int_equal(hearth_json_type(hearth_json_at(x, 3)), HEARTH_JSON_NULL);
	assert_string_equal(hearth_json_string(hearth_json_at(x, 4), NULL), "1");
}

static void test_fill_refusals(void **state)
{
	static const struct {
		const char *text, *message;
	} CASES[] = {
		{ "x: 1\n", "name is missing" },
		{ "name: 5\n", "put it in quotes" },
		{ "name: n\nin: {mode: dead}\n", ":2: in.mode: found 'dead', expected one of live|historic" },
		{ "name: n\nuser: bob\n", "expected a user id" },
		{ "name: n\nin: {lifetime: 5x}\n", "expected milliseconds, or a duration" },
		{ "name: n\nin: {lifetime: 1y}\n", "is not from 1000 to 1000000" },
		{ "name: n\ncount: 10\n", "10 is not from 1 to 9" },
		{ "name: n\nlist: [a, b, c, d]\n", "found 4 values" },
		{ "name: n\nlist: [a, [b]]\n", "found a list, expected a text" },
		{ "name: n\nkey: a\nkey_path: b\n", "keep one" },
		{ "name: n\nkey_path: not-there\n", "key_path" },
	};
	struct folder *folder = *state;
	struct sample sample;

	for (size_t i = 0; i < HEARTH_COUNT(CASES); i++) {
		assert_true(fill(folder, CASES[i].text, &sample) < 0);
		if (!strstr(folder->err.message, CASES[i].message))
			fail_msg("'%s' lacks '%s'", folder->err.message, CASES[i].message);
	}
}

static void collect(void *closure, uint32_t doubt, const char *text)
{
	char *all = closure;

	assert_int_equal(doubt, strstr(text, "did you mean") ? CONFIG_MISSPELT :
				strstr(text, "not acted on") ? CONFIG_UNUSED : CONFIG_UNKNOWN);
	snprintf(all + strlen(all), 2048 - strlen(all), "%s\n", text);
}

static void test_unknown_keys(void **state)
{
	static const struct hearth_field *const TABLES[] = { SAMPLE, NULL };
	static const struct hearth_field *const *const KNOWN[] = { TABLES, NULL };
	struct folder *folder = *state;
	struct hearth_error err = { 0 };
	char all[2048] = "";

	assert_int_equal(load(folder, "server_nmae: x\nlisteners:\n - prot: 1\n   x_forwarded: true\nin: {mode: live}\n"
				      "zzzzqqq: 1\npresence: {enabled: true}\nkey_path: x\nany: {what: ever}\nlits: [a]\n"
				      "database: {args: {hots: x}}\nrc_login: {adress: {}}\nold_signing_keys:"
				      		" {'ed25519:x': {}}\n"
				      "daemonize: true\n"),
			 0);
	config_each_unknown(folder->config, KNOWN, collect, all);
	assert_non_null(strstr(all, "homeserver.yaml:1: 'server_nmae' is no known key; did you mean 'server_name'?"));
	assert_int_equal(config_refuse_misspelt(folder->config, KNOWN, &err), -EINVAL);
	assert_non_null(strstr(err.message, "homeserver.yaml:1: 'server_nmae'"));
	assert_non_null(strstr(all, ":3: 'listeners[].prot' is no known key; did you mean 'port'?"));
	assert_non_null(strstr(all, ":6: 'zzzzqqq' is no known key\n"));
	assert_non_null(strstr(all, ":7: 'presence' is not acted on by this version"));
	assert_non_null(strstr(all, "did you mean 'list'?"));
	assert_non_null(strstr(all, "did you mean 'address'?"));
	for (const char *const *quiet = (const char *const[]){ "x_forwarded", "'in", "key_path", "what", "hots",
							       "ed25519", "daemonize", NULL };
	     *quiet; quiet++)
		assert_null(strstr(all, *quiet));
}

static void test_distance(void **state)
{
	(void)state;
	assert_int_equal(text_distance("kitten", "sitting", 5), 3);
	assert_int_equal(text_distance("prot", "port", 3), 1);
	assert_int_equal(text_distance("", "abc", 3), 3);
	assert_true(text_distance("a", "abcdef", 3) > 3);
}

static void test_key_table_is_sorted(void **state)
{
	(void)state;
	for (size_t i = 1; i < SYNAPSE_KEY_COUNT; i++)
		assert_true(strcmp(SYNAPSE_KEYS[i - 1].name, SYNAPSE_KEYS[i].name) < 0);
	assert_non_null(synapse_key_find("rc_login.address.per_second"));
	assert_null(synapse_key_find("rc_login.adress"));
}

static void test_limits(void **state)
{
	struct folder *folder = *state;

	assert_null(limit_config_find("rc_nothing"));
	assert_int_equal(load(folder, "rc_message: {per_second: 5}\nrc_login: {account: {burst_count: 7}}\n"
				      "rc_federation: {concurrent: 9}\n"),
			 0);
	assert_int_equal(limit_config_read(folder->config, &folder->err), 0);
	assert_true(limit_config_find("rc_message")->per_second > 4.9);
	assert_true(limit_config_find("rc_message")->burst_count > 9.9);
	assert_true(limit_config_find("rc_admin_redaction")->per_second > 4.9);
	assert_true(limit_config_find("rc_login.account")->burst_count > 6.9);
	assert_true(limit_config_find("rc_login.address")->burst_count < 5.1);
	assert_int_equal(limit_config_federation()->concurrent, 9);
	assert_int_equal(load(folder, "rc_message: {per_second: -1}\n"), 0);
	assert_true(limit_config_read(folder->config, &folder->err) < 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_finds_nodes_with_their_place),
		CASE(test_later_file_replaces_top_level_keys),
		CASE(test_refuses_bad_files),
		CASE(test_bounds_depth_and_expansion),
		CASE(test_merge_keys),
		cmocka_unit_test(test_scalars_are_those_of_yaml_1_1),
		cmocka_unit_test(test_durations_and_sizes),
		CASE(test_wrong_types_are_refused_with_their_place),
		CASE(test_fill_defaults),
		CASE(test_fill_values),
		CASE(test_fill_refusals),
		CASE(test_unknown_keys),
		cmocka_unit_test(test_distance),
		cmocka_unit_test(test_key_table_is_sorted),
		CASE(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
