/* SPDX-License-Identifier: Apache-2.0 */
/* What a value must be besides its type: length, format, choices, bounds. */
#include "fields.h"

#include <errno.h>
#include <hearth/matrix/id.h>
#include <inttypes.h>
#include <string.h>

#define TEXT_MAX_BYTES 65536u

static bool has_format(uint16_t format, const char *text, const char **ret_expected)
{
	switch (format) {
	case HEARTH_USER_ID:
		*ret_expected = "a user id, '@name:server'";
		return hearth_id_is_user(text);
	case HEARTH_ROOM_ID:
		*ret_expected = "a room id, '!...'";
		return hearth_id_is_room(text);
	case HEARTH_ROOM_ALIAS:
		*ret_expected = "a room alias, '#name:server'";
		return hearth_id_is_alias(text);
	case HEARTH_ROOM_ID_OR_ALIAS:
		*ret_expected = "a room id or a room alias";
		return hearth_id_is_room(text) || hearth_id_is_alias(text);
	case HEARTH_EVENT_ID:
		*ret_expected = "an event id, '$...'";
		return hearth_id_is_event(text);
	case HEARTH_SERVER_NAME:
		*ret_expected = "a server name";
		return hearth_id_is_server_name(text);
	default:
		return true;
	}
}

static bool is_choice(const char *choices, const char *text)
{
	size_t length = strlen(text);

	while (true) {
		size_t size = strcspn(choices, "|");

		if (size == length && memcmp(choices, text, size) == 0)
			return true;
		if (!choices[size])
			return false;
		choices += size + 1;
	}
}

int field_check_text(const struct hearth_field *field, const char *text, size_t length, struct hearth_error *err)
{
	bool bounded = field->type == HEARTH_TYPE_TEXT && (field->min || field->max);
	uint64_t max = bounded && field->max > 0 ? (uint64_t)field->max : TEXT_MAX_BYTES;
	const char *expected = NULL;

	if (!url_is_text(text, length))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must be UTF-8 text without NUL", field->name);
	if (length > max)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must have at most %" PRIu64 " bytes", field->name, max);
	if (bounded && field->min > 0 && length < (uint64_t)field->min)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must have at least %" PRId64 " bytes", field->name,
				     field->min);
	if (!has_format(field->format, text, &expected))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must be %s", field->name, expected);
	if (field->choices && !is_choice(field->choices, text))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must be one of %s", field->name, field->choices);
	return 0;
}

int field_check_int(const struct hearth_field *field, int64_t number, struct hearth_error *err)
{
	bool is_list = field->type == HEARTH_TYPE_INTS;

	if (is_list || (!field->min && !field->max))
		return 0;
	if (number < field->min)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must be at least %" PRId64, field->name, field->min);
	if (field->max >= field->min && number > field->max)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must be at most %" PRId64, field->name, field->max);
	return 0;
}

int field_check_count(const struct hearth_field *field, size_t count, struct hearth_error *err)
{
	if (field->min > 0 && count < (uint64_t)field->min)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must have at least %" PRId64 " elements", field->name,
				     field->min);
	if (field->max > 0 && count > (uint64_t)field->max)
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "%s must have at most %" PRId64 " elements", field->name,
				     field->max);
	return 0;
}
