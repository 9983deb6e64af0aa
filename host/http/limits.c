/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rate limits: a leaky bucket per limiter and key, as the rc_* keys describe it. Buckets that have run empty are the same
 * as none, so the table forgets the least recently used ones; it never holds more than BUCKETS_MAX.
 */
#include "http.h"

#include "config/limits.h"
#include "loop/loop.h"

#include <errno.h>
#include <hearth/hook.h>
#include <hearth/matrix/id.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_MAX 100000u
#define SLOTS 16384u /* a power of two */
#define KEY_MAX_BYTES 512u

struct bucket {
	struct bucket *chained; /* of the same slot */
	struct bucket *older, *newer;
	const char *limiter;
	double per_second; /* as of the latest action: a hook may give some users another limit */
	double level;      /* actions that have not leaked away at at_ms */
	int64_t at_ms;
	uint64_t hash;
	char key[];
};

static struct {
	struct bucket *slots[SLOTS];
	struct bucket *oldest, *newest;
	size_t count;
	uint64_t secret[2];
} table;

static int (*ask_hook)(const char *id, void *subject);

void limits_use_hook(int (*ask)(const char *id, void *subject))
{
	ask_hook = ask;
}

/* SipHash-2-4 with a secret of this process: clients choose the keys, and must not be able to choose the slots. */
#define ROTATE(word, bits) ((word) << (bits) | (word) >> (64 - (bits)))

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTATE(v[1], 13) ^ v[0];
	v[0] = ROTATE(v[0], 32);
	v[2] += v[3];
	v[3] = ROTATE(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTATE(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTATE(v[1], 17) ^ v[2];
	v[2] = ROTATE(v[2], 32);
}

static uint64_t hash_key(const char *key, size_t length)
{
	uint64_t v[4] = { table.secret[0] ^ UINT64_C(0x736f6d6570736575), table.secret[1] ^ UINT64_C(0x646f72616e646f6d),
			  table.secret[0] ^ UINT64_C(0x6c7967656e657261), table.secret[1] ^ UINT64_C(0x7465646279746573) };
	uint64_t word;

	for (size_t at = 0; at <= length; at += 8) {
		size_t size = length - at < 8 ? length - at : 8;

		word = size < 8 ? (uint64_t)length << 56 : 0;
		memcpy(&word, key + at, size);
		v[3] ^= word;
		sip_round(v);
		sip_round(v);
		v[0] ^= word;
	}
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void unlink_age(struct bucket *bucket)
{
	*(bucket->older ? &bucket->older->newer : &table.oldest) = bucket->newer;
	*(bucket->newer ? &bucket->newer->older : &table.newest) = bucket->older;
}

static void link_newest(struct bucket *bucket)
{
	bucket->older = table.newest;
	bucket->newer = NULL;
	*(table.newest ? &table.newest->newer : &table.oldest) = bucket;
	table.newest = bucket;
}

static void forget(struct bucket *bucket)
{
	struct bucket **link = &table.slots[bucket->hash & (SLOTS - 1)];

	while (*link != bucket)
		link = &(*link)->chained;
	*link = bucket->chained;
	unlink_age(bucket);
	table.count--;
	free(bucket);
}

static double level_at(const struct bucket *bucket, int64_t now_ms)
{
	double level = bucket->level - (double)(now_ms - bucket->at_ms) / 1000.0 * bucket->per_second;

	return level > 0 ? level : 0;
}

/* Frees a little more than is added, so that the table shrinks to what is in use. */
static void expire(int64_t now_ms)
{
	for (int i = 0; i < 2 && table.oldest && level_at(table.oldest, now_ms) <= 0; i++)
		forget(table.oldest);
	while (table.count >= BUCKETS_MAX)
		forget(table.oldest);
}

static struct bucket *find(const struct limit_config *limit, const char *key, uint64_t hash)
{
	struct bucket *bucket = table.slots[hash & (SLOTS - 1)];

	while (bucket && (bucket->limiter != limit->name || bucket->hash != hash || strcmp(bucket->key, key) != 0))
		bucket = bucket->chained;
	return bucket;
}

static struct bucket *add(const struct limit_config *limit, const char *key, size_t length, uint64_t hash)
{
	struct bucket *bucket = calloc(1, sizeof(*bucket) + length + 1);
	struct bucket **slot = &table.slots[hash & (SLOTS - 1)];

	hearth_assert(bucket);
	bucket->limiter = limit->name;
	bucket->hash = hash;
	memcpy(bucket->key, key, length);
	bucket->chained = *slot;
	*slot = bucket;
	link_newest(bucket);
	table.count++;
	return bucket;
}

static int refuse(const struct limit_config *limit, double level, struct hearth_error *err)
{
	double wait_ms = limit->per_second > 0 ? (level + 1 - limit->burst_count) / limit->per_second * 1000.0 : 86400000.0;
	int r = hearth_refuse(err, 429, "M_LIMIT_EXCEEDED", "too many requests; try again later");

	if (err)
		err->retry_after_ms = wait_ms > 86400000.0 ? 86400000u : (uint32_t)wait_ms + 1;
	return r;
}

static int apply_at(const struct limit_config *limit, const char *key, double actions, int64_t now_ms,
		    struct hearth_error *err)
{
	char bounded[KEY_MAX_BYTES];
	size_t length = strnlen(key, sizeof(bounded) - 1);
	struct bucket *bucket;
	uint64_t hash;
	double level;

	memcpy(bounded, key, length);
	bounded[length] = '\0';
	hash = hash_key(bounded, length);
	bucket = find(limit, bounded, hash);
	level = bucket ? level_at(bucket, now_ms) : 0;
	if (level + 1 > limit->burst_count)
		return refuse(limit, level, err);
	if (actions == 0)
		return 0;
	if (bucket) {
		unlink_age(bucket);
		link_newest(bucket);
	} else {
		expire(now_ms);
		bucket = add(limit, bounded, length, hash);
	}
	bucket->per_second = limit->per_second;
	bucket->level = level + actions;
	bucket->at_ms = now_ms;
	return 0;
}

static int apply(const char *limiter, const char *key, double actions, struct hearth_error *err)
{
	const struct limit_config *limit = limit_config_find(limiter);
	struct hearth_hook_limit asked = { .limiter = limiter, .key = key };
	struct limit_config own;

	hearth_assert(limit);
	own = *limit;
	asked.per_second = own.per_second;
	asked.burst_count = own.burst_count;
	if (ask_hook && ask_hook(HEARTH_HOOK_RATELIMIT_OVERRIDE, &asked)) {
		own.per_second = asked.per_second;
		own.burst_count = asked.burst_count;
		if (own.per_second <= 0)
			return 0;
	}
	return apply_at(&own, key, actions, loop_monotonic_ms(), err);
}

static int check(const char *limiter, const char *key, struct hearth_error *err)
{
	return apply(limiter, key, 1, err);
}

static int peek(const char *limiter, const char *key, struct hearth_error *err)
{
	return apply(limiter, key, 0, err);
}

int limits_init(struct hearth_error *err)
{
	hearth_id_random((char *)table.secret, sizeof(table.secret));
	return limit_config_read(NULL, err);
}

void limits_finish(void)
{
	while (table.oldest)
		forget(table.oldest);
}

const struct hearth_limits *limits_service(void)
{
	static const struct hearth_limits SERVICE = {
		.base = { .size = sizeof(SERVICE), .major = HEARTH_LIMITS_MAJOR, .minor = HEARTH_LIMITS_MINOR,
			  .id = HEARTH_LIMITS_ID },
		.check = check,
		.peek = peek,
	};

	return &SERVICE;
}
