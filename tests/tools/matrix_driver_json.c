/* SPDX-License-Identifier: Apache-2.0 */
/* JSON: what is accepted, its canonical form, signatures. */
#include "matrix_driver.h"

#include <errno.h>

#include <hearth/matrix/event.h>
#include <hearth/matrix/id.h>

static int canonical_as(struct hearth_arena *arena, const struct hearth_json *value, uint32_t flags,
			const char **ret_result, struct hearth_error *err)
{
	char *text;
	int r;

	r = hearth_json_canonical(arena, value, flags, &text, NULL, err);
	if (r < 0)
		return r;
	*ret_result = text;
	return 0;
}

static int parse_and_write(struct hearth_arena *arena, const char *input, size_t length, uint32_t flags,
			   const char **ret_result, struct hearth_error *err)
{
	const struct hearth_json *value;
	int r;

	r = hearth_json_parse(arena, input, length, flags, &value, err);
	if (r < 0)
		return r;
	return canonical_as(arena, value, flags, ret_result, err);
}

static int canonical(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
		     struct hearth_error *err)
{
	return parse_and_write(arena, input, length, HEARTH_JSON_BIG_INTS, ret_result, err);
}

static int canonical_strict(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
			    struct hearth_error *err)
{
	return parse_and_write(arena, input, length, HEARTH_JSON_NO_FLOATS, ret_result, err);
}

static int has_strings(const struct hearth_json *request, const char *const *keys, size_t count,
		       struct hearth_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (!hearth_json_get_string(request, keys[i]))
			return hearth_fail(err, -EINVAL, "the request has no %s", keys[i]);
	return 0;
}

/* {"seed", "version", "signer", "object"} -> the signed object */
static int sign(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
		struct hearth_error *err)
{
	static const char *const needed[] = { "seed", "version", "signer" };
	const struct hearth_json *request;
	struct hearth_signing_key key;
	struct hearth_json *object;
	uint8_t *seed;
	size_t size;
	int r;

	r = hearth_json_parse(arena, input, length, HEARTH_JSON_BIG_INTS, &request, err);
	if (r < 0)
		return r;
	r = has_strings(request, needed, HEARTH_COUNT(needed), err);
	if (r < 0)
		return r;
	r = hearth_base64_decode(arena, hearth_json_get_string(request, "seed"), &seed, &size);
	if (r < 0 || size != sizeof(key.seed))
		return hearth_fail(err, -EINVAL, "the seed is 32 bytes of base64");
	r = hearth_signing_key_from_seed(&key, hearth_json_get_string(request, "version"), seed, err);
	if (r < 0)
		return r;
	object = hearth_json_object_copy(arena, hearth_json_get_object(request, "object"));
	r = hearth_json_sign(arena, object, hearth_json_get_string(request, "signer"), &key, err);
	if (r < 0)
		return r;
	return canonical_as(arena, object, HEARTH_JSON_BIG_INTS, ret_result, err);
}

/* {"public_key", "key_id", "signer", "object"} -> nothing */
static int verify(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
		  struct hearth_error *err)
{
	static const char *const needed[] = { "public_key", "signer", "key_id" };
	const struct hearth_json *request;
	uint8_t *public_key;
	size_t size;
	int r;

	r = hearth_json_parse(arena, input, length, HEARTH_JSON_BIG_INTS, &request, err);
	if (r < 0)
		return r;
	r = has_strings(request, needed, HEARTH_COUNT(needed), err);
	if (r < 0)
		return r;
	r = hearth_base64_decode(arena, hearth_json_get_string(request, "public_key"), &public_key, &size);
	if (r < 0 || size != 32)
		return hearth_fail(err, -EINVAL, "the public key is 32 bytes of base64");
	*ret_result = "";
	return hearth_json_verify(arena, hearth_json_get_object(request, "object"),
				  hearth_json_get_string(request, "signer"), hearth_json_get_string(request, "key_id"),
				  public_key, err);
}

const struct driver_command DRIVER_JSON_COMMANDS[] = {
	{ "canonical", canonical },
	{ "canonical-strict", canonical_strict },
	{ "sign", sign },
	{ "verify", verify },
	{ NULL, NULL },
};
