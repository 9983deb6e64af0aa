/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials for the TURN server (spec "Voice over IP"): its shared secret signs name and time. */
#include "accounts.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

static void write_server(struct hearth_writer *w, const struct accounts_config *config, const char *username,
			 const char *password)
{
	hearth_write_object(w, NULL);
	hearth_write_string(w, "username", username);
	hearth_write_string(w, "password", password);
	hearth_write_int(w, "ttl", config->turn_lifetime_ms / 1000);
	hearth_write_array(w, "uris");
	for (size_t i = 0; i < config->turn_uris.count; i++)
		hearth_write_string(w, NULL, config->turn_uris.items[i]);
	hearth_write_end(w);
	hearth_write_end(w);
}

HEARTH_SUSPENDS static int turn_server(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				       struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct accounts_config *config = &accounts->config;
	bool guest = req->user->flags & HEARTH_REQUESTER_GUEST;
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned length = sizeof(mac);
	char *name, encoded[64];

	(void)task, (void)fields, (void)err;
	if (config->turn_uris.count == 0 || (guest && !config->turn_guests))
		return 0;
	if (config->turn_secret) {
		name = hearth_arena_printf(req->arena, "%lld:%s",
					   (long long)((accounts->tasks->now_ms() + config->turn_lifetime_ms) / 1000),
						   req->user->user_id);
		HMAC(EVP_sha1(), config->turn_secret, (int)strlen(config->turn_secret), (const unsigned char *)name,
		     strlen(name), mac,
		     &length);
		EVP_EncodeBlock((unsigned char *)encoded, mac, (int)length);
		write_server(req->out, config, name, encoded);
	} else if (config->turn_username && config->turn_password) {
		write_server(req->out, config, config->turn_username, config->turn_password);
	}
	return 0;
}

const struct hearth_endpoint ACCOUNTS_TURN_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v3/voip/turnServer", .also = "api/v1 r0 unstable",
	  .access = HEARTH_ACCESS_GUEST,
	  .handler = turn_server, .about = "Credentials for the TURN server." },
	HEARTH_ENDPOINTS_END
};
