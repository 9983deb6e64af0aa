/* SPDX-License-Identifier: Apache-2.0 */
/* The cryptographic test vectors of the specification's appendices, and what must not verify. */
#include "test_support.h"

#include <hearth/matrix/event.h>
#include <hearth/matrix/id.h>

static struct hearth_signing_key vector_key(struct hearth_arena *arena)
{
	struct hearth_signing_key key;
	uint8_t *seed;
	size_t size;

	assert_int_equal(hearth_base64_decode(arena, "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1", &seed, &size), 0);
	assert_int_equal(size, 32);
	assert_int_equal(hearth_signing_key_from_seed(&key, "1", seed, NULL), 0);
	return key;
}

static void json_signing_vectors(void **state)
{
	static const char *const vectors[][2] = {
		{ "{}", "{\"signatures\":{\"domain\":{\"ed25519:1\":\"K8280/"
			"U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76L"
			"Trr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ\"}}}" },
		{ "{\"one\":1,\"two\":\"Two\"}", "{\"one\":1,\"signatures\":{\"domain\":{\"ed25519:1\":\"KqmLSbO39/"
						 "Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7"
						 "BP7vBZhG6kYdD13EIMJpvhJI+6Bw\"}},\"two\":\"Two\"}" },
	};
	struct hearth_signing_key key = vector_key(*state);

	for (size_t i = 0; i < HEARTH_COUNT(vectors); i++) {
		struct hearth_json *object = hearth_json_object_copy(*state, parsed(*state, vectors[i][0]));

		assert_int_equal(hearth_json_sign(*state, object, "domain", &key, NULL), 0);
		assert_string_equal(canonical_text(*state, object), vectors[i][1]);
		assert_int_equal(hearth_json_verify(*state, object, "domain", "ed25519:1", key.public_key, NULL), 0);
	}
}

static void event_signing_vectors(void **state)
{
	static const char *const vectors[][2] = {
		{ "{\"room_id\":\"!x:domain\",\"sender\":\"@a:domain\",\"origin\":\"domain\",\"origin_server_ts\":"
		  "1000000,"
		  "\"signatures\":{},\"hashes\":{},\"type\":\"X\",\"content\":{},\"prev_events\":[],\"auth_events\":[],"
		  "\"depth\":3,\"unsigned\":{\"age_ts\":1000000}}",
		  "{\"auth_events\":[],\"content\":{},\"depth\":3,\"hashes\":{\"sha256\":"
		  "\"5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos\"},\"origin\":\"domain\",\"origin_server_ts\":1000000,"
		  "\"prev_events\":[],\"room_id\":\"!x:domain\",\"sender\":\"@a:domain\",\"signatures\":{\"domain\":{"
		  "\"ed25519:1\":\"KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+"
		  "lYAg\"}},"
		  "\"type\":\"X\",\"unsigned\":{\"age_ts\":1000000}}" },
		{ "{\"content\":{\"body\":\"Here is the message "
		  "content\"},\"event_id\":\"$0:domain\",\"origin\":\"domain\","
		  "\"origin_server_ts\":1000000,\"type\":\"m.room.message\",\"room_id\":\"!r:domain\",\"sender\":\"@u:"
		  "domain\","
		  "\"signatures\":{},\"unsigned\":{\"age_ts\":1000000}}",
		  "{\"content\":{\"body\":\"Here is the message "
		  "content\"},\"event_id\":\"$0:domain\",\"hashes\":{\"sha256\":"
		  "\"onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g\"},\"origin\":\"domain\",\"origin_server_ts\":1000000,"
		  "\"room_id\":\"!r:domain\",\"sender\":\"@u:domain\",\"signatures\":{\"domain\":{\"ed25519:1\":"
		  "\"Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA\"}},"
		  "\"type\":\"m.room.message\",\"unsigned\":{\"age_ts\":1000000}}" },
	};
	struct hearth_signing_key key = vector_key(*state);

	for (size_t i = 0; i < HEARTH_COUNT(vectors); i++) {
		const struct hearth_room_version *version = hearth_room_version(i == 0 ? "4" : "1");
		struct hearth_json *pdu = hearth_json_object_copy(*state, parsed(*state, vectors[i][0]));
		const char *event_id;

		assert_int_equal(hearth_event_sign(*state, version, pdu, "domain", &key, &event_id, NULL), 0);
		assert_string_equal(canonical_text(*state, pdu), vectors[i][1]);
		assert_int_equal(hearth_json_verify(*state, hearth_event_redact(*state, version, pdu), "domain",
						    "ed25519:1", key.public_key, NULL),
				 0);
		assert_true(hearth_id_is_event(event_id));
	}
}

static void what_must_not_verify(void **state)
{
	struct hearth_signing_key key = vector_key(*state), other;
	struct hearth_json *object = hearth_json_object_copy(*state, parsed(*state, "{\"a\":1}")), *changed;
	struct hearth_error err = { 0 };
	const struct hearth_json *damaged;

	assert_int_equal(hearth_signing_key_generate(&other, "2", NULL), 0);
	assert_string_equal(other.key_id, "ed25519:2");
	assert_int_equal(hearth_json_sign(*state, object, "domain", &key, NULL), 0);
	assert_int_equal(hearth_json_sign(*state, object, "other", &other, NULL), 0);
	hearth_json_set(object, "unsigned", parsed(*state, "{\"age\":1}"));
	assert_int_equal(hearth_json_verify(*state, object, "domain", "ed25519:1", key.public_key, NULL), 0);
	assert_int_equal(hearth_json_verify(*state, object, "other", "ed25519:2", other.public_key, NULL), 0);

	assert_int_equal(hearth_json_verify(*state, object, "domain", "ed25519:1", other.public_key, &err), -13);
	assert_string_equal(err.errcode, "M_UNAUTHORIZED");
	assert_int_equal(hearth_json_verify(*state, object, "domain", "ed25519:2", key.public_key, NULL), -13);
	assert_int_equal(hearth_json_verify(*state, object, "nobody", "ed25519:1", key.public_key, NULL), -13);
	changed = hearth_json_object_copy(*state, object);
	hearth_json_set_int(changed, "a", 2);
	assert_int_equal(hearth_json_verify(*state, changed, "domain", "ed25519:1", key.public_key, NULL), -13);
	damaged = parsed(*state, "{\"a\":1,\"signatures\":{\"domain\":{\"ed25519:1\":\"AAAA\",\"ed25519:2\":7,"
				 "\"ed25519:3\":\"!!\",\"x:1\":\"AAAA\"}}}");
	assert_int_equal(hearth_json_verify(*state, damaged, "domain", "ed25519:1", key.public_key, NULL), -13);
	assert_int_equal(hearth_json_verify(*state, damaged, "domain", "ed25519:2", key.public_key, NULL), -13);
	assert_int_equal(hearth_json_verify(*state, damaged, "domain", "ed25519:3", key.public_key, NULL), -13);
	assert_int_equal(hearth_json_verify(*state, damaged, "domain", "x:1", key.public_key, NULL), -13);
}

static void key_versions(void **state)
{
	static const char *const refused[] = {
		"", "a b", "a:b", "a-b", "\xc3\xa9", "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffff",
	};
	struct hearth_signing_key key = vector_key(*state), copy;

	for (size_t i = 0; i < HEARTH_COUNT(refused); i++)
		assert_int_equal(hearth_signing_key_from_seed(&copy, refused[i], key.seed, NULL), -22);
	assert_int_equal(hearth_signing_key_from_seed(&copy, "a_Bc1", key.seed, NULL), 0);
	assert_memory_equal(copy.public_key, key.public_key, 32);
}

static void hashes_and_comparison(void **state)
{
	uint8_t hash[32];

	hearth_sha256("abc", 3, hash);
	assert_string_equal(hearth_base64_encode(*state, hash, 32), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0");
	assert_int_equal(hearth_equal_secret("abc", "abc", 3), 1);
	assert_int_equal(hearth_equal_secret("abc", "abd", 3), 0);
	assert_int_equal(hearth_equal_secret("abc", "abd", 0), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WITH_ARENA(json_signing_vectors),  TEST_WITH_ARENA(event_signing_vectors),
		TEST_WITH_ARENA(what_must_not_verify),  TEST_WITH_ARENA(key_versions),
		TEST_WITH_ARENA(hashes_and_comparison),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
