/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers every hook as a test asks for: POST /_synapse/client/answerer {"hook": ID, "answer": ANSWER} says how from now on,
 * GET tells how often each was called, and with what subject the last time.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/plugin.h>
#include <hearth/writer.h>

#define TIMEOUT_MS 60000

struct hook {
	const char *id;
	char        answer[16]; /* "", "deny", "error", "done", "time-out" */
	int64_t     calls;
	char       *subject;    /* JSON; NULL before the first call */
};

struct answerer {
	const struct hearth_tasks *tasks;
	struct hook                hooks[32];
	size_t                     count;
};

static struct hook *find(struct answerer *answerer, const char *id)
{
	for (size_t i = 0; i < answerer->count; i++)
		if (!strcmp(answerer->hooks[i].id, id))
			return &answerer->hooks[i];
	if (answerer->count == HEARTH_COUNT(answerer->hooks))
		return NULL;
	answerer->hooks[answerer->count].id = id;
	return &answerer->hooks[answerer->count++];
}

static void remember(struct hook *hook, struct hearth_writer *w)
{
	hearth_write_end(w);
	free(hook->subject);
	hook->subject = strdup(hearth_writer_text(w, NULL));
	hook->calls++;
}

HEARTH_SUSPENDS static int answer(struct answerer *answerer, struct hearth_task *task, const struct hook *hook,
				  struct hearth_error *err)
{
	if (!strcmp(hook->answer, "deny"))
		return hearth_refuse(err, 403, "COM.EXAMPLE_DENIED", "%s says no", hook->id);
	if (!strcmp(hook->answer, "error"))
		return hearth_fail(err, -EIO, "%s is broken", hook->id);
	if (!strcmp(hook->answer, "time-out"))
		return answerer->tasks->sleep(task, TIMEOUT_MS, err);
	return strcmp(hook->answer, "done") ? HEARTH_HOOK_PASS : HEARTH_HOOK_DONE;
}

/* One handler for each hook: it writes down the subject; modify changes it where the answer is "done". */
#define HANDLER(name_, id_, type_, write_, modify_)                                                                  \
	HEARTH_SUSPENDS static int name_(void *self, struct hearth_task *task, void *raw, struct hearth_error *err)  \
	{                                                                                                            \
		struct answerer *answerer = self;                                                                    \
		struct hook *hook = find(answerer, id_);                                                             \
		struct hearth_writer *w = hearth_writer_new(answerer->tasks->arena(task));                           \
		type_ *subject = raw;                                                                                \
		int r;                                                                                               \
		hearth_write_object(w, NULL);                                                                        \
		write_                                                                                               \
		remember(hook, w);                                                                                   \
		r = answer(answerer, task, hook, err);                                                               \
		if (r > 0) {                                                                                         \
			modify_                                                                                      \
		}                                                                                                    \
		return r;                                                                                            \
	}
#define S(member_) hearth_write_string(w, #member_, subject->member_);
#define N(member_) hearth_write_int(w, #member_, (int64_t)subject->member_);
#define EVENT hearth_write_string(w, "type", subject->event->type); hearth_write_string(w, "sender", subject->event->sender);
#define REPLACE \
	subject->replacement = hearth_json_object_copy(answerer->tasks->arena(task), subject->event->content); \
	hearth_json_set_string((struct hearth_json *)(uintptr_t)subject->replacement, "body", "replaced");

HANDLER(check_spam, HEARTH_HOOK_EVENT_CHECK_SPAM, struct hearth_hook_event, EVENT, )
HANDLER(check_allowed, HEARTH_HOOK_EVENT_CHECK_ALLOWED, struct hearth_hook_event, EVENT, REPLACE)
HANDLER(persisting, HEARTH_HOOK_EVENT_PERSISTING, struct hearth_hook_persisting, N(count), )
HANDLER(persisted, HEARTH_HOOK_EVENT_ON_PERSISTED, struct hearth_hook_event, EVENT N(stream_ordering), )
HANDLER(may_create, HEARTH_HOOK_ROOM_MAY_CREATE, struct hearth_hook_room, S(user_id), )
HANDLER(may_join, HEARTH_HOOK_ROOM_MAY_JOIN, struct hearth_hook_room, S(user_id) S(room_id) N(invited), )
HANDLER(may_invite, HEARTH_HOOK_ROOM_MAY_INVITE, struct hearth_hook_room, S(user_id) S(target), )
HANDLER(may_create_alias, HEARTH_HOOK_ROOM_MAY_CREATE_ALIAS, struct hearth_hook_room, S(user_id) S(target), )
HANDLER(may_publish, HEARTH_HOOK_ROOM_MAY_PUBLISH, struct hearth_hook_room, S(user_id) S(room_id), )
HANDLER(on_followed, HEARTH_HOOK_ROOM_ON_FOLLOWED, struct hearth_hook_follow, S(user_id) S(old_room_id) S(room_id), )
HANDLER(check_registration, HEARTH_HOOK_USER_CHECK_REGISTRATION, struct hearth_hook_login, S(user_id) S(ip),
	subject->shadow_ban = 1;)
HANDLER(check_login, HEARTH_HOOK_USER_CHECK_LOGIN, struct hearth_hook_login, S(user_id) S(ip) S(user_agent), )
HANDLER(check_password, HEARTH_HOOK_AUTH_CHECK_PASSWORD, struct hearth_hook_password, S(user_id) S(password),
	subject->valid = 1; subject->user_id = "@bob:example.com";)
HANDLER(on_registered, HEARTH_HOOK_ACCOUNT_ON_REGISTERED, struct hearth_hook_account, S(user_id) N(by_admin), )
HANDLER(on_deactivated, HEARTH_HOOK_ACCOUNT_ON_DEACTIVATED, struct hearth_hook_account, S(user_id) N(erase), )
HANDLER(may_deactivate, HEARTH_HOOK_USER_MAY_DEACTIVATE, struct hearth_hook_account, S(user_id) N(erase), )
HANDLER(is_expired, HEARTH_HOOK_ACCOUNT_IS_EXPIRED, struct hearth_hook_account, S(user_id), )
HANDLER(on_login, HEARTH_HOOK_ACCOUNT_ON_LOGIN, struct hearth_hook_session, S(user_id) S(device_id) S(ip), )
HANDLER(on_logout, HEARTH_HOOK_ACCOUNT_ON_LOGOUT, struct hearth_hook_session, S(user_id) S(device_id), )
HANDLER(data_on_update, HEARTH_HOOK_ACCOUNT_DATA_ON_UPDATE, struct hearth_hook_account_data,
	S(user_id) S(type) hearth_write_json(w, "content", subject->content);, )
HANDLER(device_changed, HEARTH_HOOK_DEVICE_CHANGED, struct hearth_hook_device, S(user_id) N(change) N(count), )
HANDLER(profile_changed, HEARTH_HOOK_PROFILE_CHANGED, struct hearth_hook_profile, S(user_id) S(field), )
HANDLER(receipt_stored, HEARTH_HOOK_RECEIPT_STORED, struct hearth_hook_receipt, S(user_id) S(event_id) S(type), )
HANDLER(syncing, HEARTH_HOOK_USER_SYNCING, struct hearth_hook_syncing, S(user_id) S(presence), )
HANDLER(naming, HEARTH_HOOK_REGISTER_NAME, struct hearth_hook_naming, S(localpart),
	subject->localpart = hearth_arena_printf(answerer->tasks->arena(task), "named.%s", subject->localpart);
	subject->displayname = "Named";)
#define EXTEND hearth_write_bool(subject->out, "com.example.answerer", 1);
HANDLER(versions, HEARTH_HOOK_VERSIONS_EXTEND, struct hearth_hook_extend, S(user_id) EXTEND, )
HANDLER(capabilities, HEARTH_HOOK_CAPABILITIES_EXTEND, struct hearth_hook_extend, S(user_id) EXTEND, )

/* No task, no writer: messages only, so that the test can still ask. */
static int override(void *self, struct hearth_task *task, void *raw, struct hearth_error *err)
{
	struct hook *hook = find(self, HEARTH_HOOK_RATELIMIT_OVERRIDE);
	struct hearth_hook_limit *subject = raw;

	(void)task;
	if (strcmp(subject->limiter, "rc_message"))
		return HEARTH_HOOK_PASS;
	hook->calls++;
	if (!strcmp(hook->answer, "error"))
		return hearth_fail(err, -EIO, "%s is broken", hook->id);
	if (strcmp(hook->answer, "done"))
		return HEARTH_HOOK_PASS;
	subject->per_second = 0.001;
	subject->burst_count = 1;
	return HEARTH_HOOK_DONE;
}

static const struct hearth_hook HOOKS[] = {
	{ HEARTH_HOOK_EVENT_CHECK_SPAM, check_spam }, { HEARTH_HOOK_EVENT_CHECK_ALLOWED, check_allowed },
	{ HEARTH_HOOK_EVENT_PERSISTING, persisting }, { HEARTH_HOOK_EVENT_ON_PERSISTED, persisted },
	{ HEARTH_HOOK_ROOM_MAY_CREATE, may_create }, { HEARTH_HOOK_ROOM_MAY_JOIN, may_join },
	{ HEARTH_HOOK_ROOM_MAY_INVITE, may_invite }, { HEARTH_HOOK_ROOM_MAY_CREATE_ALIAS, may_create_alias },
	{ HEARTH_HOOK_ROOM_MAY_PUBLISH, may_publish }, { HEARTH_HOOK_ROOM_ON_FOLLOWED, on_followed },
	{ HEARTH_HOOK_USER_CHECK_REGISTRATION, check_registration }, { HEARTH_HOOK_USER_CHECK_LOGIN, check_login },
	{ HEARTH_HOOK_AUTH_CHECK_PASSWORD, check_password }, { HEARTH_HOOK_ACCOUNT_ON_REGISTERED, on_registered },
	{ HEARTH_HOOK_ACCOUNT_ON_DEACTIVATED, on_deactivated }, { HEARTH_HOOK_USER_MAY_DEACTIVATE, may_deactivate },
	{ HEARTH_HOOK_ACCOUNT_IS_EXPIRED, is_expired }, { HEARTH_HOOK_ACCOUNT_ON_LOGIN, on_login },
	{ HEARTH_HOOK_ACCOUNT_ON_LOGOUT, on_logout }, { HEARTH_HOOK_ACCOUNT_DATA_ON_UPDATE, data_on_update },
	{ HEARTH_HOOK_DEVICE_CHANGED, device_changed }, { HEARTH_HOOK_PROFILE_CHANGED, profile_changed },
	{ HEARTH_HOOK_RECEIPT_STORED, receipt_stored }, { HEARTH_HOOK_USER_SYNCING, syncing },
	{ HEARTH_HOOK_REGISTER_NAME, naming },
	{ HEARTH_HOOK_RATELIMIT_OVERRIDE, override }, { HEARTH_HOOK_VERSIONS_EXTEND, versions },
	{ HEARTH_HOOK_CAPABILITIES_EXTEND, capabilities }, { .id = NULL }
};

struct set_args {
	const char *hook, *answer;
};
static const struct hearth_field SET_ARGS[] = {
	HEARTH_BODY(struct set_args, hook, "hook", .required = 1),
	HEARTH_BODY(struct set_args, answer, "answer", .choices = "|deny|error|done|time-out"), HEARTH_FIELDS_END
};

static int set(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields, struct hearth_error *err)
{
	const struct set_args *args = fields;
	struct answerer *answerer = self;

	(void)task, (void)req;
	for (size_t i = 0; i < answerer->count; i++)
		if (!strcmp(answerer->hooks[i].id, args->hook)) {
			strcpy(answerer->hooks[i].answer, args->answer);
			return 0;
		}
	return hearth_refuse(err, 404, "M_NOT_FOUND", "no such hook: %s", args->hook);
}

static int get(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields, struct hearth_error *err)
{
	const struct answerer *answerer = self;

	(void)task, (void)fields, (void)err;
	hearth_write_object(req->out, NULL);
	for (size_t i = 0; i < answerer->count; i++) {
		const struct hook *hook = &answerer->hooks[i];

		hearth_write_object(req->out, hook->id);
		hearth_write_int(req->out, "calls", hook->calls);
		if (hook->subject)
			hearth_write_raw(req->out, "subject", hook->subject, strlen(hook->subject));
		hearth_write_end(req->out);
	}
	hearth_write_end(req->out);
	return 0;
}

static const struct hearth_endpoint ENDPOINTS[] = {
	{ .method = "POST", .path = "/_synapse/client/answerer", .fields = SET_ARGS, .args_size = sizeof(struct set_args),
	  .handler = set, .about = "Says how a hook is answered." },
	{ .method = "GET", .path = "/_synapse/client/answerer", .handler = get, .about = "Tells what hooks were called." },
	HEARTH_ENDPOINTS_END
};

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct answerer *answerer = calloc(1, sizeof(*answerer));

	(void)err;
	hearth_assert(answerer);
	answerer->tasks = hearth_tasks(host);
	for (const struct hearth_hook *hook = HOOKS; hook->id; hook++)
		find(answerer, hook->id);
	*ret_self = answerer;
	return 0;
}

static void stop(void *self)
{
	struct answerer *answerer = self;

	for (size_t i = 0; i < answerer->count; i++)
		free(answerer->hooks[i].subject);
	free(answerer);
}

HEARTH_PLUGIN(answerer,
	.version = "1.0.0", .license = "Apache-2.0", .summary = "Answers hooks as a test asks.",
	.needs = HEARTH_NEEDS(HEARTH_TASK), .hooks = HOOKS, .endpoints = HEARTH_ENDPOINT_TABLES(ENDPOINTS),
	.load = load, .stop = stop);
