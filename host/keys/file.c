/* SPDX-License-Identifier: Apache-2.0
 *
 * host/keys/file.c - signing key files: reading Synapse's format, and writing a new one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hearth/matrix/id.h>

#include "keys.h"

#define KEYS_MAX 16
#define VERSION_BYTES_MAX 32

static int parse_line(struct hearth_arena *arena, const char *place, char *line, struct hearth_signing_key *key,
		      struct hearth_error *err)
{
	char *rest = NULL;
	char *kind = strtok_r(line, " \t", &rest), *version = strtok_r(NULL, " \t", &rest);
	char *seed_text = strtok_r(NULL, " \t", &rest);
	uint8_t *seed;
	size_t length;

	if (!seed_text || strtok_r(NULL, " \t", &rest) || strlen(version) > VERSION_BYTES_MAX)
		return hearth_fail(err, -EINVAL, "%s: expected 'ed25519 VERSION SEED'", place);
	if (strcmp(kind, "ed25519") != 0)
		return hearth_fail(err, -EINVAL, "%s: found a key of type '%.20s', expected ed25519", place, kind);
	if (hearth_base64_decode(arena, seed_text, &seed, &length) < 0 || length != 32)
		return hearth_fail(err, -EINVAL, "%s: the seed is not 32 bytes of base64", place);
	return hearth_signing_key_from_seed(key, version, seed, err);
}

int keys_parse(struct hearth_arena *arena, const char *name, const char *text, struct hearth_signing_key **ret_keys,
	       size_t *ret_count, struct hearth_error *err)
{
	struct hearth_signing_key *keys = hearth_arena_array_of(arena, struct hearth_signing_key, KEYS_MAX);
	size_t count = 0, number = 0;

	while (*text) {
		size_t length = strcspn(text, "\n");
		char *line = hearth_arena_strndup(arena, text, length);
		char *place = hearth_arena_printf(arena, "%s:%zu", name, ++number);
		text += length + (text[length] == '\n');
		if (line[strspn(line, " \t\r")] == '\0' || *line == '#')
			continue;
		line[strcspn(line, "\r")] = '\0';
		if (count == KEYS_MAX)
			return hearth_fail(err, -E2BIG, "%s: more than %d keys", place, KEYS_MAX);
		int r = parse_line(arena, place, line, &keys[count++], err);
		if (r < 0)
			return r;
	}
	if (count == 0)
		return hearth_fail(err, -EINVAL, "%s: holds no key; 'hearthd --generate-keys' makes one in a new file",
				   name);
	*ret_keys = keys;
	*ret_count = count;
	return 0;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t written = write(fd, text, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		text += written;
		length -= (size_t)written;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int keys_write_new(const char *path, const char *text, struct hearth_error *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 && errno == EEXIST)
		return hearth_fail(err, -EEXIST, "%s: is there already and stays as it is", path);
	if (fd < 0)
		return hearth_fail(err, -errno, "%s: cannot be created: %s", path, strerror(errno));
	int r = write_all(fd, text, strlen(text));
	if (close(fd) < 0 && r >= 0)
		r = -errno;
	if (r < 0) {
		unlink(path);
		return hearth_fail(err, r, "%s: cannot be written: %s", path, strerror(-r));
	}
	return 0;
}

int keys_generate(const char *path, struct hearth_error *err)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = NULL;
	struct hearth_signing_key key;
	struct hearth_error exists = { 0 };
	char version[16] = "a_";

	if (access(path, F_OK) == 0)
		return 0;
	arena = hearth_arena_new();
	hearth_id_random(version + 2, 7);
	int r = hearth_signing_key_generate(&key, version, err);
	if (r < 0)
		return r;
	char *text = hearth_arena_printf(arena, "ed25519 %s %s\n", version,
					 hearth_base64_encode(arena, key.seed, sizeof(key.seed)));
	r = keys_write_new(path, text, &exists);
	explicit_bzero(&key, sizeof(key));
	explicit_bzero(text, strlen(text));
	return r == -EEXIST || r == 0 ? 0 : hearth_fail(err, r, "%s", exists.message);
}
