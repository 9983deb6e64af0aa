/* SPDX-License-Identifier: Apache-2.0 */
/* Server names: {"content", "server"} -> whether an access control list allows it. */
#include "matrix_driver.h"

#include <errno.h>

#include <hearth/matrix/id.h>

static int acl(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
	       struct hearth_error *err)
{
	const struct hearth_json *request;
	const char *server;
	int r;

	r = hearth_json_parse(arena, input, length, HEARTH_JSON_BIG_INTS, &request, err);
	if (r < 0)
		return r;
	server = hearth_json_get_string(request, "server");
	if (!server)
		return hearth_fail(err, -EINVAL, "the request has no server");
	*ret_result = hearth_acl_allows(hearth_json_get(request, "content"), server) ? "allowed" : "denied";
	return 0;
}

const struct driver_command DRIVER_ID_COMMANDS[] = {
	{ "acl", acl },
	{ NULL, NULL },
};
