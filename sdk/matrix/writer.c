/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer: the text grows on the heap, and dies with the arena. */
#include <hearth/writer.h>

#include <stdbool.h>

#include "json_internal.h"

#define FIRST_CAPACITY 1024u /* in the arena: small answers need nothing more */

enum open_kind {
	OPEN_DOCUMENT,
	OPEN_OBJECT,
	OPEN_ARRAY,
};

struct level {
	uint8_t kind; /* enum open_kind */
	uint8_t has_content;
};

struct hearth_writer {
	struct text text;
	size_t depth;
	struct level levels[1 + HEARTH_JSON_DEPTH_MAX + HEARTH_JSON_WRAPPING_MAX];
};

static void finish(void *argument)
{
	struct hearth_writer *w = argument;

	hearth_text_finish(&w->text);
}

struct hearth_writer *hearth_writer_new(struct hearth_arena *arena)
{
	struct hearth_writer *w = hearth_arena_new_of(arena, struct hearth_writer);

	w->text.bytes = hearth_arena_alloc(arena, FIRST_CAPACITY);
	w->text.borrowed = w->text.bytes;
	w->text.capacity = FIRST_CAPACITY;
	hearth_arena_defer(arena, finish, w);
	return w;
}

/* What stands in front of a value: the comma and the key. */
static void begin(struct hearth_writer *w, const char *key)
{
	struct level *level = &w->levels[w->depth];

	hearth_assert((level->kind == OPEN_OBJECT) == (key != NULL));
	hearth_assert(level->kind != OPEN_DOCUMENT || !level->has_content);
	if (level->has_content)
		hearth_text_put(&w->text, ',');
	level->has_content = 1;
	if (!key)
		return;
	hearth_text_json_string(&w->text, key, strlen(key));
	hearth_text_put(&w->text, ':');
}

static void open_level(struct hearth_writer *w, const char *key, enum open_kind kind)
{
	begin(w, key);
	hearth_assert(w->depth + 1 < HEARTH_COUNT(w->levels));
	w->levels[++w->depth] = (struct level){ .kind = (uint8_t)kind };
	hearth_text_put(&w->text, kind == OPEN_OBJECT ? '{' : '[');
}

void hearth_write_object(struct hearth_writer *w, const char *key)
{
	open_level(w, key, OPEN_OBJECT);
}

void hearth_write_array(struct hearth_writer *w, const char *key)
{
	open_level(w, key, OPEN_ARRAY);
}

void hearth_write_end(struct hearth_writer *w)
{
	hearth_assert(w->depth > 0);
	hearth_text_put(&w->text, w->levels[w->depth--].kind == OPEN_OBJECT ? '}' : ']');
}

void hearth_write_string_n(struct hearth_writer *w, const char *key, const char *text, size_t length)
{
	if (!text)
		return;
	begin(w, key);
	hearth_text_json_string(&w->text, text, length);
}

void hearth_write_string(struct hearth_writer *w, const char *key, const char *text)
{
	if (text)
		hearth_write_string_n(w, key, text, strlen(text));
}

void hearth_write_int(struct hearth_writer *w, const char *key, int64_t number)
{
	begin(w, key);
	hearth_text_json_int(&w->text, number);
}

void hearth_write_bool(struct hearth_writer *w, const char *key, int truth)
{
	begin(w, key);
	hearth_text_append(&w->text, truth ? "true" : "false", truth ? 4 : 5);
}

void hearth_write_null(struct hearth_writer *w, const char *key)
{
	begin(w, key);
	hearth_text_append(&w->text, "null", 4);
}

void hearth_write_json(struct hearth_writer *w, const char *key, const struct hearth_json *value)
{
	size_t length;
	const char *source = hearth_json_source(value, &length);
	int r;

	if (!value)
		return;
	if (source) {
		hearth_write_raw(w, key, source, length);
		return;
	}
	begin(w, key);
	r = hearth_json_serialise(&w->text, value, HEARTH_JSON_BIG_INTS,
				  HEARTH_JSON_DEPTH_MAX + HEARTH_JSON_WRAPPING_MAX, NULL);
	hearth_assert(r == 0);
}

void hearth_write_raw(struct hearth_writer *w, const char *key, const char *json, size_t length)
{
	begin(w, key);
	hearth_text_append(&w->text, json, length);
}

static bool is_space(char byte)
{
	return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

void hearth_write_members(struct hearth_writer *w, const char *json, size_t length)
{
	struct level *level = &w->levels[w->depth];
	const char *at = json, *end = json + length;

	while (at < end && is_space(*at))
		at++;
	while (at < end && is_space(end[-1]))
		end--;
	hearth_assert(level->kind == OPEN_OBJECT);
	hearth_assert(end - at >= 2 && *at == '{' && end[-1] == '}');
	at++;
	end--;
	while (at < end && is_space(*at))
		at++;
	if (at == end)
		return;
	if (level->has_content)
		hearth_text_put(&w->text, ',');
	level->has_content = 1;
	hearth_text_append(&w->text, at, (size_t)(end - at));
}

const char *hearth_writer_text(struct hearth_writer *w, size_t *ret_length)
{
	hearth_assert(w->depth == 0 && w->levels[0].has_content);
	hearth_text_put(&w->text, '\0');
	w->text.size--;
	if (ret_length)
		*ret_length = w->text.size;
	return w->text.bytes;
}

size_t hearth_writer_size(const struct hearth_writer *w)
{
	return w->text.size;
}
