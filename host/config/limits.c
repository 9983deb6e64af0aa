/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/limits.c - the rc_* keys with Synapse's defaults.
 */
#include <errno.h>
#include <string.h>

#include "limits.h"

static const struct limit_config DEFAULTS[] = {
	{ "rc_message", 0.2, 10 },
	{ "rc_registration", 0.17, 3 },
	{ "rc_registration_token_validity", 0.1, 5 },
	{ "rc_login.address", 0.003, 5 },
	{ "rc_login.account", 0.003, 5 },
	{ "rc_login.failed_attempts", 0.17, 3 },
	{ "rc_admin_redaction", 0.2, 10 }, /* as rc_message is configured */
	{ "rc_joins.local", 0.1, 10 },
	{ "rc_joins.remote", 0.01, 10 },
	{ "rc_joins_per_room", 1, 10 },
	{ "rc_3pid_validation", 0.003, 5 },
	{ "rc_invites.per_room", 0.3, 10 },
	{ "rc_invites.per_user", 0.003, 5 },
	{ "rc_invites.per_issuer", 0.3, 10 },
	{ "rc_third_party_invite", 0.2, 10 },
	{ "rc_media_create", 10, 50 },
	{ "rc_presence.per_user", 0.1, 1 },
	{ "rc_delayed_event_mgmt", 1, 5 },
	{ "rc_reports", 1, 5 },
	{ "rc_room_creation", 0.016, 10 },
	{ "rc_user_directory", 0.016, 200 },
};

#define LIMIT_COUNT HEARTH_COUNT(DEFAULTS)

static struct limit_config limits[LIMIT_COUNT];
static struct limit_federation federation = { 1000, 10, 500, 50, 3 };
static int limits_read;

static const struct limit_config *table(void)
{
	return limits_read ? limits : DEFAULTS;
}

static int read_number(const struct config_node *map, const char *name, const char *key, double *number,
		       struct hearth_error *err)
{
	const struct config_node *node = config_get(map, key);

	int r = config_float(node, name, *number, number, err);
	if (r >= 0 && *number < 0)
		return hearth_fail(err, -ERANGE, "%s: %s.%s: found a negative number, expected 0 or more",
				   config_place(node), name, key);
	return r;
}

static int read_limit(const struct config *config, struct limit_config *limit, struct hearth_error *err)
{
	const struct config_node *node = config_find(config, limit->name);

	int r = read_number(node, limit->name, "per_second", &limit->per_second, err);
	return r < 0 ? r : read_number(node, limit->name, "burst_count", &limit->burst_count, err);
}

static int read_federation(const struct config *config, struct limit_federation *ret, struct hearth_error *err)
{
	const struct config_node *node = config_find(config, "rc_federation");
	const struct {
		const char *key;
		int64_t    *member;
	} KEYS[] = {
		{ "window_size", &ret->window_ms },	{ "sleep_limit", &ret->sleep_limit },
		{ "sleep_delay", &ret->sleep_delay_ms }, { "reject_limit", &ret->reject_limit },
		{ "concurrent", &ret->concurrent },
	};
	int r = 0;

	for (size_t i = 0; i < HEARTH_COUNT(KEYS) && r >= 0; i++)
		r = config_int(config_get(node, KEYS[i].key), KEYS[i].key, 0, INT32_MAX, *KEYS[i].member, KEYS[i].member,
			       err);
	return r;
}

int limit_config_read(const struct config *config, struct hearth_error *err)
{
	struct limit_config read[LIMIT_COUNT];
	struct limit_federation read_fed = { 1000, 10, 500, 50, 3 };
	size_t message = 0;
	int r = 0;

	memcpy(read, DEFAULTS, sizeof(read));
	for (size_t i = 0; i < LIMIT_COUNT && r >= 0; i++) {
		if (strcmp(read[i].name, "rc_message") == 0)
			message = i;
		if (strcmp(read[i].name, "rc_admin_redaction") == 0) {
			read[i].per_second = read[message].per_second;
			read[i].burst_count = read[message].burst_count;
		}
		r = read_limit(config, &read[i], err);
	}
	if (r >= 0)
		r = read_federation(config, &read_fed, err);
	if (r < 0)
		return r;
	memcpy(limits, read, sizeof(limits));
	federation = read_fed;
	limits_read = 1;
	return 0;
}

const struct limit_config *limit_config_find(const char *name)
{
	for (size_t i = 0; i < LIMIT_COUNT; i++)
		if (strcmp(DEFAULTS[i].name, name) == 0)
			return &table()[i];
	return NULL;
}

const struct limit_config *limit_config_at(size_t index)
{
	return index < LIMIT_COUNT ? &table()[index] : NULL;
}

const struct limit_federation *limit_config_federation(void)
{
	return &federation;
}
