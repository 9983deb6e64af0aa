/* SPDX-License-Identifier: Apache-2.0
 *
 * host/config/limits.h - the rate limits of the configuration: every rc_* key with its default.
 */
#ifndef HOST_CONFIG_LIMITS_H
#define HOST_CONFIG_LIMITS_H

#include "config.h"

struct limit_config {
	const char *name; /* "rc_message", "rc_login.account" */
	double      per_second;
	double      burst_count;
};

/* How many requests of one remote server are served at once, and when they are slowed down (rc_federation). */
struct limit_federation {
	int64_t window_ms;
	int64_t sleep_limit;
	int64_t sleep_delay_ms;
	int64_t reject_limit;
	int64_t concurrent;
};

/*
 * Reads the rc_* keys; before that every limit has its default. A limit that gives one of its two numbers keeps the
 * default of the other; rc_admin_redaction is as rc_message where it is absent.
 */
int limit_config_read(const struct config *config, struct hearth_error *err);

/* NULL: there is no such limit. As long as the process. */
const struct limit_config *limit_config_find(const char *name);
/* All of them in turn, for those who keep a counter per limit; NULL at the end. */
const struct limit_config *limit_config_at(size_t index);

const struct limit_federation *limit_config_federation(void);

#endif
