/*
 * EST's operations (RFC 7030, RFC 8951): cacerts, csrattrs, simpleenroll with the order as label.
 * Reads bodies of stock clients through stations. What a body means is est.c's, what becomes of it
 * enrol.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "factory-ca/front/enrol.h"
#include "factory-ca/front/est.h"
#include "factory-ca/front/handlers.h"
#include "factory-ca/front/metrics.h"
#include "factory-ca/front/security.h"
#include "factory-ca/front/tally.h"

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

static void on_enrolled(enum err err, void *ctx)
{
	struct call *call = ctx;
	const struct enrolment *enrolment = call->work;
	struct est_certificate leaf = {enrolment->certificate.bytes, enrolment->certificate.len};
	struct buf body = {0};

	if (err == ERR_NOT_FOUND)
		call_refuse(call, 404, "unknown_order", "the signer does not know this order");
	else if (err == ERR_DENIED)
		call_refuse(call, 403, "station_not_on_order",
		    request_refusal_detail(REQUEST_STATION_NOT_ON_ORDER));
	else if (err != ERR_OK)
		call_unavailable(call, "database or signer");
	else if (enrolment->status == ENROLMENT_ERROR)
		refuse(call, enrolment);
	else {
		tally_note(call, enrolment, 1);
		est_write_certs_only(&leaf, 1, &body);
		call_answer_bytes(call, 200, EST_ENROLL_TYPE, body.bytes, body.len);
	}
	buf_free(&body);
}

static void on_body(struct exchange *exchange, const char *body, size_t len, void *ctx)
{
	struct call *call = ctx;
	struct enrolment *enrolment = calloc(1, sizeof(*enrolment));

	(void)exchange;
	CHECK(enrolment != NULL);
	call->work = enrolment;
	call->release_work = enrolment_release;
	est_read_enroll(body, len, enrolment);
	if (enrolment->status == ENROLMENT_ERROR) {
		refuse(call, enrolment);
		return;
	}
	enrol_start(call, enrolment, 1, on_enrolled, call);
}

static void on_order(struct call *call)
{
	exchange_read_body(call->exchange, EST_BODY_MAX, on_body, call);
}

void handle_enroll(struct call *call)
{
	struct span type;

	if (http1_field(exchange_head(call->exchange), "Content-Type", &type) != ERR_OK ||
	    !est_is_pkcs10(type.text, type.len)) {
		call_refuse(call, 415, "not_pkcs10", "the body must be application/pkcs10");
		return;
	}
	call_load_order(call, on_order);
}
