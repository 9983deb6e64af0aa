/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matrix_driver answers questions about the domain library, so that other implementations can be compared with it.
 * Each line of standard input is "COMMAND INPUT"; each answer is one line: "ok RESULT", or "error ERRCODE MESSAGE".
 */
#ifndef MATRIX_DRIVER_H
#define MATRIX_DRIVER_H

#include <hearth/json.h>

struct driver_command {
	const char *name;
	/* Answers input, the rest of the line. ret_result: one line of text, arena. Returns 0 or a negative errno. */
	int (*run)(struct hearth_arena *arena, const char *input, size_t length, const char **ret_result,
		   struct hearth_error *err);
};

/* Tables that end with a NULL name. A new subject brings a file of its own, and its table here and in matrix_driver.c.
 */
extern const struct driver_command DRIVER_JSON_COMMANDS[];
extern const struct driver_command DRIVER_EVENT_COMMANDS[];
extern const struct driver_command DRIVER_ID_COMMANDS[];

#endif
