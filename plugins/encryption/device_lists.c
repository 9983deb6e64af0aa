/* SPDX-License-Identifier: Apache-2.0
 *
 * Whose devices have changed, for those who share a room with them (spec client-server, "Tracking the device list for a
 * user").
 */
#include "encryption.h"

#include <hearth/map.h>

#include <stdlib.h>
#include <string.h>

struct list_change {
	const char *user_id;
	int64_t     stream_id;
};

static const struct hearth_field LIST_CHANGE[] = { HEARTH_COLUMNS(struct list_change, user_id, stream_id) };

static const struct hearth_statement UPSERT_CHANGE = {
	.name = "encryption.upsert_device_list",
	.sql = "INSERT INTO device_lists (user_id, stream_id) VALUES ($1, $2)"
	       " ON CONFLICT (user_id) DO UPDATE SET stream_id = excluded.stream_id",
	.params = LIST_CHANGE,
};

struct change_range {
	int64_t since, upto;
};

static const struct hearth_field CHANGE_RANGE[] = { HEARTH_COLUMNS(struct change_range, since, upto) };

static const struct hearth_statement SELECT_CHANGED = {
	.name = "encryption.select_changed_lists",
	/* One row a user: a change after upto hides one before it, and is told all the same. */
	.sql = "SELECT user_id, stream_id FROM device_lists WHERE stream_id > $1 AND $1 < $2",
	.params = CHANGE_RANGE, .row = LIST_CHANGE, .row_size = sizeof(struct list_change),
};

struct removed_devices {
	const char         *user_id;
	struct hearth_texts device_ids;
};

static const struct hearth_field REMOVED_DEVICES[] = { HEARTH_COLUMNS(struct removed_devices, user_id, device_ids) };

#define DELETE_OF(table_)                                                                        \
	{ .name = "encryption.delete_" #table_,                                                  \
	  .sql = "DELETE FROM " #table_ " WHERE user_id = $1 AND device_id = ANY ($2)",          \
	  .params = REMOVED_DEVICES }

static const struct hearth_statement DELETE_DEVICE[] = {
	DELETE_OF(device_keys), DELETE_OF(one_time_keys), DELETE_OF(fallback_keys), DELETE_OF(to_device),
};

static const struct hearth_statement DELETE_SIGNATURES = {
	.name = "encryption.delete_device_signatures",
	.sql = "DELETE FROM key_signatures WHERE user_id = $1 AND target = ANY ($2)",
	.params = REMOVED_DEVICES,
};

/* The rooms that the user is in: whoever waits on one of them is told. */
HEARTH_SUSPENDS static int rooms_of(struct encryption *encryption, struct hearth_task *task, const char *user_id,
				    struct hearth_news *ret_news, struct hearth_error *err)
{
	const struct hearth_rooms *rooms = encryption->rooms;
	const struct hearth_membership *memberships;
	const char **ids;
	size_t count;
	int r;

	r = rooms->memberships(rooms, task, user_id, INT64_MAX, &memberships, &count, err);
	if (r < 0)
		return r;
	ids = hearth_arena_array_of(encryption->tasks->arena(task), const char *, count);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(memberships[i].membership, "join"))
			ids[ret_news->room_count++] = memberships[i].room_id;
	ret_news->rooms = ids;
	return 0;
}

int device_lists_note(struct encryption *encryption, struct hearth_tx *tx, struct hearth_task *task, const char *user_id,
		      struct hearth_error *err)
{
	struct hearth_news news = { .users = &user_id, .user_count = 1 };
	struct list_change change = { .user_id = user_id };
	int r;

	r = rooms_of(encryption, task, user_id, &news, err);
	if (r < 0)
		return r;
	r = encryption->streams->next(tx, encryption->device_lists, 1, &news, &change.stream_id, err);
	if (r < 0)
		return r;
	return encryption->db->exec(tx, &UPSERT_CHANGE, &change, err);
}

int device_lists_on_change(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct hearth_hook_device *device = subject;
	struct removed_devices removed = { device->user_id, { device->device_ids, device->count } };
	int r = 0;

	if (device->change == HEARTH_DEVICE_REMOVED) {
		for (size_t i = 0; i < HEARTH_COUNT(DELETE_DEVICE) && r >= 0; i++)
			r = encryption->db->exec(device->tx, &DELETE_DEVICE[i], &removed, err);
		if (r >= 0)
			r = encryption->db->exec(device->tx, &DELETE_SIGNATURES, &removed, err);
	}
	return r < 0 ? r : device_lists_note(encryption, device->tx, task, device->user_id, err);
}

/* --- the part in /sync --- */

/* Users who may have to be told of, without doubles. */
struct candidates {
	struct hearth_arena *arena;
	const char         **items;
	size_t               count, capacity;
};

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_candidate(struct candidates *candidates, const char *user_id)
{
	size_t grown = candidates->capacity ? candidates->capacity * 2 : 64;

	if (candidates->count == candidates->capacity) {
		candidates->items = hearth_arena_grow(candidates->arena, candidates->items,
						      candidates->capacity * sizeof(char *), grown * sizeof(char *));
		candidates->capacity = grown;
	}
	candidates->items[candidates->count++] = user_id;
}

static void add_all(struct candidates *candidates, const struct candidates *others)
{
	for (size_t i = 0; i < others->count; i++)
		add_candidate(candidates, others->items[i]);
}

static void sort_unique(struct candidates *candidates)
{
	size_t kept = 0;

	if (!candidates->count)
		return;
	qsort(candidates->items, candidates->count, sizeof(char *), by_text);
	for (size_t i = 0; i < candidates->count; i++)
		if (!kept || strcmp(candidates->items[kept - 1], candidates->items[i]))
			candidates->items[kept++] = candidates->items[i];
	candidates->count = kept;
}

HEARTH_SUSPENDS static int add_changed(struct encryption *encryption, struct hearth_task *task,
				       const struct hearth_sync_query *query, struct candidates *candidates,
				       struct hearth_error *err)
{
	struct change_range range = { query->since, query->upto };
	struct hearth_rows rows;
	int r;

	if (query->upto <= query->since)
		return 0;
	r = encryption->db->read(task, &SELECT_CHANGED, &range, &rows, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < rows.count; i++)
		add_candidate(candidates, ((const struct list_change *)rows.items)[i].user_id);
	return 0;
}

/* Those whose membership changed in a room that the user is in. */
HEARTH_SUSPENDS static int add_moved(struct encryption *encryption, struct hearth_task *task,
				     const struct hearth_sync_query *query, struct candidates *candidates,
				     struct hearth_error *err)
{
	const struct hearth_rooms *rooms = encryption->rooms;
	int64_t from = query->position_of(query, "events", 0), to = query->position_of(query, "events", 1);
	struct hearth_delta_range *ranges =
		hearth_arena_array_of(candidates->arena, struct hearth_delta_range, query->joined_count);
	const struct hearth_state_delta *deltas;
	size_t count;
	int r;

	if (to <= from || !query->joined_count)
		return 0;
	for (size_t i = 0; i < query->joined_count; i++)
		ranges[i] = (struct hearth_delta_range){ query->joined_rooms[i], from, to };
	r = rooms->state_deltas(rooms, task, ranges, query->joined_count, &deltas, &count, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < count; i++)
		if (!strcmp(deltas[i].type, "m.room.member"))
			add_candidate(candidates, deltas[i].state_key);
	return 0;
}

/* Everyone in the rooms, save whom changed holds for the room. Such rooms are few in one sync. */
HEARTH_SUSPENDS static int add_members(struct encryption *encryption, struct hearth_task *task, const char *const *room_ids,
				       size_t count, const struct hearth_map *changed, struct candidates *candidates,
				       struct hearth_error *err)
{
	const struct hearth_rooms *rooms = encryption->rooms;

	for (size_t i = 0; i < count; i++) {
		struct hearth_texts members;
		int r = rooms->members(rooms, task, room_ids[i], "join", 0, &members, err);

		if (r < 0)
			return r;
		for (size_t j = 0; j < members.count; j++)
			if (!hearth_map_find(changed, room_ids[i], members.items[j]))
				add_candidate(candidates, members.items[j]);
	}
	return 0;
}

/*
 * Those whom the user left behind. Of what happened in the room afterwards they learn nothing: whose membership has changed
 * since is passed over.
 */
HEARTH_SUSPENDS static int add_left_behind(struct encryption *encryption, struct hearth_task *task,
					   const struct hearth_sync_query *query, struct candidates *candidates,
					   struct hearth_error *err)
{
	const struct hearth_rooms *rooms = encryption->rooms;
	struct hearth_arena *arena = candidates->arena;
	int64_t *ends = hearth_arena_array_of(arena, int64_t, query->left_count);
	struct hearth_delta_range *ranges = hearth_arena_array_of(arena, struct hearth_delta_range, query->left_count);
	const struct hearth_state_delta *deltas;
	struct hearth_map changed;
	size_t count;
	int r;

	if (!query->left_count)
		return 0;
	r = rooms->left_at(rooms, task, query->user_id, query->left_rooms, query->left_count,
			   query->position_of(query, "events", 1), ends, err);
	for (size_t i = 0; r >= 0 && i < query->left_count; i++)
		ranges[i] = (struct hearth_delta_range){ query->left_rooms[i], ends[i], INT64_MAX };
	if (r >= 0)
		r = rooms->state_deltas(rooms, task, ranges, query->left_count, &deltas, &count, err);
	if (r < 0)
		return r;
	hearth_map_init(&changed, arena, count);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(deltas[i].type, "m.room.member"))
			hearth_map_at(&changed, deltas[i].room_id, deltas[i].state_key)->number = 1;
	return add_members(encryption, task, query->left_rooms, query->left_count, &changed, candidates, err);
}

static bool holds(const char *const *sorted, size_t count, const char *user_id)
{
	return count && bsearch(&user_id, sorted, count, sizeof(char *), by_text);
}

/*
 * candidates: everyone; news: whose keys or company changed; moved: who came into or went out of sight. Of strangers
 * nothing is told, save that they have become strangers.
 */
static void write_lists(struct hearth_arena *arena, const struct candidates *candidates, const struct candidates *news,
			const struct candidates *moved, const struct hearth_texts *sharing, const char *user_id,
			struct hearth_sync_sink *sink)
{
	struct hearth_writer *changed = hearth_writer_new(arena), *left = hearth_writer_new(arena), *w;
	const char *text;
	size_t length;

	hearth_write_array(changed, NULL);
	hearth_write_array(left, NULL);
	for (size_t i = 0; i < candidates->count; i++) {
		const char *candidate = candidates->items[i];

		if (!strcmp(candidate, user_id) || holds(sharing->items, sharing->count, candidate)) {
			if (holds(news->items, news->count, candidate))
				hearth_write_string(changed, NULL, candidate);
		} else if (holds(moved->items, moved->count, candidate)) {
			hearth_write_string(left, NULL, candidate);
		}
	}
	hearth_write_end(changed);
	hearth_write_end(left);
	w = hearth_writer_new(arena);
	hearth_write_object(w, NULL);
	text = hearth_writer_text(changed, &length);
	hearth_write_raw(w, "changed", text, length);
	text = hearth_writer_text(left, &length);
	hearth_write_raw(w, "left", text, length);
	hearth_write_end(w);
	text = hearth_writer_text(w, &length);
	sink->add(sink, HEARTH_SYNC_TOP, NULL, "device_lists", NULL, NULL, text, length);
}

HEARTH_SUSPENDS static int device_lists_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
					     struct hearth_sync_sink *sink, struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct hearth_rooms *rooms = encryption->rooms;
	struct candidates news = { .arena = encryption->tasks->arena(task) }, moved = news, candidates = news;
	struct hearth_map nobody;
	struct hearth_texts sharing;
	int r;

	/* A client that starts afresh asks for the keys of whomever it meets. */
	if (query->initial)
		return 0;
	hearth_map_init(&nobody, news.arena, 0);
	r = add_moved(encryption, task, query, &moved, err);
	if (r >= 0)
		r = add_members(encryption, task, query->fresh_rooms, query->fresh_count, &nobody, &moved, err);
	add_all(&news, &moved);
	if (r >= 0)
		r = add_changed(encryption, task, query, &news, err);
	if (r >= 0)
		r = add_left_behind(encryption, task, query, &moved, err);
	if (r < 0 || !(news.count + moved.count))
		return r;
	add_all(&candidates, &news);
	add_all(&candidates, &moved);
	sort_unique(&news);
	sort_unique(&moved);
	sort_unique(&candidates);
	r = rooms->sharing_users(rooms, task, query->user_id, candidates.items, candidates.count, &sharing, err);
	if (r < 0)
		return r;
	if (sharing.count)
		qsort((void *)sharing.items, sharing.count, sizeof(char *), by_text);
	write_lists(candidates.arena, &candidates, &news, &moved, &sharing, query->user_id, sink);
	return 0;
}

const struct hearth_stream DEVICE_LISTS_STREAM = {
	.name = "device_lists", .sequence = "device_lists_sequence", .writers = "device_lists", .sync_slot = 7,
	.sync = device_lists_sync, .also_on = "events", .about = "Users whose devices or keys have changed.",
};
