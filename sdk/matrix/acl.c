/* SPDX-License-Identifier: Apache-2.0 */
/* Server access control lists. */
#include <hearth/json.h>
#include <hearth/matrix/id.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>

#include "glob.h"

/* Without the port. */
static size_t host_length(const char *server_name)
{
	const char *bracket = server_name[0] == '[' ? strchr(server_name, ']') : NULL;

	return bracket ? (size_t)(bracket + 1 - server_name) : strcspn(server_name, ":");
}

static bool is_ip_literal(const char *host, size_t length)
{
	char address[INET_ADDRSTRLEN];
	struct in_addr parsed;

	if (host[0] == '[')
		return true;
	if (length >= sizeof(address))
		return false;
	memcpy(address, host, length);
	address[length] = '\0';
	return inet_pton(AF_INET, address, &parsed) == 1;
}

static bool is_listed(const struct hearth_json *patterns, const char *host, size_t length)
{
	for (size_t i = 0; i < hearth_json_size(patterns); i++) {
		const char *pattern = hearth_json_string(hearth_json_at(patterns, i), NULL);

		if (pattern && hearth_glob_matches_folded(pattern, host, length))
			return true;
	}
	return false;
}

int hearth_acl_allows(const struct hearth_json *content, const char *server_name)
{
	size_t length = host_length(server_name);

	if (!content)
		return 1;
	if (is_ip_literal(server_name, length) && !hearth_json_get_bool(content, "allow_ip_literals", 1))
		return 0;
	if (is_listed(hearth_json_get_array(content, "deny"), server_name, length))
		return 0;
	return is_listed(hearth_json_get_array(content, "allow"), server_name, length);
}
