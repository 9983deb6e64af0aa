/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: listing, naming and removing them. */
#include "accounts.h"

#include <errno.h>
#include <string.h>

#define NAME_MAX_BYTES 400

struct device {
	const char         *user_id, *device_id, *display_name, *last_seen_ip;
	int64_t             last_seen_ms;
	struct hearth_texts ids;
};
static const struct hearth_field BY_IDS[] = { HEARTH_COLUMNS(struct device, ids) };
static const struct hearth_field DEVICE[] = {
	HEARTH_COLUMNS(struct device, user_id, device_id, display_name, last_seen_ip, last_seen_ms)
};
static const struct hearth_statement SELECT_DEVICES = {
	.name = "accounts.select_devices",
	.sql = "SELECT user_id, device_id, display_name, last_seen_ip, last_seen_ms FROM account_devices"
	       " WHERE user_id = ANY($1) ORDER BY user_id, device_id",
	.params = BY_IDS, .row = DEVICE, .row_size = sizeof(struct device),
};
static const struct hearth_field ONE[] = { HEARTH_COLUMNS(struct device, user_id, device_id) };
static const struct hearth_statement SELECT_DEVICE = {
	.name = "accounts.select_device",
	.sql = "SELECT user_id, device_id, display_name, last_seen_ip, last_seen_ms FROM account_devices"
	       " WHERE user_id = $1 AND device_id = $2",
	.params = ONE, .row = DEVICE, .row_size = sizeof(struct device),
};
static const struct hearth_field NAMED[] = { HEARTH_COLUMNS(struct device, user_id, device_id, display_name) };
static const struct hearth_statement RENAME_DEVICE = {
	.name = "accounts.rename_device",
	.sql = "UPDATE account_devices SET display_name = $3 WHERE user_id = $1 AND device_id = $2",
	.params = NAMED,
};

/* ids with device_id NULL: these; device_id set and no ids: all others. */
static const struct hearth_field CHOSEN[] = { HEARTH_COLUMNS(struct device, user_id, ids, device_id) };
#define CHOSEN_SQL "user_id = $1 AND (device_id = ANY($2) OR device_id <> $3)"
static const struct hearth_field REMOVED[] = { HEARTH_COLUMNS(struct device, device_id) };
static const struct hearth_statement DELETE_DEVICES = {
	.name = "accounts.delete_devices",
	.sql = "DELETE FROM account_devices WHERE " CHOSEN_SQL " RETURNING device_id",
	.params = CHOSEN, .row = REMOVED, .row_size = sizeof(struct device),
};
static const struct hearth_statement DELETE_ACCESS_TOKENS = {
	.name = "accounts.delete_access_tokens",
	.sql = "DELETE FROM account_access_tokens WHERE " CHOSEN_SQL,
	.params = CHOSEN,
};
static const struct hearth_statement DELETE_REFRESH_TOKENS = {
	.name = "accounts.delete_refresh_tokens",
	.sql = "DELETE FROM account_refresh_tokens WHERE " CHOSEN_SQL,
	.params = CHOSEN,
};

int accounts_devices_changed(struct accounts *accounts, struct hearth_task *task, struct hearth_tx *tx, const char *user_id,
			     const char *const *device_ids, size_t count, uint32_t change, struct hearth_error *err)
{
	struct hearth_hook_device told = { .tx = tx, .user_id = user_id, .device_ids = device_ids, .count = count,
					   .change = change };
	int r;

	if (count == 0)
		return 0;
	r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_DEVICE_CHANGED, &told, err);
	return r < 0 ? r : 0;
}

int accounts_devices_remove(struct accounts *accounts, struct hearth_task *task, struct hearth_tx *tx, const char *user_id,
			    const struct hearth_texts *device_ids, const char *keep, struct hearth_error *err)
{
	struct device chosen = { .user_id = user_id, .device_id = keep };
	struct hearth_rows rows;
	const struct device *removed;
	const char **ids;
	int r;

	if (device_ids)
		chosen.ids = *device_ids;
	r = accounts->db->exec(tx, &DELETE_ACCESS_TOKENS, &chosen, err);
	if (r == 0)
		r = accounts->db->exec(tx, &DELETE_REFRESH_TOKENS, &chosen, err);
	if (r == 0)
		r = accounts_auth_forget(accounts, tx, user_id, err);
	if (r == 0)
		r = accounts->db->query(tx, &DELETE_DEVICES, &chosen, &rows, err);
	if (r < 0)
		return r;
	removed = rows.items;
	ids = hearth_arena_array_of(accounts->tasks->arena(task), const char *, rows.count);
	for (size_t i = 0; i < rows.count; i++)
		ids[i] = removed[i].device_id;
	return accounts_devices_changed(accounts, task, tx, user_id, ids, rows.count, HEARTH_DEVICE_REMOVED, err);
}

int accounts_devices(const struct hearth_accounts *service, struct hearth_task *task, const char *const *user_ids, size_t count,
		     const struct hearth_device_info **ret_devices, size_t *ret_count, struct hearth_error *err)
{
	struct accounts *accounts = accounts_of(service);
	const struct device asked = { .ids = { .items = user_ids, .count = count } };
	struct hearth_device_info *infos;
	const struct device *found;
	struct hearth_rows rows;
	int r = accounts->db->read(task, &SELECT_DEVICES, &asked, &rows, err);

	if (r < 0)
		return r;
	found = rows.items;
	infos = hearth_arena_array_of(accounts->tasks->arena(task), struct hearth_device_info, rows.count);
	for (size_t i = 0; i < rows.count; i++)
		infos[i] = (struct hearth_device_info){
			.size = sizeof(*infos), .user_id = found[i].user_id, .device_id = found[i].device_id,
			.display_name = found[i].display_name, .last_seen_ms = found[i].last_seen_ms,
		};
	*ret_devices = infos;
	*ret_count = rows.count;
	return 0;
}

/* --- endpoints --- */

static void write_device(struct hearth_writer *w, const struct device *device)
{
	hearth_write_object(w, NULL);
	hearth_write_string(w, "device_id", device->device_id);
	hearth_write_string(w, "display_name", device->display_name);
	/* Some clients insist on both, as null where it is not known. */
	if (device->last_seen_ip)
		hearth_write_string(w, "last_seen_ip", device->last_seen_ip);
	else
		hearth_write_null(w, "last_seen_ip");
	if (device->last_seen_ms)
		hearth_write_int(w, "last_seen_ts", device->last_seen_ms);
	else
		hearth_write_null(w, "last_seen_ts");
	hearth_write_string(w, "user_id", device->user_id);
	hearth_write_end(w);
}

HEARTH_SUSPENDS static int list(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct device asked = { .ids = { .items = &req->user->user_id, .count = 1 } };
	struct hearth_rows rows;
	int r = accounts->db->read(task, &SELECT_DEVICES, &asked, &rows, err);

	(void)fields;
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_array(req->out, "devices");
	for (size_t i = 0; i < rows.count; i++)
		write_device(req->out, (const struct device *)rows.items + i);
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

struct device_args {
	const char               *device_id, *display_name;
	struct hearth_texts       devices;
	const struct hearth_json *auth;
};
static const struct hearth_field GET_ARGS[] = { HEARTH_PATH(struct device_args, device_id, "deviceId"), HEARTH_FIELDS_END };
static const struct hearth_field PUT_ARGS[] = {
	HEARTH_PATH(struct device_args, device_id, "deviceId"),
	HEARTH_BODY(struct device_args, display_name, "display_name", .max = NAME_MAX_BYTES), HEARTH_FIELDS_END
};
static const struct hearth_field DELETE_ARGS[] = {
	HEARTH_PATH(struct device_args, device_id, "deviceId"),
	HEARTH_BODY(struct device_args, auth, "auth", .shape = HEARTH_AN_OBJECT), HEARTH_FIELDS_END
};
static const struct hearth_field DELETE_MANY_ARGS[] = {
	HEARTH_BODY(struct device_args, devices, "devices", .required = 1, .max = 1000),
	HEARTH_BODY(struct device_args, auth, "auth", .shape = HEARTH_AN_OBJECT), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int get(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
			       struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct device_args *args = fields;
	const struct device asked = { .user_id = req->user->user_id, .device_id = args->device_id };
	struct hearth_rows rows;
	int r = accounts->db->read(task, &SELECT_DEVICE, &asked, &rows, err);

	if (r < 0)
		return r;
	if (rows.count == 0)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "No such device");
	write_device(req->out, rows.items);
	return 0;
}

struct renaming {
	struct accounts *accounts;
	struct device    device;
};

HEARTH_SUSPENDS static int rename_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct renaming *renaming = argument;
	struct hearth_rows rows;
	int r = renaming->accounts->db->query(tx, &RENAME_DEVICE, &renaming->device, &rows, err);

	if (r < 0)
		return r;
	if (rows.affected == 0)
		return hearth_refuse(err, 404, "M_NOT_FOUND", "No such device");
	return accounts_devices_changed(renaming->accounts, task, tx, renaming->device.user_id, &renaming->device.device_id, 1,
					HEARTH_DEVICE_RENAMED, err);
}

HEARTH_SUSPENDS static int put(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
			       struct hearth_error *err)
{
	const struct device_args *args = fields;
	struct renaming renaming = { .accounts = self, .device = { .user_id = req->user->user_id, .device_id = args->device_id,
								   .display_name = args->display_name } };

	if (!args->display_name)
		return 0;
	return renaming.accounts->db->transact(task, HEARTH_TX_WRITE, rename_in_tx, &renaming, err);
}

struct removal {
	struct accounts    *accounts;
	const char         *user_id;
	struct hearth_texts device_ids;
};

HEARTH_SUSPENDS static int remove_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct removal *removal = argument;

	return accounts_devices_remove(removal->accounts, task, tx, removal->user_id, &removal->device_ids, NULL, err);
}

HEARTH_SUSPENDS static int remove_devices(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
					  struct hearth_texts device_ids, const struct hearth_json *auth,
						  struct hearth_error *err)
{
	struct removal removal = { .accounts = accounts, .user_id = req->user->user_id, .device_ids = device_ids };
	int r = accounts_uia_confirm(accounts, task, req, auth, ACCOUNTS_UIA_REUSABLE, err);

	return r != 0 ? (r < 0 ? r : 0) : accounts->db->transact(task, HEARTH_TX_WRITE, remove_in_tx, &removal, err);
}

HEARTH_SUSPENDS static int delete_one(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	const struct device_args *args = fields;

	return remove_devices(self, task, req, (struct hearth_texts){ .items = &args->device_id, .count = 1 }, args->auth, err);
}

HEARTH_SUSPENDS static int delete_many(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				       struct hearth_error *err)
{
	const struct device_args *args = fields;

	return remove_devices(self, task, req, args->devices, args->auth, err);
}

#define ARGS(table) .fields = table, .args_size = sizeof(struct device_args)

const struct hearth_endpoint ACCOUNTS_DEVICE_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v3/devices", .also = "r0 unstable", .access = HEARTH_ACCESS_GUEST,
	  .handler = list,
	  .about = "The caller's devices." },
	{ .method = "GET", .path = "/_matrix/client/v3/devices/{deviceId}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_GUEST,
	  ARGS(GET_ARGS), .handler = get, .about = "One device of the caller." },
	{ .method = "PUT", .path = "/_matrix/client/v3/devices/{deviceId}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_GUEST,
	  ARGS(PUT_ARGS), .handler = put, .about = "Names a device." },
	{ .method = "DELETE", .path = "/_matrix/client/v3/devices/{deviceId}", .also = "r0 unstable",
	  .access = HEARTH_ACCESS_USER,
	  .flags = HEARTH_ENDPOINT_OPTIONAL_BODY, ARGS(DELETE_ARGS), .handler = delete_one, .about = "Removes a device." },
	{ .method = "POST", .path = "/_matrix/client/v3/delete_devices", .also = "r0 unstable", .access = HEARTH_ACCESS_USER,
	  ARGS(DELETE_MANY_ARGS), .handler = delete_many, .about = "Removes several devices." },
	HEARTH_ENDPOINTS_END
};
