/*
 * TLS on bytes in memory: what the wire brought goes in, what the wire shall carry comes out.
 *
 * OpenSSL reads and writes through a BIO over the connection's own buffers, so that one recv and
 * one send serve a whole flight. The policy (versions, ciphers, who must show a certificate) is the
 * SSL_CTX's. It fails closed: a TLS server without its SSL aborts, and what is not decrypted by it
 * is never handed on. OpenSSL's error queue is emptied before each call that is judged by it.
 */
#include <limits.h>
#include <openssl/err.h>
#include <openssl/sslerr.h>
#include <string.h>

#include "common/base/secret.h"
#include "common/net/connection.h"

enum { PLAIN_MAX = 16 * 1024 };

static char shared_plain[PLAIN_MAX];
static size_t shared_plain_len; /* of what it holds */

void transport_forget(void)
{
	bytes_wipe(shared_plain, shared_plain_len);
	shared_plain_len = 0;
}

static int wire_read(BIO *bio, char *bytes, int max)
{
	struct input *received = BIO_get_data(bio);
	size_t len = received->len < (size_t)max ? received->len : (size_t)max;
	BIO_clear_retry_flags(bio);
	if (len == 0) {
		/* Never an end: the connection knows of it, and OpenSSL would refuse to write. */
		BIO_set_retry_read(bio);
		return -1;
	}
	memcpy(bytes, received->next, len);
	input_consume(received, len);
	return (int)len;
}

static int wire_write(BIO *bio, const char *bytes, int len)
{
	struct input *received = BIO_get_data(bio);
	struct connection *connection =
	    (struct connection *)((char *)received - offsetof(struct connection, received));
	CHECK(connection->magic == CONNECTION_MAGIC);
	buf_put(&connection->out, bytes, (size_t)len);
	return len;
}

static long wire_ctrl(BIO *bio, int command, long number, void *pointer)
{
	(void)bio;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH;
}

static BIO_METHOD *wire_method(void)
{
	static BIO_METHOD *method;
	if (method == NULL) {
		method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
		CHECK(method != NULL);
		CHECK(BIO_meth_set_read(method, wire_read) == 1);
		CHECK(BIO_meth_set_write(method, wire_write) == 1);
		CHECK(BIO_meth_set_ctrl(method, wire_ctrl) == 1);
	}
	return method;
}

void transport_init(struct connection *connection)
{
	if (connection->server->config.transport == SERVER_PLAIN)
		return;
	BIO *bio = BIO_new(wire_method());
	connection->ssl = SSL_new(connection->server->config.tls);
	CHECK(bio != NULL && connection->ssl != NULL);
	BIO_set_data(bio, &connection->received);
	BIO_set_init(bio, 1);
	SSL_set_bio(connection->ssl, bio, bio);
	SSL_set_accept_state(connection->ssl);
	SSL_set_mode(connection->ssl, SSL_MODE_RELEASE_BUFFERS);
}

void transport_free(struct connection *connection)
{
	SSL_free(connection->ssl);
	connection->ssl = NULL;
}

static void note_peer(struct connection *connection)
{
	struct server_peer *peer = &connection->peer;
	peer->certificate = SSL_get0_peer_certificate(connection->ssl);
	/* With no certificate OpenSSL says X509_V_OK, which here means one was verified. */
	peer->verify_result = peer->certificate != NULL ? SSL_get_verify_result(connection->ssl)
							: X509_V_ERR_UNSPECIFIED;
	const STACK_OF(X509) *chain = SSL_get0_verified_chain(connection->ssl);
	peer->issuer =
	    peer->certificate != NULL && sk_X509_num(chain) == 2 ? sk_X509_value(chain, 1) : NULL;
	peer->tls_version = SSL_version(connection->ssl);
}

static void explain_failure(
    const struct connection *connection, enum server_refusal *refusal, const char **detail)
{
	unsigned long error = ERR_peek_last_error();
	long verify_result = SSL_get_verify_result(connection->ssl);
	const char *reason = ERR_reason_error_string(error);
	*refusal = SERVER_REFUSED_HANDSHAKE;
	*detail = reason != NULL ? reason : "failed";
	if (verify_result != X509_V_OK) {
		*refusal = SERVER_REFUSED_CERTIFICATE;
		*detail = X509_verify_cert_error_string(verify_result);
	} else if (ERR_GET_REASON(error) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
		*refusal = SERVER_REFUSED_CERTIFICATE;
	}
}

enum transport_result transport_handshake(
    struct connection *connection, enum server_refusal *refusal, const char **detail)
{
	ERR_clear_error();
	int result = SSL_do_handshake(connection->ssl);
	if (result == 1) {
		note_peer(connection);
		return TRANSPORT_DONE;
	}
	if (SSL_get_error(connection->ssl, result) == SSL_ERROR_WANT_READ)
		return TRANSPORT_WAIT;
	explain_failure(connection, refusal, detail);
	ERR_clear_error();
	return TRANSPORT_FAILED;
}

enum transport_result transport_peek(struct connection *connection, struct span *bytes)
{
	struct input *plain = &connection->plain;
	*bytes = (struct span){"", 0};
	if (connection->server->config.transport == SERVER_PLAIN) {
		*bytes = (struct span){connection->received.next, connection->received.len};
		return TRANSPORT_DONE;
	}
	CHECK(connection->ssl != NULL);
	if (plain->len == 0) {
		ERR_clear_error();
		int len = SSL_read(connection->ssl, shared_plain, sizeof(shared_plain));
		if (len <= 0) {
			int error = SSL_get_error(connection->ssl, len);
			ERR_clear_error();
			if (error == SSL_ERROR_ZERO_RETURN)
				connection->peer_ended = 1;
			return error == SSL_ERROR_ZERO_RETURN || error == SSL_ERROR_WANT_READ
				   ? TRANSPORT_WAIT
				   : TRANSPORT_FAILED;
		}
		plain->next = shared_plain;
		plain->len = (size_t)len;
		if (shared_plain_len < plain->len)
			shared_plain_len = plain->len;
	}
	*bytes = (struct span){plain->next, plain->len};
	return TRANSPORT_DONE;
}

void transport_consume(struct connection *connection, size_t len)
{
	int is_plain = connection->server->config.transport == SERVER_PLAIN;
	input_consume(is_plain ? &connection->received : &connection->plain, len);
}

void transport_write(struct connection *connection, const void *bytes, size_t len)
{
	if (connection->phase == PHASE_GONE || len == 0)
		return;
	if (connection->server->config.transport == SERVER_PLAIN) {
		buf_put(&connection->out, bytes, len);
		return;
	}
	CHECK(connection->ssl != NULL && len <= INT_MAX);
	ERR_clear_error();
	if (SSL_write(connection->ssl, bytes, (int)len) == (int)len)
		return;
	ERR_clear_error();
	connection_lose(connection, SERVER_REFUSED_RESET, "tls_write");
}

void transport_say_goodbye(struct connection *connection)
{
	if (connection->ssl == NULL || !SSL_is_init_finished(connection->ssl))
		return;
	ERR_clear_error();
	(void)SSL_shutdown(connection->ssl);
	ERR_clear_error();
}
