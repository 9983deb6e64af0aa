/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/config_fuzz.c - any bytes as a configuration: parsed, walked and turned into JSON within bounds.
 */
#include "config/node.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct hearth_error err = { 0 };
	struct config_node *root = NULL;

	if (size > 65536 || config_parse(arena, "fuzz", (const char *)data, size, &root, &err) < 0)
		return 0;
	if (root) {
		hearth_assert(root->expanded <= CONFIG_EXPANDED_MAX && root->height <= CONFIG_DEPTH_MAX);
		config_to_json(arena, root);
	}
	return 0;
}
