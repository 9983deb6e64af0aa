/* SPDX-License-Identifier: Apache-2.0 */
/* The process's only event loop. */
#include "loop/loop.h"

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "log/log.h"

static struct event_base *base;
static void (*stop_handler)(void);
static void (*reload_handler)(void);
static int stopping;

int loop_init(struct hearth_error *err)
{
	struct event_config *config = event_config_new();

	if (!config)
		return hearth_fail(err, -ENOMEM, "no memory for the event loop");
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	event_config_free(config);
	if (!base)
		return hearth_fail(err, -EIO, "the event loop cannot start: no usable polling method");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log file at its limit is no reason to die */
	return 0;
}

struct event_base *loop_base(void)
{
	hearth_assert(base);
	return base;
}

static void on_end_signal(evutil_socket_t number, short events, void *argument)
{
	(void)events, (void)argument;
	if (stopping) {
		log_warning("host", "signal %d again: ending at once", (int)number);
		_exit(128 + (int)number);
	}
	stopping = 1;
	if (stop_handler)
		stop_handler();
	else
		loop_stop();
}

static void on_hangup(evutil_socket_t number, short events, void *argument)
{
	(void)number, (void)events, (void)argument;
	if (reload_handler)
		reload_handler();
}

void loop_run(void (*on_stop)(void), void (*on_reload)(void))
{
	static const struct {
		int number;
		event_callback_fn fn;
	} SIGNALS[] = { { SIGTERM, on_end_signal }, { SIGINT, on_end_signal }, { SIGHUP, on_hangup } };
	struct event *events[HEARTH_COUNT(SIGNALS)];

	stop_handler = on_stop;
	reload_handler = on_reload;
	stopping = 0;
	for (size_t i = 0; i < HEARTH_COUNT(SIGNALS); i++) {
		events[i] = evsignal_new(loop_base(), SIGNALS[i].number, SIGNALS[i].fn, NULL);
		hearth_assert(events[i] && event_add(events[i], NULL) == 0);
	}
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	for (size_t i = 0; i < HEARTH_COUNT(SIGNALS); i++)
		event_free(events[i]);
}

void loop_stop(void)
{
	event_base_loopbreak(loop_base());
}

void loop_finish(void)
{
	if (base)
		event_base_free(base);
	base = NULL;
	libevent_global_shutdown();
}

static int64_t clock_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t loop_now_ms(void)
{
	return clock_ms(CLOCK_REALTIME);
}

int64_t loop_monotonic_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}
