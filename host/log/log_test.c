/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines: both forms, hostile text, many threads while the file is moved away, and a disk that is full. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <hearth/json.h>

#include "log/log_line.h"

#define THREADS 4
#define LINES   500
#define MOVES   20

static const struct log_line LINE = {
	.time = { .tv_sec = 1700000000, .tv_nsec = 7000000 },
	.level = HEARTH_WARNING,
	.part = "http",
	.request_id = "r-1",
	.message = "one\nFORGED \x1b[31m \"quoted\" \\ \xc2\x85 \xff end",
};

static void test_human(void **state)
{
	char text[512];
	size_t length = log_line_human(&LINE, text, sizeof(text));

	(void)state;
	text[length] = '\0';
	assert_string_equal(text, "2023-11-14 22:13:20.007Z WARNING http [r-1]: one\\x0aFORGED \\x1b[31m \"quoted\" \\ \\x85 "
				  "\\xff end\n");
}

static void test_json(void **state)
{
	struct hearth_arena *arena = hearth_arena_new();
	const struct hearth_json *parsed;
	char text[512];
	size_t length = log_line_json(&LINE, text, sizeof(text));

	(void)state;
	assert_int_equal(text[length - 1], '\n');
	assert_int_equal(hearth_json_parse(arena, text, length - 1, 0, &parsed, NULL), 0);
	assert_string_equal(hearth_json_get_string(parsed, "time"), "2023-11-14T22:13:20.007Z");
	assert_string_equal(hearth_json_get_string(parsed, "level"), "WARNING");
	assert_string_equal(hearth_json_get_string(parsed, "request"), "r-1");
	assert_string_equal(hearth_json_get_string(parsed, "message"),
			    "one\nFORGED \x1b[31m \"quoted\" \\ \xc2\x85 \xc3\xbf end");
	hearth_arena_free(arena);
}

/* Whatever the size of the buffer: a whole line, and valid JSON. */
static void test_cut(void **state)
{
	char text[512];

	(void)state;
	for (size_t size = 160; size < 300; size++) {
		struct hearth_arena *arena = hearth_arena_new();
		const struct hearth_json *parsed;
		size_t length = log_line_json(&LINE, text, size);

		assert_in_range(length, 1, size);
		assert_int_equal(hearth_json_parse(arena, text, length - 1, 0, &parsed, NULL), 0);
		length = log_line_human(&LINE, text, size);
		assert_in_range(length, 1, size);
		assert_int_equal(text[length - 1], '\n');
		hearth_arena_free(arena);
	}
}

/* --- files --- */

static char folder[] = "/tmp/hearth-log-XXXXXX";

static const char *path_of(struct hearth_arena *arena, const char *name)
{
	return hearth_arena_printf(arena, "%s/%s", folder, name);
}

static int set_up(void **state)
{
	*state = hearth_arena_new();
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
	log_close();
	hearth_arena_free(*state);
	return rmdir(folder);
}

static void *write_lines(void *argument)
{
	const int *number = argument;

	for (int i = 0; i < LINES; i++)
		log_info("test", "line %d %d", *number, i);
	return NULL;
}

/* Every line of a file is whole; notes which were there. */
static void read_lines(const char *path, bool (*seen)[LINES])
{
	FILE *file = fopen(path, "re");
	int number, at, read;
	char line[256];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		assert_int_equal(sscanf(line, "%*s %*s INFO test: line %d %d\n%n", &number, &at, &read), 2);
		assert_int_equal(line[strlen(line) - 1], '\n');
		assert_false(seen[number][at]);
		seen[number][at] = true;
	}
	fclose(file);
	unlink(path);
}

static void test_threads_and_moved_files(void **state)
{
	const char *file = path_of(*state, "log");
	static bool seen[THREADS][LINES];
	struct hearth_error err = { 0 };
	pthread_t threads[THREADS];
	int numbers[THREADS];

	assert_int_equal(log_open(HEARTH_INFO, LOG_HUMAN, file, &err), 0);
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		assert_int_equal(pthread_create(&threads[i], NULL, write_lines, &numbers[i]), 0);
	}
	for (int i = 0; i < MOVES; i++) {
		assert_int_equal(rename(file, path_of(*state, hearth_arena_printf(*state, "moved%d", i))), 0);
		assert_int_equal(log_reopen(&err), 0);
		usleep(500);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < MOVES; i++)
		read_lines(path_of(*state, hearth_arena_printf(*state, "moved%d", i)), seen);
	read_lines(file, seen);
	for (int i = 0; i < THREADS; i++)
		for (int j = 0; j < LINES; j++)
			assert_true(seen[i][j]);
}

static void test_full_disk(void **state)
{
	struct hearth_error err = { 0 };

	(void)state;
	assert_int_equal(log_open(HEARTH_INFO, LOG_HUMAN, "/dev/full", &err), 0);
	log_error("test", "nobody will read this");
	assert_int_equal(log_reopen(&err), 0);
}

static void test_file_that_cannot_be_opened(void **state)
{
	const char *file = path_of(*state, "log");
	struct hearth_error err = { 0 };
	struct stat status;

	assert_int_equal(log_open(HEARTH_INFO, LOG_HUMAN, path_of(*state, "no/log"), &err), -ENOENT);
	assert_non_null(strstr(err.message, "/no/log cannot be opened: No such file"));
	hearth_error_clear(&err);
	assert_int_equal(log_open(HEARTH_INFO, LOG_HUMAN, file, &err), 0);
	assert_int_equal(stat(file, &status), 0);
	assert_int_equal(status.st_mode & 0007, 0);
	/* Where the new file fails, the old one stays in use. */
	assert_int_equal(rename(file, path_of(*state, "old")), 0);
	assert_int_equal(mkdir(file, 0700), 0);
	assert_int_equal(log_reopen(&err), -EISDIR);
	log_info("test", "still here");
	assert_int_equal(stat(path_of(*state, "old"), &status), 0);
	assert_true(status.st_size > 0);
	assert_int_equal(rmdir(file), 0);
	assert_int_equal(unlink(path_of(*state, "old")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_human),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_cut),
		cmocka_unit_test_setup_teardown(test_threads_and_moved_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_file_that_cannot_be_opened, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
