/* The way of a request through the redirector. See handler.h. */
#include "redirector/handler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/decide.h"
#include "common/answer/request_mac.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/net/metrics.h"
#include "common/pki/device_id.h"
#include "common/pki/tls_policy.h"
#include "redirector/answer.h"
#include "redirector/credentials.h"
#include "redirector/handshake_cause.h"
#include "redirector/metrics.h"

enum { RETRY_AFTER_MIN_S = 5, RETRY_AFTER_SPREAD_S = 25, ANSWER_MAX = 256 * 1024 };

/* One request while its record is looked up; owned by the exchange. */
struct call {
	const struct handler *handler;
	const struct listener *listener;
	struct exchange *exchange;
	int by_credentials;
	struct credentials credentials; /* then */
	struct device_id id; /* its fingerprint is the credentials' key then */
	char path[HTTP1_TARGET_MAX + 1]; /* decoded; as sent when it does not decode */
	int64_t begun_us;
};

/* Who showed a certificate; NULL: no phone of ours, and nothing is said to it. */
static const struct device_id *peer_identity(
    const struct issuers *issuers, const struct server_peer *peer, struct device_id *id)
{
	enum device_id_reason reason = DEVICE_ID_ISSUER;

	if (peer->certificate == NULL || peer->verify_result != X509_V_OK)
		reason = device_id_from_certificate(peer->certificate, peer->verify_result, id);
	else if (peer->issuer != NULL)
		reason = device_id_with_layout(peer->certificate, peer->verify_result,
		    issuers_layout(issuers, peer->issuer), id);
	if (reason == DEVICE_ID_OK)
		return id;
	metrics_add(METRIC_CERTIFICATES_REFUSED, reason, 1);
	LOG_WARN("certificate_refused", log_str("peer", peer->text),
	    log_str("reason", device_id_reason_name(reason)));
	return NULL;
}

/* Decodes segment by segment: a "%2F" is no separator and no part of a name that we know. What does
 * not decode stays as it is: no file of ours has such a name, and a MAC in it is still seen. */
static void decode_path(struct span encoded, char path[HTTP1_TARGET_MAX + 1])
{
	const char *next = encoded.text, *end = next + encoded.len;
	char *out = path;

	while (next < end) {
		*out++ = *next++; /* the slash */
		const char *slash = memchr(next, '/', (size_t)(end - next));
		struct span segment = {next, (size_t)((slash != NULL ? slash : end) - next)};
		if (http1_decode(segment, out, (size_t)(path + HTTP1_TARGET_MAX + 1 - out)) !=
		    ERR_OK) {
			memcpy(path, encoded.text, encoded.len);
			path[encoded.len] = '\0';
			return;
		}
		out += strlen(out);
		next = slash != NULL ? slash : end;
	}
	*out = '\0';
}

static void log_request(
    const struct call *call, enum decide_reason reason, int status, const char *format)
{
	const struct http1_head *head = exchange_head(call->exchange);
	const struct server_peer *peer = exchange_peer(call->exchange);
	struct span agent = {"", 0};

	if (http1_field(head, "User-Agent", &agent) != ERR_OK)
		agent = (struct span){"", 0};
	LOG_INFO("request", log_str("id", exchange_request_id(call->exchange)),
	    log_str("listener", call->listener->config->name), log_str("peer", peer->text),
	    log_str("tls", peer->tls_version == TLS1_3_VERSION ? "1.3" : "1.2"),
	    log_mac("mac", &call->id.mac), log_bytes("method", head->method.text, head->method.len),
	    log_bytes("path", head->path.text, head->path.len),
	    log_bytes("user_agent", agent.text, agent.len), log_int("status", status),
	    log_str("reason", decide_reason_name(reason)), log_str("format", format),
	    log_int("us", clock_unix_us() - call->begun_us));
}

/* The certificate's; NULL: none was shown. */
static const struct fingerprint *shown_fingerprint(const struct call *call)
{
	return call->by_credentials ? NULL : &call->id.fingerprint;
}

/* What the outcome says of who asked: a failure, a phone of ours, or nothing. */
static void note_outcome(const struct call *call, enum decide_reason reason)
{
	const struct abuse *abuse = &call->handler->abuse;
	const struct server_peer *peer = exchange_peer(call->exchange);
	const struct http1_head *head = exchange_head(call->exchange);
	struct mac probed = call->id.mac;

	switch (reason) {
	case DECIDE_METHOD: /* some phones upload by themselves */
	case DECIDE_NO_CREDENTIALS: /* many ask first and log in then */
	case DECIDE_UNAVAILABLE:
		return;
	case DECIDE_WRONG_CREDENTIALS:
		abuse_note_guess(abuse, peer, &call->credentials.user, &call->credentials.mac);
		return;
	case DECIDE_OTHER_MAC:
		(void)request_names_other_mac(
		    &call->id.mac, call->path, head->query.text, head->query.len, &probed);
		abuse_note_failure(
		    abuse, peer, shown_fingerprint(call), &probed, decide_reason_name(reason));
		return;
	case DECIDE_NOT_LIVE:
	case DECIDE_DEAD_CERTIFICATE:
	case DECIDE_OTHER_DEVICE:
	case DECIDE_WEAK_LISTENER:
		abuse_note_failure(
		    abuse, peer, shown_fingerprint(call), &probed, decide_reason_name(reason));
		return;
	default:
		abuse_note_verified(abuse, peer, shown_fingerprint(call), &call->id.mac);
	}
}

static const struct http1_field NO_STORE = {{"Cache-Control", 13}, {"no-store", 8}};

static const char *refusal_text(int status)
{
	switch (status) {
	case 401:
		return "Unauthorized\n";
	case 403:
		return "Forbidden\n";
	case 405:
		return "Method Not Allowed\n";
	case 503:
		return "Service Unavailable\n";
	default:
		return "Not Found\n";
	}
}

/* The end of every request. `body` and `content_type` are those of a 200. */
static void answer(struct call *call, enum decide_reason reason, const struct format *format,
    const struct buf *body)
{
	int status = decide_status(reason);
	CHECK(status != 200 || body != NULL);
	const char *text = refusal_text(status);
	struct server_answer reply = {.status = status,
	    .content_type = status == 200 ? format_content_type(format) : "text/plain",
	    .headers = {NO_STORE},
	    .header_count = 1,
	    .body = status == 200 ? (const char *)body->bytes : text,
	    .body_len = status == 200 ? body->len : strlen(text)};
	char seconds[16];

	if (status == 401)
		reply.headers[reply.header_count++] = (struct http1_field){
		    {"WWW-Authenticate", 16}, {"Basic realm=\"provisioning\"", 26}};
	if (status == 405)
		reply.headers[reply.header_count++] =
		    (struct http1_field){{"Allow", 5}, {"GET, HEAD", 9}};
	if (status == 503) {
		/* Spread, so that a storm of phones does not come back in step. */
		int len = snprintf(seconds, sizeof seconds, "%u",
		    RETRY_AFTER_MIN_S + random_below(RETRY_AFTER_SPREAD_S));
		reply.headers[reply.header_count++] =
		    (struct http1_field){{"Retry-After", 11}, {seconds, (size_t)len}};
	}
	metrics_add(METRIC_ANSWERS, reason, 1);
	note_outcome(call, reason);
	log_request(call, reason, status, format != NULL ? format_name(format) : NULL);
	exchange_answer(call->exchange, &reply);
}

static void tell_security(const struct call *call, enum decide_reason reason)
{
	const char *kind = decide_security_kind(reason);

	if (kind == NULL)
		return;
	events_add_security(call->handler->events,
	    &(struct security_event){.kind = kind,
		.source = exchange_peer(call->exchange)->text,
		.detail = decide_reason_name(reason),
		.mac = call->id.mac,
		.fingerprint =
		    call->by_credentials ? (struct fingerprint){{0}} : call->id.fingerprint});
}

static void tell_owner(const struct call *call, const struct lookup_row *row, const char *kind,
    enum decide_reason reason)
{
	int delivered = strcmp(kind, "delivered") == 0;

	events_add(
	    call->handler->events, &(struct device_event){.mac = call->id.mac,
				       .kind = kind,
				       .source = exchange_peer(call->exchange)->text,
				       .detail = decide_reason_name(reason),
				       .claim_id = row->is_claimed ? row->claim_id : NULL,
				       .password_version = delivered ? row->password_version : 0});
}

/* What a known phone's coming means for its owner. A phone asks for several files in turn; the one
 * of its own is the contact. */
static void tell_contact(const struct call *call, const struct lookup_row *row,
    const struct decision *decision, int delivered)
{
	if (decision->reason == DECIDE_OTHER_DEVICE || decision->reason == DECIDE_UNKNOWN_FILE ||
	    decision->reason == DECIDE_COMMON_FILE)
		return;
	tell_owner(call, row, "contacted", decision->reason);
	if (delivered)
		tell_owner(call, row, "delivered", decision->reason);
	else if (row->is_claimed && decision->reason != DECIDE_ANSWER)
		tell_owner(call, row, "refused", decision->reason);
}

static void device_from_row(
    const struct lookup_row *row, const struct format_set *formats, struct decide_device *device)
{
	*device = (struct decide_device){.mac = row->mac,
	    .serial_number = row->serial_number,
	    .model = row->model,
	    .format = format_set_find(formats, row->format),
	    .has_certificate = row->has_certificate,
	    .tls_compatible = row->tls_compatible,
	    .claimed = row->is_claimed};
	if (!row->is_claimed)
		return;
	device->suspended = !row->claim_live;
	device->itsp_suspended = row->itsp_suspended;
	device->provisioning_url = (const char *)row->provisioning_url.bytes;
	device->delivery = strcmp(row->delivery, "staged") == 0 ? DELIVERY_STAGED : DELIVERY_DIRECT;
	device->redelivery = strcmp(row->redelivery, "once") == 0     ? REDELIVERY_ONCE
			     : strcmp(row->redelivery, "window") == 0 ? REDELIVERY_WINDOW
								      : REDELIVERY_ALWAYS;
	device->window_hours = row->window_hours;
	device->armed_at_us = row->armed_at_us;
}

static enum err render(const struct call *call, const struct lookup_row *row,
    const struct format *format, unsigned body, struct buf *out)
{
	const char *field = "";
	enum err err = answer_render(format, body, row, call->handler->state->ring, out, &field);

	if (err != ERR_OK)
		LOG_ERROR("answer_not_rendered", log_str("id", exchange_request_id(call->exchange)),
		    log_mac("mac", &row->mac), log_str("format", format_name(format)),
		    log_str("field", field), log_err(err));
	return err;
}

static struct decision decide(const struct call *call, const struct decide_device *device)
{
	const struct http1_head *head = exchange_head(call->exchange);

	return decide_answer(&(struct decide_request){.mac = &call->id.mac,
				 .path = call->path,
				 .query = head->query.text,
				 .query_len = head->query.len},
	    device,
	    &(struct decide_policy){
		.listener_compatible = call->listener->config->floor == TLS_FLOOR_COMPATIBLE},
	    clock_unix_us());
}

static void refuse(struct call *call, enum decide_reason reason)
{
	tell_security(call, reason);
	answer(call, reason, NULL, NULL);
}

static void refuse_unknown(struct call *call, enum lookup_result result)
{
	if (call->by_credentials)
		refuse(call, DECIDE_WRONG_CREDENTIALS);
	else if (result == LOOKUP_DEAD)
		refuse(call, DECIDE_DEAD_CERTIFICATE);
	else
		refuse(call, decide(call, NULL).reason);
}

/* Now that it is known which phone has these credentials: does it ask for another? 0: it did, and
 * is answered. */
static int recognise(struct call *call, const struct lookup_row *row)
{
	const struct http1_head *head = exchange_head(call->exchange);

	call->id.mac = row->mac;
	enum decide_reason reason = decide_before_lookup(head->method.text, head->method.len,
	    &call->id.mac, call->path, head->query.text, head->query.len);
	if (reason == DECIDE_ANSWER)
		return 1;
	refuse(call, reason);
	return 0;
}

/* Reads who asks from user name and password; DECIDE_ANSWER: it can be looked up. */
static enum decide_reason read_credentials(struct call *call)
{
	struct span field = {"", 0};
	enum err err = http1_field(exchange_head(call->exchange), "Authorization", &field);

	if (err == ERR_NOT_FOUND)
		return DECIDE_NO_CREDENTIALS;
	if (err != ERR_OK || credentials_read(field, &call->credentials) != ERR_OK)
		return DECIDE_WRONG_CREDENTIALS;
	call->id.fingerprint = call->credentials.key;
	call->id.mac = call->credentials.mac;
	return DECIDE_ANSWER;
}

static void on_lookup(enum lookup_result result, const struct lookup_row *row, void *ctx)
{
	struct call *call = ctx;
	struct decide_device device;
	struct buf body = {.max = ANSWER_MAX};

	if (result == LOOKUP_UNAVAILABLE) {
		answer(call, DECIDE_UNAVAILABLE, NULL, NULL);
		return;
	}
	if (row == NULL) {
		refuse_unknown(call, result);
		return;
	}
	if (call->by_credentials && !recognise(call, row))
		return;
	device_from_row(row, call->handler->state->formats, &device);
	struct decision decision = decide(call, &device);
	if (decision.reason == DECIDE_ANSWER &&
	    render(call, row, device.format, decision.body, &body) != ERR_OK)
		decision.reason = DECIDE_RECORD;
	int delivered = decision.reason == DECIDE_ANSWER &&
			format_body_delivers(device.format, decision.body) &&
			span_equal(exchange_head(call->exchange)->method, "GET");
	tell_security(call, decision.reason);
	tell_contact(call, row, &decision, delivered);
	answer(call, decision.reason, device.format, &body);
	buf_wipe(&body);
}

static void on_request(struct exchange *exchange, void *ctx)
{
	const struct entrance *entrance = ctx;
	struct call *call = calloc(1, sizeof *call);
	const struct http1_head *head = exchange_head(exchange);

	CHECK(call != NULL);
	call->handler = entrance->handler;
	call->listener = entrance->listener;
	call->by_credentials = call->listener->config->authentication == LISTENER_PASSWORD;
	call->exchange = exchange;
	call->begun_us = clock_unix_us();
	exchange_set_data(exchange, call, free);
	/* The handshake was let through on these same checks; without an identity nothing is said.
	 */
	CHECK(call->by_credentials || peer_identity(call->handler->state->issuers,
					  exchange_peer(exchange), &call->id) != NULL);
	decode_path(head->path, call->path);
	enum decide_reason reason = decide_before_lookup(head->method.text, head->method.len,
	    call->by_credentials ? NULL : &call->id.mac, call->path, head->query.text,
	    head->query.len);
	if (reason == DECIDE_ANSWER && call->by_credentials)
		reason = read_credentials(call);
	if (reason != DECIDE_ANSWER) {
		refuse(call, reason);
		return;
	}
	lookup_request(call->handler->lookup, &call->id.fingerprint, on_lookup, call);
}

static int on_connect(const struct server_peer *peer, void *ctx)
{
	const struct entrance *entrance = ctx;

	return abuse_admits(&entrance->handler->abuse, peer);
}

static int on_handshake(const struct server_peer *peer, void *ctx)
{
	const struct entrance *entrance = ctx;
	const struct handler *handler = entrance->handler;
	struct device_id id;

	if (entrance->listener->config->authentication == LISTENER_PASSWORD)
		return 1;
	return peer_identity(handler->state->issuers, peer, &id) != NULL &&
	       abuse_admits_certificate(&handler->abuse, peer, &id.fingerprint);
}

static void on_refusal(
    enum server_refusal refusal, const char *detail, const struct server_peer *peer, void *ctx)
{
	const struct entrance *entrance = ctx;

	metrics_add(METRIC_CONNECTIONS_REFUSED, refusal, 1);
	if (refusal == SERVER_REFUSED_HANDSHAKE || refusal == SERVER_REFUSED_CERTIFICATE)
		metrics_add(METRIC_HANDSHAKES_FAILED, handshake_cause_of(detail), 1);
	/* A reset is a phone switched off; who is banned already pays no more. */
	if (refusal != SERVER_REFUSED_RESET && refusal != SERVER_REFUSED_BANNED)
		abuse_note_failure(
		    &entrance->handler->abuse, peer, NULL, NULL, server_refusal_name(refusal));
}

/* What the server itself answers is not kept by anybody either. */
static void on_error(int status, const char *reason, struct server_answer *answer, void *ctx)
{
	(void)status, (void)reason, (void)ctx;
	answer->headers[answer->header_count++] = NO_STORE;
}

const struct server_handler redirector_handler = {.on_request = on_request,
    .on_connect = on_connect,
    .on_handshake = on_handshake,
    .on_error = on_error,
    .on_refusal = on_refusal};
