/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever comes into the room that replaces another one keeps its tags, and it stays a direct chat where it was one. */
#include "accounts.h"

#include <string.h>

struct copy {
	struct accounts *accounts;
	const char      *user_id, *old_room_id, *room_id;
	int64_t          stream_id;
};
static const struct hearth_field COPY[] = { HEARTH_COLUMNS(struct copy, user_id, old_room_id, room_id) };
static const struct hearth_field COPY_AT[] = { HEARTH_COLUMNS(struct copy, user_id, old_room_id, room_id, stream_id) };
static const struct hearth_statement COPY_TAGS = {
	.name = "accounts.copy_tags",
	.sql = "INSERT INTO account_tags (user_id, room_id, tag, content)"
	       " SELECT user_id, $3, tag, content FROM account_tags WHERE user_id = $1 AND room_id = $2"
	       " ON CONFLICT (user_id, room_id, tag) DO NOTHING",
	.params = COPY,
};
static const struct hearth_statement NOTE_COPY = {
	.name = "accounts.note_copied_tags",
	.sql = "INSERT INTO account_tag_changes (user_id, room_id, stream_id)"
	       " SELECT $1, $3, $4 WHERE EXISTS (SELECT FROM account_tags WHERE user_id = $1 AND room_id = $2)"
	       " ON CONFLICT (user_id, room_id) DO UPDATE SET stream_id = excluded.stream_id",
	.params = COPY_AT,
};

HEARTH_SUSPENDS static int copy_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
				      struct hearth_error *err)
{
	struct copy *copy = argument;
	struct accounts *accounts = copy->accounts;
	const struct hearth_news news = { .users = &copy->user_id, .user_count = 1 };
	int r = accounts->streams->next(tx, accounts->account_data, 1, &news, &copy->stream_id, err);

	(void)task;
	if (r == 0)
		r = accounts->db->exec(tx, &COPY_TAGS, copy, err);
	return r < 0 ? r : accounts->db->exec(tx, &NOTE_COPY, copy, err);
}

static bool holds(const struct hearth_json *list, const char *room_id)
{
	for (size_t i = 0; i < hearth_json_size(list); i++) {
		const char *found = hearth_json_string(hearth_json_at(list, i), NULL);

		if (found && !strcmp(found, room_id))
			return true;
	}
	return false;
}

/* m.direct lists rooms by user: the new room stands wherever the old one does. */
HEARTH_SUSPENDS static int copy_direct(struct accounts *accounts, struct hearth_task *task,
				       const struct hearth_hook_follow *follow, struct hearth_error *err)
{
	struct hearth_arena *arena = accounts->tasks->arena(task);
	const struct hearth_json *direct;
	struct hearth_json *changed;
	bool any = false;
	int r = accounts_account_data_get(&accounts->service, task, follow->user_id, /* room_id= */ NULL, "m.direct", &direct,
					  err);

	if (r < 0 || !direct)
		return r;
	changed = hearth_json_object_copy(arena, direct);
	for (size_t i = 0; i < hearth_json_size(direct); i++) {
		const struct hearth_json *rooms = hearth_json_at(direct, i);
		struct hearth_json *list = hearth_json_array_new(arena);

		if (!holds(rooms, follow->old_room_id) || holds(rooms, follow->room_id))
			continue;
		for (size_t j = 0; j < hearth_json_size(rooms); j++)
			hearth_json_append(list, hearth_json_at(rooms, j));
		hearth_json_append(list, hearth_json_string_new(arena, follow->room_id));
		hearth_json_set(changed, hearth_json_key_at(direct, i), list);
		any = true;
	}
	if (!any)
		return 0;
	return accounts_account_data_put(&accounts->service, task, follow->user_id, /* room_id= */ NULL, "m.direct", changed,
					 err);
}

int accounts_on_followed(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct hearth_hook_follow *follow = subject;
	struct copy copy = { .accounts = accounts, .user_id = follow->user_id, .old_room_id = follow->old_room_id,
			     .room_id = follow->room_id };
	int r = accounts->db->transact(task, HEARTH_TX_WRITE, copy_in_tx, &copy, err);

	return r < 0 ? r : copy_direct(accounts, task, follow, err);
}
