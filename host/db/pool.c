/* SPDX-License-Identifier: Apache-2.0 */
#include "db/pool.h"

#include <errno.h>
#include <event2/event.h>
#include <string.h>

#include "db/session.h"
#include "log/log.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "task/task.h"

#define DEPTH_MAX 32           /* units on one connection */
#define STUCK_MS 20            /* nobody queues behind a unit that takes longer */
#define WAIT_MS 15000          /* for a free connection */
#define AWAY_MS 4000           /* after that long without any connection, requests fail at once */
#define OPENING_MAX 2          /* at a time */
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 2000
#define TIDY_SECONDS 30
#define IDLE_MS 60000          /* then connections beyond the minimum are closed */

struct waiter {
	struct waiter *next, **previous;
	struct hearth_task *task;
	uint32_t use;
	struct db_connection *connection; /* claimed for it */
};

static struct {
	struct db_settings settings;
	struct db_connection *connections[DB_CONNECTIONS_MAX];
	size_t count;
	size_t opening;
	struct waiter *first, **last;
	size_t waiting;
	struct event *retry, *tidy;
	int64_t backoff_ms;
	int64_t away_since_ms; /* 0: connections are there */
	bool running;
	struct hearth_metric *connections_gauge, *waits;
} pool;

/* --- choosing --- */

static size_t count_writing(void)
{
	size_t count = 0;

	for (size_t i = 0; i < pool.count; i++)
		count += db_connection_writes(pool.connections[i]);
	return count;
}

static bool may_take(const struct db_connection *connection, uint32_t use, bool more_may_write)
{
	if (!db_connection_alive(connection) || db_connection_owned(connection))
		return false;
	if (use == DB_READ)
		return !db_connection_writes(connection);
	if (use == DB_OWN && db_connection_load(connection))
		return false;
	return more_may_write || db_connection_writes(connection);
}

static struct db_connection *least_loaded(uint32_t use)
{
	bool more_may_write = count_writing() + 1 < pool.settings.connections_max;
	struct db_connection *best = NULL;

	for (size_t i = 0; i < pool.count; i++) {
		struct db_connection *connection = pool.connections[i];

		if (!may_take(connection, use, more_may_write))
			continue;
		if (!best || db_connection_load(connection) < db_connection_load(best))
			best = connection;
	}
	return best;
}

static void grow(void);

/* Claims a connection; NULL where the asker has to wait. */
static struct db_connection *pick(uint32_t use)
{
	struct db_connection *best = least_loaded(use);

	if (!best || db_connection_load(best))
		grow();
	if (!best || db_connection_load(best) >= DEPTH_MAX || db_connection_stuck_ms(best) > STUCK_MS)
		return NULL;
	db_connection_claim(best, use);
	return best;
}

/* --- waiting --- */

static void enqueue(struct waiter *waiter)
{
	waiter->previous = pool.last;
	*pool.last = waiter;
	pool.last = &waiter->next;
	pool.waiting++;
	metrics_add(pool.waits, NULL, 1);
}

static void dequeue(struct waiter *waiter)
{
	if (!waiter->previous)
		return;
	*waiter->previous = waiter->next;
	if (waiter->next)
		waiter->next->previous = waiter->previous;
	else
		pool.last = waiter->previous;
	waiter->next = NULL;
	waiter->previous = NULL;
	pool.waiting--;
}

/* First come, first served among those who write; reads have connections of their own to hope for. */
static void serve_waiters(void)
{
	bool writes_wait = false, reads_wait = false;
	struct waiter *next;

	for (struct waiter *waiter = pool.first; waiter && !(writes_wait && reads_wait); waiter = next) {
		bool *wait = waiter->use == DB_READ ? &reads_wait : &writes_wait;

		next = waiter->next;
		if (*wait)
			continue;
		waiter->connection = pick(waiter->use);
		if (!waiter->connection) {
			*wait = true;
			continue;
		}
		dequeue(waiter);
		task_wake(waiter->task);
	}
}

static bool must_queue(uint32_t use)
{
	for (const struct waiter *waiter = pool.first; waiter; waiter = waiter->next)
		if ((waiter->use == DB_READ) == (use == DB_READ))
			return true;
	return false;
}

static int say_busy(struct hearth_error *err)
{
	return hearth_fail(err, -EBUSY, "%s",
			   pool.count ? "no connection to the database became free in time" : "the database is away");
}

static void give_up(struct waiter *waiter)
{
	struct db_connection *connection = waiter->connection;

	dequeue(waiter);
	waiter->connection = NULL;
	if (connection)
		db_pool_release(connection, waiter->use);
}

HEARTH_SUSPENDS static int wait_for_connection(struct hearth_task *task, uint32_t use,
					       struct db_connection **ret_connection, struct hearth_error *err)
{
	struct waiter waiter = { .task = task, .use = use };
	int64_t until_ms = loop_monotonic_ms() + WAIT_MS;

	enqueue(&waiter);
	while (!waiter.connection) {
		struct hearth_error waiting = { 0 };
		int64_t left_ms = until_ms - loop_monotonic_ms();
		int r = left_ms > 0 ? task_park(task, left_ms, &waiting) : -EBUSY;

		if (r < 0 && !waiter.connection && (r != -ETIMEDOUT || loop_monotonic_ms() < until_ms)) {
			give_up(&waiter);
			if (r == -EBUSY)
				return say_busy(err);
			if (err && !err->code)
				*err = waiting;
			return r;
		}
		if (!waiter.connection && !waiter.previous)
			return say_busy(err); /* put out of the queue: the database is away */
	}
	*ret_connection = waiter.connection;
	return 0;
}

HEARTH_SUSPENDS int db_pool_acquire(struct hearth_task *task, uint32_t use, struct db_connection **ret_connection,
				    struct hearth_error *err)
{
	int r;

	task_may_suspend();
	for (;;) {
		struct db_connection *connection = NULL;

		if (!pool.running ||
		    (pool.away_since_ms && !pool.count && loop_monotonic_ms() - pool.away_since_ms > AWAY_MS))
			return say_busy(err);
		if (!must_queue(use))
			connection = pick(use);
		if (!connection) {
			grow();
			r = wait_for_connection(task, use, &connection, err);
			if (r < 0)
				return r;
		}
		if (db_connection_alive(connection)) {
			*ret_connection = connection;
			return 0;
		}
		db_pool_release(connection, use);
	}
}

void db_pool_release(struct db_connection *connection, uint32_t use)
{
	db_connection_unclaim(connection, use);
	if (pool.waiting && pool.running)
		serve_waiters();
}

/* --- opening and closing --- */

static void add(PGconn *pg)
{
	pool.connections[pool.count++] = db_connection_new(pg);
	pool.backoff_ms = 0;
	pool.away_since_ms = 0;
	metrics_set(pool.connections_gauge, NULL, (double)pool.count);
}

static void retry_later(void)
{
	struct timeval delay;

	pool.backoff_ms = pool.backoff_ms ? 2 * pool.backoff_ms : BACKOFF_MIN_MS;
	if (pool.backoff_ms > BACKOFF_MAX_MS)
		pool.backoff_ms = BACKOFF_MAX_MS;
	delay = (struct timeval){ .tv_sec = pool.backoff_ms / 1000, .tv_usec = pool.backoff_ms % 1000 * 1000 };
	event_add(pool.retry, &delay);
}

/* Everybody's hope is gone for now. */
static void fail_waiters(void)
{
	while (pool.first) {
		struct waiter *waiter = pool.first;

		dequeue(waiter);
		task_wake(waiter->task);
	}
}

static void note_failure(const struct hearth_error *err)
{
	int64_t now_ms = loop_monotonic_ms();

	if (!pool.backoff_ms)
		log_warning("db", "%s; trying again", err->message);
	if (!pool.count && !pool.away_since_ms)
		pool.away_since_ms = now_ms;
	if (!pool.count && now_ms - pool.away_since_ms > AWAY_MS)
		fail_waiters();
	retry_later();
}

HEARTH_SUSPENDS static void open_one(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	PGconn *pg = NULL;
	int r;

	(void)argument;
	r = db_session_open(task, &pool.settings, &pg, &err);
	pool.opening--;
	if (!pool.running) {
		PQfinish(pg);
		return;
	}
	if (r == -ECANCELED)
		return;
	if (r < 0) {
		note_failure(&err);
		return;
	}
	if (pool.away_since_ms)
		log_info("db", "the database is back");
	add(pg);
	serve_waiters();
}

static void grow(void)
{
	struct hearth_error err = { 0 };

	if (!pool.running || pool.opening >= OPENING_MAX || pool.count + pool.opening >= pool.settings.connections_max ||
	    event_pending(pool.retry, EV_TIMEOUT, NULL))
		return;
	pool.opening++;
	if (task_spawn("host", "connect to the database", open_one, NULL, NULL, &err) < 0) {
		pool.opening--;
		note_failure(&err);
	}
}

void db_pool_lost(struct db_connection *connection)
{
	for (size_t i = 0; i < pool.count; i++)
		if (pool.connections[i] == connection)
			pool.connections[i] = pool.connections[--pool.count];
	if (!pool.running)
		return;
	metrics_set(pool.connections_gauge, NULL, (double)pool.count);
	if (pool.count < pool.settings.connections_min || pool.waiting)
		grow();
}

static void on_retry(evutil_socket_t fd, short what, void *argument)
{
	(void)fd, (void)what, (void)argument;
	if (pool.waiting || pool.count < pool.settings.connections_min)
		grow();
}

static void on_tidy(evutil_socket_t fd, short what, void *argument)
{
	int64_t before_ms = loop_monotonic_ms() - IDLE_MS;

	(void)fd, (void)what, (void)argument;
	for (size_t i = pool.count; i > 0 && pool.count > pool.settings.connections_min; i--) {
		struct db_connection *connection = pool.connections[i - 1];

		if (!db_connection_load(connection) && db_connection_idle_since_ms(connection) < before_ms)
			db_connection_close(connection);
	}
}

void db_pool_start(struct db_settings *settings, PGconn *first)
{
	memset(&pool, 0, sizeof(pool));
	pool.settings = *settings;
	*settings = (struct db_settings){ 0 };
	pool.last = &pool.first;
	pool.connections_gauge = metrics_define("host", HEARTH_GAUGE, "db_connections", "Connections to PostgreSQL.", NULL);
	pool.waits = metrics_define("host", HEARTH_COUNTER, "db_pool_waits_total",
				    "Times that a task had to wait for a connection.", NULL);
	pool.retry = event_new(loop_base(), -1, 0, on_retry, NULL);
	pool.tidy = event_new(loop_base(), -1, EV_PERSIST, on_tidy, NULL);
	hearth_assert(pool.retry && pool.tidy);
	event_add(pool.tidy, &(struct timeval){ .tv_sec = TIDY_SECONDS });
	pool.running = true;
	add(first);
	while (pool.count + pool.opening < pool.settings.connections_min && pool.opening < OPENING_MAX)
		grow();
}

void db_pool_stop(void)
{
	if (!pool.running)
		return;
	pool.running = false;
	fail_waiters();
	while (pool.count)
		db_connection_close(pool.connections[pool.count - 1]);
	event_free(pool.retry);
	event_free(pool.tidy);
	if (!pool.opening)
		db_settings_clear(&pool.settings);
}

bool db_pool_healthy(void)
{
	return pool.running && pool.count;
}

const struct db_settings *db_pool_settings(void)
{
	return &pool.settings;
}
