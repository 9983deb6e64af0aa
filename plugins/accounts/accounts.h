/* SPDX-License-Identifier: Apache-2.0
 *
 * accounts.h - what the files of this plugin share. Every file that talks to the database holds its own statements.
 */
#ifndef ACCOUNTS_H
#define ACCOUNTS_H

#include <stdbool.h>

#include <hearth/keys.h>
#include <hearth/log.h>
#include <hearth/matrix/id.h>
#include <hearth/plugin.h>
#include <hearth/services/accounts.h>

struct accounts_cache;
struct accounts_ignored;

struct accounts_config {
	bool        enable_registration, without_verification, requires_token, captcha, guests;
	bool        inhibit_user_in_use;
	struct hearth_texts require_3pid;
	const char *password_enabled; /* true, false, only_for_reauth */
	bool        localdb_enabled;
	const char *pepper;
	int64_t     bcrypt_rounds;
	bool        policy_enabled, policy_digit, policy_symbol, policy_lower, policy_upper;
	int64_t     policy_length;
	int64_t     refreshable_ms, nonrefreshable_ms, session_ms, refresh_ms; /* 0: without end */
	int64_t     uia_session_ms;
	bool        login_token_enabled, login_token_uia;
	int64_t     login_token_ms;
	bool        set_displayname, set_avatar, change_3pid, profile_auth, profile_shared_rooms;
	const char *room_version;
	const char *consent_version, *consent_name;
	bool        consent_at_registration;
	struct hearth_texts turn_uris;
	const char *turn_secret, *turn_username, *turn_password;
	int64_t     turn_lifetime_ms;
	bool        turn_guests;
	const char *identity_server, *admin_contact;
	const struct hearth_json *well_known_extra;
	int64_t     stale_devices_ms;
};

struct accounts {
	const struct hearth_host     *host;
	const struct hearth_db       *db;
	const struct hearth_tasks    *tasks;
	const struct hearth_http     *http;
	const struct hearth_hooks    *hooks;
	const struct hearth_limits   *limits;
	const struct hearth_log      *log;
	const struct hearth_keys     *keys;
	const struct hearth_streams  *streams;
	const struct hearth_stream_ref *account_data;
	const char                   *server_name;
	struct accounts_config        config;
	struct accounts_cache        *cache;
	struct accounts_ignored      *ignored;
	char                          dummy_hash[64]; /* what the password of an unknown user is compared with */
	bool                          draining;
	struct hearth_auth            auth;
	struct hearth_accounts        service;
};

/* What the database knows of one account; arena. */
struct accounts_row {
	const char *user_id, *password_hash, *user_type;
	int64_t     created_ms;
	bool        admin, guest, deactivated, locked, suspended, shadow_banned, erased;
};

static inline struct accounts *accounts_of(const void *service)
{
	return ((const struct hearth_service *)service)->self;
}

/* --- names.c: pure checks --- */
/* Whether a localpart may be registered: 400 M_INVALID_USERNAME. by_guest: numbers are for guests. */
int accounts_names_check(const char *localpart, const char *server_name, int numeric_ok, struct hearth_error *err);
/* What a client names itself with: a localpart or a whole user id. arena; -EINVAL. */
int accounts_names_user_id(struct hearth_arena *arena, const char *text, const char *server_name, const char **ret_user_id,
			   struct hearth_error *err);
/* 1: a profile field's name (spec "Common Namespaced Identifier Grammar"). */
int accounts_names_is_field(const char *name);

/* --- account.c --- */
/* -ENOENT where there is no such account. folded: case does not matter where the match is the only one. */
HEARTH_SUSPENDS int accounts_account_read(struct accounts *accounts, struct hearth_task *task, const char *user_id, int folded,
					  struct accounts_row *ret_row, struct hearth_error *err);
struct accounts_new {
	const char *localpart; /* NULL: the next number */
	const char *password_hash, *displayname, *user_type;
	int         admin, guest;
	const char *registration_token, *uia_session; /* NULL, or what this registration uses up */
};
HEARTH_SUSPENDS int accounts_account_create(struct accounts *accounts, struct hearth_task *task,
					    const struct accounts_new *wanted,
					    const struct hearth_hook_login *checked, const char **ret_user_id,
					    struct hearth_error *err);
/* 0: free; -EINVAL M_USER_IN_USE. */
HEARTH_SUSPENDS int accounts_account_available(struct accounts *accounts, struct hearth_task *task, const char *localpart,
					       struct hearth_error *err);
/* Refuses deactivated and locked accounts. */
int accounts_account_usable(const struct accounts_row *row, struct hearth_error *err);

/* --- password.c --- */
/* NFKC of the password with the pepper behind it, as bcrypt gets it. Pure. arena. */
const char *accounts_password_prepare(struct hearth_arena *arena, const char *password, const char *pepper);
HEARTH_SUSPENDS int accounts_password_hash(struct accounts *accounts, struct hearth_task *task, const char *password,
					   const char **ret_hash, struct hearth_error *err);
/* Compares; hash NULL: with nothing, in the same time. *ret_valid 1 where it fits. */
HEARTH_SUSPENDS int accounts_password_check(struct accounts *accounts, struct hearth_task *task, const char *password,
					    const char *hash, int *ret_valid, struct hearth_error *err);
int accounts_password_policy(const struct accounts_config *config, const char *password, struct hearth_error *err);
int accounts_password_local(const struct accounts *accounts); /* 1: passwords of this database count */
/* Password providers first, then the database; counts failures. 403 M_FORBIDDEN where it does not fit. */
HEARTH_SUSPENDS int accounts_password_login(struct accounts *accounts, struct hearth_task *task, const char *user_id,
					    const char *password, struct accounts_row *ret_row, struct hearth_error *err);
void accounts_password_dummy(struct accounts *accounts);

/* --- tokens.c --- */
/* syt_<localpart>_<20 letters>_<crc>; prefix "syt" or "syr". arena. */
char *accounts_tokens_make(struct hearth_arena *arena, const char *prefix, const char *localpart);
/* 1: well formed. */
int accounts_tokens_is_valid(const char *token);
struct hearth_bytes accounts_tokens_hash(struct hearth_arena *arena, const char *token);

struct accounts_session {
	const char *user_id;
	const char *device_id;    /* NULL: a new one */
	const char *device_name;  /* of a new one; NULL */
	int         refreshable, guest;
	/* given back */
	const char *access_token, *refresh_token;
	int64_t     expires_in_ms; /* 0: never */
};
/* Makes the device, where it is new, and its tokens. */
HEARTH_SUSPENDS int accounts_tokens_session(struct accounts *accounts, struct hearth_task *task,
					    struct accounts_session *session,
					    struct hearth_error *err);
/* Tells account.on_login of a session that a request has opened. */
HEARTH_SUSPENDS int accounts_tokens_tell_login(struct accounts *accounts, struct hearth_task *task,
					       const struct hearth_request *req, const struct accounts_session *session,
					       struct hearth_error *err);
void accounts_tokens_write(struct hearth_writer *w, const struct accounts_session *session);

/* --- cache.c: tokens that were seen lately, and when --- */
struct accounts_cached {
	uint8_t hash[32];
	char   *user_id, *device_id, *ip, *user_agent;
	int64_t token_id, expires_ms, validated_ms, seen_ms;
	uint32_t flags; /* HEARTH_REQUESTER_ */
	bool    deactivated;
};
struct accounts_cache *accounts_cache_new(size_t limit);
void accounts_cache_free(struct accounts_cache *cache);
struct accounts_cached *accounts_cache_find(struct accounts_cache *cache, const uint8_t hash[32]);
/* Copies; nothing where something was dropped since generation was read. */
struct accounts_cached *accounts_cache_add(struct accounts_cache *cache, const struct accounts_cached *entry,
					   uint64_t generation);
uint64_t accounts_cache_generation(const struct accounts_cache *cache);
/* user_id NULL: all. */
void accounts_cache_drop(struct accounts_cache *cache, const char *user_id);
void accounts_cache_saw(struct accounts_cached *entry, const char *ip, const char *user_agent, int64_t now_ms);
/* Calls fn for each entry seen since the last call. */
void accounts_cache_take_seen(struct accounts_cache *cache, void (*fn)(void *argument, const struct accounts_cached *entry),
			      void *argument);

/* --- auth.c --- */
HEARTH_SUSPENDS int accounts_auth_authenticate(const struct hearth_auth *service, struct hearth_task *task,
					       struct hearth_request *req, const char *token,
					       const struct hearth_requester **ret_requester, struct hearth_error *err);
/* Forgets what is cached of a user here at the end of tx, and tells the other processes. */
HEARTH_MUST_CHECK int accounts_auth_forget(struct accounts *accounts, struct hearth_tx *tx, const char *user_id,
					   struct hearth_error *err);
int accounts_auth_listen(struct accounts *accounts, struct hearth_error *err);

/* --- ignored.c --- */
struct accounts_ignored *accounts_ignored_new(void);
void accounts_ignored_free(struct accounts_ignored *ignored);
void accounts_ignored_drop(struct accounts_ignored *ignored, const char *user_id); /* NULL: all */
HEARTH_SUSPENDS int accounts_ignored_by(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
					struct hearth_texts *ret_ignored_users, struct hearth_error *err);

/* --- seen.c --- */
HEARTH_SUSPENDS int accounts_seen_flush(struct accounts *accounts, struct hearth_task *task, struct hearth_error *err);
HEARTH_SUSPENDS void accounts_seen_run(struct hearth_task *task, void *argument);

/* --- devices.c --- */
/* keep NULL: device_ids of user_id, count 0: all but keep. Removes devices and tokens in tx, with the hook. */
HEARTH_SUSPENDS int accounts_devices_remove(struct accounts *accounts, struct hearth_task *task, struct hearth_tx *tx,
					    const char *user_id, const struct hearth_texts *device_ids, const char *keep,
					    struct hearth_error *err);
HEARTH_SUSPENDS int accounts_devices_changed(struct accounts *accounts, struct hearth_task *task, struct hearth_tx *tx,
					     const char *user_id, const char *const *device_ids, size_t count, uint32_t change,
					     struct hearth_error *err);

/* --- uia.c --- */
#define ACCOUNTS_UIA_REUSABLE 1u /* ui_auth.session_timeout may spare the user the question */
struct accounts_uia {
	const char *session_id;
	const struct hearth_json *params; /* of the first request */
	const char *password_hash, *registered, *registration_token;
};
/* Who answers stages of a registration, where req->user is NULL. flows: "a b|c" */
HEARTH_SUSPENDS int accounts_uia_run(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
				     const struct hearth_json *auth, const char *flows, uint32_t flags,
				     struct accounts_uia *ret_uia, struct hearth_error *err);
/* The flows of a user who confirms something. */
HEARTH_SUSPENDS int accounts_uia_confirm(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
					 const struct hearth_json *auth, uint32_t flags, struct hearth_error *err);
/* Notes a stage as done. */
HEARTH_SUSPENDS int accounts_uia_complete(struct accounts *accounts, struct hearth_task *task, const char *session_id,
					  const char *stage, const char *result, struct hearth_error *err);
HEARTH_SUSPENDS int accounts_uia_keep_password(struct accounts *accounts, struct hearth_task *task, const char *session_id,
					       const char *hash, struct hearth_error *err);
/* Takes a registration token for a session. 401 M_UNAUTHORIZED. */
HEARTH_SUSPENDS int accounts_uia_take_token(struct accounts *accounts, struct hearth_task *task, const char *session_id,
					    const char *token, struct hearth_error *err);
HEARTH_SUSPENDS int accounts_uia_token_valid(struct accounts *accounts, struct hearth_task *task, const char *token,
					     int *ret_valid,
					     struct hearth_error *err);

/* --- account_data.c, profile.c, filters.c, service.c --- */
const char *accounts_json_text(struct hearth_arena *arena, const struct hearth_json *value, size_t *ret_length);
/* 403 unless the path's user is the caller. */
int accounts_own(const struct hearth_request *req, const char *user_id, struct hearth_error *err);
HEARTH_SUSPENDS int accounts_account_data_get(const struct hearth_accounts *service, struct hearth_task *task,
					      const char *user_id,
					      const char *room_id, const char *type, const struct hearth_json **ret_content,
					      struct hearth_error *err);
HEARTH_SUSPENDS int accounts_account_data_put(const struct hearth_accounts *service, struct hearth_task *task,
					      const char *user_id,
					      const char *room_id, const char *type, const struct hearth_json *content,
					      struct hearth_error *err);
HEARTH_SUSPENDS int accounts_profiles(const struct hearth_accounts *service, struct hearth_task *task,
				      const char *const *user_ids,
				      size_t count, struct hearth_profile *ret_profiles, struct hearth_error *err);
HEARTH_SUSPENDS int accounts_devices(const struct hearth_accounts *service, struct hearth_task *task,
				     const char *const *user_ids,
				     size_t count, const struct hearth_device_info **ret_devices, size_t *ret_count,
				     struct hearth_error *err);
HEARTH_SUSPENDS int accounts_filter(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
				    const char *filter_id, const struct hearth_json **ret_filter, struct hearth_error *err);
void accounts_service_fill(struct accounts *accounts);
HEARTH_SUSPENDS int accounts_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
				  struct hearth_sync_sink *sink, struct hearth_error *err);
/* follow.c: answers room.on_followed. */
HEARTH_SUSPENDS int accounts_on_followed(void *self, struct hearth_task *task, void *subject, struct hearth_error *err);
HEARTH_SUSPENDS int accounts_jobs_expire(void *self, struct hearth_task *task, struct hearth_error *err);
HEARTH_SUSPENDS int accounts_jobs_stale_devices(void *self, struct hearth_task *task, struct hearth_error *err);

extern const struct hearth_endpoint ACCOUNTS_REGISTER_ENDPOINTS[], ACCOUNTS_LOGIN_ENDPOINTS[], ACCOUNTS_REFRESH_ENDPOINTS[],
	ACCOUNTS_DEVICE_ENDPOINTS[], ACCOUNTS_PASSWORD_ENDPOINTS[], ACCOUNTS_DEACTIVATE_ENDPOINTS[],
		ACCOUNTS_PROFILE_ENDPOINTS[],
	ACCOUNTS_DATA_ENDPOINTS[], ACCOUNTS_TAG_ENDPOINTS[], ACCOUNTS_FILTER_ENDPOINTS[], ACCOUNTS_CAPABILITY_ENDPOINTS[],
	ACCOUNTS_WELLKNOWN_ENDPOINTS[], ACCOUNTS_TURN_ENDPOINTS[], ACCOUNTS_OPENID_ENDPOINTS[], ACCOUNTS_UIA_ENDPOINTS[],
	ACCOUNTS_ACCOUNT_ENDPOINTS[], ACCOUNTS_MODERATION_ENDPOINTS[],
	ACCOUNTS_REGISTRATION_TOKEN_ENDPOINTS[];

#endif
