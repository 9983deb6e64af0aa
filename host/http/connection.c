/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client connection: reads a head, then its body, waits for the response, and starts over. Time is kept by one
 * sweep a second over all connections, so that a request costs no timers.
 */
#include "internal.h"

#include "chunked.h"
#include "log/log.h"
#include "loop/loop.h"
#include "task/task.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARRIVAL_MS 30000         /* for a head; for a body that makes no headway */
#define BODY_BYTES_PER_MS 16u    /* a body may take this much longer for what has arrived */
#define IDLE_MS 120000           /* between requests; longer than what proxies keep their connections for */
#define STALLED_MS 60000         /* for a client that does not read its response */
#define LINGER_MS 3000           /* for a client to read why it was refused, before the connection is cut */
#define READ_AHEAD_BYTES 131072u /* of requests that wait for the one before them */
#define BACKLOG_BYTES 262144u    /* of responses that wait for their reader, before the next request is begun */
#define BODIES_MAX_BYTES (512u << 20) /* of all requests that are being read */
#define SMALL_BODY_BYTES 65536u       /* goes on even when those are full */
#define SPARE_DESCRIPTORS 256u        /* for the database, files, outbound requests */
#define DESCRIPTORS_WANTED 65536u

enum connection_state {
	READING_HEAD = 0,
	READING_BODY,
	BUSY,      /* a response is being made */
	CLOSING,   /* it is the last one */
	LINGERING, /* it has been sent; the client may still be sending */
};

struct connection {
	struct connection *next, **link;
	const struct listener *listener;
	struct bufferevent *bev;
	struct exchange *exchange;
	struct evbuffer *body;
	struct chunked chunked;
	enum connection_state state;
	size_t scanned; /* bytes of the head that have no end in them */
	uint64_t body_bytes;
	int64_t deadline_ms;
	int64_t stalled_since_ms; /* 0: nothing waits to be written */
	size_t unwritten;
	bool advancing;
	bool body_unread; /* the request was answered before its body came */
	bool tls;
	char ip[INET6_ADDRSTRLEN];
};

static struct {
	struct connection *first;
	size_t count, max;
	uint64_t body_bytes;
} all;

size_t connections_count(void)
{
	return all.count;
}

static size_t connections_max(void)
{
	struct rlimit limit;

	if (all.max)
		return all.max;
	all.max = 512;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max < DESCRIPTORS_WANTED ? limit.rlim_max : DESCRIPTORS_WANTED;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
		if (limit.rlim_cur > 2 * SPARE_DESCRIPTORS)
			all.max = limit.rlim_cur - SPARE_DESCRIPTORS;
	}
	return all.max;
}

static void drop_body(struct connection *connection)
{
	all.body_bytes -= connection->body_bytes;
	connection->body_bytes = 0;
	if (connection->body)
		evbuffer_free(connection->body);
	connection->body = NULL;
	connection->chunked = (struct chunked){ 0 };
}

static void close_connection(struct connection *connection)
{
	struct exchange *exchange = connection->exchange;

	connection->exchange = NULL;
	if (exchange && connection->state == READING_BODY)
		exchange_drop(exchange);
	else if (exchange)
		exchange->connection = NULL;
	drop_body(connection);
	*connection->link = connection->next;
	if (connection->next)
		connection->next->link = connection->link;
	bufferevent_free(connection->bev);
	free(connection);
	if (all.count-- == connections_max())
		listeners_resume();
}

static size_t unwritten(const struct connection *connection)
{
	return evbuffer_get_length(bufferevent_get_output(connection->bev));
}

/* --- sending --- */

/* Once the last response is out: closes, or first lets the client read it, since closing on unread bytes would cut it off. */
static void settle(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->bev);

	if (connection->state != CLOSING || unwritten(connection) > 0)
		return;
	if (!connection->body_unread && evbuffer_get_length(input) == 0) {
		close_connection(connection);
		return;
	}
	connection->state = LINGERING;
	connection->deadline_ms = loop_monotonic_ms() + LINGER_MS;
	(void)evbuffer_drain(input, evbuffer_get_length(input));
	if (connection->tls)
		(void)SSL_shutdown(bufferevent_openssl_get_ssl(connection->bev));
	(void)shutdown(bufferevent_getfd(connection->bev), SHUT_WR);
}

/* Most responses fit the socket's buffer: written at once, they need no turn of the loop. */
static void write_out(struct connection *connection, struct evbuffer *response)
{
	if (!connection->tls && unwritten(connection) == 0)
		while (evbuffer_get_length(response) > 0)
			if (evbuffer_write(response, bufferevent_getfd(connection->bev)) <= 0)
				break;
	if (evbuffer_get_length(response) > 0)
		(void)bufferevent_write_buffer(connection->bev, response);
}

void connection_send(struct connection *connection, struct evbuffer *response, bool keep_alive)
{
	write_out(connection, response);
	connection->exchange = NULL;
	drop_body(connection);
	connection->state = keep_alive ? READING_HEAD : CLOSING;
	connection->scanned = 0;
	connection->deadline_ms = loop_monotonic_ms() + (keep_alive ? IDLE_MS : STALLED_MS);
	if (connection->advancing)
		return;
	if (!keep_alive)
		settle(connection);
	else if (evbuffer_get_length(bufferevent_get_input(connection->bev)) > 0)
		bufferevent_trigger(connection->bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS);
}

/* Answers what is no request; nothing that follows on this connection can be trusted. */
static void refuse(struct connection *connection, const struct hearth_error *err)
{
	struct evbuffer *response = evbuffer_new();

	hearth_assert(response);
	account_malformed(connection->ip, err);
	response_write_bare(response, err);
	connection->body_unread = true;
	connection_send(connection, response, false);
	evbuffer_free(response);
}

/* --- reading --- */

/* Empty lines before a request are skipped (RFC 9112, 2.2). */
static void skip_empty_lines(struct evbuffer *input)
{
	char start[2];

	while (evbuffer_copyout(input, start, 2) == 2 && start[0] == '\r' && start[1] == '\n')
		(void)evbuffer_drain(input, 2);
}

/* Length of the head with its empty line, 0: it has not ended, negative: it is too long. */
static ssize_t find_head(struct connection *connection, struct evbuffer *input, struct hearth_error *err)
{
	size_t length = evbuffer_get_length(input);
	struct evbuffer_ptr start, end;

	if (evbuffer_ptr_set(input, &start, connection->scanned, EVBUFFER_PTR_SET) == 0) {
		end = evbuffer_search(input, "\r\n\r\n", 4, &start);
		if (end.pos >= 0 && end.pos + 4 <= (ssize_t)HEAD_MAX_BYTES)
			return end.pos + 4;
	}
	if (length >= HEAD_MAX_BYTES)
		return hearth_refuse(err, 431, "M_TOO_LARGE", "the headers have more than %u bytes", HEAD_MAX_BYTES);
	connection->scanned = length > 3 ? length - 3 : 0;
	return 0;
}

static void start_body(struct connection *connection)
{
	struct exchange *exchange = connection->exchange;
	const struct head *head = &exchange->head;
	uint64_t max = exchange_body_max(exchange);
	bool has_body = head->chunked || head->content_length > 0;

	connection->state = READING_BODY;
	connection->deadline_ms = loop_monotonic_ms() + ARRIVAL_MS;
	if (head->content_length > max) {
		if (!exchange->refusal.code)
			(void)hearth_fail(&exchange->refusal, -EFBIG, "the body has more than %llu bytes",
					  (unsigned long long)max);
		connection->body_unread = true;
		connection->state = BUSY;
		exchange_refuse(exchange, true);
		return;
	}
	if (!has_body)
		return;
	connection->body = evbuffer_new();
	hearth_assert(connection->body);
	if (head->expects_continue && evbuffer_get_length(bufferevent_get_input(connection->bev)) == 0)
		(void)bufferevent_write(connection->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

/* 1: something was taken; 0: more must come. */
static int take_head(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->bev);
	struct hearth_error err = { 0 };
	struct hearth_arena *arena;
	ssize_t length;
	char *bytes;

	if (connection->scanned == 0)
		skip_empty_lines(input);
	if (evbuffer_get_length(input) == 0 || unwritten(connection) > BACKLOG_BYTES)
		return 0;
	if (connection->scanned == 0)
		connection->deadline_ms = loop_monotonic_ms() + ARRIVAL_MS;
	length = find_head(connection, input, &err);
	if (length == 0)
		return 0;
	if (length < 0) {
		refuse(connection, &err);
		return 1;
	}
	arena = hearth_arena_new();
	bytes = hearth_arena_alloc(arena, (size_t)length + 1);
	(void)evbuffer_remove(input, bytes, (size_t)length);
	connection->scanned = 0;
	connection->body_unread = false;
	if (exchange_open(connection, &connection->listener->settings, connection->ip, arena, bytes, (size_t)length,
			  &connection->exchange, &err) < 0) {
		refuse(connection, &err);
		hearth_arena_free(arena);
		return 1;
	}
	start_body(connection);
	return 1;
}

/* As chunked_take, for a body whose length was said. */
static int take_plain(struct connection *connection, struct evbuffer *input)
{
	uint64_t left = connection->exchange->head.content_length - evbuffer_get_length(connection->body);
	size_t size = evbuffer_get_length(input);

	if (size > left)
		size = (size_t)left;
	if (size > 0)
		(void)evbuffer_remove_buffer(input, connection->body, size);
	return size == left;
}

/* Takes what has arrived of the body. 1: complete, 0: more must come. */
static int take_part(struct connection *connection, struct hearth_error *err)
{
	struct exchange *exchange = connection->exchange;
	struct evbuffer *input = bufferevent_get_input(connection->bev);
	uint64_t size;
	int r;

	if (exchange->head.chunked)
		r = chunked_take(&connection->chunked, input, connection->body, exchange_body_max(exchange), err);
	else
		r = take_plain(connection, input);
	size = evbuffer_get_length(connection->body);
	connection->deadline_ms += (int64_t)((size - connection->body_bytes) / BODY_BYTES_PER_MS);
	all.body_bytes += size - connection->body_bytes;
	connection->body_bytes = size;
	if (r == 0 && all.body_bytes > BODIES_MAX_BYTES && size > SMALL_BODY_BYTES)
		return hearth_refuse(err, 503, "M_UNKNOWN", "too many large requests at once; try again");
	return r;
}

static int take_body(struct connection *connection)
{
	struct exchange *exchange = connection->exchange;
	struct hearth_error err = { 0 };
	int r = connection->body ? take_part(connection, &err) : 1;
	size_t length = 0;
	char *body = NULL;

	if (r == 0)
		return 0;
	connection->state = BUSY;
	if (r < 0) {
		if (!exchange->refusal.code)
			exchange->refusal = err;
		connection->body_unread = true;
		exchange_refuse(exchange, true);
		return 1;
	}
	if (connection->body && !exchange->refusal.code) {
		length = evbuffer_get_length(connection->body);
		body = hearth_arena_alloc(exchange->arena, length + 1);
		(void)evbuffer_remove(connection->body, body, length);
	}
	exchange_run(exchange, body ? body : "", length);
	return 1;
}

static void advance(struct connection *connection)
{
	struct evbuffer *input = bufferevent_get_input(connection->bev);
	int more = 1;

	connection->advancing = true;
	while (more > 0) {
		switch (connection->state) {
		case READING_HEAD:
			more = take_head(connection);
			break;
		case READING_BODY:
			more = take_body(connection);
			break;
		case LINGERING:
			(void)evbuffer_drain(input, evbuffer_get_length(input));
			more = 0;
			break;
		default:
			more = 0;
		}
	}
	connection->advancing = false;
	settle(connection);
}

/* --- events --- */

static void on_read(struct bufferevent *bev, void *argument)
{
	(void)bev;
	advance(argument);
}

static void on_written(struct bufferevent *bev, void *argument)
{
	struct connection *connection = argument;

	(void)bev;
	if (connection->state == CLOSING)
		settle(connection);
	else if (connection->state == READING_HEAD)
		advance(connection);
}

static void on_event(struct bufferevent *bev, short what, void *argument)
{
	struct connection *connection = argument;
	bool half_closed = (what & BEV_EVENT_EOF) && !(what & BEV_EVENT_ERROR);

	if (what & BEV_EVENT_CONNECTED)
		return;
	if (connection->state == BUSY && connection->exchange && !exchange_cancel(connection->exchange) && half_closed) {
		connection->exchange->head.keep_alive = false; /* it may have closed its sending side alone */
		bufferevent_disable(bev, EV_READ);
		return;
	}
	if (connection->state == CLOSING && half_closed && unwritten(connection) > 0) {
		bufferevent_disable(bev, EV_READ);
		return;
	}
	close_connection(connection);
}

static void describe_peer(struct connection *connection, const struct sockaddr *address)
{
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
	const struct sockaddr_in *four = (const struct sockaddr_in *)address;

	(void)snprintf(connection->ip, sizeof(connection->ip), "127.0.0.1"); /* a Unix socket's client is local */
	if (address->sa_family == AF_INET)
		(void)inet_ntop(AF_INET, &four->sin_addr, connection->ip, sizeof(connection->ip));
	else if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr))
		(void)inet_ntop(AF_INET, six->sin6_addr.s6_addr + 12, connection->ip, sizeof(connection->ip));
	else if (address->sa_family == AF_INET6)
		(void)inet_ntop(AF_INET6, &six->sin6_addr, connection->ip, sizeof(connection->ip));
}

static struct bufferevent *open_bufferevent(const struct listener *listener, int fd)
{
	struct bufferevent *bev;
	SSL *ssl;

	if (!listener->settings.tls)
		return bufferevent_socket_new(loop_base(), fd, BEV_OPT_CLOSE_ON_FREE);
	ssl = tls_context() ? SSL_new(tls_context()) : NULL;
	if (!ssl)
		return NULL;
	bev = bufferevent_openssl_socket_new(loop_base(), fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev)
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	else
		SSL_free(ssl);
	return bev;
}

void connection_open(const struct listener *listener, int fd, const struct sockaddr *address)
{
	struct bufferevent *bev = open_bufferevent(listener, fd);
	struct connection *connection = bev ? calloc(1, sizeof(*connection)) : NULL;
	int on = 1;

	if (!connection) {
		if (bev)
			bufferevent_free(bev);
		else
			(void)close(fd);
		return;
	}
	if (listener->settings.address)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	connection->listener = listener;
	connection->bev = bev;
	connection->tls = listener->settings.tls;
	connection->deadline_ms = loop_monotonic_ms() + ARRIVAL_MS;
	describe_peer(connection, address);
	connection->next = all.first;
	connection->link = &all.first;
	if (all.first)
		all.first->link = &connection->next;
	all.first = connection;
	if (++all.count == connections_max()) {
		log_warning("http", "%zu connections are open, no more are accepted until one ends", all.count);
		listeners_pause();
	}
	bufferevent_setwatermark(bev, EV_READ, 0, READ_AHEAD_BYTES);
	bufferevent_setcb(bev, on_read, on_written, on_event, connection);
	(void)bufferevent_enable(bev, EV_READ | EV_WRITE);
}

/* --- time --- */

static bool has_stalled(struct connection *connection, int64_t now_ms)
{
	size_t left = unwritten(connection);

	if (left == 0 || left < connection->unwritten || connection->stalled_since_ms == 0)
		connection->stalled_since_ms = left ? now_ms : 0;
	connection->unwritten = left;
	return connection->stalled_since_ms && now_ms - connection->stalled_since_ms > STALLED_MS;
}

/* What is being read has no end yet: the time until the next request begins after it. */
static void put_off(struct connection *connection, int64_t now_ms)
{
	if (unwritten(connection) == 0)
		return;
	if (connection->state == CLOSING)
		connection->deadline_ms = now_ms + STALLED_MS;
	else if (connection->state == READING_HEAD)
		connection->deadline_ms = now_ms + (connection->scanned > 0 ? ARRIVAL_MS : IDLE_MS);
}

static void time_out(struct connection *connection)
{
	struct hearth_error err = { 0 };
	bool in_request = connection->state == READING_BODY ||
			  (connection->state == READING_HEAD && connection->scanned > 0);

	if (!in_request) {
		close_connection(connection);
		return;
	}
	(void)hearth_refuse(&err, 408, "M_UNKNOWN", "the request did not arrive in time");
	if (connection->exchange)
		exchange_drop(connection->exchange);
	connection->exchange = NULL;
	refuse(connection, &err);
}

void connections_sweep(int64_t now_ms)
{
	struct connection *next;

	for (struct connection *connection = all.first; connection; connection = next) {
		next = connection->next;
		put_off(connection, now_ms);
		if (has_stalled(connection, now_ms))
			close_connection(connection);
		else if (connection->state != BUSY && now_ms > connection->deadline_ms)
			time_out(connection);
	}
	if (all.count < connections_max())
		listeners_resume();
	if (http_draining())
		connections_drain(); /* those that have read their response by now */
}

void connections_drain(void)
{
	struct connection *next;

	for (struct connection *connection = all.first; connection; connection = next) {
		next = connection->next;
		if (connection->state == READING_HEAD && connection->scanned == 0 && unwritten(connection) == 0)
			close_connection(connection);
	}
}

void connections_cancel_polls(void)
{
	for (struct connection *connection = all.first; connection; connection = connection->next) {
		struct exchange *exchange = connection->exchange;

		if (connection->state == BUSY && exchange && exchange->task && exchange->req.endpoint &&
		    exchange->req.endpoint->flags & HEARTH_ENDPOINT_LONG_POLL)
			task_cancel(exchange->task);
	}
}

void connections_finish(void)
{
	while (all.first)
		close_connection(all.first);
}
