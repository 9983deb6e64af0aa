/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the environment as other programs do. */
#include "proxy.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *variable(const char *lower, const char *upper)
{
	const char *value = getenv(lower);

	if ((!value || !*value) && upper)
		value = getenv(upper);
	return value && *value ? value : NULL;
}

bool proxy_excludes(const char *no_proxy, const char *host)
{
	size_t host_length = strlen(host);

	while (*no_proxy) {
		size_t length;
		const char *tail;

		no_proxy += strspn(no_proxy, " ,.");
		length = strcspn(no_proxy, " ,");
		if (length == 1 && *no_proxy == '*')
			return true;
		tail = host + (host_length - length);
		if (length > 0 && length <= host_length && strncasecmp(tail, no_proxy, length) == 0 &&
		    (tail == host || tail[-1] == '.'))
			return true;
		no_proxy += length;
	}
	return false;
}

/* HTTP_PROXY in capitals is left out: a CGI environment sets it from a request header. */
const char *proxy_find(const char *scheme, const char *host)
{
	bool is_https = strcasecmp(scheme, "https") == 0;
	const char *proxy = is_https ? variable("https_proxy", "HTTPS_PROXY") : variable("http_proxy", NULL);
	const char *no_proxy = variable("no_proxy", "NO_PROXY");

	if (!proxy)
		proxy = variable("all_proxy", "ALL_PROXY");
	return proxy && no_proxy && proxy_excludes(no_proxy, host) ? NULL : proxy;
}
