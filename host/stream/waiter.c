/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for news. One hash table maps users and rooms to the waiters that care; a waiter of 500 rooms is 501 links in
 * one block, and news touch only those whom they concern.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "loop/loop.h"
#include "stream/stream_internal.h"
#include "task/task.h"

/* A user or a room that somebody waits for; Matrix ids of both kinds differ by their first character. */
struct topic {
	struct topic *next; /* in its bucket */
	uint64_t hash;
	struct link *first;
	char id[];
};

struct link {
	struct link *next, *previous;
	struct topic *topic;
	struct hearth_waiter *waiter;
};

struct hearth_waiter {
	struct hearth_task *task;
	struct link *links; /* NULL once freed */
	size_t count;
	bool news;
};

static struct {
	struct topic **buckets;
	size_t size, count;
	bool draining;
} topics;

/* FNV-1a: ids are short, and flooding one bucket with chosen ids takes rooms that the user has joined. */
static uint64_t hash_of(const char *id)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 29;
}

static struct topic **find(const char *id, uint64_t hash)
{
	struct topic **at = &topics.buckets[hash & (topics.size - 1)];

	while (*at && ((*at)->hash != hash || strcmp((*at)->id, id)))
		at = &(*at)->next;
	return at;
}

static void resize(size_t size)
{
	struct topic **old = topics.buckets;
	size_t old_size = topics.size;

	topics.buckets = calloc(size, sizeof(*topics.buckets));
	hearth_assert(topics.buckets);
	topics.size = size;
	for (size_t i = 0; i < old_size; i++) {
		while (old[i]) {
			struct topic *topic = old[i];

			old[i] = topic->next;
			topic->next = topics.buckets[topic->hash & (size - 1)];
			topics.buckets[topic->hash & (size - 1)] = topic;
		}
	}
	free(old);
}

static struct topic *topic_of(const char *id)
{
	uint64_t hash = hash_of(id);
	size_t length = strlen(id);
	struct topic **at, *topic;

	if (topics.count >= topics.size)
		resize(topics.size ? 2 * topics.size : 256);
	at = find(id, hash);
	if (*at)
		return *at;
	topic = malloc(sizeof(*topic) + length + 1);
	hearth_assert(topic);
	*topic = (struct topic){ .hash = hash };
	memcpy(topic->id, id, length + 1);
	*at = topic;
	topics.count++;
	return topic;
}

static void forget(struct topic *topic)
{
	struct topic **at = find(topic->id, topic->hash);

	*at = topic->next;
	topics.count--;
	free(topic);
}

static void join(struct link *link, struct hearth_waiter *waiter, const char *id)
{
	struct topic *topic = topic_of(id);

	*link = (struct link){ .topic = topic, .waiter = waiter, .next = topic->first };
	if (topic->first)
		topic->first->previous = link;
	topic->first = link;
}

static void leave(struct link *link)
{
	struct topic *topic = link->topic;

	*(link->previous ? &link->previous->next : &topic->first) = link->next;
	if (link->next)
		link->next->previous = link->previous;
	if (!topic->first)
		forget(topic);
}

static void leave_all(void *argument)
{
	struct hearth_waiter *waiter = argument;

	for (size_t i = 0; waiter->links && i < waiter->count; i++)
		leave(&waiter->links[i]);
	free(waiter->links);
	waiter->links = NULL;
}

struct hearth_waiter *waiter_new(struct hearth_task *task, const char *user_id, const char *const *rooms,
				 size_t room_count)
{
	struct hearth_waiter *waiter = hearth_arena_new_of(task_arena(task), struct hearth_waiter);

	waiter->task = task;
	waiter->count = room_count + (user_id != NULL);
	waiter->links = calloc(waiter->count ? waiter->count : 1, sizeof(*waiter->links));
	hearth_assert(waiter->links);
	for (size_t i = 0; i < room_count; i++)
		join(&waiter->links[i], waiter, rooms[i]);
	if (user_id)
		join(&waiter->links[room_count], waiter, user_id);
	hearth_arena_defer(task_arena(task), leave_all, waiter);
	return waiter;
}

void waiter_free(struct hearth_waiter **waiter)
{
	if (*waiter)
		leave_all(*waiter);
	*waiter = NULL;
}

static void tell(const char *id)
{
	struct topic *topic = topics.size ? *find(id, hash_of(id)) : NULL;

	for (struct link *link = topic ? topic->first : NULL; link; link = link->next) {
		if (link->waiter->news)
			continue;
		link->waiter->news = true;
		task_wake(link->waiter->task);
	}
}

void waiters_tell(const struct hearth_news *news)
{
	for (size_t i = 0; i < news->user_count; i++)
		tell(news->users[i]);
	for (size_t i = 0; i < news->room_count; i++)
		tell(news->rooms[i]);
}

HEARTH_SUSPENDS int waiter_wait(struct hearth_task *task, struct hearth_waiter *waiter, int64_t timeout_ms,
				struct hearth_error *err)
{
	int64_t until_ms = loop_monotonic_ms() + timeout_ms;

	task_may_suspend();
	hearth_assert(waiter->task == task && waiter->links);
	while (!waiter->news) {
		struct hearth_error own = { 0 };
		int64_t left_ms = until_ms - loop_monotonic_ms();
		int r;

		if (left_ms <= 0 || topics.draining)
			return -ETIMEDOUT;
		r = task_park(task, left_ms, &own);
		if (r == 0 || (r == -ETIMEDOUT && loop_monotonic_ms() >= until_ms))
			continue;
		if (err && !err->code)
			*err = own;
		return r;
	}
	waiter->news = false;
	return 0;
}

void stream_drain(void)
{
	topics.draining = true;
	for (size_t i = 0; i < topics.size; i++)
		for (struct topic *topic = topics.buckets[i]; topic; topic = topic->next)
			for (struct link *link = topic->first; link; link = link->next)
				task_wake(link->waiter->task);
}

void waiters_finish(void)
{
	if (topics.count)
		return; /* somebody waits still; their tasks end first */
	free(topics.buckets);
	memset(&topics, 0, sizeof(topics));
}
