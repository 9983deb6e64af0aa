/* SPDX-License-Identifier: Apache-2.0
 *
 * The life of the process: everything up in order, READY=1, a signal, everything down in order.
 */
#include "start/start.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "config/config.h"
#include "db/db.h"
#include "http/http.h"
#include "keys/keys.h"
#include "lease/lease.h"
#include "log/log.h"
#include "loop/loop.h"
#include "loop/watch.h"
#include "metrics/metrics.h"
#include "outbound/outbound.h"
#include "plugin/plugin.h"
#include "stream/stream.h"
#include "task/task.h"

#define DRAIN_MS      10000 /* for requests that are under way */
#define POLL_MS       2000  /* of it, for long polls to end by themselves */
#define UNWIND_MS     3000  /* for tasks that are cancelled then */
#define DRAIN_STEP_MS 20

static int exit_code;
static bool pid_file_written, stopping;

static void give_up(const struct hearth_error *err)
{
	fprintf(stderr, "hearthd: %s\n", err->message);
	exit_code = 1;
}

static int write_pid_file(struct hearth_error *err)
{
	const char *path = config_resolve(NULL, config_text(config_find(NULL, "pid_file")));
	FILE *file;

	if (!path)
		return 0;
	file = fopen(path, "we");
	if (!file)
		return hearth_fail(err, -errno, "%s: pid_file %s: %s", config_place(config_find(NULL, "pid_file")), path,
				   strerror(errno));
	pid_file_written = true;
	fprintf(file, "%d\n", (int)getpid());
	return fclose(file) ? hearth_fail(err, -errno, "pid_file %s: %s", path, strerror(errno)) : 0;
}

static void remove_pid_file(void)
{
	const char *path = config_resolve(NULL, config_text(config_find(NULL, "pid_file")));

	if (path && pid_file_written)
		unlink(path);
}

static void on_stop(void);
static void wind_down(void);

/* What this process was to do is another's now: it ends, and whoever watches over it starts it afresh. */
static void on_lease_lost(void *argument)
{
	(void)argument;
	exit_code = 1;
	on_stop();
}

#define TABLES_MAX 255

typedef const struct hearth_field *const *tables[TABLES_MAX + 1];

/* The configuration tables of the loaded plugins, NULL at the end. */
static void known_tables(tables known)
{
	const struct plugin *plugin;
	size_t count = 0;

	for (size_t i = 0; (plugin = plugin_at(i)) && count < TABLES_MAX; i++)
		if (plugin_descriptor(plugin)->config)
			known[count++] = plugin_descriptor(plugin)->config;
	known[count] = NULL;
}

static int refuse_misspelt_keys(struct hearth_error *err)
{
	tables known;

	known_tables(known);
	return config_refuse_misspelt(NULL, known, err);
}

static void warn_unknown_keys(void)
{
	tables known;

	known_tables(known);
	config_warn_unknown(NULL, known);
}

HEARTH_SUSPENDS static void start(struct hearth_task *task, void *argument)
{
	struct hearth_error err = { 0 };
	int64_t began_ms = loop_monotonic_ms();
	int r;

	(void)argument;
	task_set_deadline(task, 0);
	r = db_start(task, &err);
	if (r >= 0)
		r = plugin_check_database(task, &err);
	if (r >= 0)
		r = logging_open(&err);
	if (r >= 0) {
		keys_keep();
		warn_unknown_keys();
		r = lease_start(task, on_lease_lost, &err);
	}
	if (r >= 0)
		r = plugin_start_all(task, &err);
	if (r >= 0)
		r = http_start(&err);
	if (r >= 0)
		r = write_pid_file(&err);
	if (r < 0) {
		if (r != -ECANCELED)
			give_up(&err);
		wind_down();
		return;
	}
	http_use_ready(ready_check);
	log_info("host", "ready after %d ms", (int)(loop_monotonic_ms() - began_ms));
	sd_notify(0, "READY=1");
}

/* Waits until every response has gone out: long polls answer at once, other requests are finished. */
HEARTH_SUSPENDS static void finish_requests(struct hearth_task *task)
{
	int64_t began_ms = loop_monotonic_ms(), waited_ms;

	http_drain();
	stream_drain();
	while (http_connections() && (waited_ms = loop_monotonic_ms() - began_ms) < DRAIN_MS) {
		struct hearth_error err = { 0 };

		if (waited_ms > POLL_MS)
			http_cancel_polls();
		if (task_service()->sleep(task, DRAIN_STEP_MS, &err) < 0)
			return;
	}
	if (http_connections())
		log_warning("host", "%zu connections are not done after %d s and are cut", http_connections(),
			    DRAIN_MS / 1000);
}

HEARTH_SUSPENDS static void drain(struct hearth_task *task, void *argument)
{
	int64_t until_ms;

	(void)argument;
	task_set_deadline(task, 0);
	finish_requests(task);
	plugin_drain_all(task);
	task_set_deadline(task, 0);
	task_cancel_all();
	until_ms = loop_monotonic_ms() + UNWIND_MS;
	while (task_count() > 1 && loop_monotonic_ms() < until_ms) {
		struct hearth_error err = { 0 };

		if (task_service()->sleep(task, DRAIN_STEP_MS, &err) < 0)
			break;
	}
	task_log_late(UNWIND_MS);
	lease_stop(task);
	loop_stop();
}

int run_is_stopping(void)
{
	return stopping;
}

/* Also after a start that failed: its tasks end before what they use does. */
static void wind_down(void)
{
	struct hearth_error err = { 0 };

	if (stopping)
		return;
	stopping = true;
	if (task_spawn("host", "drain", drain, NULL, NULL, &err) < 0)
		loop_stop();
}

static void on_stop(void)
{
	if (stopping)
		return;
	sd_notify(0, "STOPPING=1");
	log_info("host", "stopping");
	wind_down();
}

static void on_reload(void)
{
	struct hearth_error err = { 0 };

	/* The time belongs to it where the service has Type=notify-reload. */
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)loop_monotonic_ms() * 1000);
	if (log_reopen(&err) < 0)
		log_error("log", "%s; the old file stays in use", err.message);
	hearth_error_clear(&err);
	if (http_reload(&err) < 0)
		log_error("http", "%s; the old certificates stay in use", err.message);
	sd_notify(0, "READY=1");
}

/* Everything that needs no loop: a mistake in the configuration ends here, before anything is touched. */
static int prepare(struct hearth_error *err)
{
	int r;

	r = logging_read(err);
	if (r >= 0)
		r = config_check_server_name(err);
	if (r >= 0)
		r = db_check_config(err);
	if (r >= 0)
		r = http_check_config(err);
	if (r >= 0)
		r = keys_load(err);
	if (r >= 0)
		r = limits_init(err);
	limits_use_hook(hook_ask);
	if (r >= 0)
		r = plugin_choose(err);
	if (r >= 0)
		r = loop_init(err);
	if (r >= 0)
		r = task_init(err);
	if (r >= 0)
		r = outbound_start(err);
	if (r >= 0)
		r = plugin_load_all(err);
	if (r >= 0)
		r = refuse_misspelt_keys(err);
	if (r >= 0)
		r = http_bind(err);
	return r;
}

/* A commit under way cannot be unwound, and its task would go on in what finish() frees: the end of the process has to do. */
static void leave(void)
{
	log_warning("host", "%zu tasks did not end and are cut off", task_count());
	remove_pid_file();
	log_close();
	_exit(exit_code);
}

static void finish(void)
{
	if (task_count())
		leave();
	http_stop();
	plugin_stop_all();
	stream_finish();
	lease_finish();
	outbound_stop();
	db_stop();
	task_finish();
	loop_finish();
	limits_finish();
	keys_finish();
	metrics_finish();
	remove_pid_file();
	log_close();
}

int run_server(void)
{
	struct hearth_error err = { 0 };

	last_words_install();
	hang_watch_start();
	if (prepare(&err) >= 0 && task_spawn("host", "start", start, NULL, NULL, &err) >= 0)
		loop_run(on_stop, on_reload);
	else
		give_up(&err);
	finish();
	return exit_code;
}
