/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators do to accounts: suspending, locking, and who is where (spec "Account moderation", whois). */
#include "accounts.h"

#include <errno.h>
#include <string.h>

struct change {
	struct accounts *accounts;
	const char      *user_id;
	bool             on, locking;
};
static const struct hearth_field CHANGE[] = { HEARTH_COLUMNS(struct change, user_id, on) };
static const struct hearth_statement SET_LOCKED = {
	.name = "accounts.set_locked", .sql = "UPDATE accounts SET locked = $2 WHERE user_id = $1", .params = CHANGE,
};
static const struct hearth_statement SET_SUSPENDED = {
	.name = "accounts.set_suspended", .sql = "UPDATE accounts SET suspended = $2 WHERE user_id = $1", .params = CHANGE,
};

struct moderate_args {
	const char *user_id;
	bool        suspended, locked;
};
#define OF_USER HEARTH_PATH(struct moderate_args, user_id, "userId", .format = HEARTH_USER_ID)
static const struct hearth_field GET_ARGS[] = { OF_USER, HEARTH_FIELDS_END };
static const struct hearth_field SUSPEND_ARGS[] = {
	OF_USER, HEARTH_BODY(struct moderate_args, suspended, "suspended", .required = 1), HEARTH_FIELDS_END
};
static const struct hearth_field LOCK_ARGS[] = {
	OF_USER, HEARTH_BODY(struct moderate_args, locked, "locked", .required = 1), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int find(struct accounts *accounts, struct hearth_task *task, const char *user_id,
				struct accounts_row *ret_row, struct hearth_error *err)
{
	int r;

	if (!hearth_id_is_local(user_id, accounts->server_name))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "The user belongs to another server");
	r = accounts_account_read(accounts, task, user_id, 0, ret_row, err);
	if (r == 0 && ret_row->deactivated)
		r = hearth_refuse(err, 404, "M_NOT_FOUND", "User not found");
	return r;
}

static void write_flag(struct hearth_writer *w, const char *name, bool on)
{
	hearth_write_object(w, NULL);
	hearth_write_bool(w, name, on);
	hearth_write_end(w);
}

HEARTH_SUSPENDS static int get_suspended(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					 struct hearth_error *err)
{
	struct accounts_row row;
	int r = find(self, task, ((const struct moderate_args *)fields)->user_id, &row, err);

	if (r == 0)
		write_flag(req->out, "suspended", row.suspended);
	return r;
}

HEARTH_SUSPENDS static int get_locked(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	struct accounts_row row;
	int r = find(self, task, ((const struct moderate_args *)fields)->user_id, &row, err);

	if (r == 0)
		write_flag(req->out, "locked", row.locked);
	return r;
}

HEARTH_SUSPENDS static int set_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument, struct hearth_error *err)
{
	struct change *change = argument;
	int r = change->accounts->db->exec(tx, change->locking ? &SET_LOCKED : &SET_SUSPENDED, change, err);

	(void)task;
	return r < 0 ? r : accounts_auth_forget(change->accounts, tx, change->user_id, err);
}

HEARTH_SUSPENDS static int set(struct accounts *accounts, struct hearth_task *task, struct hearth_request *req,
			       struct change *change, struct hearth_error *err)
{
	struct accounts_row row;
	int r = find(accounts, task, change->user_id, &row, err);

	if (r < 0)
		return r;
	if (row.admin || strcmp(change->user_id, req->user->user_id) == 0)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Administrators cannot be suspended or locked");
	change->accounts = accounts;
	r = accounts->db->transact(task, HEARTH_TX_WRITE, set_in_tx, change, err);
	if (r == 0)
		write_flag(req->out, change->locking ? "locked" : "suspended", change->on);
	return r;
}

HEARTH_SUSPENDS static int put_suspended(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					 struct hearth_error *err)
{
	const struct moderate_args *args = fields;

	return set(self, task, req, &(struct change){ .user_id = args->user_id, .on = args->suspended }, err);
}

HEARTH_SUSPENDS static int put_locked(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				      struct hearth_error *err)
{
	const struct moderate_args *args = fields;

	return set(self, task, req, &(struct change){ .user_id = args->user_id, .on = args->locked, .locking = true }, err);
}

/* --- whois --- */

struct connection {
	const char *user_id, *device_id, *last_seen_ip, *user_agent;
	int64_t     last_seen_ms;
};
static const struct hearth_field BY_USER[] = { HEARTH_COLUMNS(struct connection, user_id) };
static const struct hearth_field CONNECTION[] = {
	HEARTH_COLUMNS(struct connection, device_id, last_seen_ip, user_agent, last_seen_ms)
};
static const struct hearth_statement SELECT_CONNECTIONS = {
	.name = "accounts.select_connections",
	.sql = "SELECT device_id, last_seen_ip, user_agent, last_seen_ms"
	       " FROM account_devices WHERE user_id = $1 ORDER BY device_id",
	.params = BY_USER, .row = CONNECTION, .row_size = sizeof(struct connection),
};

static void write_connection(struct hearth_writer *w, const struct connection *connection)
{
	hearth_write_object(w, connection->device_id);
	hearth_write_array(w, "sessions");
	hearth_write_object(w, NULL);
	hearth_write_array(w, "connections");
	if (connection->last_seen_ip) {
		hearth_write_object(w, NULL);
		hearth_write_string(w, "ip", connection->last_seen_ip);
		hearth_write_int(w, "last_seen", connection->last_seen_ms);
		hearth_write_string(w, "user_agent", connection->user_agent);
		hearth_write_end(w);
	}
	hearth_write_end(w);
	hearth_write_end(w);
	hearth_write_end(w);
	hearth_write_end(w);
}

HEARTH_SUSPENDS static int whois(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
				 struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct moderate_args *args = fields;
	struct accounts_row row;
	struct hearth_rows rows;
	int r;

	if (!(req->user->flags & HEARTH_REQUESTER_ADMIN) && strcmp(args->user_id, req->user->user_id) != 0)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Only an administrator may ask about others");
	r = find(accounts, task, args->user_id, &row, err);
	if (r == 0)
		r = accounts->db->read(task, &SELECT_CONNECTIONS, &(struct connection){ .user_id = args->user_id }, &rows, err);
	if (r < 0)
		return r;
	hearth_write_object(req->out, NULL);
	hearth_write_string(req->out, "user_id", args->user_id);
	hearth_write_object(req->out, "devices");
	for (size_t i = 0; i < rows.count; i++)
		write_connection(req->out, (const struct connection *)rows.items + i);
	hearth_write_end(req->out);
	hearth_write_end(req->out);
	return 0;
}

#define ARGS(table) .fields = table, .args_size = sizeof(struct moderate_args)

const struct hearth_endpoint ACCOUNTS_MODERATION_ENDPOINTS[] = {
	{ .method = "GET", .path = "/_matrix/client/v1/admin/suspend/{userId}", .access = HEARTH_ACCESS_ADMIN, ARGS(GET_ARGS),
	  .handler = get_suspended, .about = "Whether an account is suspended." },
	{ .method = "PUT", .path = "/_matrix/client/v1/admin/suspend/{userId}", .access = HEARTH_ACCESS_ADMIN,
	  ARGS(SUSPEND_ARGS),
	  .handler = put_suspended, .about = "Suspends an account, or ends that." },
	{ .method = "GET", .path = "/_matrix/client/v1/admin/lock/{userId}", .access = HEARTH_ACCESS_ADMIN, ARGS(GET_ARGS),
	  .handler = get_locked, .about = "Whether an account is locked." },
	{ .method = "PUT", .path = "/_matrix/client/v1/admin/lock/{userId}", .access = HEARTH_ACCESS_ADMIN, ARGS(LOCK_ARGS),
	  .handler = put_locked, .about = "Locks an account, or ends that." },
	{ .method = "GET", .path = "/_matrix/client/v3/admin/whois/{userId}", .also = "api/v1 r0 unstable",
	  .access = HEARTH_ACCESS_USER, ARGS(GET_ARGS), .handler = whois, .about = "Where a user was last seen." },
	HEARTH_ENDPOINTS_END
};
