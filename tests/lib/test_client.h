/*
 * A blocking HTTP client for tests: plain or TLS, with every step in the test's hands and a
 * deadline on each read, so that a server that hangs fails a test instead of stopping it.
 */
#ifndef FIRSTRING_TESTS_TEST_CLIENT_H
#define FIRSTRING_TESTS_TEST_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/buf.h"

struct test_client {
	int fd;
	SSL_CTX *context;
	SSL *ssl;
	struct buf got; /* read and not yet taken */
	int data_records; /* TLS records of application data since the last answer */
	int ended; /* the peer's end was seen */
	int clean; /* it was close_notify, or a FIN on plain transport */
	int reset;
};

struct test_answer {
	int status; /* 0: none came */
	struct buf head, body;
};

static inline void test_client_note_record(
    int is_write, int version, int type, const void *bytes, size_t len, SSL *ssl, void *arg)
{
	struct test_client *client = arg;
	(void)version;
	(void)ssl;
	/* TLS 1.3 says the true type within; TLS 1.2 in the record's head. */
	if (is_write || len < 1)
		return;
	int kind = *(const unsigned char *)bytes;
	if (SSL_version(client->ssl) == TLS1_3_VERSION
		? type == SSL3_RT_INNER_CONTENT_TYPE && kind == SSL3_RT_APPLICATION_DATA
		: type == SSL3_RT_HEADER && kind == SSL3_RT_APPLICATION_DATA)
		client->data_records++;
}

static inline void test_client_connect(struct test_client *client, int port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval deadline = {10, 0};
	memset(client, 0, sizeof(*client));
	client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(client->fd >= 0);
	setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof(deadline));
	if (connect(client->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		client->ended = client->reset = 1;
	}
}

/* Handshakes on a connected client; `certificate` NULL: none is shown. 1 when it succeeded. */
static inline int test_client_handshake(
    struct test_client *client, const char *certificate, const char *key, int version)
{
	client->context = SSL_CTX_new(TLS_client_method());
	CHECK(client->context != NULL);
	if (version != 0) {
		SSL_CTX_set_min_proto_version(client->context, version);
		SSL_CTX_set_max_proto_version(client->context, version);
	}
	if (certificate != NULL) {
		CHECK(SSL_CTX_use_certificate_file(
			  client->context, certificate, SSL_FILETYPE_PEM) == 1);
		CHECK(SSL_CTX_use_PrivateKey_file(client->context, key, SSL_FILETYPE_PEM) == 1);
	}
	client->ssl = SSL_new(client->context);
	SSL_set_fd(client->ssl, client->fd);
	SSL_set_msg_callback(client->ssl, test_client_note_record);
	SSL_set_msg_callback_arg(client->ssl, client);
	ERR_clear_error();
	return SSL_connect(client->ssl) == 1;
}

static inline int test_client_send(struct test_client *client, const char *bytes, size_t len)
{
	ERR_clear_error();
	if (client->ssl != NULL)
		return SSL_write(client->ssl, bytes, (int)len) == (int)len;
	return send(client->fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

static inline int test_client_say(struct test_client *client, const char *text)
{
	return test_client_send(client, text, strlen(text));
}

/* Reads once; 0 at the peer's end. */
static inline int test_client_receive(struct test_client *client)
{
	char bytes[16 * 1024];
	int len = 0;
	if (client->ended)
		return 0;
	if (client->ssl != NULL) {
		ERR_clear_error();
		len = SSL_read(client->ssl, bytes, sizeof(bytes));
		if (len <= 0)
			client->clean = SSL_get_error(client->ssl, len) == SSL_ERROR_ZERO_RETURN;
	} else {
		len = (int)recv(client->fd, bytes, sizeof(bytes), 0);
		client->clean = len == 0;
	}
	if (len <= 0) {
		client->ended = 1;
		client->reset = len < 0 && !client->clean;
		return 0;
	}
	buf_put(&client->got, bytes, (size_t)len);
	return 1;
}

static inline void test_answer_free(struct test_answer *answer)
{
	buf_free(&answer->head);
	buf_free(&answer->body);
	answer->status = 0;
}

/* The value of a field of the head, or NULL. The text ends at CR. */
static inline const char *test_answer_field(const struct test_answer *answer, const char *name)
{
	size_t len = strlen(name);
	const char *line = answer->head.len > 0 ? (const char *)answer->head.bytes : "";
	while ((line = strstr(line, "\r\n")) != NULL) {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 2;
	}
	return NULL;
}

static inline int test_client_read_chunks(struct test_client *client, struct test_answer *answer)
{
	struct buf *got = &client->got;
	size_t at = 0, size = 1;
	while (size > 0) {
		const char *end = NULL;
		while (got->len <= at ||
		       (end = strstr((const char *)got->bytes + at, "\r\n")) == NULL) {
			if (!test_client_receive(client))
				return 0;
		}
		size = strtoul((const char *)got->bytes + at, NULL, 16);
		at = (size_t)(end - (const char *)got->bytes) + 2;
		while (got->len < at + size + 2) {
			if (!test_client_receive(client))
				return 0;
		}
		buf_put(&answer->body, got->bytes + at, size);
		at += size + 2;
	}
	buf_drop_front(got, at);
	return 1;
}

/* Reads one answer (`no_body`: to a HEAD) into a zeroed `answer`; 1 when all of it came. */
static inline int test_client_read(
    struct test_client *client, struct test_answer *answer, int no_body)
{
	const char *end = NULL;
	client->data_records = 0;
	while (client->got.len == 0 ||
	       (end = strstr((const char *)client->got.bytes, "\r\n\r\n")) == NULL) {
		if (!test_client_receive(client))
			return 0;
	}
	size_t head_len = (size_t)(end - (const char *)client->got.bytes) + 4;
	buf_put(&answer->head, client->got.bytes, head_len);
	buf_drop_front(&client->got, head_len);
	CHECK(sscanf((const char *)answer->head.bytes, "HTTP/1.1 %d ", &answer->status) == 1);
	if (no_body || answer->status < 200)
		return 1;
	const char *coding = test_answer_field(answer, "Transfer-Encoding");
	if (coding != NULL)
		return test_client_read_chunks(client, answer);
	const char *length = test_answer_field(answer, "Content-Length");
	size_t len = length != NULL ? strtoul(length, NULL, 10) : 0;
	while (client->got.len < len || (length == NULL && answer->status != 204)) {
		if (!test_client_receive(client)) {
			len = length == NULL ? client->got.len : len;
			break;
		}
	}
	if (client->got.len < len)
		return 0;
	buf_put(&answer->body, client->got.bytes, len);
	if (len > 0)
		buf_drop_front(&client->got, len);
	return 1;
}

/* Reads to the peer's end; 1 when it was a clean one and nothing more had come. */
static inline int test_client_ends(struct test_client *client)
{
	while (test_client_receive(client))
		continue;
	return client->clean && client->got.len == 0;
}

static inline void test_client_close(struct test_client *client)
{
	SSL_free(client->ssl);
	SSL_CTX_free(client->context);
	if (client->fd >= 0)
		close(client->fd);
	buf_free(&client->got);
	client->ssl = NULL;
	client->context = NULL;
	client->fd = -1;
}

/* Closes with a reset. */
static inline void test_client_slam(struct test_client *client)
{
	struct linger at_once = {.l_onoff = 1, .l_linger = 0};
	setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (client->ssl != NULL)
		SSL_set_quiet_shutdown(client->ssl, 1);
	test_client_close(client);
}

#endif
