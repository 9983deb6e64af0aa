/* SPDX-License-Identifier: Apache-2.0 */
/* /.well-known/matrix/client and /support, and the OAuth metadata that is not configured. */
#include "accounts.h"

#include <string.h>

HEARTH_SUSPENDS static int client(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				  struct hearth_error *err)
{
	struct accounts *accounts = self;
	struct hearth_json *answer = hearth_json_object_new(req->arena), *server = hearth_json_object_new(req->arena);
	const struct hearth_json *extra = accounts->config.well_known_extra;

	(void)task, (void)fields, (void)err;
	hearth_json_set_string(server, "base_url", accounts->host->info(accounts->host, HEARTH_INFO_PUBLIC_BASEURL));
	hearth_json_set(answer, "m.homeserver", server);
	if (accounts->config.identity_server) {
		struct hearth_json *identity = hearth_json_object_new(req->arena);

		hearth_json_set_string(identity, "base_url", accounts->config.identity_server);
		hearth_json_set(answer, "m.identity_server", identity);
	}
	for (size_t i = 0; i < hearth_json_size(extra); i++)
		if (!hearth_json_get(answer, hearth_json_key_at(extra, i)))
			hearth_json_set(answer, hearth_json_key_at(extra, i), hearth_json_at(extra, i));
	hearth_write_json(req->out, NULL, answer);
	return 0;
}

HEARTH_SUSPENDS static int support(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				   struct hearth_error *err)
{
	const char *contact = ((struct accounts *)self)->config.admin_contact;
	bool page = contact && strncmp(contact, "http", 4) == 0;

	(void)task, (void)fields;
	if (!contact)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "admin_contact is not configured");
	hearth_write_object(req->out, NULL);
	if (page) {
		hearth_write_string(req->out, "support_page", contact);
	} else {
		hearth_write_array(req->out, "contacts");
		hearth_write_object(req->out, NULL);
		hearth_write_string(req->out, "role", "m.role.admin");
		hearth_write_string(req->out, contact[0] == '@' ? "matrix_id" : "email_address",
				    strncmp(contact, "mailto:", 7) == 0 ? contact + 7 : contact);
		hearth_write_end(req->out);
		hearth_write_end(req->out);
	}
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint ACCOUNTS_WELLKNOWN_ENDPOINTS[] = {
	{ .method = "GET", .path = "/.well-known/matrix/client", .access = HEARTH_ACCESS_NONE, .handler = client,
	  .about = "Where clients find this server." },
	{ .method = "GET", .path = "/.well-known/matrix/support", .access = HEARTH_ACCESS_NONE, .handler = support,
	  .about = "Whom to ask for help." },
	HEARTH_ENDPOINTS_END
};
