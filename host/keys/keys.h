/* SPDX-License-Identifier: Apache-2.0
 *
 * host/keys/keys.h - this server's signing key and secrets, from the files that the configuration names.
 */
#ifndef HOST_KEYS_KEYS_H
#define HOST_KEYS_KEYS_H

#include <hearth/keys.h>

struct config;

/* A key that has signed in the past (old_signing_keys). */
struct keys_old {
	const char *key_id; /* "ed25519:a_abcd" */
	uint8_t     public_key[32];
	int64_t     expired_ms;
};

/*
 * Reads signing_key_path (or signing_key), old_signing_keys and macaroon_secret_key of this process's configuration;
 * makes the file of registration_shared_secret_path where it is named and not there. Errors name file, line and remedy.
 * What was made goes again with keys_finish unless keys_keep was called: a server that does not start leaves no file.
 */
int keys_load(struct hearth_error *err);
void keys_keep(void);
/* Writes a new signing key file with mode 0600 where there is none yet. */
int keys_generate(const char *path, struct hearth_error *err);
/* The file that signing_key_path names, or its default beside the configuration. As long as the configuration. */
const char *keys_path(const struct config *config);
void keys_finish(void); /* wipes them */
const struct hearth_keys *keys_service(void);

/* All keys of the file; the first one signs. NULL at the end. */
const struct hearth_signing_key *keys_at(size_t index);
const struct keys_old *keys_old_at(size_t index);

/* Reads a signing key file's text: lines of "ed25519 VERSION SEED". name: how complaints call it. */
int keys_parse(struct hearth_arena *arena, const char *name, const char *text, struct hearth_signing_key **ret_keys,
	       size_t *ret_count, struct hearth_error *err);

/* Writes text to a new file of mode 0600. -EEXIST: there is one already, which stays as it is. */
int keys_write_new(const char *path, const char *text, struct hearth_error *err);

#endif
