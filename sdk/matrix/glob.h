/* SPDX-License-Identifier: Apache-2.0 */
/* Glob matching that ignores the case of ASCII letters, for server ACLs. text is text_length bytes. */
#ifndef HEARTH_GLOB_H
#define HEARTH_GLOB_H

#include <stdbool.h>
#include <stddef.h>

bool hearth_glob_matches_folded(const char *pattern, const char *text, size_t text_length);

#endif
