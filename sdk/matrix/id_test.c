/* SPDX-License-Identifier: Apache-2.0 */
#include "test_support.h"

#include <hearth/matrix/id.h>

struct sample {
	const char *text;
	int valid;
};

static void check(int (*is_valid)(const char *text), const struct sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_valid(samples[i].text) != samples[i].valid)
			fail_msg("'%s' should be %s", samples[i].text, samples[i].valid ? "valid" : "invalid");
}

#define LONG_50  "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
#define LONG_250 LONG_50 LONG_50 LONG_50 LONG_50 LONG_50
#define HASH     "Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ"

static void server_names(void **state)
{
	static const struct sample samples[] = {
		{ "matrix.org", 1 },
		{ "matrix.org:8888", 1 },
		{ "1.2.3.4", 1 },
		{ "1.2.3.4:1234", 1 },
		{ "[1234:5678::abcd]", 1 },
		{ "[1234:5678::abcd]:5678", 1 },
		{ "[::ffff:1.2.3.4]", 1 },
		{ "localhost", 1 },
		{ "MATRIX.org", 1 },
		{ LONG_250 ".com", 1 },
		{ LONG_250 ".com.de", 0 },
		{ "", 0 },
		{ ":80", 0 },
		{ "matrix.org:", 0 },
		{ "matrix.org:123456", 0 },
		{ "matrix.org:80a", 0 },
		{ "matrix.org:80:80", 0 },
		{ "matrix_org", 0 },
		{ "matrix org", 0 },
		{ "m\xc3\xa4trix.org", 0 },
		{ "matrix.org/", 0 },
		{ "[]", 0 },
		{ "[:]", 0 },
		{ "[1::2::3]", 0 },
		{ "[1234:5678::abcd", 0 },
		{ "[::1]x", 0 },
		{ "[::1]:", 0 },
		{ "[fe80::1%eth0]", 0 },
		{ "[g::1]", 0 },
		{ "[" LONG_250 "]", 0 },
	};

	(void)state;
	check(hearth_id_is_server_name, samples, HEARTH_COUNT(samples));
}

static void ids(void **state)
{
	static const struct sample users[] = {
		{ "@alice:example.org", 1 },
		{ "@Alice Smith!:example.org", 1 },
		{ "@\xc3\xa9:example.org:8448", 1 },
		{ "@:example.org", 1 },
		{ "@a:[::1]:80", 1 },
		{ "@" LONG_250 ":a.b", 1 },
		{ "@" LONG_250 ":a.bc", 0 },
		{ "alice:example.org", 0 },
		{ "@alice", 0 },
		{ "@alice:", 0 },
		{ "@a:b:c", 0 },
		{ "@\xff:example.org", 0 },
		{ "", 0 },
		{ "@", 0 },
	};
	static const struct sample rooms[] = {
		{ "!abc:example.org", 1 },   { "!" HASH, 1 },           { "!abc", 0 },
		{ "!" HASH "a", 0 },         { "#abc:example.org", 0 }, { "!", 0 },
		{ "!" LONG_250 ":abcd", 0 },
	};
	static const struct sample aliases[] = {
		{ "#abc:example.org", 1 }, { "#a b \xe2\x82\xac:example.org", 1 },
		{ "#:example.org", 0 },    { "#abc", 0 },
		{ "abc:example.org", 0 },
	};
	static const struct sample events[] = {
		{ "$abc:example.org", 1 },
		{ "$" HASH, 1 },
		{ "$acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk", 1 },
		{ "$", 0 },
		{ "$a b", 0 },
		{ "$:example.org", 0 },
		{ "abc:example.org", 0 },
		{ "$" LONG_250 "abcde", 0 },
	};

	(void)state;
	assert_false(hearth_id_is_user(NULL) || hearth_id_is_room(NULL) || hearth_id_is_alias(NULL) ||
		     hearth_id_is_event(NULL) || hearth_id_is_server_name(NULL) || hearth_id_is_opaque(NULL) ||
		     hearth_id_localpart_is_strict(NULL));
	check(hearth_id_is_user, users, HEARTH_COUNT(users));
	check(hearth_id_is_room, rooms, HEARTH_COUNT(rooms));
	check(hearth_id_is_alias, aliases, HEARTH_COUNT(aliases));
	check(hearth_id_is_event, events, HEARTH_COUNT(events));
}

static void localparts_and_opaque_ids(void **state)
{
	static const struct sample localparts[] = {
		{ "alice.b_c=d-e/f+0", 1 }, { "", 0 }, { "Alice", 0 }, { "a b", 0 }, { "a:b", 0 }, { "\xc3\xa9", 0 },
	};
	static const struct sample opaque[] = {
		{ "AZaz09-._~", 1 }, { "", 0 }, { "a/b", 0 }, { LONG_250 "abcde", 1 }, { LONG_250 "abcdef", 0 },
	};

	(void)state;
	check(hearth_id_localpart_is_strict, localparts, HEARTH_COUNT(localparts));
	check(hearth_id_is_opaque, opaque, HEARTH_COUNT(opaque));
}

static void parts(void **state)
{
	assert_string_equal(hearth_id_server("@a:b.org:80"), "b.org:80");
	assert_null(hearth_id_server("!" HASH));
	assert_string_equal(hearth_id_localpart(*state, "@a:b.org:80"), "a");
	assert_string_equal(hearth_id_localpart(*state, "$abc"), "abc");
	assert_string_equal(hearth_id_localpart(*state, ""), "");
	assert_true(hearth_id_is_local("@a:b.org", "b.org"));
	assert_false(hearth_id_is_local("@a:b.org", "b.or"));
	assert_false(hearth_id_is_local("@a:B.org", "b.org"));
	assert_false(hearth_id_is_local("$abc", "b.org"));
}

static void random_texts_differ(void **state)
{
	char a[33], b[33], seen[128] = { 0 };

	(void)state;
	hearth_id_random(a, sizeof(a));
	hearth_id_random(b, sizeof(b));
	assert_int_equal(strlen(a), 32);
	assert_true(hearth_id_is_opaque(a));
	assert_string_not_equal(a, b);
	hearth_id_random(a, 1);
	assert_string_equal(a, "");
	for (int i = 0; i < 200; i++) {
		hearth_id_random(a, sizeof(a));
		for (const char *c = a; *c; c++)
			seen[(unsigned char)*c] = 1;
	}
	for (const char *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"; *c; c++)
		assert_true(seen[(unsigned char)*c]);
}

/* The examples of the specification's appendix "Unpadded Base64". */
static void base64(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },           { "f", "Zg" },          { "fo", "Zm8" },          { "foo", "Zm9v" },
		{ "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" }, { "foobar", "Zm9vYmFy" },
	};
	static const char *const refused[] = { "A", "AAAAA", "AA=", "A===", "A A", "AA\n", "Zg==Zg", "\xc3\xa9", "=" };
	uint8_t *bytes;
	size_t size;

	for (size_t i = 0; i < HEARTH_COUNT(pairs); i++) {
		assert_string_equal(hearth_base64_encode(*state, pairs[i][0], strlen(pairs[i][0])), pairs[i][1]);
		assert_int_equal(hearth_base64_decode(*state, pairs[i][1], &bytes, &size), 0);
		assert_int_equal(size, strlen(pairs[i][0]));
		assert_memory_equal(bytes, pairs[i][0], size);
	}
	assert_string_equal(hearth_base64_encode(*state, "\xfb\xff\xbf", 3), "+/+/");
	assert_string_equal(hearth_base64url_encode(*state, "\xfb\xff\xbf", 3), "-_-_");
	assert_int_equal(hearth_base64_decode(*state, "-_+/", &bytes, &size), 0);
	assert_memory_equal(bytes, "\xfb\xff\xbf", 3);
	assert_int_equal(hearth_base64_decode(*state, "Zg==", &bytes, &size), 0);
	assert_int_equal(size, 1);
	assert_int_equal(hearth_base64_decode(*state, "Zh", &bytes, &size), 0);
	assert_int_equal(bytes[0], 'f');
	for (size_t i = 0; i < HEARTH_COUNT(refused); i++)
		if (hearth_base64_decode(*state, refused[i], &bytes, &size) != -22)
			fail_msg("'%s' was taken", refused[i]);
}

static void globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		int matches;
	} samples[] = {
		{ "", "", 1 },
		{ "", "a", 0 },
		{ "*", "", 1 },
		{ "*", "abc", 1 },
		{ "a*c", "abbbc", 1 },
		{ "a*c", "abbbcd", 0 },
		{ "a?c", "abc", 1 },
		{ "a?c", "ac", 0 },
		{ "?", "\xe2\x82\xac", 1 },
		{ "??", "\xe2\x82\xac", 0 },
		{ "*b*c*", "aabbcc", 1 },
		{ "*.org", "a.orgb", 0 },
		{ "**?", "a", 1 },
		{ "**?", "", 0 },
		{ "abc", "ABC", 0 },
		{ "a*a*a*b", "aaaaaaaaaaaa", 0 },
		{ "*\xac", "\xe2\x82\xac", 0 },
	};

	(void)state;
	for (size_t i = 0; i < HEARTH_COUNT(samples); i++)
		if (hearth_glob_matches(samples[i].pattern, samples[i].text) != samples[i].matches)
			fail_msg("'%s' and '%s'", samples[i].pattern, samples[i].text);
}

static void access_control_lists(void **state)
{
	static const char acl[] = "{\"allow\":[\"*\",7],\"deny\":[\"*.Evil.com\",\"evil.com\",\"9.9.9.?\",null]}",
			  no_ip[] = "{\"allow\":[\"*\"],\"allow_ip_literals\":false}",
			  odd_ip[] = "{\"allow\":[\"*\"],\"allow_ip_literals\":\"false\"}",
			  some[] = "{\"allow\":[\"good.org\",\"*.good.org\"]}";
	static const struct {
		const char *content, *server;
		int allowed;
	} samples[] = {
		{ acl, "good.org", 1 },      { acl, "evil.com", 0 },
		{ acl, "EVIL.com:8448", 0 }, { acl, "a.evil.com:1", 0 },
		{ acl, "notevil.com", 1 },   { acl, "9.9.9.9", 0 },
		{ acl, "9.9.9.99", 1 },      { acl, "[::1]:80", 1 },
		{ no_ip, "1.2.3.4", 0 },     { no_ip, "[::1]:80", 0 },
		{ no_ip, "1.2.3.4:80", 0 },  { no_ip, "1.2.3.4.5", 1 },
		{ no_ip, "1.2.3", 1 },       { no_ip, "1.2.3.400", 1 },
		{ odd_ip, "1.2.3.4", 1 },    { some, "good.org:80", 1 },
		{ some, "x.good.org", 1 },   { some, "bad.org", 0 },
		{ "{}", "good.org", 0 },     { "{\"allow\":\"*\"}", "good.org", 0 },
	};

	for (size_t i = 0; i < HEARTH_COUNT(samples); i++)
		if (hearth_acl_allows(parsed(*state, samples[i].content), samples[i].server) != samples[i].allowed)
			fail_msg("%s and %s", samples[i].content, samples[i].server);
	assert_int_equal(hearth_acl_allows(NULL, "anyone.org"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(server_names),
		TEST_WITH_ARENA(ids),
		TEST_WITH_ARENA(localparts_and_opaque_ids),
		TEST_WITH_ARENA(parts),
		TEST_WITH_ARENA(random_texts_differ),
		TEST_WITH_ARENA(base64),
		TEST_WITH_ARENA(globs),
		TEST_WITH_ARENA(access_control_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
