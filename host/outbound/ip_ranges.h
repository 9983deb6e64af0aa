/* SPDX-License-Identifier: Apache-2.0
 *
 * host/outbound/ip_ranges.h - lists of IP networks ("10.0.0.0/8", "fe80::/10", "192.168.1.1").
 */
#ifndef HOST_OUTBOUND_IP_RANGES_H
#define HOST_OUTBOUND_IP_RANGES_H

#include <hearth/error.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>

/* A network as IPv6 sees it: IPv4 stands under ::ffff:0:0/96. */
struct ip_range {
	struct in6_addr address;
	uint32_t bits;
};

struct ip_ranges {
	struct ip_range *items; /* owned: ip_ranges_clear */
	size_t count;
};

/* Adds a network. -EINVAL: text is none. Bits beyond the prefix are ignored. */
HEARTH_MUST_CHECK
int ip_ranges_add(struct ip_ranges *ranges, const char *text, struct hearth_error *err);
void ip_ranges_clear(struct ip_ranges *ranges);

/*
 * 1 where an address lies in one of the networks. IPv4 addresses inside IPv6 (mapped, compatible, NAT64, 6to4) count as
 * what they lead to. Addresses of other families lie in none.
 */
bool ip_ranges_have(const struct ip_ranges *ranges, const struct sockaddr *address);

#endif
