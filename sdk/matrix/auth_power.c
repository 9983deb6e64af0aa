/* SPDX-License-Identifier: Apache-2.0 */
/* Power levels: how their values are read, and what an m.room.power_levels event (or none) grants and demands. */
#include "auth_private.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

/* Numbers beyond this saturate, so that none of them equals HEARTH_POWER_CREATOR. */
#define POWER_MAX INT64_C(4611686018427387904)

/* Spec, "power levels as strings": optional whitespace, one sign, decimal digits. */
static int parse_text(const char *text, size_t length, int64_t *ret_power)
{
	const char *end = text + length;
	int64_t power = 0;
	int negative;

	while (text < end && isspace((unsigned char)*text))
		text++;
	while (text < end && isspace((unsigned char)end[-1]))
		end--;
	negative = text < end && *text == '-';
	if (text < end && (*text == '-' || *text == '+'))
		text++;
	if (text == end)
		return -EINVAL;
	for (; text < end; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		if (power < POWER_MAX / 10)
			power = power * 10 + (*text - '0');
		else
			power = POWER_MAX;
	}
	*ret_power = negative ? -power : power;
	return 0;
}

static int64_t saturate(double number)
{
	if (number >= (double)POWER_MAX)
		return POWER_MAX;
	if (number <= -(double)POWER_MAX)
		return -POWER_MAX;
	return (int64_t)number;
}

static int64_t saturate_int(int64_t number)
{
	if (number > POWER_MAX)
		return POWER_MAX;
	return number < -POWER_MAX ? -POWER_MAX : number;
}

int hearth_auth_power_parse(const struct hearth_room_version *version, const struct hearth_json *value,
			    int64_t *ret_power)
{
	const char *text;
	size_t length;

	switch (hearth_json_type(value)) {
	case HEARTH_JSON_INT: *ret_power = saturate_int(hearth_json_int(value)); return 0;
	case HEARTH_JSON_FLOAT:
		if (version->integer_power_levels || !isfinite(hearth_json_float(value)))
			return -EINVAL;
		*ret_power = saturate(hearth_json_float(value));
		return 0;
	case HEARTH_JSON_STRING:
		if (version->integer_power_levels)
			return -EINVAL;
		text = hearth_json_string(value, &length);
		return parse_text(text, length, ret_power);
	default: return -EINVAL;
	}
}

static int64_t level(const struct hearth_room_version *version, const struct hearth_json *object, const char *key,
		     int64_t fallback)
{
	int64_t power;

	if (hearth_auth_power_parse(version, hearth_json_get(object, key), &power) < 0)
		return fallback;
	return power;
}

static const struct hearth_json *content_of(const struct hearth_event *event)
{
	return event ? event->content : NULL;
}

int hearth_auth_is_creator(const struct hearth_event *create, const char *user_id)
{
	const struct hearth_json *more;
	const char *creator;

	if (!create || !user_id)
		return 0;
	creator = create->sender;
	if (!create->version->updated_redaction_rules)
		creator = hearth_auth_string(create->content, "creator");
	if (creator && strcmp(creator, user_id) == 0)
		return 1;
	if (!create->version->creator_power)
		return 0;
	more = hearth_json_get_array(create->content, "additional_creators");
	for (size_t i = 0; i < hearth_json_size(more); i++) {
		creator = hearth_json_string(hearth_json_at(more, i), NULL);
		if (creator && strcmp(creator, user_id) == 0)
			return 1;
	}
	return 0;
}

int64_t hearth_power_of_user(const struct hearth_room_version *version, const struct hearth_event *power_levels,
			     const struct hearth_event *create, const char *user_id)
{
	const struct hearth_json *content = content_of(power_levels);
	int64_t fallback;

	if (version->creator_power && hearth_auth_is_creator(create, user_id))
		return HEARTH_POWER_CREATOR;
	if (!power_levels)
		return hearth_auth_is_creator(create, user_id) ? 100 : 0;
	fallback = level(version, content, "users_default", 0);
	return level(version, hearth_json_get_object(content, "users"), user_id, fallback);
}

int64_t hearth_power_to_send(const struct hearth_room_version *version, const struct hearth_event *power_levels,
			     const char *type, int is_state)
{
	const struct hearth_json *content = content_of(power_levels);
	int64_t fallback;

	fallback =
		is_state ? level(version, content, "state_default", 50) : level(version, content, "events_default", 0);
	return level(version, hearth_json_get_object(content, "events"), type, fallback);
}

int64_t hearth_power_to_act(const struct hearth_room_version *version, const struct hearth_event *power_levels,
			    const char *action)
{
	static const char notifications[] = "notifications.";
	const struct hearth_json *content = content_of(power_levels);

	if (strncmp(action, notifications, sizeof(notifications) - 1) == 0)
		return level(version, hearth_json_get_object(content, "notifications"),
			     action + sizeof(notifications) - 1, 50);
	return level(version, content, action, strcmp(action, "invite") == 0 ? 0 : 50);
}
