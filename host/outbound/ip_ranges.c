/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing and matching of networks. */
#include "ip_ranges.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t MAPPED[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static struct in6_addr map_ipv4(const void *four_bytes)
{
	struct in6_addr address;

	memcpy(address.s6_addr, MAPPED, sizeof(MAPPED));
	memcpy(address.s6_addr + 12, four_bytes, 4);
	return address;
}

static bool parse_bits(const char *text, uint32_t max, uint32_t *ret_bits)
{
	size_t digits = strspn(text, "0123456789");
	unsigned long bits = strtoul(text, NULL, 10);

	if (digits == 0 || digits > 3 || text[digits] || bits > max)
		return false;
	*ret_bits = (uint32_t)bits;
	return true;
}

static bool parse(const char *text, struct ip_range *ret_range)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	struct in_addr four;
	uint32_t bits;

	if (length == 0 || length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (inet_pton(AF_INET, address, &four) == 1) {
		bits = 32;
		if (slash && !parse_bits(slash + 1, 32, &bits))
			return false;
		*ret_range = (struct ip_range){ .address = map_ipv4(&four), .bits = 96 + bits };
		return true;
	}
	bits = 128;
	if (inet_pton(AF_INET6, address, &ret_range->address) != 1 || (slash && !parse_bits(slash + 1, 128, &bits)))
		return false;
	ret_range->bits = bits;
	return true;
}

int ip_ranges_add(struct ip_ranges *ranges, const char *text, struct hearth_error *err)
{
	struct ip_range range, *items;

	if (!parse(text, &range))
		return hearth_fail(err, -EINVAL, "'%s' is no IP address or network such as 10.0.0.0/8", text);
	items = reallocarray(ranges->items, ranges->count + 1, sizeof(*items));
	hearth_assert(items);
	ranges->items = items;
	ranges->items[ranges->count++] = range;
	return 0;
}

void ip_ranges_clear(struct ip_ranges *ranges)
{
	free(ranges->items);
	*ranges = (struct ip_ranges){ 0 };
}

static bool is_in(const struct ip_range *range, const struct in6_addr *address)
{
	uint32_t bytes = range->bits / 8, bits = range->bits % 8;

	if (memcmp(range->address.s6_addr, address->s6_addr, bytes) != 0)
		return false;
	return bits == 0 || ((range->address.s6_addr[bytes] ^ address->s6_addr[bytes]) & (0xff00u >> bits & 0xffu)) == 0;
}

static bool any_has(const struct ip_ranges *ranges, const struct in6_addr *address)
{
	for (size_t i = 0; i < ranges->count; i++)
		if (is_in(&ranges->items[i], address))
			return true;
	return false;
}

/* The IPv4 address that an IPv6 one leads to. */
static bool embedded_ipv4(const struct in6_addr *address, struct in6_addr *ret_mapped)
{
	static const uint8_t NAT64[12] = { 0, 0x64, 0xff, 0x9b };
	static const uint8_t ZERO[12];
	const uint8_t *bytes = address->s6_addr;

	if (memcmp(bytes, NAT64, 12) == 0 || (memcmp(bytes, ZERO, 12) == 0 && bytes[12]))
		*ret_mapped = map_ipv4(bytes + 12);
	else if (bytes[0] == 0x20 && bytes[1] == 0x02)
		*ret_mapped = map_ipv4(bytes + 2);
	else
		return false;
	return true;
}

bool ip_ranges_have(const struct ip_ranges *ranges, const struct sockaddr *address)
{
	struct in6_addr six, inner;

	if (address->sa_family == AF_INET)
		six = map_ipv4(&((const struct sockaddr_in *)address)->sin_addr);
	else if (address->sa_family == AF_INET6)
		six = ((const struct sockaddr_in6 *)address)->sin6_addr;
	else
		return false;
	return any_has(ranges, &six) || (embedded_ipv4(&six, &inner) && any_has(ranges, &inner));
}
