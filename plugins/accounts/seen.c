/* SPDX-License-Identifier: Apache-2.0 */
/* When and from where devices were last seen, written to the database every two minutes. */
#include "accounts.h"

#include <errno.h>

#define EVERY_MS 120000
#define BATCH 4096

struct seen {
	struct hearth_texts user_ids, device_ids, ips, user_agents;
	struct hearth_ints  times;
};

static const struct hearth_field SEEN[] = {
	HEARTH_COLUMNS(struct seen, user_ids, device_ids, ips, user_agents, times)
};
static const struct hearth_statement UPDATE_SEEN = {
	.name = "accounts.update_seen",
	.sql = "UPDATE account_devices d SET last_seen_ms = s.at, last_seen_ip = s.ip, user_agent = s.agent"
	       " FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[])"
	       " AS s (user_id, device_id, ip, agent, at)"
	       " WHERE d.user_id = s.user_id AND d.device_id = s.device_id AND d.last_seen_ms < s.at",
	.params = SEEN,
};

struct batch {
	struct hearth_arena *arena;
	size_t               count, capacity;
	const char         **user_ids, **device_ids, **ips, **user_agents;
	int64_t             *times;
};

#define GROW(batch, member, capacity_) \
	((batch)->member = hearth_arena_grow((batch)->arena, (batch)->member, (batch)->capacity * sizeof(*(batch)->member), \
					     (capacity_) * sizeof(*(batch)->member)))

static void note(void *argument, const struct accounts_cached *entry)
{
	struct batch *batch = argument;

	if (!entry->device_id)
		return;
	if (batch->count == batch->capacity) {
		size_t capacity = batch->capacity ? 2 * batch->capacity : 64;

		GROW(batch, user_ids, capacity);
		GROW(batch, device_ids, capacity);
		GROW(batch, ips, capacity);
		GROW(batch, user_agents, capacity);
		GROW(batch, times, capacity);
		batch->capacity = capacity;
	}
	batch->user_ids[batch->count] = hearth_arena_strdup(batch->arena, entry->user_id);
	batch->device_ids[batch->count] = hearth_arena_strdup(batch->arena, entry->device_id);
	batch->ips[batch->count] = hearth_arena_strdup(batch->arena, entry->ip);
	batch->user_agents[batch->count] = hearth_arena_strdup(batch->arena, entry->user_agent);
	batch->times[batch->count++] = entry->seen_ms;
}

HEARTH_SUSPENDS int accounts_seen_flush(struct accounts *accounts, struct hearth_task *task, struct hearth_error *err)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct batch all = { .arena = arena };
	int r = 0;

	accounts_cache_take_seen(accounts->cache, note, &all);
	for (size_t at = 0; at < all.count && r == 0; at += BATCH) {
		size_t count = all.count - at < BATCH ? all.count - at : BATCH;
		const struct seen seen = {
			.user_ids = { .items = all.user_ids + at, .count = count },
			.device_ids = { .items = all.device_ids + at, .count = count },
			.ips = { .items = all.ips + at, .count = count },
			.user_agents = { .items = all.user_agents + at, .count = count },
			.times = { .items = all.times + at, .count = count },
		};

		r = accounts->db->write(task, &UPDATE_SEEN, &seen, NULL, err);
	}
	return r;
}

HEARTH_SUSPENDS void accounts_seen_run(struct hearth_task *task, void *argument)
{
	struct accounts *accounts = argument;

	accounts->tasks->set_deadline(task, 0);
	while (!accounts->draining) {
		struct hearth_error err = { 0 };

		if (accounts->tasks->sleep(task, EVERY_MS, &err) < 0)
			return;
		if (accounts_seen_flush(accounts, task, &err) < 0 && err.code != -ECANCELED)
			accounts->log->write(accounts->host, task, HEARTH_WARNING, "last-seen times were not written: %s",
					     err.message);
		hearth_arena_clear(accounts->tasks->arena(task));
	}
}
