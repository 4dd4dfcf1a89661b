/*
 * Listens on a Unix socket and says who connects, by the kernel's word.
 *
 * The folder of the socket and its mode keep strangers out; the credentials let the owner of the
 * listener decide about the rest. It reads nothing from whoever connects.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/net/ipc.h"

enum { LISTENER_MAGIC = 0x49504c53, BACKLOG = 64, ACCEPT_PAUSE_MS = 100 };

struct ipc_listener {
	unsigned magic;
	int fd;
	struct sockaddr_un address;
	ino_t inode; /* of the socket file, so that only our own is removed */
	ipc_accept_fn *on_accept;
	void *ctx;
	struct event *accept_event, *pause_event;
	struct log_gate gate;
};

static void on_pause_over(evutil_socket_t fd, short what, void *arg)
{
	struct ipc_listener *listener = arg;
	(void)fd;
	(void)what;
	CHECK(event_add(listener->accept_event, NULL) == 0);
}

static void on_acceptable(evutil_socket_t listen_fd, short what, void *arg)
{
	struct ipc_listener *listener = arg;
	struct ucred peer = {0};
	socklen_t peer_len = sizeof(peer);
	(void)what;
	CHECK(listener->magic == LISTENER_MAGIC);
	int fd = accept4(listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
		return;
	if (fd < 0) {
		struct timeval pause = {0, ACCEPT_PAUSE_MS * 1000};
		if (log_gate_open(&listener->gate))
			LOG_ERROR("ipc_accept_failed", log_errno(),
			    log_uint("suppressed", listener->gate.suppressed));
		event_del(listener->accept_event);
		CHECK(event_add(listener->pause_event, &pause) == 0);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_len) != 0 ||
	    peer_len != sizeof(peer)) {
		LOG_ERROR("ipc_peer_unknown", log_errno());
		close(fd);
		return;
	}
	listener->on_accept(fd, peer.uid, peer.gid, peer.pid, listener->ctx);
}

/* Removes a socket file that nobody listens on; ERR_EXISTS for anything else that is there. */
static enum err clear_path(const struct sockaddr_un *address)
{
	struct stat status;
	enum err err = ERR_EXISTS;
	if (lstat(address->sun_path, &status) != 0)
		return errno == ENOENT ? ERR_OK : ERR_IO;
	if (!S_ISSOCK(status.st_mode))
		return ERR_EXISTS;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_IO;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
	    errno == ECONNREFUSED)
		err = unlink(address->sun_path) == 0 ? ERR_OK : ERR_IO;
	close(fd);
	return err;
}

/* Binds with the mode from the first moment on. */
static int bind_with_mode(int fd, const struct sockaddr_un *address, mode_t mode)
{
	mode_t before = umask(0777 & ~mode);
	int result = bind(fd, (const struct sockaddr *)address, sizeof(*address));
	umask(before);
	return result;
}

enum err ipc_listen(struct event_base *base, const char *path, mode_t mode,
    ipc_accept_fn *on_accept, void *ctx, struct ipc_listener **listener)
{
	struct stat status;
	enum err err = ERR_IO;
	struct ipc_listener *made = calloc(1, sizeof(*made));
	CHECK(made != NULL);
	made->magic = LISTENER_MAGIC;
	made->fd = -1;
	made->address.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(made->address.sun_path)) {
		err = ERR_TOO_LONG;
		goto out;
	}
	strcpy(made->address.sun_path, path);
	err = clear_path(&made->address);
	if (err != ERR_OK)
		goto out;
	err = ERR_IO;
	made->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (made->fd < 0 || bind_with_mode(made->fd, &made->address, mode) != 0 ||
	    lstat(path, &status) != 0 || listen(made->fd, BACKLOG) != 0)
		goto out;
	made->inode = status.st_ino;
	made->on_accept = on_accept;
	made->ctx = ctx;
	made->accept_event = event_new(base, made->fd, EV_READ | EV_PERSIST, on_acceptable, made);
	made->pause_event = evtimer_new(base, on_pause_over, made);
	CHECK(made->accept_event != NULL && made->pause_event != NULL);
	CHECK(event_add(made->accept_event, NULL) == 0);
	*listener = made;
	return ERR_OK;
out:
	if (made->fd >= 0)
		close(made->fd);
	free(made);
	return err;
}

void ipc_listener_free(struct ipc_listener *listener)
{
	struct stat status;
	if (listener == NULL)
		return;
	CHECK(listener->magic == LISTENER_MAGIC);
	if (lstat(listener->address.sun_path, &status) == 0 && status.st_ino == listener->inode)
		unlink(listener->address.sun_path);
	event_free(listener->accept_event);
	event_free(listener->pause_event);
	close(listener->fd);
	listener->magic = 0;
	free(listener);
}
