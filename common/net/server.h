/*
 * An HTTP server on libevent: TLS connections, deadlines, caps, one answer per request.
 *
 * One server serves one listening socket in one worker. A request becomes a struct exchange that
 * ends on exactly one path: it is answered once (whole, or as a stream), and is freed when that
 * answer is out or the peer is gone. Handlers may answer at once or later from another callback of
 * the same loop. The server reads the Internet; everything it cannot understand it answers with the
 * status of http1.h and closes.
 */
#ifndef FIRSTRING_NET_SERVER_H
#define FIRSTRING_NET_SERVER_H

#include <event2/event.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "common/base/err.h"
#include "common/net/http1.h"
#include "common/net/networks.h"

struct server;
struct exchange;

enum server_transport {
	SERVER_TLS, /* `tls` must be given: a missing one aborts, it never means plain text */
	SERVER_PLAIN, /* loopback metrics, and the status listener of public signed objects */
};

enum server_proxy { SERVER_PROXY_FORBIDDEN, SERVER_PROXY_REQUIRED };

struct server_limits {
	unsigned handshake_ms; /* 5,000; also the PROXY header's deadline */
	unsigned head_ms; /* 10,000: from the first byte of a request to its complete head */
	unsigned request_ms; /* 20,000: from the first byte to the last byte of the answer */
	unsigned idle_ms; /* 30,000 between requests */
	unsigned connections; /* per worker; 0: RLIMIT_NOFILE - 64 */
	unsigned requests_per_connection; /* 0: 1,000 */
};
extern const struct server_limits SERVER_LIMITS_DEFAULT;

enum { SERVER_ADDRESS_TEXT = 64 };

/* The other end; borrowed from the exchange. */
struct server_peer {
	struct sockaddr_storage address; /* from the PROXY header where one is required */
	char text[SERVER_ADDRESS_TEXT]; /* "192.0.2.7" or "2001:db8::1", without port */
	X509 *certificate; /* NULL: none presented, or plain transport */
	X509 *issuer; /* the trust anchor, where it signed the certificate itself; else NULL */
	long verify_result; /* X509_V_OK only when a certificate was verified */
	int tls_version; /* TLS1_2_VERSION, TLS1_3_VERSION, 0 for plain */
};

struct server_answer {
	int status;
	const char *content_type; /* NULL: no Content-Type */
	struct http1_field headers[8];
	size_t header_count;
	const void *body; /* copied */
	size_t body_len;
	int close; /* 1: close the connection after this answer */
};

/* Why a connection ended without a request being answered, for log and counter. */
enum server_refusal {
	SERVER_REFUSED_HANDSHAKE, /* TLS failed; detail is OpenSSL's reason */
	SERVER_REFUSED_CERTIFICATE, /* the peer's certificate did not verify; detail is the X509
				       error */
	SERVER_REFUSED_TIMEOUT, /* detail: handshake, head, request, idle or write */
	SERVER_REFUSED_SYNTAX, /* detail is http1's reason */
	SERVER_REFUSED_PROXY, /* the PROXY header is missing, wrong, forbidden or not a balancer's
			       */
	SERVER_REFUSED_RESET,
	SERVER_REFUSED_BANNED, /* on_connect or on_handshake knew it */
	SERVER_REFUSED_COUNT,
};
const char *server_refusal_name(enum server_refusal refusal);

enum server_verdict {
	SERVER_TURN_AWAY, /* SERVER_REFUSED_CERTIFICATE, detail "profile" */
	SERVER_LET_IN,
	SERVER_BAN, /* SERVER_REFUSED_BANNED */
};

struct server_handler {
	/* A head is complete. Answer, or call exchange_read_body / exchange_stream_body, or keep
	 * the exchange and answer later. */
	void (*on_request)(struct exchange *exchange, void *ctx);
	/* Optional: a connection was accepted and its peer's address is known (from the PROXY
	 * header where one is required). Return 0 to close it before the handshake, without a byte.
	 */
	int (*on_connect)(const struct server_peer *peer, void *ctx);
	/* Optional: a TLS peer has finished its handshake: the place for checks on the certificate
	 * that OpenSSL does not make. Whoever is not let in gets no HTTP. */
	enum server_verdict (*on_handshake)(const struct server_peer *peer, void *ctx);
	/* Optional: the document of an error that the server itself answers (400, 408, 413, ...).
	 * `head` is the request's, NULL where none was read whole. Default: an empty body. Must not
	 * keep pointers. */
	void (*on_error)(int status, const char *reason, const struct http1_head *head,
	    struct server_answer *answer, void *ctx);
	/* Optional: told of each connection that ended as `refusal`. The server logs it already
	 * (rate-limited). */
	void (*on_refusal)(enum server_refusal refusal, const char *detail,
	    const struct server_peer *peer, void *ctx);
};

struct server_config {
	struct event_base *base;
	const char *name; /* of the listener, for log lines; a literal or longer-lived */
	int listen_fd; /* bound, listening, non-blocking; borrowed: the parent owns it */
	enum server_transport transport;
	SSL_CTX *tls; /* borrowed, up-referenced */
	enum server_proxy proxy;
	const struct networks *balancers; /* with SERVER_PROXY_REQUIRED: who may connect at all;
					     borrowed; NULL: anybody */
	struct server_limits limits;
	/* 1: answers carry X-Request-Id. 0 where answers must be the same bytes each time. */
	int show_request_id;
	const struct server_handler *handler;
	void *ctx;
};

struct server *server_new(const struct server_config *config);
/*
 * Takes what the kernel has queued, then stops accepting; connections idle between requests close
 * after a moment in which a request that is on its way is still answered, requests in flight go on
 * with Connection: close. When the whole daemon stops (worker_is_stopping), new connection attempts
 * are held off first, so that none is accepted by the kernel and lost.
 */
void server_drain(struct server *server);
/* Calls back once, from the loop, when a draining server has stopped accepting and its last
 * connection is gone: the time to free it and what else keeps the loop alive. */
void server_on_drained(struct server *server, void (*on_drained)(void *ctx), void *ctx);
/* Connections still open. */
size_t server_connections(const struct server *server);
/* Closes everything at once. Not from a handler's callback; afterwards no exchange of it may be
 * touched. NULL is fine. */
void server_free(struct server *server);

/* A bound, listening, non-blocking, close-on-exec socket; "*" binds IPv6 dual-stack. On failure
 * `why` says which address and what is wrong ("port 8443 is taken: ..."). */
MUST_CHECK enum err server_listen(
    const char *host, uint16_t port, int *fd, char *why, size_t why_len);

/* What was asked. Lives until the exchange ends. */
const struct http1_head *exchange_head(const struct exchange *exchange);
const struct server_peer *exchange_peer(const struct exchange *exchange);
/* A random id, 16 hex digits: in the log, in problems and (show_request_id) in X-Request-Id. */
const char *exchange_request_id(const struct exchange *exchange);

/* A handler's own state; `release` (may be NULL) runs when the exchange ends, on every path. */
void exchange_set_data(struct exchange *exchange, void *data, void (*release)(void *data));
void *exchange_data(const struct exchange *exchange);

/* Collects the body (at most max bytes, else 413) and calls back once, from the loop, with it whole
 * and NUL-terminated; the bytes live until the exchange ends. A request without a body calls back
 * with len 0. When the body does not come whole the server itself answers and ends the exchange. */
typedef void exchange_body_fn(struct exchange *exchange, const char *body, size_t len, void *ctx);
void exchange_read_body(
    struct exchange *exchange, uint64_t max, exchange_body_fn *on_body, void *ctx);

/* Hands the body over as it comes; len 0 means it is complete. The pace is set with
 * exchange_pause / exchange_resume. The peer is read from while an answer is streamed to it. A body
 * that goes wrong (cut, too long, too slow) shows as exchange_on_close, which such a handler must
 * set: the exchange is still the handler's to end. */
void exchange_stream_body(
    struct exchange *exchange, uint64_t max, exchange_body_fn *on_piece, void *ctx);
void exchange_pause(struct exchange *exchange);
void exchange_resume(struct exchange *exchange);
/* Gives this request another whole deadline, from now. */
void exchange_extend_deadline(struct exchange *exchange, unsigned ms);

/* Answers, once. Adds Date, Content-Length, Connection, X-Request-Id; a HEAD gets no body. After
 * it the exchange must not be touched, nor its data: `release` has run. */
void exchange_answer(struct exchange *exchange, const struct server_answer *answer);
/* Answers with a stream: head now (chunked for 1.1, close for 1.0), then pieces, then the end. */
void exchange_begin(struct exchange *exchange, const struct server_answer *answer);
/* ERR_CLOSED once the peer is gone: the caller finishes its own work and then calls exchange_end.
 */
enum err exchange_write(struct exchange *exchange, const void *bytes, size_t len);
/* Bytes accepted by exchange_write that have not reached the kernel. */
size_t exchange_unsent(const struct exchange *exchange);
/* Calls back, from the loop, each time that everything written so far has reached the kernel. */
void exchange_on_sent(
    struct exchange *exchange, void (*on_sent)(struct exchange *exchange, void *ctx), void *ctx);
/* Ends a stream, once. `complete` 0 cuts the connection so that the peer sees a cut answer.
 * After it the exchange must not be touched. */
void exchange_end(struct exchange *exchange, int complete);
/* 1 once the peer is gone, or was given up (a deadline, a broken body). The exchange must be
 * answered or ended all the same. */
int exchange_is_closed(const struct exchange *exchange);
/* Calls back once, from the loop, when exchange_is_closed becomes 1 before the answer was given. */
void exchange_on_close(
    struct exchange *exchange, void (*on_close)(struct exchange *exchange, void *ctx), void *ctx);

#endif
