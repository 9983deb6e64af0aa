/* SPDX-License-Identifier: Apache-2.0 */
#include "path.h"

#include <string.h>

struct path hearth_path_split(struct hearth_arena *arena, const char *text)
{
	struct path path = { .count = 1 };
	char *out = hearth_arena_alloc(arena, strlen(text) + 1);
	size_t dots = 0;

	for (const char *at = text; *at; at++)
		dots += *at == '.';
	path.keys = hearth_arena_array_of(arena, const char *, dots + 1);
	path.keys[0] = out;
	for (; *text; text++) {
		if (*text == '.') {
			*out++ = '\0';
			path.keys[path.count++] = out;
			continue;
		}
		if (*text == '\\' && (text[1] == '.' || text[1] == '\\'))
			text++;
		*out++ = *text;
	}
	*out = '\0';
	return path;
}

const struct hearth_json *hearth_path_get(const struct path *path, const struct hearth_json *value)
{
	for (size_t i = 0; i < path->count; i++)
		value = hearth_json_get(value, path->keys[i]);
	return value;
}
