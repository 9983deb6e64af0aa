/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values: reading parsed ones, building new ones. */
#include "json_internal.h"

#include <stdbool.h>
#include <string.h>

#define LINEAR_SEARCH_MAX 6

uint32_t hearth_json_type(const struct hearth_json *value)
{
	return value ? value->type : HEARTH_JSON_NONE;
}

const char *hearth_json_source(const struct hearth_json *value, size_t *ret_length)
{
	if (ret_length)
		*ret_length = value ? value->source_length : 0;
	return value ? value->source : NULL;
}

/* --- scalars --- */

const char *hearth_json_string(const struct hearth_json *value, size_t *ret_length)
{
	bool is_string = hearth_json_type(value) == HEARTH_JSON_STRING;

	if (ret_length)
		*ret_length = is_string ? value->length : 0;
	return is_string ? value->text : NULL;
}

int64_t hearth_json_int(const struct hearth_json *value)
{
	return hearth_json_type(value) == HEARTH_JSON_INT ? value->integer : 0;
}

double hearth_json_float(const struct hearth_json *value)
{
	switch (hearth_json_type(value)) {
	case HEARTH_JSON_INT: return (double)value->integer;
	case HEARTH_JSON_FLOAT: return value->number;
	default: return 0;
	}
}

int hearth_json_true(const struct hearth_json *value)
{
	return hearth_json_type(value) == HEARTH_JSON_BOOL && value->truth;
}

/* --- arrays and objects --- */

size_t hearth_json_size(const struct hearth_json *value)
{
	switch (hearth_json_type(value)) {
	case HEARTH_JSON_ARRAY:
	case HEARTH_JSON_OBJECT: return ((const struct container *)value)->count;
	default: return 0;
	}
}

const struct hearth_json *hearth_json_at(const struct hearth_json *value, size_t index)
{
	const struct container *array = as_array(value), *object = as_object(value);

	if (array && index < array->count)
		return array->elements[index];
	if (object && index < object->count)
		return object->members[index].value;
	return NULL;
}

const char *hearth_json_key_at(const struct hearth_json *object, size_t index)
{
	const struct container *o = as_object(object);

	return o && index < o->count ? o->members[index].key : NULL;
}

size_t hearth_json_key_length_at(const struct hearth_json *object, size_t index)
{
	const struct container *o = as_object(object);

	return o && index < o->count ? o->members[index].key_length : 0;
}

/* 1 where the key is there; *ret_index: its index in the order by key, or where it would belong. */
static bool find(const struct container *object, const struct member *wanted, size_t *ret_index)
{
	size_t low = 0, high = object->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = hearth_json_compare_keys(sorted_member(object, middle), wanted);

		if (order == 0) {
			*ret_index = middle;
			return true;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	*ret_index = low;
	return false;
}

const struct hearth_json *hearth_json_get_n(const struct hearth_json *object, const char *key, size_t length)
{
	const struct container *o = as_object(object);
	const struct member wanted = { .key = key, .key_length = length };
	size_t index;

	if (!o)
		return NULL;
	if (o->count > LINEAR_SEARCH_MAX)
		return find(o, &wanted, &index) ? sorted_member(o, index)->value : NULL;
	for (size_t i = 0; i < o->count; i++)
		if (o->members[i].key_length == length && memcmp(o->members[i].key, key, length) == 0)
			return o->members[i].value;
	return NULL;
}

const struct hearth_json *hearth_json_get(const struct hearth_json *object, const char *key)
{
	return hearth_json_get_n(object, key, strlen(key));
}

const char *hearth_json_get_string(const struct hearth_json *object, const char *key)
{
	return hearth_json_string(hearth_json_get(object, key), NULL);
}

static const struct hearth_json *get_of_type(const struct hearth_json *object, const char *key, uint32_t type)
{
	const struct hearth_json *value = hearth_json_get(object, key);

	return hearth_json_type(value) == type ? value : NULL;
}

const struct hearth_json *hearth_json_get_object(const struct hearth_json *object, const char *key)
{
	return get_of_type(object, key, HEARTH_JSON_OBJECT);
}

const struct hearth_json *hearth_json_get_array(const struct hearth_json *object, const char *key)
{
	return get_of_type(object, key, HEARTH_JSON_ARRAY);
}

int64_t hearth_json_get_int(const struct hearth_json *object, const char *key, int64_t fallback)
{
	const struct hearth_json *value = get_of_type(object, key, HEARTH_JSON_INT);

	return value ? value->integer : fallback;
}

int hearth_json_get_bool(const struct hearth_json *object, const char *key, int fallback)
{
	const struct hearth_json *value = get_of_type(object, key, HEARTH_JSON_BOOL);

	return value ? value->truth : fallback;
}

/* --- equality --- */

static bool objects_equal(const struct container *a, const struct container *b)
{
	for (size_t i = 0; i < a->count; i++) {
		const struct member *in_a = sorted_member(a, i), *in_b = sorted_member(b, i);

		if (hearth_json_compare_keys(in_a, in_b) != 0 || !hearth_json_equal(in_a->value, in_b->value))
			return false;
	}
	return true;
}

static bool arrays_equal(const struct container *a, const struct container *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (!hearth_json_equal(a->elements[i], b->elements[i]))
			return false;
	return true;
}

/* Recurses as deep as a value nests, which the parser bounds. */
int hearth_json_equal(const struct hearth_json *a, const struct hearth_json *b)
{
	if (a == b)
		return 1;
	if (hearth_json_type(a) != hearth_json_type(b) || hearth_json_size(a) != hearth_json_size(b))
		return 0;
	switch (a->type) {
	case HEARTH_JSON_BOOL: return a->truth == b->truth;
	case HEARTH_JSON_INT: return a->integer == b->integer;
	case HEARTH_JSON_FLOAT: return a->number == b->number;
	case HEARTH_JSON_STRING: return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
	case HEARTH_JSON_ARRAY: return arrays_equal(as_array(a), as_array(b));
	case HEARTH_JSON_OBJECT: return objects_equal(as_object(a), as_object(b));
	default: return 1;
	}
}

/* --- building --- */

static struct container *container_new(struct hearth_arena *arena, uint32_t type)
{
	struct container *container = hearth_arena_new_of(arena, struct container);

	container->base.type = type;
	container->arena = arena;
	return container;
}

struct hearth_json *hearth_json_object_new(struct hearth_arena *arena)
{
	return &container_new(arena, HEARTH_JSON_OBJECT)->base;
}

struct hearth_json *hearth_json_array_new(struct hearth_arena *arena)
{
	return &container_new(arena, HEARTH_JSON_ARRAY)->base;
}

struct hearth_json *hearth_json_object_copy(struct hearth_arena *arena, const struct hearth_json *object)
{
	struct container *copy = container_new(arena, HEARTH_JSON_OBJECT);
	const struct container *from = as_object(object);

	if (!from || from->count == 0)
		return &copy->base;
	copy->count = from->count;
	copy->capacity = from->count + 4;
	copy->members = hearth_arena_array_of(arena, struct member, copy->capacity);
	for (size_t i = 0; i < from->count; i++)
		copy->members[i] = *sorted_member(from, i);
	return &copy->base;
}

static struct container *mutable_container(struct hearth_json *value, uint32_t type)
{
	struct container *container = (struct container *)value;

	hearth_assert(hearth_json_type(value) == type && container->arena);
	return container;
}

static void make_room(struct container *container, void **items, size_t item_size)
{
	size_t capacity = container->capacity ? 2 * container->capacity : 8;

	if (container->count < container->capacity)
		return;
	*items = hearth_arena_grow(container->arena, *items, container->capacity * item_size, capacity * item_size);
	container->capacity = capacity;
}

void hearth_json_set(struct hearth_json *object, const char *key, const struct hearth_json *value)
{
	struct container *o = mutable_container(object, HEARTH_JSON_OBJECT);
	struct member added = { .key = key, .key_length = strlen(key), .value = value };
	size_t index = o->count;
	void *members = o->members;

	if (!value)
		return;
	if (o->count > 0 && hearth_json_compare_keys(&o->members[o->count - 1], &added) >= 0 &&
	    find(o, &added, &index)) {
		o->members[index].value = value;
		return;
	}
	make_room(o, &members, sizeof(*o->members));
	o->members = members;
	memmove(&o->members[index + 1], &o->members[index], (o->count - index) * sizeof(*o->members));
	added.key = hearth_arena_strndup(o->arena, key, added.key_length);
	o->members[index] = added;
	o->count++;
}

void hearth_json_set_string(struct hearth_json *object, const char *key, const char *text)
{
	hearth_json_set(object, key, hearth_json_string_new(((struct container *)object)->arena, text));
}

void hearth_json_set_int(struct hearth_json *object, const char *key, int64_t number)
{
	hearth_json_set(object, key, hearth_json_int_new(((struct container *)object)->arena, number));
}

void hearth_json_set_bool(struct hearth_json *object, const char *key, int truth)
{
	hearth_json_set(object, key, hearth_json_bool_new(((struct container *)object)->arena, truth));
}

void hearth_json_remove(struct hearth_json *object, const char *key)
{
	struct container *o = mutable_container(object, HEARTH_JSON_OBJECT);
	const struct member wanted = { .key = key, .key_length = strlen(key) };
	size_t index;

	if (!find(o, &wanted, &index))
		return;
	o->count--;
	memmove(&o->members[index], &o->members[index + 1], (o->count - index) * sizeof(*o->members));
}

void hearth_json_append(struct hearth_json *array, const struct hearth_json *value)
{
	struct container *a = mutable_container(array, HEARTH_JSON_ARRAY);
	void *elements = a->elements;

	if (!value)
		return;
	make_room(a, &elements, sizeof(*a->elements));
	a->elements = elements;
	a->elements[a->count++] = value;
}

const struct hearth_json *hearth_json_string_new(struct hearth_arena *arena, const char *text)
{
	struct hearth_json *value;

	if (!text)
		return NULL;
	value = hearth_arena_new_of(arena, struct hearth_json);
	value->type = HEARTH_JSON_STRING;
	value->length = strlen(text);
	value->text = hearth_arena_strndup(arena, text, value->length);
	return value;
}

const struct hearth_json *hearth_json_int_new(struct hearth_arena *arena, int64_t number)
{
	struct hearth_json *value = hearth_arena_new_of(arena, struct hearth_json);

	value->type = HEARTH_JSON_INT;
	value->integer = number;
	return value;
}

const struct hearth_json *hearth_json_bool_new(struct hearth_arena *arena, int truth)
{
	struct hearth_json *value = hearth_arena_new_of(arena, struct hearth_json);

	value->type = HEARTH_JSON_BOOL;
	value->truth = truth != 0;
	return value;
}

const struct hearth_json *hearth_json_null_new(struct hearth_arena *arena)
{
	struct hearth_json *value = hearth_arena_new_of(arena, struct hearth_json);

	value->type = HEARTH_JSON_NULL;
	return value;
}
