/* SPDX-License-Identifier: Apache-2.0 */
/* hearth.accounts/1, as other plugins see this one. */
#include "accounts.h"

#include <errno.h>

HEARTH_SUSPENDS static int account(const struct hearth_accounts *service, struct hearth_task *task, const char *user_id,
				   struct hearth_account *ret_account, struct hearth_error *err)
{
	struct accounts_row row;
	int r = accounts_account_read(accounts_of(service), task, user_id, 0, &row, err);

	if (r < 0)
		return r;
	*ret_account = (struct hearth_account){
		.size = sizeof(*ret_account), .admin = row.admin, .guest = row.guest, .deactivated = row.deactivated,
		.locked = row.locked, .suspended = row.suspended, .shadow_banned = row.shadow_banned, .erased = row.erased,
		.user_id = row.user_id, .user_type = row.user_type, .created_ms = row.created_ms,
	};
	return 0;
}

HEARTH_SUSPENDS static int create(const struct hearth_accounts *service, struct hearth_task *task,
				  const struct hearth_registration *registration, const char **ret_user_id,
					  struct hearth_error *err)
{
	struct accounts *accounts = accounts_of(service);
	struct accounts_new wanted = { .localpart = registration->localpart, .displayname = registration->displayname,
				       .user_type = registration->user_type, .admin = registration->admin != 0,
				       .guest = registration->guest != 0 };
	int r = 0;

	if (wanted.localpart)
		r = accounts_names_check(wanted.localpart, accounts->server_name, 1, err);
	if (r == 0 && registration->password)
		r = accounts_password_policy(&accounts->config, registration->password, err);
	if (r == 0 && registration->password)
		r = accounts_password_hash(accounts, task, registration->password, &wanted.password_hash, err);
	return r < 0 ? r : accounts_account_create(accounts, task, &wanted, NULL, ret_user_id, err);
}

HEARTH_SUSPENDS static int uia(const struct hearth_accounts *service, struct hearth_task *task, struct hearth_request *req,
			       const struct hearth_json *auth, const char *action, struct hearth_error *err)
{
	(void)action;
	return accounts_uia_confirm(accounts_of(service), task, req, auth, ACCOUNTS_UIA_REUSABLE, err);
}

HEARTH_SUSPENDS static int open_session(const struct hearth_accounts *service, struct hearth_task *task,
					struct hearth_session *session, struct hearth_error *err)
{
	struct accounts_session opened = { .user_id = session->user_id, .device_id = session->device_id,
					   .device_name = session->device_name };
	int r = accounts_tokens_session(accounts_of(service), task, &opened, err);

	if (r < 0)
		return r;
	session->device_id = opened.device_id;
	session->access_token = opened.access_token;
	return 0;
}

void accounts_service_fill(struct accounts *accounts)
{
	accounts->auth = (struct hearth_auth){
		.base = { .size = sizeof(accounts->auth), .major = HEARTH_AUTH_MAJOR, .minor = HEARTH_AUTH_MINOR,
			  .id = HEARTH_AUTH_ID, .self = accounts },
		.authenticate = accounts_auth_authenticate,
	};
	accounts->service = (struct hearth_accounts){
		.base = { .size = sizeof(accounts->service), .major = HEARTH_ACCOUNTS_MAJOR, .minor = HEARTH_ACCOUNTS_MINOR,
			  .id = HEARTH_ACCOUNTS_ID, .self = accounts },
		.account = account,
		.create = create,
		.profiles = accounts_profiles,
		.devices = accounts_devices,
		.uia = uia,
		.account_data_get = accounts_account_data_get,
		.account_data_put = accounts_account_data_put,
		.filter = accounts_filter,
		.ignored_by = accounts_ignored_by,
		.open_session = open_session,
	};
}
