/* SPDX-License-Identifier: Apache-2.0
 *
 * host/log/log_line.h - the two forms of a log line.
 */
#ifndef HOST_LOG_LOG_LINE_H
#define HOST_LOG_LOG_LINE_H

#include <stdarg.h>
#include <time.h>

#include "log/log.h"

struct log_line {
	struct timespec time;
	uint32_t level;
	const char *part;
	const char *request_id; /* NULL: none */
	const char *task;       /* NULL: none */
	const char *message;    /* may hold any bytes but NUL */
};

/* Fill line, which ends with a newline and no NUL, and cut the message where it does not fit; return its length. */
size_t log_line_human(const struct log_line *line, char *ret_line, size_t size_bytes);
size_t log_line_json(const struct log_line *line, char *ret_line, size_t size_bytes);

/* As log_write, for a given task (NULL: none). */
HEARTH_PRINTF(4, 0)
void log_vwrite(const struct hearth_task *task, uint32_t level, const char *part, const char *format, va_list arguments);

#endif
