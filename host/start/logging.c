/* SPDX-License-Identifier: Apache-2.0
 *
 * Where log lines go: log_level, log_format and log_file, or what a Python logging file (log_config) says of level and
 * file.
 */
#include "start/start.h"

#include <errno.h>
#include <string.h>

#include "config/config.h"
#include "log/log.h"

static const struct {
	const char *name;
	uint32_t    level;
} LEVELS[] = {
	{ "DEBUG", HEARTH_DEBUG }, { "INFO", HEARTH_INFO }, { "WARNING", HEARTH_WARNING }, { "WARN", HEARTH_WARNING },
	{ "ERROR", HEARTH_ERROR }, { "CRITICAL", HEARTH_ERROR },
};

static int read_level(const struct config_node *node, uint32_t *ret_level, struct hearth_error *err)
{
	const char *text = config_text(node);

	if (!text)
		return 0;
	for (size_t i = 0; i < HEARTH_COUNT(LEVELS); i++)
		if (!strcasecmp(text, LEVELS[i].name)) {
			*ret_level = LEVELS[i].level;
			return 0;
		}
	return hearth_fail(err, -EINVAL, "%s: log level '%.40s': expected DEBUG, INFO, WARNING or ERROR",
			config_place(node), text);
}

struct settings {
	uint32_t    level, form;
	const char *file;        /* NULL: standard error */
	const char *python_path; /* NULL: there is no such file */
};

static const char *file_of_handlers(const struct config_node *handlers)
{
	for (size_t i = 0; i < config_size(handlers); i++) {
		const char *file = config_text(config_get(config_at(handlers, i), "filename"));

		if (file)
			return file;
	}
	return NULL;
}

/* Everything in one, since a Python file is read for it: file is of the caller's arena. */
static int read_all(struct hearth_arena *arena, struct settings *ret, struct hearth_error *err)
{
	const struct config_node *python_file = config_find(NULL, "worker_log_config");
	const char *format = config_text(config_find(NULL, "log_format")), *python_path;
	struct config *python = NULL;
	int r = 0;

	*ret = (struct settings){ .level = HEARTH_INFO, .file = config_text(config_find(NULL, "log_file")) };
	python_file = python_file ? python_file : config_find(NULL, "log_config");
	python_path = config_resolve(NULL, config_text(python_file));
	if (python_path) {
		r = config_load(&python_path, 1, &python, err);
		if (r < 0)
			return hearth_error_prefix(err, "%s: log_config", config_place(python_file));
		r = read_level(config_find(python, "root.level"), &ret->level, err);
		if (!ret->file)
			ret->file = file_of_handlers(config_find(python, "handlers"));
		ret->python_path = python_path;
	}
	if (r >= 0)
		r = read_level(config_find(NULL, "log_level"), &ret->level, err);
	if (r >= 0 && format && strcmp(format, "human") && strcmp(format, "json"))
		r = hearth_fail(err, -EINVAL, "%s: log_format '%.40s': expected human or json",
				config_place(config_find(NULL, "log_format")), format);
	ret->form = format && !strcmp(format, "json") ? LOG_JSON : LOG_HUMAN;
	ret->file = ret->file ? config_resolve(NULL, hearth_arena_strdup(arena, ret->file)) : NULL;
	config_free(python);
	return r;
}

int logging_read(struct hearth_error *err)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct settings settings;
	int r = read_all(arena, &settings, err);

	return r < 0 ? r : log_open(settings.level, settings.form, NULL, err);
}

int logging_open(struct hearth_error *err)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	struct settings settings;
	int r = read_all(arena, &settings, err);

	if (r >= 0)
		r = log_open(settings.level, settings.form, settings.file, err);
	if (r >= 0 && settings.python_path)
		log_warning("log", "of %s the root level and the file name are taken; its formatters, filters and levels of "
			    "single loggers are not", settings.python_path);
	return r;
}
