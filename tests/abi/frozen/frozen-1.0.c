/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin as somebody wrote it for ABI 1.0: built with the headers of that day, loaded by the host of today. It touches
 * every kind of thing that a descriptor can hold. Never edited once 1.0 is released.
 */
#include <stdlib.h>

#include <hearth/json.h>
#include <hearth/log.h>
#include <hearth/metrics.h>
#include <hearth/plugin.h>

struct frozen {
	const struct hearth_db       *db;
	const struct hearth_log      *log;
	const struct hearth_tasks    *tasks;
	const struct hearth_metrics  *metrics;
	const struct hearth_streams  *streams;
	const struct hearth_http     *http;
	const struct hearth_host     *host;
	struct hearth_metric         *visits;
	const struct hearth_stream_ref *stream;
	const char                   *greeting;
};

static const struct hearth_field CONFIG[] = {
	HEARTH_CONFIG(struct frozen, greeting, "frozen_greeting", .fallback = "brr"),
	HEARTH_FIELDS_END
};
static const struct hearth_field *const CONFIGS[] = { CONFIG, NULL };

static const struct hearth_migration MIGRATIONS[] = {
	{ .number = 1, .name = "0001_frozen.sql",
	  .sql = "CREATE TABLE frozen_visits (name text PRIMARY KEY, times bigint NOT NULL); CREATE SEQUENCE frozen_id;" },
	{ .number = 0 }
};

static const struct hearth_stream STREAM = { .name = "frozen", .sequence = "frozen_id", .sync_slot = -1 };
static const struct hearth_stream *const STREAMS[] = { &STREAM, NULL };

struct visit {
	const char *name;
	int64_t     times;
};

static const struct hearth_field NAME[] = { HEARTH_COLUMNS(struct visit, name) };
static const struct hearth_field TIMES[] = { HEARTH_COLUMNS(struct visit, times) };
static const struct hearth_statement COUNT_VISIT = {
	.name = "frozen.count_visit",
	.sql = "INSERT INTO frozen_visits VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET times = frozen_visits.times + 1"
	       " RETURNING times",
	.params = NAME, .row = TIMES, .row_size = sizeof(struct visit),
};

struct counting {
	struct frozen *frozen;
	struct visit   visit;
};

HEARTH_SUSPENDS static int count(struct hearth_tx *tx, struct hearth_task *task, void *argument, struct hearth_error *err)
{
	struct counting *counting = argument;
	struct frozen *frozen = counting->frozen;
	struct hearth_rows rows;
	int64_t id;
	int r;

	(void)task;
	r = frozen->db->query(tx, &COUNT_VISIT, &counting->visit, &rows, err);
	if (r < 0)
		return r;
	counting->visit.times = ((const struct visit *)rows.items)->times;
	return frozen->streams->next(tx, frozen->stream, 1, &(struct hearth_news){ 0 }, &id, err);
}

struct visit_args {
	const char *name;
	int64_t     pause_ms;
	const char *mood;
};

static const struct hearth_field VISIT_ARGS[] = {
	HEARTH_PATH(struct visit_args, name, "name", .max = 100),
	HEARTH_QUERY(struct visit_args, pause_ms, "pause", .min = 1, .max = 100, .fallback = "1"),
	HEARTH_BODY(struct visit_args, mood, "mood", .required = 1, .choices = "good|bad"),
	HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int visit(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				 struct hearth_error *err)
{
	const struct visit_args *args = fields;
	struct frozen *frozen = self;
	struct counting counting = { frozen, { .name = args->name } };
	int r;

	r = frozen->tasks->sleep(task, args->pause_ms, err);
	if (r >= 0)
		r = frozen->db->transact(task, HEARTH_TX_WRITE, count, &counting, err);
	if (r < 0)
		return r;
	frozen->metrics->add(frozen->visits, args->mood, 1);
	frozen->log->write(frozen->host, task, HEARTH_INFO, "visited by %s", args->name);
	frozen->http->add_header(req, "X-Frozen", frozen->greeting);
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "greeting", hearth_arena_printf(req->arena, "%s, %s", frozen->greeting, args->name));
	hearth_write_int(req->out, "times", counting.visit.times);
	hearth_write_int(req->out, "position", frozen->streams->position(frozen->stream));
	hearth_write_end(req->out);
	return 0;
}

static const struct hearth_endpoint ENDPOINTS[] = {
	{ .method = "POST", .path = "/_synapse/client/frozen/{name}", .fields = VISIT_ARGS,
	  .args_size = sizeof(struct visit_args), .handler = visit, .about = "Counts a visit." },
	HEARTH_ENDPOINTS_END
};
static const struct hearth_endpoint *const TABLES[] = { ENDPOINTS, NULL };

static int may_create(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	const struct hearth_hook_room *room = subject;
	const char *name = hearth_json_get_string(room->config, "name");

	(void)self, (void)task;
	if (name && name[0] == 'x')
		return hearth_refuse(err, 403, "M_FORBIDDEN", "%s may not create %s", room->user_id, name);
	return HEARTH_HOOK_PASS;
}

static const struct hearth_hook HOOKS[] = { { HEARTH_HOOK_ROOM_MAY_CREATE, may_create }, { .id = NULL } };

static const struct hearth_need NEEDS[] = {
	HEARTH_NEED(HEARTH_DB), HEARTH_NEED(HEARTH_LOG), HEARTH_NEED(HEARTH_TASK), HEARTH_NEED(HEARTH_METRICS),
	HEARTH_NEED(HEARTH_STREAMS), HEARTH_NEED(HEARTH_HTTP), { .id = NULL }
};

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct frozen *frozen = calloc(1, sizeof(*frozen));

	hearth_assert(frozen);
	frozen->host = host;
	frozen->db = hearth_db(host);
	frozen->log = hearth_log(host);
	frozen->tasks = hearth_tasks(host);
	frozen->metrics = hearth_metrics(host);
	frozen->streams = hearth_streams(host);
	frozen->http = hearth_http(host);
	frozen->visits = frozen->metrics->define(host, HEARTH_COUNTER, "visits_total", "Visits.", "mood");
	*ret_self = frozen;
	return host->config(host, CONFIG, frozen, err);
}

HEARTH_SUSPENDS static int start(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct frozen *frozen = self;

	(void)task;
	frozen->stream = frozen->streams->find(frozen->host, "frozen");
	return frozen->stream ? 0 : hearth_fail(err, -1, "the stream is not there");
}

HEARTH_PLUGIN(frozen,
	.version = "1.0.0", .license = "Apache-2.0", .summary = "Counts visits.", .needs = NEEDS, .endpoints = TABLES,
	.streams = STREAMS, .hooks = HOOKS, .migrations = MIGRATIONS, .config = CONFIGS, .load = load, .start = start,
	.stop = free);
