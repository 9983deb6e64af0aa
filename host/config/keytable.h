/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/keytable.h - the keys that Hearth's host reads, and all that Synapse has, with their types.
 */
#ifndef HOST_CONFIG_KEYTABLE_H
#define HOST_CONFIG_KEYTABLE_H

#include "config.h"

/* What may stand there; 0: anything. */
#define KEY_TEXT 1u
#define KEY_INT 2u
#define KEY_FLOAT 4u
#define KEY_BOOL 8u
#define KEY_LIST 16u
#define KEY_MAP 32u
#define KEY_QUANTITY 64u /* a duration or a size */

struct synapse_key {
	const char *name;
	uint32_t    types;
};

/* Sorted by name (strcmp). */
extern const struct synapse_key SYNAPSE_KEYS[];
extern const size_t SYNAPSE_KEY_COUNT;

struct host_key {
	const char *name; /* of a map or list: all that is below it, too */
	uint32_t    types;
	uint32_t    without_effect; /* taken, and rightly ignored */
	const char *about;
};

/* Ends with name NULL. */
extern const struct host_key HOST_KEYS[];

const struct synapse_key *synapse_key_find(const char *name);
/* The key itself, or the map or list that it is in. */
const struct host_key *host_key_find(const char *name);

/* The member "key" of the map "prefix", as the tables call it ("prefix.*" where any name goes). prefix "" is the top. */
const struct synapse_key *synapse_key_member(const char *prefix, const char *key);
/* 1 where the tables name members of that map, so that others are misspelt. */
int synapse_key_has_members(const char *prefix);

/* "a text or a list". Borrowed until the next call. */
const char *key_types_text(uint32_t types);

/* Refuses a value of the wrong type anywhere in the tree. */
int config_check_types(const struct config *config, struct hearth_error *err);

/* Damerau-Levenshtein distance (neighbours swapped count once); texts of more than 63 bytes are limit + 1 apart. */
size_t text_distance(const char *a, const char *b, size_t limit);

#endif
