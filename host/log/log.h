/* SPDX-License-Identifier: Apache-2.0
 *
 * host/log/log.h - log lines of the host; hearth/log.h is what plugins see.
 */
#ifndef HOST_LOG_LOG_H
#define HOST_LOG_LOG_H

#include <hearth/log.h>

enum log_form { LOG_HUMAN = 1, LOG_JSON };

/* Level, form and file (NULL: standard error). Before the first call: human lines of level INFO to standard error. */
int log_open(uint32_t level, uint32_t form, const char *file, struct hearth_error *err);
int log_reopen(struct hearth_error *err); /* SIGHUP */
void log_close(void);

int log_on(uint32_t level);

/* part: "http", "db", a plugin's name. The current task's request id is added by itself. Also safe on pool threads. */
HEARTH_PRINTF(3, 4) void log_write(uint32_t level, const char *part, const char *format, ...);

#define log_debug(part, ...) log_write(HEARTH_DEBUG, part, __VA_ARGS__)
#define log_info(part, ...) log_write(HEARTH_INFO, part, __VA_ARGS__)
#define log_warning(part, ...) log_write(HEARTH_WARNING, part, __VA_ARGS__)
#define log_error(part, ...) log_write(HEARTH_ERROR, part, __VA_ARGS__)

const struct hearth_log *log_service(void);

#endif
