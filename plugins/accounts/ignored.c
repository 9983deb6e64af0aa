/* SPDX-License-Identifier: Apache-2.0 */
/* Whom users ignore (m.ignored_user_list), kept in memory: every sync asks. */
#include "accounts.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 4096
#define LIST_MAX 1000 /* longer lists are read anew each time */

struct list {
	char  *user_id;
	char **ids;
	size_t count;
};

struct accounts_ignored {
	struct list slots[SLOTS];
	uint64_t    generation; /* counts what was dropped, so that nothing older is kept */
};

static struct list *slot_of(struct accounts_ignored *ignored, const char *user_id)
{
	uint32_t hash = 2166136261u;

	for (const char *c = user_id; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 16777619u;
	return &ignored->slots[hash % SLOTS];
}

static void clear(struct list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->ids[i]);
	free(list->ids);
	free(list->user_id);
	*list = (struct list){ .count = 0 };
}

struct accounts_ignored *accounts_ignored_new(void)
{
	struct accounts_ignored *ignored = calloc(1, sizeof(*ignored));

	hearth_assert(ignored);
	return ignored;
}

void accounts_ignored_free(struct accounts_ignored *ignored)
{
	if (!ignored)
		return;
	accounts_ignored_drop(ignored, NULL);
	free(ignored);
}

void accounts_ignored_drop(struct accounts_ignored *ignored, const char *user_id)
{
	struct list *one = user_id ? slot_of(ignored, user_id) : NULL;

	ignored->generation++;
	if (one)
		clear(one);
	else
		for (size_t i = 0; i < SLOTS; i++)
			clear(&ignored->slots[i]);
}

static char *copy(const char *text)
{
	char *copied = strdup(text);

	hearth_assert(copied);
	return copied;
}

static void keep(struct accounts_ignored *ignored, const char *user_id, const struct hearth_texts *ids)
{
	struct list *list = slot_of(ignored, user_id);

	clear(list);
	list->user_id = copy(user_id);
	list->ids = calloc(ids->count + 1, sizeof(*list->ids));
	hearth_assert(list->ids);
	for (; list->count < ids->count; list->count++)
		list->ids[list->count] = copy(ids->items[list->count]);
}

static struct hearth_texts copy_list(struct hearth_arena *arena, const struct list *list)
{
	const char **ids = hearth_arena_array_of(arena, const char *, list->count);

	for (size_t i = 0; i < list->count; i++)
		ids[i] = hearth_arena_strdup(arena, list->ids[i]);
	return (struct hearth_texts){ .items = ids, .count = list->count };
}

int accounts_ignored_by(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
			struct hearth_texts *ret_ignored_users, struct hearth_error *err)
{
	struct accounts *accounts = accounts_of(service);
	struct accounts_ignored *ignored = accounts->ignored;
	struct hearth_arena *arena = accounts->tasks->arena(task);
	const struct list *list = slot_of(ignored, user_id);
	uint64_t generation = ignored->generation;
	size_t count = 0;
	const struct hearth_json *content, *users;
	const char **ids;
	int r;

	if (list->user_id && strcmp(list->user_id, user_id) == 0) {
		*ret_ignored_users = copy_list(arena, list);
		return 0;
	}
	r = accounts_account_data_get(service, task, user_id, NULL, "m.ignored_user_list", &content, err);
	if (r < 0)
		return r;
	users = hearth_json_get_object(content, "ignored_users");
	ids = hearth_arena_array_of(arena, const char *, hearth_json_size(users));
	for (size_t i = 0; i < hearth_json_size(users); i++) {
		ids[count] = hearth_json_key_at(users, i);
		count += strcmp(ids[count], user_id) != 0; /* nobody ignores themselves */
	}
	*ret_ignored_users = (struct hearth_texts){ .items = ids, .count = count };
	if (generation == ignored->generation && ret_ignored_users->count <= LIST_MAX)
		keep(ignored, user_id, ret_ignored_users);
	return 0;
}
