/* SPDX-License-Identifier: Apache-2.0
 *
 * media.h - what the files of this plugin share.
 */
#ifndef MEDIA_MEDIA_H
#define MEDIA_MEDIA_H

#include <hearth/arena.h>
#include <hearth/db.h>
#include <hearth/http.h>
#include <hearth/log.h>
#include <hearth/plugin.h>

/* The most that an endpoint takes, whatever max_upload_size says: bodies are held in memory. */
#define MEDIA_UPLOAD_MAX_BYTES (100u << 20)
#define MEDIA_ID_LENGTH 24

struct media_config {
	const char *store_path;
	int64_t     upload_max_bytes;
};

struct media {
	const struct hearth_host  *host;
	const struct hearth_tasks *tasks;
	const struct hearth_db    *db;
	const struct hearth_http  *http;
	struct media_config        config;
	const char                *store_path; /* absolute, or where the server was started; owned */
	const char                *server_name;
};

/* --- files.c: local_content/ab/cd/rest below the store, as Synapse lays them out --- */
/* Writes a new file and its folders; on disk when it returns. media_id: MEDIA_ID_LENGTH letters and digits. */
HEARTH_SUSPENDS int media_file_write(const struct media *media, struct hearth_task *task, const char *media_id,
				     const void *bytes, size_t size_bytes, struct hearth_error *err);
/* Reads a whole file. ret_bytes: arena. -ENOENT: there is none; -EIO: it is not size_bytes long, or cannot be read. */
HEARTH_SUSPENDS int media_file_read(const struct media *media, struct hearth_task *task, const char *media_id,
				    size_t size_bytes, void **ret_bytes, struct hearth_error *err);

/* --- disposition.c: pure --- */
/*
 * The value of Content-Disposition: inline for types that cannot run code (spec client-server, "Serving inline
 * content"), else attachment; with the name, where there is one. arena.
 */
const char *media_disposition(struct hearth_arena *arena, const char *media_type, const char *name);

extern const struct hearth_endpoint UPLOAD_ENDPOINTS[], DOWNLOAD_ENDPOINTS[];

#endif
