/* SPDX-License-Identifier: Apache-2.0
 *
 * push.h - what the files of this plugin share.
 */
#ifndef PUSH_PUSH_H
#define PUSH_PUSH_H

#include <stdbool.h>

#include <hearth/matrix/push.h>
#include <hearth/plugin.h>
#include <hearth/services/rooms.h>

struct push_cache;

struct push {
	const struct hearth_host       *host;
	const struct hearth_tasks      *tasks;
	const struct hearth_db         *db;
	const struct hearth_streams    *streams;
	const struct hearth_rooms      *rooms;
	const struct hearth_stream_ref *stream;
	const char                     *server_name;
	struct push_cache              *cache;
};

/* --- ruleset.c: a user's rules, the server's defaults among them --- */
struct push_rule_row {
	const char               *user_id, *kind, *rule_id;
	double                    place;
	const struct hearth_json *rule;    /* NULL: a row of settings */
	bool                      has_enabled, enabled;
	const struct hearth_json *actions; /* NULL: unchanged */
};

/* The rows of many users, through tx where it is not NULL. */
HEARTH_SUSPENDS int ruleset_select(struct push *push, struct hearth_task *task, struct hearth_tx *tx,
				   const char *const *user_ids, size_t count, struct hearth_rows *ret_rows,
				   struct hearth_error *err);
/* {"override": [...], ...} of one user out of rows that may hold others', too. */
const struct hearth_json *ruleset_build(struct hearth_arena *arena, const char *user_id, const struct hearth_rows *rows);
/* The ruleset of one user, from the database. */
HEARTH_SUSPENDS int ruleset_load(struct push *push, struct hearth_task *task, const char *user_id,
				 const struct hearth_json **ret_ruleset, struct hearth_error *err);
/* A rule of a ruleset; NULL where there is none. */
const struct hearth_json *ruleset_find(const struct hearth_json *ruleset, const char *kind, const char *rule_id);
bool ruleset_is_kind(const char *kind);

/* --- cache.c: compiled rules by user, members by room --- */
struct push_member {
	const char *user_id, *display_name;
};
struct push_room {
	const struct push_member *members; /* local ones */
	size_t                    local_count, joined_count;
};
struct push_cache *push_cache_new(void);
void push_cache_free(struct push_cache *cache);
/* Borrowed until the next call that stores; NULL where it is not there. */
const struct hearth_push_rules *push_cache_rules(struct push_cache *cache, const char *user_id);
int push_cache_put_rules(struct push_cache *cache, const char *user_id, const struct hearth_json *ruleset,
			 struct hearth_error *err);
const struct push_room *push_cache_room(struct push_cache *cache, const char *room_id);
void push_cache_put_room(struct push_cache *cache, const char *room_id, const struct push_member *members, size_t count,
			 const char *server_name);
/* How often a user was forgotten: where it moved while rules were read, they may be old. */
uint64_t push_cache_changes(const struct push_cache *cache);
void push_cache_forget_user(struct push_cache *cache, const char *user_id);
void push_cache_forget_room(struct push_cache *cache, const char *room_id);

/* --- rules.c --- */
extern const struct hearth_endpoint RULE_ENDPOINTS[];
extern const struct hearth_stream PUSH_RULES_STREAM;
/* Puts a rule in front of all others of its kind; rule is checked already. */
HEARTH_SUSPENDS int rules_put(struct push *push, struct hearth_task *task, const char *user_id, const char *kind,
			      const char *rule_id, const struct hearth_json *rule, struct hearth_error *err);

/* --- follow.c --- */
HEARTH_SUSPENDS int follow_on_followed(void *self, struct hearth_task *task, void *subject, struct hearth_error *err);

/* --- count.c --- */
HEARTH_SUSPENDS int count_on_persisting(void *self, struct hearth_task *task, void *subject, struct hearth_error *err);

/* --- unread.c --- */
HEARTH_SUSPENDS int unread_on_receipt(void *self, struct hearth_task *task, void *subject, struct hearth_error *err);
extern const struct hearth_stream UNREAD_STREAM;

#endif
