/*
 * The issuing CA's CRL: what the ledger knows to be revoked or replaced, signed when that has grown
 * and once a day. Asked for by peers, who choose nothing about it. Runs in the signer.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "factory-ca/signer/signer_state.h"

enum {
	DAY_S = 24 * 60 * 60,
	NEXT_UPDATE_S = 30 * DAY_S,
	SENT_MAX = 12 * 1024 * 1024, /* what a peer's queue holds beside other answers: about
				      * 300,000 entries; the next shard begins before */
};

/* Seconds since 1970 as cRLNumber: it grows without being kept anywhere, as long as the clock does
 * not go back, which ledger_clock_behind_s() sees; hence one CRL a second at most. */
static int is_due(const struct signer *signer, int64_t now_unix_s, size_t entries)
{
	if (!signer->crl.len)
		return 1;
	if (now_unix_s == signer->crl_made_unix_s)
		return 0;
	return entries != signer->crl_entries || now_unix_s - signer->crl_made_unix_s >= DAY_S ||
	       now_unix_s < signer->crl_made_unix_s;
}

static enum err make(struct signer *signer, int64_t now_unix_s)
{
	struct crl_request request = {.key = CA_KEY_ISSUING,
	    .issuer = signer->issuer.profile.issuer,
	    .issuer_len = signer->issuer.profile.issuer_len,
	    .number = (uint64_t)now_unix_s,
	    .this_update_unix_s = now_unix_s,
	    .next_update_unix_s = now_unix_s + NEXT_UPDATE_S};
	struct buf made = {0};
	enum err err;

	request.entries = ledger_revocations(signer->issuer.ledger, &request.entry_count);
	if (!is_due(signer, now_unix_s, request.entry_count))
		return ERR_OK;
	if (ledger_clock_behind_s(signer->issuer.ledger, now_unix_s) ||
	    now_unix_s <= signer->crl_made_unix_s)
		return ERR_UNAVAILABLE;
	err = crl_make(signer->authority.store, &request, &made);
	if (err) {
		buf_free(&made);
		return err;
	}
	buf_free(&signer->crl);
	signer->crl = made;
	signer->crl_made_unix_s = now_unix_s;
	signer->crl_entries = request.entry_count;
	LOG_INFO("crl_signed", log_uint("number", request.number),
	    log_uint("entries", request.entry_count));
	return ERR_OK;
}

/* In parts; nothing at all where the peer has this very one. */
static enum err send_crl(struct peer *peer, uint32_t id, size_t len)
{
	enum { PART_MAX = IPC_PAYLOAD_MAX - 1 };
	const struct signer *signer = peer->signer;
	struct signer_crl_part part = {0};
	struct buf frame = {0};
	size_t sent = 0;
	enum err err;

	do {
		part.bytes = signer->crl.bytes + sent;
		part.len = len - sent < PART_MAX ? len - sent : PART_MAX;
		sent += part.len;
		part.last = sent == len;
		buf_clear(&frame);
		signer_crl_part_encode(&frame, &part);
		err = signer_reply(peer, SIGNER_CRL_PART, id, &frame);
	} while (!err && !part.last);
	buf_free(&frame);
	return err;
}

enum err signer_on_crl(struct peer *peer, uint32_t id, struct cursor payload)
{
	struct signer *signer = peer->signer;
	uint64_t known = 0;

	if (signer_crl_decode(payload, &known))
		return ERR_SYNTAX;
	if (make(signer, clock_unix_s()))
		return signer_reply_failed(
		    peer, id, SIGNER_FAILURE_UNAVAILABLE, "no CRL can be signed now");
	if (signer->crl.len > SENT_MAX) {
		LOG_ERROR("crl_too_large", log_uint("entries", signer->crl_entries),
		    log_uint("bytes", signer->crl.len));
		return signer_reply_failed(peer, id, SIGNER_FAILURE_UNAVAILABLE,
		    "this CRL has grown too large for one shard");
	}
	return send_crl(peer, id, known == (uint64_t)signer->crl_made_unix_s ? 0 : signer->crl.len);
}
