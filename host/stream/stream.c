/* SPDX-License-Identifier: Apache-2.0 */
/* Streams: what is declared, drawing ids, and the table that plugins get. */
#include "stream/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "db/db.h"
#include "lease/lease.h"
#include "loop/loop.h"
#include "metrics/metrics.h"
#include "stream/stream_internal.h"
#include "task/task.h"

#define IDS_MAX 100000 /* of one draw */
#define DRAWS_MAX 16

struct hearth_stream_ref {
	const char *plugin;
	const struct hearth_stream *declared;
	void *const *self;
	struct position position;
	struct hearth_lease *lease; /* of a stream with named writers: this process writes it */
};

/* One draw of one transaction; in the arena of its task. */
struct drawing {
	struct drawing *next;
	struct hearth_tx *tx;
	struct hearth_stream_ref *stream;
	struct draw *draw;
};

static struct {
	struct hearth_stream_ref **streams;
	size_t count;
	struct drawing *drawings; /* under way */
	struct hearth_metric *positions;
} state;

/* --- declaring and starting --- */

int stream_declare(const char *plugin, const struct hearth_stream *stream, void *const *self, struct hearth_error *err)
{
	struct hearth_stream_ref *ref;

	for (size_t i = 0; i < state.count; i++)
		if (!strcmp(state.streams[i]->declared->name, stream->name))
			return hearth_fail(err, -EEXIST, "plugin %s: the stream '%s' is declared by %s already", plugin,
					   stream->name, state.streams[i]->plugin);
	if (!stream->memory == !stream->sequence)
		return hearth_fail(err, -EINVAL, "plugin %s: the stream '%s' needs a sequence, or memory, and not both",
				   plugin, stream->name);
	ref = calloc(1, sizeof(*ref));
	state.streams = realloc(state.streams, (state.count + 1) * sizeof(*state.streams));
	hearth_assert(ref && state.streams);
	*ref = (struct hearth_stream_ref){ .plugin = plugin, .declared = stream, .self = self };
	/* Restarts must not go back: nobody advances a stream more often than once a ms for long. */
	ref->position.current = stream->memory ? loop_now_ms() : 0;
	state.streams[state.count++] = ref;
	if (!state.positions)
		state.positions = metrics_define("host", HEARTH_GAUGE, "stream_position",
						 "Everything up to here is finished.", "stream");
	return 0;
}

struct sequence {
	struct hearth_texts names;
	const char         *name;
	int64_t             last;
};

static const struct hearth_field SEQUENCES_PARAMS[] = { HEARTH_COLUMNS(struct sequence, names) };
static const struct hearth_field SEQUENCES_ROW[] = { HEARTH_COLUMNS(struct sequence, name, last) };
static const struct hearth_statement SELECT_SEQUENCES = {
	.name = "stream.select_sequences",
	.sql = "SELECT name, coalesce(s.last_value, s.start_value - s.increment_by)"
	       " FROM unnest($1) AS name"
	       " JOIN pg_class c ON c.oid = to_regclass(name)"
	       " JOIN pg_sequences s ON s.schemaname = c.relnamespace::regnamespace::text AND s.sequencename = c.relname",
	.params = SEQUENCES_PARAMS,
	.row = SEQUENCES_ROW,
	.row_size = sizeof(struct sequence),
};

static int take_position(struct hearth_stream_ref *ref, const struct hearth_rows *rows, struct hearth_error *err)
{
	const struct sequence *sequences = rows->items;

	for (size_t i = 0; i < rows->count; i++) {
		if (strcmp(sequences[i].name, ref->declared->sequence))
			continue;
		ref->position.current = sequences[i].last;
		ref->position.drawn = sequences[i].last;
		return 0;
	}
	return hearth_fail(err, -ENOENT, "plugin %s: the stream '%s' needs the sequence %s, which no migration has made",
			   ref->plugin, ref->declared->name, ref->declared->sequence);
}

/* Before positions are read: from then on nobody else moves them. */
HEARTH_SUSPENDS static int take_leases(struct hearth_task *task, struct hearth_error *err)
{
	const char **names = hearth_arena_array_of(task_arena(task), const char *, state.count);
	struct hearth_stream_ref **written = hearth_arena_array_of(task_arena(task), struct hearth_stream_ref *, state.count);
	struct hearth_lease **leases = hearth_arena_array_of(task_arena(task), struct hearth_lease *, state.count);
	size_t count = 0;
	int r = 0;

	for (size_t i = 0; i < state.count; i++)
		if (state.streams[i]->declared->writers && !state.streams[i]->declared->memory) {
			written[count] = state.streams[i];
			names[count++] = hearth_arena_printf(task_arena(task), "stream.%s", state.streams[i]->declared->name);
		}
	if (count)
		r = lease_take(task, names, count, leases, err);
	for (size_t i = 0; r >= 0 && i < count; i++)
		written[i]->lease = leases[i];
	return r;
}

HEARTH_SUSPENDS int stream_start(struct hearth_task *task, struct hearth_error *err)
{
	const char **names = hearth_arena_array_of(task_arena(task), const char *, state.count);
	struct hearth_rows rows = { 0 };
	size_t count = 0;
	int r;

	r = take_leases(task, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < state.count; i++)
		if (!state.streams[i]->declared->memory)
			names[count++] = state.streams[i]->declared->sequence;
	if (count)
		r = db_service()->read(task, &SELECT_SEQUENCES, &(struct sequence){ .names = { names, count } }, &rows, err);
	for (size_t i = 0; r == 0 && i < state.count; i++)
		if (!state.streams[i]->declared->memory)
			r = take_position(state.streams[i], &rows, err);
	return r;
}

void stream_finish(void)
{
	for (size_t i = 0; i < state.count; i++) {
		position_clear(&state.streams[i]->position);
		free(state.streams[i]);
	}
	free(state.streams);
	memset(&state, 0, sizeof(state));
	waiters_finish();
}

/* --- finding --- */

static const struct hearth_stream_ref *find(const struct hearth_host *host, const char *name)
{
	(void)host;
	for (size_t i = 0; i < state.count; i++)
		if (!strcmp(state.streams[i]->declared->name, name))
			return state.streams[i];
	return NULL;
}

static const struct hearth_stream_ref *at(size_t index)
{
	return index < state.count ? state.streams[index] : NULL;
}

static const struct hearth_stream *declaration(const struct hearth_stream_ref *stream, void **ret_self)
{
	if (ret_self)
		*ret_self = *stream->self;
	return stream->declared;
}

/* Callers hold streams as constant; the host made them. */
static struct hearth_stream_ref *own(const struct hearth_stream_ref *stream)
{
	return (struct hearth_stream_ref *)(uintptr_t)stream;
}

/* --- ids --- */

struct ids {
	const char *sequence;
	int64_t     count;
	int64_t     first, last;
};

static const struct hearth_field IDS_PARAMS[] = { HEARTH_COLUMNS(struct ids, sequence, count) };
static const struct hearth_field IDS_ROW[] = { HEARTH_COLUMNS(struct ids, first, last) };
static const struct hearth_field ID_PARAMS[] = { HEARTH_COLUMNS(struct ids, sequence) };
static const struct hearth_field ID_ROW[] = { HEARTH_COLUMNS(struct ids, first) };
static const struct hearth_statement NEXT_ID = {
	.name = "stream.next_id",
	.sql = "SELECT nextval($1::regclass)",
	.params = ID_PARAMS,
	.row = ID_ROW,
	.row_size = sizeof(struct ids),
};
static const struct hearth_statement NEXT_IDS = {
	.name = "stream.next_ids",
	.sql = "SELECT min(id), max(id) FROM (SELECT nextval($1::regclass) AS id FROM generate_series(1, $2)) AS ids",
	.params = IDS_PARAMS,
	.row = IDS_ROW,
	.row_size = sizeof(struct ids),
};

static void forget(struct drawing *drawing)
{
	struct drawing **place = &state.drawings;

	while (*place != drawing)
		place = &(*place)->next;
	*place = drawing->next;
}

static void end_drawing(void *argument, int committed)
{
	struct drawing *drawing = argument;

	forget(drawing);
	position_end(&drawing->stream->position, drawing->draw, committed);
	metrics_set(state.positions, drawing->stream->declared->name, (double)drawing->stream->position.current);
}

static struct drawing *begin_drawing(struct hearth_tx *tx, struct hearth_stream_ref *stream)
{
	struct hearth_task *task = db_service()->tx_task(tx);
	struct drawing *drawing = hearth_arena_new_of(task_arena(task), struct drawing);

	*drawing = (struct drawing){ .next = state.drawings, .tx = tx, .stream = stream };
	drawing->draw = position_begin(&stream->position);
	state.drawings = drawing;
	db_service()->on_end(tx, end_drawing, drawing);
	return drawing;
}

/* Another writer may draw in between; ids that do not follow each other are left unused. */
HEARTH_SUSPENDS static int draw_ids(struct hearth_tx *tx, const char *sequence, size_t count, int64_t *ret_first,
				    struct hearth_error *err)
{
	const struct ids wanted = { .sequence = sequence, .count = (int64_t)count };
	struct hearth_rows rows;
	const struct ids *drawn;
	int r;

	for (int attempts = 0; attempts < DRAWS_MAX; attempts++) {
		r = db_service()->query(tx, count == 1 ? &NEXT_ID : &NEXT_IDS, &wanted, &rows, err);
		if (r < 0)
			return r;
		drawn = rows.items;
		if (count == 1 || drawn->last - drawn->first + 1 == wanted.count) {
			*ret_first = drawn->first;
			return 0;
		}
	}
	return hearth_fail(err, -EAGAIN, "%zu ids in a row are not to be had from the sequence %s", count, sequence);
}

HEARTH_SUSPENDS static int next(struct hearth_tx *tx, const struct hearth_stream_ref *stream, size_t count,
				const struct hearth_news *news, int64_t *ret_first, struct hearth_error *err)
{
	struct drawing *drawing;
	int64_t first = 0;
	int r;

	hearth_assert(count > 0 && count <= IDS_MAX && !stream->declared->memory);
	drawing = begin_drawing(tx, own(stream));
	if (stream->lease) {
		r = lease_service()->guard(tx, stream->lease, err);
		if (r < 0)
			return r;
	}
	r = draw_ids(tx, stream->declared->sequence, count, &first, err);
	if (r < 0)
		return r;
	position_drawn(&drawing->stream->position, drawing->draw, first, count);
	position_add_news(drawing->draw, news);
	*ret_first = first;
	return 0;
}

static void news_at_commit(struct hearth_tx *tx, const struct hearth_stream_ref *stream, const struct hearth_news *news)
{
	for (struct drawing *drawing = state.drawings; drawing; drawing = drawing->next) {
		if (drawing->tx == tx && drawing->stream == stream) {
			position_add_news(drawing->draw, news);
			return;
		}
	}
	hearth_assert(!"news on a transaction that has drawn no ids of this stream");
}

static int64_t advance(const struct hearth_stream_ref *stream, const struct hearth_news *news)
{
	int64_t *current = &own(stream)->position.current;

	hearth_assert(stream->declared->memory);
	++*current;
	if (news)
		waiters_tell(news);
	return *current;
}

static int64_t position(const struct hearth_stream_ref *stream)
{
	return stream->position.current;
}

static const struct hearth_streams SERVICE = {
	.base = { .size = sizeof(SERVICE),
		  .major = HEARTH_STREAMS_MAJOR,
		  .minor = HEARTH_STREAMS_MINOR,
		  .id = HEARTH_STREAMS_ID },
	.find = find,
	.at = at,
	.declaration = declaration,
	.next = next,
	.news_at_commit = news_at_commit,
	.advance = advance,
	.position = position,
	.waiter_new = waiter_new,
	.waiter_free = waiter_free,
	.wait = waiter_wait,
};

const struct hearth_streams *stream_service(void)
{
	return &SERVICE;
}
