/* SPDX-License-Identifier: Apache-2.0
 *
 * Guestbooks: whoever is logged in signs a user's book. The owner's /sync shows the entry at once, everybody can read the
 * book. One table, one stream, two endpoints, one metric.
 */
#include <stdlib.h>

#include <hearth/metrics.h>
#include <hearth/plugin.h>
#include <hearth/services/accounts.h>

#define SYNC_MAX 100 /* entries that one /sync shows; the next one shows more */

struct guestbook {
	const struct hearth_tasks      *tasks;
	const struct hearth_db         *db;
	const struct hearth_streams    *streams;
	const struct hearth_metrics    *metrics;
	const struct hearth_accounts   *accounts;
	const struct hearth_stream_ref *stream;
	struct hearth_metric           *signatures;
};

/* --- the table: an entry's id is its position in the stream --- */

struct entry {
	int64_t     id;
	const char *owner, *author, *body;
	int64_t     written_ms;
};
struct range {
	const char *owner;
	int64_t     after, upto, limit;
};
static const struct hearth_field ENTRY[] = { HEARTH_COLUMNS(struct entry, id, owner, author, body, written_ms) };
static const struct hearth_field RANGE[] = { HEARTH_COLUMNS(struct range, owner, after, upto, limit) };
static const struct hearth_statement INSERT_ENTRY = {
	.name = "guestbook.insert_entry",
	.sql = "INSERT INTO guestbook_entries (id, owner, author, body, written_ms) VALUES ($1, $2, $3, $4, $5)",
	.params = ENTRY,
};
static const struct hearth_statement SELECT_ENTRIES = {
	.name = "guestbook.select_entries",
	.sql = "SELECT id, owner, author, body, written_ms FROM guestbook_entries"
	       " WHERE owner = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT $4",
	.params = RANGE, .row = ENTRY, .row_size = sizeof(struct entry),
};

static void write_entries(struct hearth_writer *w, const char *key, const struct hearth_rows *rows)
{
	const struct entry *entries = rows->items;

	hearth_write_array(w, key);
	for (size_t i = 0; i < rows->count; i++) {
		hearth_write_object(w, NULL);
		hearth_write_int(w, "id", entries[i].id);
		hearth_write_string(w, "author", entries[i].author);
		hearth_write_string(w, "body", entries[i].body);
		hearth_write_int(w, "written_ms", entries[i].written_ms);
		hearth_write_end(w);
	}
	hearth_write_end(w);
}

/* --- the endpoints --- */

struct signing {
	struct guestbook *book;
	struct entry      entry;
};

/* The entry and its place in the stream, in one transaction, which runs again where the database asks for it. */
HEARTH_SUSPENDS static int sign_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
				      struct hearth_error *err)
{
	struct signing *signing = argument;
	struct guestbook *book = signing->book;
	const struct hearth_news news = { .users = &signing->entry.owner, .user_count = 1 };
	int r = book->streams->next(tx, book->stream, 1, &news, &signing->entry.id, err);

	(void)task;
	return r < 0 ? r : book->db->exec(tx, &INSERT_ENTRY, &signing->entry, err);
}

struct sign_args {
	const char *owner, *body;
};
static const struct hearth_field SIGN_ARGS[] = {
	HEARTH_PATH(struct sign_args, owner, "userId", .format = HEARTH_USER_ID),
	HEARTH_BODY(struct sign_args, body, "body", .required = 1, .min = 1, .max = 1000), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int sign(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	struct guestbook *book = self;
	const struct sign_args *args = fields;
	struct hearth_account owner = { .size = sizeof(owner) };
	struct signing signing = { .book = book, .entry = { .owner = args->owner, .author = req->user->user_id,
							    .body = args->body, .written_ms = book->tasks->now_ms() } };
	int r = book->accounts->account(book->accounts, task, args->owner, &owner, err);

	if (r == 0)
		r = book->db->transact(task, HEARTH_TX_WRITE, sign_in_tx, &signing, err);
	if (r < 0)
		return r;
	book->metrics->add(book->signatures, NULL, 1);
	hearth_write_object(req->out, NULL);
	hearth_write_int(req->out, "id", signing.entry.id);
	hearth_write_end(req->out);
	return 0;
}

static const struct hearth_field READ_ARGS[] = {
	HEARTH_PATH(struct range, owner, "userId", .format = HEARTH_USER_ID),
	HEARTH_QUERY(struct range, after, "after", .max = INT64_MAX, .about = "The last id that the reader knows."),
	HEARTH_QUERY(struct range, limit, "limit", .min = 1, .max = 100, .fallback = "20"), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int read_book(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				     struct hearth_error *err)
{
	struct guestbook *book = self;
	struct range range = *(const struct range *)fields;
	struct hearth_rows rows;
	int r;

	range.upto = book->streams->position(book->stream);
	r = book->db->read(task, &SELECT_ENTRIES, &range, &rows, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	write_entries(req->out, "entries", &rows);
	hearth_write_end(req->out);
	return 0;
}

static const struct hearth_endpoint ENDPOINTS[] = {
	{ .method = "POST", .path = "/_synapse/client/guestbook/{userId}", .access = HEARTH_ACCESS_USER, .limit = "rc_message",
	  .fields = SIGN_ARGS, .args_size = sizeof(struct sign_args), .handler = sign, .about = "Signs a user's guestbook." },
	{ .method = "GET", .path = "/_synapse/client/guestbook/{userId}", .access = HEARTH_ACCESS_NONE, .fields = READ_ARGS,
	  .args_size = sizeof(struct range), .handler = read_book, .about = "Reads a guestbook, oldest entry first." },
	HEARTH_ENDPOINTS_END
};

/* --- the stream: what /sync shows of it --- */

HEARTH_SUSPENDS static int add_to_sync(void *self, struct hearth_task *task, const struct hearth_sync_query *query,
				       struct hearth_sync_sink *sink, struct hearth_error *err)
{
	struct guestbook *book = self;
	const struct range range = { query->user_id, query->since, query->upto, SYNC_MAX };
	struct hearth_writer *w = hearth_writer_new(book->tasks->arena(task));
	struct hearth_rows rows;
	int r = book->db->read(task, &SELECT_ENTRIES, &range, &rows, err);

	if (r < 0 || rows.count == 0)
		return r;
	if (rows.count == SYNC_MAX)
		sink->reached = ((const struct entry *)rows.items)[SYNC_MAX - 1].id;
	write_entries(w, NULL, &rows);
	hearth_sync_add_member(sink, "com.example.guestbook", w);
	return 0;
}

static const struct hearth_stream STREAM = {
	.name = "guestbook", .sequence = "guestbook_positions", .sync_slot = HEARTH_SYNC_BY_NAME, .sync = add_to_sync,
	.about = "Entries of guestbooks.",
};

/* --- life cycle --- */

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct guestbook *book = calloc(1, sizeof(*book));

	(void)err;
	hearth_assert(book);
	book->tasks = hearth_tasks(host);
	book->db = hearth_db(host);
	book->streams = hearth_streams(host);
	book->metrics = hearth_metrics(host);
	book->accounts = hearth_accounts(host);
	book->signatures = book->metrics->define(host, HEARTH_COUNTER, "guestbook_signatures_total",
						 "Entries written into guestbooks.", NULL);
	book->stream = book->streams->find(host, "guestbook");
	*ret_self = book;
	return 0;
}

extern const struct hearth_migration guestbook_migrations[]; /* hearth_add_plugin() makes it of schema/ */

HEARTH_PLUGIN(guestbook,
	.version = "1.0.0", .license = "Apache-2.0", .summary = "Guestbooks of users.",
	.needs = HEARTH_NEEDS(HEARTH_TASK, HEARTH_DB, HEARTH_STREAMS, HEARTH_METRICS, HEARTH_ACCOUNTS),
	.endpoints = HEARTH_ENDPOINT_TABLES(ENDPOINTS), .streams = HEARTH_STREAM_LIST(&STREAM),
	.migrations = guestbook_migrations, .load = load, .stop = free);
