/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/unknown.c - finds keys that nobody reads: misspelt ones, and those of Synapse that wait for their feature.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "keytable.h"
#include "node.h"

#include "log/log.h"

#define NAME_BYTES_MAX 192
#define DISTANCE_MAX 3

typedef const struct hearth_field *const *const *known_tables;

struct search {
	const struct config *config;
	known_tables         known;
	config_complaint     complain;
	void                *closure;
};

struct nearest {
	const char *wanted;
	size_t      distance;
	char        name[64];
};

/* The next part of name below prefix ("a.b[].c" below "a" is "b"), or NULL where it is not below it. */
static const char *part_below(const char *name, const char *prefix, char *part, size_t size)
{
	size_t length = strlen(prefix);

	if (length) {
		if (strncmp(name, prefix, length) != 0 || name[length] != '.')
			return NULL;
		name += length + 1;
	}
	size_t end = strcspn(name, ".[");
	if (end == 0 || end >= size || *name == '*')
		return NULL;
	memcpy(part, name, end);
	part[end] = '\0';
	return part;
}

static void consider(struct nearest *nearest, const char *name, const char *prefix)
{
	char part[sizeof(nearest->name)];

	if (!part_below(name, prefix, part, sizeof(part)))
		return;
	size_t distance = text_distance(nearest->wanted, part, DISTANCE_MAX);
	if (distance < nearest->distance) {
		nearest->distance = distance;
		memcpy(nearest->name, part, sizeof(part));
	}
}

/* A name is near where at most a third of it, and at most DISTANCE_MAX letters, are different. */
static const char *suggest(const struct search *search, const char *prefix, const char *key, struct nearest *nearest)
{
	size_t limit = strlen(key) / 3;

	*nearest = (struct nearest){ .wanted = key, .distance = (limit < DISTANCE_MAX ? limit : DISTANCE_MAX) + 1 };
	for (size_t i = 0; i < SYNAPSE_KEY_COUNT; i++)
		consider(nearest, SYNAPSE_KEYS[i].name, prefix);
	for (const struct host_key *host = HOST_KEYS; host->name; host++)
		consider(nearest, host->name, prefix);
	for (known_tables plugin = search->known; plugin && *plugin; plugin++)
		for (const struct hearth_field *const *table = *plugin; *table; table++)
			for (const struct hearth_field *field = *table; field->name; field++)
				consider(nearest, field->name, prefix);
	return nearest->name[0] ? nearest->name : NULL;
}

/* 1: field reads name, or something inside it. 2: it reads a map or list that name is in. */
static int reads(const struct hearth_field *field, const char *name)
{
	size_t own = strlen(field->name), length = strlen(name);

	if (strcmp(field->name, name) == 0)
		return field->type == HEARTH_TYPE_JSON ? 2 : 1;
	if (strncmp(field->name, name, length) == 0 && field->name[length] == '.')
		return 1;
	if (field->secret && strncmp(name, field->name, own) == 0 && strcmp(name + own, "_path") == 0)
		return 1;
	return strncmp(name, field->name, own) == 0 && strchr(".[", name[own]) ? 2 : 0;
}

static int known_to_plugins(const struct search *search, const char *name)
{
	for (known_tables plugin = search->known; plugin && *plugin; plugin++)
		for (const struct hearth_field *const *table = *plugin; *table; table++)
			for (const struct hearth_field *field = *table; field->name; field++)
				if (reads(field, name))
					return reads(field, name);
	return config_is_noted(search->config, name);
}

/* 1 where a plugin reads single keys of that section, so that others in it are misspelt. */
static int is_section_of_plugin(const struct search *search, const char *prefix)
{
	size_t length = strlen(prefix);

	for (known_tables plugin = search->known; plugin && *plugin; plugin++)
		for (const struct hearth_field *const *table = *plugin; *table; table++)
			for (const struct hearth_field *field = *table; field->name; field++)
				if (length && !strncmp(field->name, prefix, length) && field->name[length] == '.')
					return 1;
	return 0;
}

static void walk(const struct search *search, const char *prefix, const struct config_node *node);

static void descend(const struct search *search, const char *name, const struct config_node *node)
{
	char element[NAME_BYTES_MAX];

	if (node->kind == CONFIG_MAP)
		walk(search, name, node);
	if (node->kind != CONFIG_LIST || snprintf(element, sizeof(element), "%s[]", name) >= (int)sizeof(element))
		return;
	for (size_t i = 0; i < node->count; i++)
		descend(search, element, node->members[i].value);
}

static void complain_unknown(const struct search *search, const char *prefix, const struct config_member *member)
{
	struct nearest nearest;
	const char *near = suggest(search, prefix, member->key, &nearest);
	const char *dot = *prefix ? "." : "";
	char text[256];

	if (near)
		snprintf(text, sizeof(text), "%s: '%.60s%s%.60s' is no known key; did you mean '%s'?", member->key_place,
			 prefix, dot, member->key, near);
	else
		snprintf(text, sizeof(text), "%s: '%.60s%s%.60s' is no known key", member->key_place, prefix, dot,
			 member->key);
	search->complain(search->closure, near ? CONFIG_MISSPELT : CONFIG_UNKNOWN, text);
}

static void visit(const struct search *search, const char *prefix, const struct config_member *member)
{
	const struct synapse_key *key = synapse_key_member(prefix, member->key);
	const char *dot = *prefix ? "." : "";
	char name[NAME_BYTES_MAX], text[256];

	if (snprintf(name, sizeof(name), "%s%s%s", prefix, dot, member->key) >= (int)sizeof(name)) {
		complain_unknown(search, prefix, member);
		return;
	}
	int plugin = known_to_plugins(search, name);
	const struct host_key *host = host_key_find(name);
	if (plugin == 2 && !key)
		return;
	if (!key && !plugin && !(host && (strcmp(host->name, name) == 0 || !synapse_key_has_members(prefix)))) {
		if (synapse_key_has_members(prefix) || is_section_of_plugin(search, prefix))
			complain_unknown(search, prefix, member);
		return;
	}
	if (key && !plugin && !host) {
		snprintf(text, sizeof(text), "%s: '%s' is not acted on by this version", member->key_place, name);
		search->complain(search->closure, CONFIG_UNUSED, text);
		return;
	}
	descend(search, key ? key->name : name, member->value);
}

static void walk(const struct search *search, const char *prefix, const struct config_node *node)
{
	for (size_t i = 0; i < node->count; i++)
		visit(search, prefix, &node->members[i]);
}

void config_each_unknown(const struct config *config, known_tables known, config_complaint complain, void *closure)
{
	struct search search = { config_or_current(config), known, complain, closure };

	walk(&search, "", search.config->root);
}

static void refuse(void *closure, uint32_t doubt, const char *text)
{
	struct hearth_error *err = closure;

	if (doubt == CONFIG_MISSPELT && !err->code)
		(void)hearth_fail(err, -EINVAL, "%s", text);
}

int config_refuse_misspelt(const struct config *config, known_tables known, struct hearth_error *err)
{
	struct hearth_error found = { 0 };

	config_each_unknown(config, known, refuse, &found);
	return found.code ? hearth_fail(err, found.code, "%s", found.message) : 0;
}

static void log_complaint(void *closure, uint32_t doubt, const char *text)
{
	(void)closure, (void)doubt;
	log_warning("config", "%s", text);
}

void config_warn_unknown(const struct config *config, known_tables known)
{
	config_each_unknown(config, known, log_complaint, NULL);
}
