/* SPDX-License-Identifier: Apache-2.0
 *
 * host/http/http.h - inbound HTTP as the host starts it; hearth/http.h is what plugins see.
 */
#ifndef HOST_HTTP_HTTP_H
#define HOST_HTTP_HTTP_H

#include <hearth/http.h>

/* Notes a plugin's endpoints; before http_start. A path that is taken already is an error naming both plugins. */
int http_declare(const char *plugin, void *self, const struct hearth_endpoint *table, struct hearth_error *err);

/* Who turns tokens into users; NULL until a plugin offers hearth.auth. */
void http_use_auth(const struct hearth_auth *auth);

/* What /ready asks: writes one member for each part into an open object, "ok" or what ails it; 1 where all are well. */
void http_use_ready(int (*check)(struct hearth_writer *w));

/* Checks the listeners: section (or worker_listeners); no I/O. */
int http_check_config(struct hearth_error *err);

/*
 * Binds the listeners of the configuration, systemd's sockets first: what they cannot have is known before anything else
 * is begun. Clients are refused until http_start, which compiles the routes.
 */
int http_bind(struct hearth_error *err);
int http_start(struct hearth_error *err);
/* Stops accepting and closes idle connections; running requests go on, and are the last of their connections. */
void http_drain(void);
/* Cancels the long polls that still wait. */
void http_cancel_polls(void);
/* Connections that are open: after http_drain, those whose request or response is under way. */
size_t http_connections(void);
void http_stop(void);
/* New certificates (SIGHUP). */
int http_reload(struct hearth_error *err);

/* Reads the rc_* keys. Before http_start. */
int limits_init(struct hearth_error *err);
void limits_finish(void);
/* How hook ratelimit.override is run; until then no limit is overridden. */
void limits_use_hook(int (*ask)(const char *id, void *subject));

/* Every declared endpoint, as one JSON array: method, path, access, fields. After the plugins have been loaded. */
void http_describe(struct hearth_writer *w);

const struct hearth_http *http_service(void);
const struct hearth_limits *limits_service(void);

#endif
