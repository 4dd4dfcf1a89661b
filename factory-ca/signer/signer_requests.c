/*
 * What a peer may ask of the signer, and the answers. Frames are hostile: each is decoded strictly,
 * and one that does not parse ends the connection. Operators are believed by their signatures
 * alone. ISSUE requests are signer_issue.c's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pki/claim_hash.h"
#include "factory-ca/signer/ca_profile.h"
#include "factory-ca/signer/generate.h"
#include "factory-ca/signer/signer_state.h"

/* Else than at once: by signer_cut_off_deaf_peers(). */
enum err signer_reply(
    struct peer *peer, enum signer_message type, uint32_t id, const struct buf *payload)
{
	enum err err;

	if (!peer->ipc || peer->deaf)
		return ERR_CLOSED;
	err = ipc_send(peer->ipc, (uint16_t)type, id, payload->bytes, payload->len);
	if (err) {
		LOG_WARN("signer_answer_lost", log_err(err), log_uint("type", type));
		peer->deaf = 1;
		event_active(peer->signer->group, EV_TIMEOUT, 0);
	}
	return err;
}

enum err signer_reply_failed(
    struct peer *peer, uint32_t id, enum signer_failure failure, const char *detail)
{
	struct signer_failed failed = {.failure = failure};
	struct buf frame = {0};
	enum err err;

	snprintf(failed.detail, sizeof(failed.detail), "%s", detail);
	signer_failed_encode(&frame, &failed);
	err = signer_reply(peer, SIGNER_FAILED, id, &frame);
	buf_free(&frame);
	return err;
}

static void forget_peer(struct signer *signer, struct peer *peer)
{
	signer_forget_issuing(signer, peer);
	memset(peer, 0, sizeof(*peer));
}

void signer_cut_off_deaf_peers(struct signer *signer)
{
	size_t i;

	for (i = 0; i < SIGNER_PEERS_MAX; i++) {
		if (!signer->peers[i].deaf)
			continue;
		ipc_free(signer->peers[i].ipc);
		forget_peer(signer, &signer->peers[i]);
	}
}

void signer_drop_peers(struct signer *signer)
{
	size_t i;

	signer_forget_issuing(signer, NULL);
	/* One of them may be asking right now: it goes with the next turn of the loop. */
	for (i = 0; i < SIGNER_PEERS_MAX; i++)
		if (signer->peers[i].greeted)
			signer->peers[i].deaf = 1;
	event_active(signer->group, EV_TIMEOUT, 0);
}

static enum err on_generate(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signer *signer = peer->signer;
	const struct generator generator = {.issuer = &signer->issuer,
	    .line_access_ca = signer->line_access_ca,
	    .station_eku = signer->station_eku};
	struct signer_generate request;
	struct signer_failed failed = {0};
	struct buf frame = {0};
	enum err err = signer_generate_decode(payload, &request);

	if (err)
		return err;
	if (signer->locked) {
		signer_locked_text(signer, failed.detail);
		return signer_reply_failed(peer, id, SIGNER_FAILURE_UNAVAILABLE, failed.detail);
	}
	if (generate_run(&generator, &request, clock_unix_s(), &frame, &failed))
		err = signer_reply_failed(peer, id, failed.failure, failed.detail);
	else
		err = signer_reply(peer, SIGNER_GENERATED, id, &frame);
	buf_free(&frame);
	return err;
}

int signer_has(const struct signer *signer, unsigned generation)
{
	return generation >= GENERATION_FIRST && generation <= GENERATION_MAX &&
	       authority_uses(&signer->authority, generation);
}

static enum err on_hello(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signer_welcome welcome = {.version = SIGNER_PROTOCOL_VERSION};
	struct buf frame = {0};
	uint16_t version = 0;
	unsigned g;
	enum err err = signer_hello_decode(payload, &version);

	if (err)
		return err;
	if (version != SIGNER_PROTOCOL_VERSION)
		return ERR_REFUSED;
	if (peer->signer->locked) {
		char detail[SIGNER_DETAIL_MAX + 1];

		signer_locked_text(peer->signer, detail);
		return signer_reply_failed(peer, id, SIGNER_FAILURE_UNAVAILABLE, detail);
	}
	peer->greeted = 1;
	welcome.issuing_ca = peer->signer->issuing_ca;
	welcome.open_orders = (uint32_t)ledger_open_orders(peer->signer->issuer.ledger);
	for (g = GENERATION_FIRST; g <= GENERATION_MAX; g++)
		if (signer_has(peer->signer, g))
			welcome.generations |= (uint8_t)(1U << (g - 1));
	signer_welcome_encode(&frame, &welcome);
	err = signer_reply(peer, SIGNER_WELCOME, id, &frame);
	buf_free(&frame);
	return err;
}

static enum err on_claim_codes(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signer *signer = peer->signer;
	struct signer_claim_codes codes;
	struct signer_claim_texts texts = {0};
	struct claim_code code;
	struct buf frame = {0};
	size_t i;
	enum err err = signer_claim_codes_decode(payload, &codes);

	if (err)
		return err;
	texts.row_count = codes.row_count;
	for (i = 0; i < codes.row_count; i++) {
		struct signer_claim_text *row = &texts.rows[i];

		row->mac = codes.rows[i].mac;
		row->epoch = codes.rows[i].epoch;
		row->known = ledger_covers(signer->issuer.ledger, &row->mac) &&
			     !issue_claim_code(signer->issuer.store, &row->mac, row->epoch, &code);
		if (!row->known)
			continue;
		claim_code_format(&code, row->text);
		claim_code_hash(&code, &row->mac, row->epoch, row->hash);
	}
	signer_claim_texts_encode(&frame, &texts);
	err = signer_reply(peer, SIGNER_CLAIM_CODE_TEXTS, id, &frame);
	buf_free(&frame);
	return err;
}

static enum err on_statement(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signed_statement signed_statement = {0};
	struct signer_statement_outcome outcome;
	char names[STATEMENT_SIGNATURES_MAX][STATEMENT_NAME_MAX + 1] = {"", ""};
	size_t i;
	struct buf frame = {0};
	enum err err = signed_statement_decode(payload, &signed_statement);

	if (err)
		return err;
	ledger_accept(peer->signer->issuer.ledger, &signed_statement, clock_unix_s(), &outcome);
	for (i = 0; i < signed_statement.signature_count; i++)
		statement_signer_name(&signed_statement.by[i], names[i]);
	LOG_INFO("statement",
	    log_str("outcome", outcome.outcome == STATEMENT_ACCEPTED   ? "accepted"
			       : outcome.outcome == STATEMENT_EXISTING ? "existing"
								       : "refused"),
	    log_str("code", outcome.code), log_str("detail", outcome.detail),
	    log_str("operator", names[0]), log_str("second_operator", names[1]),
	    log_bytes("text", signed_statement.text.bytes, signed_statement.text.len));
	signer_statement_outcome_encode(&frame, &outcome);
	err = signer_reply(peer, SIGNER_STATEMENT_OUTCOME, id, &frame);
	buf_free(&frame);
	signed_statement_free(&signed_statement);
	return err;
}

static enum err on_order_state(struct peer *peer, uint32_t id, struct cursor payload)
{
	char reference[STATEMENT_REFERENCE_MAX + 1];
	struct signer_order_state state = {0};
	const struct ledger_order *order;
	struct buf frame = {0};
	enum err err = signer_order_state_decode(payload, reference);

	if (err)
		return err;
	order = ledger_find_order(peer->signer->issuer.ledger, reference);
	if (!order)
		return signer_reply_failed(peer, id, SIGNER_FAILURE_UNKNOWN_ORDER,
		    "no operator opened an order of that reference");
	state.closed = order->closed;
	state.issued = order->issued;
	memcpy(state.statement_sha256, order->statement_sha256, SHA256_LEN);
	signer_order_state_is_encode(&frame, &state);
	err = signer_reply(peer, SIGNER_ORDER_STATE_IS, id, &frame);
	buf_free(&frame);
	return err;
}

/* The answer is a head of our own making, or the one that was signed last and why it stays. */
static enum err on_audit_head(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signer *signer = peer->signer;
	struct signer_audit_head_is answer;
	struct signer_audit_end end;
	struct buf frame = {0};
	enum err err = signer_audit_head_decode(payload, &end);

	if (err)
		return err;
	if (audit_heads_sign(signer->audit_heads, signer->authority.store,
		generation_key(signer->authority.generation), &signer->issuing_ca, &end,
		clock_unix_s(), &answer))
		return signer_reply_failed(peer, id, SIGNER_FAILURE_UNAVAILABLE,
		    "no head can be signed now: see the signer's log, disk and clock");
	signer_audit_head_is_encode(&frame, &answer);
	if (answer.outcome >= AUDIT_HEAD_BACKWARDS)
		LOG_ERROR("audit_head_refused",
		    log_str("reason", audit_head_outcome_name(answer.outcome)),
		    log_uint("asked_seq", end.chain_seq),
		    log_hex("asked_row", end.row_hash, SHA256_LEN),
		    log_str("last", answer.last.text));
	err = signer_reply(peer, SIGNER_AUDIT_HEAD_IS, id, &frame);
	buf_free(&frame);
	return err;
}

static enum err on_ping(struct peer *peer, uint32_t id, struct cursor payload)
{
	const struct buf empty = {0};

	return cursor_left(&payload) ? ERR_SYNTAX : signer_reply(peer, SIGNER_PONG, id, &empty);
}

/* What custodians may ask, before any greeting. */
static enum err on_custody(struct peer *peer, uint16_t type, uint32_t id, struct cursor payload)
{
	struct signer_lock_state state = {0};
	struct buf frame = {0};
	enum err err = type == SIGNER_UNLOCK ? signer_on_unlock(peer, payload, &state)
					     : signer_on_lock(peer, payload, &state);

	if (err)
		return err;
	signer_lock_state_encode(&frame, &state);
	err = signer_reply(peer, SIGNER_LOCK_STATE, id, &frame);
	buf_free(&frame);
	return err;
}

static enum err on_frame(
    struct ipc *ipc, uint16_t type, uint32_t id, struct cursor payload, void *ctx)
{
	struct peer *peer = ctx;

	(void)ipc;
	if (type == SIGNER_UNLOCK || type == SIGNER_LOCK)
		return on_custody(peer, type, id, payload);
	if (!peer->greeted && type != SIGNER_HELLO)
		return ERR_SYNTAX;
	switch (type) {
	case SIGNER_HELLO:
		return on_hello(peer, id, payload);
	case SIGNER_PING:
		return on_ping(peer, id, payload);
	case SIGNER_ISSUE:
		return signer_on_issue(peer, id, payload);
	case SIGNER_CLAIM_CODES:
		return on_claim_codes(peer, id, payload);
	case SIGNER_STATEMENT:
		return on_statement(peer, id, payload);
	case SIGNER_ORDER_STATE:
		return on_order_state(peer, id, payload);
	case SIGNER_CRL:
		return signer_on_crl(peer, id, payload);
	case SIGNER_GENERATE:
		return on_generate(peer, id, payload);
	case SIGNER_STATION_RENEW:
		return signer_on_station_renew(peer, id, payload);
	case SIGNER_OCSP_CERTIFICATE:
		return signer_on_ocsp_certificate(peer, id, payload);
	case SIGNER_AUDIT_HEAD:
		return on_audit_head(peer, id, payload);
	default:
		return ERR_SYNTAX;
	}
}

static void on_close(struct ipc *ipc, void *ctx)
{
	struct peer *peer = ctx;

	(void)ipc;
	forget_peer(peer->signer, peer);
}

const struct ipc_handler signer_ipc_handler = {.on_frame = on_frame, .on_close = on_close};
