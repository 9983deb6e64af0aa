/* SPDX-License-Identifier: Apache-2.0 */
/* Locks by key: one task at a time, first come, first served. */
#include <stdlib.h>
#include <string.h>

#include "task/task_internal.h"

#define FIRST_BUCKETS 64

/* Somebody who wants the key; lives on the waiting task's stack. */
struct claim {
	struct hearth_task *task;
	struct hearth_lock *granted;
	TAILQ_ENTRY(claim) order;
};

/* A key that is held; the struct is the holder's lock as well, and passes on to the next in line. */
struct hearth_lock {
	const char *plugin;
	char *key;
	uint32_t hash;
	struct hearth_task *holder;
	TAILQ_HEAD(, claim) claims;
	LIST_ENTRY(hearth_lock) held;   /* by the holder */
	LIST_ENTRY(hearth_lock) bucket;
};

static struct {
	struct lock_list *buckets;
	size_t bucket_count;
	size_t count;
} table;

static uint32_t hash_of(const char *plugin, const char *key)
{
	uint32_t hash = 2166136261u;

	for (; *plugin; plugin++)
		hash = (hash ^ (unsigned char)*plugin) * 16777619u;
	hash *= 16777619u;
	for (; *key; key++)
		hash = (hash ^ (unsigned char)*key) * 16777619u;
	return hash;
}

static void resize(size_t bucket_count)
{
	struct lock_list *buckets = calloc(bucket_count, sizeof(*buckets));

	hearth_assert(buckets);
	for (size_t i = 0; i < table.bucket_count; i++) {
		while (!LIST_EMPTY(&table.buckets[i])) {
			struct hearth_lock *lock = LIST_FIRST(&table.buckets[i]);

			LIST_REMOVE(lock, bucket);
			LIST_INSERT_HEAD(&buckets[lock->hash % bucket_count], lock, bucket);
		}
	}
	free(table.buckets);
	table.buckets = buckets;
	table.bucket_count = bucket_count;
}

static struct hearth_lock *find(const char *plugin, const char *key, uint32_t hash)
{
	struct hearth_lock *lock;

	if (!table.bucket_count)
		return NULL;
	LIST_FOREACH(lock, &table.buckets[hash % table.bucket_count], bucket)
		if (lock->hash == hash && strcmp(lock->key, key) == 0 && strcmp(lock->plugin, plugin) == 0)
			return lock;
	return NULL;
}

static struct hearth_lock *lock_new(const char *plugin, const char *key, uint32_t hash)
{
	struct hearth_lock *lock = calloc(1, sizeof(*lock));

	hearth_assert(lock);
	*lock = (struct hearth_lock){ .plugin = plugin, .key = strdup(key), .hash = hash };
	hearth_assert(lock->key);
	TAILQ_INIT(&lock->claims);
	if (table.count >= table.bucket_count)
		resize(table.bucket_count ? table.bucket_count * 2 : FIRST_BUCKETS);
	LIST_INSERT_HEAD(&table.buckets[hash % table.bucket_count], lock, bucket);
	table.count++;
	return lock;
}

static void hold(struct hearth_lock *lock, struct hearth_task *task)
{
	lock->holder = task;
	LIST_INSERT_HEAD(&task->locks, lock, held);
}

int lock_take(const char *plugin, struct hearth_task *task, const char *key, struct hearth_lock **ret_lock,
	      struct hearth_error *err)
{
	uint32_t hash = hash_of(plugin, key);
	struct claim claim = { .task = task };
	struct hearth_lock *lock;
	int r = 0;

	task_may_suspend();
	lock = find(plugin, key, hash);
	if (!lock) {
		lock = lock_new(plugin, key, hash);
		hold(lock, task);
		*ret_lock = lock;
		return 0;
	}
	hearth_assert(lock->holder != task);
	TAILQ_INSERT_TAIL(&lock->claims, &claim, order);
	while (!claim.granted && r == 0)
		r = task_park(task, 0, err);
	if (!claim.granted) {
		TAILQ_REMOVE(&lock->claims, &claim, order);
		return r;
	}
	*ret_lock = claim.granted;
	return 0;
}

void lock_give(struct hearth_lock **lock_pointer)
{
	struct hearth_lock *lock = *lock_pointer;
	struct claim *next;

	if (!lock)
		return;
	*lock_pointer = NULL;
	LIST_REMOVE(lock, held);
	next = TAILQ_FIRST(&lock->claims);
	if (next) {
		TAILQ_REMOVE(&lock->claims, next, order);
		hold(lock, next->task);
		next->granted = lock;
		task_wake(next->task);
		return;
	}
	LIST_REMOVE(lock, bucket);
	table.count--;
	free(lock->key);
	free(lock);
}

void lock_release_all(struct hearth_task *task)
{
	while (!LIST_EMPTY(&task->locks)) {
		struct hearth_lock *lock = LIST_FIRST(&task->locks);

		lock_give(&lock);
	}
}

void lock_table_free(void)
{
	free(table.buckets);
	memset(&table, 0, sizeof(table));
}
