/* SPDX-License-Identifier: Apache-2.0
 *
 * The versions of a user's key backup (spec client-server, "Server-side key backups").
 */
#include "backup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct hearth_field BACKUP_REF[] = { HEARTH_COLUMNS(struct backup_ref, user_id, version) };

static const struct hearth_field VERSION[] = {
	HEARTH_COLUMNS(struct backup_version, version, etag, count, algorithm, auth_data)
};

static const struct hearth_statement SELECT_VERSION = {
	.name = "encryption.select_backup_version",
	.sql = "SELECT version, etag, (SELECT count(*) FROM backup_keys k WHERE k.user_id = v.user_id AND k.version ="
			" v.version),"
	       " algorithm, auth_data FROM backup_versions v WHERE user_id = $1 AND NOT deleted AND ($2 = 0 OR version = $2)"
	       " ORDER BY version DESC LIMIT 1",
	.params = BACKUP_REF, .row = VERSION, .row_size = sizeof(struct backup_version),
};

struct new_version {
	const char               *user_id, *algorithm;
	const struct hearth_json *auth_data;
	int64_t                   version;
};

static const struct hearth_field NEW_VERSION[] = { HEARTH_COLUMNS(struct new_version, user_id, algorithm, auth_data) };

static const struct hearth_field VERSION_NUMBER[] = { HEARTH_COLUMNS(struct new_version, version) };

/* Deleted versions keep their row, so that no number is given twice. */
static const struct hearth_statement INSERT_VERSION = {
	.name = "encryption.insert_backup_version",
	.sql = "INSERT INTO backup_versions (user_id, version, algorithm, auth_data)"
	       " SELECT $1, coalesce(max(version), 0) + 1, $2, $3 FROM backup_versions WHERE user_id = $1 RETURNING version",
	.params = NEW_VERSION, .row = VERSION_NUMBER, .row_size = sizeof(struct new_version),
};

static const struct hearth_field CHANGED_VERSION[] = {
	HEARTH_COLUMNS(struct new_version, user_id, version, auth_data)
};

static const struct hearth_statement UPDATE_VERSION = {
	.name = "encryption.update_backup_version",
	.sql = "UPDATE backup_versions SET auth_data = $3 WHERE user_id = $1 AND version = $2 AND NOT deleted",
	.params = CHANGED_VERSION,
};

static const struct hearth_statement DELETE_VERSION = {
	.name = "encryption.delete_backup_version",
	.sql = "WITH keys AS (DELETE FROM backup_keys WHERE user_id = $1 AND version = $2)"
	       " UPDATE backup_versions SET deleted = true, auth_data = '{}' WHERE user_id = $1 AND version = $2 AND"
	       		" NOT deleted",
	.params = BACKUP_REF,
};

int backup_read_version(const char *text, int64_t *ret_version, struct hearth_error *err)
{
	char *end;
	long long version;

	errno = 0;
	version = strtoll(text, &end, 10);
	if (errno || *end || end == text || version < 1)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "there is no backup version '%.40s'", text);
	*ret_version = version;
	return 0;
}

int backup_find(struct encryption *encryption, struct hearth_task *task, const char *user_id, int64_t version,
		const struct backup_version **ret_version, struct hearth_error *err)
{
	struct hearth_rows rows;
	int r;

	r = encryption->db->read(task, &SELECT_VERSION, &(struct backup_ref){ user_id, version }, &rows, err);
	if (r < 0)
		return r;
	if (!rows.count)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "there is no such backup version");
	*ret_version = rows.items;
	return 0;
}

struct create_args {
	const char               *algorithm;
	const struct hearth_json *auth_data;
};

static const struct hearth_field CREATE_ARGS[] = {
	HEARTH_BODY(struct create_args, algorithm, "algorithm", .required = 1, .min = 1, .max = 255),
	HEARTH_BODY(struct create_args, auth_data, "auth_data", .required = 1, .shape = HEARTH_AN_OBJECT),
	HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int post_version(void *self, struct hearth_task *task, struct hearth_request *req,
					const void *fields, struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct create_args *args = fields;
	struct new_version params = { req->user->user_id, args->algorithm, args->auth_data, 0 };
	struct hearth_rows rows;
	char text[24];
	int r;

	r = encryption->db->write(task, &INSERT_VERSION, &params, &rows, err);
	if (r == -EEXIST)
		return hearth_refuse(err, 429, "M_LIMIT_EXCEEDED", "another backup was created at the same moment; try again");
	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "%" PRId64, ((const struct new_version *)rows.items)->version);
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "version", text);
	hearth_write_end(req->out);
	return 0;
}

static void write_version(struct hearth_writer *w, const struct backup_version *version)
{
	char number[24], etag[24];

	snprintf(number, sizeof(number), "%" PRId64, version->version);
	snprintf(etag, sizeof(etag), "%" PRId64, version->etag);
	hearth_write_object(w, NULL);
	hearth_write_string(w, "algorithm", version->algorithm);
	hearth_write_json(w, "auth_data", version->auth_data);
	hearth_write_int(w, "count", version->count);
	hearth_write_string(w, "etag", etag);
	hearth_write_string(w, "version", number);
	hearth_write_end(w);
}

struct version_args {
	const char               *version;
	const char               *algorithm, *body_version;
	const struct hearth_json *auth_data;
};

static const struct hearth_field GET_ARGS[] = {
	HEARTH_PATH(struct version_args, version, "version"), HEARTH_FIELDS_END
};

static const struct hearth_field PUT_ARGS[] = {
	HEARTH_PATH(struct version_args, version, "version"),
	HEARTH_BODY(struct version_args, algorithm, "algorithm", .required = 1, .min = 1, .max = 255),
	HEARTH_BODY(struct version_args, auth_data, "auth_data", .required = 1, .shape = HEARTH_AN_OBJECT),
	HEARTH_BODY(struct version_args, body_version, "version"),
	HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int get_version(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	const struct version_args *args = fields;
	const struct backup_version *version;
	int64_t number = 0;
	int r = 0;

	if (args->version)
		r = backup_read_version(args->version, &number, err);
	if (r >= 0)
		r = backup_find(self, task, req->user->user_id, number, &version, err);
	if (r < 0)
		return r;
	write_version(req->out, version);
	return 0;
}

HEARTH_SUSPENDS static int put_version(void *self, struct hearth_task *task, struct hearth_request *req,
				       const void *fields, struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct version_args *args = fields;
	struct new_version params = { .user_id = req->user->user_id, .auth_data = args->auth_data };
	const struct backup_version *version;
	int r;

	r = backup_read_version(args->version, &params.version, err);
	if (r >= 0)
		r = backup_find(encryption, task, params.user_id, params.version, &version, err);
	if (r < 0)
		return r;
	if (args->body_version && strcmp(args->body_version, args->version))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "version: the path says %.40s", args->version);
	if (strcmp(args->algorithm, version->algorithm))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "algorithm: this backup's is %.80s", version->algorithm);
	return encryption->db->write(task, &UPDATE_VERSION, &params, NULL, err);
}

HEARTH_SUSPENDS static int delete_version(void *self, struct hearth_task *task, struct hearth_request *req,
					  const void *fields, struct hearth_error *err)
{
	struct encryption *encryption = self;
	const struct version_args *args = fields;
	struct backup_ref params = { .user_id = req->user->user_id };
	struct hearth_rows rows;
	int r;

	r = backup_read_version(args->version, &params.version, err);
	if (r >= 0)
		r = encryption->db->write(task, &DELETE_VERSION, &params, &rows, err);
	if (r >= 0 && !rows.affected)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "there is no such backup version");
	return r;
}

#define ROOM_KEYS(suffix_) .path = "/_matrix/client/v3/room_keys" suffix_, .also = "r0 unstable", .access = HEARTH_ACCESS_USER

const struct hearth_endpoint BACKUP_ENDPOINTS[] = {
	{ .method = "POST", ROOM_KEYS("/version"), .fields = CREATE_ARGS, .args_size = sizeof(struct create_args),
	  .handler = post_version },
	{ .method = "GET", ROOM_KEYS("/version"), .args_size = sizeof(struct version_args), .handler = get_version },
	{ .method = "GET", ROOM_KEYS("/version/{version}"), .fields = GET_ARGS, .args_size = sizeof(struct version_args),
	  .handler = get_version },
	{ .method = "PUT", ROOM_KEYS("/version/{version}"), .fields = PUT_ARGS, .args_size = sizeof(struct version_args),
	  .handler = put_version },
	{ .method = "DELETE", ROOM_KEYS("/version/{version}"), .fields = GET_ARGS,
	  .args_size = sizeof(struct version_args), .handler = delete_version },
	HEARTH_ENDPOINTS_END
};
