/* SPDX-License-Identifier: Apache-2.0 */
/* Reads commands, line by line, and prints answers. */
#include "matrix_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct driver_command *const TABLES[] = {
	DRIVER_JSON_COMMANDS,
	DRIVER_EVENT_COMMANDS,
	DRIVER_ID_COMMANDS,
};

static const struct driver_command *find_command(const char *name, size_t length)
{
	for (size_t i = 0; i < HEARTH_COUNT(TABLES); i++)
		for (const struct driver_command *command = TABLES[i]; command->name; command++)
			if (strlen(command->name) == length && memcmp(command->name, name, length) == 0)
				return command;
	return NULL;
}

static int answer(struct hearth_arena *arena, const char *line, size_t length)
{
	const char *space = memchr(line, ' ', length);
	size_t name_length = space ? (size_t)(space - line) : length;
	const struct driver_command *command = find_command(line, name_length);
	size_t input = space ? name_length + 1 : length;
	struct hearth_error err = { 0 };
	const char *result = "";

	if (!command) {
		fprintf(stderr, "matrix_driver: no command '%.*s'\n", (int)name_length, line);
		return -1;
	}
	if (command->run(arena, line + input, length - input, &result, &err) < 0)
		printf("error %s %s\n", hearth_error_errcode(&err), err.message);
	else
		printf("ok %s\n", result);
	return 0;
}

int main(void)
{
	HEARTH_CLEANUP(hearth_arena_freep) struct hearth_arena *arena = hearth_arena_new();
	char *line = NULL;
	size_t capacity = 0;
	ssize_t length;
	int failed = 0;

	while (!failed && (length = getline(&line, &capacity, stdin)) > 0) {
		if (line[length - 1] == '\n')
			length--;
		failed = answer(arena, line, (size_t)length) < 0;
		if (fflush(stdout) != 0)
			failed = 1;
		hearth_arena_clear(arena);
	}
	free(line);
	return failed;
}
