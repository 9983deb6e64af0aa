/* SPDX-License-Identifier: Apache-2.0 */
/* hearth.log/1: the table that plugins get. */
#include "log/log_line.h"
#include "plugin/plugin.h"

static int on(const struct hearth_host *host, uint32_t level)
{
	(void)host;
	return log_on(level);
}

HEARTH_PRINTF(4, 5)
static void write_line(const struct hearth_host *host, struct hearth_task *task, uint32_t level, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vwrite(task, level, plugin_name_of(host), format, arguments);
	va_end(arguments);
}

const struct hearth_log *log_service(void)
{
	static const struct hearth_log LOG = {
		.base = { .size = sizeof(LOG), .major = HEARTH_LOG_MAJOR, .minor = HEARTH_LOG_MINOR, .id = HEARTH_LOG_ID },
		.on = on,
		.write = write_line,
	};

	return &LOG;
}
