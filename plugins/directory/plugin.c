/* SPDX-License-Identifier: Apache-2.0 */
/* The directory plugin: descriptor, settings and lifecycle. */
#include "directory.h"

#include <stdlib.h>

static const struct hearth_need NEEDS[] = {
	HEARTH_NEED(HEARTH_TASK), HEARTH_NEED(HEARTH_HOOKS), HEARTH_NEED(HEARTH_ROOMS), HEARTH_NEED_OPTIONAL(HEARTH_ACCOUNTS),
	{ .id = NULL }
};

#define KEY(member, name, ...) HEARTH_CONFIG(struct directory_config, member, name, __VA_ARGS__)
static const struct hearth_field CONFIG[] = {
	KEY(searchable, "enable_room_list_search", .fallback = "true"),
	KEY(open, "allow_public_rooms_without_auth", .fallback = "false"),
	KEY(publication_rules, "room_list_publication_rules"),
	KEY(alias_rules, "alias_creation_rules"),
	HEARTH_FIELDS_END
};
static const struct hearth_field *const CONFIGS[] = { CONFIG, NULL };
static const struct hearth_endpoint *const ENDPOINTS[] = { LIST_ENDPOINTS, PUBLISH_ENDPOINTS, NULL };
static const struct hearth_hook HOOKS[] = {
	{ .id = HEARTH_HOOK_ROOM_MAY_PUBLISH, .fn = publish_may_publish },
	{ .id = HEARTH_HOOK_ROOM_MAY_CREATE_ALIAS, .fn = publish_may_create_alias },
	{ .id = NULL }
};

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct directory *directory = calloc(1, sizeof(*directory));
	int r;

	hearth_assert(directory);
	r = host->config(host, CONFIG, &directory->config, err);
	if (r >= 0)
		r = rules_check("room_list_publication_rules", directory->config.publication_rules, err);
	if (r >= 0)
		r = rules_check("alias_creation_rules", directory->config.alias_rules, err);
	if (r < 0) {
		free(directory);
		return r;
	}
	directory->host = host;
	directory->tasks = hearth_tasks(host);
	directory->hooks = hearth_hooks(host);
	directory->rooms = hearth_rooms(host);
	directory->server_name = host->info(host, HEARTH_INFO_SERVER_NAME);
	*ret_self = directory;
	return 0;
}

static int start(void *self, struct hearth_task *task, struct hearth_error *err)
{
	struct directory *directory = self;

	(void)task;
	(void)err;
	directory->accounts = hearth_accounts(directory->host);
	return 0;
}

static void stop(void *self)
{
	free(self);
}

HEARTH_PLUGIN(directory, .version = "1.0.0", .license = "Apache-2.0",
	      .summary = "The directory of published rooms",
	      .apps = "homeserver|generic_worker",
	      .needs = NEEDS, .endpoints = ENDPOINTS, .config = CONFIGS,
	      .hooks = HOOKS, .load = load, .start = start, .stop = stop);
