/* SPDX-License-Identifier: Apache-2.0
 *
 * The ephemeral plugin: who is typing, and who has read how far.
 */
#include "ephemeral.h"

#include <errno.h>
#include <stdlib.h>

extern const struct hearth_migration ephemeral_migrations[];

static const struct hearth_need NEEDS[] = {
	HEARTH_NEED(HEARTH_TASK), HEARTH_NEED(HEARTH_DB), HEARTH_NEED(HEARTH_STREAMS), HEARTH_NEED(HEARTH_HOOKS),
	HEARTH_NEED(HEARTH_ACCOUNTS), HEARTH_NEED(HEARTH_ROOMS), { .id = NULL }
};

static const struct hearth_hook_point HOOK_POINTS[] = {
	{ .id = HEARTH_HOOK_RECEIPT_STORED, .chain = HEARTH_CHAIN_ALL, .failure = HEARTH_FAIL_CLOSED, .suspends = 1,
	  .about = "A local user's read receipt is stored; inside the transaction." },
	{ .id = NULL }
};

static const struct hearth_job JOBS[] = {
	{ .name = "ephemeral.forget_typing", .every_ms = 10 * 60 * 1000, .run = typing_forget_old, .everywhere = 1,
	  .about = "Forgets rooms in which nobody has typed for a while." },
	{ .name = NULL }
};

static const struct hearth_endpoint *const ENDPOINTS[] = { TYPING_ENDPOINTS, RECEIPT_ENDPOINTS, NULL };
static const struct hearth_stream *const STREAMS[] = { &TYPING_STREAM, &RECEIPTS_STREAM, NULL };

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct ephemeral *ephemeral = calloc(1, sizeof(*ephemeral));

	if (!ephemeral)
		return hearth_fail(err, -ENOMEM, "out of memory");
	ephemeral->host = host;
	ephemeral->tasks = hearth_tasks(host);
	ephemeral->db = hearth_db(host);
	ephemeral->hooks = hearth_hooks(host);
	ephemeral->streams = hearth_streams(host);
	ephemeral->accounts = hearth_accounts(host);
	ephemeral->rooms = hearth_rooms(host);
	ephemeral->typing = typing_new(ephemeral);
	*ret_self = ephemeral;
	return 0;
}

static int start(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct ephemeral *ephemeral = self;

	(void)task;
	(void)err;
	ephemeral->typing_stream = ephemeral->streams->find(ephemeral->host, "typing");
	ephemeral->receipts_stream = ephemeral->streams->find(ephemeral->host, "receipts");
	return 0;
}

static void stop(void *self)
{
	struct ephemeral *ephemeral = self;

	typing_free(ephemeral->typing);
	free(ephemeral);
}

HEARTH_PLUGIN(ephemeral,
	.version = "1.0.0", .license = "Apache-2.0", .summary = "Typing notifications and read receipts.",
	.apps = "homeserver|generic_worker",
	.needs = NEEDS, .endpoints = ENDPOINTS, .streams = STREAMS, .hook_points = HOOK_POINTS, .jobs = JOBS,
	.migrations = ephemeral_migrations, .load = load, .start = start, .stop = stop);
