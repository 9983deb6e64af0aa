/* SPDX-License-Identifier: Apache-2.0
 *
 * Logs in users of an htpasswd file ("name:$2y$05$...", as `htpasswd -B` writes it). Who logs in for the first time gets an
 * account. Users that the file does not name are left to others: the next provider, or the server's own passwords.
 *
 *	plugins: [..., password_provider]
 *	password_provider: {file: /etc/hearth/htpasswd}
 */
#include <crypt.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hearth/matrix/id.h>
#include <hearth/plugin.h>
#include <hearth/services/accounts.h>

struct provider {
	const struct hearth_tasks    *tasks;
	const struct hearth_accounts *accounts;
	const char                   *server_name;
	const char                   *file;
};

static const struct hearth_field CONFIG[] = {
	HEARTH_CONFIG(struct provider, file, "password_provider.file", .required = 1,
		      .about = "A file of lines NAME:HASH; read at each login, so that changes count at once."),
	HEARTH_FIELDS_END
};

/* --- on a worker thread: reading a file and hashing would stall the loop --- */

struct check {
	const char *file, *name, *password; /* in */
	int         error, known, valid;    /* out; error: 0 or an errno */
};

static void compare(struct check *check, const char *hash)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *found = data ? crypt_rn(check->password, hash, data, sizeof(*data)) : NULL;
	size_t length = strlen(hash);

	check->valid = found && strlen(found) == length && hearth_equal_secret(found, hash, length);
	if (data)
		explicit_bzero(data, sizeof(*data));
	free(data);
}

static void check_off_loop(void *argument)
{
	struct check *check = argument;
	size_t length = strlen(check->name), room = 0;
	FILE *file = fopen(check->file, "re");
	char *line = NULL;

	if (!file) {
		check->error = errno;
		return;
	}
	while (!check->known && getline(&line, &room, file) > 0)
		if (!strncmp(line, check->name, length) && line[length] == ':') {
			line[strcspn(line, "\r\n")] = '\0';
			check->known = 1;
			compare(check, line + length + 1);
		}
	free(line);
	fclose(file);
}

/* --- the hook --- */

HEARTH_SUSPENDS static int create_if_new(const struct provider *provider, struct hearth_task *task, const char *user_id,
					 const char *name, struct hearth_error *err)
{
	const struct hearth_registration registration = { .size = sizeof(registration), .localpart = name };
	struct hearth_account account = { .size = sizeof(account) };
	struct hearth_error unknown = { 0 };
	const char *made;
	int r = provider->accounts->account(provider->accounts, task, user_id, &account, &unknown);

	if (r == -ENOENT)
		return provider->accounts->create(provider->accounts, task, &registration, &made, err);
	return r < 0 ? hearth_fail(err, r, "%s", unknown.message) : 0;
}

HEARTH_SUSPENDS static int check_password(void *self, struct hearth_task *task, void *subject, struct hearth_error *err)
{
	const struct provider *provider = self;
	struct hearth_hook_password *asked = subject;
	struct check check = { .file = provider->file, .password = asked->password };
	int r;

	if (!hearth_id_is_local(asked->user_id, provider->server_name))
		return HEARTH_HOOK_PASS;
	check.name = hearth_id_localpart(provider->tasks->arena(task), asked->user_id);
	r = provider->tasks->offload(task, check_off_loop, &check, err);
	if (r < 0)
		return r;
	if (check.error)
		return hearth_fail(err, -check.error, "%s: %s", provider->file, strerror(check.error));
	if (!check.known)
		return HEARTH_HOOK_PASS;
	r = check.valid ? create_if_new(provider, task, asked->user_id, check.name, err) : 0;
	asked->valid = (uint32_t)check.valid;
	return r < 0 ? r : HEARTH_HOOK_DONE;
}

static const struct hearth_hook HOOKS[] = { { HEARTH_HOOK_AUTH_CHECK_PASSWORD, check_password }, { .id = NULL } };

static int load(const struct hearth_host *host, void **ret_self, struct hearth_error *err)
{
	struct provider *provider = calloc(1, sizeof(*provider));
	int r;

	hearth_assert(provider);
	provider->tasks = hearth_tasks(host);
	provider->accounts = hearth_accounts(host);
	provider->server_name = host->info(host, HEARTH_INFO_SERVER_NAME);
	r = host->config(host, CONFIG, provider, err);
	if (r < 0)
		free(provider);
	else
		*ret_self = provider;
	return r;
}

HEARTH_PLUGIN(password_provider,
	.version = "1.0.0", .license = "Apache-2.0", .summary = "Logs in users of an htpasswd file.",
	.needs = HEARTH_NEEDS(HEARTH_TASK, HEARTH_ACCOUNTS), .hooks = HOOKS, .config = HEARTH_CONFIG_TABLES(CONFIG),
	.load = load, .stop = free);
