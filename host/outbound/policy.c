/* SPDX-License-Identifier: Apache-2.0 */
/* The IP range block list of the configuration, and its default. */
#include "internal.h"

#include "ip_ranges.h"

#include "config/config.h"
#include "log/log.h"

#include <errno.h>

static const char *const DEFAULTS[] = {
	"127.0.0.0/8",	"10.0.0.0/8",	 "172.16.0.0/12",   "192.168.0.0/16", "100.64.0.0/10",
	"192.0.0.0/24", "169.254.0.0/16", "192.88.99.0/24",  "198.18.0.0/15",  "192.0.2.0/24",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",  "::1/128",	       "fe80::/10",
	"fc00::/7",	"2001:db8::/32", "ff00::/8",	     "fec0::/10",
};
/* Blocked whatever the configuration says: they lead to this machine. */
static const char *const ALWAYS[] = { "0.0.0.0/32", "::/128" };

static struct {
	struct ip_ranges blocked, allowed, always;
	int insecure;
} policy;

static int read_list(const char *key, const char *other_key, struct ip_ranges *ranges, bool *ret_present,
		     struct hearth_error *err)
{
	const struct config_node *node = config_find(NULL, key);

	if (config_kind(node) == CONFIG_ABSENT)
		node = config_find(NULL, other_key);
	*ret_present = config_kind(node) == CONFIG_LIST;
	if (!*ret_present && config_kind(node) != CONFIG_ABSENT && config_kind(node) != CONFIG_NULL)
		return hearth_fail(err, -EINVAL, "%s: %s must be a list of networks", config_place(node), key);
	for (size_t i = 0; i < config_size(node); i++) {
		const char *text = config_text(config_at(node, i));
		int r = ip_ranges_add(ranges, text ? text : "", err);

		if (r < 0)
			return hearth_error_prefix(err, "%s: %s", config_place(config_at(node, i)), key);
	}
	return 0;
}

static int add_all(struct ip_ranges *ranges, const char *const *texts, size_t count, struct hearth_error *err)
{
	int r = 0;

	for (size_t i = 0; i < count && r == 0; i++)
		r = ip_ranges_add(ranges, texts[i], err);
	return r;
}

int policy_read(struct hearth_error *err)
{
	const char *key = "use_insecure_ssl_client_just_for_testing_do_not_use";
	bool present;
	int r = add_all(&policy.always, ALWAYS, HEARTH_COUNT(ALWAYS), err);

	if (r == 0)
		r = read_list("ip_range_blacklist", "ip_range_blocklist", &policy.blocked, &present, err);
	if (r == 0 && !present)
		r = add_all(&policy.blocked, DEFAULTS, HEARTH_COUNT(DEFAULTS), err);
	if (r == 0)
		r = read_list("ip_range_whitelist", "ip_range_allowlist", &policy.allowed, &present, err);
	if (r == 0)
		r = config_bool(config_find(NULL, key), key, 0, &policy.insecure, err);
	if (r == 0 && policy.insecure)
		log_warning("outbound", "%s: certificates of other servers are NOT checked", key);
	return r;
}

void policy_finish(void)
{
	ip_ranges_clear(&policy.blocked);
	ip_ranges_clear(&policy.allowed);
	ip_ranges_clear(&policy.always);
}

bool policy_blocks(const struct sockaddr *address)
{
	if (ip_ranges_have(&policy.always, address))
		return true;
	return ip_ranges_have(&policy.blocked, address) && !ip_ranges_have(&policy.allowed, address);
}

bool policy_insecure(void)
{
	return policy.insecure;
}
