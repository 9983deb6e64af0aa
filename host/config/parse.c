/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/parse.c - from YAML text to a tree of nodes, with bounds on depth, size and what aliases expand to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "node.h"

#define ANCHORS_MAX 256
#define MERGE_KEYS_MAX 200
#define MERGE_MAPS_MAX 16

struct anchor {
	const char         *name;
	struct config_node *node;
};

struct parse {
	yaml_parser_t        yaml;
	struct hearth_arena *arena;
	const char          *name;
	struct hearth_error *err;
	size_t               nodes;
	size_t               place_line;
	const char          *place;
	size_t               anchor_count;
	struct anchor        anchors[ANCHORS_MAX];
};

struct members {
	struct config_member *items;
	size_t                count, capacity;
};

static int parse_node(struct parse *p, const yaml_event_t *event, size_t depth, struct config_node **ret_node);

static const char *place_of(struct parse *p, const yaml_event_t *event)
{
	size_t line = event->start_mark.line + 1;

	if (!p->place || p->place_line != line) {
		p->place = hearth_arena_printf(p->arena, "%s:%zu", p->name, line);
		p->place_line = line;
	}
	return p->place;
}

static int next_event(struct parse *p, yaml_event_t *event)
{
	if (yaml_parser_parse(&p->yaml, event))
		return 0;
	memset(event, 0, sizeof(*event));
	return hearth_fail(p->err, -EINVAL, "%s:%zu: not YAML: %s", p->name,
			   (p->yaml.problem_mark.line ? p->yaml.problem_mark.line : p->yaml.context_mark.line) + 1,
			   p->yaml.problem ? p->yaml.problem : "it cannot be read");
}

static int new_node(struct parse *p, const yaml_event_t *event, uint32_t kind, struct config_node **ret_node)
{
	if (++p->nodes > CONFIG_NODES_MAX)
		return hearth_fail(p->err, -E2BIG, "%s: more than %d values in one file", place_of(p, event),
				   CONFIG_NODES_MAX);
	struct config_node *node = hearth_arena_new_of(p->arena, struct config_node);
	node->kind = kind;
	node->place = place_of(p, event);
	node->expanded = 1;
	*ret_node = node;
	return 0;
}

static void add_member(struct parse *p, struct members *list, const char *key, const char *key_place,
		       struct config_node *value)
{
	if (list->count == list->capacity) {
		size_t capacity = list->capacity ? list->capacity * 2 : 4;
		list->items = hearth_arena_grow(p->arena, list->items, list->capacity * sizeof(*list->items),
						capacity * sizeof(*list->items));
		list->capacity = capacity;
	}
	list->items[list->count++] = (struct config_member){ key, key_place, value };
}

/* Takes the members over into the node, and refuses what has grown beyond the bounds. */
static int close_collection(struct parse *p, struct config_node *node, const struct members *list)
{
	node->members = list->items;
	node->count = list->count;
	for (size_t i = 0; i < list->count; i++) {
		node->expanded += list->items[i].value->expanded;
		if (list->items[i].value->height + 1 > node->height)
			node->height = list->items[i].value->height + 1;
		if (node->expanded > CONFIG_EXPANDED_MAX)
			return hearth_fail(p->err, -E2BIG, "%s: its aliases expand to more than %d values", node->place,
					   CONFIG_EXPANDED_MAX);
	}
	if (node->height > CONFIG_DEPTH_MAX)
		return hearth_fail(p->err, -E2BIG, "%s: nested deeper than %d", node->place, CONFIG_DEPTH_MAX);
	return 0;
}

static int parse_scalar(struct parse *p, const yaml_event_t *event, struct config_node **ret_node)
{
	const char *text = (const char *)event->data.scalar.value;
	const char *tag = (const char *)event->data.scalar.tag;
	struct config_node *node;
	bool plain = event->data.scalar.plain_implicit;

	if (strlen(text) != event->data.scalar.length)
		return hearth_fail(p->err, -EINVAL, "%s: a NUL character in a text", place_of(p, event));
	if (tag && strcmp(tag, YAML_STR_TAG) != 0) {
		if (strcmp(tag, YAML_INT_TAG) != 0 && strcmp(tag, YAML_BOOL_TAG) != 0 &&
		    strcmp(tag, YAML_FLOAT_TAG) != 0 && strcmp(tag, YAML_NULL_TAG) != 0)
			return hearth_fail(p->err, -EINVAL, "%s: the tag '%.60s' is not supported", place_of(p, event),
					   tag);
		plain = true;
	}
	int r = new_node(p, event, CONFIG_SCALAR, &node);
	if (r < 0)
		return r;
	node->plain = plain;
	node->text = hearth_arena_strdup(p->arena, text);
	if (config_scalar_type(node, NULL, NULL) == SCALAR_NULL)
		node->kind = CONFIG_NULL;
	*ret_node = node;
	return 0;
}

static int parse_list(struct parse *p, struct config_node *node, size_t depth)
{
	struct members list = { 0 };

	for (;;) {
		HEARTH_CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
		struct config_node *value;

		int r = next_event(p, &event);
		if (r < 0)
			return r;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			return close_collection(p, node, &list);
		r = parse_node(p, &event, depth, &value);
		if (r < 0)
			return r;
		add_member(p, &list, NULL, NULL, value);
	}
}

static int by_key(const void *a, const void *b)
{
	const struct config_member *const *left = a, *const *right = b;

	return strcmp((*left)->key, (*right)->key);
}

static int refuse_duplicates(struct parse *p, const struct members *list)
{
	if (list->count < 2)
		return 0;
	const struct config_member **sorted = hearth_arena_array_of(p->arena, const struct config_member *, list->count);

	for (size_t i = 0; i < list->count; i++)
		sorted[i] = &list->items[i];
	qsort(sorted, list->count, sizeof(*sorted), by_key);
	for (size_t i = 1; i < list->count; i++) {
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) != 0)
			continue;
		const struct config_member *first = sorted[i - 1] < sorted[i] ? sorted[i - 1] : sorted[i];
		const struct config_member *second = first == sorted[i] ? sorted[i - 1] : sorted[i];
		return hearth_fail(p->err, -EINVAL, "%s: '%.60s' stands here a second time, first at %s; keep one",
				   second->key_place, second->key, first->key_place);
	}
	return 0;
}

/* YAML 1.1's merge key: "<<: *defaults" adds the members that the map itself does not have. */
static int merge_map(struct parse *p, struct members *list, const struct config_node *source, const char *place)
{
	if (source->kind != CONFIG_MAP)
		return hearth_fail(p->err, -EINVAL, "%s: '<<' takes a map or a list of maps", place);
	if (source->count > MERGE_KEYS_MAX || list->count > 16 * MERGE_KEYS_MAX)
		return hearth_fail(p->err, -E2BIG, "%s: '<<' takes maps of at most %d keys", place, MERGE_KEYS_MAX);
	for (size_t i = 0; i < source->count; i++) {
		size_t at = 0;
		while (at < list->count && strcmp(list->items[at].key, source->members[i].key) != 0)
			at++;
		if (at < list->count)
			continue;
		add_member(p, list, source->members[i].key, source->members[i].key_place, source->members[i].value);
	}
	return 0;
}

static int merge(struct parse *p, struct members *list, const struct config_node *source, const char *place)
{
	int r = 0;

	if (source->kind != CONFIG_LIST)
		return merge_map(p, list, source, place);
	if (source->count > MERGE_MAPS_MAX)
		return hearth_fail(p->err, -E2BIG, "%s: '<<' takes at most %d maps", place, MERGE_MAPS_MAX);
	for (size_t i = 0; i < source->count && r >= 0; i++)
		r = merge_map(p, list, source->members[i].value, place);
	return r;
}

static int parse_key(struct parse *p, const yaml_event_t *event, const char **ret_key)
{
	struct config_node *node;

	if (event->type != YAML_SCALAR_EVENT || event->data.scalar.anchor)
		return hearth_fail(p->err, -EINVAL, "%s: a key must be a plain text", place_of(p, event));
	int r = parse_scalar(p, event, &node);
	if (r < 0)
		return r;
	*ret_key = node->text;
	return 0;
}

static int parse_map(struct parse *p, struct config_node *node, size_t depth)
{
	struct members list = { 0 };
	struct config_node *merged = NULL;
	int r;

	for (;;) {
		HEARTH_CLEANUP(yaml_event_delete) yaml_event_t key_event = { 0 };
		HEARTH_CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
		struct config_node *value;
		const char *key = NULL;

		r = next_event(p, &key_event);
		if (r < 0)
			return r;
		if (key_event.type == YAML_MAPPING_END_EVENT)
			break;
		r = parse_key(p, &key_event, &key);
		if (r < 0)
			return r;
		const char *key_place = place_of(p, &key_event);
		r = next_event(p, &event);
		if (r < 0)
			return r;
		r = parse_node(p, &event, depth, &value);
		if (r < 0)
			return r;
		if (strcmp(key, "<<") == 0 && key_event.data.scalar.plain_implicit && !merged)
			merged = value;
		else
			add_member(p, &list, key, key_place, value);
	}
	r = refuse_duplicates(p, &list);
	if (r >= 0 && merged)
		r = merge(p, &list, merged, node->place);
	return r < 0 ? r : close_collection(p, node, &list);
}

static int find_alias(struct parse *p, const yaml_event_t *event, struct config_node **ret_node)
{
	const char *name = (const char *)event->data.alias.anchor;

	for (size_t i = p->anchor_count; i-- > 0;)
		if (strcmp(p->anchors[i].name, name) == 0) {
			*ret_node = p->anchors[i].node;
			return 0;
		}
	return hearth_fail(p->err, -EINVAL, "%s: '*%.60s' has no anchor '&%.60s' before it", place_of(p, event), name,
			   name);
}

/* An anchor counts from the end of its node: a node cannot hold itself. */
static int set_anchor(struct parse *p, const yaml_event_t *event, const yaml_char_t *name, struct config_node *node)
{
	if (!name)
		return 0;
	if (p->anchor_count == ANCHORS_MAX)
		return hearth_fail(p->err, -E2BIG, "%s: more than %d anchors in one file", place_of(p, event),
				   ANCHORS_MAX);
	p->anchors[p->anchor_count++] =
		(struct anchor){ hearth_arena_strdup(p->arena, (const char *)name), node };
	return 0;
}

static int parse_collection(struct parse *p, const yaml_event_t *event, size_t depth, struct config_node **ret_node)
{
	bool map = event->type == YAML_MAPPING_START_EVENT;
	const char *tag = (const char *)(map ? event->data.mapping_start.tag : event->data.sequence_start.tag);

	if (depth >= CONFIG_DEPTH_MAX)
		return hearth_fail(p->err, -E2BIG, "%s: nested deeper than %d", place_of(p, event), CONFIG_DEPTH_MAX);
	if (tag && strcmp(tag, map ? YAML_MAP_TAG : YAML_SEQ_TAG) != 0)
		return hearth_fail(p->err, -EINVAL, "%s: the tag '%.60s' is not supported", place_of(p, event), tag);
	int r = new_node(p, event, map ? CONFIG_MAP : CONFIG_LIST, ret_node);
	if (r < 0)
		return r;
	return map ? parse_map(p, *ret_node, depth + 1) : parse_list(p, *ret_node, depth + 1);
}

static int parse_node(struct parse *p, const yaml_event_t *event, size_t depth, struct config_node **ret_node)
{
	const yaml_char_t *anchor = NULL;
	int r;

	switch (event->type) {
	case YAML_ALIAS_EVENT:
		return find_alias(p, event, ret_node);
	case YAML_SCALAR_EVENT:
		anchor = event->data.scalar.anchor;
		r = parse_scalar(p, event, ret_node);
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = event->data.mapping_start.anchor;
		r = parse_collection(p, event, depth, ret_node);
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = event->data.sequence_start.anchor;
		r = parse_collection(p, event, depth, ret_node);
		break;
	default:
		return hearth_fail(p->err, -EINVAL, "%s: unexpected end of the document", place_of(p, event));
	}
	return r < 0 ? r : set_anchor(p, event, anchor, *ret_node);
}

/* One event of that type, or no document at all. */
static int expect_start(struct parse *p, yaml_event_type_t type, bool *ret_end)
{
	HEARTH_CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };

	int r = next_event(p, &event);
	if (r < 0)
		return r;
	*ret_end = event.type != type;
	return 0;
}

static int parse_document(struct parse *p, struct config_node **ret_root)
{
	HEARTH_CLEANUP(yaml_event_delete) yaml_event_t event = { 0 };
	HEARTH_CLEANUP(yaml_event_delete) yaml_event_t after = { 0 };
	struct config_node *root;
	bool end;

	*ret_root = NULL;
	int r = expect_start(p, YAML_STREAM_START_EVENT, &end);
	if (r >= 0 && !end)
		r = expect_start(p, YAML_DOCUMENT_START_EVENT, &end);
	if (r < 0 || end)
		return r;
	r = next_event(p, &event);
	if (r >= 0)
		r = parse_node(p, &event, 0, &root);
	if (r >= 0)
		r = expect_start(p, YAML_DOCUMENT_END_EVENT, &end);
	if (r >= 0)
		r = next_event(p, &after);
	if (r < 0)
		return r;
	if (after.type != YAML_STREAM_END_EVENT)
		return hearth_fail(p->err, -EINVAL, "%s: a second YAML document; one per file", place_of(p, &after));
	*ret_root = root->kind == CONFIG_NULL ? NULL : root;
	return 0;
}

int config_parse(struct hearth_arena *arena, const char *name, const char *text, size_t length,
		 struct config_node **ret_root, struct hearth_error *err)
{
	struct parse p = { .arena = arena, .name = name, .err = err };

	if (!yaml_parser_initialize(&p.yaml))
		return hearth_fail(err, -ENOMEM, "%s: no memory to read it", name);
	yaml_parser_set_encoding(&p.yaml, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.yaml, (const unsigned char *)text, length);
	int r = parse_document(&p, ret_root);
	yaml_parser_delete(&p.yaml);
	return r;
}
