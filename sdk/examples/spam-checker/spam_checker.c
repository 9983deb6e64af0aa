/* SPDX-License-Identifier: Apache-2.0
 *
 * Keeps out messages with words that an admin does not want, invitations to and from servers, and accounts by their name:
 *
 *	plugins: [..., spam_checker]
 *	spam_checker:
 *	  words: ["cheap pills", "casino"]
 *	  domains: ["spam.example"]
 *	  names: ["admin", "support"]
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <hearth/log.h>
#include <hearth/matrix/id.h>
#include <hearth/plugin.h>

struct spam_checker {
	const struct hearth_host *host;
	const struct hearth_log  *log;
	struct hearth_texts       words, domains, names;
};

static const struct hearth_field CONFIG[] = {
	HEARTH_CONFIG(struct spam_checker, words, "spam_checker.words",
		      .about = "Texts that no message may hold, in any case."),
	HEARTH_CONFIG(struct spam_checker, domains, "spam_checker.domains",
		      .about = "Servers whose users may not be invited, nor be linked to."),
	HEARTH_CONFIG(struct spam_checker, names, "spam_checker.names",
		      .about = "Texts that the name of a new account may not hold."),
	HEARTH_FIELDS_END
};

/* The first of the texts that stands in haystack, whatever its case; NULL where none does. */
static const char *find_any(const struct hearth_texts *texts, const char *haystack)
{
	for (size_t i = 0; haystack && i < texts->count; i++) {
		size_t length = strlen(texts->items[i]);

		for (const char *at = haystack; length && *at; at++)
			if (!strncasecmp(at, texts->items[i], length))
				return texts->items[i];
	}
	return NULL;
}

static int check_event(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	const struct spam_checker *checker = self;
	const struct hearth_event *event = ((struct hearth_hook_event *)subject)->event;
	const char *body = hearth_json_get_string(event->content, "body");
	const char *found = find_any(&checker->words, body);

	if (!found)
		found = find_any(&checker->domains, body);
	if (!found)
		return HEARTH_HOOK_PASS;
	checker->log->write(checker->host, task, HEARTH_INFO, "refused a message of %s: '%s'", event->sender, found);
	return hearth_refuse(err, 403, "M_FORBIDDEN", "This message looks like spam: it contains '%s'", found);
}

static int check_invite(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	const struct spam_checker *checker = self;
	const struct hearth_hook_room *invite = subject;
	const char *server = hearth_id_server(invite->target);

	(void)task;
	for (size_t i = 0; server && i < checker->domains.count; i++)
		if (!strcasecmp(server, checker->domains.items[i]))
			return hearth_refuse(err, 403, "M_FORBIDDEN", "Users of %s cannot be invited from here", server);
	return HEARTH_HOOK_PASS;
}

static int check_registration(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	const struct spam_checker *checker = self;
	const struct hearth_hook_login *registration = subject;
	const char *found = find_any(&checker->names, registration->user_id);

	(void)task;
	return found ? hearth_refuse(err, 403, "M_FORBIDDEN", "Names with '%s' are reserved", found) : HEARTH_HOOK_PASS;
}

static const struct hearth_hook HOOKS[] = {
	{ HEARTH_HOOK_EVENT_CHECK_SPAM, check_event },
	{ HEARTH_HOOK_ROOM_MAY_INVITE, check_invite },
	{ HEARTH_HOOK_USER_CHECK_REGISTRATION, check_registration },
	{ .id = NULL }
};

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct spam_checker *checker = calloc(1, sizeof(*checker));
	int r;

	hearth_assert(checker);
	checker->host = host;
	checker->log = hearth_log(host);
	r = host->config(host, CONFIG, checker, err);
	if (r < 0) {
		free(checker);
		return r;
	}
	*ret_self = checker;
	return 0;
}

HEARTH_PLUGIN(spam_checker,
	.version = "1.0.0", .license = "Apache-2.0", .summary = "Refuses spam by lists of words, servers and names.",
	.needs = HEARTH_NEEDS(HEARTH_LOG), .hooks = HOOKS, .config = HEARTH_CONFIG_TABLES(CONFIG),
	.load = load, .stop = free);
