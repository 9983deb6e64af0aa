/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 over plain TCP: one connection, one request at a time. Trusts its server: it is ours, or one beside it. */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct job {
	const char *method, *target, *token, *body;
};

struct buffer {
	char  *bytes;
	size_t size, capacity;
};

struct connection {
	int           fd;
	size_t        job;
	unsigned      left; /* requests of its job that are still to be made */
	struct buffer out, in;
	size_t        sent;
	double        started_ms;
};

struct load {
	const struct options *options;
	struct job           *jobs;
	size_t                job_count, next_job;
	char                  host[256], port[8];
	struct addrinfo      *address;
	struct connection    *connections;
	size_t                active;
	int                   epoll;
	FILE                 *bodies;
	unsigned long         serial;
	size_t                good, bad;
	char                  first_bad[512];
	struct samples        samples;
	double                started_ms;
};

static void reserve(struct buffer *buffer, size_t more)
{
	if (buffer->size + more <= buffer->capacity)
		return;
	buffer->capacity = (buffer->size + more) * 2;
	buffer->bytes = realloc(buffer->bytes, buffer->capacity);
	if (!buffer->bytes)
		abort();
}

static void append(struct buffer *buffer, const char *text, size_t size)
{
	reserve(buffer, size);
	memcpy(buffer->bytes + buffer->size, text, size);
	buffer->size += size;
}

static void append_text(struct buffer *buffer, const char *text)
{
	append(buffer, text, strlen(text));
}

/* --- requests --- */

static void append_target(struct load *load, struct buffer *out, const char *target)
{
	const char *hole = strstr(target, "{}");
	char number[48];

	if (!hole) {
		append_text(out, target);
		return;
	}
	snprintf(number, sizeof(number), "b%d.%lu", (int)getpid(), load->serial++);
	append(out, target, (size_t)(hole - target));
	append_text(out, number);
	append_text(out, hole + 2);
}

static void write_request(struct load *load, struct connection *connection)
{
	const struct job *job = &load->jobs[connection->job];
	struct buffer *out = &connection->out;
	char length[64];

	out->size = 0;
	connection->sent = 0;
	connection->in.size = 0;
	append_text(out, job->method);
	append_text(out, " ");
	append_target(load, out, job->target);
	append_text(out, " HTTP/1.1\r\nHost: ");
	append_text(out, load->host);
	if (*job->token) {
		append_text(out, "\r\nAuthorization: Bearer ");
		append_text(out, job->token);
	}
	if (*job->body) {
		snprintf(length, sizeof(length), "\r\nContent-Type: application/json\r\nContent-Length: %zu",
			 strlen(job->body));
		append_text(out, length);
	}
	append_text(out, "\r\n\r\n");
	append_text(out, job->body);
	connection->started_ms = now_ms();
}

static int watch(struct load *load, struct connection *connection, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = connection };

	return epoll_ctl(load->epoll, operation, connection->fd, &event);
}

static int flush(struct load *load, struct connection *connection)
{
	while (connection->sent < connection->out.size) {
		ssize_t sent = send(connection->fd, connection->out.bytes + connection->sent,
				    connection->out.size - connection->sent, MSG_NOSIGNAL);

		if (sent < 0 && (errno == EAGAIN || errno == EINPROGRESS))
			return watch(load, connection, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
		if (sent < 0)
			return -1;
		connection->sent += (size_t)sent;
	}
	return watch(load, connection, EPOLL_CTL_MOD, EPOLLIN);
}

static int over(const struct load *load)
{
	return load->options->seconds > 0 && now_ms() - load->started_ms >= load->options->seconds * 1e3;
}

/* The connection's next request; 0 where nothing is left to do for it. */
static int next_request(struct load *load, struct connection *connection)
{
	if (over(load))
		return 0;
	if (!connection->left && load->options->each) {
		if (load->next_job == load->job_count)
			return 0;
		connection->job = load->next_job++;
		connection->left = load->options->each;
	}
	if (load->options->each)
		connection->left--;
	write_request(load, connection);
	return 1;
}

static int open_connection(struct load *load, struct connection *connection)
{
	int on = 1;

	connection->fd = socket(load->address->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connection->fd < 0)
		return -1;
	setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(connection->fd, load->address->ai_addr, load->address->ai_addrlen) < 0 && errno != EINPROGRESS)
		return -1;
	return watch(load, connection, EPOLL_CTL_ADD, EPOLLIN | EPOLLOUT);
}

static void close_connection(struct connection *connection)
{
	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
}

/* --- answers --- */

/* The value of a header field in [head, end); NULL: it is not there. */
static const char *find_field(const char *head, const char *end, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = head; line && line < end;) {
		if ((size_t)(end - line) > length && !strncasecmp(line, name, length) && line[length] == ':')
			return line + length + 1 + strspn(line + length + 1, " ");
		line = memchr(line, '\n', (size_t)(end - line));
		if (line)
			line++;
	}
	return NULL;
}

/* Joins a chunked body in place. 1: it is whole, 0: more must come. */
static int join_chunks(char *body, size_t size, size_t *ret_length)
{
	size_t at = 0, length = 0;

	for (;;) {
		char *end = memchr(body + at, '\n', size - at);
		size_t chunk;

		if (!end)
			return 0;
		chunk = strtoul(body + at, NULL, 16);
		at = (size_t)(end - body) + 1;
		if (size - at < chunk + 2)
			return 0;
		if (!chunk)
			break;
		at += chunk + 2;
	}
	for (at = 0;;) {
		size_t chunk = strtoul(body + at, NULL, 16);

		if (!chunk)
			break;
		at = (size_t)((char *)memchr(body + at, '\n', size - at) - body) + 1;
		memmove(body + length, body + at, chunk);
		length += chunk;
		at += chunk + 2;
	}
	*ret_length = length;
	return 1;
}

/* 1: the answer is whole, 0: more must come. */
static int whole_answer(struct buffer *in, int *ret_status, char **ret_body, size_t *ret_length)
{
	char *end;
	const char *field;

	reserve(in, 1);
	in->bytes[in->size] = '\0';
	end = in->size > 12 ? strstr(in->bytes, "\r\n\r\n") : NULL;
	if (!end)
		return 0;
	*ret_status = atoi(in->bytes + 9);
	*ret_body = end + 4;
	field = find_field(in->bytes, end, "Transfer-Encoding");
	if (field && !strncasecmp(field, "chunked", 7))
		return join_chunks(*ret_body, in->size - (size_t)(*ret_body - in->bytes), ret_length);
	field = find_field(in->bytes, end, "Content-Length");
	*ret_length = field ? strtoul(field, NULL, 10) : 0;
	return in->size - (size_t)(*ret_body - in->bytes) >= *ret_length;
}

static void note_failure(struct load *load, const struct connection *connection, const char *text, size_t length)
{
	if (!load->bad++)
		snprintf(load->first_bad, sizeof(load->first_bad), "%s %.120s: %.*s", load->jobs[connection->job].method,
			 load->jobs[connection->job].target, (int)(length > 300 ? 300 : length), text);
}

static void take_answer(struct load *load, struct connection *connection, int status, char *body, size_t length)
{
	double ms = now_ms() - connection->started_ms;

	if (status != 200) {
		note_failure(load, connection, body, length);
	} else {
		load->good++;
		samples_add(&load->samples, ms);
	}
	if (!load->bodies)
		return;
	for (size_t i = 0; i < length; i++)
		if (body[i] == '\n')
			body[i] = ' ';
	fprintf(load->bodies, "%zu\t%d\t%.*s\n", connection->job, status, (int)length, body);
}

/* 1: goes on, 0: this connection has nothing left to do, negative: it broke. */
static int read_answers(struct load *load, struct connection *connection)
{
	struct buffer *in = &connection->in;
	int status;
	char *body;
	size_t length;

	for (;;) {
		ssize_t got;

		reserve(in, 65536);
		got = recv(connection->fd, in->bytes + in->size, in->capacity - in->size - 1, 0);
		if (got < 0 && errno == EAGAIN)
			return 1;
		if (got <= 0)
			return -1;
		in->size += (size_t)got;
		if (!whole_answer(in, &status, &body, &length))
			continue;
		take_answer(load, connection, status, body, length);
		if (load->options->hold || !next_request(load, connection))
			return 0;
		return flush(load, connection) < 0 ? -1 : 1;
	}
}

/* --- the loop --- */

static void serve(struct load *load, struct connection *connection, uint32_t events)
{
	int rc = 1;

	if (events & EPOLLOUT)
		rc = flush(load, connection) < 0 ? -1 : 1;
	if (rc > 0 && events & (EPOLLIN | EPOLLERR | EPOLLHUP))
		rc = read_answers(load, connection);
	if (rc < 0) {
		/* A server may close a connection between two requests; the request is lost for the statistics alone. */
		note_failure(load, connection, "connection lost", 15);
		close_connection(connection);
		if (!load->options->hold && load->bad < 100 && next_request(load, connection) &&
		    open_connection(load, connection) >= 0)
			return;
	}
	if (rc <= 0) {
		close_connection(connection);
		load->active--;
	}
}

/* Says "open" once every request has been sent; returns when standard input ends. */
static int announce(struct load *load)
{
	for (unsigned i = 0; i < load->options->connections; i++) {
		const struct connection *connection = &load->connections[i];

		if (connection->fd >= 0 && (!connection->out.size || connection->sent < connection->out.size))
			return 0;
	}
	printf("open\n");
	fflush(stdout);
	return 1;
}

static int input_ended(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char rest[256];

	return poll(&input, 1, 0) > 0 && read(STDIN_FILENO, rest, sizeof(rest)) <= 0;
}

static void loop(struct load *load)
{
	struct epoll_event events[64];
	int announced = 0;

	while (load->active) {
		int count = epoll_wait(load->epoll, events, 64, 100);

		for (int i = 0; i < count; i++)
			serve(load, events[i].data.ptr, events[i].events);
		if (!load->options->hold)
			continue;
		announced = announced || announce(load);
		if (announced && input_ended())
			return;
	}
	if (load->options->hold && !announced)
		announce(load);
}

static int parse_jobs(struct load *load, char *text)
{
	char *line;
	size_t lines = 1;

	for (const char *at = text; *at; at++)
		lines += *at == '\n';
	load->jobs = calloc(lines, sizeof(*load->jobs));
	while (load->jobs && (line = strsep(&text, "\n"))) {
		struct job job = { .method = strsep(&line, "\t"), .target = strsep(&line, "\t") };

		job.token = strsep(&line, "\t");
		job.body = strsep(&line, "\t");
		if (job.body)
			load->jobs[load->job_count++] = job;
		else if (*job.method)
			return -1;
	}
	return load->job_count ? 0 : -1;
}

static int find_server(struct load *load)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };

	if (sscanf(load->options->url, "http://%255[^:/]:%7[0-9]", load->host, load->port) != 2) {
		fprintf(stderr, "hearth-bench: expected http://HOST:PORT, found '%s'\n", load->options->url);
		return -1;
	}
	if (getaddrinfo(load->host, load->port, &hints, &load->address)) {
		fprintf(stderr, "hearth-bench: %s is not to be found\n", load->host);
		return -1;
	}
	return 0;
}

static int start(struct load *load)
{
	const struct options *options = load->options;

	load->epoll = epoll_create1(EPOLL_CLOEXEC);
	load->connections = calloc(options->connections, sizeof(*load->connections));
	if (load->epoll < 0 || !load->connections)
		return -1;
	load->started_ms = now_ms();
	for (unsigned i = 0; i < options->connections; i++) {
		struct connection *connection = &load->connections[i];

		connection->fd = -1;
		connection->job = i % load->job_count;
		if (!next_request(load, connection))
			continue;
		if (open_connection(load, connection) < 0) {
			perror("hearth-bench: connect");
			return -1;
		}
		load->active++;
	}
	return 0;
}

static void print_result(struct load *load)
{
	const char *text = load->first_bad;

	printf("{\"good\": %zu, \"bad\": %zu, \"seconds\": %.4f, ", load->good, load->bad,
	       (now_ms() - load->started_ms) / 1e3);
	samples_print(&load->samples);
	printf("}\n");
	if (load->bad)
		fprintf(stderr, "hearth-bench: %zu requests failed, first %s\n", load->bad, text);
}

static void finish(struct load *load)
{
	for (unsigned i = 0; load->connections && i < load->options->connections; i++) {
		close_connection(&load->connections[i]);
		free(load->connections[i].in.bytes);
		free(load->connections[i].out.bytes);
	}
	free(load->connections);
	free(load->jobs);
	samples_free(&load->samples);
	if (load->address)
		freeaddrinfo(load->address);
	if (load->bodies)
		fclose(load->bodies);
}

int http_run(const struct options *options)
{
	struct load load = { .options = options };
	char *text = read_file(options->input);
	int rc = -1;

	if (options->bodies)
		load.bodies = fopen(options->bodies, "w");
	if (!text || parse_jobs(&load, text) < 0 || (options->bodies && !load.bodies))
		fprintf(stderr, "hearth-bench: expected jobs: METHOD TAB TARGET TAB TOKEN TAB BODY\n");
	else if (find_server(&load) >= 0 && start(&load) >= 0)
		rc = 0;
	if (rc >= 0) {
		loop(&load);
		print_result(&load);
	}
	finish(&load);
	free(text);
	return rc < 0 ? 1 : 0;
}
