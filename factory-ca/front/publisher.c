/*
 * Publishing. It reads nothing from the network; signer and database tell it all. It leads nothing:
 * a second one, of another front, finds the same object on record. See publisher.h.
 */
#include "factory-ca/front/publisher.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/db/row.h"
#include "common/net/sandbox.h"
#include "factory-ca/front/crl_publish.h"
#include "factory-ca/front/expiry.h"
#include "factory-ca/front/front.h"
#include "factory-ca/front/metrics.h"
#include "factory-ca/signer/protocol_certify.h"
#include "queries_factory-ca.h"

enum {
	CONNECT_MS = 3000,
	STATEMENT_MS = 10000,
	SIGNER_MS = 10000,
	QUEUE_MAX = 8,
	CRL_MS = 1000, /* between two looks for a newer CRL, and more after a large one */
	CRL_BYTES_A_MS = 256,
	RESPONDER_MS = 60 * 60 * 1000, /* the same for the responder's certificate, which is renewed
					* half a month before its end */
	RETRY_MS = 2000,
};

struct publisher {
	const struct factory_config *config;
	struct event_base *base;
	struct pg *pg;
	struct signer_client *signer;
	struct worker_signals *signals;
	struct event *crl_timer, *responder_timer;
	struct expiry_watch *expiry;
	/* Each issuing CA's in turn. */
	unsigned crl_generation, responder_generation;
	int64_t known[GENERATION_MAX]; /* numbers of the CRLs that are published */
	size_t crl_bytes; /* of those that were published in this round */
	int is_draining;
};

static void set_timer(struct event *timer, int64_t ms)
{
	struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};

	CHECK(evtimer_add(timer, &delay) == 0);
}

static void put_actor(struct pg_params *params, void *ctx)
{
	(void)ctx;
	pg_param_text(params, "daemon");
	pg_param_text(params, "factory-ca-publisher");
	pg_param_null(params);
	pg_param_null(params);
}

/* A round begins with the first, and a signer that was started again may lack the one whose turn it
 * is. */
static void in_turn(const struct signer_client *signer, unsigned *generation)
{
	*generation = signer_client_next_generation(signer, *generation ? *generation - 1 : 0);
	if (!*generation)
		*generation = signer_client_next_generation(signer, 0);
}

/* --- the CRL -------------------------------------------------------------------------------- */

static int64_t end_of_round(struct publisher *publisher)
{
	int64_t delay_ms = CRL_MS + (int64_t)(publisher->crl_bytes / CRL_BYTES_A_MS);

	publisher->crl_bytes = 0;
	return delay_ms;
}

static void on_crl(enum err err, const struct buf *der, const struct crl_info *info, void *ctx)
{
	static struct log_gate gate;
	struct publisher *publisher = ctx;
	unsigned generation = publisher->crl_generation;
	enum err file_err;

	if (publisher->is_draining)
		return;
	publisher->crl_bytes += der->len;
	publisher->crl_generation = signer_client_next_generation(publisher->signer, generation);
	/* A large one is not signed and stored again for each phone that is reworked. */
	set_timer(publisher->crl_timer, err                              ? RETRY_MS
					: publisher->crl_generation != 0 ? 0
									 : end_of_round(publisher));
	if (err || der->len == 0)
		return;
	publisher->known[generation - 1] = info->number;
	metrics_add(FRONT_CRLS_PUBLISHED, 0, 1);
	/* The newest's: they are signed together. */
	metrics_set(FRONT_CRL_NEXT_UPDATE, 0, info->next_update_unix_s);
	LOG_INFO("crl_published", log_int("number", info->number),
	    log_uint("entries", info->entries), log_uint("generation", generation));
	file_err = crl_files_write(publisher->config, generation, der);
	if (file_err && file_err != ERR_EXISTS && log_gate_open(&gate))
		LOG_WARN("crl_file_not_written",
		    log_str("folder", publisher->config->published_dir), log_errno(),
		    log_str(
			"meaning", "the CRL is in the database; factory-ca crl writes the files"));
}

static void on_crl_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct publisher *publisher = ctx;
	struct crl_publish request = {.pg = publisher->pg,
	    .signer = publisher->signer,
	    .put_actor = put_actor,
	    .done = on_crl,
	    .ctx = publisher};

	(void)fd;
	(void)what;
	in_turn(publisher->signer, &publisher->crl_generation);
	if (signer_client_is_ready(publisher->signer) && publisher->crl_generation) {
		request.generation = publisher->crl_generation;
		request.known = publisher->known[request.generation - 1];
		crl_publish_start(&request);
	} else
		set_timer(publisher->crl_timer, RETRY_MS);
}

/* --- the responder's certificate ------------------------------------------------------------ */

/* The next generation's at once; after the last one there is time. */
static void next_responder(struct publisher *publisher)
{
	publisher->responder_generation =
	    signer_client_next_generation(publisher->signer, publisher->responder_generation);
	set_timer(publisher->responder_timer, publisher->responder_generation ? 0 : RESPONDER_MS);
}

static void on_responder_put(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct publisher *publisher = ctx;

	(void)rows;
	(void)count;
	if (publisher->is_draining)
		return;
	if (error)
		set_timer(publisher->responder_timer, RETRY_MS);
	else
		next_responder(publisher);
	if (error)
		LOG_WARN("responder_not_recorded", log_err(error->err),
		    log_str("detail", error->message));
	else
		LOG_INFO("responder_published");
}

static enum err on_responder(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct publisher *publisher = ctx;
	struct pg_call query = {.statement = &query_pki_object_put};
	struct signer_blob certificate;
	uint8_t generation = 0;

	if (publisher->is_draining)
		return ERR_OK;
	if (err != ERR_OK || type == SIGNER_FAILED) {
		set_timer(publisher->responder_timer, RETRY_MS);
		return ERR_OK;
	}
	if (type != SIGNER_OCSP_CERTIFICATE_IS ||
	    signer_ocsp_certificate_decode(payload, &generation, &certificate) != ERR_OK)
		return ERR_SYNTAX;
	if (certificate.len == 0) {
		next_responder(publisher);
		return ERR_OK;
	}
	query.params = pg_params_new();
	pg_param_text(query.params, "ocsp_certificate");
	pg_param_int(query.params, generation_shard(publisher->responder_generation));
	pg_param_bytea(query.params, certificate.bytes, certificate.len);
	pg_param_null(query.params);
	pg_param_null(query.params);
	put_actor(query.params, NULL);
	pg_submit(publisher->pg, &query, 1, on_responder_put, publisher);
	return ERR_OK;
}

static void on_published(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct publisher *publisher = ctx;
	struct signer_blob known = {0};
	struct buf content = {0}, frame = {0};

	(void)count;
	if (publisher->is_draining)
		return;
	if (error) {
		set_timer(publisher->responder_timer, RETRY_MS);
		return;
	}
	if (row_count(rows[0]) == 1)
		row_bytes(rows[0], 0, row_column(rows[0], "content"), &content);
	if (content.len <= SIGNER_CERTIFICATE_MAX)
		known = (struct signer_blob){content.bytes, content.len};
	signer_ocsp_certificate_encode(&frame, (uint8_t)publisher->responder_generation, &known);
	signer_client_call(
	    publisher->signer, SIGNER_OCSP_CERTIFICATE, &frame, on_responder, publisher);
	buf_free(&content);
	buf_free(&frame);
}

static void on_responder_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct publisher *publisher = ctx;
	struct pg_call query = {.statement = &query_pki_object_get};

	(void)fd;
	(void)what;
	in_turn(publisher->signer, &publisher->responder_generation);
	if (!publisher->responder_generation) {
		set_timer(publisher->responder_timer, RETRY_MS);
		return;
	}
	query.params = pg_params_new();
	pg_param_text(query.params, "ocsp_certificate");
	pg_param_int(query.params, generation_shard(publisher->responder_generation));
	pg_submit(publisher->pg, &query, 1, on_published, publisher);
}

/* --- the process ---------------------------------------------------------------------------- */

static void on_drain(void *ctx)
{
	struct publisher *publisher = ctx;

	publisher->is_draining = 1;
	event_base_loopbreak(publisher->base);
}

static void start(struct publisher *publisher, const struct front_state *state)
{
	const struct factory_config *config = publisher->config;
	const struct pg_config database = {.base = publisher->base,
	    .conninfo = config->database_conninfo,
	    .statements = queries_factory_ca,
	    .prepare = config->database_prepare,
	    .connect_ms = CONNECT_MS,
	    .deadline_ms = STATEMENT_MS,
	    .queue_max = QUEUE_MAX};
	const struct signer_client_config signer = {.base = publisher->base,
	    .socket_path = config->signer_socket,
	    .issuing_ca = state->issuing_ca,
	    .deadline_ms = SIGNER_MS,
	    .pending_max = QUEUE_MAX};

	publisher->pg = pg_new(&database);
	publisher->signer = signer_client_new(&signer);
	publisher->crl_timer = evtimer_new(publisher->base, on_crl_timer, publisher);
	publisher->responder_timer = evtimer_new(publisher->base, on_responder_timer, publisher);
	CHECK(publisher->crl_timer && publisher->responder_timer);
	set_timer(publisher->crl_timer, 0);
	if (*config->ocsp_public_key)
		set_timer(publisher->responder_timer, 0);
	publisher->expiry = expiry_watch_new(publisher->base, publisher->pg, config);
	publisher->signals = worker_signals_new(publisher->base, on_drain, publisher);
}

int publisher_run(const struct worker *worker, void *state)
{
	const struct front_state *front_state = state;
	struct publisher publisher = {.config = &front_state->config};

	(void)worker;
	log_set_program("factory-ca-publisher");
	sandbox_harden();
	if (sandbox_drop_privileges(publisher.config->front_user) != ERR_OK)
		return EX_CONFIG;
	publisher.base = event_base_new();
	CHECK(publisher.base != NULL);
	start(&publisher, front_state);
	event_base_dispatch(publisher.base);
	publisher.is_draining = 1;
	pg_free(publisher.pg);
	signer_client_free(publisher.signer);
	event_base_loop(publisher.base, EVLOOP_NONBLOCK);
	worker_signals_free(publisher.signals);
	expiry_watch_free(publisher.expiry);
	event_free(publisher.crl_timer);
	event_free(publisher.responder_timer);
	event_base_free(publisher.base);
	return EX_OK;
}
