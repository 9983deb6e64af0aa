/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/keytable.c - looks keys up, checks the types of a whole tree, and measures how far two names are apart.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "keytable.h"
#include "node.h"

#define NAME_BYTES_MAX 192
#define DISTANCE_BYTES_MAX 63

const struct host_key HOST_KEYS[] = {
	{ "server_name", KEY_TEXT, 0, "The name at the end of every user id of this server. It never changes." },
	{ "public_baseurl", KEY_TEXT, 0, "The URL under which clients reach this server." },
	{ "listeners", KEY_LIST, 0, "Where the main process listens, and what each listener serves." },
	{ "worker_listeners", KEY_LIST, 0, "Where a worker listens, and what each listener serves." },
	{ "worker_name", KEY_TEXT, 0, "This process's name in a deployment of several." },
	{ "worker_app", KEY_TEXT, 0, "What kind of worker this process is." },
	{ "database", KEY_MAP, 0, "The PostgreSQL database: name is psycopg2, args are libpq's connection parameters." },
	{ "plugins", KEY_LIST, 0, "The plugins that this process loads. Without it: all that are installed." },
	{ "modules", KEY_LIST, 0, "Third-party plugins that this process loads besides, each with its own settings." },
	{ "plugin_path", KEY_TEXT, 0, "The folder with the plugins, instead of the one they are installed in." },
	{ "log_config", KEY_TEXT, 0, "A Python logging file, of which level and file name are taken." },
	{ "worker_log_config", KEY_TEXT, 0, "As log_config, for a worker." },
	{ "log_level", KEY_TEXT, 0, "The least level of log lines: DEBUG, INFO, WARNING or ERROR." },
	{ "log_format", KEY_TEXT, 0, "The form of log lines: human or json." },
	{ "log_file", KEY_TEXT, 0, "Where log lines go; standard error without it." },
	{ "pid_file", KEY_TEXT, 0, "A file that holds the process id while the server runs." },
	{ "tls_certificate_path", KEY_TEXT, 0, "The certificate chain of the listeners with tls: true." },
	{ "tls_private_key_path", KEY_TEXT, 0, "The private key of that certificate." },
	{ "signing_key_path", KEY_TEXT, 0, "The file with the Ed25519 keys that sign events and requests." },
	{ "signing_key", KEY_TEXT, 0, "The signing keys themselves, instead of a file." },
	{ "old_signing_keys", KEY_MAP, 0, "Public keys that have signed in the past, so that others can check those events." },
	{ "macaroon_secret_key", KEY_TEXT, 0, "The secret under links and short tokens that this server makes." },
	{ "macaroon_secret_key_path", KEY_TEXT, 0, "A file that holds macaroon_secret_key." },
	{ "rc_message", KEY_MAP, 0, "How often one user may send." },
	{ "rc_registration", KEY_MAP, 0, "How often one address may register." },
	{ "rc_registration_token_validity", KEY_MAP, 0, "How often one address may ask about registration tokens." },
	{ "rc_login", KEY_MAP, 0, "How often one address or one account may log in." },
	{ "rc_admin_redaction", KEY_MAP, 0, "How often a room's moderator may redact." },
	{ "rc_joins", KEY_MAP, 0, "How often one user may join rooms." },
	{ "rc_joins_per_room", KEY_MAP, 0, "How often one room may be joined." },
	{ "rc_3pid_validation", KEY_MAP, 0, "How often an address or telephone number may be validated." },
	{ "rc_invites", KEY_MAP, 0, "How often may be invited: per room, per invited user, per inviting user." },
	{ "rc_third_party_invite", KEY_MAP, 0, "How often one user may invite by e-mail or telephone number." },
	{ "rc_media_create", KEY_MAP, 0, "How often one user may reserve a media URI." },
	{ "rc_federation", KEY_MAP, 0, "When requests of one remote server are slowed down and refused." },
	{ "rc_presence", KEY_MAP, 0, "How often one user's presence may change." },
	{ "rc_delayed_event_mgmt", KEY_MAP, 0, "How often delayed events may be managed." },
	{ "rc_reports", KEY_MAP, 0, "How often one user may report content." },
	{ "rc_room_creation", KEY_MAP, 0, "How often one user may create rooms." },
	{ "rc_user_directory", KEY_MAP, 0, "How often one user may search the user directory." },
	{ "ip_range_blacklist", KEY_LIST, 0, "Networks that outbound requests never reach." },
	{ "ip_range_whitelist", KEY_LIST, 0, "Exceptions from ip_range_blacklist." },
	{ "form_secret", KEY_TEXT, 1, "The secret under web forms; this version has none that needs it." },
	{ "form_secret_path", KEY_TEXT, 1, "A file that holds form_secret." },
	{ "daemonize", KEY_BOOL, 1, "Taken without effect: the service manager keeps the process." },
	{ "worker_daemonize", KEY_BOOL, 1, "Taken without effect: the service manager keeps the process." },
	{ "report_stats", KEY_BOOL, 1, "Taken without effect: Hearth reports to nobody." },
	{ "suppress_key_server_warning", KEY_BOOL, 1, "Taken without effect: there is no such warning." },
	{ "uploads_path", KEY_TEXT, 1, "Taken without effect." },
	{ "use_frozen_dicts", KEY_BOOL, 1, "Taken without effect." },
	{ "soft_file_limit", KEY_INT, 1, "Taken without effect: the limit of the service manager counts." },
	{ "gc_thresholds", KEY_LIST, 1, "Taken without effect: there is no garbage collector." },
	{ "gc_min_interval", KEY_LIST, 1, "Taken without effect: there is no garbage collector." },
	{ NULL },
};

const struct synapse_key *synapse_key_find(const char *name)
{
	size_t low = 0, high = SYNAPSE_KEY_COUNT;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(name, SYNAPSE_KEYS[middle].name);
		if (order == 0)
			return &SYNAPSE_KEYS[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

const struct host_key *host_key_find(const char *name)
{
	for (const struct host_key *key = HOST_KEYS; key->name; key++) {
		size_t length = strlen(key->name);
		if (strncmp(name, key->name, length) == 0 && strchr(".[", name[length]))
			return key;
	}
	return NULL;
}

const struct synapse_key *synapse_key_member(const char *prefix, const char *key)
{
	char name[NAME_BYTES_MAX];
	const struct synapse_key *found;

	if (snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key) >= (int)sizeof(name))
		return NULL;
	found = synapse_key_find(name);
	if (found || !*prefix || snprintf(name, sizeof(name), "%s.*", prefix) >= (int)sizeof(name))
		return found;
	return synapse_key_find(name);
}

int synapse_key_has_members(const char *prefix)
{
	size_t length = strlen(prefix);

	if (length == 0)
		return 1;
	for (size_t i = 0; i < SYNAPSE_KEY_COUNT; i++)
		if (strncmp(SYNAPSE_KEYS[i].name, prefix, length) == 0 && SYNAPSE_KEYS[i].name[length] == '.')
			return 1;
	return 0;
}

const char *key_types_text(uint32_t types)
{
	static const struct {
		uint32_t    type;
		const char *text;
	} NAMES[] = {
		{ KEY_TEXT, "a text" },   { KEY_INT, "an integer" }, { KEY_FLOAT, "a number" },
		{ KEY_BOOL, "true or false" }, { KEY_LIST, "a list" },	  { KEY_MAP, "a map" },
		{ KEY_QUANTITY, "a duration or size such as 30s, 7d or 50M" },
	};
	static char text[160];
	size_t length = 0;

	text[0] = '\0';
	for (size_t i = 0; i < HEARTH_COUNT(NAMES); i++)
		if (types & NAMES[i].type)
			length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", length ? " or " : "",
						   NAMES[i].text);
	return length ? text : "any value";
}

static int scalar_fits(const struct config_node *node, uint32_t types)
{
	int64_t ignored;

	if ((types & KEY_QUANTITY) && (config_quantity(node->text, HEARTH_DURATION, &ignored) != -EINVAL ||
				       config_quantity(node->text, HEARTH_SIZE, &ignored) != -EINVAL))
		return 1;
	switch (config_scalar_type(node, NULL, NULL)) {
	case SCALAR_BOOL: return (types & KEY_BOOL) != 0;
	case SCALAR_INT: return (types & (KEY_INT | KEY_FLOAT)) != 0;
	case SCALAR_FLOAT: return (types & KEY_FLOAT) != 0;
	default: return (types & KEY_TEXT) != 0;
	}
}

static int fits(const struct config_node *node, uint32_t types)
{
	if (types == 0)
		return 1;
	switch (node->kind) {
	case CONFIG_LIST: return (types & KEY_LIST) != 0;
	case CONFIG_MAP: return (types & KEY_MAP) != 0;
	case CONFIG_NULL: return 1;
	default: return scalar_fits(node, types);
	}
}

static int check_value(const struct config_node *node, const char *name, uint32_t types, struct hearth_error *err)
{
	char element[NAME_BYTES_MAX];
	int r = 0;

	if (!fits(node, types))
		return config_wrong_type(node, name, key_types_text(types), err);
	if (node->kind == CONFIG_LIST) {
		if (snprintf(element, sizeof(element), "%s[]", name) >= (int)sizeof(element))
			return 0;
		const struct synapse_key *key = synapse_key_find(element);
		for (size_t i = 0; key && i < node->count && r >= 0; i++)
			r = check_value(node->members[i].value, element, key->types, err);
	}
	for (size_t i = 0; node->kind == CONFIG_MAP && i < node->count && r >= 0; i++) {
		const struct synapse_key *key = synapse_key_member(name, node->members[i].key);
		const struct host_key *host = *name ? NULL : host_key_find(node->members[i].key);
		if (key)
			r = check_value(node->members[i].value, key->name, key->types, err);
		else if (host)
			r = check_value(node->members[i].value, host->name, host->types, err);
	}
	return r;
}

int config_check_types(const struct config *config, struct hearth_error *err)
{
	return check_value(config->root, "", KEY_MAP, err);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t text_distance(const char *a, const char *b, size_t limit)
{
	size_t rows[3][DISTANCE_BYTES_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > DISTANCE_BYTES_MAX || lb > DISTANCE_BYTES_MAX || la > lb + limit || lb > la + limit)
		return limit + 1;
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] = least(above[j] + 1, least(row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least(row[j], above2[j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}
