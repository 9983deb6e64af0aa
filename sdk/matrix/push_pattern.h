/* SPDX-License-Identifier: Apache-2.0 */
/* Glob patterns of push rules: case-insensitive, on the whole of a text or on a stretch of it between words. */
#ifndef HEARTH_PUSH_PATTERN_H
#define HEARTH_PUSH_PATTERN_H

#include <hearth/arena.h>

#define PUSH_PATTERN_MAX 512 /* characters; a longer pattern matches nothing */

struct push_pattern;

/*
 * Compiles a glob. by_words: it is to match a stretch that starts and ends at word boundaries, else the whole text.
 * NULL where it is longer than PUSH_PATTERN_MAX. arena.
 */
const struct push_pattern *hearth_push_pattern_new(struct hearth_arena *arena, const char *glob, size_t length,
						   int by_words);

/* 1 where it matches. Time: the text's length times the pattern's, over 64. NULL matches nothing. */
int hearth_push_pattern_matches(const struct push_pattern *pattern, const char *text, size_t length);

/* 1 where literal, whatever stands in it, is a stretch of text between word boundaries. Empty: never. */
int hearth_push_has_words(const char *text, size_t length, const char *literal);

#endif
