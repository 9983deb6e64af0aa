/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords: bcrypt as Synapse makes it, the policy, checking and changing. */
#include "accounts.h"

#include <crypt.h>
#include <ctype.h>
#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#define PASSWORD_MAX 512

/* --- hashing --- */

const char *accounts_password_prepare(struct hearth_arena *arena, const char *password, const char *pepper)
{
	UErrorCode status = U_ZERO_ERROR;
	const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&status);
	int32_t length = (int32_t)strlen(password), wide_length, normal_length, text_length;
	int32_t wide_room = length + 1, normal_room = 18 * (length + 1), text_room;
	UChar *wide = hearth_arena_array_of(arena, UChar, wide_room), *normal = hearth_arena_array_of(arena, UChar,
		normal_room);
	char *text;

	u_strFromUTF8(wide, wide_room, &wide_length, password, length, &status);
	normal_length = unorm2_normalize(nfkc, wide, wide_length, normal, normal_room, &status);
	text_room = 3 * normal_length + 1;
	text = hearth_arena_alloc(arena, (size_t)text_room);
	u_strToUTF8(text, text_room, &text_length, normal, normal_length, &status);
	if (U_FAILURE(status))
		text = hearth_arena_strdup(arena, password);
	/* bcrypt looks at 72 bytes; Synapse's library is handed no more either. */
	text = hearth_arena_printf(arena, "%s%s", text, pepper ? pepper : "");
	return strlen(text) > 72 ? hearth_arena_strndup(arena, text, 72) : text;
}

struct hashing {
	const char *text, *setting;
	char        result[CRYPT_OUTPUT_SIZE];
	int         failed;
};

static void hash_off_loop(void *argument)
{
	struct hashing *hashing = argument;
	struct crypt_data *data = calloc(1, sizeof(*data));
	char *hash;

	hashing->failed = 1;
	if (!data)
		return;
	hash = crypt_rn(hashing->text, hashing->setting, data, sizeof(*data));
	if (hash && strlen(hash) < sizeof(hashing->result)) {
		memcpy(hashing->result, hash, strlen(hash) + 1);
		hashing->failed = 0;
	}
	explicit_bzero(data, sizeof(*data));
	free(data);
}

static int make_setting(const struct accounts *accounts, char setting[CRYPT_GENSALT_OUTPUT_SIZE])
{
	unsigned char random[16];

	if (RAND_bytes(random, sizeof(random)) != 1)
		return -EIO;
	return crypt_gensalt_rn("$2b$", (unsigned long)accounts->config.bcrypt_rounds, (const char *)random,
				sizeof(random), setting,
				CRYPT_GENSALT_OUTPUT_SIZE) ? 0 : -EIO;
}

int accounts_password_hash(struct accounts *accounts, struct hearth_task *task, const char *password, const char **ret_hash,
			   struct hearth_error *err)
{
	struct hearth_arena *arena = accounts->tasks->arena(task);
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct hashing hashing = { .text = accounts_password_prepare(arena, password, accounts->config.pepper),
				   .setting = setting };
	int r;

	if (make_setting(accounts, setting) < 0)
		return hearth_fail(err, -EIO, "no salt for a password");
	r = accounts->tasks->offload(task, hash_off_loop, &hashing, err);
	if (r < 0)
		return r;
	if (hashing.failed)
		return hearth_fail(err, -EIO, "bcrypt does not work with bcrypt_rounds: %lld",
				   (long long)accounts->config.bcrypt_rounds);
	*ret_hash = hearth_arena_strdup(arena, hashing.result);
	return 0;
}

/* A hash that no password has, of the cost that real ones have. */
void accounts_password_dummy(struct accounts *accounts)
{
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];

	if (make_setting(accounts, setting) == 0)
		snprintf(accounts->dummy_hash, sizeof(accounts->dummy_hash), "%.29s%s", setting,
			 "...............................");
}

int accounts_password_check(struct accounts *accounts, struct hearth_task *task, const char *password, const char *hash,
			    int *ret_valid, struct hearth_error *err)
{
	struct hearth_arena *arena = accounts->tasks->arena(task);
	const char *expected = hash ? hash : accounts->dummy_hash;
	struct hashing hashing = {
		.text = accounts_password_prepare(arena, password, accounts->config.pepper), .setting = expected
	};
	size_t length = strlen(expected);
	int r = accounts->tasks->offload(task, hash_off_loop, &hashing, err);

	if (r < 0)
		return r;
	*ret_valid = hash && !hashing.failed && strlen(hashing.result) == length &&
		     hearth_equal_secret(hashing.result, expected, length);
	return 0;
}

/* --- policy --- */

int accounts_password_local(const struct accounts *accounts)
{
	return accounts->config.localdb_enabled && strcmp(accounts->config.password_enabled, "false") != 0;
}

static int weak(struct hearth_error *err, const char *errcode, const char *what)
{
	return hearth_refuse(err, 400, errcode, "The password is too weak: it needs %s", what);
}

int accounts_password_policy(const struct accounts_config *config, const char *password, struct hearth_error *err)
{
	bool digit = false, symbol = false, lower = false, upper = false;

	if (strlen(password) > PASSWORD_MAX)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "A password has at most %d bytes", PASSWORD_MAX);
	if (!config->policy_enabled)
		return 0;
	for (const unsigned char *c = (const unsigned char *)password; *c; c++) {
		digit |= isdigit(*c) != 0;
		lower |= islower(*c) != 0;
		upper |= isupper(*c) != 0;
		symbol |= *c < 0x80 && !isalnum(*c);
	}
	if ((int64_t)strlen(password) < config->policy_length)
		return weak(err, "M_PASSWORD_TOO_SHORT", "more characters");
	if (config->policy_digit && !digit)
		return weak(err, "M_PASSWORD_NO_DIGIT", "a digit");
	if (config->policy_symbol && !symbol)
		return weak(err, "M_PASSWORD_NO_SYMBOL", "a symbol");
	if (config->policy_upper && !upper)
		return weak(err, "M_PASSWORD_NO_UPPERCASE", "an upper case letter");
	if (config->policy_lower && !lower)
		return weak(err, "M_PASSWORD_NO_LOWERCASE", "a lower case letter");
	return 0;
}

/* --- checking --- */

int accounts_password_login(struct accounts *accounts, struct hearth_task *task, const char *user_id, const char *password,
			    struct accounts_row *ret_row, struct hearth_error *err)
{
	struct hearth_hook_password asked = { .user_id = user_id, .password = password };
	struct hearth_error unknown = { 0 };
	int r, valid = 0, found;

	if (strlen(password) > PASSWORD_MAX)
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Invalid username or password");
	r = accounts->limits->peek("rc_login.failed_attempts", user_id, err);
	if (r < 0)
		return r;
	r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_AUTH_CHECK_PASSWORD, &asked, err);
	if (r < 0)
		return r;
	found = accounts_account_read(accounts, task, asked.user_id, 1, ret_row, &unknown);
	if (found < 0 && found != -ENOENT)
		return hearth_fail(err, found, "%s", unknown.message);
	if (r == HEARTH_HOOK_DONE)
		valid = asked.valid && found == 0;
	else if (accounts_password_local(accounts))
		r = accounts_password_check(accounts, task, password, found == 0 ? ret_row->password_hash : NULL, &valid, err);
	if (r < 0)
		return r;
	if (!valid) {
		r = accounts->limits->check("rc_login.failed_attempts", user_id, err);
		return r < 0 ? r : hearth_refuse(err, 403, "M_FORBIDDEN", "Invalid username or password");
	}
	return 0;
}

/* --- changing --- */

struct change {
	struct accounts    *accounts;
	const char         *user_id, *password_hash, *device_id;
	bool                logout;
};
static const struct hearth_field CHANGE[] = { HEARTH_COLUMNS(struct change, user_id, password_hash) };
static const struct hearth_statement UPDATE_PASSWORD = {
	.name = "accounts.update_password",
	.sql = "UPDATE accounts SET password_hash = $2 WHERE user_id = $1",
	.params = CHANGE,
};

HEARTH_SUSPENDS static int change_in_tx(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct change *change = argument;
	int r = change->accounts->db->exec(tx, &UPDATE_PASSWORD, change, err);

	if (r < 0 || !change->logout)
		return r;
	return accounts_devices_remove(change->accounts, task, tx, change->user_id, NULL,
				       change->device_id ? change->device_id : "", err);
}

struct password_args {
	const char               *new_password;
	bool                      logout_devices;
	const struct hearth_json *auth;
};
static const struct hearth_field PASSWORD_ARGS[] = {
	HEARTH_BODY(struct password_args, new_password, "new_password", .secret = 1, .max = PASSWORD_MAX),
	HEARTH_BODY(struct password_args, logout_devices, "logout_devices", .fallback = "true"),
	HEARTH_BODY(struct password_args, auth, "auth", .shape = HEARTH_AN_OBJECT), HEARTH_FIELDS_END
};

HEARTH_SUSPENDS static int change_password(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					   struct hearth_error *err)
{
	struct accounts *accounts = self;
	const struct password_args *args = fields;
	struct change change = { .accounts = accounts, .user_id = req->user->user_id, .device_id = req->user->device_id,
				 .logout = args->logout_devices };
	int r;

	if (!accounts_password_local(accounts))
		return hearth_refuse(err, 403, "M_FORBIDDEN", "Passwords cannot be changed here");
	if (args->new_password) {
		r = accounts_password_policy(&accounts->config, args->new_password, err);
		if (r < 0)
			return r;
	}
	r = accounts_uia_confirm(accounts, task, req, args->auth, 0, err);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!args->new_password)
		return hearth_refuse(err, 400, "M_MISSING_PARAM", "Missing params: new_password");
	r = accounts_password_hash(accounts, task, args->new_password, &change.password_hash, err);
	if (r < 0)
		return r;
	return accounts->db->transact(task, HEARTH_TX_WRITE, change_in_tx, &change, err);
}

HEARTH_SUSPENDS static int password_policy(void *self, struct hearth_task *task, struct hearth_request *req, const void *fields,
					   struct hearth_error *err)
{
	const struct accounts_config *config = &((struct accounts *)self)->config;

	(void)task, (void)fields, (void)err;
	hearth_write_object(req->out, NULL);
	if (config->policy_enabled) {
		if (config->policy_length)
			hearth_write_int(req->out, "m.minimum_length", config->policy_length);
		hearth_write_bool(req->out, "m.require_digit", config->policy_digit);
		hearth_write_bool(req->out, "m.require_symbol", config->policy_symbol);
		hearth_write_bool(req->out, "m.require_lowercase", config->policy_lower);
		hearth_write_bool(req->out, "m.require_uppercase", config->policy_upper);
	}
	hearth_write_end(req->out);
	return 0;
}

const struct hearth_endpoint ACCOUNTS_PASSWORD_ENDPOINTS[] = {
	{ .method = "POST", .path = "/_matrix/client/v3/account/password", .also = "r0 unstable", .access = HEARTH_ACCESS_USER,
	  .fields = PASSWORD_ARGS, .args_size = sizeof(struct password_args), .handler = change_password,
	  .about = "Changes the caller's password, and by default ends all other sessions." },
	{ .method = "GET", .path = "/_matrix/client/v3/password_policy", .also = "r0 unstable", .access = HEARTH_ACCESS_NONE,
	  .handler = password_policy, .about = "What a password needs." },
	HEARTH_ENDPOINTS_END
};
