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
#include "redirector/answer.h"
#include "redirector/metrics.h"

enum { RETRY_AFTER_MIN_S = 5, RETRY_AFTER_SPREAD_S = 25, ANSWER_MAX = 256 * 1024 };
enum { LOOKUPS_MAX = 3 }; /* of one request, when a claim changes under it */

/* What stays of a record while leave to deliver is asked for. */
struct holder {
	int is_claimed;
	uint8_t claim_id[16];
	int64_t password_version;
};

/* One request while its record is looked up, and leave to deliver asked for; owned by the exchange.
 */
struct call {
	const struct handler *handler;
	struct exchange *exchange;
	struct device_id id;
	char path[HTTP1_TARGET_MAX + 1]; /* decoded; as sent when it does not decode */
	int64_t begun_us;
	unsigned lookups;
	int token_is_refused;
	struct holder holder;
	const struct format *format;
	struct decision decision;
	char token[DECIDE_TOKEN_LEN + 1]; /* a new one, of stage one */
	struct buf body; /* rendered; holds the password */
};

static void call_free(void *data)
{
	struct call *call = data;

	buf_wipe(&call->body);
	free(call);
}

static const struct device_id *peer_identity(const struct server_peer *peer, struct device_id *id)
{
	enum device_id_reason reason =
	    device_id_from_certificate(peer->certificate, peer->verify_result, id);

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
	struct span agent = {"", 0};

	if (http1_field(head, "User-Agent", &agent) != ERR_OK)
		agent = (struct span){"", 0};
	LOG_INFO("request", log_str("id", exchange_request_id(call->exchange)),
	    log_str("peer", exchange_peer(call->exchange)->text), log_mac("mac", &call->id.mac),
	    log_bytes("method", head->method.text, head->method.len),
	    log_bytes("path", head->path.text, head->path.len),
	    log_bytes("user_agent", agent.text, agent.len), log_int("status", status),
	    log_str("reason", decide_reason_name(reason)), log_str("format", format),
	    log_int("us", clock_unix_us() - call->begun_us));
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
	case DECIDE_UNAVAILABLE:
		return;
	case DECIDE_OTHER_MAC:
		(void)request_names_other_mac(
		    &call->id.mac, call->path, head->query.text, head->query.len, &probed);
		abuse_note_failure(
		    abuse, peer, &call->id.fingerprint, &probed, decide_reason_name(reason));
		return;
	case DECIDE_NOT_LIVE:
	case DECIDE_OTHER_DEVICE:
	case DECIDE_WEAK_LISTENER:
		abuse_note_failure(
		    abuse, peer, &call->id.fingerprint, &probed, decide_reason_name(reason));
		return;
	default:
		abuse_note_verified(abuse, peer, &call->id.fingerprint, &call->id.mac);
	}
}

/* The end of every request. `body` and `content_type` are those of a 200. */
static void answer(struct call *call, enum decide_reason reason, const struct format *format,
    const struct buf *body)
{
	static const char *const TEXTS[] = {[0] = "Not Found\n",
	    [1] = "Forbidden\n",
	    [2] = "Method Not Allowed\n",
	    [3] = "Service Unavailable\n"};
	int status = decide_status(reason);
	CHECK(status != 200 || body != NULL);
	const char *text = TEXTS[status == 403 ? 1 : status == 405 ? 2 : status == 503 ? 3 : 0];
	struct server_answer reply = {.status = status,
	    .content_type = status == 200 ? format_content_type(format) : "text/plain",
	    .headers = {{{"Cache-Control", 13}, {"no-store", 8}}},
	    .header_count = 1,
	    .body = status == 200 ? (const char *)body->bytes : text,
	    .body_len = status == 200 ? body->len : strlen(text)};
	char seconds[16];

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
	events_add_security(
	    call->handler->events, &(struct security_event){.kind = kind,
				       .source = exchange_peer(call->exchange)->text,
				       .detail = decide_reason_name(reason),
				       .mac = call->id.mac,
				       .fingerprint = call->id.fingerprint});
}

static void tell_owner(const struct call *call, const char *kind, enum decide_reason reason)
{
	const struct holder *holder = &call->holder;
	int delivered = strcmp(kind, "delivered") == 0;

	events_add(call->handler->events,
	    &(struct device_event){.mac = call->id.mac,
		.kind = kind,
		.source = exchange_peer(call->exchange)->text,
		.detail = decide_reason_name(reason),
		.claim_id = holder->is_claimed ? holder->claim_id : NULL,
		.password_version = delivered ? holder->password_version : 0});
}

/* What a known phone's coming means for its owner. A phone asks for several files in turn; the one
 * of its own is the contact. A delivery that had to be written first is told already. */
static void tell_contact(const struct call *call)
{
	const struct decision *decision = &call->decision;

	if (decision->reason == DECIDE_OTHER_DEVICE || decision->reason == DECIDE_UNKNOWN_FILE ||
	    decision->reason == DECIDE_COMMON_FILE)
		return;
	tell_owner(call, "contacted", decision->reason);
	if (decision->reason == DECIDE_ANSWER && !decision->must_write &&
	    format_body_delivers(call->format, decision->body) &&
	    span_equal(exchange_head(call->exchange)->method, "GET"))
		tell_owner(call, "delivered", decision->reason);
	else if (call->holder.is_claimed && decision->reason != DECIDE_ANSWER)
		tell_owner(call, "refused", decision->reason);
}

static void device_from_row(
    const struct lookup_row *row, const struct format_set *formats, struct decide_device *device)
{
	*device = (struct decide_device){.mac = row->mac,
	    .serial_number = row->serial_number,
	    .model = row->model,
	    .format = format_set_find(formats, row->format),
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
	device->once_started_at_us = row->once_started_at_us;
	device->has_password = row->sealed_password.len > 0;
}

/* Renders what was decided. Stage one holds a URL of ours with a new token. */
static enum err render(struct call *call, const struct lookup_row *row)
{
	const struct state *state = call->handler->state;
	const char *field = "", *stage_url = NULL;
	struct buf url = {0};
	uint8_t token[DECIDE_TOKEN_LEN / 2];

	if (call->decision.stage == STAGE_ONE) {
		random_fill(token, sizeof token);
		hex_encode_lower(token, sizeof token, call->token);
		buf_put_str(&url, state->config.public_url);
		buf_put_str(&url, "/s/");
		buf_put_str(&url, call->token);
		buf_put_str(&url, "/");
		stage_url = (const char *)url.bytes;
	}
	buf_wipe(&call->body);
	call->body = (struct buf){.max = ANSWER_MAX};
	enum err err = answer_render(
	    call->format, call->decision.body, row, state->ring, stage_url, &call->body, &field);
	if (err != ERR_OK)
		LOG_ERROR("answer_not_rendered", log_str("id", exchange_request_id(call->exchange)),
		    log_mac("mac", &row->mac), log_str("format", format_name(call->format)),
		    log_str("field", field), log_err(err));
	buf_wipe(&url);
	return err;
}

static struct decision decide(const struct call *call, const struct decide_device *device)
{
	const struct http1_head *head = exchange_head(call->exchange);
	const struct redirector_config *config = &call->handler->state->config;

	return decide_answer(&(struct decide_request){.mac = &call->id.mac,
				 .path = call->path,
				 .query = head->query.text,
				 .query_len = head->query.len,
				 .is_head = span_equal(head->method, "HEAD"),
				 .token_is_refused = call->token_is_refused},
	    device,
	    &(struct decide_policy){
		.can_stage = config->public_url[0] != '\0', .once_grace_s = config->once_grace_s},
	    clock_unix_us());
}

static void finish(struct call *call)
{
	tell_security(call, call->decision.reason);
	if (call->decision.reason != DECIDE_NOT_LIVE)
		tell_contact(call);
	answer(call, call->decision.reason, call->format, &call->body);
}

static void look_up(struct call *call);

static void on_grant(enum grant grant, void *ctx)
{
	struct call *call = ctx;

	switch (grant) {
	case GRANT_GIVEN:
	case GRANT_REPEATED:
		finish(call);
		return;
	case GRANT_LOCKED:
		call->decision.reason = DECIDE_LOCKED;
		finish(call);
		return;
	case GRANT_NOT_STAGED:
	case GRANT_CHANGED:
		call->token_is_refused |= grant == GRANT_NOT_STAGED;
		if (call->lookups < LOOKUPS_MAX) {
			look_up(call);
			return;
		}
		break;
	case GRANT_UNAVAILABLE:
		break;
	}
	answer(call, DECIDE_UNAVAILABLE, call->format, NULL);
}

static void ask_leave(struct call *call, const struct lookup_row *row)
{
	const struct decision *decision = &call->decision;
	struct grant_request request = {.claim_id = row->claim_id,
	    .claim_version = row->claim_version,
	    .password_version = row->password_version,
	    .is_once = strcmp(row->redelivery, "once") == 0,
	    .grace_s = call->handler->state->config.once_grace_s,
	    .fingerprint = &call->id.fingerprint,
	    .source = exchange_peer(call->exchange)->text};

	if (decision->stage == STAGE_ONE) {
		request.token = call->token;
		grant_stage(call->handler->grants, &request, on_grant, call);
	} else {
		request.token = decision->stage == STAGE_TWO ? decision->token : NULL;
		grant_delivery(call->handler->grants, &request, on_grant, call);
	}
}

static void on_lookup(enum lookup_result result, const struct lookup_row *row, void *ctx)
{
	struct call *call = ctx;
	struct decide_device device;

	if (result == LOOKUP_UNAVAILABLE) {
		answer(call, DECIDE_UNAVAILABLE, NULL, NULL);
		return;
	}
	if (row == NULL) {
		call->decision = decide(call, NULL);
		finish(call);
		return;
	}
	device_from_row(row, call->handler->state->formats, &device);
	call->format = device.format;
	call->holder.is_claimed = row->is_claimed;
	call->holder.password_version = row->password_version;
	memcpy(call->holder.claim_id, row->claim_id, sizeof row->claim_id);
	call->decision = decide(call, &device);
	if (call->decision.reason == DECIDE_ANSWER && render(call, row) != ERR_OK)
		call->decision.reason = DECIDE_RECORD;
	if (call->decision.reason == DECIDE_ANSWER && call->decision.must_write)
		ask_leave(call, row);
	else
		finish(call);
}

static void look_up(struct call *call)
{
	call->lookups++;
	lookup_request(call->handler->lookup, &call->id.fingerprint, on_lookup, call);
}

static void on_request(struct exchange *exchange, void *ctx)
{
	struct call *call = calloc(1, sizeof *call);
	const struct http1_head *head = exchange_head(exchange);

	CHECK(call != NULL);
	call->handler = ctx;
	call->exchange = exchange;
	call->begun_us = clock_unix_us();
	exchange_set_data(exchange, call, call_free);
	/* The handshake was let through on these same checks; without an identity nothing is said.
	 */
	CHECK(peer_identity(exchange_peer(exchange), &call->id) != NULL);
	decode_path(head->path, call->path);
	enum decide_reason reason = decide_before_lookup(head->method.text, head->method.len,
	    &call->id.mac, call->path, head->query.text, head->query.len);
	if (reason != DECIDE_ANSWER) {
		tell_security(call, reason);
		answer(call, reason, NULL, NULL);
		return;
	}
	look_up(call);
}

static int on_connect(const struct server_peer *peer, void *ctx)
{
	const struct handler *handler = ctx;

	return abuse_admits(&handler->abuse, peer);
}

static int on_handshake(const struct server_peer *peer, void *ctx)
{
	const struct handler *handler = ctx;
	struct device_id id;

	return peer_identity(peer, &id) != NULL &&
	       abuse_admits_certificate(&handler->abuse, peer, &id.fingerprint);
}

static void on_refusal(
    enum server_refusal refusal, const char *detail, const struct server_peer *peer, void *ctx)
{
	const struct handler *handler = ctx;

	(void)detail;
	metrics_add(METRIC_CONNECTIONS_REFUSED, refusal, 1);
	/* A reset is a phone switched off; who is banned already pays no more. */
	if (refusal != SERVER_REFUSED_RESET && refusal != SERVER_REFUSED_BANNED)
		abuse_note_failure(&handler->abuse, peer, NULL, NULL, server_refusal_name(refusal));
}

const struct server_handler redirector_handler = {.on_request = on_request,
    .on_connect = on_connect,
    .on_handshake = on_handshake,
    .on_refusal = on_refusal};
