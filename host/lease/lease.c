/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases in PostgreSQL. Taking one over raises its token; name and token are a key, so that a change of token waits for
 * transactions that have locked the row by FOR KEY SHARE, while a renewal, which changes neither, waits for nobody.
 */
#include "lease/lease.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "db/db.h"
#include "log/log.h"
#include "loop/loop.h"
#include "task/task.h"

#define LEASE_MS      3500 /* how long a lease outlives its holder's last renewal */
#define RENEW_MS      1000
#define ASK_MS        400 /* how often the host asks for what another holds, while it starts */
#define NAME_MAX_BYTES 200

struct hearth_lease {
	struct hearth_lease *next;
	int64_t              token;
	int64_t              good_until_ms; /* by this process's clock */
	bool                 lost;
	void               (*on_lost)(void *argument);
	void                *argument;
	char                 name[];
};

/* A task that waits for a lease; on its stack. */
struct waiter {
	struct waiter        *next;
	const char           *name;
	struct hearth_signal *signal;
	struct hearth_lease  *lease; /* once it has it */
};

static struct {
	struct hearth_lease *leases;
	struct waiter       *waiters; /* first come, first served */
	char                 holder[LEASE_HOLDER_BYTES];
	char                 shown[LEASE_HOLDER_BYTES]; /* the holder, for people */
	void               (*on_lost)(void *argument);
} state;

static const struct hearth_migration MIGRATIONS[] = {
	{ 1, "0001_leases.sql",
	  "CREATE TABLE hearth_leases ("
	  " name text PRIMARY KEY, token bigint NOT NULL, expires_at timestamptz NOT NULL,"
	  " holder text NOT NULL, shown text NOT NULL, UNIQUE (name, token)) WITH (fillfactor = 50);"
	  "CREATE FUNCTION hearth_guard_lease(the_name text, the_token bigint) RETURNS void LANGUAGE plpgsql AS $$"
	  " BEGIN"
	  "  PERFORM 1 FROM hearth_leases WHERE name = the_name AND token = the_token FOR KEY SHARE;"
	  "  IF NOT FOUND THEN RAISE EXCEPTION 'lease % has another holder', the_name USING ERRCODE = 'HL001'; END IF;"
	  " END $$" },
	{ .number = 0 }
};

/* --- statements --- */

struct asking {
	struct hearth_texts names, dead; /* dead: holders that are no more */
	const char         *holder, *shown;
	int64_t             lease_ms;
};
struct lease_row {
	const char *name, *holder, *shown;
	int64_t     token;
	bool        expired;
};
struct holding {
	struct hearth_texts names;
	struct hearth_ints  tokens;
	int64_t             lease_ms;
};
struct guarding {
	const char *name;
	int64_t     token;
};

static const struct hearth_field ASKING[] = { HEARTH_COLUMNS(struct asking, names, holder, shown, lease_ms, dead) };
static const struct hearth_field NAMES[] = { HEARTH_COLUMNS(struct asking, names) };
static const struct hearth_field TAKEN[] = { HEARTH_COLUMNS(struct lease_row, name, token) };
static const struct hearth_field HOLDER[] = { HEARTH_COLUMNS(struct lease_row, name, holder, shown, expired) };
static const struct hearth_field HOLDING[] = { HEARTH_COLUMNS(struct holding, names, tokens, lease_ms) };
static const struct hearth_field GIVING[] = { HEARTH_COLUMNS(struct holding, names, tokens) };
static const struct hearth_field GUARDING[] = { HEARTH_COLUMNS(struct guarding, name, token) };

/* In the order of names, so that two who ask for the same ones never wait for each other in a circle. */
static const struct hearth_statement TAKE = {
	.name = "lease.take",
	.sql = "INSERT INTO hearth_leases AS old (name, holder, shown, token, expires_at)"
	       " SELECT name, $2, $3, 1, clock_timestamp() + $4 * interval '1 ms' FROM unnest($1::text[]) AS name ORDER BY name"
	       " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, shown = excluded.shown, token = old.token + 1,"
	       " expires_at = excluded.expires_at WHERE old.expires_at < clock_timestamp() OR old.holder = ANY ($5::text[])"
	       " RETURNING name, token",
	.params = ASKING, .row = TAKEN, .row_size = sizeof(struct lease_row),
};
static const struct hearth_statement SELECT_HOLDERS = {
	.name = "lease.select_holders",
	.sql = "SELECT name, holder, shown, expires_at < clock_timestamp() FROM hearth_leases WHERE name = ANY ($1::text[])",
	.params = NAMES, .row = HOLDER, .row_size = sizeof(struct lease_row),
};
/* A renewal that a crash of the database takes back costs nothing: it need not reach the disk at once. */
static const struct hearth_statement RENEW = {
	.name = "lease.renew",
	.sql = "UPDATE hearth_leases AS l SET expires_at = clock_timestamp() + $3 * interval '1 ms'"
	       " FROM unnest($1::text[], $2::bigint[]) AS mine (name, token),"
	       " (SELECT set_config('synchronous_commit', 'off', true)) AS lazily"
	       " WHERE l.name = mine.name AND l.token = mine.token RETURNING l.name, l.token",
	.params = HOLDING, .row = TAKEN, .row_size = sizeof(struct lease_row),
};
static const struct hearth_statement GIVE_BACK = {
	.name = "lease.give_back",
	.sql = "UPDATE hearth_leases AS l SET expires_at = '-infinity'"
	       " FROM unnest($1::text[], $2::bigint[]) AS mine (name, token) WHERE l.name = mine.name AND l.token = mine.token",
	.params = GIVING,
};
static const struct hearth_statement GUARD = {
	.name = "lease.guard",
	.sql = "SELECT hearth_guard_lease($1, $2)",
	.params = GUARDING,
};

/* --- taking --- */

static struct hearth_lease *add_lease(const char *name, int64_t token, int64_t good_until_ms)
{
	struct hearth_lease *lease = calloc(1, sizeof(*lease) + strlen(name) + 1);

	hearth_assert(lease);
	memcpy(lease->name, name, strlen(name) + 1);
	lease->token = token;
	lease->good_until_ms = good_until_ms;
	lease->next = state.leases;
	state.leases = lease;
	return lease;
}

static struct hearth_texts missing_of(struct hearth_task *task, const char *const *names, size_t count,
				      struct hearth_lease *const *leases)
{
	const char **missing = hearth_arena_array_of(task_arena(task), const char *, count);
	struct hearth_texts texts = { .items = missing };

	for (size_t i = 0; i < count; i++)
		if (!leases[i])
			missing[texts.count++] = names[i];
	return texts;
}

/* Asks once for those names that have no lease yet; no name stands there twice. */
HEARTH_SUSPENDS static int take(struct hearth_task *task, const char *const *names, size_t count,
				const struct hearth_texts *dead, struct hearth_lease **leases, struct hearth_error *err)
{
	const struct asking asking = { .names = missing_of(task, names, count, leases), .dead = *dead,
				       .holder = state.holder, .shown = state.shown, .lease_ms = LEASE_MS };
	int64_t began_ms = loop_monotonic_ms();
	const struct lease_row *taken;
	struct hearth_rows rows;
	int r;

	r = db_service()->write(task, &TAKE, &asking, &rows, err);
	if (r < 0)
		return r;
	taken = rows.items;
	for (size_t i = 0; i < rows.count; i++)
		for (size_t j = 0; j < count; j++)
			if (!leases[j] && !strcmp(names[j], taken[i].name))
				leases[j] = add_lease(names[j], taken[i].token, began_ms + LEASE_MS);
	return 0;
}

struct holders {
	struct hearth_texts     dead;
	const struct lease_row *alive; /* one of them; NULL: none */
	size_t                  free;  /* how many could be had now */
};

/* Who has what was not to be had. */
HEARTH_SUSPENDS static int look(struct hearth_task *task, struct hearth_texts names, struct holders *ret_holders,
				struct hearth_error *err)
{
	const struct asking asking = { .names = names };
	const struct lease_row *found;
	struct hearth_rows rows;
	const char **dead;
	int r;

	r = db_service()->read(task, &SELECT_HOLDERS, &asking, &rows, err);
	if (r < 0)
		return r;
	found = rows.items;
	dead = hearth_arena_array_of(task_arena(task), const char *, rows.count);
	*ret_holders = (struct holders){ .dead.items = dead };
	for (size_t i = 0; i < rows.count; i++) {
		if (lease_holder_is_dead(found[i].holder))
			dead[ret_holders->dead.count++] = found[i].holder;
		else if (found[i].expired)
			ret_holders->free++;
		else
			ret_holders->alive = &found[i];
	}
	ret_holders->free += ret_holders->dead.count;
	return 0;
}

static void drop(struct hearth_lease *lease)
{
	struct hearth_lease **place = &state.leases;

	while (*place != lease)
		place = &(*place)->next;
	*place = lease->next;
	free(lease);
}

/* Takes what is free, what the dead hold at once, and the rest as it becomes free. */
HEARTH_SUSPENDS static int take_all(struct hearth_task *task, const char *const *names, size_t count, int64_t until_ms,
				    struct hearth_lease **leases, struct hearth_error *err)
{
	struct holders holders = { .free = 0 };
	struct hearth_texts missing;
	bool said = false;
	int r;

	for (;;) {
		r = take(task, names, count, &holders.dead, leases, err);
		missing = missing_of(task, names, count, leases);
		if (r < 0 || !missing.count)
			return r;
		r = look(task, missing, &holders, err);
		if (r < 0)
			return r;
		if (holders.free)
			continue;
		if (loop_monotonic_ms() >= until_ms)
			return hearth_fail(err, -EALREADY, "'%s' is the duty of %s",
					holders.alive ? holders.alive->name : missing.items[0],
					holders.alive ? holders.alive->shown : "another process");
		if (holders.alive && !said)
			log_info("lease", "waiting for '%s', which %s has", holders.alive->name, holders.alive->shown);
		said = true;
		r = task_service()->sleep(task, ASK_MS, err);
		if (r < 0)
			return r;
	}
}

HEARTH_SUSPENDS static int take_until(struct hearth_task *task, const char *const *names, size_t count, int64_t until_ms,
				      struct hearth_lease **ret_leases, struct hearth_error *err)
{
	int r;

	memset(ret_leases, 0, count * sizeof(*ret_leases));
	r = take_all(task, names, count, until_ms, ret_leases, err);
	for (size_t i = 0; r < 0 && i < count; i++)
		if (ret_leases[i])
			drop(ret_leases[i]);
	return r;
}

/* --- renewing and giving back --- */

static struct holding all_of(struct hearth_arena *arena)
{
	struct holding holding = { .lease_ms = LEASE_MS };
	size_t count = 0;
	const char **names;
	int64_t *tokens;

	for (const struct hearth_lease *lease = state.leases; lease; lease = lease->next)
		count++;
	names = hearth_arena_array_of(arena, const char *, count);
	tokens = hearth_arena_array_of(arena, int64_t, count);
	for (const struct hearth_lease *lease = state.leases; lease; lease = lease->next) {
		if (lease->lost)
			continue;
		names[holding.names.count] = hearth_arena_strdup(arena, lease->name);
		tokens[holding.names.count++] = lease->token;
	}
	holding.names.items = names;
	holding.tokens = (struct hearth_ints){ tokens, holding.names.count };
	return holding;
}

static struct hearth_lease *find(const char *name, int64_t token)
{
	struct hearth_lease *lease = state.leases;

	while (lease && (lease->token != token || strcmp(lease->name, name)))
		lease = lease->next;
	return lease;
}

static bool stands_among(const char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static bool stands_in(const struct hearth_rows *rows, const char *name)
{
	const struct lease_row *renewed = rows->items;

	for (size_t i = 0; i < rows->count; i++)
		if (!strcmp(renewed[i].name, name))
			return true;
	return false;
}

static void lose(struct hearth_lease *lease)
{
	log_error("lease", "lost '%s': another process has taken it over", lease->name);
	lease->lost = true;
	if (lease->on_lost)
		lease->on_lost(lease->argument);
}

HEARTH_SUSPENDS static void renew(struct hearth_task *task)
{
	const struct holding mine = all_of(task_arena(task));
	int64_t began_ms = loop_monotonic_ms();
	struct hearth_error err = { 0 };
	struct hearth_rows rows;

	if (!mine.names.count)
		return;
	/*
	 * As a read: those have a connection kept for them, whatever writers wait for. Where the database is away, nobody can
	 * take a lease over meanwhile, and the next turn comes soon.
	 */
	if (db_service()->read(task, &RENEW, &mine, &rows, &err) < 0) {
		log_debug("lease", "not renewed: %s", err.message);
		return;
	}
	for (size_t i = 0; i < mine.names.count; i++) {
		struct hearth_lease *lease = find(mine.names.items[i], mine.tokens.items[i]);

		if (!lease)
			continue;
		if (stands_in(&rows, lease->name))
			lease->good_until_ms = began_ms + LEASE_MS;
		else
			lose(lease);
	}
}

HEARTH_SUSPENDS static int give_back(struct hearth_task *task, const struct holding *holding, struct hearth_error *err)
{
	return holding->names.count ? db_service()->write(task, &GIVE_BACK, holding, NULL, err) : 0;
}

HEARTH_SUSPENDS static void give_one_back(struct hearth_task *task, void *argument)
{
	struct hearth_lease *lease = argument;
	const char *name = lease->name;
	const struct holding holding = { .names = { &name, 1 }, .tokens = { &lease->token, 1 } };
	struct hearth_error err = { 0 };

	if (give_back(task, &holding, &err) < 0)
		log_debug("lease", "'%s' is not given back and runs out: %s", name, err.message);
	free(lease);
}

static void release(struct hearth_lease **lease)
{
	struct hearth_lease **place = &state.leases, *given = *lease;
	struct hearth_error err = { 0 };

	*lease = NULL;
	if (!given)
		return;
	while (*place != given)
		place = &(*place)->next;
	*place = given->next;
	if (given->lost || task_spawn("host", "lease.give_back", give_one_back, given, NULL, &err) < 0)
		free(given);
}

/* --- waiting --- */

/* To the first who waits for it; where nobody does any more, back. */
static void hand_over(struct hearth_lease *lease)
{
	for (struct waiter *waiter = state.waiters; lease && waiter; waiter = waiter->next)
		if (!waiter->lease && !strcmp(waiter->name, lease->name)) {
			waiter->lease = lease;
			task_service()->wake_one(waiter->signal);
			return;
		}
	release(&lease);
}

/* Asks for all that tasks of this process wait for; one read a turn while others hold it. */
HEARTH_SUSPENDS static int serve_waiters(struct hearth_task *task, struct hearth_error *err)
{
	struct hearth_arena *arena = task_arena(task);
	struct holders holders;
	struct hearth_lease **leases;
	const char **names;
	size_t count = 0;
	int r;

	for (const struct waiter *waiter = state.waiters; waiter; waiter = waiter->next)
		count++;
	if (!count)
		return 0;
	names = hearth_arena_array_of(arena, const char *, count);
	leases = hearth_arena_array_of(arena, struct hearth_lease *, count);
	count = 0;
	for (const struct waiter *waiter = state.waiters; waiter; waiter = waiter->next)
		if (!stands_among(names, count, waiter->name))
			names[count++] = hearth_arena_strdup(arena, waiter->name);
	r = look(task, (struct hearth_texts){ names, count }, &holders, err);
	if (r >= 0 && holders.free)
		r = take(task, names, count, &holders.dead, leases, err);
	for (size_t i = 0; r >= 0 && i < count; i++)
		hand_over(leases[i]);
	return r;
}

HEARTH_SUSPENDS static void keep(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };

	(void)argument;
	task_set_deadline(task, 0);
	while (task_service()->sleep(task, RENEW_MS, &err) == 0) {
		renew(task);
		if (serve_waiters(task, &err) < 0)
			log_debug("lease", "not asked for: %s", err.message);
		hearth_error_clear(&err);
		hearth_arena_clear(task_arena(task));
	}
}

/* --- the service --- */

HEARTH_SUSPENDS static int wait_for(struct hearth_task *task, const char *name, int64_t timeout_ms,
				    struct hearth_lease **ret_lease, struct hearth_error *err)
{
	struct waiter waiter = { .name = name, .signal = task_service()->signal_new() };
	struct waiter **place = &state.waiters;
	int r;

	while (*place)
		place = &(*place)->next;
	*place = &waiter;
	r = task_service()->wait(task, waiter.signal, timeout_ms, err);
	for (place = &state.waiters; *place != &waiter; place = &(*place)->next)
		;
	*place = waiter.next;
	task_service()->signal_free(waiter.signal);
	*ret_lease = waiter.lease;
	return waiter.lease ? 0 : r < 0 ? r : -EAGAIN;
}

HEARTH_SUSPENDS static int acquire(struct hearth_task *task, const char *name, int64_t timeout_ms,
				   struct hearth_lease **ret_lease, struct hearth_error *err)
{
	struct hearth_error busy = { 0 }, waiting = { 0 };
	int r;

	hearth_assert(strlen(name) <= NAME_MAX_BYTES);
	r = take_until(task, &name, 1, loop_monotonic_ms(), ret_lease, &busy);
	if (r == -EALREADY && timeout_ms > 0) {
		r = wait_for(task, name, timeout_ms, ret_lease, &waiting);
		if (r == -ETIMEDOUT)
			busy.code = r; /* it still names the holder */
		else
			busy = waiting;
	}
	if (r < 0 && err && !err->code)
		*err = busy;
	return r;
}

static int guard(struct hearth_tx *tx, const struct hearth_lease *lease, struct hearth_error *err)
{
	const struct guarding guarding = { lease->name, lease->token };

	return db_service()->exec(tx, &GUARD, &guarding, err);
}

static int64_t token(const struct hearth_lease *lease)
{
	return lease->token;
}

static int held(const struct hearth_lease *lease)
{
	return !lease->lost && loop_monotonic_ms() < lease->good_until_ms;
}

static void on_lost(struct hearth_lease *lease, void (*fn)(void *argument), void *argument)
{
	lease->on_lost = fn;
	lease->argument = argument;
	if (lease->lost && fn)
		fn(argument);
}

static const struct hearth_leases SERVICE = {
	.base = { .size = sizeof(SERVICE), .major = HEARTH_LEASES_MAJOR, .minor = HEARTH_LEASES_MINOR, .id = HEARTH_LEASES_ID },
	.acquire = acquire, .guard = guard, .token = token, .held = held, .on_lost = on_lost, .release = release,
};

const struct hearth_leases *lease_service(void)
{
	return &SERVICE;
}

/* --- the host's own --- */

static const char *instance(void)
{
	const char *name = config_text(config_find(NULL, "worker_name"));

	return name ? name : "master";
}

int lease_take(struct hearth_task *task, const char *const *names, size_t count, struct hearth_lease **ret_leases,
	       struct hearth_error *err)
{
	/* One that was cut off has to run out first; a living one renews it meanwhile. */
	int r = take_until(task, names, count, loop_monotonic_ms() + LEASE_MS + ASK_MS, ret_leases, err);

	for (size_t i = 0; r >= 0 && i < count; i++)
		on_lost(ret_leases[i], state.on_lost, NULL);
	return r;
}

int lease_migrate(struct hearth_task *task, struct hearth_error *err)
{
	return db_migrate(task, "host", MIGRATIONS, err);
}

int lease_start(struct hearth_task *task, void (*on_lost_one)(void *argument), struct hearth_error *err)
{
	const char *name = hearth_arena_printf(task_arena(task), "instance.%s", instance());
	struct hearth_lease *lease;
	char host[64] = "";
	int r;

	(void)gethostname(host, sizeof(host) - 1);
	lease_holder_self(state.holder);
	snprintf(state.shown, sizeof(state.shown), "instance '%.40s' (process %ld on %s)", instance(), (long)getpid(), host);
	state.on_lost = on_lost_one;
	r = lease_migrate(task, err);
	if (r >= 0)
		r = lease_take(task, &name, 1, &lease, err);
	if (r == -EALREADY)
		return hearth_error_prefix(err, "another hearthd of this name serves this database (stop it, or name this one:"
						" worker_name)");
	return r < 0 ? r : task_spawn("host", "lease.renew", keep, NULL, NULL, err);
}

void lease_stop(struct hearth_task *task)
{
	const struct holding mine = all_of(task_arena(task));
	struct hearth_error err = { 0 };

	if (give_back(task, &mine, &err) < 0)
		log_debug("lease", "leases are not given back and run out: %s", err.message);
	for (struct hearth_lease *lease = state.leases; lease; lease = lease->next)
		lease->lost = true;
}

const char *lease_missing(void)
{
	for (const struct hearth_lease *lease = state.leases; lease; lease = lease->next)
		if (!held(lease))
			return lease->name;
	return NULL;
}

void lease_finish(void)
{
	while (state.leases)
		drop(state.leases);
}
