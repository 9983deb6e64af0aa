/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's multi handles, driven by the loop: they say which sockets and which time they wait for. */
#include "internal.h"

#include "loop/loop.h"

#include <errno.h>
#include <stdlib.h>

struct multi {
	CURLM *handle;
	struct event *timer;
};

static struct multi multis[2]; /* [1]: trusted */
static void (*on_end)(CURL *easy, CURLcode result);

static void act(struct multi *multi, curl_socket_t fd, int what)
{
	CURLMsg *message;
	int running, left;

	(void)curl_multi_socket_action(multi->handle, fd, what, &running);
	while ((message = curl_multi_info_read(multi->handle, &left)))
		if (message->msg == CURLMSG_DONE)
			on_end(message->easy_handle, message->data.result);
}

static void on_socket(evutil_socket_t fd, short what, void *argument)
{
	act(argument, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
	(void)fd, (void)what;
	act(argument, CURL_SOCKET_TIMEOUT, 0);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *argument, void *known)
{
	struct multi *multi = argument;
	struct event *watch = known;
	short events = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);

	(void)easy;
	if (watch)
		event_free(watch);
	watch = what == CURL_POLL_REMOVE ? NULL : event_new(loop_base(), fd, events, on_socket, multi);
	(void)curl_multi_assign(multi->handle, fd, watch);
	return what == CURL_POLL_REMOVE || (watch && event_add(watch, NULL) == 0) ? 0 : -1;
}

static int watch_time(CURLM *handle, long timeout_ms, void *argument)
{
	const struct timeval after = { .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 };
	const struct multi *multi = argument;

	(void)handle;
	return timeout_ms < 0 ? event_del(multi->timer) : event_add(multi->timer, &after);
}

static int start(struct multi *multi, struct hearth_error *err)
{
	multi->handle = curl_multi_init();
	multi->timer = event_new(loop_base(), -1, 0, on_timer, multi);
	if (!multi->handle || !multi->timer)
		return hearth_fail(err, -ENOMEM, "libcurl cannot be set up");
	(void)curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, watch_socket);
	(void)curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
	(void)curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, watch_time);
	(void)curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
	(void)curl_multi_setopt(multi->handle, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
	(void)curl_multi_setopt(multi->handle, CURLMOPT_MAX_HOST_CONNECTIONS, 16L);
	(void)curl_multi_setopt(multi->handle, CURLMOPT_MAX_TOTAL_CONNECTIONS, 512L);
	return 0;
}

int multi_start(void (*done)(CURL *easy, CURLcode result), struct hearth_error *err)
{
	int r;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return hearth_fail(err, -EIO, "libcurl cannot be set up");
	on_end = done;
	r = start(&multis[0], err);
	return r < 0 ? r : start(&multis[1], err);
}

void multi_stop(void)
{
	if (!on_end)
		return;
	for (size_t i = 0; i < HEARTH_COUNT(multis); i++) {
		if (multis[i].handle)
			(void)curl_multi_cleanup(multis[i].handle);
		if (multis[i].timer)
			event_free(multis[i].timer);
		multis[i] = (struct multi){ 0 };
	}
	on_end = NULL;
	curl_global_cleanup();
}

int multi_add(CURL *easy, bool trusted, struct hearth_error *err)
{
	CURLMcode code = curl_multi_add_handle(multis[trusted].handle, easy);

	return code == CURLM_OK ? 0 : hearth_fail(err, -EIO, "the request cannot be started: %s", curl_multi_strerror(code));
}

void multi_remove(CURL *easy, bool trusted)
{
	(void)curl_multi_remove_handle(multis[trusted].handle, easy);
}
