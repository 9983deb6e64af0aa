/* SPDX-License-Identifier: Apache-2.0
 *
 * host/keys/keys.h - this server's signing key and secrets, from the files that the configuration names.
 */
#ifndef HOST_KEYS_KEYS_H
#define HOST_KEYS_KEYS_H

#include <hearth/keys.h>

/* Reads signing_key_path (or signing_key) and macaroon_secret_key. Errors name file, line and remedy. */
int keys_load(struct hearth_error *err);
/* Writes a new signing key file with mode 0600 where there is none yet. */
int keys_generate(const char *path, struct hearth_error *err);
void keys_finish(void); /* wipes them */
const struct hearth_keys *keys_service(void);

#endif
