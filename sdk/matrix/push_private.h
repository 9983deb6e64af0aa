/* SPDX-License-Identifier: Apache-2.0 */
/* Push rules as compiled. */
#ifndef HEARTH_PUSH_PRIVATE_H
#define HEARTH_PUSH_PRIVATE_H

#include <hearth/matrix/push.h>

#include "path.h"
#include "push_pattern.h"

enum push_condition_kind {
	PUSH_NEVER, /* not known, or malformed */
	PUSH_EVENT_MATCH,
	PUSH_PROPERTY_IS,
	PUSH_PROPERTY_CONTAINS,
	PUSH_DISPLAY_NAME,
	PUSH_MEMBER_COUNT,
	PUSH_SENDER_POWER,
};

enum push_comparison {
	PUSH_EQUAL = 1,
	PUSH_LESS,
	PUSH_GREATER,
	PUSH_LESS_OR_EQUAL,
	PUSH_GREATER_OR_EQUAL,
};

struct push_condition {
	uint32_t kind; /* enum push_condition_kind */
	struct path path;
	const struct push_pattern *pattern;
	const struct hearth_json *value;
	uint32_t comparison; /* enum push_comparison */
	int64_t number;
};

struct push_rule {
	const struct push_condition *conditions;
	size_t condition_count;
	struct hearth_push_outcome outcome;
};

struct hearth_push_rules {
	const struct push_rule *rules; /* enabled ones, in the order in which they are asked */
	size_t count;
};

extern const char *const HEARTH_PUSH_KINDS[5];

/* "2", "==2", "<2", ">2", "<=2", ">=2". 0 or -EINVAL. */
int hearth_push_parse_count(const char *text, uint32_t *ret_comparison, int64_t *ret_number);

#endif
