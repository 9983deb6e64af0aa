/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/node.h - what the files of host/config share: the tree's nodes and the parser that makes them.
 */
#ifndef HOST_CONFIG_NODE_H
#define HOST_CONFIG_NODE_H

#include <stdbool.h>

#include "config.h"

#define CONFIG_DEPTH_MAX 64
#define CONFIG_NODES_MAX 50000     /* written in one file */
#define CONFIG_EXPANDED_MAX 200000 /* after aliases are replaced by what they stand for */
#define CONFIG_FILE_BYTES_MAX (4u << 20)

struct config_member {
	const char         *key; /* NULL in a list */
	const char         *key_place;
	struct config_node *value;
};

/* Anchored nodes are shared by all who refer to them, so a tree may be a DAG; it has no cycle. */
struct config_node {
	uint32_t              kind;  /* enum config_kind */
	bool                  plain; /* a scalar without quotes: may be a number or a truth value */
	const char           *place; /* "FILE:LINE" */
	const char           *text;
	size_t                count;
	struct config_member *members;
	size_t                expanded; /* nodes below and including this one, aliases counted each time */
	size_t                height;
};

struct config {
	struct hearth_arena *arena;
	struct config_node  *root;
	const char          *folder; /* of the first file: where relative paths start */
	struct config_notes *notes;  /* keys that somebody reads */
};

/* What a scalar without quotes is under YAML 1.1's rules, as existing files are read by PyYAML. */
enum scalar_type {
	SCALAR_TEXT = 1,
	SCALAR_NULL,
	SCALAR_BOOL,
	SCALAR_INT,
	SCALAR_FLOAT,
};

/* ret_int: the integer or the truth value; ret_float: the float. Integers beyond 64 bits are floats. */
uint32_t config_scalar_type(const struct config_node *node, int64_t *ret_int, double *ret_float);

/* Parses one document. name: how complaints call it. ret_root: NULL for an empty document; arena. */
int config_parse(struct hearth_arena *arena, const char *name, const char *text, size_t length,
		 struct config_node **ret_root, struct hearth_error *err);

/* A subtree as JSON; arena. */
const struct hearth_json *config_to_json(struct hearth_arena *arena, const struct config_node *node);

/* The process's configuration where config is NULL. */
const struct config *config_or_current(const struct config *config);

/* Remembers that somebody reads this key. */
void config_note(const struct config *config, const char *name);
bool config_is_noted(const struct config *config, const char *name);

/* "a duration such as 30s or 7d" and the like: reports a value of the wrong type. Returns -EINVAL. */
int config_wrong_type(const struct config_node *node, const char *name, const char *expected, struct hearth_error *err);

/* "30s" or "5m" with an optional unit of units; -EINVAL where text is no such thing, -ERANGE beyond 64 bits. */
int config_quantity(const char *text, uint32_t format, int64_t *ret);

#endif
