/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/hook.h - hearth.hooks/1: places where other plugins have a say.
 *
 * A hook has an id, a struct of what it is about, a chain rule and a failure rule. The plugin that runs it lists it under
 * .hook_points in its descriptor; plugins that answer list their handlers under .hooks. Handlers run in the order of the
 * configuration's plugin list. The structs only grow at their end.
 *
 * 1.0  first version
 */
#ifndef HEARTH_HOOK_H
#define HEARTH_HOOK_H

#include <hearth/db.h>
#include <hearth/matrix/event.h>

HEARTH_BEGIN_DECLS

#define HEARTH_HOOKS_ID "hearth.hooks"
#define HEARTH_HOOKS_MAJOR 1
#define HEARTH_HOOKS_MINOR 0

enum hearth_chain {
	HEARTH_CHAIN_FIRST = 1, /* the first handler that does not pass decides */
	HEARTH_CHAIN_ALL,       /* every handler runs */
};

enum hearth_failure {
	HEARTH_FAIL_CLOSED = 1, /* a handler that fails (not refuses) makes the action fail with 500 */
	HEARTH_FAIL_OPEN,       /* it is logged, and counts as having passed */
};
/*
 * A handler whose waits (queries, requests) take longer than the point's deadline sees them end with -ETIMEDOUT, and has
 * failed; the failure rule says what follows. At a point of the kind "all, fail-open", which only tells what has happened,
 * a refusal is a failure, too: the other handlers run all the same.
 */

/* What a handler returns. */
#define HEARTH_HOOK_PASS 0
#define HEARTH_HOOK_DONE 1 /* decided: the chain ends, the in-struct holds the answer */
/* A negative errno with err->http_status set is a refusal (hearth_refuse); without, a failure. */

struct hearth_hook_point {
	const char *id;      /* "event.check_spam" */
	uint32_t    chain;   /* enum hearth_chain */
	uint32_t    failure; /* enum hearth_failure */
	uint32_t    suspends; /* 0: handlers must not suspend */
	uint32_t    deadline_ms; /* what a handler may take in waiting; 0: HEARTH_HOOK_DEADLINE_MS */
	const char *about;
};
#define HEARTH_HOOK_DEADLINE_MS 5000

struct hearth_hook {
	const char *id;
	/* subject: the struct that belongs to the id, borrowed. */
	HEARTH_SUSPENDS int (*fn)(void *self, struct hearth_task *task, void *subject, struct hearth_error *err);
};

struct hearth_hooks {
	struct hearth_service base;
	/* 1 where some handler is there: lets a hot path skip building the subject. */
	int (*present)(const struct hearth_host *host, const char *id);
	/* Runs the chain. 0: all passed; 1: some handler decided; negative: refused or failed. Suspends if handlers may. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*run)(const struct hearth_host *host, struct hearth_task *task, const char *id, void *subject,
		   struct hearth_error *err);
};

static inline const struct hearth_hooks *hearth_hooks(const struct hearth_host *host)
{
	return (const struct hearth_hooks *)host->service(host, HEARTH_HOOKS_ID, HEARTH_HOOKS_MAJOR,
							  HEARTH_HOOKS_MINOR);
}

/* ---- The hooks of this version and their subjects ---- */

/* event.check_spam: first, fail-open. Refuse to keep a local user's event out. */
#define HEARTH_HOOK_EVENT_CHECK_SPAM "event.check_spam"
/* event.check_allowed: first, fail-closed. Refuse, or answer DONE with a replacement for content. */
#define HEARTH_HOOK_EVENT_CHECK_ALLOWED "event.check_allowed"
/* event.on_persisted: all, fail-open. Once for each event, after it is on disk. */
#define HEARTH_HOOK_EVENT_ON_PERSISTED "event.on_persisted"
struct hearth_hook_event {
	const struct hearth_event *event;
	const struct hearth_json  *replacement; /* event.check_allowed: answered content */
	int64_t                    stream_ordering; /* event.on_persisted */
};

/*
 * event.persisting: all, fail-closed. Inside the transaction that stores events, before it commits: exec on tx what must
 * stand or fall with them. No suspension but on tx.
 */
#define HEARTH_HOOK_EVENT_PERSISTING "event.persisting"
struct hearth_persisting_event {
	const struct hearth_event *event;
	int64_t                    stream_ordering;
	int64_t                    room_number; /* the store's integer for the room */
	int64_t                    event_number;
	uint32_t                   outlier, soft_failed, rejected;
	uint32_t                   is_current_state; /* a state event that has become current */
	const char                *transaction_device; /* sender's device, where a client sent it */
};
/*
 * A change of a room's current state. Where the room's history has forked, an event can bring back others than itself, or
 * take entries away: who keeps a picture of the state follows these.
 */
struct hearth_persisting_change {
	const struct hearth_event *event; /* what stands there now; NULL: nothing */
	const char                *room_id, *type, *state_key;
	int64_t                    room_number;
	int64_t                    stream_ordering; /* of the event that brought the change */
};
struct hearth_hook_persisting {
	struct hearth_tx                     *tx;
	const struct hearth_persisting_event *events;
	size_t                                count;
	const struct hearth_persisting_change *changes; /* in order */
	size_t                                 change_count;
};

/* room.may_create, room.may_join, room.may_invite, room.may_create_alias, room.may_publish: first, fail-open. */
#define HEARTH_HOOK_ROOM_MAY_CREATE "room.may_create"
#define HEARTH_HOOK_ROOM_MAY_JOIN "room.may_join"
#define HEARTH_HOOK_ROOM_MAY_INVITE "room.may_invite"
#define HEARTH_HOOK_ROOM_MAY_CREATE_ALIAS "room.may_create_alias"
#define HEARTH_HOOK_ROOM_MAY_PUBLISH "room.may_publish"
struct hearth_hook_room {
	const char               *user_id;
	const char               *room_id; /* NULL: of a room that is not made yet */
	const char               *target;  /* invitee, or alias; NULL */
	const struct hearth_json *config;  /* room.may_create: the request */
	uint32_t                  invited; /* room.may_join: the user has an invite */
};

/*
 * room.on_followed: all, fail-open. A local user has come into a room that replaces another one (an upgrade): what is
 * theirs in the old room (tags, push rules) is theirs in the new one.
 */
#define HEARTH_HOOK_ROOM_ON_FOLLOWED "room.on_followed"
struct hearth_hook_follow {
	const char *user_id;
	const char *old_room_id;
	const char *room_id;
};

/* user.check_registration, user.check_login: first, fail-open. */
#define HEARTH_HOOK_USER_CHECK_REGISTRATION "user.check_registration"
#define HEARTH_HOOK_USER_CHECK_LOGIN "user.check_login"
struct hearth_hook_login {
	const char *user_id; /* or the localpart that is asked for */
	const char *device_id;
	const char *ip, *user_agent;
	uint32_t    shadow_ban; /* user.check_registration: set and answer DONE */
};

/*
 * auth.check_password: first, fail-open. A password provider. Answer DONE with valid 1 and, where it knows better,
 * canonical user_id (arena); pass where it does not know the user.
 */
#define HEARTH_HOOK_AUTH_CHECK_PASSWORD "auth.check_password"
struct hearth_hook_password {
	const char *user_id; /* full id; may be replaced */
	const char *password;
	uint32_t    valid;
};

/* account.on_registered, account.on_deactivated: all, fail-open. */
#define HEARTH_HOOK_ACCOUNT_ON_REGISTERED "account.on_registered"
#define HEARTH_HOOK_ACCOUNT_ON_DEACTIVATED "account.on_deactivated"
/* user.may_deactivate: first, fail-closed. A user, or an admin, asks to close an account for good. */
#define HEARTH_HOOK_USER_MAY_DEACTIVATE "user.may_deactivate"
/*
 * account.is_expired: first, fail-open. At each request with a token, save where the account only logs out: answer DONE
 * where the account has expired, and the request is refused with 403 ORG_MATRIX_EXPIRED_ACCOUNT. Keep it quick.
 */
#define HEARTH_HOOK_ACCOUNT_IS_EXPIRED "account.is_expired"
struct hearth_hook_account {
	const char *user_id;
	uint32_t    by_admin;
	uint32_t    erase;
};

/* account.on_login: all, fail-open. A session was opened, by a login or with a registration. */
#define HEARTH_HOOK_ACCOUNT_ON_LOGIN "account.on_login"
/* account.on_logout: all, fail-open. One session (device_id) was ended by its user, or all of them (device_id NULL). */
#define HEARTH_HOOK_ACCOUNT_ON_LOGOUT "account.on_logout"
struct hearth_hook_session {
	const char *user_id;
	const char *device_id;
	const char *ip, *user_agent;
};

/* account_data.on_update: all, fail-open. Account data was written; not for tags. */
#define HEARTH_HOOK_ACCOUNT_DATA_ON_UPDATE "account_data.on_update"
struct hearth_hook_account_data {
	const char               *user_id;
	const char               *room_id; /* NULL: global */
	const char               *type;
	const struct hearth_json *content;
};

/*
 * device.changed: all, fail-closed. Devices were added, renamed or removed; inside the transaction that does so. What
 * hangs on a device (keys, messages) is removed here.
 */
#define HEARTH_HOOK_DEVICE_CHANGED "device.changed"
enum hearth_device_change { HEARTH_DEVICE_ADDED = 1, HEARTH_DEVICE_RENAMED, HEARTH_DEVICE_REMOVED };
struct hearth_hook_device {
	struct hearth_tx  *tx;
	const char        *user_id;
	const char *const *device_ids;
	size_t             count;
	uint32_t           change; /* enum hearth_device_change */
};

/* profile.changed: all, fail-open. After a display name or avatar changed: rooms are told by who keeps them. */
#define HEARTH_HOOK_PROFILE_CHANGED "profile.changed"
struct hearth_hook_profile {
	const char *user_id;
	const char *field; /* "displayname", "avatar_url", ... */
};

/* receipt.stored: all, fail-closed. Inside the transaction that stores a user's own read receipts. */
#define HEARTH_HOOK_RECEIPT_STORED "receipt.stored"
struct hearth_hook_receipt {
	struct hearth_tx *tx;
	const char       *user_id;
	const char       *room_id;
	const char       *event_id;
	const char       *thread_id; /* "main", a thread root, or NULL: unthreaded */
	const char       *type;      /* "m.read", "m.read.private" */
	int64_t           event_ordering; /* the event's stream ordering */
};

/* user.syncing: all, fail-open. A client asks for /sync with that set_presence ("online" by default). */
#define HEARTH_HOOK_USER_SYNCING "user.syncing"
struct hearth_hook_syncing {
	const char *user_id;
	const char *device_id; /* NULL: none */
	const char *presence;  /* online, offline, unavailable */
};

/*
 * register.name: first, fail-open. Somebody registers: answer DONE with the name that the account is to have, the display
 * name, or both (arena). A localpart that is no valid name, or is taken, is refused as if the client had asked for it.
 */
#define HEARTH_HOOK_REGISTER_NAME "register.name"
struct hearth_hook_naming {
	const struct hearth_json *params;      /* of the request, without the password */
	const char               *localpart;   /* what the client asks for; NULL */
	const char               *displayname; /* NULL: the localpart */
};

/*
 * ratelimit.override: first, fail-open; no suspension, task is NULL. Run by the host each time that something is counted:
 * answer DONE with other numbers. per_second 0: no limit.
 */
#define HEARTH_HOOK_RATELIMIT_OVERRIDE "ratelimit.override"
struct hearth_hook_limit {
	const char *limiter; /* "rc_message", "rc_login.account" */
	const char *key;     /* a user id, an address, a room id: what the limiter counts by */
	double      per_second, burst_count;
};

/*
 * versions.extend, capabilities.extend: all, fail-open; no suspension. Write members into out: of unstable_features in
 * /versions, of capabilities in /capabilities.
 */
#define HEARTH_HOOK_VERSIONS_EXTEND "versions.extend"
#define HEARTH_HOOK_CAPABILITIES_EXTEND "capabilities.extend"
struct hearth_hook_extend {
	struct hearth_writer *out; /* an object that is open */
	const char           *user_id; /* NULL: nobody */
};

HEARTH_END_DECLS
#endif
