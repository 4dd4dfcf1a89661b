/*
 * Moves frames between two of our own processes.
 *
 * The peer was authenticated by the kernel when it connected, and may still be one that an attacker
 * has taken over: lengths are checked before they are believed, queues are bounded, and what does
 * not parse ends the connection with a line in the log. What a frame means is the handler's.
 */
#include "common/net/ipc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/log.h"

enum {
	IPC_MAGIC = 0x49504343,
	LENGTH_LEN = 4,
	UNSENT_MAX = 16 * 1024 * 1024,
};

struct ipc {
	unsigned magic;
	int fd;
	const struct ipc_handler *handler;
	void *ctx;
	struct event *read_event, *write_event;
	struct buf in, out;
	size_t out_sent;
	int in_callback, is_doomed; /* freed as soon as the callback in hand returns */
};

static char shared_received[IPC_FRAME_MAX];

static void ipc_destroy(struct ipc *ipc)
{
	event_free(ipc->read_event);
	event_free(ipc->write_event);
	close(ipc->fd);
	buf_wipe(&ipc->in);
	buf_wipe(&ipc->out);
	ipc->magic = 0;
	free(ipc);
}

/* The connection is over without the owner's doing: tells it, once, and frees. */
static void ipc_close(struct ipc *ipc)
{
	ipc->in_callback = 1;
	if (!ipc->is_doomed && ipc->handler->on_close != NULL)
		ipc->handler->on_close(ipc, ipc->ctx);
	ipc_destroy(ipc);
}

static void kill_peer(struct ipc *ipc, const char *reason, uint16_t type, uint32_t id)
{
	LOG_ERROR("ipc_peer_killed", log_str("reason", reason), log_uint("type", type),
	    log_uint("id", id));
	ipc_close(ipc);
}

/* Hands on one frame at the start of `cursor`. ERR_MORE when it is not all there; anything else
 * but ERR_OK has ended the connection. */
static enum err take_frame(struct ipc *ipc, struct cursor *cursor)
{
	struct cursor frame = *cursor;
	if (cursor_left(&frame) < LENGTH_LEN)
		return ERR_MORE;
	size_t len = cursor_u32(&frame);
	if (len < IPC_HEADER_LEN - LENGTH_LEN || len > IPC_FRAME_MAX - LENGTH_LEN) {
		kill_peer(ipc, "frame_length", 0, 0);
		return ERR_RANGE;
	}
	if (cursor_left(&frame) < len)
		return ERR_MORE;
	cursor_bytes(cursor, LENGTH_LEN + len);
	frame.end = cursor->next;
	uint16_t type = cursor_u16(&frame);
	uint32_t id = cursor_u32(&frame);

	ipc->in_callback = 1;
	enum err err = ipc->handler->on_frame(ipc, type, id, frame, ipc->ctx);
	ipc->in_callback = 0;
	if (ipc->is_doomed) {
		ipc_destroy(ipc);
		return ERR_CLOSED;
	}
	if (err != ERR_OK) {
		kill_peer(ipc, err_name(err), type, id);
		return ERR_CLOSED;
	}
	return ERR_OK;
}

static void take_frames(struct ipc *ipc)
{
	struct cursor cursor = cursor_of(ipc->in.bytes, ipc->in.len);
	for (;;) {
		enum err err = take_frame(ipc, &cursor);
		if (err == ERR_MORE)
			break;
		if (err != ERR_OK)
			return;
	}
	size_t left = cursor_left(&cursor);
	if (left == 0)
		buf_free(&ipc->in);
	else
		buf_drop_front(&ipc->in, ipc->in.len - left);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct ipc *ipc = arg;
	(void)what;
	CHECK(ipc->magic == IPC_MAGIC);
	ssize_t len = recv(fd, shared_received, sizeof(shared_received), 0);
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len <= 0) {
		if (ipc->in.len > 0)
			LOG_WARN("ipc_frame_cut", log_uint("bytes", ipc->in.len));
		ipc_close(ipc);
		return;
	}
	buf_put(&ipc->in, shared_received, (size_t)len);
	take_frames(ipc);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct ipc *ipc = arg;
	struct buf *out = &ipc->out;
	(void)what;
	CHECK(ipc->magic == IPC_MAGIC);
	while (ipc->out_sent < out->len) {
		ssize_t sent =
		    send(fd, out->bytes + ipc->out_sent, out->len - ipc->out_sent, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN) {
			if (ipc->out_sent > out->len / 2) {
				buf_drop_front(out, ipc->out_sent);
				ipc->out_sent = 0;
			}
			CHECK(event_add(ipc->write_event, NULL) == 0);
			return;
		}
		if (sent < 0) {
			ipc_close(ipc);
			return;
		}
		ipc->out_sent += (size_t)sent;
	}
	buf_clear(out);
	ipc->out_sent = 0;
}

struct ipc *ipc_new(struct event_base *base, int fd, const struct ipc_handler *handler, void *ctx)
{
	struct ipc *ipc = calloc(1, sizeof(*ipc));
	CHECK(ipc != NULL && handler->on_frame != NULL);
	ipc->magic = IPC_MAGIC;
	ipc->fd = fd;
	ipc->handler = handler;
	ipc->ctx = ctx;
	buf_init(&ipc->in, 2 * IPC_FRAME_MAX);
	buf_init(&ipc->out, UNSENT_MAX + 2 * IPC_FRAME_MAX);
	ipc->read_event = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, ipc);
	ipc->write_event = event_new(base, fd, EV_WRITE, on_writable, ipc);
	CHECK(ipc->read_event != NULL && ipc->write_event != NULL);
	CHECK(event_add(ipc->read_event, NULL) == 0);
	return ipc;
}

static enum err set_path(struct sockaddr_un *address, const char *path)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	if (strlen(path) >= sizeof(address->sun_path))
		return ERR_TOO_LONG;
	strcpy(address->sun_path, path);
	return ERR_OK;
}

static enum err open_connection(const char *path, int *fd)
{
	struct sockaddr_un address;
	enum err err = set_path(&address, path);
	if (err != ERR_OK)
		return err;
	int opened = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (opened < 0)
		return ERR_IO;
	if (connect(opened, (struct sockaddr *)&address, sizeof(address)) != 0) {
		int saved = errno;
		close(opened);
		errno = saved;
		return saved == EACCES || saved == EPERM ? ERR_DENIED : ERR_UNAVAILABLE;
	}
	*fd = opened;
	return ERR_OK;
}

enum err ipc_connect(struct event_base *base, const char *path, const struct ipc_handler *handler,
    void *ctx, struct ipc **ipc)
{
	int fd = -1;
	enum err err = open_connection(path, &fd);
	if (err != ERR_OK)
		return err;
	*ipc = ipc_new(base, fd, handler, ctx);
	return ERR_OK;
}

void ipc_free(struct ipc *ipc)
{
	if (ipc == NULL)
		return;
	CHECK(ipc->magic == IPC_MAGIC);
	if (ipc->in_callback)
		ipc->is_doomed = 1;
	else
		ipc_destroy(ipc);
}

enum err ipc_send(struct ipc *ipc, uint16_t type, uint32_t id, const void *payload, size_t len)
{
	CHECK(ipc->magic == IPC_MAGIC);
	if (len > IPC_PAYLOAD_MAX)
		return ERR_TOO_LONG;
	if (ipc_unsent(ipc) + IPC_HEADER_LEN + len > UNSENT_MAX)
		return ERR_FULL;
	int was_empty = ipc->out.len == 0;
	buf_put_u32(&ipc->out, (uint32_t)(IPC_HEADER_LEN - LENGTH_LEN + len));
	buf_put_u16(&ipc->out, type);
	buf_put_u32(&ipc->out, id);
	buf_put(&ipc->out, payload, len);
	CHECK(ipc->out.err == ERR_OK);
	/* Sent from the loop, together with what else this turn has to say. */
	if (was_empty)
		event_active(ipc->write_event, EV_WRITE, 0);
	return ERR_OK;
}

size_t ipc_unsent(const struct ipc *ipc)
{
	CHECK(ipc->magic == IPC_MAGIC);
	return ipc->out.len - ipc->out_sent;
}
