/* SPDX-License-Identifier: Apache-2.0 */
/* The accounts plugin: descriptor, settings and lifecycle. */
#include "accounts.h"

#include <errno.h>
#include <hearth/matrix/room_version.h>
#include <stdlib.h>
#include <string.h>

#define CACHED_TOKENS 20000

extern const struct hearth_migration accounts_migrations[];

#define KEY(member, name, ...) HEARTH_CONFIG(struct accounts_config, member, name, __VA_ARGS__)
#define FLAG(member, name, fallback_) KEY(member, name, .fallback = fallback_)
#define TIME(member, name, fallback_) KEY(member, name, .format = HEARTH_DURATION, .fallback = fallback_)

static const struct hearth_field CONFIG[] = {
	FLAG(enable_registration, "enable_registration", "false"),
	FLAG(without_verification, "enable_registration_without_verification", "false"),
	FLAG(requires_token, "registration_requires_token", "false"),
	FLAG(captcha, "enable_registration_captcha", "false"),
	FLAG(guests, "allow_guest_access", "false"),
	FLAG(inhibit_user_in_use, "inhibit_user_in_use_error", "false"),
	KEY(require_3pid, "registrations_require_3pid"),
	KEY(password_enabled, "password_config.enabled", .fallback = "true", .choices = "true|false|only_for_reauth"),
	FLAG(localdb_enabled, "password_config.localdb_enabled", "true"),
	KEY(pepper, "password_config.pepper", .secret = 1),
	KEY(bcrypt_rounds, "bcrypt_rounds", .min = 4, .max = 31, .fallback = "12"),
	FLAG(policy_enabled, "password_config.policy.enabled", "false"),
	KEY(policy_length, "password_config.policy.minimum_length", .min = 0, .max = 512, .fallback = "0"),
	FLAG(policy_digit, "password_config.policy.require_digit", "false"),
	FLAG(policy_symbol, "password_config.policy.require_symbol", "false"),
	FLAG(policy_lower, "password_config.policy.require_lowercase", "false"),
	FLAG(policy_upper, "password_config.policy.require_uppercase", "false"),
	TIME(refreshable_ms, "refreshable_access_token_lifetime", "5m"),
	TIME(nonrefreshable_ms, "nonrefreshable_access_token_lifetime", "0"),
	TIME(session_ms, "session_lifetime", "0"),
	TIME(refresh_ms, "refresh_token_lifetime", "0"),
	TIME(uia_session_ms, "ui_auth.session_timeout", "0"),
	FLAG(login_token_enabled, "login_via_existing_session.enabled", "false"),
	FLAG(login_token_uia, "login_via_existing_session.require_ui_auth", "true"),
	TIME(login_token_ms, "login_via_existing_session.token_timeout", "5m"),
	FLAG(set_displayname, "enable_set_displayname", "true"),
	FLAG(set_avatar, "enable_set_avatar_url", "true"),
	FLAG(change_3pid, "enable_3pid_changes", "true"),
	FLAG(profile_auth, "require_auth_for_profile_requests", "false"),
	FLAG(profile_shared_rooms, "limit_profile_requests_to_users_who_share_rooms", "false"),
	KEY(room_version, "default_room_version", .fallback = "11"),
	KEY(consent_version, "user_consent.version"),
	KEY(consent_name, "user_consent.policy_name", .fallback = "Privacy Policy"),
	FLAG(consent_at_registration, "user_consent.require_at_registration", "false"),
	KEY(turn_uris, "turn_uris"),
	KEY(turn_secret, "turn_shared_secret", .secret = 1),
	KEY(turn_username, "turn_username"),
	KEY(turn_password, "turn_password", .secret = 1),
	TIME(turn_lifetime_ms, "turn_user_lifetime", "1h"),
	FLAG(turn_guests, "turn_allow_guests", "true"),
	KEY(identity_server, "default_identity_server"),
	KEY(admin_contact, "admin_contact"),
	KEY(well_known_extra, "extra_well_known_client_content", .shape = HEARTH_AN_OBJECT),
	TIME(stale_devices_ms, "delete_stale_devices_after", "0"),
	HEARTH_FIELDS_END
};
static const struct hearth_field *const CONFIGS[] = { CONFIG, NULL };

static int check_config(const struct hearth_host *host, const struct accounts_config *config, struct hearth_error *err)
{
	bool verified = config->requires_token || config->captcha || config->require_3pid.count > 0;

	if (config->enable_registration && !verified && !config->without_verification)
		return hearth_fail(err, -EINVAL,
				   "%sopen registration lets anyone in: set registration_requires_token: true, or "
				   "enable_registration_without_verification: true if that is what you want",
				   host->config_place(host, "enable_registration"));
	if (!hearth_room_version(config->room_version))
		return hearth_fail(err, -EINVAL, "%sno such room version: %s; expected 1 to 12",
				   host->config_place(host, "default_room_version"), config->room_version);
	return 0;
}

static void accounts_stop(void *self)
{
	struct accounts *accounts = self;

	if (!accounts)
		return;
	accounts_cache_free(accounts->cache);
	accounts_ignored_free(accounts->ignored);
	free(accounts);
}

static int accounts_load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct accounts *accounts = calloc(1, sizeof(*accounts));
	int r;

	hearth_assert(accounts);
	accounts->host = host;
	accounts->db = hearth_db(host);
	accounts->tasks = hearth_tasks(host);
	accounts->http = hearth_http(host);
	accounts->hooks = hearth_hooks(host);
	accounts->limits = hearth_limits(host);
	accounts->log = hearth_log(host);
	accounts->keys = hearth_keys(host);
	accounts->streams = hearth_streams(host);
	accounts->server_name = host->info(host, HEARTH_INFO_SERVER_NAME);
	accounts->cache = accounts_cache_new(CACHED_TOKENS);
	accounts->ignored = accounts_ignored_new();
	accounts_service_fill(accounts);
	r = host->config(host, CONFIG, &accounts->config, err);
	if (r == 0)
		r = check_config(host, &accounts->config, err);
	if (r == 0)
		r = host->offer(host, &accounts->auth.base, err);
	if (r == 0)
		r = host->offer(host, &accounts->service.base, err);
	if (r == 0)
		r = accounts_auth_listen(accounts, err);
	if (r < 0) {
		accounts_stop(accounts);
		return r;
	}
	accounts_password_dummy(accounts);
	*ret_self = accounts;
	return 0;
}

HEARTH_SUSPENDS static int accounts_start(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct accounts *accounts = self;

	(void)task;
	accounts->account_data = accounts->streams->find(accounts->host, "account_data");
	return accounts->tasks->spawn(accounts->host, "last seen", accounts_seen_run, accounts, err);
}

HEARTH_SUSPENDS static int accounts_drain(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct accounts *accounts = self;

	accounts->draining = true;
	return accounts_seen_flush(accounts, task, err);
}

static const struct hearth_need NEEDS[] = {
	HEARTH_NEED(HEARTH_DB), HEARTH_NEED(HEARTH_TASK), HEARTH_NEED(HEARTH_HTTP), HEARTH_NEED(HEARTH_HOOKS),
	HEARTH_NEED(HEARTH_LIMITS), HEARTH_NEED(HEARTH_LOG), HEARTH_NEED(HEARTH_KEYS), HEARTH_NEED(HEARTH_STREAMS),
		{ .id = NULL }
};
static const struct hearth_offer OFFERS[] = { HEARTH_OFFER(HEARTH_AUTH), HEARTH_OFFER(HEARTH_ACCOUNTS), { .id = NULL } };
static const struct hearth_endpoint *const ENDPOINTS[] = {
	ACCOUNTS_REGISTER_ENDPOINTS, ACCOUNTS_LOGIN_ENDPOINTS, ACCOUNTS_REFRESH_ENDPOINTS, ACCOUNTS_DEVICE_ENDPOINTS,
	ACCOUNTS_PASSWORD_ENDPOINTS, ACCOUNTS_DEACTIVATE_ENDPOINTS, ACCOUNTS_PROFILE_ENDPOINTS, ACCOUNTS_DATA_ENDPOINTS,
	ACCOUNTS_TAG_ENDPOINTS, ACCOUNTS_FILTER_ENDPOINTS, ACCOUNTS_CAPABILITY_ENDPOINTS, ACCOUNTS_WELLKNOWN_ENDPOINTS,
	ACCOUNTS_TURN_ENDPOINTS, ACCOUNTS_OPENID_ENDPOINTS, ACCOUNTS_UIA_ENDPOINTS, ACCOUNTS_ACCOUNT_ENDPOINTS,
	ACCOUNTS_MODERATION_ENDPOINTS, ACCOUNTS_REGISTRATION_TOKEN_ENDPOINTS, NULL
};
static const struct hearth_stream ACCOUNT_DATA = {
	.name = "account_data", .sequence = "account_data_stream", .writers = "account_data", .sync_slot = 4,
		.sync = accounts_sync,
	.about = "Account data and tags.",
};
static const struct hearth_stream *const STREAMS[] = { &ACCOUNT_DATA, NULL };

#define POINT(id_, chain_, failure_, suspends_) \
	{ .id = id_, .chain = HEARTH_CHAIN_##chain_, .failure = HEARTH_FAIL_##failure_, .suspends = suspends_ }
static const struct hearth_hook_point HOOK_POINTS[] = {
	POINT(HEARTH_HOOK_USER_CHECK_REGISTRATION, FIRST, OPEN, 1),
	POINT(HEARTH_HOOK_USER_CHECK_LOGIN, FIRST, OPEN, 1),
	POINT(HEARTH_HOOK_REGISTER_NAME, FIRST, OPEN, 1),
	POINT(HEARTH_HOOK_AUTH_CHECK_PASSWORD, FIRST, OPEN, 1),
	POINT(HEARTH_HOOK_ACCOUNT_ON_REGISTERED, ALL, OPEN, 1),
	POINT(HEARTH_HOOK_ACCOUNT_ON_DEACTIVATED, ALL, OPEN, 1),
	POINT(HEARTH_HOOK_ACCOUNT_ON_LOGIN, ALL, OPEN, 1),
	POINT(HEARTH_HOOK_ACCOUNT_ON_LOGOUT, ALL, OPEN, 1),
	POINT(HEARTH_HOOK_ACCOUNT_IS_EXPIRED, FIRST, OPEN, 1),
	POINT(HEARTH_HOOK_ACCOUNT_DATA_ON_UPDATE, ALL, OPEN, 1),
	POINT(HEARTH_HOOK_USER_MAY_DEACTIVATE, FIRST, CLOSED, 1),
	POINT(HEARTH_HOOK_DEVICE_CHANGED, ALL, CLOSED, 1),
	POINT(HEARTH_HOOK_PROFILE_CHANGED, ALL, OPEN, 1),
	POINT(HEARTH_HOOK_VERSIONS_EXTEND, ALL, OPEN, 0),
	POINT(HEARTH_HOOK_CAPABILITIES_EXTEND, ALL, OPEN, 0),
	{ .id = NULL }
};
static const struct hearth_hook HOOKS[] = {
	{ .id = HEARTH_HOOK_ROOM_ON_FOLLOWED, .fn = accounts_on_followed }, { .id = NULL }
};
static const struct hearth_job JOBS[] = {
	{ .name = "accounts.expire", .every_ms = 3600000, .run = accounts_jobs_expire,
	  .about = "Removes expired login tokens, OpenID tokens and authentication sessions." },
	{ .name = "accounts.stale_devices", .every_ms = 86400000, .run = accounts_jobs_stale_devices,
	  .about = "Removes devices that delete_stale_devices_after makes stale." },
	{ .name = NULL }
};

HEARTH_PLUGIN(accounts,
	.version = "1.0.0", .license = "Apache-2.0",
	.summary = "Users, sessions, devices, profiles, account data and user-interactive authentication.",
	.apps = "homeserver|generic_worker|media_repository",
	.needs = NEEDS, .offers = OFFERS, .endpoints = ENDPOINTS, .streams = STREAMS, .hook_points = HOOK_POINTS, .jobs = JOBS,
	.migrations = accounts_migrations, .config = CONFIGS, .hooks = HOOKS,
	.load = accounts_load, .start = accounts_start, .drain = accounts_drain, .stop = accounts_stop);
