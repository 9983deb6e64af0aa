/* SPDX-License-Identifier: Apache-2.0
 *
 * admin.h - what the files of this plugin share.
 */
#ifndef ADMIN_H
#define ADMIN_H

#include <stdbool.h>

#include <hearth/keys.h>
#include <hearth/plugin.h>
#include <hearth/services/accounts.h>

#define ADMIN_SECRET_MAX 1024
#define ADMIN_MAC_SIZE 41

struct admin {
	const struct hearth_host     *host;
	const struct hearth_tasks    *tasks;
	const struct hearth_keys     *keys;
	const struct hearth_accounts *accounts;
	char                          secret[ADMIN_SECRET_MAX]; /* "": registration by secret is off */
};

/* HMAC-SHA1 over nonce, name, password, admin or notadmin, and the user type,
	with NULs between; in hex. user_type may be NULL. */
void admin_register_mac(const char *secret, const char *nonce, const char *username, const char *password, bool admin,
			const char *user_type, char ret_mac[ADMIN_MAC_SIZE]);

extern const struct hearth_endpoint ADMIN_REGISTER_ENDPOINTS[];

#endif
