/* SPDX-License-Identifier: Apache-2.0 */
/* What this server can do: versions and capabilities. */
#include "accounts.h"

#include <hearth/matrix/room_version.h>
#include <string.h>

static const char *const VERSIONS[] = {
	"r0.0.1", "r0.1.0", "r0.2.0", "r0.3.0", "r0.4.0", "r0.5.0", "r0.6.0", "r0.6.1", "v1.1", "v1.2", "v1.3", "v1.4",
		"v1.5", "v1.6",
	"v1.7", "v1.8", "v1.9", "v1.10", "v1.11", "v1.12", "v1.13", "v1.14", "v1.15", "v1.16", "v1.17", "v1.18", "v1.19",
};
/* Of what this plugin serves; others add theirs through versions.extend. */
static const char *const FEATURES[] = { "uk.tcpip.msc4133", "uk.tcpip.msc4133.stable" };

HEARTH_SUSPENDS static int extend(struct accounts *accounts, struct hearth_task *task, const char *hook,
				  struct hearth_request *req,
				  struct hearth_error *err)
{
	struct hearth_hook_extend subject = { .out = req->out, .user_id = req->user ? req->user->user_id : NULL };
	int r = accounts->hooks->run(accounts->host, task, hook, &subject, err);

	return r < 0 ? r : 0;
}

HEARTH_SUSPENDS static int versions(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	int r;

	(void)fields;
	hearth_write_object(req->out, NULL);
	hearth_write_array(req->out, "versions");
	for (size_t i = 0; i < HEARTH_COUNT(VERSIONS); i++)
		hearth_write_string(req->out, NULL, VERSIONS[i]);
	hearth_write_end(req->out);
	hearth_write_object(req->out, "unstable_features");
	for (size_t i = 0; i < HEARTH_COUNT(FEATURES); i++)
		hearth_write_bool(req->out, FEATURES[i], 1);
	r = extend(self, task, HEARTH_HOOK_VERSIONS_EXTEND, req, err);
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return r;
}

static void write_flag(struct hearth_writer *w, const char *capability, bool enabled)
{
	hearth_write_object(w, capability);
	hearth_write_bool(w, "enabled", enabled);
	hearth_write_end(w);
}

static void write_room_versions(struct hearth_writer *w, const char *fallback)
{
	const struct hearth_room_version *version;

	hearth_write_object(w, "m.room_versions");
	hearth_write_string(w, "default", fallback);
	hearth_write_object(w, "available");
	for (size_t i = 0; (version = hearth_room_version_at(i)); i++)
		hearth_write_string(w, version->name, "stable");
	hearth_write_end(w);
	hearth_write_end(w);
}

static void write_profile_fields(struct hearth_writer *w, const struct accounts_config *config, bool admin)
{
	hearth_write_object(w, "m.profile_fields");
	hearth_write_bool(w, "enabled", 1);
	if (!admin && (!config->set_displayname || !config->set_avatar)) {
		hearth_write_array(w, "disallowed");
		hearth_write_string(w, NULL, config->set_displayname ? NULL : "displayname");
		hearth_write_string(w, NULL, config->set_avatar ? NULL : "avatar_url");
		hearth_write_end(w);
	}
	hearth_write_end(w);
}

static void write_moderation(struct hearth_writer *w)
{
	hearth_write_object(w, "m.account_moderation");
	hearth_write_bool(w, "suspend", 1);
	hearth_write_bool(w, "lock", 1);
	hearth_write_end(w);
}

HEARTH_SUSPENDS static int capabilities(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct accounts_config *config = &accounts->config;
	bool admin = req->user->flags & HEARTH_REQUESTER_ADMIN;
	struct hearth_writer *w = req->out;
	int r;

	(void)fields;
	hearth_write_object(w, NULL);
	hearth_write_object(w, "capabilities");
	write_room_versions(w, config->room_version);
	write_flag(w, "m.change_password", accounts_password_local(accounts));
	write_flag(w, "m.set_displayname", config->set_displayname);
	write_flag(w, "m.set_avatar_url", config->set_avatar);
	write_flag(w, "m.3pid_changes", 0);
	write_flag(w, "m.get_login_token", config->login_token_enabled);
	write_profile_fields(w, config, admin);
	if (admin)
		write_moderation(w);
	r = extend(accounts, task, HEARTH_HOOK_CAPABILITIES_EXTEND, req, err);
	hearth_write_end(w);
	hearth_write_end(w);
	return r;
}

const struct hearth_endpoint ACCOUNTS_CAPABILITY_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/versions", .access = HEARTH_ACCESS_OPTIONAL, .handler = versions,
	  .about = "The versions of the specification that are served." },
	{ .method = "GET", .path = "/_matrix/client/v3/capabilities", .also = "r0 unstable", .access = HEARTH_ACCESS_GUEST,
	  .handler = capabilities, .about = "What the caller may do on this server." },
	HEARTH_ENDPOINTS_END
};
