/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/keys.h - hearth.keys/1: this server's signing key and the other secrets of its configuration.
 *
 * 1.0  first version
 */
#ifndef HEARTH_KEYS_H
#define HEARTH_KEYS_H

#include <hearth/host.h>
#include <hearth/matrix/event.h>

HEARTH_BEGIN_DECLS

#define HEARTH_KEYS_ID "hearth.keys"
#define HEARTH_KEYS_MAJOR 1
#define HEARTH_KEYS_MINOR 0

struct hearth_keys {
	struct hearth_service base;
	/* The key of signing_key_path that signs today; as long as the process. */
	const struct hearth_signing_key *(*signing)(void);
	/*
	 * HMAC-SHA256 under macaroon_secret_key, with the purpose as a prefix: tokens and links that this server alone
	 * can make and check.
	 */
	void (*hmac)(const char *purpose, const void *bytes, size_t size_bytes, uint8_t ret_mac[32]);
};

static inline const struct hearth_keys *hearth_keys(const struct hearth_host *host)
{
	return (const struct hearth_keys *)host->service(host, HEARTH_KEYS_ID, HEARTH_KEYS_MAJOR, HEARTH_KEYS_MINOR);
}

HEARTH_END_DECLS
#endif
