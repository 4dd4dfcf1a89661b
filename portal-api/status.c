/*
 * The status worker: CRLs and CA certificates over plain HTTP, which is how they are fetched (RFC
 * 5280 sections 4.2.1.13 and 4.2.2.1; they are public and signed), and OCSP (ocsp/responder.h).
 *
 * It reads the Internet, holds no key but the OCSP responder's, and a database role that sees
 * published objects and the status of certificates only, and serves nothing else on its listener.
 * What it serves was published by factory-ca.
 */
#include "portal-api/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/db/pg.h"
#include "common/db/row.h"
#include "common/net/metrics.h"
#include "common/net/router.h"
#include "common/net/sandbox.h"
#include "common/net/server.h"
#include "portal-api/metrics.h"
#include "portal-api/ocsp/responder.h"
#include "portal-api/readiness.h"
#include "portal-api/state.h"
#include "queries_status.h"

enum { CACHE_S = 300, RETRY_AFTER_MAX_S = 30, SHARD_MAX = 65535 };

/* One published object: where, of which CA, from which statement. */
struct published {
	const struct pg_statement *statement;
	const char *ca; /* the statement's first parameter; NULL: it takes none */
	const char *content_type;
};

static const char CRL[] = "application/pkix-crl"; /* RFC 2585 section 4 */
static const char CERTIFICATE[] = "application/pkix-cert";
static const struct published ROOT_CRL = {&query_crl_get, "root", CRL},
			      ISSUING_CRL = {&query_crl_get, "issuing", CRL},
			      ROOT = {&query_ca_certificate_get, "root", CERTIFICATE},
			      ISSUING = {&query_ca_certificate_get, "issuing", CERTIFICATE},
			      CHAIN = {&query_chain_get, NULL, "application/pem-certificate-chain"};

static const struct route ROUTES[] = {
    {"GET", "/crl/root.crl", &ROOT_CRL},
    {"GET", "/crl/{issuing}", &ISSUING_CRL},
    {"GET", "/ca/root.cer", &ROOT},
    {"GET", "/ca/issuing.cer", &ISSUING},
    {"GET", "/ca/chain.pem", &CHAIN},
};

/* One request while its object is looked up; owned by the exchange. */
struct lookup {
	struct exchange *exchange;
	const struct published *published;
};

struct status_life {
	struct event_base *base;
	struct server *server;
	struct pg *database;
	struct responder *responder; /* NULL: no key is configured */
};

static void answer(struct exchange *exchange, int status, const char *content_type,
    const void *body, size_t len, const char *name, const char *value)
{
	struct server_answer made = {
	    .status = status, .content_type = content_type, .body = body, .body_len = len};
	if (name)
		made.headers[made.header_count++] =
		    (struct http1_field){{name, strlen(name)}, {value, strlen(value)}};
	metrics_add(METRIC_ANSWERS, (unsigned)status / 100 - 1, 1);
	exchange_answer(exchange, &made);
}

static void answer_unavailable(struct exchange *exchange)
{
	char after[12];
	snprintf(after, sizeof after, "%u", 1 + random_below(RETRY_AFTER_MAX_S));
	answer(exchange, 503, NULL, NULL, 0, "Retry-After", after);
}

static void on_object(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	const struct lookup *lookup = ctx;
	struct exchange *exchange = lookup->exchange;
	struct buf content = {0};
	char cache[32];
	if (error) {
		answer_unavailable(exchange);
		return;
	}
	CHECK(count == 1);
	if (row_count(rows[0]) == 0) {
		answer(exchange, 404, NULL, NULL, 0, NULL, NULL);
		return;
	}
	row_bytes(rows[0], 0, row_column(rows[0], "content"), &content);
	snprintf(cache, sizeof cache, "max-age=%d", CACHE_S);
	answer(exchange, 200, lookup->published->content_type, content.bytes, content.len,
	    "Cache-Control", cache);
	buf_free(&content);
}

/* "issuing-7.crl" -> 7 */
static enum err shard_of(const char *name, uint64_t *shard)
{
	static const char prefix[] = "issuing-", suffix[] = ".crl";
	size_t len = strlen(name), fixed = sizeof prefix + sizeof suffix - 2;
	if (len <= fixed || strncmp(name, prefix, sizeof prefix - 1) != 0 ||
	    strcmp(name + len - (sizeof suffix - 1), suffix) != 0)
		return ERR_NOT_FOUND;
	return number_parse(name + sizeof prefix - 1, len - fixed, SHARD_MAX, shard);
}

static void look_up(const struct status_life *life, struct exchange *exchange,
    const struct published *published, uint64_t shard)
{
	struct pg_params *params = NULL;
	struct lookup *lookup = calloc(1, sizeof *lookup);
	CHECK(lookup);
	*lookup = (struct lookup){exchange, published};
	exchange_set_data(exchange, lookup, free);
	if (published->ca) {
		params = pg_params_new();
		pg_param_text(params, published->ca);
		pg_param_int(params, (int64_t)shard);
	}
	pg_submit(
	    life->database, &(struct pg_call){published->statement, params}, 1, on_object, lookup);
}

static void on_request(struct exchange *exchange, void *ctx)
{
	const struct status_life *life = ctx;
	const struct http1_head *head = exchange_head(exchange);
	struct router_match match;
	uint64_t shard = 0;
	if (responder_is_path(head)) {
		responder_handle(life->responder, exchange);
		return;
	}
	switch (router_match(ROUTES, sizeof ROUTES / sizeof ROUTES[0], head, &match)) {
	case ROUTER_METHOD:
		answer(exchange, 405, NULL, NULL, 0, "Allow", match.allow);
		return;
	case ROUTER_PATH:
		answer(exchange, 404, NULL, NULL, 0, NULL, NULL);
		return;
	case ROUTER_FOUND:
		break;
	}
	if (match.param_count && shard_of(match.params[0], &shard) != ERR_OK) {
		answer(exchange, 404, NULL, NULL, 0, NULL, NULL);
		return;
	}
	if (!pg_is_ready(life->database)) {
		answer_unavailable(exchange);
		return;
	}
	look_up(life, exchange, match.route->target, shard);
}

static const struct server_handler HANDLER = {.on_request = on_request};

static void on_drained(void *ctx)
{
	struct status_life *life = ctx;
	event_base_loopbreak(life->base);
}

static void on_drain(void *ctx)
{
	struct status_life *life = ctx;
	server_drain(life->server);
}

int status_worker_run(const struct worker *worker, void *shared)
{
	struct portal_state *state = shared;
	const struct portal_config *config = &state->config;
	struct status_life life = {.base = event_base_new()};
	EVP_PKEY *ocsp_key = NULL;
	char why[256] = "";

	CHECK(life.base);
	portal_state_forget_keys(state);
	if (responder_key_read(config->ocsp_key, &ocsp_key, why, sizeof why) != ERR_OK) {
		LOG_ERROR("configuration_refused", log_str("reason", why));
		return EX_CONFIG;
	}
	if (sandbox_drop_privileges(config->user) != ERR_OK)
		return EX_CONFIG;
	sandbox_harden();
	struct pg_config as = {.base = life.base,
	    .conninfo = config->status_database,
	    .statements = queries_status,
	    .prepare = config->prepare,
	    .connect_ms = 3000,
	    .deadline_ms = (unsigned)config->database_deadline_ms,
	    .queue_max = (size_t)config->database_queue};
	struct readiness *readiness =
	    readiness_connect(worker, "status_database", as, &life.database);
	if (ocsp_key)
		life.responder = responder_new(life.base, life.database, ocsp_key);
	life.server = server_new(&(struct server_config){.base = life.base,
	    .name = "status",
	    .listen_fd = state->sockets->status,
	    .transport = SERVER_PLAIN,
	    .limits = {.handshake_ms = (unsigned)config->handshake_ms,
		.head_ms = (unsigned)config->head_ms,
		.request_ms = (unsigned)config->request_ms,
		.idle_ms = (unsigned)config->idle_ms,
		.connections = (unsigned)config->connections},
	    .handler = &HANDLER,
	    .ctx = &life});
	server_on_drained(life.server, on_drained, &life);
	struct worker_signals *signals = worker_signals_new(life.base, on_drain, &life);
	event_base_dispatch(life.base);
	pg_free(life.database);
	readiness_free(readiness);
	server_free(life.server);
	responder_free(life.responder);
	worker_signals_free(signals);
	event_base_free(life.base);
	return EX_OK;
}
