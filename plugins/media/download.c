/* SPDX-License-Identifier: Apache-2.0 */
/* GET /download and /config. */
#include "media.h"

#include <string.h>

struct download_args {
	const char *server_name, *media_id, *file_name;
};
#define MEDIA_PATH \
	HEARTH_PATH(struct download_args, server_name, "serverName", .format = HEARTH_SERVER_NAME), \
	HEARTH_PATH(struct download_args, media_id, "mediaId", .max = 255)
static const struct hearth_field DOWNLOAD_ARGS[] = { MEDIA_PATH, HEARTH_FIELDS_END };
static const struct hearth_field NAMED_ARGS[] = {
	MEDIA_PATH, HEARTH_PATH(struct download_args, file_name, "fileName", .max = 1024), HEARTH_FIELDS_END
};

struct stored {
	const char *media_id, *media_type, *upload_name;
	int64_t     size_bytes;
};
static const struct hearth_field BY_ID[] = { HEARTH_COLUMNS(struct stored, media_id) };
static const struct hearth_field STORED[] = { HEARTH_COLUMNS(struct stored, media_id, media_type, upload_name, size_bytes) };
static const struct hearth_statement SELECT_UPLOAD = {
	.name = "media.select_upload",
	.sql = "SELECT media_id, media_type, upload_name, size_bytes FROM media_uploads WHERE media_id = $1",
	.params = BY_ID, .row = STORED, .row_size = sizeof(struct stored),
};

/* What a browser may do with strangers' bytes: show them, and nothing else (spec client-server, "Content repository"). */
static void add_headers(const struct media *media, struct hearth_request *req, const char *disposition)
{
	const struct hearth_http *http = media->http;

	http->add_header(req, "Content-Disposition", disposition);
	http->add_header(req, "Content-Security-Policy",
			 "sandbox; default-src 'none'; script-src 'none'; plugin-types application/pdf; "
			 "style-src 'unsafe-inline'; media-src 'self'; object-src 'self';");
	http->add_header(req, "Cross-Origin-Resource-Policy", "cross-origin");
	http->add_header(req, "X-Content-Type-Options", "nosniff");
	http->add_header(req, "Cache-Control", "private,immutable,max-age=86400");
}

HEARTH_SUSPENDS static int download(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				    struct hearth_error *err)
{
	const struct download_args *args = fields;
	const struct media *media = self;
	const struct stored *stored;
	struct hearth_rows rows;
	void *bytes;
	int r;

	if (strcmp(args->server_name, media->server_name) != 0)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "Media of other servers is not fetched yet");
	r = media->db->read(task, &SELECT_UPLOAD, &(struct stored){ .media_id = args->media_id }, &rows, err);
	if (r < 0)
		return r;
	if (!rows.count)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "There is no such media here");
	stored = rows.items;
	r = media_file_read(media, task, stored->media_id, (size_t)stored->size_bytes, &bytes, err);
	if (r < 0)
		return r;
	add_headers(media, req, media_disposition(req->arena, stored->media_type,
						  args->file_name ? args->file_name : stored->upload_name));
	media->http->respond(req, stored->media_type, bytes, (size_t)stored->size_bytes);
	return 0;
}

static int get_config(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
		      struct hearth_error *err)
{
	const struct media *media = self;

	(void)task;
	(void)fields;
	(void)err;
	hearth_write_object(req->out, NULL);
	hearth_write_int(req->out, "m.upload.size", media->config.upload_max_bytes);
	hearth_write_end(req->out);
	return 0;
}

#define DOWNLOAD "/_matrix/client/v1/media/download/{serverName}/{mediaId}"
const struct hearth_endpoint DOWNLOAD_ENDPOINTS[] = {
	{ .method = "GET", .path = DOWNLOAD, .resource = HEARTH_RESOURCE_MEDIA, .access = HEARTH_ACCESS_GUEST,
	  .fields = DOWNLOAD_ARGS, .args_size = sizeof(struct download_args), .handler = download },
	{ .method = "GET", .path = DOWNLOAD "/{fileName}", .resource = HEARTH_RESOURCE_MEDIA, .access = HEARTH_ACCESS_GUEST,
	  .fields = NAMED_ARGS, .args_size = sizeof(struct download_args), .handler = download },
	{ .method = "GET", .path = "/_matrix/client/v1/media/config", .resource = HEARTH_RESOURCE_MEDIA,
	  .access = HEARTH_ACCESS_GUEST, .handler = get_config },
	{ .method = "GET", .path = "/_matrix/media/v3/config", .also = "r0 v1", .resource = HEARTH_RESOURCE_MEDIA,
	  .access = HEARTH_ACCESS_GUEST, .handler = get_config },
	HEARTH_ENDPOINTS_END
};
