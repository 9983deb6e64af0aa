/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/node.c - walks the tree that the configuration's files have become.
 */
#include "node.h"

#include <string.h>

uint32_t config_kind(const struct config_node *node)
{
	return node ? node->kind : (uint32_t)CONFIG_ABSENT;
}

size_t config_size(const struct config_node *node)
{
	return node ? node->count : 0;
}

const struct config_node *config_at(const struct config_node *node, size_t index)
{
	return node && index < node->count ? node->members[index].value : NULL;
}

const char *config_key_at(const struct config_node *map, size_t index)
{
	return config_kind(map) == CONFIG_MAP && index < map->count ? map->members[index].key : NULL;
}

const struct config_node *config_get(const struct config_node *map, const char *key)
{
	if (config_kind(map) != CONFIG_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->members[i].key, key) == 0)
			return map->members[i].value;
	return NULL;
}

const char *config_text(const struct config_node *node)
{
	return config_kind(node) == CONFIG_SCALAR ? node->text : NULL;
}

const char *config_place(const struct config_node *node)
{
	return node && node->place ? node->place : "configuration";
}
