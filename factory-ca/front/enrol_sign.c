/*
 * What the signer makes of a group: certificates for keys that phones have shown, and keys with
 * their certificates where rows ask for them. The signer is trusted with keys; its frames are
 * decoded strictly all the same. See enrol.h.
 */
#include <openssl/x509.h>
#include <stdio.h>
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
}

static enum err on_issued(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct enrol *enrol = ctx;
	struct signer_issued issued;
	enum err result;
	size_t i, row;

	if (!enrol_answer_is(enrol, err, type, SIGNER_ISSUED, payload, &result))
		return result;
	if (signer_issued_decode(payload, &issued) != ERR_OK)
		return ERR_SYNTAX;
	for (i = 0; i < issued.row_count; i++) {
		if (enrol->answered >= enrol->asked_count)
			return ERR_SYNTAX;
		row = enrol->asked[enrol->answered++];
		if (!mac_equal(&issued.rows[i].mac, &enrol->rows[row]->mac))
			return ERR_SYNTAX;
		take_issued(enrol->rows[row], &enrol->made[row], &issued.rows[i]);
	}
	if (!issued.last)
		return ERR_MORE;
	if (enrol->answered != enrol->asked_count)
		return ERR_SYNTAX;
	enrol_start_issue(enrol);
	return ERR_OK;
}

/* Asks for as many rows from `next` on as one frame holds. */
void enrol_start_issue(struct enrol *enrol)
{
	struct buf frame = {0};
	enum err err;

	signer_issue_begin(&frame, enrol->call->order.terms.reference, enrol->call->caller.name,
	    &enrol->call->fingerprint);
	enrol->asked_count = enrol->answered = 0;
	for (; enrol->next < enrol->count; enrol->next++) {
		struct enrolment *row = enrol->rows[enrol->next];
		struct signer_issue_row ask = {.mac = row->mac,
		    .serial_number = {row->serial_number, strlen(row->serial_number)},
		    .csr = row->csr.bytes,
		    .csr_len = row->csr.len};

		if (row->status != ENROLMENT_PENDING || row->server_key)
			continue;
		err = signer_issue_add(&frame, &ask);
		if (err == ERR_FULL)
			break;
		CHECK(err == ERR_OK);
		enrol->asked[enrol->asked_count++] = enrol->next;
	}
	if (enrol->asked_count > 0)
		signer_client_call(
		    enrol->call->front->signer, SIGNER_ISSUE, &frame, on_issued, enrol);
	else
		start_generate(enrol);
	buf_free(&frame);
}

/* --- generate ------------------------------------------------------------------------------- */

static enum err on_generated(enum err err, uint16_t type, struct cursor payload, void *ctx)
{
	struct enrol *enrol = ctx;
	struct signer_generated generated;
	enum err result;
	size_t i;

	if (!enrol_answer_is(enrol, err, type, SIGNER_GENERATED, payload, &result))
		return result;
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
