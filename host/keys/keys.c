/* SPDX-License-Identifier: Apache-2.0
 *
 * host/keys/keys.c - the keys of this process: hearth.keys/1.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <hearth/matrix/id.h>

#include "config/config.h"
#include "log/log.h"

#include "keys.h"

#define FILE_BYTES_MAX 65536
#define SECRET_LETTERS 50

static struct {
	struct hearth_arena       *arena;
	struct hearth_signing_key *signing;
	size_t                     signing_count;
	struct keys_old           *old;
	size_t                     old_count;
	uint8_t                    derived[32];
	const void                *hmac_key;
	size_t                     hmac_key_size;
	const char                *made; /* a file that keys_finish takes away again */
} keys;

static struct hearth_arena *arena(void)
{
	if (!keys.arena)
		keys.arena = hearth_arena_new();
	return keys.arena;
}

const char *keys_path(const struct config *config)
{
	const char *path = config_text(config_find(config, "signing_key_path"));
	const char *server_name = config_text(config_find(config, "server_name"));

	if (path)
		return config_resolve(config, path);
	return config_resolve(config, hearth_arena_printf(arena(), "%s.signing.key",
							  server_name ? server_name : "hearth"));
}

/* Others on this machine who can read a secret can speak as this server. */
static void warn_if_open(const char *path)
{
	struct stat info;

	if (stat(path, &info) == 0 && (info.st_mode & (S_IRGRP | S_IROTH)))
		log_warning("keys", "%s: can be read by %s; chmod 600 it", path,
			    info.st_mode & S_IROTH ? "everybody" : "its group");
}

static int read_signing_file(struct hearth_error *err)
{
	const char *path = keys_path(NULL);
	size_t length;
	char *text;

	if (access(path, F_OK) < 0 && errno == ENOENT)
		return hearth_fail(err, -ENOENT,
				   "%s: signing_key_path: there is no file '%.80s'; 'hearthd --generate-keys' makes it",
				   config_place(config_find(NULL, "signing_key_path")), path);
	int r = config_read_file(keys.arena, path, FILE_BYTES_MAX, &text, &length, err);
	if (r < 0)
		return hearth_error_prefix(err, "%s: signing_key_path",
					   config_place(config_find(NULL, "signing_key_path")));
	warn_if_open(path);
	r = keys_parse(keys.arena, path, text, &keys.signing, &keys.signing_count, err);
	explicit_bzero(text, length);
	return r;
}

static int read_signing(struct hearth_error *err)
{
	const struct config_node *node = config_find(NULL, "signing_key");
	const char *text;

	int r = config_string(node, "signing_key", NULL, &text, err);
	if (r < 0)
		return r;
	return text ? keys_parse(keys.arena, config_place(node), text, &keys.signing, &keys.signing_count, err) :
		      read_signing_file(err);
}

static int read_old(const char *key_id, const struct config_node *node, struct keys_old *old, struct hearth_error *err)
{
	const char *text;
	uint8_t *bytes;
	size_t length;

	int r = config_string(config_get(node, "key"), "old_signing_keys.*.key", "", &text, err);
	if (r >= 0)
		r = config_int(config_get(node, "expired_ts"), "old_signing_keys.*.expired_ts", 0,
			       HEARTH_JSON_INT_MAX, 0, &old->expired_ms, err);
	if (r < 0)
		return r;
	if (strncmp(key_id, "ed25519:", 8) != 0 || hearth_base64_decode(keys.arena, text, &bytes, &length) < 0 ||
	    length != sizeof(old->public_key))
		return hearth_fail(err, -EINVAL,
				   "%s: old_signing_keys: expected 'ed25519:VERSION' with a key of 32 bytes in base64",
				   config_place(node));
	old->key_id = key_id;
	memcpy(old->public_key, bytes, length);
	return 0;
}

static int read_all_old(struct hearth_error *err)
{
	const struct config_node *node = config_find(NULL, "old_signing_keys");
	int r = 0;

	keys.old_count = config_size(node);
	keys.old = hearth_arena_array_of(keys.arena, struct keys_old, keys.old_count);
	for (size_t i = 0; i < keys.old_count && r >= 0; i++)
		r = read_old(config_key_at(node, i), config_at(node, i), &keys.old[i], err);
	return r;
}

static int read_macaroon_secret(struct hearth_error *err)
{
	const char *path = config_text(config_find(NULL, "macaroon_secret_key_path"));
	const char *secret;

	int r = config_secret(NULL, "macaroon_secret_key", &secret, err);
	if (r < 0)
		return r;
	if (path)
		warn_if_open(config_resolve(NULL, path));
	if (secret) {
		keys.hmac_key = secret;
		keys.hmac_key_size = strlen(secret);
		return 0;
	}
	log_warning("keys", "macaroon_secret_key is missing; the signing key's seed serves in its place");
	hearth_sha256(keys.signing[0].seed, sizeof(keys.signing[0].seed), keys.derived);
	keys.hmac_key = keys.derived;
	keys.hmac_key_size = sizeof(keys.derived);
	return 0;
}

static int ensure_registration_secret(struct hearth_error *err)
{
	const char *name = config_text(config_find(NULL, "registration_shared_secret_path"));
	char secret[SECRET_LETTERS + 1];

	if (!name)
		return 0;
	const char *path = config_resolve(NULL, name);
	if (access(path, F_OK) == 0) {
		warn_if_open(path);
		return 0;
	}
	hearth_id_random(secret, sizeof(secret));
	int r = keys_write_new(path, secret, err);
	explicit_bzero(secret, sizeof(secret));
	if (r >= 0)
		keys.made = path;
	return r;
}

void keys_keep(void)
{
	keys.made = NULL;
}

int keys_load(struct hearth_error *err)
{
	arena();
	int r = read_signing(err);
	if (r >= 0)
		r = read_all_old(err);
	if (r >= 0)
		r = read_macaroon_secret(err);
	if (r >= 0)
		r = ensure_registration_secret(err);
	return r;
}

void keys_finish(void)
{
	if (keys.made)
		unlink(keys.made);
	if (keys.signing)
		explicit_bzero(keys.signing, keys.signing_count * sizeof(*keys.signing));
	hearth_arena_free(keys.arena);
	explicit_bzero(&keys, sizeof(keys));
}

const struct hearth_signing_key *keys_at(size_t index)
{
	return index < keys.signing_count ? &keys.signing[index] : NULL;
}

const struct keys_old *keys_old_at(size_t index)
{
	return index < keys.old_count ? &keys.old[index] : NULL;
}

static const struct hearth_signing_key *signing(void)
{
	return keys_at(0);
}

/* purpose and bytes are parted by a NUL, which no purpose holds: no two pairs make the same message. */
static void hmac(const char *purpose, const void *bytes, size_t size_bytes, uint8_t ret_mac[32])
{
	size_t prefix = strlen(purpose) + 1;
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *scratch = hearth_arena_new();
	uint8_t *message = hearth_arena_alloc(scratch, prefix + size_bytes);

	hearth_assert(keys.hmac_key);
	memcpy(message, purpose, prefix);
	if (size_bytes)
		memcpy(message + prefix, bytes, size_bytes);
	hearth_assert(HMAC(EVP_sha256(), keys.hmac_key, (int)keys.hmac_key_size, message, prefix + size_bytes, ret_mac,
			   NULL));
}

const struct hearth_keys *keys_service(void)
{
	static const struct hearth_keys SERVICE = {
		.base = { .size = sizeof(SERVICE), .major = HEARTH_KEYS_MAJOR, .minor = HEARTH_KEYS_MINOR,
			  .id = HEARTH_KEYS_ID },
		.signing = signing,
		.hmac = hmac,
	};

	return &SERVICE;
}
