/* SPDX-License-Identifier: Apache-2.0
 *
 * host/keys/keys_fuzz.c - any text as a signing key file.
 */
#include "keys/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct hearth_signing_key *keys = NULL;
	struct hearth_error err = { 0 };
	size_t count = 0;

	if (keys_parse(arena, "fuzz", hearth_arena_strndup(arena, (const char *)data, size), &keys, &count, &err) == 0)
		hearth_assert(count > 0 && keys[0].key_id[0]);
	return 0;
}
