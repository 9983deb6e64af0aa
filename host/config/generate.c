/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/generate.c - the first configuration of a new server.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hearth/matrix/id.h>

#include "keys/keys.h"

#include "generate.h"

#define SECRET_LETTERS 50

static const char TEMPLATE[] =
	"# Configuration of a Hearth homeserver. Its keys are those of Synapse's homeserver.yaml;\n"
	"# 'hearthctl config explain KEY' tells about each, 'hearthctl check-config FILE' checks this file.\n"
	"\n"
	"# Stands at the end of every user id, and can never change.\n"
	"server_name: %s\n"
	"\n"
	"# The URL under which clients reach this server, where it is not the listener below:\n"
	"#public_baseurl: https://matrix.example.com/\n"
	"\n"
	"# Plain HTTP for this machine alone; a reverse proxy adds TLS.\n"
	"listeners:\n"
	"  - port: 8008\n"
	"    type: http\n"
	"    bind_addresses: ['127.0.0.1']\n"
	"    x_forwarded: true\n"
	"    resources:\n"
	"      - names: [client, federation]\n"
	"\n"
	"# PostgreSQL, 'args' being libpq's connection parameters.\n"
	"database:\n"
	"  name: psycopg2\n"
	"  args:\n"
	"    host: %s\n"
	"    user: %s\n"
	"    dbname: %s\n"
	"    cp_max: 10\n"
	"\n"
	"# May strangers make accounts? 'hearthctl register' works in any case.\n"
	"enable_registration: false\n"
	"\n"
	"# Secrets: whoever knows them can act as this server or its admins.\n"
	"registration_shared_secret: '%s'\n"
	"macaroon_secret_key: '%s'\n"
	"form_secret: '%s'\n"
	"signing_key_path: %s\n";

/* A text in YAML's single quotes. */
static char *quoted(struct hearth_arena *arena, const char *text)
{
	char *copy = hearth_arena_alloc(arena, strlen(text) * 2 + 3), *at = copy;

	*at++ = '\'';
	for (; *text; text++) {
		if (*text == '\'')
			*at++ = '\'';
		*at++ = *text;
	}
	*at = '\'';
	return copy;
}

static char *setting(struct hearth_arena *arena, const char *variable, const char *fallback)
{
	const char *value = getenv(variable);

	return quoted(arena, value && *value ? value : fallback);
}

static char *absolute(struct hearth_arena *arena, const char *folder)
{
	char *found = realpath(folder, NULL);
	char *copy = hearth_arena_strdup(arena, found ? found : folder);

	free(found);
	return copy;
}

static char *secret(struct hearth_arena *arena)
{
	char *text = hearth_arena_alloc(arena, SECRET_LETTERS + 1);

	hearth_id_random(text, SECRET_LETTERS + 1);
	return text;
}

int config_generate(const char *server_name, const char *config_path, const char *data_dir, struct hearth_error *err)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();

	if (!hearth_id_is_server_name(server_name))
		return hearth_fail(err, -EINVAL, "'%.80s' is no server name; expected one such as example.com",
				   server_name);
	if (strpbrk(data_dir, "\n\r"))
		return hearth_fail(err, -EINVAL, "the data folder's name has a line break");
	if (access(config_path, F_OK) == 0)
		return hearth_fail(err, -EEXIST, "%s: is there already and stays as it is", config_path);
	char *key_path = hearth_arena_printf(arena, "%s/%s.signing.key", absolute(arena, data_dir), server_name);
	char *text = hearth_arena_printf(arena, TEMPLATE, quoted(arena, server_name),
					 setting(arena, "PGHOST", "/var/run/postgresql"),
					 setting(arena, "PGUSER", "hearth"), setting(arena, "PGDATABASE", "hearth"),
					 secret(arena), secret(arena), secret(arena), quoted(arena, key_path));
	int r = keys_generate(key_path, err);
	return r < 0 ? r : keys_write_new(config_path, text, err);
}
