/*
 * The issuing CAs' CRLs, one for each generation: what the ledger knows to be revoked or replaced,
 * signed when that has grown and once a day. Asked for by peers, who choose nothing about it. Runs
 * in the signer.
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
static int is_due(const struct signer_generation *last, int64_t now_unix_s, size_t entries)
{
	if (!last->crl.len)
		return 1;
	if (now_unix_s == last->crl_made_unix_s)
		return 0;
	return entries != last->crl_entries || now_unix_s - last->crl_made_unix_s >= DAY_S ||
	       now_unix_s < last->crl_made_unix_s;
}

static enum err make(struct signer *signer, unsigned generation, int64_t now_unix_s)
{
	struct signer_generation *last = &signer->generations[generation - 1];
	const struct profile *profile = &signer->issuer.profiles[generation - 1];
	struct crl_request request = {.key = generation_key(generation),
	    .issuer = profile->issuer,
	    .issuer_len = profile->issuer_len,
	    .number = (uint64_t)now_unix_s,
	    .this_update_unix_s = now_unix_s,
	    .next_update_unix_s = now_unix_s + NEXT_UPDATE_S};
	size_t entries = ledger_revoked_count(signer->issuer.ledger, generation);
	struct buf made = {0};
	enum err err;

	if (!is_due(last, now_unix_s, entries))
		return ERR_OK;
	if (ledger_clock_behind_s(signer->issuer.ledger, now_unix_s) ||
	    now_unix_s <= last->crl_made_unix_s)
		return ERR_UNAVAILABLE;
	request.entries = ledger_revocations(signer->issuer.ledger, &request.entry_count);
	err = crl_make(signer->authority.store, &request, &made);
	if (err) {
		buf_free(&made);
		return err;
	}
	buf_free(&last->crl);
	last->crl = made;
	last->crl_made_unix_s = now_unix_s;
	last->crl_entries = entries;
	LOG_INFO("crl_signed", log_uint("number", request.number), log_uint("entries", entries),
	    log_uint("generation", generation));
	return ERR_OK;
}

/* In parts; nothing at all where the peer has this very one. */
static enum err send_crl(struct peer *peer, uint32_t id, const struct buf *crl, size_t len)
{
	enum { PART_MAX = IPC_PAYLOAD_MAX - 1 };
	struct signer_crl_part part = {0};
	struct buf frame = {0};
	size_t sent = 0;
	enum err err;

	do {
		part.bytes = crl->bytes + sent;
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
	const struct signer_generation *last;
	uint8_t generation = 0;
	uint64_t known = 0;

	if (signer_crl_decode(payload, &generation, &known) || !signer_has(signer, generation))
		return ERR_SYNTAX;
	last = &signer->generations[generation - 1];
	if (make(signer, generation, clock_unix_s()))
		return signer_reply_failed(
		    peer, id, SIGNER_FAILURE_UNAVAILABLE, "no CRL can be signed now");
	if (last->crl.len > SENT_MAX) {
		LOG_ERROR("crl_too_large", log_uint("entries", last->crl_entries),
		    log_uint("bytes", last->crl.len));
		return signer_reply_failed(peer, id, SIGNER_FAILURE_UNAVAILABLE,
		    "this CRL has grown too large for one shard");
	}
	return send_crl(
	    peer, id, &last->crl, known == (uint64_t)last->crl_made_unix_s ? 0 : last->crl.len);
}
