/* SPDX-License-Identifier: Apache-2.0 */
/* Registration by those who know the shared secret. */
#include "admin.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/matrix/id.h>

#define NONCE_MS 60000
#define PATH "/_synapse/admin/v1/register"

static void write_hex(const unsigned char *bytes, size_t size, char *ret_text)
{
	for (size_t i = 0; i < size; i++)
		snprintf(ret_text + 2 * i, 3, "%02x", bytes[i]);
}

/* --- nonces: "<ms>.<random>.<mac>" --- */

static char *sign_nonce(const struct admin *admin, struct hearth_arena *arena, const char *stem)
{
	uint8_t mac[32];
	char hex[65];

	admin->keys->hmac("admin-register-nonce", stem, strlen(stem), mac);
	write_hex(mac, sizeof(mac), hex);
	return hearth_arena_printf(arena, "%s.%.32s", stem, hex);
}

static bool nonce_is_good(const struct admin *admin, struct hearth_arena *arena, const char *nonce)
{
	const char *last = strrchr(nonce, '.');
	int64_t made_ms, now = admin->tasks->now_ms();
	char *expected;

	if (!last)
		return false;
	expected = sign_nonce(admin, arena, hearth_arena_strndup(arena, nonce, (size_t)(last - nonce)));
	if (strlen(expected) != strlen(nonce) || !hearth_equal_secret(expected, nonce, strlen(nonce)))
		return false;
	made_ms = strtoll(nonce, NULL, 10);
	return made_ms <= now && now - made_ms < NONCE_MS;
}

static int check_secret(const struct admin *admin, struct hearth_error *err)
{
	return admin->secret[0] ? 0 : hearth_refuse(err, 400, "M_UNKNOWN", "Shared secret registration is not enabled");
}

HEARTH_SUSPENDS static int get_nonce(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	struct admin *admin = self;
	char random[21];
	int r = check_secret(admin, err);

	(void)task, (void)fields;
	if (r < 0)
		return r;
	hearth_id_random(random, sizeof(random));
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "nonce", sign_nonce(admin, req->arena, hearth_arena_printf(req->arena, "%lld.%s",
			    (long long)admin->tasks->now_ms(), random)));
	hearth_write_end(req->out);
	return 0;
}

/* --- the request --- */

void admin_register_mac(const char *secret, const char *nonce, const char *username, const char *password, bool admin,
			const char *user_type, char ret_mac[ADMIN_MAC_SIZE])
{
	const char *parts[] = { nonce, username, password, admin ? "admin" : "notadmin", user_type };
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	size_t count = user_type ? 5 : 4, size = 0, at = 0;
	unsigned char mac[EVP_MAX_MD_SIZE], *text;
	unsigned length = sizeof(mac);

	for (size_t i = 0; i < count; i++)
		size += strlen(parts[i]) + 1;
	text = hearth_arena_alloc(arena, size);
	for (size_t i = 0; i < count; i++) {
		memcpy(text + at, parts[i], strlen(parts[i]));
		at += strlen(parts[i]) + 1;
	}
	HMAC(EVP_sha1(), secret, (int)strlen(secret), text, size - 1, mac, &length);
	write_hex(mac, 20, ret_mac);
}

struct register_args {
	const char *nonce, *username, *password, *mac, *user_type, *displayname;
	bool        admin, inhibit_login;
};
static const struct hearth_field REGISTER_ARGS[] = {
	HEARTH_BODY(struct register_args, nonce, "nonce", .required = 1, .max = 255),
	HEARTH_BODY(struct register_args, username, "username", .required = 1, .max = 512),
	HEARTH_BODY(struct register_args, password, "password", .required = 1, .max = 512, .secret = 1),
	HEARTH_BODY(struct register_args, mac, "mac", .required = 1, .max = 255),
	HEARTH_BODY(struct register_args, admin, "admin", .fallback = "false"),
	HEARTH_BODY(struct register_args, user_type, "user_type", .choices = "bot|support"),
	HEARTH_BODY(struct register_args, displayname, "displayname", .max = 1024),
	HEARTH_BODY(struct register_args, inhibit_login, "inhibit_login"), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int register_user(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					 struct hearth_error *err)
{
	struct admin *admin = self;
	const struct register_args *args = fields;
	const struct hearth_registration wanted = {
		.size = sizeof(wanted), .localpart = args->username, .password = args->password, .admin = args->admin,
		.displayname = args->displayname, .user_type = args->user_type,
	};
	struct hearth_session session = { .size = sizeof(session) };
	char mac[ADMIN_MAC_SIZE];
	int r = check_secret(admin, err);

	if (r < 0)
		return r;
	if (!nonce_is_good(admin, req->arena, args->nonce))
		return hearth_refuse(err, 400, "M_UNKNOWN", "unrecognised nonce");
	admin_register_mac(admin->secret, args->nonce, args->username, args->password, args->admin, args->user_type, mac);
	if (strlen(args->mac) != sizeof(mac) - 1 || !hearth_equal_secret(mac, args->mac, sizeof(mac) - 1))
		return hearth_refuse(err, 403, "M_UNKNOWN", "HMAC incorrect");
	r = admin->accounts->create(admin->accounts, task, &wanted, &session.user_id, err);
	if (r == 0 && !args->inhibit_login)
		r = admin->accounts->open_session(admin->accounts, task, &session, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "user_id", session.user_id);
	hearth_write_string(req->out, "home_server", admin->host->info(admin->host, HEARTH_INFO_SERVER_NAME));
	hearth_write_string(req->out, "access_token", session.access_token);
	hearth_write_string(req->out, "device_id", session.device_id);
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint ADMIN_REGISTER_ENDPOINTS[] = {
	{ .method = "GET", .path = PATH, .resource = HEARTH_RESOURCE_ADMIN, .access = HEARTH_ACCESS_NONE, .handler = get_nonce,
	  .about = "A nonce for a registration by shared secret." },
	{ .method = "POST", .path = PATH, .resource = HEARTH_RESOURCE_ADMIN, .access = HEARTH_ACCESS_NONE,
	  .fields = REGISTER_ARGS,
	  .args_size = sizeof(struct register_args), .handler = register_user, .about = "Makes an account by shared secret." },
	HEARTH_ENDPOINTS_END
};
