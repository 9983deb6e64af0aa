/* SPDX-License-Identifier: Apache-2.0
 *
 * host/ctl/register.c - makes an account with the registration shared secret, over the admin API.
 */
#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <hearth/json.h>
#include <hearth/writer.h>

#include "config/config.h"

#include "ctl.h"

#define REGISTER_PATH "/_synapse/admin/v1/register"
#define PASSWORD_FILE_BYTES_MAX 4096
#define LINE_BYTES_MAX 1024

struct registration {
	struct hearth_arena *arena;
	const char          *user, *password, *password_file, *user_type, *secret, *config_file;
	int                  admin; /* -1: ask */
	int                  exists_ok;
	struct ctl_server    server;
};

static const char USAGE[] =
	"Usage: hearthctl register [OPTIONS] [SERVER-URL]\n\n"
	"Makes an account on a running server. What is not given is asked for.\n\n"
	"  -u, --user NAME           the name before the ':' of the user id\n"
	"  -p, --password TEXT       its password (other users of this machine may see it; better: --password-file)\n"
	"      --password-file FILE  read the password from FILE; '-' is standard input\n"
	"  -a, --admin               the account may use the admin API\n"
	"      --no-admin            it may not\n"
	"  -t, --user_type TYPE      a type such as 'bot' or 'support'\n"
	"  -c, --config FILE         take shared secret and URL from this configuration\n"
	"  -k, --shared-secret TEXT  the registration_shared_secret\n"
	"      --exists-ok           an account that is there already is no failure\n"
	"  SERVER-URL                such as http://127.0.0.1:8008, the default\n";

enum { OPTION_NO_ADMIN = 256, OPTION_EXISTS_OK, OPTION_PASSWORD_FILE };

static const struct option OPTIONS[] = {
	{ "user", required_argument, NULL, 'u' },
	{ "password", required_argument, NULL, 'p' },
	{ "password-file", required_argument, NULL, OPTION_PASSWORD_FILE },
	{ "admin", no_argument, NULL, 'a' },
	{ "no-admin", no_argument, NULL, OPTION_NO_ADMIN },
	{ "user_type", required_argument, NULL, 't' },
	{ "config", required_argument, NULL, 'c' },
	{ "shared-secret", required_argument, NULL, 'k' },
	{ "exists-ok", no_argument, NULL, OPTION_EXISTS_OK },
	{ "help", no_argument, NULL, 'h' },
	{ NULL },
};

/* 0, or an exit code + 1 where all is said. */
static int parse(int argc, char **argv, struct registration *reg)
{
	int option;

	while ((option = getopt_long(argc, argv, "u:p:at:c:k:h", OPTIONS, NULL)) != -1)
		switch (option) {
		case 'u': reg->user = optarg; break;
		case 'p': reg->password = optarg; break;
		case OPTION_PASSWORD_FILE: reg->password_file = optarg; break;
		case 'a': reg->admin = 1; break;
		case OPTION_NO_ADMIN: reg->admin = 0; break;
		case 't': reg->user_type = optarg; break;
		case 'c': reg->config_file = optarg; break;
		case 'k': reg->secret = optarg; break;
		case OPTION_EXISTS_OK: reg->exists_ok = 1; break;
		case 'h': fputs(USAGE, stdout); return CTL_DONE + 1;
		default: fputs(USAGE, stderr); return CTL_USAGE + 1;
		}
	if (argc - optind > 1 || (reg->password && reg->password_file)) {
		fputs(USAGE, stderr);
		return CTL_USAGE + 1;
	}
	reg->server.url = argv[optind];
	return 0;
}

static int read_config(struct registration *reg, struct hearth_error *err)
{
	struct config *config;

	if (!reg->config_file)
		return 0;
	int r = config_load(&reg->config_file, 1, &config, err);
	if (r >= 0 && !reg->secret) {
		r = config_secret(config, "registration_shared_secret", &reg->secret, err);
		reg->secret = hearth_arena_strdup(reg->arena, r < 0 ? NULL : reg->secret);
	}
	if (r >= 0 && !reg->server.url)
		r = ctl_find_server(reg->arena, config, "client", &reg->server, err);
	if (r >= 0 && reg->server.socket)
		reg->server.socket = hearth_arena_strdup(reg->arena, reg->server.socket);
	if (r >= 0)
		config_free(config);
	return r;
}

static int ask(struct registration *reg, const char *question, const char **ret, struct hearth_error *err)
{
	char line[LINE_BYTES_MAX];

	fputs(question, stdout);
	fflush(stdout);
	if (!fgets(line, sizeof(line), stdin))
		return hearth_fail(err, -EINVAL, "no answer; --help tells how to give it as an option");
	line[strcspn(line, "\r\n")] = '\0';
	*ret = hearth_arena_strdup(reg->arena, line);
	return 0;
}

static int ask_hidden(struct registration *reg, const char *question, const char **ret, struct hearth_error *err)
{
	struct termios shown, hidden;
	int terminal = tcgetattr(STDIN_FILENO, &shown) == 0;

	if (terminal) {
		hidden = shown;
		hidden.c_lflag &= ~(tcflag_t)ECHO;
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
	}
	int r = ask(reg, question, ret, err);
	if (terminal) {
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
		putchar('\n');
	}
	return r;
}

static int ask_password(struct registration *reg, struct hearth_error *err)
{
	const char *again;

	int r = ask_hidden(reg, "Password: ", &reg->password, err);
	if (r >= 0)
		r = ask_hidden(reg, "The same again: ", &again, err);
	if (r >= 0 && strcmp(again, reg->password) != 0)
		return hearth_fail(err, -EINVAL, "the two passwords differ");
	return r;
}

static int read_password_file(struct registration *reg, struct hearth_error *err)
{
	const char *path = strcmp(reg->password_file, "-") == 0 ? "/dev/stdin" : reg->password_file;
	size_t length;
	char *text;

	int r = config_read_file(reg->arena, path, PASSWORD_FILE_BYTES_MAX, &text, &length, err);
	if (r < 0)
		return r;
	text[strcspn(text, "\r\n")] = '\0';
	reg->password = text;
	return 0;
}

static int complete(struct registration *reg, struct hearth_error *err)
{
	const struct passwd *self = getpwuid(getuid());
	const char *answer;
	int r = 0;

	if (!reg->secret)
		return hearth_fail(err, -EINVAL, "no shared secret: give -c FILE with registration_shared_secret, or -k");
	if (!reg->server.url)
		reg->server.url = "http://127.0.0.1:8008";
	if (!reg->user) {
		r = ask(reg, hearth_arena_printf(reg->arena, "New user's name [%s]: ", self ? self->pw_name : ""),
			&reg->user, err);
		if (r >= 0 && !*reg->user && self)
			reg->user = self->pw_name;
	}
	if (r >= 0 && reg->password_file)
		r = read_password_file(reg, err);
	if (r >= 0 && !reg->password)
		r = ask_password(reg, err);
	if (r >= 0 && !*reg->password)
		r = hearth_fail(err, -EINVAL, "the password is empty");
	if (r >= 0 && reg->admin < 0) {
		r = ask(reg, "Shall it be an admin [no]: ", &answer, err);
		reg->admin = r >= 0 && (*answer == 'y' || *answer == 'Y');
	}
	return r;
}

/* HMAC-SHA1 over nonce, name, password, role and type with NULs between them, in hexadecimal. */
static const char *mac_of(const struct registration *reg, const char *nonce)
{
	const char *parts[] = { nonce, reg->user, reg->password, reg->admin > 0 ? "admin" : "notadmin", reg->user_type };
	unsigned char mac[20];
	char *hex = hearth_arena_alloc(reg->arena, 2 * sizeof(mac) + 1);
	char *message = NULL;
	size_t length = 0;

	for (size_t i = 0; i < HEARTH_COUNT(parts) && parts[i]; i++) {
		size_t part = strlen(parts[i]), start = length ? length + 1 : 0;
		message = hearth_arena_grow(reg->arena, message, length, start + part + 1);
		memcpy(message + start, parts[i], part);
		length = start + part;
	}
	hearth_assert(HMAC(EVP_sha1(), reg->secret, (int)strlen(reg->secret), (unsigned char *)message, length, mac, NULL));
	for (size_t i = 0; i < sizeof(mac); i++)
		snprintf(hex + 2 * i, 3, "%02x", mac[i]);
	return hex;
}

static const char *request_body(const struct registration *reg, const char *nonce)
{
	struct hearth_writer *w = hearth_writer_new(reg->arena);

	hearth_write_object(w, NULL);
	hearth_write_string(w, "nonce", nonce);
	hearth_write_string(w, "username", reg->user);
	hearth_write_string(w, "password", reg->password);
	hearth_write_bool(w, "admin", reg->admin);
	hearth_write_string(w, "user_type", reg->user_type);
	hearth_write_string(w, "mac", mac_of(reg, nonce));
	hearth_write_end(w);
	return hearth_writer_text(w, NULL);
}

/* Answers that are no JSON count as an empty object. */
static const struct hearth_json *json_of(struct hearth_arena *arena, const struct ctl_answer *answer)
{
	const struct hearth_json *json;

	return hearth_json_parse(arena, answer->body, answer->length, 0, &json, NULL) < 0 ? NULL : json;
}

static int refuse(const struct ctl_answer *answer, const struct hearth_json *json, struct hearth_error *err)
{
	const char *message = hearth_json_get_string(json, "error");

	if (answer->status == 404)
		return hearth_fail(err, -ENOENT, "the server has no registration by shared secret (404); is the URL right?");
	return hearth_fail(err, -EACCES, "the server refused (%ld): %.150s", answer->status,
			   message ? message : "no reason given");
}

static int make_account(struct registration *reg, struct hearth_error *err)
{
	struct ctl_answer answer;

	int r = ctl_http(reg->arena, &reg->server, REGISTER_PATH, NULL, &answer, err);
	if (r < 0)
		return r;
	const struct hearth_json *json = json_of(reg->arena, &answer);
	const char *nonce = hearth_json_get_string(json, "nonce");
	if (answer.status != 200 || !nonce)
		return refuse(&answer, json, err);
	r = ctl_http(reg->arena, &reg->server, REGISTER_PATH, request_body(reg, nonce), &answer, err);
	if (r < 0)
		return r;
	json = json_of(reg->arena, &answer);
	const char *errcode = hearth_json_get_string(json, "errcode");
	if (answer.status != 200 && reg->exists_ok && errcode && strcmp(errcode, "M_USER_IN_USE") == 0) {
		printf("The user '%s' is there already.\n", reg->user);
		return 0;
	}
	if (answer.status != 200)
		return refuse(&answer, json, err);
	const char *user_id = hearth_json_get_string(json, "user_id");
	printf("Registered %s%s.\n", user_id ? user_id : reg->user, reg->admin > 0 ? ", an admin" : "");
	return 0;
}

static size_t trimmed(const char *url)
{
	size_t length = strlen(url);

	while (length && url[length - 1] == '/')
		length--;
	return length;
}

int ctl_register(int argc, char **argv)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct registration reg = { .arena = arena, .admin = -1 };
	struct hearth_error err = { 0 };

	int said = parse(argc, argv, &reg);
	if (said)
		return said - 1;
	if (reg.server.url)
		reg.server.url = hearth_arena_strndup(arena, reg.server.url, trimmed(reg.server.url));
	int r = read_config(&reg, &err);
	if (r >= 0)
		r = complete(&reg, &err);
	if (r >= 0)
		r = make_account(&reg, &err);
	return r < 0 ? ctl_fail(&err) : CTL_DONE;
}
