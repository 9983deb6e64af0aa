/* SPDX-License-Identifier: Apache-2.0 */
/* Globs (spec appendices, "Glob-style matching"). Only the latest star is ever tried again: |pattern| x |text| steps.
 */
#include "glob.h"

#include <hearth/matrix/id.h>

#include <string.h>

#include "text.h"

static char folded(char c, bool fold)
{
	return fold && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* The bytes of the character at text; 1 where it is not UTF-8. */
static size_t character_length(const char *text, size_t available)
{
	size_t length = hearth_utf8_length(text, available);

	return length ? length : 1;
}

static bool matches(const char *pattern, const char *text, size_t text_length, bool fold)
{
	const char *end = text + text_length, *star = NULL, *retry = NULL;

	while (text < end || *pattern) {
		if (*pattern == '*') {
			star = ++pattern;
			retry = text;
		} else if (*pattern == '?' && text < end) {
			pattern++;
			text += character_length(text, (size_t)(end - text));
		} else if (*pattern && text < end && folded(*pattern, fold) == folded(*text, fold)) {
			pattern++;
			text++;
		} else if (star && retry < end) {
			retry += character_length(retry, (size_t)(end - retry));
			pattern = star;
			text = retry;
		} else {
			return false;
		}
	}
	return true;
}

int hearth_glob_matches(const char *pattern, const char *text)
{
	return matches(pattern, text, strlen(text), false);
}

bool hearth_glob_matches_folded(const char *pattern, const char *text, size_t text_length)
{
	return matches(pattern, text, text_length, true);
}
