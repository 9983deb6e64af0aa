/* SPDX-License-Identifier: Apache-2.0 */
/* The Content-Disposition of a download. */
#include "media.h"

#include <string.h>
#include <strings.h>

/* Types that a browser may show in place (spec client-server, "Serving inline content"). */
static const char *const INLINE_TYPES[] = {
	"text/css", "text/plain", "text/csv", "application/json", "application/ld+json", "image/jpeg", "image/gif",
	"image/png", "image/apng", "image/webp", "image/avif", "video/mp4", "video/webm", "video/ogg", "video/quicktime",
	"audio/mp4", "audio/webm", "audio/aac", "audio/mpeg", "audio/ogg", "audio/wave", "audio/wav", "audio/x-wav",
	"audio/x-pn-wav", "audio/flac", "audio/x-flac",
};

/* The type without its parameters decides. */
static bool is_inline(const char *media_type)
{
	size_t length = strcspn(media_type, "; \t");

	for (size_t i = 0; i < HEARTH_COUNT(INLINE_TYPES); i++)
		if (strlen(INLINE_TYPES[i]) == length && strncasecmp(media_type, INLINE_TYPES[i], length) == 0)
			return true;
	return false;
}

/* What RFC 5987 lets stand unescaped in filename*. */
static bool stands(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
	       (byte && strchr("!#$&+-.^_`|~", byte));
}

static bool is_plain(const char *name)
{
	for (; *name; name++)
		if (!stands((unsigned char)*name))
			return false;
	return true;
}

static char *escape(struct hearth_arena *arena, const char *name)
{
	static const char HEX[] = "0123456789ABCDEF";
	char *text = hearth_arena_alloc(arena, 3 * strlen(name) + 1), *end = text;

	for (; *name; name++) {
		unsigned char byte = (unsigned char)*name;

		if (stands(byte)) {
			*end++ = (char)byte;
			continue;
		}
		*end++ = '%';
		*end++ = HEX[byte >> 4];
		*end++ = HEX[byte & 15];
	}
	*end = '\0';
	return text;
}

const char *media_disposition(struct hearth_arena *arena, const char *media_type, const char *name)
{
	const char *kind = is_inline(media_type) ? "inline" : "attachment";

	if (!name || !*name)
		return kind;
	if (is_plain(name))
		return hearth_arena_printf(arena, "%s; filename=%s", kind, name);
	return hearth_arena_printf(arena, "%s; filename*=utf-8''%s", kind, escape(arena, name));
}
