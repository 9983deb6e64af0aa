/* SPDX-License-Identifier: Apache-2.0
 *
 * host/http/internal.h - what the files of host/http share: listeners, connections, exchanges.
 *
 * A connection reads requests, one at a time; each becomes an exchange, which outlives a connection that breaks, and
 * runs as a task. The exchange hands its response back to the connection.
 */
#ifndef HOST_HTTP_INTERNAL_H
#define HOST_HTTP_INTERNAL_H

#include "fields.h"
#include "http.h"

#include <event2/bufferevent.h>
#include <event2/buffer.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#define HTTP_BODY_DEFAULT_BYTES (UINT64_C(1) << 20)

/* --- listeners --- */

/* One socket to listen on, as configured. */
struct listener_settings {
	const char *place;   /* "FILE:LINE" for complaints */
	const char *address; /* numeric, or a host name; NULL: a Unix socket */
	int64_t port;
	const char *path; /* of a Unix socket; NULL: TCP */
	uint32_t mode;    /* of its file */
	bool tls;
	bool x_forwarded;
	bool may_be_missing; /* one of the two default addresses: a machine without IPv6 is no error */
	const char *request_id_header;
	uint32_t resources; /* mask of 1 << enum hearth_resource */
	uint32_t compress;  /* of those, whose responses are compressed */
};

struct listener {
	struct listener_settings settings;
	struct evconnlistener *accepting;
	struct listener *next;
	bool owns_path;
};

struct listener_list {
	struct listener_settings *items;
	size_t count;
};

/* Reads listeners: or worker_listeners:. ret_list in the arena; texts as long as the configuration. */
int listener_settings_read(struct hearth_arena *arena, struct listener_list *ret_list, struct hearth_error *err);

/* Binds one, which refuses clients until listener_begin; ret_listener is owned: listener_free. */
int listener_open(const struct listener_settings *settings, struct listener **ret_listener, struct hearth_error *err);
/* Listens on a socket that is open already. */
int listener_adopt(const struct listener_settings *settings, int fd, struct listener **ret_listener,
		   struct hearth_error *err);
/* Accepts no more; its connections go on, and still need it. */
int listener_begin(struct listener *listener, struct hearth_error *err);
void listener_close(struct listener *listener);
void listener_free(struct listener *listener); /* NULL is allowed */
int listener_port(const struct listener *listener); /* that the system has given it; -1 for Unix sockets */

/* Stops and resumes accepting on all listeners (descriptors or connections have run out). */
void listeners_pause(void);
void listeners_resume(void);

/* --- TLS: one certificate for all listeners --- */
int tls_load(struct hearth_error *err); /* also again: the old one stays where the new one does not load */
SSL_CTX *tls_context(void);             /* NULL: not loaded */
void tls_finish(void);

/* --- connections --- */
struct connection;

/* Takes an accepted socket over. */
void connection_open(const struct listener *listener, int fd, const struct sockaddr *address);
/* Sends a response and goes on to the next request, or closes. Empties response. May end the connection. */
void connection_send(struct connection *connection, struct evbuffer *response, bool keep_alive);
/* Closes the idle ones, and asks every exchange to come to an end. */
void connections_drain(void);       /* closes those that are idle */
void connections_cancel_polls(void);
void connections_finish(void);
size_t connections_count(void);
/* Closes what is too slow; once a second. now_ms: monotonic. */
void connections_sweep(int64_t now_ms);

/* --- exchanges: one request and its response --- */
struct exchange_header {
	const char *name;
	const char *value;
	struct exchange_header *next;
};

struct exchange {
	struct hearth_request req;
	struct connection *connection; /* NULL once it is gone */
	const struct listener_settings *listener;
	struct hearth_arena *arena; /* until the response has left */
	struct head head;
	struct url_query query;
	struct route_match match; /* route NULL: none */
	struct hearth_task *task;
	struct hearth_error refusal; /* set: decided from the head alone */
	uint32_t references;
	bool is_head, preflight;
	int64_t started_us;
	/* the response */
	const char *content_type;
	const void *body;
	size_t body_size;
	bool has_body;
	bool compressed;
	struct exchange_header *headers;
	size_t sent_bytes;
};

/*
 * Makes an exchange of a request's head (changed, kept: arena). Negative: the head is malformed, and the connection is to
 * answer err and close. ip: borrowed. ret_exchange is owned: exchange_unref. The arena is the exchange's from then on.
 */
HEARTH_MUST_CHECK
int exchange_open(struct connection *connection, const struct listener_settings *listener, const char *ip,
		  struct hearth_arena *arena, char *head, size_t length, struct exchange **ret_exchange,
		  struct hearth_error *err);
/* How large its body may be. */
uint64_t exchange_body_max(const struct exchange *exchange);
/* The request is complete: a response comes by connection_send, perhaps at once. body: arena of the exchange, NUL-ended. */
void exchange_run(struct exchange *exchange, const char *body, size_t length);
/* Answers with exchange->refusal at once. close: the body has not been read. */
void exchange_refuse(struct exchange *exchange, bool close);
/* The client has gone. False: the request goes on to its end all the same. */
bool exchange_cancel(struct exchange *exchange);
/* The connection broke before the request was complete. */
void exchange_drop(struct exchange *exchange);
void exchange_unref(struct exchange *exchange);

/* --- responses --- */
/* Turns an error into the response's body and headers. */
void response_error(struct exchange *exchange, const struct hearth_error *err);
/* Compresses the body where client and listener have it so. Suspends for large ones. */
HEARTH_SUSPENDS void response_compress(struct exchange *exchange, struct hearth_task *task);
/* The whole response; large bodies are referenced, not copied. */
void response_write(struct exchange *exchange, struct evbuffer *out, bool keep_alive);
/* An error to a request that could not even be read. */
void response_write_bare(struct evbuffer *out, const struct hearth_error *err);

/* --- accounts of what was served --- */
struct route_metrics *account_route(struct hearth_arena *arena, const char *plugin,
				    const struct hearth_endpoint *endpoint);
void account_begin(void);
void account_end(const struct exchange *exchange); /* access log and metrics */
void account_malformed(const char *ip, const struct hearth_error *err);
/* Path and query, secrets taken out. arena. */
const char *account_target(const struct exchange *exchange, struct hearth_arena *arena);

/* --- the process's state --- */
struct route_table *http_routes(void);
const struct hearth_auth *http_auth(void);
bool http_draining(void);
int64_t http_monotonic_us(void);
int http_declare_builtins(struct hearth_error *err);
/* The n-th open listener; NULL: there is none. */
struct listener *http_listener_at(size_t index);
/* Opens one that the configuration does not have. */
int http_listen(const struct listener_settings *settings, struct hearth_error *err);

#endif
