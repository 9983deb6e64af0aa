/* SPDX-License-Identifier: Apache-2.0 */
/* What names may look like. */
#include "accounts.h"

#include <errno.h>
#include <string.h>

#define FIELD_NAME_MAX 255

int accounts_names_check(const char *localpart, const char *server_name, int numeric_ok, struct hearth_error *err)
{
	if (!*localpart)
		return hearth_refuse(err, 400, "M_INVALID_USERNAME", "A user name must not be empty");
	if (!hearth_id_localpart_is_strict(localpart))
		return hearth_refuse(err, 400, "M_INVALID_USERNAME",
				     "A user name is made of a-z, 0-9 and the characters . _ = - / +");
	if (localpart[0] == '_')
		return hearth_refuse(err, 400, "M_INVALID_USERNAME", "A user name must not begin with '_'");
	if (!numeric_ok && localpart[strspn(localpart, "0123456789")] == '\0')
		return hearth_refuse(err, 400, "M_INVALID_USERNAME", "User names of digits alone belong to guests");
	if (strlen(localpart) + strlen(server_name) + 2 > HEARTH_ID_MAX_BYTES)
		return hearth_refuse(err, 400, "M_INVALID_USERNAME", "The user id would be longer than 255 bytes");
	return 0;
}

int accounts_names_user_id(struct hearth_arena *arena, const char *text, const char *server_name, const char **ret_user_id,
			   struct hearth_error *err)
{
	const char *user_id = text[0] == '@' ? text : hearth_arena_printf(arena, "@%s:%s", text, server_name);

	if (!hearth_id_is_user(user_id))
		return hearth_refuse(err, 400, "M_INVALID_PARAM", "The user's name is no user id and no localpart");
	*ret_user_id = user_id;
	return 0;
}

int accounts_names_is_field(const char *name)
{
	static const char LETTERS[] = "abcdefghijklmnopqrstuvwxyz", REST[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	size_t parts = 0;

	if (strcmp(name, "displayname") == 0 || strcmp(name, "avatar_url") == 0)
		return 1;
	for (;;) {
		if (!*name || !strchr(LETTERS, *name))
			return 0;
		name += strspn(name, REST);
		parts++;
		if (!*name)
			return parts > 1;
		if (*name++ != '.')
			return 0;
	}
}
