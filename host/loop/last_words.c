/* SPDX-License-Identifier: Apache-2.0 */
/* Last words: a crash says which plugin's code was running. Only what is safe in a signal handler. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <hearth/base.h>

#include "loop/watch.h"
#include "task/fiber.h"

static const struct {
	int number;
	const char *name;
} FATAL[] = {
	{ SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" }, { SIGFPE, "SIGFPE" }, { SIGILL, "SIGILL" }, { SIGABRT, "SIGABRT" },
};

static struct sigaction previous[HEARTH_COUNT(FATAL)];
static char alternate_stack[65536]; /* a task that overflowed its stack has none left */

static void append(char *line, size_t size_bytes, const char *text)
{
	size_t used = strlen(line);
	size_t length = strlen(text);

	if (length > size_bytes - used - 1)
		length = size_bytes - used - 1;
	memcpy(line + used, text, length);
	line[used + length] = '\0';
}

void watch_say(const char *what)
{
	char line[512] = "hearthd: ";
	const char *plugin, *subject;
	ssize_t written;

	watch_current(&plugin, &subject);
	append(line, sizeof(line), what);
	append(line, sizeof(line), plugin ? " in plugin '" : " outside of any plugin");
	if (plugin) {
		append(line, sizeof(line), plugin);
		append(line, sizeof(line), "' while running ");
		append(line, sizeof(line), subject);
	}
	append(line, sizeof(line), "\n");
	written = write(STDERR_FILENO, line, strlen(line));
	(void)written;
}

static void on_fatal(int number, siginfo_t *info, void *context)
{
	(void)context;
	for (size_t i = 0; i < HEARTH_COUNT(FATAL); i++) {
		if (FATAL[i].number != number)
			continue;
		watch_say(number == SIGSEGV && fiber_is_guard(info->si_addr) ? "stack overflow" : FATAL[i].name);
		sigaction(number, &previous[i], NULL);
	}
	/* A fault repeats when this returns, and then meets the handler that was there before; a sent signal does not. */
	if (info->si_code <= 0)
		raise(number);
}

void last_words_install(void)
{
	stack_t stack = { .ss_sp = alternate_stack, .ss_size = sizeof(alternate_stack) };
	struct sigaction action = { .sa_sigaction = on_fatal, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigaltstack(&stack, NULL);
	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < HEARTH_COUNT(FATAL); i++)
		sigaction(FATAL[i].number, &action, &previous[i]);
}
