/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Identifiers, base64, globs and access control lists. A line feed parts the input: what stands before it is a glob for
 * what follows, and the whole is tried as an id and as base64.
 */
#include <stdint.h>
#include <string.h>

#include <hearth/json.h>
#include <hearth/matrix/id.h>

static void check_id(struct hearth_arena *arena, const char *text)
{
	int is_domain_id = hearth_id_is_user(text) || hearth_id_is_alias(text);
	const char *server = hearth_id_server(text), *localpart = hearth_id_localpart(arena, text);

	if (is_domain_id) {
		const char *back = hearth_arena_printf(arena, "%c%s:%s", text[0], localpart, server);

		hearth_assert(hearth_id_is_server_name(server));
		hearth_assert(strcmp(back, text) == 0);
		hearth_assert(hearth_id_is_local(text, server));
	}
	if (is_domain_id || hearth_id_is_room(text) || hearth_id_is_event(text) || hearth_id_is_opaque(text))
		hearth_assert(strlen(text) <= HEARTH_ID_MAX_BYTES);
	if (hearth_id_localpart_is_strict(text))
		hearth_assert(!strchr(text, ':'));
}

static void check_base64(struct hearth_arena *arena, const char *text)
{
	uint8_t *bytes, *again;
	size_t size, size_again;
	const char *encoded;

	if (hearth_base64_decode(arena, text, &bytes, &size) < 0)
		return;
	encoded = hearth_base64_encode(arena, bytes, size);
	hearth_assert(hearth_base64_decode(arena, encoded, &again, &size_again) == 0);
	hearth_assert(size == size_again && memcmp(bytes, again, size) == 0);
	encoded = hearth_base64url_encode(arena, bytes, size);
	hearth_assert(hearth_base64_decode(arena, encoded, &again, &size_again) == 0);
	hearth_assert(size == size_again && memcmp(bytes, again, size) == 0);
}

static void check_glob(struct hearth_arena *arena, const char *pattern, const char *text)
{
	struct hearth_json *acl = hearth_json_object_new(arena), *deny = hearth_json_array_new(arena);
	int matches = hearth_glob_matches(pattern, text);

	hearth_assert(hearth_glob_matches("*", text));
	if (!strpbrk(pattern, "*?"))
		hearth_assert(matches == (strcmp(pattern, text) == 0));
	if (matches)
		hearth_assert(hearth_glob_matches(hearth_arena_printf(arena, "%s*", pattern), text));
	hearth_json_append(deny, hearth_json_string_new(arena, pattern));
	hearth_json_set(acl, "deny", deny);
	hearth_assert(!hearth_acl_allows(acl, text));
	hearth_json_set(acl, "allow", deny);
	hearth_assert(!hearth_acl_allows(acl, text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	char *text = hearth_arena_strndup(arena, (const char *)data, size), *feed = strchr(text, '\n');

	check_id(arena, text);
	check_base64(arena, text);
	if (feed) {
		*feed = '\0';
		check_glob(arena, text, feed + 1);
		check_id(arena, text);
		check_id(arena, feed + 1);
	}
	return 0;
}
