/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/config.h - the configuration: YAML files merged into one tree that remembers file and line.
 */
#ifndef HOST_CONFIG_CONFIG_H
#define HOST_CONFIG_CONFIG_H

#include <hearth/field.h>

struct config;      /* the whole configuration; as long as the process */
struct config_node; /* one YAML node */

/*
 * Reads files in order (a directory stands for its sorted *.yaml); a later file's top-level key replaces an earlier
 * one. Refuses values of the wrong type for every key that the tables know. Errors: "FILE:LINE: what is wrong; what was
 * expected". ret_config: owned, config_free.
 */
int config_load(const char *const *paths, size_t count, struct config **ret_config, struct hearth_error *err);
void config_free(struct config *config);

/* The configuration of this process, set once by main; what the rest of the host asks. */
void config_use(struct config *config);

/* A node by its dotted path ("redis.host"), NULL where absent. config NULL: this process's. */
const struct config_node *config_find(const struct config *config, const char *path);

/* Whether server_name is there and is one. */
int config_check_server_name(struct hearth_error *err);

/* The folder of the first file, and a path of the configuration seen from there. As long as the configuration. */
const char *config_folder(const struct config *config);
const char *config_resolve(const struct config *config, const char *path);

/*
 * The text of key "name", or the content of the file that "name_path" names, without the white space around it. NULL
 * where neither is there. As long as the configuration.
 */
int config_secret(const struct config *config, const char *name, const char **ret_secret, struct hearth_error *err);

/* A whole file, NUL-terminated; arena. -EFBIG beyond max_bytes. */
int config_read_file(struct hearth_arena *arena, const char *path, size_t max_bytes, char **ret_text,
		     size_t *ret_length, struct hearth_error *err);

/* --- nodes --- */
enum config_kind { CONFIG_ABSENT = 0, CONFIG_NULL, CONFIG_SCALAR, CONFIG_LIST, CONFIG_MAP };
uint32_t config_kind(const struct config_node *node);
size_t config_size(const struct config_node *node);
const struct config_node *config_at(const struct config_node *node, size_t index); /* element, or a map's value */
const char *config_key_at(const struct config_node *map, size_t index);
const struct config_node *config_get(const struct config_node *map, const char *key);
const char *config_text(const struct config_node *node); /* a scalar as written; NULL if none */
const char *config_place(const struct config_node *node); /* "homeserver.yaml:12" ; never NULL */

/* Typed reading; absent or null: fallback. Errors name place, path, what was found and expected. */
int config_int(const struct config_node *node, const char *name, int64_t min, int64_t max, int64_t fallback,
	       int64_t *ret, struct hearth_error *err);
int config_float(const struct config_node *node, const char *name, double fallback, double *ret,
		 struct hearth_error *err);
int config_bool(const struct config_node *node, const char *name, int fallback, int *ret, struct hearth_error *err);
int config_string(const struct config_node *node, const char *name, const char *fallback, const char **ret,
		  struct hearth_error *err);
int config_duration(const struct config_node *node, const char *name, int64_t fallback_ms, int64_t *ret_ms,
		    struct hearth_error *err);
int config_bytes(const struct config_node *node, const char *name, int64_t fallback, int64_t *ret_bytes,
		 struct hearth_error *err);

/* Fills a struct from a table of HEARTH_CONFIG fields, as hearth_host.config does. Notes the keys as known. */
int config_fill(const struct config *config, const struct hearth_field *table, void *ret_struct, struct hearth_error *err);

/*
 * Refuses a key that nobody knows and that is nearly a known one; warns (log) about other keys that nobody knows, and
 * about Synapse's keys that this version does not act on yet. known: tables of the loaded plugins, NULL at the end.
 */
int config_refuse_misspelt(const struct config *config, const struct hearth_field *const *const *known,
			   struct hearth_error *err);
void config_warn_unknown(const struct config *config, const struct hearth_field *const *const *known);

/* The same complaints, one call each. text: borrowed. */
enum config_doubt { CONFIG_MISSPELT = 1, CONFIG_UNKNOWN, CONFIG_UNUSED };
typedef void (*config_complaint)(void *closure, uint32_t doubt, const char *text);
void config_each_unknown(const struct config *config, const struct hearth_field *const *const *known,
			 config_complaint complain, void *closure);

#endif
