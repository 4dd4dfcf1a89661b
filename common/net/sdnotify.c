/*
 * Tells the service manager how we are: one datagram to the socket named by NOTIFY_SOCKET.
 *
 * The name comes from whoever started us. Runs in parents; nothing here waits or can fail a daemon.
 */
#include "common/net/sdnotify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/log.h"

/* Kept open by sd_notify_prepare(); -1: each message has a socket of its own. */
static int kept_fd = -1;

static int open_socket(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int send_state(const char *path, const char *state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t len = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || len >= sizeof(address.sun_path))
		return -1;
	memcpy(address.sun_path, path, len);
	if (path[0] == '@')
		address.sun_path[0] = '\0'; /* the abstract namespace */
	int fd = kept_fd >= 0 ? kept_fd : open_socket();
	if (fd < 0)
		return -1;
	ssize_t sent = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	if (fd != kept_fd)
		close(fd);
	return sent < 0 ? -1 : 0;
}

void sd_notify_prepare(void)
{
	const char *path = getenv("NOTIFY_SOCKET");
	if (path != NULL && path[0] != '\0' && kept_fd < 0)
		kept_fd = open_socket();
}

void sd_notify_send(const char *state)
{
	static int complained;
	const char *path = getenv("NOTIFY_SOCKET");
	if (path == NULL || path[0] == '\0' || send_state(path, state) == 0 || complained)
		return;
	complained = 1;
	LOG_WARN("service_manager_not_told", log_str("socket", path), log_errno());
}
