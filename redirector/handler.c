/* The way of a request through the redirector. See handler.h. */
#include "redirector/handler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answer/decide.h"
#include "common/answer/request_mac.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/net/metrics.h"
#include "common/pki/device_id.h"
#include "common/pki/envelope.h"
#include "common/pki/tls_policy.h"
#include "redirector/answer.h"
#include "redirector/caller.h"
#include "redirector/door.h"
#include "redirector/metrics.h"
#include "redirector/reply.h"

enum { ANSWER_MAX = 256 * 1024 };
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
	const struct listener *listener;
	struct exchange *exchange;
	struct caller caller;
	char path[HTTP1_TARGET_MAX + 1]; /* decoded; as sent when it does not decode */
	int64_t begun_us;
	unsigned lookups;
	int token_is_refused;
	struct holder holder;
	const struct format *format;
	struct decision decision;
	char token[DECIDE_TOKEN_LEN + 1]; /* a new one, of stage one */
	struct buf body; /* rendered; holds the password */
	int is_encrypted; /* the body, to the phone's certificate */
};

static void call_free(void *data)
{
	struct call *call = data;

	buf_wipe(&call->body);
	bytes_wipe(&call->caller, sizeof call->caller);
	free(call);
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
	struct span agent = {"", 0}, path = head->path;
	const char *token = NULL, *behind = decide_path_behind_token(call->path, &token);
	char hidden[HTTP1_TARGET_MAX + 1];

	/* A token of stage one is nobody's to read. */
	if (token != NULL) {
		int len = snprintf(hidden, sizeof hidden, "/s/*%s", behind);
		path = (struct span){hidden, (size_t)len};
	}
	if (http1_field(head, "User-Agent", &agent) != ERR_OK)
		agent = (struct span){"", 0};
	LOG_INFO("request", log_str("id", exchange_request_id(call->exchange)),
	    log_str("listener", call->listener->config->name), log_str("peer", peer->text),
	    log_str("tls", peer->tls_version == TLS1_3_VERSION ? "1.3" : "1.2"),
	    log_mac("mac", &call->caller.id.mac),
	    log_bytes("method", head->method.text, head->method.len),
	    log_bytes("path", path.text, path.len), log_bytes("user_agent", agent.text, agent.len),
	    log_int("status", status), log_str("reason", decide_reason_name(reason)),
	    log_str("format", format), log_int("us", clock_unix_us() - call->begun_us));
}

/* What the outcome says of who asked. */
static void note_outcome(const struct call *call, enum decide_reason reason)
{
	const struct http1_head *head = exchange_head(call->exchange);
	struct mac named;
	int is_named =
	    reason == DECIDE_OTHER_MAC && request_names_other_mac(&call->caller.id.mac, call->path,
					      head->query.text, head->query.len, &named);

	caller_note_outcome(&call->caller, &call->handler->abuse, exchange_peer(call->exchange),
	    reason, is_named ? &named : NULL);
}

/* The end of every request. `body` is that of a 200. */
static void answer(struct call *call, enum decide_reason reason, const struct format *format,
    const struct buf *body)
{
	const char *content_type = call->is_encrypted ? "application/pkcs7-mime"
				   : format != NULL   ? format_content_type(format)
						      : NULL;
	struct reply reply;

	reply_make(&reply, reason, content_type, body);
	metrics_add(METRIC_ANSWERS, reason, 1);
	note_outcome(call, reason);
	log_request(call, reason, reply.answer.status, format != NULL ? format_name(format) : NULL);
	/* Who has just been banned is not served on by the connection that it holds. */
	reply.answer.close = !caller_is_admitted(
	    &call->caller, &call->handler->abuse, exchange_peer(call->exchange));
	exchange_answer(call->exchange, &reply.answer);
}

static void tell_security(const struct call *call, enum decide_reason reason)
{
	const char *kind = decide_security_kind(reason);
	const struct fingerprint *shown = caller_fingerprint(&call->caller);

	if (kind == NULL)
		return;
	events_add_security(call->handler->events,
	    &(struct security_event){.kind = kind,
		.source = exchange_peer(call->exchange)->text,
		.detail = decide_reason_name(reason),
		.mac = call->caller.id.mac,
		.fingerprint = shown != NULL ? *shown : (struct fingerprint){{0}}});
}

static void tell_owner(const struct call *call, const char *kind, enum decide_reason reason)
{
	const struct holder *holder = &call->holder;
	int delivered = strcmp(kind, "delivered") == 0;

	events_add(call->handler->events,
	    &(struct device_event){.mac = call->caller.id.mac,
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
		buf_put_str(&url, call->listener->public_url);
		buf_put_str(&url, "/s/");
		buf_put_str(&url, call->token);
		buf_put_str(&url, "/");
		stage_url = (const char *)url.bytes;
	}
	buf_wipe(&call->body);
	call->body = (struct buf){.max = ANSWER_MAX};
	call->is_encrypted = 0;
	enum err err = answer_render(
	    call->format, call->decision.body, row, state->ring, stage_url, &call->body, &field);
	if (err != ERR_OK)
		LOG_ERROR("answer_not_rendered", log_str("id", exchange_request_id(call->exchange)),
		    log_mac("mac", &row->mac), log_str("format", format_name(call->format)),
		    log_str("field", field), log_err(err));
	buf_wipe(&url);
	return err;
}

/* Encrypts what was rendered to the certificate that the phone came with. */
static enum err encrypt(struct call *call)
{
	struct buf sealed = {.max = ANSWER_MAX};
	X509 *certificate = exchange_peer(call->exchange)->certificate;
	/* Who came by user and password has none, and gets nothing in the clear either. */
	enum err err = certificate == NULL
			   ? ERR_NOT_FOUND
			   : envelope_seal(certificate, call->body.bytes, call->body.len, &sealed);

	if (err != ERR_OK) {
		LOG_ERROR("answer_not_encrypted",
		    log_str("id", exchange_request_id(call->exchange)),
		    log_mac("mac", &call->caller.id.mac), log_err(err));
		buf_free(&sealed);
		return err;
	}
	buf_wipe(&call->body);
	call->body = sealed;
	call->is_encrypted = 1;
	return ERR_OK;
}

static int refuses_model(const struct listener_config *listener, const char *model)
{
	for (size_t i = 0; i < listener->models.count; i++) {
		if (strcmp(listener->models.items[i], model) == 0)
			return 0;
	}
	return listener->models.count > 0;
}

static struct decision decide(const struct call *call, const struct decide_device *device)
{
	const struct http1_head *head = exchange_head(call->exchange);
	const struct redirector_config *config = &call->handler->state->config;

	return decide_answer(&(struct decide_request){.mac = &call->caller.id.mac,
				 .path = call->path,
				 .query = head->query.text,
				 .query_len = head->query.len,
				 .is_head = span_equal(head->method, "HEAD"),
				 .token_is_refused = call->token_is_refused},
	    device,
	    &(struct decide_policy){
		.refuses_model =
		    device != NULL && refuses_model(call->listener->config, device->model),
		.listener_compatible = call->listener->config->floor == TLS_FLOOR_COMPATIBLE,
		.can_stage = call->listener->public_url[0] != '\0',
		.once_grace_s = config->once_grace_s},
	    clock_unix_us());
}

/* A profile asks for what cannot be done here: the operator's to mend. */
static void say_policy(const struct call *call)
{
	static struct log_gate gate;

	if (log_gate_open(&gate))
		LOG_ERROR("staged_not_possible", log_mac("mac", &call->caller.id.mac),
		    log_str("format", format_name(call->format)),
		    log_str("needs",
			format_can_stage(call->format) ? "public_url" : "a format with staged"),
		    log_uint("suppressed", gate.suppressed));
}

static void finish(struct call *call)
{
	if (call->decision.reason == DECIDE_POLICY)
		say_policy(call);
	tell_security(call, call->decision.reason);
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
	    .fingerprint = &call->caller.id.fingerprint,
	    .source = exchange_peer(call->exchange)->text};

	if (decision->stage == STAGE_ONE) {
		request.token = call->token;
		grant_stage(call->handler->grants, &request, on_grant, call);
	} else {
		request.token = decision->stage == STAGE_TWO ? decision->token : NULL;
		grant_delivery(call->handler->grants, &request, on_grant, call);
	}
}

static void refuse(struct call *call, enum decide_reason reason)
{
	tell_security(call, reason);
	answer(call, reason, NULL, NULL);
}

static void refuse_unknown(struct call *call, enum lookup_result result)
{
	if (call->caller.by_credentials)
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

	call->caller.id.mac = row->mac;
	enum decide_reason reason = decide_before_lookup(head->method.text, head->method.len,
	    &call->caller.id.mac, call->path, head->query.text, head->query.len);
	if (reason == DECIDE_ANSWER)
		return 1;
	refuse(call, reason);
	return 0;
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
		refuse_unknown(call, result);
		return;
	}
	if (call->caller.by_credentials && !recognise(call, row))
		return;
	device_from_row(row, call->handler->state->formats, &device);
	call->format = device.format;
	call->holder.is_claimed = row->is_claimed;
	call->holder.password_version = row->password_version;
	memcpy(call->holder.claim_id, row->claim_id, sizeof row->claim_id);
	call->decision = decide(call, &device);
	if (call->decision.reason == DECIDE_ANSWER &&
	    (render(call, row) != ERR_OK || (row->encrypt_answers && encrypt(call) != ERR_OK)))
		call->decision.reason = DECIDE_RECORD;
	if (call->decision.reason == DECIDE_ANSWER && call->decision.must_write)
		ask_leave(call, row);
	else
		finish(call);
}

static void look_up(struct call *call)
{
	call->lookups++;
	lookup_request(call->handler->lookup, &call->caller.id.fingerprint, on_lookup, call);
}

static void on_request(struct exchange *exchange, void *ctx)
{
	const struct entrance *entrance = ctx;
	struct call *call = calloc(1, sizeof *call);
	const struct http1_head *head = exchange_head(exchange);
	struct caller *caller = &call->caller;

	CHECK(call != NULL);
	call->handler = entrance->handler;
	call->listener = entrance->listener;
	call->exchange = exchange;
	call->begun_us = clock_unix_us();
	exchange_set_data(exchange, call, call_free);
	/* The handshake was let through on these same checks; without an identity nothing is said.
	 */
	caller->by_credentials = call->listener->config->authentication == LISTENER_PASSWORD;
	CHECK(caller->by_credentials || caller_from_certificate(call->handler->state->issuers,
					    exchange_peer(exchange), &caller->id));
	decode_path(head->path, call->path);
	enum decide_reason reason = decide_before_lookup(head->method.text, head->method.len,
	    caller->by_credentials ? NULL : &caller->id.mac, call->path, head->query.text,
	    head->query.len);
	if (reason == DECIDE_ANSWER && caller->by_credentials)
		reason = caller_from_credentials(head, caller);
	if (reason == DECIDE_ANSWER)
		look_up(call);
	else
		refuse(call, reason);
}

/* What the server itself answers is not kept by anybody either. */
static void on_error(int status, const char *reason, const struct http1_head *head,
    struct server_answer *answer, void *ctx)
{
	(void)status, (void)reason, (void)head, (void)ctx;
	reply_add_common_fields(answer);
}

const struct server_handler redirector_handler = {.on_request = on_request,
    .on_connect = door_on_connect,
    .on_handshake = door_on_handshake,
    .on_error = on_error,
    .on_refusal = door_on_refusal};
