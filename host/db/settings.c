/* SPDX-License-Identifier: Apache-2.0 */
#include "db/settings.h"

#include <errno.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

#define CONNECTIONS_MIN_DEFAULT 1
#define CONNECTIONS_MAX_DEFAULT 10
#define CONNECT_TIMEOUT_DEFAULT_MS 10000

/* What every connection starts from; the section's args replace them. */
static const struct {
	const char *keyword, *value;
} DEFAULTS[] = {
	{ "application_name", "hearth" }, { "client_encoding", "UTF8" },
	{ "keepalives_idle", "60" },      { "keepalives_interval", "10" },
	{ "keepalives_count", "3" },      { "tcp_user_timeout", "30000" },
};

static char *copy(const char *text)
{
	char *copied = strdup(text);

	hearth_assert(copied);
	return copied;
}

static char **slot(const struct db_settings *settings, const char *keyword)
{
	for (size_t i = 0; i < settings->count; i++)
		if (!strcmp(settings->keywords[i], keyword))
			return &settings->values[i];
	return NULL;
}

const char *db_settings_get(const struct db_settings *settings, const char *keyword)
{
	char **value = slot(settings, keyword);

	return value ? *value : NULL;
}

static void set(struct db_settings *settings, const char *keyword, const char *value)
{
	char **old = slot(settings, keyword);

	if (old) {
		free(*old);
		*old = copy(value);
		return;
	}
	settings->keywords[settings->count] = copy(keyword);
	settings->values[settings->count++] = copy(value);
}

void db_settings_clear(struct db_settings *settings)
{
	for (size_t i = 0; i < settings->count; i++) {
		free(settings->keywords[i]);
		free(settings->values[i]);
	}
	free(settings->keywords);
	free(settings->values);
	*settings = (struct db_settings){ 0 };
}

static int check_engine(const struct config_node *section, struct hearth_error *err)
{
	const struct config_node *node = config_get(section, "name");
	const char *name = config_text(node);

	if (!section)
		return hearth_fail(err, -EINVAL, "database is missing; expected PostgreSQL (name: psycopg2, args: ...), or "
				   "let ./quickstart make a private one");
	if (name && !strcmp(name, "psycopg2"))
		return 0;
	if (!name || !strcmp(name, "sqlite3"))
		return hearth_fail(err, -EINVAL,
				   "%s: database.name: sqlite3 is not supported; use PostgreSQL (name: psycopg2), or let "
				   "./quickstart make a private one",
				   config_place(name ? node : section));
	return hearth_fail(err, -EINVAL, "%s: database.name: unknown engine '%s'; expected psycopg2", config_place(node),
			   name);
}

static bool known_keyword(const char *keyword)
{
	PQconninfoOption *options = PQconndefaults();
	bool known = false;

	hearth_assert(options);
	for (PQconninfoOption *option = options; option->keyword && !known; option++)
		known = !strcmp(option->keyword, keyword);
	PQconninfoFree(options);
	return known;
}

static int read_argument(struct db_settings *settings, const char *key, const struct config_node *node,
			 struct hearth_error *err)
{
	const char *value = config_text(node);
	const char *keyword = !strcmp(key, "database") ? "dbname" : key;

	if (!strncmp(key, "cp_", 3) || config_kind(node) == CONFIG_NULL)
		return 0;
	if (!value)
		return hearth_fail(err, -EINVAL, "%s: database.args.%s: expected one value", config_place(node), key);
	if (!known_keyword(keyword))
		return hearth_fail(err, -EINVAL,
				   "%s: database.args.%s: libpq knows no such connection parameter", config_place(node),
				   key);
	if (!strcmp(keyword, "client_encoding") && strcasecmp(value, "UTF8") && strcasecmp(value, "UTF-8"))
		return hearth_fail(err, -EINVAL, "%s: database.args.client_encoding: must be UTF8", config_place(node));
	set(settings, keyword, value);
	return 0;
}

static int read_sizes(struct db_settings *settings, const struct config_node *args, struct hearth_error *err)
{
	int64_t least, most;
	int r;

	r = config_int(config_get(args, "cp_max"), "database.args.cp_max", 1, DB_CONNECTIONS_MAX,
		       CONNECTIONS_MAX_DEFAULT, &most, err);
	if (r < 0)
		return r;
	/* One connection is always left to reads, so that a task in a transaction can read beside it. */
	if (most < 2)
		most = 2;
	r = config_int(config_get(args, "cp_min"), "database.args.cp_min", 0, DB_CONNECTIONS_MAX,
		       CONNECTIONS_MIN_DEFAULT, &least, err);
	if (r < 0)
		return r;
	settings->connections_max = (size_t)most;
	settings->connections_min = (size_t)(least > most ? most : least < 1 ? 1 : least);
	return 0;
}

/* Only a host name leads to the resolver: neither a socket folder nor an address does. */
static bool resolves_names(const struct db_settings *settings)
{
	const char *host = db_settings_get(settings, "host");

	if (!host || !*host || *host == '/' || *host == '@' || db_settings_get(settings, "hostaddr"))
		return false;
	return strspn(host, "0123456789.") != strlen(host) && !strchr(host, ':');
}

static int read_args(struct db_settings *settings, const struct config_node *args, struct hearth_error *err)
{
	const char *timeout;
	int r;

	for (size_t i = 0; i < config_size(args); i++) {
		r = read_argument(settings, config_key_at(args, i), config_at(args, i), err);
		if (r < 0)
			return r;
	}
	r = read_sizes(settings, args, err);
	if (r < 0)
		return r;
	timeout = db_settings_get(settings, "connect_timeout");
	settings->connect_timeout_ms = timeout ? strtoll(timeout, NULL, 10) * 1000 : 0;
	if (settings->connect_timeout_ms <= 0)
		settings->connect_timeout_ms = CONNECT_TIMEOUT_DEFAULT_MS;
	settings->resolves_names = resolves_names(settings);
	return 0;
}

int db_settings_read(struct db_settings *ret_settings, struct hearth_error *err)
{
	HEARTH_CLEANUP(db_settings_clear) struct db_settings settings = { 0 };
	const struct config_node *section = config_find(NULL, "database");
	const struct config_node *args = config_get(section, "args");
	size_t room = HEARTH_COUNT(DEFAULTS) + config_size(args) + 1;
	int unsafe, r;

	if (!section && config_find(NULL, "databases"))
		return hearth_fail(err, -EINVAL, "%s: databases: one database is supported; describe it under database:",
				   config_place(config_find(NULL, "databases")));
	r = check_engine(section, err);
	if (r < 0)
		return r;
	settings.keywords = calloc(room, sizeof(*settings.keywords));
	settings.values = calloc(room, sizeof(*settings.values));
	hearth_assert(settings.keywords && settings.values);
	for (size_t i = 0; i < HEARTH_COUNT(DEFAULTS); i++)
		set(&settings, DEFAULTS[i].keyword, DEFAULTS[i].value);
	r = read_args(&settings, args, err);
	if (r < 0)
		return r;
	r = config_bool(config_get(section, "allow_unsafe_locale"), "database.allow_unsafe_locale", 0, &unsafe, err);
	if (r < 0)
		return r;
	settings.allow_unsafe_locale = unsafe;
	*ret_settings = settings;
	settings = (struct db_settings){ 0 };
	return 0;
}
