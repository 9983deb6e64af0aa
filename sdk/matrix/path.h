/* SPDX-License-Identifier: Apache-2.0 */
/* Dot-separated property paths (spec appendices). */
#ifndef HEARTH_PATH_H
#define HEARTH_PATH_H

#include <hearth/json.h>

struct path {
	const char **keys;
	size_t count;
};

/* Splits at dots; "\." and "\\" stand for a dot and a backslash within a key. arena. */
struct path hearth_path_split(struct hearth_arena *arena, const char *text);

/* The value that the path leads to, NULL where there is none. */
const struct hearth_json *hearth_path_get(const struct path *path, const struct hearth_json *value);

#endif
