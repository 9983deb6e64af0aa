/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/config.c - reads the configuration's files and merges them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hearth/matrix/id.h>

#include "keytable.h"
#include "node.h"

#define NAME_BYTES_MAX 60 /* of a file in "FILE:LINE"; a longer path is named by its last part */
#define PATH_BYTES_MAX 256

struct noted_name {
	const char        *name;
	struct noted_name *next;
};

struct config_notes {
	struct noted_name *first;
};

static struct config *current;

static void closep(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static const char *short_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strlen(path) > NAME_BYTES_MAX && slash && slash[1] ? slash + 1 : path;
}

int config_read_file(struct hearth_arena *arena, const char *path, size_t max_bytes, char **ret_text,
		     size_t *ret_length, struct hearth_error *err)
{
	HEARTH_CLEANUP(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0, capacity = 4096;
	char *text = hearth_arena_alloc(arena, capacity);

	if (fd < 0)
		return hearth_fail(err, -errno, "%s: cannot be opened: %s", short_name(path), strerror(errno));
	for (;;) {
		ssize_t got = read(fd, text + length, capacity - length - 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return hearth_fail(err, -errno, "%s: cannot be read: %s", short_name(path), strerror(errno));
		if (got == 0)
			break;
		length += (size_t)got;
		if (length > max_bytes)
			return hearth_fail(err, -EFBIG, "%s: larger than %zu bytes", short_name(path), max_bytes);
		if (length + 1 == capacity) {
			text = hearth_arena_grow(arena, text, capacity, capacity * 2);
			capacity *= 2;
		}
	}
	text[length] = '\0';
	*ret_text = text;
	*ret_length = length;
	return 0;
}

/* A later file's top-level key replaces an earlier one. */
static void merge_top(struct config *config, const struct config_node *from)
{
	struct config_node *root = config->root;
	size_t known = root->count;

	root->members = hearth_arena_grow(config->arena, root->members, known * sizeof(*root->members),
					  (known + from->count) * sizeof(*root->members));
	for (size_t i = 0; i < from->count; i++) {
		size_t at = 0;
		while (at < known && strcmp(root->members[at].key, from->members[i].key) != 0)
			at++;
		if (at == known)
			at = root->count++;
		root->members[at] = from->members[i];
	}
}

static int load_file(struct config *config, const char *path, struct hearth_error *err)
{
	struct config_node *root;
	size_t length;
	char *text;

	int r = config_read_file(config->arena, path, CONFIG_FILE_BYTES_MAX, &text, &length, err);
	if (r < 0)
		return r;
	r = config_parse(config->arena, hearth_arena_strdup(config->arena, short_name(path)), text, length, &root, err);
	if (r < 0 || !root)
		return r;
	if (root->kind != CONFIG_MAP)
		return hearth_fail(err, -EINVAL, "%s: found no keys, expected lines such as 'server_name: example.com'",
				   root->place);
	merge_top(config, root);
	return 0;
}

static int is_yaml_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return entry->d_name[0] != '.' && length > 5 && strcmp(entry->d_name + length - 5, ".yaml") == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_folder(struct config *config, const char *path, struct hearth_error *err)
{
	struct dirent **entries;
	int r = 0, count = scandir(path, &entries, is_yaml_file, by_name);

	if (count < 0)
		return hearth_fail(err, -errno, "%s: cannot be listed: %s", short_name(path), strerror(errno));
	for (int i = 0; i < count; i++) {
		if (r >= 0)
			r = load_file(config, hearth_arena_printf(config->arena, "%s/%s", path, entries[i]->d_name), err);
		free(entries[i]);
	}
	free(entries);
	return r;
}

static const char *folder_of(struct hearth_arena *arena, const char *path)
{
	struct stat info;
	const char *slash = strrchr(path, '/');
	char *folder;

	if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
		folder = hearth_arena_strdup(arena, path);
	else
		folder = slash ? hearth_arena_strndup(arena, path,
				(size_t)(slash - path) + 1) : hearth_arena_strdup(arena, ".");
	char *absolute = realpath(folder, NULL);
	if (!absolute)
		return folder;
	const char *copy = hearth_arena_strdup(arena, absolute);
	free(absolute);
	return copy;
}

static int load_path(struct config *config, const char *path, struct hearth_error *err)
{
	struct stat info;

	if (stat(path, &info) < 0)
		return hearth_fail(err, -errno, "%s: cannot be opened: %s", short_name(path), strerror(errno));
	return S_ISDIR(info.st_mode) ? load_folder(config, path, err) : load_file(config, path, err);
}

int config_load(const char *const *paths, size_t count, struct config **ret_config, struct hearth_error *err)
{
	struct hearth_arena *arena = hearth_arena_new();
	struct config *config = hearth_arena_new_of(arena, struct config);
	int r = count ? 0 : hearth_fail(err, -EINVAL, "no configuration file was named; use -c FILE");

	config->arena = arena;
	config->notes = hearth_arena_new_of(arena, struct config_notes);
	config->root = hearth_arena_new_of(arena, struct config_node);
	config->root->kind = CONFIG_MAP;
	config->root->place = count ? hearth_arena_strdup(arena, short_name(paths[0])) : "configuration";
	config->folder = count ? folder_of(arena, paths[0]) : ".";
	for (size_t i = 0; i < count && r >= 0; i++)
		r = load_path(config, paths[i], err);
	if (r >= 0)
		r = config_check_types(config, err);
	if (r < 0) {
		config_free(config);
		return r;
	}
	*ret_config = config;
	return 0;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	if (current == config)
		current = NULL;
	hearth_arena_free(config->arena);
}

void config_use(struct config *config)
{
	current = config;
}

const struct config *config_or_current(const struct config *config)
{
	return config ? config : current;
}

const struct config_node *config_find(const struct config *config, const char *path)
{
	config = config_or_current(config);
	const struct config_node *node = config ? config->root : NULL;

	while (node) {
		char key[PATH_BYTES_MAX];
		size_t length = strcspn(path, ".");
		if (length >= sizeof(key))
			return NULL;
		memcpy(key, path, length);
		key[length] = '\0';
		node = config_get(node, key);
		if (!path[length])
			break;
		path += length + 1;
	}
	return node;
}

void config_note(const struct config *config, const char *name)
{
	if (config_is_noted(config, name))
		return;
	struct noted_name *entry = hearth_arena_new_of(config->arena, struct noted_name);
	entry->name = hearth_arena_strdup(config->arena, name);
	entry->next = config->notes->first;
	config->notes->first = entry;
}

bool config_is_noted(const struct config *config, const char *name)
{
	for (const struct noted_name *entry = config->notes->first; entry; entry = entry->next)
		if (strcmp(entry->name, name) == 0)
			return true;
	return false;
}

const char *config_resolve(const struct config *config, const char *path)
{
	config = config_or_current(config);
	if (!path || path[0] == '/' || !config)
		return path;
	return hearth_arena_printf(config->arena, "%s/%s", config->folder, path);
}

const char *config_folder(const struct config *config)
{
	config = config_or_current(config);
	return config ? config->folder : ".";
}

int config_check_server_name(struct hearth_error *err)
{
	const struct config_node *node = config_find(NULL, "server_name");
	const char *name;

	int r = config_string(node, "server_name", NULL, &name, err);
	if (r < 0)
		return r;
	if (!name)
		return hearth_fail(err, -EINVAL, "%s: server_name is missing; expected a line such as "
				   "'server_name: example.com'", current ? current->root->place : "configuration");
	if (!hearth_id_is_server_name(name))
		return hearth_fail(err, -EINVAL, "%s: server_name: '%.80s' is no server name; expected one such as "
				   "example.com", config_place(node), name);
	return 0;
}
