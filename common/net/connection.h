/*
 * Private to the server: one connection and the request in hand on it.
 *
 * server.c accepts and counts, connection.c moves bytes and keeps deadlines, transport.c speaks
 * TLS, exchange.c reads requests, exchange_answer.c answers them, answer.c spells heads of answers.
 * Everything runs on one event loop in one process: work on a connection is never nested in work on
 * another one (answers given from elsewhere only write; reading goes on from the loop), which is
 * what allows all of them to share their receive buffers.
 */
#ifndef FIRSTRING_NET_CONNECTION_H
#define FIRSTRING_NET_CONNECTION_H

#include <event2/event_struct.h>

#include "common/base/log.h"
#include "common/net/server.h"

enum {
	SERVER_MAGIC = 0x53525652,
	CONNECTION_MAGIC = 0x434f4e4e,
	EXCHANGE_MAGIC = 0x45584348,
	LINGER_MS = 2000,
	DRAIN_GRACE_MS = 500,
	/* Unsent answers above which no further pipelined request is begun. */
	BACKLOG_MAX = 64 * 1024,
	/* A stream's bytes are gathered up to this before they become a record. */
	STREAM_GATHER = 16 * 1000,
};

struct server {
	unsigned magic;
	struct server_config config;
	struct event *accept_event;
	struct event *accept_timer; /* ends a pause after an accept error, or the drain's grace */
	struct event *drained_event;
	struct connection *first;
	size_t connections, connections_max;
	int draining, accepting;
	int64_t drain_ms; /* when draining began */
	void (*on_drained)(void *ctx);
	void *on_drained_ctx;
	struct log_gate refusal_gates[SERVER_REFUSED_COUNT];
	struct log_gate accept_gate;
};

/* Bytes that wait to be read: a view into a shared buffer, or into `kept` once work has paused. */
struct input {
	const char *next;
	size_t len;
	struct buf kept;
};

enum connection_phase {
	PHASE_PROXY, /* the PROXY header is due */
	PHASE_HANDSHAKE,
	PHASE_OPEN, /* requests and answers */
	PHASE_FLUSH, /* the last bytes are on their way */
	PHASE_LINGER, /* our side is shut; waits for the peer's end so that it can read in peace */
	PHASE_GONE, /* closed; kept while an exchange is in a handler's hands */
};

struct connection {
	unsigned magic;
	struct server *server;
	struct connection *previous, *next;
	int fd;
	enum connection_phase phase;
	struct event read_event, write_event, turn_event;
	int64_t deadline_ms, armed_ms; /* monotonic; armed_ms 0: the timer is not set */
	SSL *ssl; /* NULL for plain transport */
	struct server_peer peer;
	struct input received; /* as on the wire */
	struct input plain; /* decrypted; not used for plain transport */
	struct buf out; /* for the wire */
	size_t out_sent;
	struct exchange *exchange;
	unsigned answered;
	int64_t idle_since_ms; /* 0: not idle */
	unsigned peer_ended : 1; /* no more bytes will come */
	unsigned working : 1;
	unsigned heard : 1; /* a byte has come */
	unsigned abort : 1; /* after the flush, cut without farewell */
};

enum body_mode { BODY_UNDECIDED, BODY_COLLECT, BODY_STREAM };

struct exchange {
	unsigned magic;
	struct connection *connection;
	struct http1_reader reader;
	char request_id[17];
	int64_t head_deadline_ms, deadline_ms;
	enum body_mode body_mode;
	exchange_body_fn *on_body;
	void *on_body_ctx;
	struct buf body;
	void *data;
	void (*release)(void *data);
	void (*on_close)(struct exchange *exchange, void *ctx);
	void *on_close_ctx;
	void (*on_sent)(struct exchange *exchange, void *ctx);
	void *on_sent_ctx;
	struct buf stream_head, stream; /* of a streamed answer, not yet written */
	unsigned head_seen : 1, complete : 1; /* of the request */
	unsigned is_head : 1, paused : 1, continued : 1;
	unsigned begun : 1, chunked : 1; /* of the answer */
	unsigned close : 1; /* the connection ends with this answer */
	unsigned cut : 1, close_told : 1; /* closed under the handler's hands */
	unsigned sent_due : 1; /* on_sent is to be called when all is out */
};

/* server.c */
void server_note_refusal(struct server *server, enum server_refusal refusal, const char *detail,
    const struct server_peer *peer);
void server_forget(struct connection *connection);

/* connection.c */
struct connection *connection_new(
    struct server *server, int fd, const struct sockaddr *address, socklen_t address_len);
/* Lets it in, once the server knows of it. May free it. */
void connection_begin(struct connection *connection);
void connection_free(struct connection *connection);
/* Flushes, and sets events and deadline to what the state asks for. May free the connection. Does
 * nothing while connection_work is running on it, which ends with it. */
void connection_settle(struct connection *connection);
/* Has the loop go on with the connection in its next turn. */
void connection_schedule(struct connection *connection);
/* Closes after what is queued was sent, with close_notify. */
void connection_finish(struct connection *connection);
/* The same without close_notify: the peer shall see that something is missing. */
void connection_break(struct connection *connection);
/* Closes now, with a reset when something is unsent. */
void connection_drop(struct connection *connection);
/* Notes why, and closes now. */
void connection_lose(
    struct connection *connection, enum server_refusal refusal, const char *detail);
size_t connection_unsent(const struct connection *connection);
void connection_set_address(
    struct connection *connection, const struct sockaddr *address, socklen_t address_len);

/* input.c */
/* Takes the first bytes off. */
void input_consume(struct input *input, size_t len);
/* Puts more, in a shared buffer, behind those that wait. */
void input_add(struct input *input, const char *bytes, size_t len);
/* Moves what waits out of the shared buffer; wipes what no longer does. */
void input_keep(struct input *input);

/* transport.c */
/* Before the first byte of TLS. */
void transport_init(struct connection *connection);
void transport_free(struct connection *connection);
enum transport_result { TRANSPORT_DONE, TRANSPORT_WAIT, TRANSPORT_FAILED };
/* Goes on with the handshake; after FAILED `refusal` and `detail` say why. */
enum transport_result transport_handshake(
    struct connection *connection, enum server_refusal *refusal, const char **detail);
/* What can be read now; len 0: nothing. FAILED: the peer breaks TLS. */
enum transport_result transport_peek(struct connection *connection, struct span *bytes);
void transport_consume(struct connection *connection, size_t len);
/* Queues bytes; as one TLS record when they fit. */
void transport_write(struct connection *connection, const void *bytes, size_t len);
/* Wipes what was decrypted for the work that has just ended. */
void transport_forget(void);
void transport_say_goodbye(struct connection *connection);

/* exchange.c */
/* Does the next thing that can be done for requests on an open connection; 0: nothing can. */
int exchange_step(struct connection *connection);
/* Frees an exchange that is the server's, or takes it out of the handler's hands. */
void exchange_cut(struct exchange *exchange);
/* The calls that are due to a handler from the loop: on_close, on_sent. */
void exchange_tell(struct connection *connection);
/* Takes the exchange off its connection and frees it. */
void exchange_discard(struct exchange *exchange);
/* Whether nothing of the request is left to be read. */
int exchange_is_read(const struct exchange *exchange);
void exchange_free(struct exchange *exchange);
int exchange_wants_input(const struct exchange *exchange);
/* What the exchange's deadline was about, should it have passed. Takes what follows. */
void exchange_expire(struct connection *connection);

/* exchange_answer.c */
/* The stream's gathered bytes become output. */
void exchange_flush(struct exchange *exchange, int final);
/* Answers in the server's own name and closes. */
void exchange_answer_error(struct connection *connection, int status, const char *reason);

/* answer.c */
struct answer_traits {
	int minor_version, is_head, keep_alive, chunked;
	const char *request_id; /* NULL: not shown */
};
/* The head of an answer; of a stream when content_length is NULL. */
void answer_put_head(struct buf *out, const struct server_answer *answer,
    const struct answer_traits *traits, const size_t *content_length);
int answer_has_body(int status);

#endif
