/* SPDX-License-Identifier: Apache-2.0 */
/* The admin plugin: descriptor, settings and lifecycle. */
#include "admin.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct settings {
	const char *secret, *secret_path;
};
static const struct hearth_field CONFIG[] = {
	HEARTH_CONFIG(struct settings, secret, "registration_shared_secret", .secret = 1),
	HEARTH_CONFIG(struct settings, secret_path, "registration_shared_secret_path"), HEARTH_FIELDS_END
};
static const struct hearth_field *const CONFIGS[] = { CONFIG, NULL };

static void close_file(FILE **file)
{
	if (*file)
		fclose(*file);
}

static int read_secret(struct admin *admin, const char *path, struct hearth_error *err)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	const char *place = admin->host->config_place(admin->host, "registration_shared_secret_path");
	const char *full = path[0] == '/' ? path : hearth_arena_printf(arena, "%s/%s",
			   admin->host->info(admin->host, HEARTH_INFO_CONFIG_DIR), path);
	HEARTH_CLEANUP(close_file) FILE *file = fopen(full, "re");
	size_t length;

	if (!file)
		return hearth_fail(err, -errno, "%scannot read %s: %s", place, full, strerror(errno));
	length = fread(admin->secret, 1, sizeof(admin->secret) - 1, file);
	while (length > 0 && strchr(" \t\r\n", admin->secret[length - 1]))
		length--;
	admin->secret[length] = '\0';
	return length ? 0 : hearth_fail(err, -EINVAL, "%s%s is empty", place, full);
}

static int admin_load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct admin *admin = calloc(1, sizeof(*admin));
	struct settings settings = { 0 };
	int r;

	hearth_assert(admin);
	admin->host = host;
	admin->tasks = hearth_tasks(host);
	admin->keys = hearth_keys(host);
	admin->accounts = hearth_accounts(host);
	r = host->config(host, CONFIG, &settings, err);
	if (r == 0 && settings.secret && strlen(settings.secret) >= sizeof(admin->secret))
		r = hearth_fail(err, -EINVAL, "%sat most %zu bytes", host->config_place(host, "registration_shared_secret"),
				sizeof(admin->secret) - 1);
	if (r == 0 && settings.secret)
		memcpy(admin->secret, settings.secret, strlen(settings.secret) + 1);
	else if (r == 0 && settings.secret_path)
		r = read_secret(admin, settings.secret_path, err);
	if (r < 0) {
		free(admin);
		return r;
	}
	*ret_self = admin;
	return 0;
}

static void admin_stop(void *self)
{
	struct admin *admin = self;

	if (admin)
		explicit_bzero(admin->secret, sizeof(admin->secret));
	free(admin);
}

static const struct hearth_need NEEDS[] = {
	HEARTH_NEED(HEARTH_TASK), HEARTH_NEED(HEARTH_KEYS), HEARTH_NEED(HEARTH_ACCOUNTS), { .id = NULL }
};
static const struct hearth_endpoint *const ENDPOINTS[] = { ADMIN_REGISTER_ENDPOINTS, NULL };

HEARTH_PLUGIN(admin,
	.version = "1.0.0", .license = "Apache-2.0", .summary = "The administration API.",
	.apps = "homeserver|generic_worker",
	.needs = NEEDS, .endpoints = ENDPOINTS, .config = CONFIGS, .load = admin_load, .stop = admin_stop);
