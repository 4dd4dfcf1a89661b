/* A small blocking HTTPS client. Runs in the operator's commands only. */
#include "factory-ca/commands/https_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "common/base/text.h"

enum err https_parse_url(const char *url, struct https_place *place)
{
	struct https_place parsed = {.port = "443"};
	const char *host = url + strlen("https://"), *end, *after;
	uint64_t port;

	if (strncmp(url, "https://", strlen("https://")) != 0)
		return ERR_SYNTAX;
	if (host[0] == '[') {
		host++;
		end = strchr(host, ']');
		if (end == NULL)
			return ERR_SYNTAX;
		after = end + 1;
	} else {
		end = after = host + strcspn(host, ":/");
	}
	if (end == host || (size_t)(end - host) >= sizeof(parsed.host))
		return ERR_SYNTAX;
	memcpy(parsed.host, host, (size_t)(end - host));
	if (after[0] == ':') {
		size_t len = strcspn(after + 1, "/");

		if (number_parse(after + 1, len, 65535, &port) != ERR_OK || port == 0)
			return ERR_SYNTAX;
		snprintf(parsed.port, sizeof(parsed.port), "%u", (unsigned)port);
		after += 1 + len;
	}
	if (after[0] != '\0' && strcmp(after, "/") != 0)
		return ERR_SYNTAX;
	*place = parsed;
	return ERR_OK;
}

/* The Content-Length of a head that ends at `end`; -1: none. */
static long long content_length(const char *head, const char *end)
{
	static const char name[] = "content-length:";
	const char *line = head;
	uint64_t number;

	while (line != NULL && line < end) {
		const char *next = memmem(line, (size_t)(end - line), "\r\n", 2);
		size_t len = next ? (size_t)(next - line) : (size_t)(end - line);

		if (len > sizeof(name) - 1 && strncasecmp(line, name, sizeof(name) - 1) == 0) {
			const char *value = line + sizeof(name) - 1;

			while (*value == ' ')
				value++;
			if (number_parse(value, (size_t)(line + len - value), HTTPS_ANSWER_MAX,
				&number) != ERR_OK)
				return -1;
			return (long long)number;
		}
		line = next ? next + 2 : NULL;
	}
	return -1;
}

enum err https_parse_answer(
    const void *bytes, size_t len, int *status, const char **body, size_t *body_len)
{
	const char *text = bytes, *end = memmem(text, len, "\r\n\r\n", 4);
	long long announced;
	uint64_t code;
	size_t left;

	if (end == NULL || len < 12 || strncmp(text, "HTTP/1.", 7) != 0 || text[8] != ' ' ||
	    number_parse(text + 9, 3, 599, &code) != ERR_OK || code < 200)
		return ERR_SYNTAX;
	left = len - (size_t)(end + 4 - text);
	announced = content_length(text, end);
	if (announced >= 0 && left < (size_t)announced)
		return ERR_CLOSED;
	*status = (int)code;
	*body = end + 4;
	*body_len = announced >= 0 ? (size_t)announced : left;
	return ERR_OK;
}

/* --- the wire ------------------------------------------------------------------------------- */

static int connect_to(const struct addrinfo *address)
{
	struct timeval step = {.tv_sec = HTTPS_STEP_MS / 1000};
	int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* Linux: the send timeout bounds connect(2), too. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &step, sizeof(step)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &step, sizeof(step)) == 0 &&
	    connect(fd, address->ai_addr, address->ai_addrlen) == 0)
		return fd;
	close(fd);
	return -1;
}

static enum err open_socket(const struct https_place *place, int *fd, char *why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL, *address;
	int failure = getaddrinfo(place->host, place->port, &hints, &addresses);

	if (failure != 0) {
		snprintf(why, HTTPS_WHY_LEN, "%s: %s", place->host, gai_strerror(failure));
		return ERR_UNAVAILABLE;
	}
	errno = 0;
	*fd = -1;
	for (address = addresses; address != NULL && *fd < 0; address = address->ai_next)
		*fd = connect_to(address);
	if (*fd < 0)
		snprintf(why, HTTPS_WHY_LEN, "cannot connect to %s port %s: %s", place->host,
		    place->port, errno == EINPROGRESS ? "no answer" : strerror(errno));
	freeaddrinfo(addresses);
	return *fd < 0 ? ERR_UNAVAILABLE : ERR_OK;
}

static enum err expect_name(SSL *ssl, const struct https_place *place)
{
	struct in6_addr literal;
	char name[sizeof place->host]; /* OpenSSL's macro takes no const text */

	strcpy(name, place->host);
	if (inet_pton(AF_INET, place->host, &literal) == 1 ||
	    inet_pton(AF_INET6, place->host, &literal) == 1)
		return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), place->host) == 1
			   ? ERR_OK
			   : ERR_CRYPTO;
	return SSL_set1_host(ssl, place->host) == 1 && SSL_set_tlsext_host_name(ssl, name) == 1
		   ? ERR_OK
		   : ERR_CRYPTO;
}

static enum err explain_tls(SSL *ssl, int result, char *why)
{
	int failure = SSL_get_error(ssl, result);
	long verified = SSL_get_verify_result(ssl);
	unsigned long queued = ERR_peek_error();
	enum err err = ERR_DENIED;

	if (verified != X509_V_OK) {
		snprintf(why, HTTPS_WHY_LEN, "the server's certificate: %s",
		    X509_verify_cert_error_string(verified));
		err = ERR_SIGNATURE;
	} else if (failure == SSL_ERROR_SYSCALL && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		snprintf(why, HTTPS_WHY_LEN, "no answer within %d s", HTTPS_STEP_MS / 1000);
		err = ERR_TIMEOUT;
	} else if (queued != 0) {
		snprintf(why, HTTPS_WHY_LEN, "TLS: %s", ERR_reason_error_string(queued));
	} else {
		snprintf(why, HTTPS_WHY_LEN, "the connection was cut");
		err = ERR_CLOSED;
	}
	ERR_clear_error();
	return err;
}

static enum err send_request(
    SSL *ssl, const struct https_request *request, const struct https_place *place, char *why)
{
	struct buf wire = {0};
	int is_v6 = strchr(place->host, ':') != NULL, result;
	enum err err = ERR_OK;

	buf_printf(&wire, "%s %s HTTP/1.1\r\nHost: %s%s%s:%s\r\nConnection: close\r\n",
	    request->method, request->path, is_v6 ? "[" : "", place->host, is_v6 ? "]" : "",
	    place->port);
	if (request->content_type)
		buf_printf(&wire, "Content-Type: %s\r\nContent-Length: %zu\r\n",
		    request->content_type, request->body_len);
	buf_put_str(&wire, "\r\n");
	if (request->content_type)
		buf_put(&wire, request->body, request->body_len);
	result = SSL_write(ssl, wire.bytes, (int)wire.len);
	if (result <= 0)
		err = explain_tls(ssl, result, why);
	buf_free(&wire);
	return err;
}

static enum err read_answer(SSL *ssl, struct https_answer *answer, char *why)
{
	struct buf wire = {.max = HTTPS_ANSWER_MAX};
	char piece[8192];
	const char *body = NULL;
	size_t body_len = 0;
	int len, status = 0;
	enum err err;

	while ((len = SSL_read(ssl, piece, sizeof(piece))) > 0)
		buf_put(&wire, piece, (size_t)len);
	/* An end without close_notify is caught by the length that the head announces. */
	if (wire.len == 0) {
		err = explain_tls(ssl, len, why);
		goto out;
	}
	err = wire.err ? wire.err
		       : https_parse_answer(wire.bytes, wire.len, &status, &body, &body_len);
	if (err != ERR_OK) {
		snprintf(why, HTTPS_WHY_LEN, "the answer is %s",
		    err == ERR_CLOSED ? "cut short" : "not HTTP; is this the factory front?");
		goto out;
	}
	answer->status = status;
	answer->body = (struct buf){0};
	buf_put(&answer->body, body, body_len);
out:
	ERR_clear_error();
	buf_free(&wire);
	return err;
}

enum err https_explain(const struct https_connection *connection, int result, char *why)
{
	return explain_tls(connection->ssl, result, why);
}

enum err https_connect(const char *url, const char *ca_path, const struct tls_key_pair *identity,
    struct https_connection *connection, char *why)
{
	struct https_connection made = {.fd = -1};
	struct https_place place;
	SSL_CTX *context = NULL;
	enum err err;
	int result;

	if (https_parse_url(url, &place) != ERR_OK) {
		snprintf(why, HTTPS_WHY_LEN, "%s: not https://host[:port]", url);
		return ERR_SYNTAX;
	}
	err = tls_client_context(ca_path, identity, &context, why, HTTPS_WHY_LEN);
	if (err != ERR_OK)
		return ERR_DENIED;
	err = open_socket(&place, &made.fd, why);
	if (err != ERR_OK)
		goto out;
	made.ssl = SSL_new(context);
	CHECK(made.ssl != NULL && SSL_set_fd(made.ssl, made.fd) == 1);
	CHECK(expect_name(made.ssl, &place) == ERR_OK);
	result = SSL_connect(made.ssl);
	if (result != 1) {
		err = explain_tls(made.ssl, result, why);
		goto out;
	}
	*connection = made;
	made = (struct https_connection){.fd = -1};
out:
	https_disconnect(&made);
	SSL_CTX_free(context);
	return err;
}

void https_disconnect(struct https_connection *connection)
{
	SSL_free(connection->ssl);
	if (connection->fd >= 0)
		close(connection->fd);
}

enum err https_call(const struct https_request *request, struct https_answer *answer, char *why)
{
	struct https_connection connection;
	struct https_place place;
	enum err err;

	err = https_connect(request->url, request->ca_path, &request->identity, &connection, why);
	if (err != ERR_OK)
		return err;
	CHECK(https_parse_url(request->url, &place) == ERR_OK);
	err = send_request(connection.ssl, request, &place, why);
	if (err == ERR_OK)
		err = read_answer(connection.ssl, answer, why);
	https_disconnect(&connection);
	return err;
}
