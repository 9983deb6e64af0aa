/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON: whatever is parsed has a canonical form, which parses to an equal value and is its own canonical form; the
 * writer carries it unchanged. The first byte chooses the flags.
 */
#include <stdint.h>
#include <string.h>

#include <hearth/writer.h>

static const struct hearth_json *parse_again(struct hearth_arena *arena, const char *text, size_t length,
					     uint32_t flags)
{
	const struct hearth_json *value;

	hearth_assert(hearth_json_parse(arena, text, length, flags, &value, NULL) == 0);
	return value;
}

static void check_canonical(struct hearth_arena *arena, const struct hearth_json *value, uint32_t flags)
{
	const struct hearth_json *again;
	size_t length, length_again;
	char *text, *text_again;

	if (hearth_json_canonical(arena, value, flags, &text, &length, NULL) < 0) {
		hearth_assert(flags == 0); /* a float that is no integer */
		return;
	}
	again = parse_again(arena, text, length, flags);
	hearth_assert(flags == 0 || hearth_json_equal(value, again));
	hearth_assert(hearth_json_canonical(arena, again, flags, &text_again, &length_again, NULL) == 0);
	hearth_assert(length == length_again && memcmp(text, text_again, length) == 0);
}

static void check_writer(struct hearth_arena *arena, const struct hearth_json *value, uint32_t flags)
{
	struct hearth_writer *w = hearth_writer_new(arena);
	size_t length;
	const char *text;

	hearth_write_json(w, NULL, value);
	text = hearth_writer_text(w, &length);
	hearth_assert(hearth_json_equal(parse_again(arena, text, length, flags), value));
}

/* An object's copy has the same members, found by the same keys. */
static void check_copy(struct hearth_arena *arena, const struct hearth_json *value, uint32_t flags)
{
	struct hearth_json *copy;

	if (hearth_json_type(value) != HEARTH_JSON_OBJECT)
		return;
	copy = hearth_json_object_copy(arena, value);
	hearth_assert(hearth_json_equal(copy, value));
	check_writer(arena, copy, flags | HEARTH_JSON_BIG_INTS);
	for (size_t i = 0; i < hearth_json_size(value); i++) {
		const char *key = hearth_json_key_at(value, i);

		if (strlen(key) != hearth_json_key_length_at(value, i))
			continue; /* not to be named by a text that ends at a NUL */
		hearth_assert(hearth_json_get(value, key) == hearth_json_get(copy, key));
		hearth_json_remove(copy, key);
		hearth_assert(!hearth_json_get(copy, key));
		hearth_json_set(copy, key, value);
		hearth_assert(hearth_json_get(copy, key) == value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t choices[] = { 0, HEARTH_JSON_NO_FLOATS, HEARTH_JSON_BIG_INTS };
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	const struct hearth_json *value;
	struct hearth_error err = { 0 };
	uint32_t flags;

	if (size == 0)
		return 0;
	flags = choices[data[0] % HEARTH_COUNT(choices)];
	if (hearth_json_parse(arena, (const char *)data + 1, size - 1, flags, &value, &err) < 0) {
		hearth_assert(err.code && err.errcode[0] && err.message[0]);
		return 0;
	}
	check_canonical(arena, value, flags);
	check_writer(arena, value, flags);
	check_copy(arena, value, flags);
	return 0;
}
