/* SPDX-License-Identifier: Apache-2.0
 *
 * host/loop/loop.h - the process's only event loop (libevent), its signals and its end.
 */
#ifndef HOST_LOOP_LOOP_H
#define HOST_LOOP_LOOP_H

#include <event2/event.h>
#include <hearth/error.h>

/* Makes the loop; once, first of all. */
int loop_init(struct hearth_error *err);
struct event_base *loop_base(void);

/* Runs until loop_stop. SIGTERM and SIGINT call on_stop (the second one ends at once), SIGHUP on_reload. */
void loop_run(void (*on_stop)(void), void (*on_reload)(void));
void loop_stop(void);
void loop_finish(void);

int64_t loop_now_ms(void);       /* wall clock */
int64_t loop_monotonic_ms(void);

/*
 * The stall watchdog: what runs on the loop says so, and a turn over 50 ms is logged with plugin and subject, and counted.
 * Nests; label: as long as the work.
 */
void loop_watch_begin(const char *plugin, const char *subject);
void loop_watch_end(void);

#endif
