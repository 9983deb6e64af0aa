/* SPDX-License-Identifier: Apache-2.0 */
/* Networks: what they are written as, and which addresses lie in them; and which hosts go past the proxy. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "ip_ranges.h"
#include "proxy.h"

static bool has(const char *network, const char *address)
{
	struct sockaddr_in four = { .sin_family = AF_INET };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct ip_ranges ranges = { 0 };
	bool found;

	assert_int_equal(ip_ranges_add(&ranges, network, NULL), 0);
	if (inet_pton(AF_INET, address, &four.sin_addr) == 1) {
		found = ip_ranges_have(&ranges, (struct sockaddr *)&four);
	} else {
		assert_int_equal(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
		found = ip_ranges_have(&ranges, (struct sockaddr *)&six);
	}
	ip_ranges_clear(&ranges);
	return found;
}

static void ipv4(void **state)
{
	(void)state;
	assert_true(has("10.0.0.0/8", "10.255.0.1"));
	assert_false(has("10.0.0.0/8", "11.0.0.1"));
	assert_true(has("172.16.0.0/12", "172.31.255.255"));
	assert_false(has("172.16.0.0/12", "172.32.0.0"));
	assert_true(has("192.168.1.1", "192.168.1.1"));
	assert_false(has("192.168.1.1", "192.168.1.2"));
	assert_true(has("0.0.0.0/0", "8.8.8.8"));
}

static void ipv6(void **state)
{
	(void)state;
	assert_true(has("fe80::/10", "febf::1"));
	assert_false(has("fe80::/10", "fec0::1"));
	assert_true(has("::1/128", "::1"));
	assert_false(has("::1/128", "::2"));
	assert_false(has("0.0.0.0/0", "2001:4860::1"));
}

/* An IPv4 address is not hidden by its IPv6 clothes. */
static void ipv4_inside_ipv6(void **state)
{
	(void)state;
	assert_true(has("127.0.0.0/8", "::ffff:127.0.0.1"));
	assert_true(has("127.0.0.0/8", "::127.0.0.1"));
	assert_true(has("10.0.0.0/8", "64:ff9b::10.1.2.3"));
	assert_true(has("10.0.0.0/8", "2002:0a01:0203::1"));
	assert_false(has("127.0.0.0/8", "::ffff:8.8.8.8"));
}

static void what_is_no_network(void **state)
{
	static const char *const TEXTS[] = { "", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::1/129",
					     "example.com", "10.0.0.0/8/8", "1.2.3.4 " };
	struct ip_ranges ranges = { 0 };

	(void)state;
	for (size_t i = 0; i < HEARTH_COUNT(TEXTS); i++)
		assert_true(ip_ranges_add(&ranges, TEXTS[i], NULL) < 0);
	assert_int_equal(ranges.count, 0);
}

static void hosts_past_the_proxy(void **state)
{
	(void)state;
	assert_true(proxy_excludes("localhost, .example.com", "a.example.com"));
	assert_true(proxy_excludes("localhost,example.com", "EXAMPLE.com"));
	assert_true(proxy_excludes("*", "anything"));
	assert_false(proxy_excludes("example.com", "badexample.com"));
	assert_false(proxy_excludes("a.example.com", "example.com"));
	assert_false(proxy_excludes("", "example.com"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ipv4),
		cmocka_unit_test(ipv6),
		cmocka_unit_test(ipv4_inside_ipv6),
		cmocka_unit_test(what_is_no_network),
		cmocka_unit_test(hosts_past_the_proxy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
