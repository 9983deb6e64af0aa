/* SPDX-License-Identifier: Apache-2.0 */
/* The two forms of a log line. Control characters never get through: one call, one line, no terminal codes. */
#include "log/log_line.h"

#include <stdio.h>
#include <string.h>

#define ESCAPE_BYTES 6 /* the longest: "\u001b" */

struct text {
	char *bytes;
	size_t used, size;
};

static void put(struct text *text, const char *bytes, size_t length)
{
	if (length > text->size - text->used)
		length = text->size - text->used;
	memcpy(text->bytes + text->used, bytes, length);
	text->used += length;
}

static void puts_plain(struct text *text, const char *string)
{
	put(text, string, strlen(string));
}

static void put_hex(struct text *text, const char *prefix, unsigned char byte)
{
	static const char DIGITS[] = "0123456789abcdef";
	const char digits[2] = { DIGITS[byte >> 4], DIGITS[byte & 15] };

	puts_plain(text, prefix);
	put(text, digits, 2);
}

/* The bytes of the well-formed UTF-8 sequence at the start, or 0. */
static size_t utf8_length(const unsigned char *at)
{
	size_t length = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : (at[0] & 0xf0) == 0xe0 ? 3 :
			at[0] >= 0xf0 && at[0] < 0xf5 ? 4 : 0;

	for (size_t i = 1; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) || (at[0] == 0xf0 && at[1] < 0x90) ||
	    (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return length;
}

/* C1 controls (U+0080 to U+009F) drive some terminals as well. */
static int is_control(const unsigned char *at, size_t length)
{
	return (length == 1 && (at[0] < 0x20 || at[0] == 0x7f)) || (length == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

/* Leaves room for what ends the line. */
static void put_escaped(struct text *text, const char *string, int json)
{
	const unsigned char *at = (const unsigned char *)string;
	const char *prefix = json ? "\\u00" : "\\x";

	while (*at && text->size - text->used >= ESCAPE_BYTES) {
		size_t length = utf8_length(at);

		if (json && (*at == '"' || *at == '\\')) {
			put(text, "\\", 1);
			put(text, (const char *)at, 1);
			at++;
		} else if (!length || is_control(at, length)) {
			at += length == 2;
			put_hex(text, prefix, *at++);
		} else {
			put(text, (const char *)at, length);
			at += length;
		}
	}
}

static const char *level_name(uint32_t level)
{
	return level >= HEARTH_ERROR ? "ERROR" : level >= HEARTH_WARNING ? "WARNING" : level >= HEARTH_INFO ? "INFO" : "DEBUG";
}

static void put_time(struct text *text, const struct timespec *time, int json)
{
	char date[40], whole[64];
	struct tm parts;

	gmtime_r(&time->tv_sec, &parts);
	strftime(date, sizeof(date), json ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
	snprintf(whole, sizeof(whole), "%s.%03ldZ", date, time->tv_nsec / 1000000);
	puts_plain(text, whole);
}

size_t log_line_human(const struct log_line *line, char *ret_line, size_t size_bytes)
{
	struct text text = { .bytes = ret_line, .size = size_bytes - 1 };

	put_time(&text, &line->time, 0);
	puts_plain(&text, " ");
	puts_plain(&text, level_name(line->level));
	puts_plain(&text, " ");
	put_escaped(&text, line->part, 0);
	if (line->request_id) {
		puts_plain(&text, " [");
		put_escaped(&text, line->request_id, 0);
		puts_plain(&text, "]");
	}
	puts_plain(&text, ": ");
	put_escaped(&text, line->message, 0);
	ret_line[text.used] = '\n';
	return text.used + 1;
}

static void put_member(struct text *text, const char *name, const char *value)
{
	if (!value)
		return;
	puts_plain(text, ",\"");
	puts_plain(text, name);
	puts_plain(text, "\":\"");
	put_escaped(text, value, 1);
	puts_plain(text, "\"");
}

size_t log_line_json(const struct log_line *line, char *ret_line, size_t size_bytes)
{
	struct text text = { .bytes = ret_line, .size = size_bytes - sizeof("\"}\n") };

	puts_plain(&text, "{\"time\":\"");
	put_time(&text, &line->time, 1);
	puts_plain(&text, "\"");
	put_member(&text, "level", level_name(line->level));
	put_member(&text, "part", line->part);
	put_member(&text, "request", line->request_id);
	put_member(&text, "task", line->task);
	puts_plain(&text, ",\"message\":\"");
	put_escaped(&text, line->message, 1);
	text.size = size_bytes;
	puts_plain(&text, "\"}\n");
	return text.used;
}
