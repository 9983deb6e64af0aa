/* SPDX-License-Identifier: Apache-2.0 */
/* The descriptor and lifecycle of the rooms plugin. */
#include "api.h"
#include "persist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

extern const struct hearth_migration rooms_migrations[];

struct secret_row {
	struct hearth_bytes hash_key;
};
static const struct hearth_field SECRET_ROW[] = { HEARTH_COLUMNS(struct secret_row, hash_key) };
static const struct hearth_statement SELECT_SECRET = {
	.name = "rooms.select_secret",
	.sql = "SELECT hash_key FROM rooms_secret",
	.row = SECRET_ROW, .row_size = sizeof(struct secret_row),
};

static const struct hearth_need NEEDS[] = {
	HEARTH_NEED(HEARTH_DB), HEARTH_NEED(HEARTH_TASK), HEARTH_NEED(HEARTH_STREAMS), HEARTH_NEED(HEARTH_HOOKS),
	HEARTH_NEED(HEARTH_LIMITS), HEARTH_NEED(HEARTH_KEYS), HEARTH_NEED(HEARTH_LOG), HEARTH_NEED(HEARTH_METRICS),
	HEARTH_NEED_OPTIONAL(HEARTH_ACCOUNTS), { .id = NULL }
};
static const struct hearth_offer OFFERS[] = { HEARTH_OFFER(HEARTH_ROOMS), { .id = NULL } };
static const struct hearth_stream EVENTS = {
	.name = "events", .sequence = "events_stream_seq", .writers = "events", .sync_slot = 0,
	.about = "Every event as it is stored; hearth.rooms reads it",
};
static const struct hearth_stream BACKFILL = {
	.name = "backfill", .sequence = "events_backfill_seq", .writers = "events", .sync_slot = HEARTH_SYNC_LAST,
	.about = "History that was fetched later; orderings are the negative of its ids",
};
static const struct hearth_stream *const STREAMS[] = { &EVENTS, &BACKFILL, NULL };
static const struct hearth_hook_point HOOK_POINTS[] = {
	{ HEARTH_HOOK_ROOM_MAY_CREATE, HEARTH_CHAIN_FIRST, HEARTH_FAIL_OPEN, 1, 0, "A user asks for a new room" },
	{ HEARTH_HOOK_ROOM_MAY_JOIN, HEARTH_CHAIN_FIRST, HEARTH_FAIL_OPEN, 1, 0, "A user asks to join" },
	{ HEARTH_HOOK_ROOM_MAY_INVITE, HEARTH_CHAIN_FIRST, HEARTH_FAIL_OPEN, 1, 0, "A user invites another one" },
	{ HEARTH_HOOK_ROOM_MAY_CREATE_ALIAS, HEARTH_CHAIN_FIRST, HEARTH_FAIL_OPEN, 1, 0, "A user names a room" },
	{ HEARTH_HOOK_ROOM_MAY_PUBLISH, HEARTH_CHAIN_FIRST, HEARTH_FAIL_OPEN, 1, 0, "A user lists a room in the directory" },
	{ HEARTH_HOOK_ROOM_ON_FOLLOWED, HEARTH_CHAIN_ALL, HEARTH_FAIL_OPEN, 1, 0, "A user comes into a room's replacement" },
	{ HEARTH_HOOK_EVENT_CHECK_SPAM, HEARTH_CHAIN_FIRST, HEARTH_FAIL_OPEN, 1, 0, "Keeps a local user's event out" },
	{ HEARTH_HOOK_EVENT_CHECK_ALLOWED, HEARTH_CHAIN_FIRST, HEARTH_FAIL_CLOSED, 1, 0, "Refuses an event, or changes it" },
	{ HEARTH_HOOK_EVENT_PERSISTING, HEARTH_CHAIN_ALL, HEARTH_FAIL_CLOSED, 1, 0, "Stores more in the same transaction" },
	{ HEARTH_HOOK_EVENT_ON_PERSISTED, HEARTH_CHAIN_ALL, HEARTH_FAIL_OPEN, 1, 0, "After an event is on disk" },
	{ .id = NULL }
};

static const struct hearth_field CONFIG[] = {
	HEARTH_CONFIG(struct rooms, default_version, "default_room_version", .fallback = "11"),
	HEARTH_CONFIG(struct rooms, forget_on_leave, "forget_rooms_on_leave", .fallback = "false"),
	HEARTH_CONFIG(struct rooms, members_name, "require_membership_for_aliases", .fallback = "true"),
	HEARTH_CONFIG(struct rooms, encrypted_presets, "encryption_enabled_by_default_for_room_type", .fallback = "off",
		      .choices = "all|invite|off"),
	HEARTH_CONFIG(struct rooms, preset_levels, "default_power_level_content_override"),
	HEARTH_CONFIG(struct rooms, admin_redaction, "rc_admin_redaction"),
	HEARTH_CONFIG(struct rooms, invites_at_once, "rc_invites.per_room.burst_count", .fallback = "10"), HEARTH_FIELDS_END
};
static const struct hearth_field *const CONFIGS[] = { CONFIG, NULL };
static const struct hearth_endpoint *const ENDPOINTS[] = {
	CREATE_ENDPOINTS, MEMBERSHIP_ENDPOINTS, SEND_ENDPOINTS, STATE_ENDPOINTS, HISTORY_ENDPOINTS,
	ALIAS_ENDPOINTS, RELATION_ENDPOINTS, UPGRADE_ENDPOINTS, THREAD_ENDPOINTS, NULL
};

static const struct hearth_hook HOOKS[] = {
	{ .id = HEARTH_HOOK_PROFILE_CHANGED, .fn = rooms_on_profile }, { .id = NULL }
};

static void define_metrics(struct rooms *r)
{
	const struct hearth_metrics *m = r->metrics;

	r->metric.group_size = m->define(r->host, HEARTH_GAUGE, "persist_group_size", "Batches of the latest group", NULL);
	r->metric.groups = m->define(r->host, HEARTH_COUNTER, "persist_groups_total", "Transactions of the persister", NULL);
	r->metric.events = m->define(r->host, HEARTH_COUNTER, "persisted_events_total", "Events stored", NULL);
	r->metric.lane_wait = m->define(r->host, HEARTH_HISTOGRAM, "persist_wait_seconds", "Queued until taken", NULL);
	r->metric.persist = m->define(r->host, HEARTH_HISTOGRAM, "persist_seconds", "Taken until committed", NULL);
	r->metric.cache = m->define(r->host, HEARTH_COUNTER, "rooms_cache_total", "Look-ups in the store's caches", "result");
}

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct rooms *r = calloc(1, sizeof(*r));
	int rc;

	hearth_assert(r);
	rc = host->config(host, CONFIG, r, err);
	if (rc < 0) {
		free(r);
		return rc;
	}
	r->host = host;
	r->db = hearth_db(host);
	r->tasks = hearth_tasks(host);
	r->streams = hearth_streams(host);
	r->hooks = hearth_hooks(host);
	r->limits = hearth_limits(host);
	r->keys = hearth_keys(host);
	r->log = hearth_log(host);
	r->metrics = hearth_metrics(host);
	r->server_name = host->info(host, HEARTH_INFO_SERVER_NAME);
	define_metrics(r);
	rooms_caches_new(r);
	rooms_lanes_new(r);
	rooms_service_init(r);
	*ret_self = r;
	return host->offer(host, &r->service.base, err);
}

HEARTH_SUSPENDS static int start(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct rooms *r = self;
	const struct secret_row *secret;
	struct hearth_rows rows;
	int rc = r->db->read(task, &SELECT_SECRET, NULL, &rows, err);

	if (rc < 0)
		return rc;
	secret = rows.items;
	if (rows.count != 1 || secret->hash_key.size != sizeof(r->hash_key))
		return hearth_fail(err, -EIO, "table rooms_secret does not hold one key of %zu bytes", sizeof(r->hash_key));
	memcpy(r->hash_key, secret->hash_key.data, sizeof(r->hash_key));
	r->accounts = hearth_accounts(r->host);
	r->events_stream = r->streams->find(r->host, EVENTS.name);
	r->backfill_stream = r->streams->find(r->host, BACKFILL.name);
	return 0;
}

static void stop(void *self)
{
	struct rooms *r = self;

	rooms_lanes_free(r);
	rooms_caches_free(r);
	free(r);
}

HEARTH_PLUGIN(rooms, .version = "1.0.0", .license = "Apache-2.0",
	      .summary = "The event store, room state, and sending events",
	      .apps = "homeserver|generic_worker", .needs = NEEDS, .offers = OFFERS,
	      .endpoints = ENDPOINTS, .config = CONFIGS, .hooks = HOOKS,
	      .streams = STREAMS, .hook_points = HOOK_POINTS, .migrations = rooms_migrations, .load = load, .start = start,
	      .stop = stop);
