/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/services/accounts.h - hearth.accounts/1: users, profiles, devices, account data, user-interactive auth.
 * Every function takes the table first. Results: arena of the task.
 *
 * 1.0  first version
 */
#ifndef HEARTH_SERVICES_ACCOUNTS_H
#define HEARTH_SERVICES_ACCOUNTS_H

#include <hearth/http.h>
#include <hearth/db.h>

HEARTH_BEGIN_DECLS

#define HEARTH_ACCOUNTS_ID "hearth.accounts"
#define HEARTH_ACCOUNTS_MAJOR 1
#define HEARTH_ACCOUNTS_MINOR 0

struct hearth_account {
	uint32_t    size;
	uint32_t    admin, guest, deactivated, locked, suspended, shadow_banned, erased;
	const char *user_id;
	const char *user_type;  /* NULL: an ordinary user */
	int64_t     created_ms;
};

struct hearth_profile {
	uint32_t    size;
	uint32_t    exists;
	const char *user_id;
	const char *displayname; /* NULL: unset */
	const char *avatar_url;  /* NULL: unset */
};

struct hearth_device_info {
	uint32_t    size;
	const char *user_id;
	const char *device_id;
	const char *display_name; /* NULL: unset */
	int64_t     last_seen_ms;
};

/* A user to be made. */
struct hearth_registration {
	uint32_t    size;
	const char *localpart;
	const char *password;     /* NULL: cannot log in by password */
	const char *displayname;  /* NULL: the localpart */
	uint32_t    admin, guest;
	const char *user_type;
};

/* A session to be opened. */
struct hearth_session {
	uint32_t    size;
	const char *user_id;
	const char *device_id;    /* NULL: a new one, filled in */
	const char *device_name;  /* of a new device; NULL */
	const char *access_token; /* filled in */
};

#define HEARTH_UIA_ASKED 1

struct hearth_accounts {
	struct hearth_service base;

	/* A local user. -ENOENT: no such account. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*account)(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
		       struct hearth_account *ret_account, struct hearth_error *err);

	/* Makes an account: checks the name, runs hooks, tells account.on_registered. -EEXIST with M_USER_IN_USE. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*create)(const struct hearth_accounts *service, struct hearth_task *task,
		      const struct hearth_registration *registration, const char **ret_user_id, struct hearth_error *err);

	/* Profiles of many users at once, in the order of user_ids; exists 0 for unknown ones. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*profiles)(const struct hearth_accounts *service, struct hearth_task *task, const char *const *user_ids,
			size_t count, struct hearth_profile *ret_profiles, struct hearth_error *err);

	/* All devices of many local users, by user and device id. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*devices)(const struct hearth_accounts *service, struct hearth_task *task, const char *const *user_ids,
		       size_t count, const struct hearth_device_info **ret_devices, size_t *ret_count,
		       struct hearth_error *err);

	/*
	 * User-interactive authentication (spec client-server) of a request by its "auth" member. action: what is being
	 * confirmed, "add cross-signing keys". 0: passed. HEARTH_UIA_ASKED: a 401 with flows is in the response; return 0
	 * from the handler. Negative: refused.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*uia)(const struct hearth_accounts *service, struct hearth_task *task, struct hearth_request *req,
		   const struct hearth_json *auth, const char *action, struct hearth_error *err);

	/* Account data; room_id NULL: global. get: NULL in *ret_content where there is none. content is an object. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*account_data_get)(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
				const char *room_id, const char *type, const struct hearth_json **ret_content,
				struct hearth_error *err);
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*account_data_put)(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
				const char *room_id, const char *type, const struct hearth_json *content,
				struct hearth_error *err);

	/* A stored filter. -ENOENT. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*filter)(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
		      const char *filter_id, const struct hearth_json **ret_filter, struct hearth_error *err);

	/* The users whom user_id ignores (m.ignored_user_list). */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*ignored_by)(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
			  struct hearth_texts *ret_ignored_users, struct hearth_error *err);

	/* Logs an account in without asking for anything; the caller vouches for it. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*open_session)(const struct hearth_accounts *service, struct hearth_task *task, struct hearth_session *session,
			    struct hearth_error *err);
};

static inline const struct hearth_accounts *hearth_accounts(const struct hearth_host *host)
{
	return (const struct hearth_accounts *)host->service(host, HEARTH_ACCOUNTS_ID, HEARTH_ACCOUNTS_MAJOR,
							     HEARTH_ACCOUNTS_MINOR);
}

HEARTH_END_DECLS
#endif
