/*
 * What the signer makes of a group: certificates for keys that phones have shown, and keys with
 * their certificates where rows ask for them. The signer is trusted with keys; its frames are
 * decoded strictly all the same. See enrol.h.
 */
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "factory-ca/front/enrol_internal.h"
#include "factory-ca/front/outcome.h"
#include "factory-ca/signer/protocol_certify.h"

static void start_generate(struct enrol *enrol);

/* --- issue ---------------------------------------------------------------------------------- */

static void take_issued(
    struct enrolment *row, struct signed_row *made, const struct signer_issued_row *issued)
{
	if (!issue_outcome_is_success(issued->outcome)) {
		outcome_refuse_issue(row, issued);
		return;
	}
	buf_put(&made->certificate, issued->certificate, issued->certificate_len);
	memcpy(made->serial, issued->serial, sizeof(made->serial));
	memcpy(made->spki_sha256, issued->spki_sha256, SHA256_LEN);
	memcpy(made->claim_code_hash, issued->claim_code_hash, SHA256_LEN);
	made->not_before_unix_s = issued->not_before_unix_s;
	made->claim_code_epoch = issued->claim_code_epoch;
	memcpy(made->claim_code, issued->claim_code, sizeof(made->claim_code));
}

/* One ISSUE request of the group: so many of `asked`, from `first` on. */
struct issue_frame {
	struct enrol *enrol;
	size_t first, count, answered;
};

/* The last one that is answered decides how the group goes on. */
static void frame_ended(struct issue_frame *frame, const struct enrol_trouble *trouble)
{
	struct enrol *enrol = frame->enrol;

	free(frame);
	if (!enrol->trouble.is_there)
		enrol->trouble = *trouble;
	if (--enrol->frames > 0)
		return;
	if (enrol->trouble.is_there)
		enrol_signer_failed(enrol, &enrol->trouble);
	else
		start_generate(enrol);
}

static enum err on_issued(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct issue_frame *frame = ctx;
	struct enrol *enrol = frame->enrol;
	struct enrol_trouble trouble;
	struct signer_issued issued;
	enum err result;
	size_t i, row;

	if (!enrol_answer_is(err, type, SIGNER_ISSUED, payload, &trouble, &result)) {
		if (trouble.is_there)
			frame_ended(frame, &trouble);
		return result;
	}
	if (signer_issued_decode(payload, &issued) != ERR_OK ||
	    issued.row_count > frame->count - frame->answered)
		return ERR_SYNTAX;
	for (i = 0; i < issued.row_count; i++) {
		row = enrol->asked[frame->first + frame->answered++];
		if (!mac_equal(&issued.rows[i].mac, &enrol->rows[row]->mac))
			return ERR_SYNTAX;
		take_issued(enrol->rows[row], &enrol->made[row], &issued.rows[i]);
	}
	if (!issued.last)
		return ERR_MORE;
	if (frame->answered != frame->count)
		return ERR_SYNTAX;
	frame_ended(frame, &trouble);
	return ERR_OK;
}

/* Asks for as many of `asked` from `first` on as one frame holds; how many these are. */
static size_t send_frame(struct enrol *enrol, size_t first)
{
	struct issue_frame *frame = calloc(1, sizeof(*frame));
	struct buf payload = {0};
	enum err err = ERR_OK;
	size_t count = 0;

	CHECK(frame != NULL);
	signer_issue_begin(&payload, enrol->call->order.terms.reference, enrol->call->caller.name,
	    &enrol->call->fingerprint);
	while (first + count < enrol->asked_count) {
		const struct enrolment *row = enrol->rows[enrol->asked[first + count]];
		struct signer_issue_row ask = {.mac = row->mac,
		    .serial_number = {row->serial_number, strlen(row->serial_number)},
		    .csr = row->csr.bytes,
		    .csr_len = row->csr.len};

		err = signer_issue_add(&payload, &ask);
		if (err == ERR_FULL)
			break;
		CHECK(err == ERR_OK);
		count++;
	}
	*frame = (struct issue_frame){.enrol = enrol, .first = first, .count = count};
	enrol->frames++;
	signer_client_call(enrol->call->front->signer, SIGNER_ISSUE, &payload, on_issued, frame);
	buf_free(&payload);
	return count;
}

/* All rows at once, in as many frames as they need: the signer takes them up in this order. */
void enrol_start_issue(struct enrol *enrol)
{
	size_t first = 0;

	enrol->trouble = (struct enrol_trouble){0};
	enrol->asked_count = 0;
	enrol_ask_for_pending(enrol, 0);
	while (first < enrol->asked_count)
		first += send_frame(enrol, first);
	if (enrol->asked_count == 0)
		start_generate(enrol);
}

/* --- generate ------------------------------------------------------------------------------- */

static enum err on_generated(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct enrol *enrol = ctx;
	struct signer_generated generated;
	struct enrol_trouble trouble;
	enum err result;
	size_t i;

	if (!enrol_answer_is(err, type, SIGNER_GENERATED, payload, &trouble, &result)) {
		if (trouble.is_there)
			enrol_signer_failed(enrol, &trouble);
		return result;
	}
	if (signer_generated_decode(payload, &generated) != ERR_OK ||
	    generated.row_count != enrol->asked_count)
		return ERR_SYNTAX;
	for (i = 0; i < generated.row_count; i++) {
		const struct signer_generated_row *row = &generated.rows[i];
		struct signed_row *made = &enrol->made[enrol->asked[i]];

		if (!mac_equal(&row->issued.mac, &enrol->rows[enrol->asked[i]]->mac))
			return ERR_SYNTAX;
		take_issued(enrol->rows[enrol->asked[i]], made, &row->issued);
		buf_put(&made->encrypted_key, row->encrypted_key.bytes, row->encrypted_key.len);
	}
	start_generate(enrol);
	return ERR_OK;
}

static void put_generate(const struct enrol *enrol, struct buf *frame)
{
	struct signer_generate ask = {.row_count = enrol->asked_count};
	unsigned char *der = NULL;
	int len = i2d_X509(exchange_peer(enrol->call->exchange)->certificate, &der);
	size_t i;

	CHECK(len > 0);
	snprintf(ask.order, sizeof(ask.order), "%s", enrol->call->order.terms.reference);
	snprintf(ask.station, sizeof(ask.station), "%s", enrol->call->caller.name);
	ask.station_certificate = (struct signer_blob){der, (size_t)len};
	for (i = 0; i < enrol->asked_count; i++) {
		const struct enrolment *row = enrol->rows[enrol->asked[i]];

		ask.rows[i] = (struct signer_generate_row){.mac = row->mac,
		    .serial_number = {row->serial_number, strlen(row->serial_number)},
		    .key_type = (uint8_t)row->key_type};
	}
	signer_generate_encode(frame, &ask);
	OPENSSL_free(der);
}

/* Asks for keys that are not made yet, as many as one frame holds. */
static void start_generate(struct enrol *enrol)
{
	struct buf frame = {0};
	size_t i;

	enrol->asked_count = 0;
	for (i = 0; i < enrol->count && enrol->asked_count < SIGNER_GENERATE_ROWS_MAX; i++)
		if (enrol->rows[i]->status == ENROLMENT_PENDING && enrol->rows[i]->server_key &&
		    enrol->made[i].certificate.len == 0)
			enrol->asked[enrol->asked_count++] = i;
	if (enrol->asked_count == 0) {
		enrol_start_store(enrol);
		return;
	}
	put_generate(enrol, &frame);
	signer_client_call(
	    enrol->call->front->signer, SIGNER_GENERATE, &frame, on_generated, enrol);
	buf_free(&frame);
}
