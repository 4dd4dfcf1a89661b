/*
 * One request, one answer, over mutual TLS: what the operator's commands need of HTTP.
 *
 * Blocking, with a deadline on each step; a new connection each time. It talks to our own front:
 * the server is verified by name against a given CA, its answer is bounded and must be whole.
 * Never part of a daemon.
 */
#ifndef FIRSTRING_FACTORY_CA_COMMANDS_HTTPS_CLIENT_H
#define FIRSTRING_FACTORY_CA_COMMANDS_HTTPS_CLIENT_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/pki/tls_policy.h"

enum { HTTPS_ANSWER_MAX = 256 * 1024, HTTPS_STEP_MS = 20000, HTTPS_WHY_LEN = 512 };

struct https_request {
	const char *url; /* "https://host[:port]", nothing behind it */
	const char *ca_path; /* PEM that the server's certificate chains to */
	struct tls_key_pair identity; /* ours */
	const char *method, *path;
	const char *content_type; /* NULL: no body */
	const void *body;
	size_t body_len;
};

struct https_answer {
	int status;
	struct buf body;
};

/* ERR_SYNTAX: the URL, or an answer that is not HTTP; ERR_UNAVAILABLE: no connection;
 * ERR_SIGNATURE: the server is not who it should be; ERR_DENIED: a file of ours is wrong, or TLS
 * refused us; ERR_TIMEOUT; ERR_CLOSED: cut. `why` (HTTPS_WHY_LEN) gets a sentence. On success the
 * body is the caller's to free. */
MUST_CHECK enum err https_call(
    const struct https_request *request, struct https_answer *answer, char *why);

/* A verified connection, for callers who speak HTTP on it themselves. */
struct https_connection {
	SSL *ssl;
	int fd;
};
/* As https_call() up to the handshake. */
MUST_CHECK enum err https_connect(const char *url, const char *ca_path,
    const struct tls_key_pair *identity, struct https_connection *connection, char *why);
void https_disconnect(struct https_connection *connection);
/* Why SSL_read() or SSL_write() gave `result`: ERR_TIMEOUT, ERR_CLOSED, ERR_SIGNATURE, ERR_DENIED;
 * `why` gets a sentence. */
enum err https_explain(const struct https_connection *connection, int result, char *why);

/* What is pure of it, for tests. */
struct https_place {
	char host[256];
	char port[6];
};
MUST_CHECK enum err https_parse_url(const char *url, struct https_place *place);
/* Reads a whole answer as it came until the connection's end. ERR_SYNTAX, or ERR_CLOSED when it is
 * shorter than it says. */
MUST_CHECK enum err https_parse_answer(
    const void *bytes, size_t len, int *status, const char **body, size_t *body_len);

#endif
