/* SPDX-License-Identifier: Apache-2.0
 *
 * host/loop/watch.h - what runs right now: for the stall watchdog and for the last words of a crash.
 */
#ifndef HOST_LOOP_WATCH_H
#define HOST_LOOP_WATCH_H

#include <stddef.h>
#include <stdint.h>

#define WATCH_DEPTH 12 /* labels a task may nest: its own, and one for each hook that runs inside another */

/* The labels that a suspended task takes along. */
struct watch_labels {
	size_t count;
	const char *plugin[WATCH_DEPTH];
	const char *subject[WATCH_DEPTH];
};

/* How many labels are open on the loop. */
size_t watch_depth(void);
/* Closes all labels above depth, outermost first in ret_labels; and opens them again. */
void watch_detach(size_t depth, struct watch_labels *ret_labels);
void watch_attach(const struct watch_labels *labels);

/* The innermost label of the calling thread; NULLs where there is none. Safe in a signal handler. */
void watch_current(const char **ret_plugin, const char **ret_subject);
/* Names what a pool thread works on; NULL: nothing. */
void watch_set_thread(const char *plugin, const char *subject);

/* Writes "hearthd: WHAT in plugin 'media' while running LABEL" to stderr. Safe in a signal handler. */
void watch_say(const char *what);

/* Makes SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT write which plugin was running before the process dies as it would. */
void last_words_install(void);

/*
 * Starts the thread that says within seconds what keeps the loop's thread (the caller's) while it is still kept: code that
 * never returns is named, too. Once, after last_words_install.
 */
void hang_watch_start(void);
/* A turn that takes longer ends the process after it was named. 0: no limit. */
void hang_limit(int64_t ms);
/* The outermost label was opened (now) or closed (0). */
void hang_turn(int64_t since_ms);

#endif
