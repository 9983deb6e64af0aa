/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that accept connections: TCP, Unix, and those that systemd hands over. */
#include "internal.h"

#include "log/log.h"
#include "loop/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static struct listener *all;

static void close_fdp(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static void on_accept(struct evconnlistener *accepting, int fd, struct sockaddr *address, int length, void *argument)
{
	(void)accepting;
	(void)length;
	connection_open(argument, fd, address);
}

static void on_accept_error(struct evconnlistener *accepting, void *argument)
{
	const struct listener *listener = argument;

	(void)accepting;
	log_warning("http", "%s: cannot accept a connection: %s; trying again soon", listener->settings.place,
		    strerror(errno));
	listeners_pause();
}

void listeners_pause(void)
{
	for (struct listener *listener = all; listener; listener = listener->next)
		(void)evconnlistener_disable(listener->accepting);
}

void listeners_resume(void)
{
	for (struct listener *listener = all; listener; listener = listener->next)
		(void)evconnlistener_enable(listener->accepting);
}

int listener_adopt(const struct listener_settings *settings, int fd, struct listener **ret_listener,
		   struct hearth_error *err)
{
	struct listener *listener = calloc(1, sizeof(*listener));

	hearth_assert(listener);
	listener->settings = *settings;
	(void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	listener->accepting = evconnlistener_new(loop_base(), on_accept, listener,
						 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_DISABLED, 0, fd);
	if (!listener->accepting) {
		int code = -errno;

		free(listener);
		return hearth_fail(err, code, "%s: cannot listen: %s", settings->place, strerror(-code));
	}
	evconnlistener_set_error_cb(listener->accepting, on_accept_error);
	listener->next = all;
	all = listener;
	*ret_listener = listener;
	return 0;
}

int listener_begin(struct listener *listener, struct hearth_error *err)
{
	if (listen(evconnlistener_get_fd(listener->accepting), BACKLOG) < 0)
		return hearth_fail(err, -errno, "%s: cannot listen: %s", listener->settings.place, strerror(errno));
	(void)evconnlistener_enable(listener->accepting);
	return 0;
}

/* --- TCP --- */

static int bind_tcp(const struct listener_settings *settings, const struct addrinfo *address, int *ret_fd,
		    struct hearth_error *err)
{
	HEARTH_CLEANUP(close_fdp) int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, code;

	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (address->ai_family == AF_INET6)
			(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	}
	if (fd < 0 || bind(fd, address->ai_addr, address->ai_addrlen) < 0) {
		code = -errno;
		return hearth_fail(err, code, "%s: cannot listen on %s port %lld: %s%s", settings->place, settings->address,
				   (long long)settings->port, strerror(-code),
				   code == -EADDRINUSE ? "; stop what uses it, or choose another port" : "");
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

static int open_tcp(const struct listener_settings *settings, int *ret_fd, struct hearth_error *err)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *addresses;
	char port[16];
	int r;

	(void)snprintf(port, sizeof(port), "%lld", (long long)settings->port);
	r = getaddrinfo(settings->address, port, &hints, &addresses);
	if (r != 0)
		return hearth_fail(err, -EINVAL, "%s: '%s' is no address to listen on: %s", settings->place,
				   settings->address, gai_strerror(r));
	r = bind_tcp(settings, addresses, ret_fd, err);
	freeaddrinfo(addresses);
	return r;
}

/* --- Unix sockets --- */

/* A socket file that nobody listens on any more is what a killed process leaves behind. */
static int clear_stale(const struct listener_settings *settings, const struct sockaddr_un *address, struct hearth_error *err)
{
	HEARTH_CLEANUP(close_fdp) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat status;

	if (lstat(address->sun_path, &status) < 0)
		return 0;
	if (!S_ISSOCK(status.st_mode))
		return hearth_fail(err, -EEXIST, "%s: %s exists and is no socket", settings->place, settings->path);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
		return hearth_fail(err, -EADDRINUSE, "%s: another process listens on %s", settings->place, settings->path);
	(void)unlink(address->sun_path);
	return 0;
}

static int open_unix(const struct listener_settings *settings, int *ret_fd, struct hearth_error *err)
{
	HEARTH_CLEANUP(close_fdp) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r;

	if (strlen(settings->path) >= sizeof(address.sun_path))
		return hearth_fail(err, -ENAMETOOLONG, "%s: path has more than %zu bytes: %s", settings->place,
				   sizeof(address.sun_path) - 1, settings->path);
	memcpy(address.sun_path, settings->path, strlen(settings->path));
	r = clear_stale(settings, &address, err);
	if (r < 0)
		return r;
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(settings->path, settings->mode) < 0) {
		r = -errno;
		return hearth_fail(err, r, "%s: cannot listen on %s: %s", settings->place, settings->path, strerror(-r));
	}
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int listener_open(const struct listener_settings *settings, struct listener **ret_listener, struct hearth_error *err)
{
	HEARTH_CLEANUP(close_fdp) int fd = -1;
	int r = settings->path ? open_unix(settings, &fd, err) : open_tcp(settings, &fd, err);

	if (r < 0)
		return r;
	r = listener_adopt(settings, fd, ret_listener, err);
	if (r < 0)
		return r;
	fd = -1;
	(*ret_listener)->owns_path = settings->path != NULL;
	return 0;
}

int listener_port(const struct listener *listener)
{
	struct sockaddr_storage address = { 0 };
	socklen_t length = sizeof(address);

	if (getsockname(evconnlistener_get_fd(listener->accepting), (struct sockaddr *)&address, &length) < 0)
		return -1;
	if (address.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&address)->sin_port);
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return -1;
}

void listener_close(struct listener *listener)
{
	struct listener **link = &all;

	while (*link && *link != listener)
		link = &(*link)->next;
	if (*link)
		*link = listener->next;
	if (!listener->accepting)
		return;
	evconnlistener_free(listener->accepting);
	listener->accepting = NULL;
	if (listener->owns_path)
		(void)unlink(listener->settings.path);
}

void listener_free(struct listener *listener)
{
	if (!listener)
		return;
	listener_close(listener);
	free(listener);
}
