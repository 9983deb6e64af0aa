/* SPDX-License-Identifier: Apache-2.0 */
/* POST /upload: the file first, then the row that makes it known. */
#include "media.h"

#include <hearth/matrix/id.h>

struct upload_args {
	const char *filename, *content_type;
};
static const struct hearth_field UPLOAD_ARGS[] = {
	HEARTH_QUERY(struct upload_args, filename, "filename", .max = 1024),
	HEARTH_HEADER(struct upload_args, content_type, "Content-Type", .max = 255),
	HEARTH_FIELDS_END
};

struct upload {
	const char *media_id, *user_id, *media_type, *upload_name;
	int64_t     size_bytes, created_ms;
};
static const struct hearth_field UPLOAD[] = {
	HEARTH_COLUMNS(struct upload, media_id, user_id, media_type, upload_name, size_bytes, created_ms)
};
static const struct hearth_statement INSERT_UPLOAD = {
	.name = "media.insert_upload",
	.sql = "INSERT INTO media_uploads (media_id, user_id, media_type, upload_name, size_bytes, created_ms)"
	       " VALUES ($1, $2, $3, $4, $5, $6)",
	.params = UPLOAD,
};

HEARTH_SUSPENDS static int upload(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				  struct hearth_error *err)
{
	const struct upload_args *args = fields;
	const struct media *media = self;
	char media_id[MEDIA_ID_LENGTH + 1];
	struct upload row = {
		.media_id = media_id, .user_id = req->user->user_id, .upload_name = args->filename,
		.media_type = args->content_type && *args->content_type ? args->content_type : "application/octet-stream",
		.size_bytes = (int64_t)req->raw_body_length, .created_ms = media->tasks->now_ms(),
	};
	int r;

	if (row.size_bytes > media->config.upload_max_bytes)
		return hearth_refuse(err, 413, "M_TOO_LARGE", "uploads end at %lld bytes here",
				     (long long)media->config.upload_max_bytes);
	hearth_id_random(media_id, sizeof(media_id));
	r = media_file_write(media, task, media_id, req->raw_body, req->raw_body_length, err);
	if (r < 0)
		return r;
	r = media->db->write(task, &INSERT_UPLOAD, &row, NULL, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "content_uri",
			    hearth_arena_printf(req->arena, "mxc://%s/%s", media->server_name, media_id));
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint UPLOAD_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/media/v3/upload", .also = "r0 v1", .resource = HEARTH_RESOURCE_MEDIA,
	  .access = HEARTH_ACCESS_USER, .flags = HEARTH_ENDPOINT_RAW_BODY, .fields = UPLOAD_ARGS,
	  .args_size = sizeof(struct upload_args), .body_max_bytes = MEDIA_UPLOAD_MAX_BYTES, .handler = upload },
	HEARTH_ENDPOINTS_END
};
