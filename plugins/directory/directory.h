/* SPDX-License-Identifier: Apache-2.0
 *
 * directory.h - what the files of this plugin share.
 */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include <stdbool.h>

#include <hearth/hook.h>
#include <hearth/plugin.h>
#include <hearth/services/accounts.h>
#include <hearth/services/rooms.h>

struct directory_config {
	bool                      searchable;       /* enable_room_list_search */
	bool                      open;             /* allow_public_rooms_without_auth */
	const struct hearth_json *publication_rules; /* NULL: none may */
	const struct hearth_json *alias_rules;       /* NULL: all may */
};

struct directory {
	const struct hearth_host     *host;
	const struct hearth_tasks    *tasks;
	const struct hearth_hooks    *hooks;
	const struct hearth_rooms    *rooms;
	const struct hearth_accounts *accounts; /* NULL: nobody is known to be an administrator */
	const char                   *server_name;
	struct directory_config       config;
};

/* --- rules.c --- */

/* -EINVAL, naming the rule, where one is none. rules NULL: none. */
HEARTH_MUST_CHECK
int rules_check(const char *key, const struct hearth_json *rules, struct hearth_error *err);
/*
 * Whether the first rule that matches allows it; false where none matches. room_id NULL: a room without an id yet, which
 * only the pattern * matches. A rule with a pattern for aliases matches if one of them does.
 */
bool rules_allow(const struct hearth_json *rules, const char *user_id, const char *room_id,
		 const struct hearth_texts *aliases);

/* --- publish.c --- */
extern const struct hearth_endpoint PUBLISH_ENDPOINTS[];
HEARTH_SUSPENDS int publish_may_publish(void *self, struct hearth_task *task, void *subject, struct hearth_error *err);
HEARTH_SUSPENDS int publish_may_create_alias(void *self, struct hearth_task *task, void *subject, struct hearth_error *err);

/* --- list.c --- */
extern const struct hearth_endpoint LIST_ENDPOINTS[];

#endif
