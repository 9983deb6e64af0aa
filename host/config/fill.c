/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/fill.c - fills a plain struct from the configuration by a table of HEARTH_CONFIG fields.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/matrix/id.h>

#include "keytable.h"
#include "node.h"

#define TEXT_BYTES_MAX 65536
#define LIST_COUNT_MAX 10000
#define SECRET_BYTES_MAX 65536

static int check_choice(const struct config_node *node, const struct hearth_field *field, const char *text,
			struct hearth_error *err)
{
	size_t length = strlen(text);

	for (const char *choice = field->choices; choice; choice = strchr(choice, '|') ? strchr(choice, '|') + 1 : NULL)
		if (strcspn(choice, "|") == length && strncmp(choice, text, length) == 0)
			return 0;
	return hearth_fail(err, -EINVAL, "%s: %.60s: found '%.30s', expected one of %s", config_place(node), field->name,
			   text, field->choices);
}

static int check_format(const struct config_node *node, const struct hearth_field *field, const char *text,
			struct hearth_error *err)
{
	const char *expected = NULL;

	switch (field->format) {
	case HEARTH_USER_ID: expected = hearth_id_is_user(text) ? NULL : "a user id"; break;
	case HEARTH_ROOM_ID: expected = hearth_id_is_room(text) ? NULL : "a room id"; break;
	case HEARTH_ROOM_ALIAS: expected = hearth_id_is_alias(text) ? NULL : "a room alias"; break;
	case HEARTH_ROOM_ID_OR_ALIAS:
		expected = hearth_id_is_room(text) || hearth_id_is_alias(text) ? NULL : "a room id or alias";
		break;
	case HEARTH_EVENT_ID: expected = hearth_id_is_event(text) ? NULL : "an event id"; break;
	case HEARTH_SERVER_NAME:
		expected = hearth_id_is_server_name(text) ? NULL : "a server name such as example.com";
		break;
	default: break;
	}
	if (expected)
		return hearth_fail(err, -EINVAL, "%s: %.60s: found '%.60s', expected %s", config_place(node),
				   field->name, text, expected);
	return 0;
}

static int check_text(const struct config_node *node, const struct hearth_field *field, const char *text,
		      struct hearth_error *err)
{
	int64_t length = (int64_t)strlen(text);
	int64_t max = field->max && field->type == HEARTH_TYPE_TEXT ? field->max : TEXT_BYTES_MAX;
	int64_t min = field->type == HEARTH_TYPE_TEXT ? field->min : 0;

	if (length < min || length > max)
		return hearth_fail(err, -EINVAL, "%s: %.60s: found %lld bytes, expected %lld to %lld", config_place(node),
				   field->name, (long long)length, (long long)min, (long long)max);
	int r = field->choices ? check_choice(node, field, text, err) : 0;
	return r < 0 ? r : check_format(node, field, text, err);
}

/*
 * What is a text though YAML reads it as something else: the choices "true|false|only_for_reauth" take yes and off, and a
 * key that may be a text or a number ("version: 1.0") is taken as written. NULL where it is neither.
 */
static const char *text_of_other_type(const struct config_node *node, const struct hearth_field *field)
{
	const struct synapse_key *key = synapse_key_find(field->name);
	uint32_t type = config_kind(node) == CONFIG_SCALAR ? config_scalar_type(node, NULL, NULL) : 0;
	int truth;

	if (key && key->types & KEY_TEXT && key->types & KEY_FLOAT && (type == SCALAR_INT || type == SCALAR_FLOAT))
		return config_text(node);
	if (!field->choices || strncmp(field->choices, "true|false", 10) != 0 || config_kind(node) != CONFIG_SCALAR ||
	    config_bool(node, field->name, 0, &truth, NULL) < 0)
		return NULL;
	return truth ? "true" : "false";
}

static int fill_text(const struct config_node *node, const struct hearth_field *field, void *member,
		     struct hearth_error *err)
{
	const char *text = text_of_other_type(node, field);
	int r = text ? 0 : config_string(node, field->name, NULL, &text, err);

	if (r >= 0 && text)
		r = check_text(node, field, text, err);
	if (r >= 0)
		memcpy(member, &text, sizeof(text));
	return r;
}

static int fill_int(const struct config_node *node, const struct hearth_field *field, void *member,
		    struct hearth_error *err)
{
	bool bounded = field->min || field->max;
	int64_t min = bounded ? field->min : INT64_MIN, max = bounded ? field->max : INT64_MAX, number;
	int r;

	switch (field->format) {
	case HEARTH_DURATION: r = config_duration(node, field->name, 0, &number, err); break;
	case HEARTH_SIZE: r = config_bytes(node, field->name, 0, &number, err); break;
	default: r = config_int(node, field->name, min, max, 0, &number, err); break;
	}
	if (r < 0)
		return r;
	if (number < min || number > max)
		return hearth_fail(err, -ERANGE, "%s: %.60s: '%.30s' is not from %lld to %lld", config_place(node),
				   field->name, config_text(node), (long long)min, (long long)max);
	memcpy(member, &number, sizeof(number));
	return 0;
}

static int fill_bool(const struct config_node *node, const struct hearth_field *field, void *member,
		     struct hearth_error *err)
{
	int truth;

	int r = config_bool(node, field->name, 0, &truth, err);
	if (r >= 0)
		*(bool *)member = truth;
	return r;
}

static int fill_float(const struct config_node *node, const struct hearth_field *field, void *member,
		      struct hearth_error *err)
{
	double number;

	int r = config_float(node, field->name, 0, &number, err);
	if (r < 0)
		return r;
	if ((field->min || field->max) && (number < (double)field->min || number > (double)field->max))
		return hearth_fail(err, -ERANGE, "%s: %.60s: %g is not from %lld to %lld", config_place(node),
				   field->name, number, (long long)field->min, (long long)field->max);
	memcpy(member, &number, sizeof(number));
	return 0;
}

static int check_count(const struct config_node *node, const struct hearth_field *field, struct hearth_error *err)
{
	int64_t count = node->kind == CONFIG_LIST ? (int64_t)node->count : 1;
	int64_t max = field->max ? field->max : LIST_COUNT_MAX;

	if (count < field->min || count > max)
		return hearth_fail(err, -EINVAL, "%s: %.60s: found %lld values, expected %lld to %lld", node->place,
				   field->name, (long long)count, (long long)field->min, (long long)max);
	return 0;
}

/* A single text stands for a list of one. */
static int fill_texts(struct hearth_arena *arena, const struct config_node *node, const struct hearth_field *field,
		      void *member, struct hearth_error *err)
{
	size_t count = node->kind == CONFIG_LIST ? node->count : 1;
	const char **items = hearth_arena_array_of(arena, const char *, count);
	int r = node->kind == CONFIG_MAP ? config_wrong_type(node, field->name, "a list of texts", err) :
					   check_count(node, field, err);

	for (size_t i = 0; i < count && r >= 0; i++) {
		const struct config_node *item = node->kind == CONFIG_LIST ? config_at(node, i) : node;
		r = config_string(item, field->name, NULL, &items[i], err);
		if (r >= 0 && !items[i])
			r = config_wrong_type(item, field->name, "a text", err);
		if (r >= 0)
			r = check_text(item, field, items[i], err);
	}
	if (r >= 0)
		*(struct hearth_texts *)member = (struct hearth_texts){ items, count };
	return r;
}

static int fill_ints(struct hearth_arena *arena, const struct config_node *node, const struct hearth_field *field,
		     void *member, struct hearth_error *err)
{
	int64_t *items = hearth_arena_array_of(arena, int64_t, node->count);
	int r = node->kind == CONFIG_LIST ? check_count(node, field, err) :
					    config_wrong_type(node, field->name, "a list of integers", err);

	for (size_t i = 0; i < node->count && r >= 0; i++)
		r = config_int(config_at(node, i), field->name, INT64_MIN, INT64_MAX, 0, &items[i], err);
	if (r >= 0)
		*(struct hearth_ints *)member = (struct hearth_ints){ items, node->count };
	return r;
}

static int fill_json(struct hearth_arena *arena, const struct config_node *node, const struct hearth_field *field,
		     void *member, struct hearth_error *err)
{
	if (field->shape == HEARTH_AN_OBJECT && node->kind != CONFIG_MAP)
		return config_wrong_type(node, field->name, "a map", err);
	if (field->shape == HEARTH_AN_ARRAY && node->kind != CONFIG_LIST)
		return config_wrong_type(node, field->name, "a list", err);
	if (field->shape == HEARTH_A_STRING && config_scalar_type(node, NULL, NULL) != SCALAR_TEXT)
		return config_wrong_type(node, field->name, "a text", err);
	*(const struct hearth_json **)member = config_to_json(arena, node);
	return 0;
}

static int fill_value(const struct config *config, const struct config_node *node, const struct hearth_field *field,
		      void *member, struct hearth_error *err)
{
	switch (field->type) {
	case HEARTH_TYPE_TEXT: return fill_text(node, field, member, err);
	case HEARTH_TYPE_INT: return fill_int(node, field, member, err);
	case HEARTH_TYPE_BOOL: return fill_bool(node, field, member, err);
	case HEARTH_TYPE_FLOAT: return fill_float(node, field, member, err);
	case HEARTH_TYPE_TEXTS: return fill_texts(config->arena, node, field, member, err);
	case HEARTH_TYPE_INTS: return fill_ints(config->arena, node, field, member, err);
	case HEARTH_TYPE_JSON: return fill_json(config->arena, node, field, member, err);
	default: return hearth_fail(err, -EINVAL, "%s: this type is not for the configuration", field->name);
	}
}

static int fill_fallback(const struct config *config, const struct hearth_field *field, void *member,
			 struct hearth_error *err)
{
	struct config_node node = { .kind = CONFIG_SCALAR, .place = "default", .text = field->fallback };

	if (field->type == HEARTH_TYPE_JSON)
		return hearth_json_parse(config->arena, field->fallback, strlen(field->fallback), 0,
					 (const struct hearth_json **)member, err);
	node.plain = field->type != HEARTH_TYPE_TEXT && field->type != HEARTH_TYPE_TEXTS;
	return fill_value(config, &node, field, member, err);
}

static void zero(const struct hearth_field *field, void *member)
{
	static const size_t SIZES[] = {
		[HEARTH_TYPE_TEXT] = sizeof(const char *),	    [HEARTH_TYPE_INT] = sizeof(int64_t),
		[HEARTH_TYPE_BOOL] = sizeof(bool),		    [HEARTH_TYPE_FLOAT] = sizeof(double),
		[HEARTH_TYPE_JSON] = sizeof(struct hearth_json *), [HEARTH_TYPE_BYTES] = sizeof(struct hearth_bytes),
		[HEARTH_TYPE_TEXTS] = sizeof(struct hearth_texts), [HEARTH_TYPE_INTS] = sizeof(struct hearth_ints),
	};

	hearth_assert(field->type && field->type < HEARTH_COUNT(SIZES));
	memset(member, 0, SIZES[field->type]);
}

int config_secret(const struct config *config, const char *name, const char **ret_secret, struct hearth_error *err)
{
	config = config_or_current(config);
	const struct config_node *node = config_find(config, name);
	const char *path_name = hearth_arena_printf(config->arena, "%s_path", name);
	const struct config_node *path_node = config_find(config, path_name);
	const char *path;
	size_t length;
	char *text;

	config_note(config, name);
	config_note(config, path_name);
	int r = config_string(path_node, path_name, NULL, &path, err);
	if (r < 0 || !path)
		return r < 0 ? r : config_string(node, name, NULL, ret_secret, err);
	if (config_kind(node) == CONFIG_SCALAR)
		return hearth_fail(err, -EINVAL, "%s: %s and %s (%s) are both there; keep one", path_node->place,
				   path_name, name, node->place);
	r = config_read_file(config->arena, config_resolve(config, path), SECRET_BYTES_MAX, &text, &length, err);
	if (r < 0)
		return hearth_error_prefix(err, "%s: %s", path_node->place, path_name);
	while (length && strchr(" \t\r\n", text[length - 1]))
		text[--length] = '\0';
	text += strspn(text, " \t\r\n");
	if (!*text)
		return hearth_fail(err, -EINVAL, "%s: %s: the file is empty", path_node->place, path_name);
	*ret_secret = text;
	return 0;
}

static int fill_secret(const struct config *config, const struct hearth_field *field, void *member, bool *ret_done,
		       struct hearth_error *err)
{
	const char *secret;

	int r = config_secret(config, field->name, &secret, err);
	if (r >= 0 && secret)
		r = check_text(config_find(config, field->name), field, secret, err);
	if (r >= 0 && secret)
		memcpy(member, &secret, sizeof(secret));
	*ret_done = r >= 0 && secret;
	return r;
}

static int fill_field(const struct config *config, const struct hearth_field *field, void *member,
		      struct hearth_error *err)
{
	const struct config_node *node = config_find(config, field->name);
	bool done = false;
	int r = 0;

	config_note(config, field->name);
	zero(field, member);
	if (field->secret && field->type == HEARTH_TYPE_TEXT)
		r = fill_secret(config, field, member, &done, err);
	if (r < 0 || done)
		return r;
	if (config_kind(node) != CONFIG_ABSENT && config_kind(node) != CONFIG_NULL)
		return fill_value(config, node, field, member, err);
	if (field->required)
		return hearth_fail(err, -EINVAL, "%s: %s is missing%s%s", config->root->place, field->name,
				   field->about ? ": " : "", field->about ? field->about : "");
	return field->fallback ? fill_fallback(config, field, member, err) : 0;
}

int config_fill(const struct config *config, const struct hearth_field *table, void *ret_struct, struct hearth_error *err)
{
	int r = 0;

	config = config_or_current(config);
	for (const struct hearth_field *field = table; field->name && r >= 0; field++)
		r = fill_field(config, field, (char *)ret_struct + field->offset, err);
	return r;
}
