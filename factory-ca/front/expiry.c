/* What ends soon. Files are ours or the administrator's, rows the database's: what does not parse
 * is told and passed over. */
#include "factory-ca/front/expiry.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/db/row.h"
#include "factory-ca/crl_files.h"
#include "factory-ca/front/metrics.h"
#include "factory-ca/signer/x509_write.h"
#include "queries_factory-ca.h"

enum { EVERY_S = 60 * 60, RETRY_S = 30, DAY_S = 24 * 60 * 60 };

static const char *const kind_names[EXPIRY_KIND_COUNT] = {[EXPIRY_STATION] = "station",
    [EXPIRY_OPERATOR] = "operator",
    [EXPIRY_SERVER] = "server certificate",
    [EXPIRY_ISSUING_CA] = "issuing CA",
    [EXPIRY_LINE_ACCESS_CA] = "line-access CA",
    [EXPIRY_ROOT_CRL] = "root CRL",
    [EXPIRY_ISSUING_CRL] = "issuing CRL",
    [EXPIRY_OCSP] = "OCSP responder"};

/* What to do about it, in the order of the kinds. */
static const char *const advice[EXPIRY_KIND_COUNT] = {
    [EXPIRY_STATION] = "factory-ca station add NAME, or EST simplereenroll",
    [EXPIRY_OPERATOR] = "factory-ca operator add NAME",
    [EXPIRY_SERVER] = "front.certificate: put a new one there and reload",
    [EXPIRY_ISSUING_CA] = "factory-ca ca renew",
    [EXPIRY_LINE_ACCESS_CA] = "make a new line-access CA",
    [EXPIRY_ROOT_CRL] = "factory-ca ca crl at the root, ca import --crl and publish here",
    [EXPIRY_ISSUING_CRL] = "it should be renewed by itself every day: is the signer unlocked?",
    [EXPIRY_OCSP] = "it should be renewed by itself: has the signer pki.ocsp_public_key?"};

struct expiry_watch {
	struct pg *pg;
	const struct factory_config *config;
	struct event *timer;
	int64_t now_unix_s;
	int64_t earliest[EXPIRY_KIND_COUNT]; /* 0: there is none */
	int is_retired[GENERATION_MAX + 1]; /* issuing CAs, whose responders may end */
};

static void note(
    struct expiry_watch *watch, enum expiry_kind kind, const char *name, int64_t ends_unix_s)
{
	int64_t left_s = ends_unix_s - watch->now_unix_s;
	int64_t *earliest = &watch->earliest[kind];
	char at[CLOCK_TEXT_LEN + 1];

	if (*earliest == 0 || ends_unix_s < *earliest)
		*earliest = ends_unix_s;
	if (left_s * 1000 > watch->config->front_expiry_warning_ms)
		return;
	clock_format_s(ends_unix_s, at);
	LOG_AT(left_s > 0 ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR,
	    left_s > 0 ? "expires_soon" : "expired", log_str("what", kind_names[kind]),
	    log_str("name", name), log_str("at", at), log_int("days", left_s / DAY_S),
	    log_str("advice", advice[kind]));
}

static void note_certificate(
    struct expiry_watch *watch, enum expiry_kind kind, const char *name, const X509 *certificate)
{
	struct tm tm = {0};

	if (certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) == 1)
		note(watch, kind, name, (int64_t)timegm(&tm));
	else
		LOG_WARN(
		    "expiry_not_known", log_str("what", kind_names[kind]), log_str("name", name));
	ERR_clear_error();
}

static void note_file(struct expiry_watch *watch, enum expiry_kind kind, const char *path)
{
	FILE *file = fopen(path, "re");
	X509 *certificate = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;

	if (file)
		fclose(file);
	note_certificate(watch, kind, path, certificate);
	X509_free(certificate);
}

/* Returns when it ends; 0: that is not known. */
static int64_t note_crl(struct expiry_watch *watch, enum expiry_kind kind, const char *path)
{
	struct crl_info info = {0};
	struct buf der = {0};

	if (file_read(path, CRL_FILE_MAX, &der) == ERR_OK && crl_info_read(&der, &info) == ERR_OK)
		note(watch, kind, path, info.next_update_unix_s);
	else
		LOG_WARN(
		    "expiry_not_known", log_str("what", kind_names[kind]), log_str("name", path));
	buf_free(&der);
	return info.next_update_unix_s;
}

static void look_at_files(struct expiry_watch *watch)
{
	char path[FACTORY_PATH_MAX];
	unsigned g;

	note_file(watch, EXPIRY_SERVER, watch->config->front_certificate);
	factory_file_path(watch->config, FACTORY_FILE_ISSUING, path);
	note_file(watch, EXPIRY_ISSUING_CA, path);
	factory_file_path(watch->config, FACTORY_FILE_LINE_ACCESS, path);
	note_file(watch, EXPIRY_LINE_ACCESS_CA, path);
	factory_file_path(watch->config, FACTORY_FILE_ROOT_CRL, path);
	note_crl(watch, EXPIRY_ROOT_CRL, path);
	for (g = GENERATION_FIRST; g <= GENERATION_MAX; g++) {
		factory_crl_path(watch->config, g, path);
		/* A CA that is retired left a last CRL, which never ends. */
		if (g == GENERATION_FIRST || access(path, F_OK) == 0)
			watch->is_retired[g] =
			    note_crl(watch, EXPIRY_ISSUING_CRL, path) == X509_NO_END;
	}
}

static void publish(const struct expiry_watch *watch)
{
	unsigned i;

	for (i = 0; i < EXPIRY_KIND_COUNT; i++)
		metrics_set(FRONT_EXPIRES, i, watch->earliest[i]);
}

static void note_der(struct expiry_watch *watch, enum expiry_kind kind, const char *name,
    const struct pg_rows *rows, size_t row, int column)
{
	struct buf der = {0};
	const unsigned char *next;
	X509 *certificate;

	row_bytes(rows, row, column, &der);
	next = der.bytes;
	certificate = d2i_X509(NULL, &next, (long)der.len);
	note_certificate(watch, kind, name, certificate);
	X509_free(certificate);
	buf_free(&der);
}

static void look_at_rows(struct expiry_watch *watch, const struct pg_rows *rows)
{
	int kind = row_column(rows, "kind"), name = row_column(rows, "name"),
	    content = row_column(rows, "certificate");
	size_t i;

	for (i = 0; i < row_count(rows); i++)
		note_der(watch,
		    strcmp(row_text(rows, i, kind), "station") == 0 ? EXPIRY_STATION
								    : EXPIRY_OPERATOR,
		    row_text(rows, i, name), rows, i, content);
}

static void look_at_responders(struct expiry_watch *watch, const struct pg_rows *rows)
{
	char name[32];
	unsigned g;
	size_t i;

	for (i = 0; i < row_count(rows); i++) {
		for (g = GENERATION_FIRST; g < GENERATION_MAX; g++)
			if (generation_shard(g) == row_int(rows, i, row_column(rows, "shard")))
				break;
		snprintf(name, sizeof(name), "of generation %u", g);
		if (!watch->is_retired[g])
			note_der(watch, EXPIRY_OCSP, name, rows, i, row_column(rows, "content"));
	}
}

static void on_rows(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static struct log_gate gate;
	const struct timeval retry = {.tv_sec = RETRY_S};
	struct expiry_watch *watch = ctx;

	(void)count;
	if (!error) {
		look_at_rows(watch, rows[0]);
		if (*watch->config->ocsp_public_key)
			look_at_responders(watch, rows[1]);
	} else {
		/* What the files say is told again with the next look. */
		CHECK(evtimer_add(watch->timer, &retry) == 0);
		if (log_gate_open(&gate))
			LOG_WARN("expiry_not_known",
			    log_str("what", "stations, operators and responders"),
			    log_str("detail", error->message));
	}
	publish(watch);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct expiry_watch *watch = ctx;
	const struct timeval again = {.tv_sec = EVERY_S};
	const struct pg_call queries[2] = {
	    {.statement = &query_line_certificates, .params = pg_params_new()},
	    {.statement = &query_ocsp_certificates, .params = pg_params_new()}};

	(void)fd;
	(void)what;
	CHECK(evtimer_add(watch->timer, &again) == 0);
	watch->now_unix_s = clock_unix_s();
	memset(watch->earliest, 0, sizeof(watch->earliest));
	memset(watch->is_retired, 0, sizeof(watch->is_retired));
	look_at_files(watch);
	pg_submit(watch->pg, queries, 2, on_rows, watch);
}

struct expiry_watch *expiry_watch_new(
    struct event_base *base, struct pg *pg, const struct factory_config *config)
{
	struct expiry_watch *watch = calloc(1, sizeof(*watch));
	const struct timeval soon = {.tv_sec = 1}; /* the database is connected by then */

	CHECK(watch != NULL);
	watch->pg = pg;
	watch->config = config;
	watch->timer = evtimer_new(base, on_timer, watch);
	CHECK(watch->timer && evtimer_add(watch->timer, &soon) == 0);
	return watch;
}

void expiry_watch_free(struct expiry_watch *watch)
{
	event_free(watch->timer);
	free(watch);
}
