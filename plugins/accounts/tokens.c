/* SPDX-License-Identifier: Apache-2.0 */
/* Access and refresh tokens: their form, and the sessions they stand for. */
#include "accounts.h"

#include <errno.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define LETTERS 20
#define CHECK_DIGITS 6

static const char BASE62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* --- form --- */

static void check_digits(const char *text, size_t length, char ret_digits[CHECK_DIGITS + 1])
{
	unsigned long crc = crc32(0, (const unsigned char *)text, (unsigned)length);

	for (int i = CHECK_DIGITS - 1; i >= 0; i--) {
		ret_digits[i] = BASE62[crc % 62];
		crc /= 62;
	}
	ret_digits[CHECK_DIGITS] = '\0';
}

static void random_letters(char *text, size_t length)
{
	const char *letters = BASE62 + 10;
	size_t have = 0;
	uint8_t bytes[64];

	while (have < length) {
		if (RAND_bytes(bytes, sizeof(bytes)) != 1)
			abort();
		for (size_t i = 0; i < sizeof(bytes) && have < length; i++)
			if (bytes[i] < 208) /* 4 x 52: no letter is likelier than another */
				text[have++] = letters[bytes[i] % 52];
	}
	text[length] = '\0';
}

char *accounts_tokens_make(struct hearth_arena *arena, const char *prefix, const char *localpart)
{
	char letters[LETTERS + 1], digits[CHECK_DIGITS + 1];
	char *base, *name = hearth_base64_encode(arena, localpart, strlen(localpart));

	random_letters(letters, LETTERS);
	base = hearth_arena_printf(arena, "%s_%s_%s", prefix, name, letters);
	check_digits(base, strlen(base), digits);
	return hearth_arena_printf(arena, "%s_%s", base, digits);
}

int accounts_tokens_is_valid(const char *token)
{
	const char *last = strrchr(token, '_');
	char digits[CHECK_DIGITS + 1];

	if ((strncmp(token, "syt_", 4) != 0 && strncmp(token, "syr_", 4) != 0) || strlen(last + 1) != CHECK_DIGITS)
		return 0;
	check_digits(token, (size_t)(last - token), digits);
	return strcmp(digits, last + 1) == 0;
}

struct hearth_bytes accounts_tokens_hash(struct hearth_arena *arena, const char *token)
{
	uint8_t *hash = hearth_arena_alloc(arena, 32);

	hearth_sha256(token, strlen(token), hash);
	return (struct hearth_bytes){ .data = hash, .size = 32 };
}

/* --- sessions --- */

struct device_row {
	const char *user_id, *device_id, *display_name;
	int64_t     created_ms;
};

static const struct hearth_field DEVICE[] = {
	HEARTH_COLUMNS(struct device_row, user_id, device_id, display_name, created_ms)
};

static const struct hearth_statement INSERT_DEVICE = {
	.name = "accounts.insert_device",
	.sql = "INSERT INTO account_devices (user_id, device_id, display_name, created_ms, last_seen_ms)"
	       " VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING",
	.params = DEVICE,
};
static const struct hearth_field OWNER[] = { HEARTH_COLUMNS(struct device_row, user_id, device_id) };
static const struct hearth_statement DELETE_ACCESS_TOKENS = {
	.name = "accounts.delete_device_access_tokens",
	.sql = "DELETE FROM account_access_tokens WHERE user_id = $1 AND device_id = $2",
	.params = OWNER,
};
static const struct hearth_statement DELETE_REFRESH_TOKENS = {
	.name = "accounts.delete_device_refresh_tokens",
	.sql = "DELETE FROM account_refresh_tokens WHERE user_id = $1 AND device_id = $2",
	.params = OWNER,
};

struct token_row {
	struct hearth_bytes access_hash, refresh_hash;
	const char         *user_id, *device_id;
	int64_t             access_expires_ms, refresh_expires_ms, session_expires_ms, now_ms;
};

static const struct hearth_field ACCESS_ONLY[] = {
	HEARTH_COLUMNS(struct token_row, access_hash, user_id, device_id, access_expires_ms, now_ms)
};
static const struct hearth_statement INSERT_ACCESS_TOKEN = {
	.name = "accounts.insert_access_token",
	.sql = "INSERT INTO account_access_tokens (token_hash, user_id, device_id, expires_ms, validated_ms, used)"
	       " VALUES ($1, $2, $3, $4, $5, true)",
	.params = ACCESS_ONLY,
};
static const struct hearth_field BOTH[] = {
	HEARTH_COLUMNS(struct token_row, access_hash, user_id, device_id, access_expires_ms, now_ms, refresh_hash,
		       refresh_expires_ms, session_expires_ms)
};
static const struct hearth_statement INSERT_TOKEN_PAIR = {
	.name = "accounts.insert_token_pair",
	.sql = "WITH made AS (INSERT INTO account_refresh_tokens"
	       " (token_hash, user_id, device_id, expires_ms, session_expires_ms)"
	       " VALUES ($6, $2, $3, $7, $8) RETURNING id)"
	       " INSERT INTO account_access_tokens (token_hash, user_id, device_id, expires_ms, validated_ms, refresh_id)"
	       " SELECT $1, $2, $3, $4, $5, id FROM made",
	.params = BOTH,
};

struct making {
	struct accounts         *accounts;
	struct accounts_session *session;
	struct token_row         row;
};

HEARTH_SUSPENDS static int make_session(struct hearth_tx *tx, struct hearth_task *task, void *argument,
					struct hearth_error *err)
{
	struct making *making = argument;
	struct accounts *accounts = making->accounts;
	struct accounts_session *session = making->session;
	const struct device_row device = { .user_id = session->user_id, .device_id = session->device_id,
					   .display_name = session->device_name, .created_ms = making->row.now_ms };
	struct hearth_rows rows;
	int r;

	r = accounts->db->query(tx, &INSERT_DEVICE, &device, &rows, err);
	if (r < 0)
		return r;
	if (rows.affected == 0) {
		r = accounts->db->exec(tx, &DELETE_ACCESS_TOKENS, &device, err);
		if (r == 0)
			r = accounts->db->exec(tx, &DELETE_REFRESH_TOKENS, &device, err);
		if (r == 0)
			r = accounts_auth_forget(accounts, tx, session->user_id, err);
	} else {
		r = accounts_devices_changed(accounts, task, tx, session->user_id, &session->device_id, 1,
					     HEARTH_DEVICE_ADDED, err);
	}
	if (r < 0)
		return r;
	return accounts->db->exec(tx, session->refreshable ? &INSERT_TOKEN_PAIR : &INSERT_ACCESS_TOKEN, &making->row, err);
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

int accounts_tokens_session(struct accounts *accounts, struct hearth_task *task, struct accounts_session *session,
			    struct hearth_error *err)
{
	const struct accounts_config *config = &accounts->config;
	struct hearth_arena *arena = accounts->tasks->arena(task);
	const char *localpart = hearth_id_localpart(arena, session->user_id);
	int64_t now = accounts->tasks->now_ms(), lifetime;
	struct making making = { .accounts = accounts, .session = session };
	struct token_row *row = &making.row;

	if (!session->device_id) {
		char *made = hearth_arena_alloc(arena, 11);

		random_letters(made, 10);
		for (char *c = made; *c; c++)
			*c &= (char)~0x20;
		session->device_id = made;
	}
	lifetime = session->refreshable ? config->refreshable_ms : config->nonrefreshable_ms;
	row->now_ms = now;
	row->user_id = session->user_id;
	row->device_id = session->device_id;
	row->session_expires_ms = config->session_ms && !session->guest ? now + config->session_ms : 0;
	row->access_expires_ms = session->guest ? 0 : earlier(lifetime ? now + lifetime : 0, row->session_expires_ms);
	row->refresh_expires_ms = earlier(config->refresh_ms ? now + config->refresh_ms : 0, row->session_expires_ms);
	session->access_token = accounts_tokens_make(arena, "syt", localpart);
	session->refresh_token = session->refreshable ? accounts_tokens_make(arena, "syr", localpart) : NULL;
	session->expires_in_ms = row->access_expires_ms ? row->access_expires_ms - now : 0;
	row->access_hash = accounts_tokens_hash(arena, session->access_token);
	if (session->refreshable)
		row->refresh_hash = accounts_tokens_hash(arena, session->refresh_token);
	return accounts->db->transact(task, HEARTH_TX_WRITE, make_session, &making, err);
}

int accounts_tokens_tell_login(struct accounts *accounts, struct hearth_task *task, const struct hearth_request *req,
			       const struct accounts_session *session, struct hearth_error *err)
{
	struct hearth_hook_session told = { .user_id = session->user_id, .device_id = session->device_id, .ip = req->ip,
					    .user_agent = req->user_agent };
	int r = accounts->hooks->run(accounts->host, task, HEARTH_HOOK_ACCOUNT_ON_LOGIN, &told, err);

	return r < 0 ? r : 0;
}

void accounts_tokens_write(struct hearth_writer *w, const struct accounts_session *session)
{
	hearth_write_string(w, "access_token", session->access_token);
	hearth_write_string(w, "device_id", session->device_id);
	hearth_write_string(w, "refresh_token", session->refresh_token);
	if (session->expires_in_ms)
		hearth_write_int(w, "expires_in_ms", session->expires_in_ms);
}
