/* SPDX-License-Identifier: Apache-2.0
 *
 * host/outbound/proxy.h - which proxy a request goes through: http_proxy, https_proxy, all_proxy and no_proxy.
 */
#ifndef HOST_OUTBOUND_PROXY_H
#define HOST_OUTBOUND_PROXY_H

#include <stdbool.h>

/* The proxy of the environment for that scheme and host, borrowed; NULL: none. */
const char *proxy_find(const char *scheme, const char *host);

/* 1 where the list ("localhost,.example.com" or "*") has the host or a domain that it is in. */
bool proxy_excludes(const char *no_proxy, const char *host);

#endif
