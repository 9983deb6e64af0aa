/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /keys/changes: what /sync would say of device lists between two of its tokens. It is served here because the
 * tokens are this plugin's; the answer is the device_lists stream's own.
 */
#include "sync.h"

#include <string.h>

struct changes_args {
	const char *from, *to;
};

static const struct hearth_field CHANGES_ARGS[] = {
	HEARTH_QUERY(struct changes_args, from, "from", .required = 1, .max = 4096),
	HEARTH_QUERY(struct changes_args, to, "to", .required = 1, .max = 4096),
	HEARTH_FIELDS_END
};

static const struct sync_item *device_lists(const struct sync_build *build)
{
	for (const struct sync_item *item = build->items.first; item; item = item->next)
		if (item->section == HEARTH_SYNC_TOP && !strcmp(item->key, "device_lists"))
			return item;
	return NULL;
}

HEARTH_SUSPENDS static int get_changes(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	const struct changes_args *args = fields;
	struct sync *sync = self;
	struct sync_build build = { .sync = sync, .task = task, .arena = req->arena, .user_id = req->user->user_id,
				    .device_id = req->user->device_id, .filter = hearth_filter_all() };
	const struct sync_item *item;
	int64_t *since;
	int r;

	build.items.end = &build.items.first;
	r = sync_token_parse(sync, req->arena, args->from, &since, err);
	if (r >= 0)
		r = sync_token_parse(sync, req->arena, args->to, &build.upto, err);
	if (r < 0)
		return r;
	build.since = since;
	r = sync->rooms->memberships(sync->rooms, task, build.user_id, sync_events_upto(&build), &build.memberships,
				     &build.membership_count, err);
	if (r >= 0)
		r = sync_choose_rooms(&build, err);
	if (r >= 0)
		r = sync_collect_one(&build, "device_lists", err);
	if (r < 0)
		return r;
	item = device_lists(&build);
	hearth_write_object(req->out, NULL);
	if (item) {
		hearth_write_members(req->out, item->json, item->length);
	} else {
		hearth_write_array(req->out, "changed");
		hearth_write_end(req->out);
		hearth_write_array(req->out, "left");
		hearth_write_end(req->out);
	}
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint CHANGES_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v3/keys/changes", .also = "r0 unstable", .access = HEARTH_ACCESS_GUEST,
	  .fields = CHANGES_ARGS, .args_size = sizeof(struct changes_args), .handler = get_changes },
	HEARTH_ENDPOINTS_END
};
