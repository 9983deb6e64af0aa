/* SPDX-License-Identifier: Apache-2.0 */
/* The media plugin: descriptor, settings and lifecycle. */
#include "media.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

extern const struct hearth_migration media_migrations[];

static const struct hearth_need NEEDS[] = {
	HEARTH_NEED(HEARTH_TASK), HEARTH_NEED(HEARTH_DB), HEARTH_NEED(HEARTH_HTTP), HEARTH_NEED(HEARTH_LOG), { .id = NULL }
};

static const struct hearth_field CONFIG[] = {
	HEARTH_CONFIG(struct media_config, store_path, "media_store_path", .fallback = "media_store"),
	HEARTH_CONFIG(struct media_config, upload_max_bytes, "max_upload_size", .format = HEARTH_SIZE, .min = 1,
		      .max = INT64_MAX, .fallback = "50M"),
	HEARTH_FIELDS_END
};
static const struct hearth_field *const CONFIGS[] = { CONFIG, NULL };
static const struct hearth_endpoint *const ENDPOINTS[] = { UPLOAD_ENDPOINTS, DOWNLOAD_ENDPOINTS, NULL };

static char *absolute(const struct hearth_host *host, const char *path)
{
	char *text = NULL;
	int length = *path == '/' ? asprintf(&text, "%s", path)
				  : asprintf(&text, "%s/%s", host->info(host, HEARTH_INFO_CONFIG_DIR), path);

	return length < 0 ? NULL : text;
}

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct media *media = calloc(1, sizeof(*media));
	int r;

	hearth_assert(media);
	r = host->config(host, CONFIG, &media->config, err);
	if (r < 0) {
		free(media);
		return r;
	}
	media->host = host;
	media->tasks = hearth_tasks(host);
	media->db = hearth_db(host);
	media->http = hearth_http(host);
	media->server_name = host->info(host, HEARTH_INFO_SERVER_NAME);
	media->store_path = absolute(host, media->config.store_path);
	hearth_assert(media->store_path);
	if (media->config.upload_max_bytes > MEDIA_UPLOAD_MAX_BYTES) {
		media->config.upload_max_bytes = MEDIA_UPLOAD_MAX_BYTES;
		hearth_log(host)->write(host, NULL, HEARTH_WARNING, "%suploads end at %u bytes in this version",
					host->config_place(host, "max_upload_size"), MEDIA_UPLOAD_MAX_BYTES);
	}
	*ret_self = media;
	return 0;
}

static void stop(void *self)
{
	struct media *media = self;

	free((char *)media->store_path);
	free(media);
}

HEARTH_PLUGIN(media, .version = "1.0.0", .license = "Apache-2.0", .summary = "What users upload, and its download.",
	      .apps = "homeserver|media_repository",
	      .needs = NEEDS, .endpoints = ENDPOINTS, .config = CONFIGS, .migrations = media_migrations, .load = load,
	      .stop = stop);
