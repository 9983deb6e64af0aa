/* SPDX-License-Identifier: Apache-2.0
 *
 * The encryption plugin: device keys, one-time keys, cross-signing, key backup, to-device messages and device lists.
 */
#include "encryption.h"

#include <errno.h>
#include <stdlib.h>

extern const struct hearth_migration encryption_migrations[];

const struct hearth_field DEVICE_REF[] = { HEARTH_COLUMNS(struct device_ref, user_id, device_id) };

static const struct hearth_need NEEDS[] = {
	HEARTH_NEED(HEARTH_TASK), HEARTH_NEED(HEARTH_DB), HEARTH_NEED(HEARTH_STREAMS), HEARTH_NEED(HEARTH_ACCOUNTS),
	HEARTH_NEED(HEARTH_ROOMS), { .id = NULL }
};

static const struct hearth_endpoint *const ENDPOINTS[] = {
	KEYS_UPLOAD_ENDPOINTS, KEYS_QUERY_ENDPOINTS, KEYS_CLAIM_ENDPOINTS, CROSS_SIGNING_ENDPOINTS, SIGNATURE_ENDPOINTS,
	TO_DEVICE_ENDPOINTS, BACKUP_ENDPOINTS, BACKUP_KEY_ENDPOINTS, NULL
};

static const struct hearth_stream *const STREAMS[] = {
	&DEVICE_LISTS_STREAM, &TO_DEVICE_STREAM, &KEY_COUNTS_STREAM, NULL
};

static const struct hearth_hook HOOKS[] = {
	{ .id = HEARTH_HOOK_DEVICE_CHANGED, .fn = device_lists_on_change },
	{ .id = NULL }
};

static const struct hearth_job JOBS[] = {
	{ .name = "encryption.forget_txns", .every_ms = 60 * 60 * 1000, .run = to_device_forget_txns,
	  .about = "Forgets the transaction ids of to-device messages after a day." },
	{ .name = NULL }
};

int encryption_check_device(const struct hearth_request *req, struct hearth_error *err)
{
	if (req->user->device_id)
		return 0;
	return hearth_refuse(err, 400, "M_INVALID_PARAM", "this access token belongs to no device");
}

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct encryption *encryption = calloc(1, sizeof(*encryption));

	if (!encryption)
		return hearth_fail(err, -ENOMEM, "out of memory");
	encryption->host = host;
	encryption->tasks = hearth_tasks(host);
	encryption->db = hearth_db(host);
	encryption->streams = hearth_streams(host);
	encryption->accounts = hearth_accounts(host);
	encryption->rooms = hearth_rooms(host);
	encryption->server_name = host->info(host, HEARTH_INFO_SERVER_NAME);
	*ret_self = encryption;
	return 0;
}

static int start(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct encryption *encryption = self;

	(void)task;
	(void)err;
	encryption->device_lists = encryption->streams->find(encryption->host, "device_lists");
	encryption->to_device = encryption->streams->find(encryption->host, "to_device");
	return 0;
}

HEARTH_PLUGIN(encryption,
	.version = "1.0.0", .license = "Apache-2.0",
	.summary = "End-to-end encryption: keys, cross-signing, backup, to-device messages.",
	.apps = "homeserver|generic_worker",
	.needs = NEEDS, .endpoints = ENDPOINTS, .streams = STREAMS, .hooks = HOOKS, .jobs = JOBS,
	.migrations = encryption_migrations, .load = load, .start = start, .stop = free);
