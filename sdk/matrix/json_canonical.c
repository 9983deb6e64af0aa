/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical JSON. Without recursion, since what it writes may come from strangers. */
#include "json_internal.h"

#include <stdbool.h>

struct frame {
	const struct container *container;
	size_t next;
};

struct serialiser {
	struct text *text;
	uint32_t flags;
	struct hearth_error *err;
	size_t depth, depth_max;
	struct frame frames[HEARTH_JSON_DEPTH_MAX + HEARTH_JSON_WRAPPING_MAX];
};

static int write_int(struct serialiser *s, int64_t number)
{
	bool fits = number <= HEARTH_JSON_INT_MAX && number >= HEARTH_JSON_INT_MIN;

	if (!fits && !(s->flags & HEARTH_JSON_BIG_INTS))
		return hearth_refuse(s->err, 400, "M_BAD_JSON", "an integer is beyond 2^53");
	hearth_text_json_int(s->text, number);
	return 0;
}

static int write_float(struct serialiser *s, double number)
{
	bool is_integer = number >= (double)HEARTH_JSON_INT_MIN && number <= (double)HEARTH_JSON_INT_MAX &&
			  number == (double)(int64_t)number;

	if (s->flags & HEARTH_JSON_BIG_INTS)
		hearth_text_json_float(s->text, number);
	else if (is_integer && !(s->flags & HEARTH_JSON_NO_FLOATS))
		hearth_text_json_int(s->text, (int64_t)number);
	else
		return hearth_refuse(s->err, 400, "M_BAD_JSON", "a number is no integer");
	return 0;
}

static int open_frame(struct serialiser *s, const struct hearth_json *value)
{
	if (s->depth == s->depth_max)
		return hearth_refuse(s->err, 400, "M_BAD_JSON", "too deeply nested");
	s->frames[s->depth++] = (struct frame){ .container = (const struct container *)value };
	hearth_text_put(s->text, value->type == HEARTH_JSON_OBJECT ? '{' : '[');
	return 0;
}

static int write_value(struct serialiser *s, const struct hearth_json *value)
{
	switch (hearth_json_type(value)) {
	case HEARTH_JSON_BOOL:
		hearth_text_append(s->text, value->truth ? "true" : "false", value->truth ? 4 : 5);
		return 0;
	case HEARTH_JSON_INT: return write_int(s, value->integer);
	case HEARTH_JSON_FLOAT: return write_float(s, value->number);
	case HEARTH_JSON_STRING: hearth_text_json_string(s->text, value->text, value->length); return 0;
	case HEARTH_JSON_ARRAY:
	case HEARTH_JSON_OBJECT: return open_frame(s, value);
	default: hearth_text_append(s->text, "null", 4); return 0;
	}
}

/* The next thing inside the innermost open container: a member, an element, or its end. */
static int step(struct serialiser *s)
{
	struct frame *frame = &s->frames[s->depth - 1];
	const struct container *container = frame->container;
	bool is_object = container->base.type == HEARTH_JSON_OBJECT;
	const struct member *member;

	if (frame->next == container->count) {
		hearth_text_put(s->text, is_object ? '}' : ']');
		s->depth--;
		return 0;
	}
	if (frame->next > 0)
		hearth_text_put(s->text, ',');
	if (!is_object)
		return write_value(s, container->elements[frame->next++]);
	member = sorted_member(container, frame->next++);
	hearth_text_json_string(s->text, member->key, member->key_length);
	hearth_text_put(s->text, ':');
	return write_value(s, member->value);
}

int hearth_json_serialise(struct text *text, const struct hearth_json *value, uint32_t flags, size_t depth_max,
			  struct hearth_error *err)
{
	struct serialiser s = { .text = text, .flags = flags, .err = err, .depth = 0, .depth_max = depth_max };
	int r;

	hearth_assert(depth_max <= HEARTH_COUNT(s.frames));
	r = write_value(&s, value);
	while (r == 0 && s.depth > 0)
		r = step(&s);
	return r;
}

int hearth_json_canonical(struct hearth_arena *arena, const struct hearth_json *value, uint32_t flags, char **ret_text,
			  size_t *ret_length, struct hearth_error *err)
{
	char first[1024];
	HEARTH_CLEANUP(hearth_text_finish)
	struct text text = { .bytes = first, .capacity = sizeof(first), .borrowed = first };
	int r;

	r = hearth_json_serialise(&text, value, flags, HEARTH_JSON_DEPTH_MAX, err);
	if (r < 0)
		return r;
	*ret_text = hearth_arena_strndup(arena, text.bytes, text.size);
	if (ret_length)
		*ret_length = text.size;
	return 0;
}
