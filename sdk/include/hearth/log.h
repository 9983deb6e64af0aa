/* SPDX-License-Identifier: Apache-2.0
 *
 * hearth/log.h - hearth.log/1: structured log lines. The host adds time, plugin, request id and task.
 *
 * 1.0  first version
 */
#ifndef HEARTH_LOG_H
#define HEARTH_LOG_H

#include <hearth/host.h>

HEARTH_BEGIN_DECLS

#define HEARTH_LOG_ID "hearth.log"
#define HEARTH_LOG_MAJOR 1
#define HEARTH_LOG_MINOR 0

enum hearth_level {
	HEARTH_DEBUG = 10,
	HEARTH_INFO = 20,
	HEARTH_WARNING = 30, /* an admin may want to act */
	HEARTH_ERROR = 40,   /* something was lost or a request failed by our own fault */
};

struct hearth_log {
	struct hearth_service base;

	/* 1 where a line of that level would be written. */
	int (*on)(const struct hearth_host *host, uint32_t level);

	/* task may be NULL. One line, no secrets; control characters are escaped. */
	HEARTH_PRINTF(4, 5)
	void (*write)(const struct hearth_host *host, struct hearth_task *task, uint32_t level, const char *format, ...);
};

static inline const struct hearth_log *hearth_log(const struct hearth_host *host)
{
	return (const struct hearth_log *)host->service(host, HEARTH_LOG_ID, HEARTH_LOG_MAJOR, HEARTH_LOG_MINOR);
}

HEARTH_END_DECLS
#endif
