/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON parser. Without recursion: it runs on the small stacks of tasks, over what strangers send. */
#include "json_internal.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_OBJECT 16 /* members that an insertion sort puts in order faster than qsort */

struct open_container {
	uint32_t source_offset;
	uint32_t first_pending;
	bool is_object;
};

struct parser {
	struct hearth_arena *arena;
	const char *start, *at, *end;
	uint32_t flags;
	struct hearth_error *err;
	struct member *pending; /* of all open containers, innermost last */
	size_t pending_count, pending_capacity;
	size_t depth;
	struct open_container open[HEARTH_JSON_DEPTH_MAX];
};

static size_t offset_of(const struct parser *p, const char *at)
{
	return (size_t)(at - p->start);
}

static int not_json(const struct parser *p, const char *at, const char *what)
{
	return hearth_refuse(p->err, 400, "M_NOT_JSON", "%s at byte %zu", what, offset_of(p, at));
}

static int bad_json(const struct parser *p, const char *at, const char *what)
{
	return hearth_refuse(p->err, 400, "M_BAD_JSON", "%s at byte %zu", what, offset_of(p, at));
}

static int unexpected(const struct parser *p, const char *expected)
{
	if (p->at == p->end)
		return hearth_refuse(p->err, 400, "M_NOT_JSON", "the text ends at byte %zu where %s should follow",
				     offset_of(p, p->at), expected);
	return hearth_refuse(p->err, 400, "M_NOT_JSON", "expected %s at byte %zu", expected, offset_of(p, p->at));
}

static void skip_space(struct parser *p)
{
	while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\r' || *p->at == '\t'))
		p->at++;
}

static bool next_is(const struct parser *p, char byte)
{
	return p->at < p->end && *p->at == byte;
}

static int check_utf8(const struct parser *p)
{
	const char *at = p->start;

	while (at < p->end) {
		uint64_t word;
		size_t length;

		if (p->end - at >= 8) {
			memcpy(&word, at, 8);
			if (!(word & UINT64_C(0x8080808080808080))) {
				at += 8;
				continue;
			}
		}
		length = hearth_utf8_length(at, (size_t)(p->end - at));
		if (length == 0)
			return not_json(p, at, "invalid UTF-8");
		at += length;
	}
	return 0;
}

static struct member *push_pending(struct parser *p)
{
	if (p->pending_count == p->pending_capacity) {
		p->pending_capacity = p->pending_capacity ? 2 * p->pending_capacity : 64;
		p->pending = realloc(p->pending, p->pending_capacity * sizeof(*p->pending));
		hearth_assert(p->pending);
	}
	p->pending[p->pending_count] = (struct member){ 0 };
	return &p->pending[p->pending_count++];
}

static struct hearth_json *new_value(struct parser *p, uint32_t type, const char *source)
{
	struct hearth_json *value = hearth_arena_new_of(p->arena, struct hearth_json);

	value->type = type;
	value->source = source;
	value->source_length = (uint32_t)(p->at - source);
	return value;
}

/* --- strings --- */

/* Four hex digits; -1 where there are none. */
static int32_t read_hex4(const char *at, const char *end)
{
	int32_t unit = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = at[i];
		int digit = c >= '0' && c <= '9'   ? c - '0'
			    : c >= 'a' && c <= 'f' ? c - 'a' + 10
			    : c >= 'A' && c <= 'F' ? c - 'A' + 10
						   : -1;

		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

static char *put_utf8(char *out, uint32_t point)
{
	if (point < 0x80) {
		*out++ = (char)point;
	} else if (point < 0x800) {
		*out++ = (char)(0xc0 | point >> 6);
		*out++ = (char)(0x80 | (point & 0x3f));
	} else if (point < 0x10000) {
		*out++ = (char)(0xe0 | point >> 12);
		*out++ = (char)(0x80 | (point >> 6 & 0x3f));
		*out++ = (char)(0x80 | (point & 0x3f));
	} else {
		*out++ = (char)(0xf0 | point >> 18);
		*out++ = (char)(0x80 | (point >> 12 & 0x3f));
		*out++ = (char)(0x80 | (point >> 6 & 0x3f));
		*out++ = (char)(0x80 | (point & 0x3f));
	}
	return out;
}

/* Reads "uXXXX" behind a backslash, with its second half where it is a surrogate pair. at moves behind it. */
static int decode_unicode_escape(const struct parser *p, const char **at, const char *end, char **out)
{
	const char *escape = *at - 1;
	int32_t unit = read_hex4(*at + 1, end), second;

	if (unit < 0)
		return not_json(p, escape, "invalid escape");
	*at += 5;
	if (unit < 0xd800 || unit > 0xdfff) {
		*out = put_utf8(*out, (uint32_t)unit);
		return 0;
	}
	if (unit > 0xdbff || end - *at < 6 || (*at)[0] != '\\' || (*at)[1] != 'u')
		return bad_json(p, escape, "lone surrogate");
	second = read_hex4(*at + 2, end);
	if (second < 0xdc00 || second > 0xdfff)
		return bad_json(p, escape, "lone surrogate");
	*at += 6;
	*out = put_utf8(*out, 0x10000u + ((uint32_t)(unit - 0xd800) << 10) + (uint32_t)(second - 0xdc00));
	return 0;
}

static int decode_escapes(const struct parser *p, const char *at, const char *end, char *out, size_t *ret_length)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char *first = out;

	while (at < end) {
		const char *found;
		int r;

		if (*at != '\\') {
			*out++ = *at++;
			continue;
		}
		at++;
		if (*at == 'u') {
			r = decode_unicode_escape(p, &at, end, &out);
			if (r < 0)
				return r;
			continue;
		}
		found = memchr(from, *at, sizeof(from) - 1);
		if (!found)
			return not_json(p, at - 1, "invalid escape");
		*out++ = to[found - from];
		at++;
	}
	*out = '\0';
	*ret_length = (size_t)(out - first);
	return 0;
}

/* Moves behind the closing quote of the string that starts at p->at. */
static int skip_string(struct parser *p, bool *ret_escaped)
{
	const char *open = p->at++;

	*ret_escaped = false;
	for (;; p->at++) {
		while (p->at < p->end && *p->at != '"' && *p->at != '\\' && (unsigned char)*p->at >= 0x20)
			p->at++;
		if (p->at == p->end)
			return not_json(p, open, "unterminated string");
		if (*p->at == '"')
			break;
		if (*p->at != '\\')
			return not_json(p, p->at, "control character in a string");
		*ret_escaped = true;
		if (++p->at == p->end)
			return not_json(p, open, "unterminated string");
	}
	p->at++;
	return 0;
}

static int parse_string(struct parser *p, const char **ret_text, size_t *ret_length)
{
	const char *first = p->at + 1;
	bool escaped;
	size_t raw_length;
	char *decoded;
	int r;

	r = skip_string(p, &escaped);
	if (r < 0)
		return r;
	raw_length = (size_t)(p->at - 1 - first);
	if (!escaped) {
		*ret_text = hearth_arena_strndup(p->arena, first, raw_length);
		*ret_length = raw_length;
		return 0;
	}
	decoded = hearth_arena_alloc(p->arena, raw_length + 1);
	*ret_text = decoded;
	return decode_escapes(p, first, p->at - 1, decoded, ret_length);
}

static int parse_string_value(struct parser *p, const struct hearth_json **ret_value)
{
	const char *source = p->at, *text;
	struct hearth_json *value;
	size_t length;
	int r;

	r = parse_string(p, &text, &length);
	if (r < 0)
		return r;
	value = new_value(p, HEARTH_JSON_STRING, source);
	value->text = text;
	value->length = length;
	*ret_value = value;
	return 0;
}

/* --- numbers --- */

static bool skip_digits(struct parser *p)
{
	const char *first = p->at;

	while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
		p->at++;
	return p->at > first;
}

static int skip_number(struct parser *p, bool *ret_is_float)
{
	*ret_is_float = false;
	if (next_is(p, '-'))
		p->at++;
	if (next_is(p, '0'))
		p->at++;
	else if (!skip_digits(p))
		return unexpected(p, "a digit");
	if (next_is(p, '.')) {
		p->at++;
		*ret_is_float = true;
		if (!skip_digits(p))
			return unexpected(p, "a digit");
	}
	if (next_is(p, 'e') || next_is(p, 'E')) {
		p->at++;
		*ret_is_float = true;
		if (next_is(p, '+') || next_is(p, '-'))
			p->at++;
		if (!skip_digits(p))
			return unexpected(p, "a digit");
	}
	return 0;
}

static int read_integer(const struct parser *p, const char *first, int64_t *ret_integer)
{
	bool negative = *first == '-', fits = true;
	int64_t integer = 0;

	for (const char *at = first + negative; at < p->at; at++)
		if (__builtin_mul_overflow(integer, (int64_t)10, &integer) ||
		    __builtin_sub_overflow(integer, (int64_t)(*at - '0'), &integer))
			fits = false;
	if (!negative && __builtin_mul_overflow(integer, (int64_t)-1, &integer))
		fits = false;
	if (!(p->flags & HEARTH_JSON_BIG_INTS) && (integer > HEARTH_JSON_INT_MAX || integer < HEARTH_JSON_INT_MIN))
		fits = false;
	if (!fits)
		return bad_json(p, first, "integer out of range");
	*ret_integer = integer;
	return 0;
}

static void free_locale(locale_t *locale)
{
	if (*locale)
		freelocale(*locale);
}

static int read_float(const struct parser *p, const char *first, double *ret_number)
{
	HEARTH_CLEANUP(free_locale) locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	const char *copy = hearth_arena_strndup(p->arena, first, (size_t)(p->at - first));
	double number;

	hearth_assert(plain);
	number = strtod_l(copy, NULL, plain);
	if (!isfinite(number))
		return bad_json(p, first, "number out of range");
	*ret_number = number;
	return 0;
}

static int parse_number(struct parser *p, const struct hearth_json **ret_value)
{
	const char *source = p->at;
	struct hearth_json *value;
	bool is_float;
	int r;

	r = skip_number(p, &is_float);
	if (r < 0)
		return r;
	if (is_float && p->flags & HEARTH_JSON_NO_FLOATS)
		return bad_json(p, source, "a number that is no integer");
	value = new_value(p, is_float ? HEARTH_JSON_FLOAT : HEARTH_JSON_INT, source);
	r = is_float ? read_float(p, source, &value->number) : read_integer(p, source, &value->integer);
	if (r < 0)
		return r;
	*ret_value = value;
	return 0;
}

/* --- containers --- */

int hearth_json_compare_keys(const struct member *a, const struct member *b)
{
	size_t shorter = a->key_length < b->key_length ? a->key_length : b->key_length;
	int order = memcmp(a->key, b->key, shorter);

	if (order)
		return order;
	return (a->key_length > b->key_length) - (a->key_length < b->key_length);
}

static int compare_indirect(const void *a, const void *b, void *members)
{
	const struct member *m = members;

	return hearth_json_compare_keys(&m[*(const uint32_t *)a], &m[*(const uint32_t *)b]);
}

static bool is_ascending(const struct member *members, size_t count)
{
	for (size_t i = 1; i < count; i++)
		if (hearth_json_compare_keys(&members[i - 1], &members[i]) >= 0)
			return false;
	return true;
}

static void sort_indexes(uint32_t *order, struct member *members, size_t count)
{
	if (count > SMALL_OBJECT) {
		qsort_r(order, count, sizeof(*order), compare_indirect, members);
		return;
	}
	for (size_t i = 1; i < count; i++) {
		uint32_t moved = order[i];
		size_t at = i;

		for (; at > 0 && hearth_json_compare_keys(&members[order[at - 1]], &members[moved]) > 0; at--)
			order[at] = order[at - 1];
		order[at] = moved;
	}
}

/* Sorts, which brings duplicates side by side however many members a stranger sends. */
static int index_members(const struct parser *p, struct container *object, const char *source)
{
	uint32_t *order;

	if (is_ascending(object->members, object->count))
		return 0;
	order = hearth_arena_array_of(p->arena, uint32_t, object->count);
	for (size_t i = 0; i < object->count; i++)
		order[i] = (uint32_t)i;
	sort_indexes(order, object->members, object->count);
	object->order = order;
	for (size_t i = 1; i < object->count; i++)
		if (hearth_json_compare_keys(sorted_member(object, i - 1), sorted_member(object, i)) == 0)
			return bad_json(p, source, "duplicate key in the object");
	return 0;
}

static int fill_container(struct parser *p, struct container *container, const struct member *pending)
{
	if (container->base.type == HEARTH_JSON_OBJECT) {
		container->members = hearth_arena_memdup(p->arena, pending, container->count * sizeof(*pending));
		return index_members(p, container, container->base.source);
	}
	container->elements = hearth_arena_array_of(p->arena, const struct hearth_json *, container->count);
	for (size_t i = 0; i < container->count; i++)
		container->elements[i] = pending[i].value;
	return 0;
}

static int close_container(struct parser *p, const struct hearth_json **ret_value)
{
	const struct open_container *open = &p->open[--p->depth];
	struct container *container = hearth_arena_new_of(p->arena, struct container);

	p->at++;
	container->base.type = open->is_object ? HEARTH_JSON_OBJECT : HEARTH_JSON_ARRAY;
	container->base.source = p->start + open->source_offset;
	container->base.source_length = (uint32_t)(p->at - container->base.source);
	container->count = p->pending_count - open->first_pending;
	p->pending_count = open->first_pending;
	*ret_value = &container->base;
	return container->count ? fill_container(p, container, p->pending + open->first_pending) : 0;
}

static int open_container(struct parser *p, bool is_object)
{
	if (p->depth == HEARTH_JSON_DEPTH_MAX)
		return bad_json(p, p->at, "too deeply nested");
	p->open[p->depth++] = (struct open_container){
		.source_offset = (uint32_t)offset_of(p, p->at),
		.first_pending = (uint32_t)p->pending_count,
		.is_object = is_object,
	};
	p->at++;
	return 0;
}

static int parse_key(struct parser *p)
{
	struct member *member;
	int r;

	skip_space(p);
	if (!next_is(p, '"'))
		return unexpected(p, "a key");
	member = push_pending(p);
	r = parse_string(p, &member->key, &member->key_length);
	if (r < 0)
		return r;
	skip_space(p);
	if (!next_is(p, ':'))
		return unexpected(p, "':'");
	p->at++;
	return 0;
}

/* --- the document --- */

static int parse_word(struct parser *p, const char *word, uint32_t type, const struct hearth_json **ret_value)
{
	size_t length = strlen(word);
	const char *source = p->at;
	struct hearth_json *value;

	if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0)
		return unexpected(p, "a value");
	p->at += length;
	value = new_value(p, type, source);
	value->truth = *word == 't';
	*ret_value = value;
	return 0;
}

/* Reads a scalar, or opens a container: then *ret_value is NULL. */
static int begin_value(struct parser *p, const struct hearth_json **ret_value)
{
	*ret_value = NULL;
	skip_space(p);
	switch (p->at < p->end ? *p->at : '\0') {
	case '{': return open_container(p, true);
	case '[': return open_container(p, false);
	case '"': return parse_string_value(p, ret_value);
	case 't': return parse_word(p, "true", HEARTH_JSON_BOOL, ret_value);
	case 'f': return parse_word(p, "false", HEARTH_JSON_BOOL, ret_value);
	case 'n': return parse_word(p, "null", HEARTH_JSON_NULL, ret_value);
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9': return parse_number(p, ret_value);
	default: return unexpected(p, "a value");
	}
}

/* Behind an opening bracket: an empty container is a value at once, else the first key is read. */
static int begin_content(struct parser *p, const struct hearth_json **ret_value)
{
	bool is_object = p->open[p->depth - 1].is_object;

	skip_space(p);
	if (next_is(p, is_object ? '}' : ']'))
		return close_container(p, ret_value);
	return is_object ? parse_key(p) : 0;
}

/* Puts a value into its container. *value: that container where it ends here, NULL where another value follows. */
static int add_to_container(struct parser *p, const struct hearth_json **value)
{
	bool is_object = p->open[p->depth - 1].is_object;
	struct member *member = is_object ? &p->pending[p->pending_count - 1] : push_pending(p);

	member->value = *value;
	*value = NULL;
	skip_space(p);
	if (next_is(p, ',')) {
		p->at++;
		return is_object ? parse_key(p) : 0;
	}
	if (!next_is(p, is_object ? '}' : ']'))
		return unexpected(p, is_object ? "',' or '}'" : "',' or ']'");
	return close_container(p, value);
}

static int parse_document(struct parser *p, const struct hearth_json **ret_value)
{
	const struct hearth_json *value;
	int r;

	do {
		r = begin_value(p, &value);
		if (r == 0 && !value)
			r = begin_content(p, &value);
		while (r == 0 && value && p->depth > 0)
			r = add_to_container(p, &value);
		if (r < 0)
			return r;
	} while (!value);
	skip_space(p);
	if (p->at < p->end)
		return not_json(p, p->at, "something follows the value");
	*ret_value = value;
	return 0;
}

static void free_pending(struct parser *p)
{
	free(p->pending);
}

int hearth_json_parse(struct hearth_arena *arena, const char *text, size_t length, uint32_t flags,
		      const struct hearth_json **ret_value, struct hearth_error *err)
{
	HEARTH_CLEANUP(free_pending)
	struct parser p = {
		.arena = arena,
		.start = text,
		.at = text,
		.end = text + length,
		.flags = flags,
		.err = err,
	};
	int r;

	if (length > UINT32_MAX)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "the JSON text is larger than 4 GiB");
	r = check_utf8(&p);
	if (r < 0)
		return r;
	return parse_document(&p, ret_value);
}
