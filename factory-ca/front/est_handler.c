/*
 * EST's operations (RFC 7030, RFC 8951): cacerts, csrattrs, simpleenroll and serverkeygen with the
 * order as label, simplereenroll of stations. Reads bodies of stock clients through stations. What
 * a body means is est.c's, what becomes of it enrol.c's and the signer's.
 */
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/db/row.h"
#include "factory-ca/front/armor.h"
#include "factory-ca/front/certificate.h"
#include "factory-ca/front/enrol.h"
#include "factory-ca/front/est.h"
#include "factory-ca/front/handlers.h"
#include "factory-ca/front/metrics.h"
#include "factory-ca/front/muster.h"
#include "factory-ca/front/security.h"
#include "factory-ca/front/tally.h"
#include "factory-ca/signer/protocol_certify.h"
#include "queries_factory-ca.h"

/* The label on cacerts and csrattrs is not looked at: the CA is the same for every order. */
void handle_cacerts(struct call *call)
{
	const struct buf *cacerts = &call->front->state->cacerts;

	call_answer_bytes(call, 200, EST_CACERTS_TYPE, cacerts->bytes, cacerts->len);
}

/* RFC 7030 section 4.5.2: nothing is asked for beyond what simpleenroll says. */
void handle_csrattrs(struct call *call)
{
	call_answer_bytes(call, 204, NULL, NULL, 0);
}

static void enrolment_release(void *work)
{
	enrolment_free(work);
	free(work);
}

static int status_of(enum enrolment_code code)
{
	switch (code) {
	case ENROLMENT_OUT_OF_RANGE:
	case ENROLMENT_ORDER_FULL:
	case ENROLMENT_ORDER_CLOSED:
		return 403;
	case ENROLMENT_MAC_HAS_OTHER_KEY:
	case ENROLMENT_KEY_REUSED:
	case ENROLMENT_REVOKED:
		return 409;
	default:
		return 400;
	}
}

static void refuse(struct call *call, const struct enrolment *enrolment)
{
	metrics_add(FRONT_ROWS_REFUSED, enrolment->code, 1);
	security_note(call, enrolment, 1);
	tally_note(call, enrolment, 1);
	call_refuse(call, status_of(enrolment->code), enrolment_code_name(enrolment->code),
	    enrolment->detail);
}

static void answer_keygen(struct call *call, const struct enrolment *enrolment)
{
	const struct est_certificate leaf = {
	    enrolment->certificate.bytes, enrolment->certificate.len};
	char boundary[EST_BOUNDARY_LEN + 1], type[sizeof(EST_KEYGEN_TYPE) + EST_BOUNDARY_LEN];
	uint8_t bytes[EST_BOUNDARY_LEN / 2];
	struct buf body = {0};

	random_fill(bytes, sizeof(bytes));
	hex_encode_lower(bytes, sizeof(bytes), boundary);
	snprintf(type, sizeof(type), EST_KEYGEN_TYPE "%s", boundary);
	est_write_keygen(&leaf, &enrolment->encrypted_key, boundary, &body);
	call_answer_bytes(call, 200, type, body.bytes, body.len);
	buf_wipe(&body);
}

static void answer_enrolled(struct call *call, const struct enrolment *enrolment)
{
	const struct est_certificate leaf = {
	    enrolment->certificate.bytes, enrolment->certificate.len};
	struct buf body = {0};

	est_write_certs_only(&leaf, 1, &body);
	call_answer_bytes(call, 200, EST_ENROLL_TYPE, body.bytes, body.len);
	buf_free(&body);
}

static void on_enrolled(enum err err, void *ctx)
{
	struct call *call = ctx;
	const struct enrolment *enrolment = call->work;

	if (err == ERR_NOT_FOUND) {
		call_refuse(call, 404, "unknown_order", "the signer does not know this order");
	} else if (err == ERR_DENIED) {
		call_refuse(call, 403, "station_not_on_order",
		    enrolment->server_key
			? "the order does not name this station, or its certificate is not one to "
			  "which keys are encrypted: have an officer add the station again"
			: request_refusal_detail(REQUEST_STATION_NOT_ON_ORDER));
	} else if (err != ERR_OK) {
		call_unavailable(call, "database or signer");
	} else if (enrolment->status == ENROLMENT_ERROR) {
		refuse(call, enrolment);
	} else {
		tally_note(call, enrolment, 1);
		if (enrolment->server_key)
			answer_keygen(call, enrolment);
		else
			answer_enrolled(call, enrolment);
	}
}

static void on_body(struct exchange *exchange, const char *body, size_t len, void *ctx)
{
	struct call *call = ctx;
	struct enrolment *enrolment = calloc(1, sizeof(*enrolment));

	CHECK(enrolment != NULL);
	call->work = enrolment;
	call->release_work = enrolment_release;
	if (call->target->operation == OPERATION_KEYGEN)
		est_read_keygen(body, len, call->order.terms.key_types, enrolment);
	else
		est_read_enroll(body, len, enrolment);
	if (enrolment->status == ENROLMENT_ERROR) {
		refuse(call, enrolment);
		return;
	}
	enrolment->request_id = exchange_request_id(exchange);
	/* Keys take their time to be made: who brings his own does not wait behind them. */
	if (enrolment->server_key)
		enrol_start(call, &enrolment, 1, ENROL_WITHOUT_CODES, on_enrolled, call);
	else
		muster_enrol(call->front->muster, call, enrolment, on_enrolled, call);
}

static void on_order(struct call *call)
{
	exchange_read_body(call->exchange, EST_BODY_MAX, on_body, call);
}

/* 0: answered with 415. */
static int is_pkcs10(struct call *call)
{
	struct span type;

	if (http1_field(exchange_head(call->exchange), "Content-Type", &type) == ERR_OK &&
	    est_is_pkcs10(type.text, type.len))
		return 1;
	call_refuse(call, 415, "not_pkcs10", "the body must be application/pkcs10");
	return 0;
}

/* simpleenroll and serverkeygen */
void handle_enroll(struct call *call)
{
	if (is_pkcs10(call))
		call_load_order(call, on_order);
}

/* --- simplereenroll: a station's own certificate -------------------------------------------- */

static void renewal_release(void *work)
{
	struct buf *certificate = work;

	buf_free(certificate);
	free(certificate);
}

static void on_renewed_recorded(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	struct call *call = ctx;
	const struct buf *certificate = call->work;
	const struct est_certificate leaf = {certificate->bytes, certificate->len};
	const char *outcome;
	struct buf body = {0};

	(void)count;
	if (error) {
		call_database_failed(call, error);
		return;
	}
	outcome = row_text(rows[0], 0, row_column(rows[0], "outcome"));
	if (strcmp(outcome, "created") != 0 && strcmp(outcome, "existing") != 0) {
		call_refuse(call, 409, outcome, "the record refuses this station's certificate");
		return;
	}
	LOG_INFO("station_renewed", log_str("request", exchange_request_id(call->exchange)),
	    log_str("station", call->caller.name));
	est_write_certs_only(&leaf, 1, &body);
	call_answer_bytes(call, 200, EST_ENROLL_TYPE, body.bytes, body.len);
	buf_free(&body);
}

static void record_renewal(struct call *call, const struct signer_blob *made)
{
	struct pg_call query = {.statement = &query_station_upsert, .params = pg_params_new()};
	struct buf *certificate = calloc(1, sizeof(*certificate));
	uint8_t fingerprint[SHA256_LEN];
	int64_t not_after_unix_s = 0;

	CHECK(certificate != NULL);
	buf_put(certificate, made->bytes, made->len);
	call->work = certificate;
	call->release_work = renewal_release;
	CHECK(certificate_not_after(made->bytes, made->len, &not_after_unix_s) == ERR_OK);
	sha256(made->bytes, made->len, fingerprint);
	pg_param_bytea(query.params, fingerprint, sizeof(fingerprint));
	pg_param_text(query.params, call->caller.name);
	pg_param_bytea(query.params, made->bytes, made->len);
	pg_param_time_us(query.params, not_after_unix_s * 1000000);
	call_put_actor(call, query.params);
	pg_submit(call->front->pg, &query, 1, on_renewed_recorded, call);
}

static enum err on_renewed(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct call *call = ctx;
	struct signer_renewed renewed;

	if (err != ERR_OK || type == SIGNER_FAILED) {
		call_unavailable(call, "signer");
		return ERR_OK;
	}
	if (type != SIGNER_STATION_RENEWED || signer_renewed_decode(payload, &renewed) != ERR_OK)
		return ERR_SYNTAX;
	if (renewed.certificate.len == 0)
		call_refuse(call, 400, "bad_csr", renewed.detail);
	else
		record_renewal(call, &renewed.certificate);
	return ERR_OK;
}

static void on_renewal_body(struct exchange *exchange, const char *body, size_t len, void *ctx)
{
	struct call *call = ctx;
	unsigned char *der = NULL;
	int der_len = i2d_X509(exchange_peer(exchange)->certificate, &der);
	struct buf csr = {.max = ENROLMENT_CSR_MAX}, frame = {0};
	struct signer_renew ask;

	CHECK(der_len > 0);
	if (armor_read_csr(body, len, &csr) != ERR_OK) {
		call_refuse(
		    call, 400, "bad_csr", "the body is not the base64 of a PKCS #10 request");
	} else {
		ask.certificate = (struct signer_blob){der, (size_t)der_len};
		ask.csr = (struct signer_blob){csr.bytes, csr.len};
		signer_renew_encode(&frame, &ask);
		signer_client_call(
		    call->front->signer, SIGNER_STATION_RENEW, &frame, on_renewed, call);
	}
	OPENSSL_free(der);
	buf_free(&csr);
	buf_free(&frame);
}

void handle_reenroll(struct call *call)
{
	if (is_pkcs10(call))
		exchange_read_body(call->exchange, EST_BODY_MAX, on_renewal_body, call);
}
