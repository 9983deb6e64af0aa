/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: formatted whole, then written by one write(), so that lines of several threads and processes never mix. */
#include "log/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log/log_line.h"
#include "task/task.h"

#define MESSAGE_BYTES 4096
#define LINE_BYTES    (8 * MESSAGE_BYTES)

static struct {
	pthread_mutex_t lock; /* of all but level; and of the buffers, which a task's stack is too small for */
	atomic_uint level;
	uint32_t form;
	char *file; /* NULL: standard error */
	int fd;
	char message[MESSAGE_BYTES];
	char line[LINE_BYTES];
} output = { .lock = PTHREAD_MUTEX_INITIALIZER, .level = HEARTH_INFO, .form = LOG_HUMAN, .fd = STDERR_FILENO };

static int open_file(const char *file, struct hearth_error *err)
{
	int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);

	if (fd < 0)
		return hearth_fail(err, -errno, "log file %s cannot be opened: %s", file, strerror(errno));
	return fd;
}

static void use(int fd, char *file)
{
	if (output.fd != STDERR_FILENO)
		close(output.fd);
	free(output.file);
	output.fd = fd;
	output.file = file;
}

int log_open(uint32_t level, uint32_t form, const char *file, struct hearth_error *err)
{
	int fd = file ? open_file(file, err) : STDERR_FILENO;
	char *copy = file ? strdup(file) : NULL;

	if (fd < 0) {
		free(copy);
		return fd;
	}
	pthread_mutex_lock(&output.lock);
	use(fd, copy);
	output.form = form;
	output.level = level;
	pthread_mutex_unlock(&output.lock);
	return 0;
}

int log_reopen(struct hearth_error *err)
{
	int fd;

	if (!output.file)
		return 0;
	fd = open_file(output.file, err);
	if (fd < 0)
		return fd;
	pthread_mutex_lock(&output.lock);
	close(output.fd);
	output.fd = fd;
	pthread_mutex_unlock(&output.lock);
	return 0;
}

void log_close(void)
{
	pthread_mutex_lock(&output.lock);
	use(STDERR_FILENO, NULL);
	output.form = LOG_HUMAN;
	output.level = HEARTH_INFO;
	pthread_mutex_unlock(&output.lock);
}

int log_on(uint32_t level)
{
	return level >= output.level;
}

static void write_all(const char *bytes, size_t size_bytes)
{
	while (size_bytes) {
		ssize_t written = write(output.fd, bytes, size_bytes);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return; /* nowhere to tell it */
		bytes += written;
		size_bytes -= (size_t)written;
	}
}

void log_vwrite(const struct hearth_task *task, uint32_t level, const char *part, const char *format, va_list arguments)
{
	struct log_line line = { .level = level, .part = part, .message = output.message };
	size_t length;

	if (!log_on(level))
		return;
	if (task) {
		line.request_id = task_request_id(task);
		line.task = task_name(task);
	}
	clock_gettime(CLOCK_REALTIME, &line.time);
	pthread_mutex_lock(&output.lock);
	vsnprintf(output.message, sizeof(output.message), format, arguments);
	length = output.form == LOG_JSON ? log_line_json(&line, output.line, sizeof(output.line)) :
					   log_line_human(&line, output.line, sizeof(output.line));
	write_all(output.line, length);
	pthread_mutex_unlock(&output.lock);
}

void log_write(uint32_t level, const char *part, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	log_vwrite(task_current(), level, part, format, arguments);
	va_end(arguments);
}
