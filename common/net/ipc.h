/*
 * Frames between our own processes on a Unix stream socket, on the event loop.
 *
 * A frame is {u32 length of what follows, u16 type, u32 id, payload}, big-endian, at most 64 KiB
 * in all. (SEQPACKET refuses messages above the socket buffer, so it is a stream.) The other end
 * is authenticated by its kernel credentials; its bytes are still not believed: a frame that is
 * too long or of no known type closes the connection and is logged.
 */
#ifndef FIRSTRING_NET_IPC_H
#define FIRSTRING_NET_IPC_H

#include <event2/event.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum {
	IPC_FRAME_MAX = 64 * 1024,
	IPC_HEADER_LEN = 10,
	IPC_PAYLOAD_MAX = IPC_FRAME_MAX - IPC_HEADER_LEN
};

struct ipc;

struct ipc_handler {
	/* One frame. Return anything but ERR_OK to have the peer cut off ("ipc_peer_killed" is
	 * logged). */
	enum err (*on_frame)(
	    struct ipc *ipc, uint16_t type, uint32_t id, struct cursor payload, void *ctx);
	/* The connection is gone; `ipc` is freed after this returns. */
	void (*on_close)(struct ipc *ipc, void *ctx);
};

/* Takes a connected non-blocking socket. */
struct ipc *ipc_new(struct event_base *base, int fd, const struct ipc_handler *handler, void *ctx);
/* Non-blocking connect to a Unix socket path: ERR_UNAVAILABLE when nobody listens. */
MUST_CHECK enum err ipc_connect(struct event_base *base, const char *path,
    const struct ipc_handler *handler, void *ctx, struct ipc **ipc);
void ipc_free(struct ipc *ipc);

/* Queues one frame. ERR_TOO_LONG: payload above IPC_PAYLOAD_MAX; ERR_FULL: more than 16 MiB are
 * unsent. */
MUST_CHECK enum err ipc_send(
    struct ipc *ipc, uint16_t type, uint32_t id, const void *payload, size_t len);
size_t ipc_unsent(const struct ipc *ipc);

/* Listens at `path` with mode 0600 or 0660; a stale socket file is replaced, a live one is
 * ERR_EXISTS. on_accept gets the fd (non-blocking) and the peer's kernel credentials. */
struct ipc_listener;
typedef void ipc_accept_fn(int fd, uid_t uid, gid_t gid, pid_t pid, void *ctx);
MUST_CHECK enum err ipc_listen(struct event_base *base, const char *path, mode_t mode,
    ipc_accept_fn *on_accept, void *ctx, struct ipc_listener **listener);
void ipc_listener_free(struct ipc_listener *listener);

#endif
