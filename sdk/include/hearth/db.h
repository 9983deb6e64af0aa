/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/db.h - hearth.db/1: PostgreSQL. A statement is a named constant with typed parameters and row mapping.
 *
 *	struct token { const char *token; const char *user_id; int64_t expires_ms; };
 *
 *	static const struct hearth_field BY_TOKEN[] = { HEARTH_COLUMNS(struct token, token) };
 *	static const struct hearth_field TOKEN[] = { HEARTH_COLUMNS(struct token, user_id, expires_ms) };
 *	static const struct hearth_statement SELECT_TOKEN = {
 *		.name = "accounts.select_token",
 *		.sql = "SELECT user_id, expires_ms FROM access_tokens WHERE token = $1",
 *		.params = BY_TOKEN, .row = TOKEN, .row_size = sizeof(struct token),
 *	};
 *
 *	r = db->read(task, &SELECT_TOKEN, &(struct token){ .token = token }, &rows, err);
 *	const struct token *found = rows.count ? rows.items : NULL;
 *
 * Statements are prepared on first use and sent through libpq's pipeline mode. exec only queues: a transaction of any
 * number of exec calls costs one round trip, at commit. query waits for its rows.
 *
 * 1.0  first version
 */
#ifndef HEARTH_DB_H
#define HEARTH_DB_H

#include <hearth/task.h>

HEARTH_BEGIN_DECLS

#define HEARTH_DB_ID "hearth.db"
#define HEARTH_DB_MAJOR 1
#define HEARTH_DB_MINOR 0

struct hearth_tx;

struct hearth_statement {
	const char                *name;   /* "plugin.verb_subject": unique, also the metric's label */
	const char                *sql;    /* $1, $2 ... in the order of params; one statement */
	const struct hearth_field *params; /* members of the params struct; NULL: none */
	const struct hearth_field *row;    /* members of a row, in the order of the columns; NULL: no rows */
	size_t                     row_size;
};

/* Rows in the task's arena: an array of row_size structs. */
struct hearth_rows {
	const void *items;
	size_t      count;
	uint64_t    affected; /* rows that an INSERT, UPDATE or DELETE touched */
};

struct hearth_migration {
	uint32_t    number; /* 1, 2, ...; each runs once, in order, in a transaction of its own */
	const char *name;   /* "0001_media.sql" */
	const char *sql;    /* any number of statements */
};

/* Flags of begin and transact. */
#define HEARTH_TX_WRITE 0u
#define HEARTH_TX_READ_ONLY 1u
#define HEARTH_TX_REPEATABLE 2u   /* REPEATABLE READ; the default is READ COMMITTED */
#define HEARTH_TX_SERIALIZABLE 4u

/*
 * Errors everywhere: -EEXIST where a unique constraint is violated (message names it), -ENOENT a foreign key, -EAGAIN a
 * serialization failure or deadlock, -ETIMEDOUT a statement timeout, -EBUSY (503) where the
 * database is away or the connection was lost, -EPROTO
 * where the rows do not fit the declaration, -EIO the rest.
 */
struct hearth_db {
	struct hearth_service base;

	/*
	 * One statement outside any transaction, on a connection shared with other tasks. ret_rows may be NULL. A read
	 * that loses its connection is retried once.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*read)(struct hearth_task *task, const struct hearth_statement *statement, const void *params,
		    struct hearth_rows *ret_rows, struct hearth_error *err);
	/* As read, for a statement that changes something; never retried by itself. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*write)(struct hearth_task *task, const struct hearth_statement *statement, const void *params,
		     struct hearth_rows *ret_rows, struct hearth_error *err);

	/*
	 * Opens a transaction. A connection is taken when the first answer is needed: at the first query, or at commit.
	 * ret_tx: owned: commit or rollback; the host rolls back what is open when the task ends.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*begin)(struct hearth_task *task, uint32_t flags, struct hearth_tx **ret_tx, struct hearth_error *err);

	/*
	 * Queues a statement whose rows nobody needs. params are copied. Its failure surfaces at the next query or commit.
	 * Does not suspend.
	 */
	HEARTH_MUST_CHECK
	int (*exec)(struct hearth_tx *tx, const struct hearth_statement *statement, const void *params,
		    struct hearth_error *err);

	/* Sends all that is queued and this, and waits for its rows. ret_rows may be NULL. */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*query)(struct hearth_tx *tx, const struct hearth_statement *statement, const void *params,
		     struct hearth_rows *ret_rows, struct hearth_error *err);

	/*
	 * Sends all that is queued and COMMIT, and waits, which neither deadline nor cancellation ends. 0: it is on disk.
	 * Any error: nothing happened, save -EBUSY with "outcome unknown", where the connection was lost while the commit
	 * was under way. Sets *tx to NULL.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*commit)(struct hearth_tx **tx, struct hearth_error *err);

	/* Gives up. Does not suspend: the pool finishes the job. *tx may be NULL; becomes NULL. */
	void (*rollback)(struct hearth_tx **tx);

	/*
	 * Runs fn in a transaction and commits it, again from the start on -EAGAIN (5 times at most) and where the
	 * connection was lost before COMMIT was sent. fn changes nothing but the transaction and what argument points to.
	 */
	HEARTH_SUSPENDS HEARTH_MUST_CHECK
	int (*transact)(struct hearth_task *task, uint32_t flags,
			HEARTH_SUSPENDS int (*fn)(struct hearth_tx *tx, struct hearth_task *task, void *argument,
						  struct hearth_error *err),
			void *argument, struct hearth_error *err);

	/*
	 * Calls fn(argument, committed) once the transaction has ended either way, before commit returns. committed: 1, 0,
	 * or -1 where the connection was lost in the commit and its outcome is unknown. fn does not suspend. This is where
	 * caches are invalidated and streams advance.
	 */
	void (*on_end)(struct hearth_tx *tx, void (*fn)(void *argument, int committed), void *argument);

	/* The task that began the transaction. */
	struct hearth_task *(*tx_task)(struct hearth_tx *tx);

	/*
	 * Calls fn(argument, payload) for each NOTIFY on the channel, and with payload NULL after a lost connection was
	 * replaced, when some may have been missed. In load or start.
	 */
	int (*listen)(const struct hearth_host *host, const char *channel, void (*fn)(void *argument, const char *payload),
		      void *argument, struct hearth_error *err);
};

static inline const struct hearth_db *hearth_db(const struct hearth_host *host)
{
	return (const struct hearth_db *)host->service(host, HEARTH_DB_ID, HEARTH_DB_MAJOR, HEARTH_DB_MINOR);
}

HEARTH_END_DECLS
#endif
