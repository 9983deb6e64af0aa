/* SPDX-License-Identifier: Apache-2.0 */
/* Rule 10: changes of the power levels. */
#include "auth_private.h"

#include <errno.h>
#include <string.h>

#include <hearth/matrix/id.h>

static const char *const SCALARS[] = {
	"users_default", "events_default", "state_default", "ban", "redact", "kick", "invite",
};

/* Rules 10.1 and 10.2, from version 10 on. */
static int check_integers(const struct auth_check *check)
{
	static const char *const maps[] = { "events", "notifications" };
	const struct hearth_json *content = check->event->content;

	for (size_t i = 0; i < HEARTH_COUNT(SCALARS); i++) {
		const struct hearth_json *value = hearth_json_get(content, SCALARS[i]);

		if (value && hearth_json_type(value) != HEARTH_JSON_INT)
			return hearth_auth_reject(check, "a power level is not an integer");
	}
	for (size_t i = 0; i < HEARTH_COUNT(maps); i++) {
		const struct hearth_json *map = hearth_json_get(content, maps[i]);

		if (map && hearth_json_type(map) != HEARTH_JSON_OBJECT)
			return hearth_auth_reject(check, "events or notifications is not an object");
		for (size_t j = 0; j < hearth_json_size(map); j++)
			if (hearth_json_type(hearth_json_at(map, j)) != HEARTH_JSON_INT)
				return hearth_auth_reject(check, "a power level is not an integer");
	}
	return 0;
}

/* Rule 10.3. */
static int check_users(const struct auth_check *check)
{
	const struct hearth_json *users = hearth_json_get(check->event->content, "users");
	int64_t power;

	if (users && hearth_json_type(users) != HEARTH_JSON_OBJECT)
		return hearth_auth_reject(check, "users is not an object");
	for (size_t i = 0; i < hearth_json_size(users); i++) {
		const char *user_id = hearth_json_key_at(users, i);

		if (!hearth_id_is_user(user_id) || strlen(user_id) != hearth_json_key_length_at(users, i))
			return hearth_auth_reject(check, "users names something that is not a user id");
		if (hearth_auth_power_parse(check->event->version, hearth_json_at(users, i), &power) < 0)
			return hearth_auth_reject(check, "a user's power level is not an integer");
	}
	return 0;
}

/* Rule 10.4, from version 12 on: the creators' power is not for the levels to say. */
static int check_no_creators(const struct auth_check *check)
{
	const struct hearth_json *users = hearth_json_get(check->event->content, "users");

	for (size_t i = 0; i < hearth_json_size(users); i++)
		if (hearth_auth_is_creator(check->create, hearth_json_key_at(users, i)))
			return hearth_auth_reject(check, "users names a creator of the room");
	return 0;
}

struct alteration {
	const struct hearth_json *before, *after; /* NULL: absent */
	int of_other_user;                        /* an entry of users that is not the sender's own */
};

/* Rules 10.6 to 10.10 on one value. */
static int check_alteration(const struct auth_check *check, const struct alteration *alteration, int64_t power)
{
	const struct hearth_room_version *version = check->event->version;
	int64_t before = 0, after = 0;

	if ((alteration->before && hearth_auth_power_parse(version, alteration->before, &before) < 0) ||
	    (alteration->after && hearth_auth_power_parse(version, alteration->after, &after) < 0))
		return hearth_auth_reject(check, "a power level is not an integer");
	if (alteration->before && alteration->after && before == after)
		return 0;
	if (alteration->before && (before > power || (alteration->of_other_user && before == power)))
		return hearth_auth_reject(check, "the sender's power level is too low to change this power level");
	if (alteration->after && after > power)
		return hearth_auth_reject(check, "the sender's power level is too low to grant this power level");
	return 0;
}

static int check_scalars(const struct auth_check *check, int64_t power)
{
	for (size_t i = 0; i < HEARTH_COUNT(SCALARS); i++) {
		const struct alteration alteration = {
			.before = hearth_json_get(check->power_levels->content, SCALARS[i]),
			.after = hearth_json_get(check->event->content, SCALARS[i]),
		};
		int r = check_alteration(check, &alteration, power);

		if (r < 0)
			return r;
	}
	return 0;
}

static int check_entry(const struct auth_check *check, const struct hearth_json *before,
		       const struct hearth_json *after, const char *key, int64_t power, int are_users)
{
	const struct alteration alteration = {
		.before = hearth_json_get(before, key),
		.after = hearth_json_get(after, key),
		.of_other_user = are_users && strcmp(key, check->event->sender) != 0,
	};

	return check_alteration(check, &alteration, power);
}

static int check_map(const struct auth_check *check, const char *name, int64_t power)
{
	const struct hearth_json *before = hearth_json_get(check->power_levels->content, name);
	const struct hearth_json *after = hearth_json_get(check->event->content, name);
	int are_users = strcmp(name, "users") == 0;
	int r;

	if (after && hearth_json_type(after) != HEARTH_JSON_OBJECT)
		return hearth_auth_reject(check, "events or notifications is not an object");
	if (hearth_json_type(before) != HEARTH_JSON_OBJECT)
		before = NULL;
	for (size_t i = 0; i < hearth_json_size(before); i++) {
		r = check_entry(check, before, after, hearth_json_key_at(before, i), power, are_users);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < hearth_json_size(after); i++) {
		r = check_entry(check, before, after, hearth_json_key_at(after, i), power, are_users);
		if (r < 0)
			return r;
	}
	return 0;
}

static int check_alterations(const struct auth_check *check)
{
	int64_t power = hearth_auth_power(check, check->event->sender);
	int r;

	r = check_scalars(check, power);
	if (r < 0)
		return r;
	r = check_map(check, "users", power);
	if (r < 0)
		return r;
	r = check_map(check, "events", power);
	if (r < 0 || !check->event->version->notifications_power)
		return r;
	return check_map(check, "notifications", power);
}

int hearth_auth_levels_check(const struct auth_check *check)
{
	const struct hearth_room_version *version = check->event->version;
	int r = 0;

	if (version->integer_power_levels)
		r = check_integers(check);
	if (r < 0)
		return r;
	r = check_users(check);
	if (r < 0)
		return r;
	if (version->creator_power)
		r = check_no_creators(check);
	if (r < 0)
		return r;
	return check->power_levels ? check_alterations(check) : 0;
}
