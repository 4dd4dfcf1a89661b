/*
 * OCSP over plain HTTP (RFC 6960 appendix A, RFC 5019). Requests are hostile; the answer is the
 * record's, never a CRL's. Its certificate is another's to renew: it is fetched again every minute,
 * and whoever asks before there is one is told to try later. Runs in the status worker alone, which
 * is the one process that holds this key.
 */
#include "portal-api/ocsp/responder.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/db/row.h"
#include "common/net/metrics.h"
#include "common/pki/revocation.h"
#include "portal-api/metrics.h"
#include "portal-api/ocsp/ocsp.h"
#include "queries_status.h"

enum { KEY_FILE_MAX = 16 * 1024, REFRESH_S = 60, RETRY_S = 2, CACHE_S = OCSP_VALID_S / 2 };

static const char MEDIA_TYPE[] = "application/ocsp-response";
static const char *const PATHS[] = {"/ca/ocsp", "/ocsp"};

/* The issuing CAs that may be published, by the number that pki_object tells them by: a factory
 * renews its own, and phones of the older ones live on. */
static const int SHARDS[] = {0, 2, 3, 4, 5, 6, 7, 8};
enum { ISSUERS_MAX = sizeof SHARDS / sizeof SHARDS[0] };

/* A serial number of ours tells its issuing CA, too: by its first octet from the second one on. */
static int is_serial_of(const uint8_t serial[OCSP_SERIAL_LEN], int shard)
{
	return (serial[0] >= 2 && serial[0] <= 8 ? serial[0] : 0) == shard;
}

/* By which an issuing CA lets us answer for it. */
struct delegation {
	X509 *issuer; /* NULL: it is not published */
	X509 *certificate; /* NULL: none yet, or it cannot be used */
};

struct responder {
	struct pg *database;
	struct event *refresh;
	EVP_PKEY *key;
	struct delegation delegations[ISSUERS_MAX];
	size_t next; /* whose certificates are fetched */
};

/* One exchange, from its request to its answer. */
struct question {
	struct responder *responder;
	struct exchange *exchange;
	struct ocsp_request *request;
	struct ocsp_status statuses[OCSP_CERTIFICATES_MAX];
	size_t asked[OCSP_CERTIFICATES_MAX]; /* places of those that are looked up */
	size_t asked_count;
	size_t issuer; /* place of the one CA that this answer is for */
	int is_get;
};

static void question_free(void *data)
{
	struct question *question = data;

	ocsp_request_free(question->request);
	free(question);
}

/* --- the key -------------------------------------------------------------------------------- */

enum err responder_key_read(const char *path, EVP_PKEY **key, char *why, size_t why_len)
{
	struct secret pem = {0};
	BIO *bio;
	enum err err;

	*key = NULL;
	if (!*path)
		return ERR_OK;
	err = secret_read_file(path, KEY_FILE_MAX, &pem);
	if (err) {
		snprintf(why, why_len, "status.ocsp_key: %s: %s", path,
		    err == ERR_DENIED ? "must be a regular file that only its owner can read (0600)"
				      : "cannot be read");
		return err;
	}
	bio = BIO_new_mem_buf(pem.bytes, (int)pem.len);
	CHECK(bio);
	*key = PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *)(uintptr_t) "");
	BIO_free(bio);
	secret_free(&pem);
	ERR_clear_error();
	if (*key)
		return ERR_OK;
	snprintf(
	    why, why_len, "status.ocsp_key: %s: not a PEM private key without passphrase", path);
	return ERR_SYNTAX;
}

/* --- its certificate ------------------------------------------------------------------------ */

static void set_refresh(struct responder *responder, time_t seconds)
{
	const struct timeval delay = {.tv_sec = seconds};

	CHECK(evtimer_add(responder->refresh, &delay) == 0);
}

static X509 *certificate_of(const struct pg_rows *rows)
{
	struct buf der = {0};
	const unsigned char *next;
	X509 *certificate = NULL;

	if (row_count(rows) == 1) {
		row_bytes(rows, 0, row_column(rows, "content"), &der);
		next = der.bytes;
		certificate = d2i_X509(NULL, &next, (long)der.len);
		ERR_clear_error();
	}
	buf_free(&der);
	return certificate;
}

/* Why it cannot be used; NULL: it can. */
static const char *fault_of(const struct responder *responder, X509 *certificate, X509 *issuer)
{
	if (!issuer)
		return "no issuing CA is published";
	if (!certificate)
		return "no responder certificate is published: set pki.ocsp_public_key of "
		       "factory-ca";
	if (X509_check_private_key(certificate, responder->key) != 1)
		return "the published certificate is for another key than status.ocsp_key";
	if (X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0)
		return "the published certificate has expired";
	return NULL;
}

static int is_ready(const struct responder *responder)
{
	for (size_t i = 0; i < ISSUERS_MAX; i++)
		if (responder->delegations[i].certificate)
			return 1;
	return 0;
}

/* An older issuing CA that was retired delegates no more: that is no fault of the first one. */
static void take_certificates(
    struct responder *responder, size_t place, X509 *certificate, X509 *issuer)
{
	struct delegation *delegation = &responder->delegations[place];
	const char *fault = fault_of(responder, certificate, issuer);
	int was_ready = delegation->certificate != NULL;

	ERR_clear_error();
	X509_free(delegation->certificate);
	X509_free(delegation->issuer);
	delegation->certificate = fault ? NULL : certificate;
	delegation->issuer = issuer;
	if (!fault && !was_ready)
		LOG_INFO("ocsp_ready", log_int("issuing_ca", SHARDS[place]));
	if (!fault)
		return;
	X509_free(certificate);
	if (was_ready || (issuer && !is_ready(responder)) || (place == 0 && !issuer))
		LOG_WARN("ocsp_not_ready", log_str("reason", fault),
		    log_int("issuing_ca", SHARDS[place]));
}

static void fetch(struct responder *responder);

/* One issuing CA after the other. */
static void on_certificates(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct responder *responder = ctx;

	(void)count;
	if (!error) {
		take_certificates(
		    responder, responder->next, certificate_of(rows[0]), certificate_of(rows[1]));
		if (++responder->next < ISSUERS_MAX) {
			fetch(responder);
			return;
		}
	}
	set_refresh(responder, is_ready(responder) ? REFRESH_S : RETRY_S);
}

static void fetch(struct responder *responder)
{
	static const char *const names[] = {"ocsp", "issuing"};
	struct pg_call calls[2];

	for (size_t i = 0; i < 2; i++) {
		calls[i] = (struct pg_call){&query_ca_certificate_get, pg_params_new()};
		pg_param_text(calls[i].params, names[i]);
		pg_param_int(calls[i].params, SHARDS[responder->next]);
	}
	pg_submit(responder->database, calls, 2, on_certificates, responder);
}

static void on_refresh(evutil_socket_t fd, short what, void *ctx)
{
	struct responder *responder = ctx;

	(void)fd;
	(void)what;
	responder->next = 0;
	fetch(responder);
}

struct responder *responder_new(struct event_base *base, struct pg *database, EVP_PKEY *key)
{
	struct responder *responder = calloc(1, sizeof *responder);

	CHECK(responder);
	responder->database = database;
	responder->key = key;
	responder->refresh = evtimer_new(base, on_refresh, responder);
	CHECK(responder->refresh);
	set_refresh(responder, 0);
	return responder;
}

void responder_free(struct responder *responder)
{
	if (!responder)
		return;
	event_free(responder->refresh);
	for (size_t i = 0; i < ISSUERS_MAX; i++) {
		X509_free(responder->delegations[i].certificate);
		X509_free(responder->delegations[i].issuer);
	}
	EVP_PKEY_free(responder->key);
	free(responder);
}

/* --- answers -------------------------------------------------------------------------------- */

static void put_header(struct server_answer *answer, const char *name, const char *value)
{
	answer->headers[answer->header_count++] =
	    (struct http1_field){{name, strlen(name)}, {value, strlen(value)}};
}

static void http_date(int64_t unix_s, char text[32])
{
	const time_t time = (time_t)unix_s;
	struct tm tm;

	gmtime_r(&time, &tm);
	CHECK(strftime(text, 32, "%a, %d %b %Y %H:%M:%S GMT", &tm));
}

static void answer(struct question *question, const struct buf *der, int64_t cached_from_unix_s)
{
	struct server_answer made = {.status = 200,
	    .content_type = MEDIA_TYPE,
	    .body = (const char *)der->bytes,
	    .body_len = der->len};
	char modified[32], expires[32], cache[64];

	if (cached_from_unix_s) {
		/* RFC 5019 section 6.2; a cache lets it go well before nextUpdate. */
		http_date(cached_from_unix_s, modified);
		http_date(cached_from_unix_s + CACHE_S, expires);
		snprintf(cache, sizeof cache, "max-age=%d, public, no-transform, must-revalidate",
		    CACHE_S);
		put_header(&made, "Last-Modified", modified);
		put_header(&made, "Expires", expires);
		put_header(&made, "Cache-Control", cache);
	} else {
		put_header(&made, "Cache-Control", "no-store");
	}
	metrics_add(METRIC_ANSWERS, 1, 1);
	exchange_answer(question->exchange, &made);
}

static unsigned label_of(enum ocsp_failure failure)
{
	switch (failure) {
	case OCSP_FAILED_MALFORMED:
		return METRIC_OCSP_MALFORMED;
	case OCSP_FAILED_TRY_LATER:
		return METRIC_OCSP_TRY_LATER;
	case OCSP_FAILED_UNAUTHORIZED:
		return METRIC_OCSP_UNAUTHORIZED;
	case OCSP_FAILED_INTERNAL:
		break;
	}
	return METRIC_OCSP_INTERNAL;
}

static void fail(struct question *question, enum ocsp_failure failure)
{
	struct buf der = {0};

	metrics_add(METRIC_OCSP, label_of(failure), 1);
	ocsp_failure_write(failure, &der);
	answer(question, &der, 0);
	buf_free(&der);
}

static void finish(struct question *question)
{
	const struct responder *responder = question->responder;
	const struct ocsp_signer signer = {
	    responder->delegations[question->issuer].certificate, responder->key};
	int64_t now_unix_s = clock_unix_s();
	/* Only what any client may have had: by GET, without a nonce. */
	int may_be_kept = question->is_get && !ocsp_request_has_nonce(question->request);
	struct buf der = {0};

	if (!signer.certificate) {
		fail(question, OCSP_FAILED_TRY_LATER);
		return;
	}
	if (ocsp_answer_write(question->request, question->statuses, &signer, now_unix_s, &der) !=
	    ERR_OK) {
		LOG_ERROR("ocsp_not_signed");
		fail(question, OCSP_FAILED_INTERNAL);
	} else {
		for (size_t i = 0; i < ocsp_request_count(question->request); i++)
			metrics_add(METRIC_OCSP, question->statuses[i].verdict, 1);
		answer(question, &der, may_be_kept ? now_unix_s : 0);
	}
	buf_free(&der);
}

static void take_status(const struct pg_rows *rows, struct ocsp_status *status)
{
	enum revocation_reason reason = REVOCATION_UNSPECIFIED;
	const char *text;

	if (row_count(rows) == 0)
		return; /* unknown */
	if (strcmp(row_text(rows, 0, row_column(rows, "status")), "live") == 0) {
		status->verdict = OCSP_GOOD;
		return;
	}
	text = row_text(rows, 0, row_column(rows, "reason"));
	if (revocation_reason_parse(text, strlen(text), &reason) != ERR_OK)
		reason = REVOCATION_UNSPECIFIED;
	status->verdict = OCSP_REVOKED;
	status->reason = (int)reason;
	status->revoked_unix_s = row_time_us(rows, 0, row_column(rows, "revoked_at")) / 1000000;
}

static void on_statuses(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct question *question = ctx;

	if (error) {
		fail(question, OCSP_FAILED_TRY_LATER);
		return;
	}
	for (size_t i = 0; i < count; i++)
		take_status(rows[i], &question->statuses[question->asked[i]]);
	finish(question);
}

/* The issuing CA of the first certificate that is one of ours; ISSUERS_MAX: there is none. */
static size_t find_issuer(const struct question *question)
{
	uint8_t serial[OCSP_SERIAL_LEN];

	for (size_t i = 0; i < ocsp_request_count(question->request); i++) {
		for (size_t j = 0; j < ISSUERS_MAX; j++) {
			X509 *issuer = question->responder->delegations[j].issuer;

			if (issuer && ocsp_request_is_of(question->request, i, issuer, serial))
				return j;
		}
	}
	return ISSUERS_MAX;
}

/* Those of one issuing CA are looked up, for it alone lets us sign this answer; others stay
 * unknown, and none at all is refused. */
static void look_up(struct question *question)
{
	struct responder *responder = question->responder;
	struct pg_call calls[OCSP_CERTIFICATES_MAX];
	uint8_t serial[OCSP_SERIAL_LEN];

	question->issuer = find_issuer(question);
	if (question->issuer == ISSUERS_MAX) {
		fail(question, OCSP_FAILED_UNAUTHORIZED);
		return;
	}
	if (!responder->delegations[question->issuer].certificate) {
		fail(question, OCSP_FAILED_TRY_LATER);
		return;
	}
	for (size_t i = 0; i < ocsp_request_count(question->request); i++) {
		question->statuses[i].verdict = OCSP_UNKNOWN;
		if (!ocsp_request_is_of(question->request, i,
			responder->delegations[question->issuer].issuer, serial) ||
		    !is_serial_of(serial, SHARDS[question->issuer]))
			continue;
		calls[question->asked_count] =
		    (struct pg_call){&query_certificate_status, pg_params_new()};
		pg_param_bytea(calls[question->asked_count].params, serial, sizeof serial);
		question->asked[question->asked_count++] = i;
	}
	if (question->asked_count == 0)
		finish(question); /* all unknown */
	else
		pg_submit(responder->database, calls, question->asked_count, on_statuses, question);
}

static void take_request(struct question *question, const void *der, size_t len)
{
	if (ocsp_request_read(der, len, &question->request) != ERR_OK)
		fail(question, OCSP_FAILED_MALFORMED);
	else if (!is_ready(question->responder))
		fail(question, OCSP_FAILED_TRY_LATER);
	else
		look_up(question);
}

/* --- from the server ------------------------------------------------------------------------ */

/* What follows the responder's own path; 0: it is another. */
static int rest_of_path(const struct http1_head *head, struct span *rest)
{
	for (size_t i = 0; i < sizeof PATHS / sizeof PATHS[0]; i++) {
		size_t len = strlen(PATHS[i]);
		if (head->path.len < len || memcmp(head->path.text, PATHS[i], len) != 0)
			continue;
		if (head->path.len > len && head->path.text[len] != '/')
			continue;
		*rest = (struct span){head->path.text + len, head->path.len - len};
		return 1;
	}
	return 0;
}

int responder_is_path(const struct http1_head *head)
{
	struct span rest;

	return rest_of_path(head, &rest);
}

static int is_method(const struct http1_head *head, const char *method)
{
	return head->method.len == strlen(method) &&
	       memcmp(head->method.text, method, head->method.len) == 0;
}

static void refuse(struct exchange *exchange, int status, const char *name, const char *value)
{
	struct server_answer made = {.status = status};

	if (name)
		put_header(&made, name, value);
	metrics_add(METRIC_ANSWERS, (unsigned)status / 100 - 1, 1);
	exchange_answer(exchange, &made);
}

static void on_body(struct exchange *exchange, const char *body, size_t len, void *ctx)
{
	(void)exchange;
	take_request(ctx, body, len);
}

static void take_path(struct question *question, struct span rest)
{
	struct buf der = {0};

	if (rest.len < 2 || ocsp_path_decode(rest.text + 1, rest.len - 1, &der) != ERR_OK)
		fail(question, OCSP_FAILED_MALFORMED);
	else
		take_request(question, der.bytes, der.len);
	buf_free(&der);
}

void responder_handle(struct responder *responder, struct exchange *exchange)
{
	const struct http1_head *head = exchange_head(exchange);
	int is_post = is_method(head, "POST");
	struct question *question;
	struct span rest, type;

	CHECK(rest_of_path(head, &rest));
	if (!responder) {
		refuse(exchange, 404, NULL, NULL);
		return;
	}
	if (!is_post && !is_method(head, "GET") && !is_method(head, "HEAD")) {
		refuse(exchange, 405, "Allow", "GET, POST");
		return;
	}
	if (is_post && (http1_field(head, "Content-Type", &type) != ERR_OK ||
			   type.len != strlen("application/ocsp-request") ||
			   strncasecmp(type.text, "application/ocsp-request", type.len) != 0)) {
		refuse(exchange, 415, "Accept", "application/ocsp-request");
		return;
	}
	question = calloc(1, sizeof *question);
	CHECK(question);
	*question =
	    (struct question){.responder = responder, .exchange = exchange, .is_get = !is_post};
	exchange_set_data(exchange, question, question_free);
	if (is_post)
		exchange_read_body(exchange, OCSP_REQUEST_MAX, on_body, question);
	else
		take_path(question, rest);
}
