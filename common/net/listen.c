/*
 * Makes listening sockets, in the parent, before it forks. What is wrong is said in a sentence that
 * names the address and the way out, because a taken port is what people meet first.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/net/server.h"

/* The kernel cuts it to net.core.somaxconn: a street of phones switched on at once must fit. */
enum { BACKLOG = 8192, TAKEN_PAUSE_US = 50000, TAKEN_TRIES = 60 };

static int open_listener(const struct addrinfo *address)
{
	static const int on = 1, off = 0;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	/* Accepted sockets inherit TCP_NODELAY: every send of ours is a whole flight. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
	    (address->ai_family == AF_INET6 &&
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0) ||
	    bind(fd, address->ai_addr, address->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* A port may be held for a moment by workers whose parent was killed: they finish what they have
 * begun. Three seconds are waited for it; then it is somebody else's. */
static int open_listener_patiently(const struct addrinfo *address)
{
	int fd = open_listener(address);

	for (int tries = 0; fd < 0 && errno == EADDRINUSE && tries < TAKEN_TRIES; tries++) {
		usleep(TAKEN_PAUSE_US);
		fd = open_listener(address);
	}
	return fd;
}

static void explain(const char *host, uint16_t port, char *why, size_t why_len)
{
	switch (errno) {
	case EADDRINUSE:
		snprintf(why, why_len,
		    "port %u on %s is taken: another program listens there; stop it or choose "
		    "another "
		    "port",
		    port, host);
		return;
	case EACCES:
		snprintf(why, why_len,
		    "port %u on %s may not be opened by this user: ports below 1024 need root or "
		    "CAP_NET_BIND_SERVICE",
		    port, host);
		return;
	case EADDRNOTAVAIL:
		snprintf(why, why_len, "%s is no address of this machine (port %u)", host, port);
		return;
	default:
		snprintf(
		    why, why_len, "cannot listen on %s port %u: %s", host, port, strerror(errno));
	}
}

enum err server_listen(const char *host, uint16_t port, int *fd, char *why, size_t why_len)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *found = NULL;
	const char *name = host;
	char service[8];
	int any = strcmp(host, "*") == 0, opened = -1;

	if (any) {
		hints.ai_family = AF_INET6;
		name = NULL;
	}
	snprintf(service, sizeof(service), "%u", port);
	int failure = getaddrinfo(name, service, &hints, &found);
	if (failure != 0) {
		snprintf(why, why_len, "%s is not an address to listen on: %s", host,
		    gai_strerror(failure));
		return ERR_NOT_FOUND;
	}
	opened = open_listener_patiently(found);
	if (opened < 0 && any && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		/* A machine without IPv6. */
		freeaddrinfo(found);
		hints.ai_family = AF_INET;
		found = NULL;
		if (getaddrinfo(NULL, service, &hints, &found) == 0)
			opened = open_listener_patiently(found);
	}
	enum err err = opened >= 0 ? ERR_OK : errno == EADDRINUSE ? ERR_EXISTS : ERR_IO;
	if (opened >= 0)
		*fd = opened;
	else
		explain(host, port, why, why_len);
	freeaddrinfo(found);
	return err;
}
