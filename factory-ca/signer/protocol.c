/*
 * Payloads of the frames between front and signer. Each end takes the other's bytes for hostile:
 * decoding checks every length, count and character. Pure; runs in both processes.
 */
#include "factory-ca/signer/protocol.h"

#include <string.h>

#include "common/net/ipc.h"

static void put_text(struct buf *out, const char *text, size_t len)
{
	CHECK(len <= UINT8_MAX);
	buf_put_u8(out, (uint8_t)len);
	buf_put(out, text, len);
}

static void put_blob(struct buf *out, const void *bytes, size_t len)
{
	CHECK(len <= UINT16_MAX);
	buf_put_u16(out, (uint16_t)len);
	buf_put(out, bytes, len);
}

static int is_printable(const uint8_t *text, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return 0;
	return 1;
}

static struct signer_text get_text(struct cursor *in, size_t max)
{
	struct signer_text none = {0}, text;
	const uint8_t *bytes;

	text.len = cursor_u8(in);
	bytes = cursor_bytes(in, text.len);
	if (in->err)
		return none;
	if (text.len > max || !is_printable(bytes, text.len)) {
		in->err = ERR_SYNTAX;
		return none;
	}
	text.text = (const char *)bytes;
	return text;
}

/* Into a char[max + 1]. */
static void copy_text(struct cursor *in, char *to, size_t max)
{
	struct signer_text text = get_text(in, max);

	if (text.len)
		memcpy(to, text.text, text.len);
	to[text.len] = '\0';
}

/* A word of [A-Za-z0-9._-]{1,max}. */
static void copy_word(struct cursor *in, char *to, size_t max)
{
	copy_text(in, to, max);
	if (!in->err && !statement_word_is_valid(to, strlen(to), max))
		in->err = ERR_SYNTAX;
}

static void get_mac(struct cursor *in, struct mac *mac)
{
	const uint8_t *octets = cursor_bytes(in, MAC_LEN);

	if (octets)
		memcpy(mac->octets, octets, MAC_LEN);
}

static void get_bytes(struct cursor *in, uint8_t *to, size_t len)
{
	const uint8_t *bytes = cursor_bytes(in, len);

	if (bytes)
		memcpy(to, bytes, len);
}

static size_t get_count(struct cursor *in, size_t min)
{
	size_t count = cursor_u8(in);

	if (!in->err && (count < min || count > SIGNER_ROWS_MAX))
		in->err = ERR_SYNTAX;
	return in->err ? 0 : count;
}

/* A payload ends where its last field does. */
static enum err finish(const struct cursor *in)
{
	return in->err || cursor_left(in) ? ERR_SYNTAX : ERR_OK;
}

const char *signer_failure_code(enum signer_failure failure)
{
	switch (failure) {
	case SIGNER_FAILURE_UNKNOWN_ORDER:
		return "unknown_order";
	case SIGNER_FAILURE_STATION_NOT_ALLOWED:
		return "station_not_allowed";
	case SIGNER_FAILURE_UNAVAILABLE:
	case SIGNER_FAILURE_COUNT:
		break;
	}
	return "signer_unavailable";
}

void signer_failed_encode(struct buf *out, const struct signer_failed *failed)
{
	buf_put_u8(out, (uint8_t)failed->failure);
	put_text(out, failed->detail, strlen(failed->detail));
}

enum err signer_failed_decode(struct cursor in, struct signer_failed *failed)
{
	struct signer_failed found = {0};
	uint8_t failure = cursor_u8(&in);

	copy_text(&in, found.detail, SIGNER_DETAIL_MAX);
	if (finish(&in) || failure == 0 || failure >= SIGNER_FAILURE_COUNT)
		return ERR_SYNTAX;
	found.failure = failure;
	*failed = found;
	return ERR_OK;
}

void signer_lock_state_encode(struct buf *out, const struct signer_lock_state *state)
{
	buf_put_u8(out, state->locked ? 1 : 0);
	buf_put_u8(out, state->given);
	buf_put_u8(out, state->needed);
	buf_put_u64(out, (uint64_t)state->until_unix_s);
	put_text(out, state->detail, strlen(state->detail));
}

enum err signer_lock_state_decode(struct cursor in, struct signer_lock_state *state)
{
	struct signer_lock_state found = {0};
	uint8_t locked = cursor_u8(&in);

	found.locked = locked;
	found.given = cursor_u8(&in);
	found.needed = cursor_u8(&in);
	found.until_unix_s = (int64_t)cursor_u64(&in);
	copy_text(&in, found.detail, SIGNER_DETAIL_MAX);
	if (finish(&in) || locked > 1)
		return ERR_SYNTAX;
	*state = found;
	return ERR_OK;
}

void signer_hello_encode(struct buf *out)
{
	buf_put_u16(out, SIGNER_PROTOCOL_VERSION);
}

enum err signer_hello_decode(struct cursor in, uint16_t *version)
{
	uint16_t found = cursor_u16(&in);

	if (finish(&in))
		return ERR_SYNTAX;
	*version = found;
	return ERR_OK;
}

void signer_welcome_encode(struct buf *out, const struct signer_welcome *welcome)
{
	buf_put_u16(out, welcome->version);
	buf_put(out, welcome->issuing_ca.bytes, sizeof(welcome->issuing_ca.bytes));
	buf_put_u32(out, welcome->open_orders);
	buf_put_u8(out, welcome->generations);
}

enum err signer_welcome_decode(struct cursor in, struct signer_welcome *welcome)
{
	struct signer_welcome found = {0};

	found.version = cursor_u16(&in);
	get_bytes(&in, found.issuing_ca.bytes, sizeof(found.issuing_ca.bytes));
	found.open_orders = cursor_u32(&in);
	found.generations = cursor_u8(&in);
	if (finish(&in))
		return ERR_SYNTAX;
	*welcome = found;
	return ERR_OK;
}

/* An ISSUE payload begins with its row count, so that adding a row can patch it. */
void signer_issue_begin(struct buf *out, const char *order, const char *station,
    const struct fingerprint *station_certificate)
{
	buf_clear(out);
	buf_put_u8(out, 0);
	put_text(out, order, strlen(order));
	put_text(out, station, strlen(station));
	buf_put(out, station_certificate->bytes, sizeof(station_certificate->bytes));
}

enum err signer_issue_add(struct buf *out, const struct signer_issue_row *row)
{
	size_t len = MAC_LEN + 1 + row->serial_number.len + 2 + row->csr_len;

	if (row->serial_number.len == 0 || row->serial_number.len > SIGNER_SERIAL_NUMBER_MAX ||
	    !is_printable((const uint8_t *)row->serial_number.text, row->serial_number.len) ||
	    row->csr_len == 0 || row->csr_len > SIGNER_CSR_MAX)
		return ERR_RANGE;
	if (out->err || out->bytes[0] == SIGNER_ROWS_MAX || out->len + len > IPC_PAYLOAD_MAX)
		return ERR_FULL;
	buf_put(out, row->mac.octets, MAC_LEN);
	put_text(out, row->serial_number.text, row->serial_number.len);
	put_blob(out, row->csr, row->csr_len);
	out->bytes[0]++;
	return out->err;
}

enum err signer_issue_decode(struct cursor in, struct signer_issue *issue)
{
	size_t i;

	memset(issue, 0, sizeof(*issue));
	issue->row_count = get_count(&in, 1);
	copy_word(&in, issue->order, STATEMENT_REFERENCE_MAX);
	copy_word(&in, issue->station, STATEMENT_NAME_MAX);
	get_bytes(&in, issue->station_certificate.bytes, sizeof(issue->station_certificate.bytes));
	for (i = 0; i < issue->row_count && !in.err; i++) {
		struct signer_issue_row *row = &issue->rows[i];

		get_mac(&in, &row->mac);
		row->serial_number = get_text(&in, SIGNER_SERIAL_NUMBER_MAX);
		row->csr_len = cursor_u16(&in);
		row->csr = cursor_bytes(&in, row->csr_len);
		if (row->serial_number.len == 0 || row->csr_len == 0 ||
		    row->csr_len > SIGNER_CSR_MAX)
			in.err = ERR_SYNTAX;
	}
	return finish(&in);
}

const char *issue_outcome_code(enum issue_outcome outcome)
{
	static const char *const codes[ISSUE_OUTCOME_COUNT] = {
	    [ISSUE_ISSUED] = "issued",
	    [ISSUE_EXISTING] = "existing",
	    [ISSUE_BAD_ROW] = "bad_row",
	    [ISSUE_BAD_CSR] = "bad_csr",
	    [ISSUE_WEAK_KEY] = "weak_key",
	    [ISSUE_OUT_OF_RANGE] = "out_of_range",
	    [ISSUE_ORDER_FULL] = "order_full",
	    [ISSUE_ORDER_CLOSED] = "order_closed",
	    [ISSUE_MAC_HAS_OTHER_KEY] = "mac_has_other_key",
	    [ISSUE_KEY_REUSED] = "key_reused",
	    [ISSUE_REVOKED] = "revoked",
	};

	CHECK(outcome < ISSUE_OUTCOME_COUNT);
	return codes[outcome];
}

int issue_outcome_is_success(enum issue_outcome outcome)
{
	return outcome == ISSUE_ISSUED || outcome == ISSUE_EXISTING;
}

void signer_issued_begin(struct buf *out)
{
	buf_clear(out);
	buf_put_u8(out, 0); /* rows */
	buf_put_u8(out, 0); /* last */
}

void signer_issued_row_put(struct buf *out, const struct signer_issued_row *row)
{
	buf_put(out, row->mac.octets, MAC_LEN);
	buf_put_u8(out, (uint8_t)row->outcome);
	if (!issue_outcome_is_success(row->outcome)) {
		put_text(out, row->detail.text, row->detail.len);
		return;
	}
	CHECK(row->certificate_len > 0 && row->certificate_len <= SIGNER_CERTIFICATE_MAX);
	buf_put(out, row->serial, sizeof(row->serial));
	buf_put(out, row->spki_sha256, sizeof(row->spki_sha256));
	buf_put_u64(out, (uint64_t)row->not_before_unix_s);
	buf_put(out, row->claim_code_hash, sizeof(row->claim_code_hash));
	buf_put_u32(out, row->claim_code_epoch);
	put_text(out, row->claim_code, strlen(row->claim_code));
	put_blob(out, row->certificate, row->certificate_len);
}

enum err signer_issued_add(struct buf *out, const struct signer_issued_row *row)
{
	size_t before = out->len;

	if (out->bytes[0] == SIGNER_ROWS_MAX)
		return ERR_FULL;
	signer_issued_row_put(out, row);
	if (!out->err && out->len > IPC_PAYLOAD_MAX) {
		out->len = before;
		out->bytes[before] = 0;
		return ERR_FULL;
	}
	out->bytes[0]++;
	return out->err;
}

void signer_issued_mark_last(struct buf *out)
{
	out->bytes[1] = 1;
}

void signer_issued_row_get(struct cursor *in, struct signer_issued_row *row)
{
	uint8_t outcome;

	get_mac(in, &row->mac);
	outcome = cursor_u8(in);
	if (outcome >= ISSUE_OUTCOME_COUNT) {
		in->err = ERR_SYNTAX;
		return;
	}
	row->outcome = outcome;
	if (!issue_outcome_is_success(row->outcome)) {
		row->detail = get_text(in, SIGNER_DETAIL_MAX);
		return;
	}
	get_bytes(in, row->serial, sizeof(row->serial));
	get_bytes(in, row->spki_sha256, sizeof(row->spki_sha256));
	row->not_before_unix_s = (int64_t)cursor_u64(in);
	get_bytes(in, row->claim_code_hash, sizeof(row->claim_code_hash));
	row->claim_code_epoch = cursor_u32(in);
	copy_text(in, row->claim_code, CLAIM_CODE_TEXT_LEN);
	row->certificate_len = cursor_u16(in);
	row->certificate = cursor_bytes(in, row->certificate_len);
	if (strlen(row->claim_code) != CLAIM_CODE_TEXT_LEN || row->certificate_len == 0 ||
	    row->certificate_len > SIGNER_CERTIFICATE_MAX)
		in->err = ERR_SYNTAX;
}

enum err signer_issued_decode(struct cursor in, struct signer_issued *issued)
{
	uint8_t last;
	size_t i;

	memset(issued, 0, sizeof(*issued));
	issued->row_count = get_count(&in, 0);
	last = cursor_u8(&in);
	if (last > 1)
		in.err = ERR_SYNTAX;
	issued->last = last;
	for (i = 0; i < issued->row_count && !in.err; i++)
		signer_issued_row_get(&in, &issued->rows[i]);
	return finish(&in);
}

void signer_claim_codes_encode(struct buf *out, const struct signer_claim_codes *codes)
{
	size_t i;

	CHECK(codes->row_count >= 1 && codes->row_count <= SIGNER_ROWS_MAX);
	buf_put_u8(out, (uint8_t)codes->row_count);
	for (i = 0; i < codes->row_count; i++) {
		buf_put(out, codes->rows[i].mac.octets, MAC_LEN);
		buf_put_u32(out, codes->rows[i].epoch);
	}
}

enum err signer_claim_codes_decode(struct cursor in, struct signer_claim_codes *codes)
{
	size_t i;

	memset(codes, 0, sizeof(*codes));
	codes->row_count = get_count(&in, 1);
	for (i = 0; i < codes->row_count && !in.err; i++) {
		get_mac(&in, &codes->rows[i].mac);
		codes->rows[i].epoch = cursor_u32(&in);
	}
	return finish(&in);
}

void signer_claim_texts_encode(struct buf *out, const struct signer_claim_texts *texts)
{
	size_t i;

	CHECK(texts->row_count <= SIGNER_ROWS_MAX);
	buf_put_u8(out, (uint8_t)texts->row_count);
	for (i = 0; i < texts->row_count; i++) {
		const struct signer_claim_text *row = &texts->rows[i];

		buf_put(out, row->mac.octets, MAC_LEN);
		buf_put_u32(out, row->epoch);
		buf_put_u8(out, row->known ? 1 : 0);
		put_text(out, row->text, strlen(row->text));
		buf_put(out, row->hash, sizeof(row->hash));
	}
}

enum err signer_claim_texts_decode(struct cursor in, struct signer_claim_texts *texts)
{
	size_t i;

	memset(texts, 0, sizeof(*texts));
	texts->row_count = get_count(&in, 0);
	for (i = 0; i < texts->row_count && !in.err; i++) {
		struct signer_claim_text *row = &texts->rows[i];
		uint8_t known;

		get_mac(&in, &row->mac);
		row->epoch = cursor_u32(&in);
		known = cursor_u8(&in);
		copy_text(&in, row->text, CLAIM_CODE_TEXT_LEN);
		get_bytes(&in, row->hash, sizeof(row->hash));
		if (known > 1 || (known && strlen(row->text) != CLAIM_CODE_TEXT_LEN))
			in.err = ERR_SYNTAX;
		row->known = known;
	}
	return finish(&in);
}

void signer_statement_outcome_encode(
    struct buf *out, const struct signer_statement_outcome *outcome)
{
	buf_put_u8(out, (uint8_t)outcome->outcome);
	put_text(out, outcome->code, strlen(outcome->code));
	put_text(out, outcome->detail, strlen(outcome->detail));
}

enum err signer_statement_outcome_decode(struct cursor in, struct signer_statement_outcome *outcome)
{
	struct signer_statement_outcome found = {0};
	uint8_t value = cursor_u8(&in);

	copy_text(&in, found.code, sizeof(found.code) - 1);
	copy_text(&in, found.detail, SIGNER_DETAIL_MAX);
	if (finish(&in) || value >= STATEMENT_OUTCOME_COUNT)
		return ERR_SYNTAX;
	found.outcome = value;
	*outcome = found;
	return ERR_OK;
}

void signer_order_state_encode(struct buf *out, const char *reference)
{
	put_text(out, reference, strlen(reference));
}

enum err signer_order_state_decode(struct cursor in, char reference[STATEMENT_REFERENCE_MAX + 1])
{
	char found[STATEMENT_REFERENCE_MAX + 1] = "";

	copy_word(&in, found, STATEMENT_REFERENCE_MAX);
	if (finish(&in))
		return ERR_SYNTAX;
	memcpy(reference, found, sizeof(found));
	return ERR_OK;
}

void signer_order_state_is_encode(struct buf *out, const struct signer_order_state *state)
{
	buf_put_u8(out, state->closed ? 1 : 0);
	buf_put_u32(out, state->issued);
	buf_put(out, state->statement_sha256, sizeof(state->statement_sha256));
}

enum err signer_order_state_is_decode(struct cursor in, struct signer_order_state *state)
{
	struct signer_order_state found = {0};
	uint8_t closed = cursor_u8(&in);

	found.closed = closed;
	found.issued = cursor_u32(&in);
	get_bytes(&in, found.statement_sha256, sizeof(found.statement_sha256));
	if (finish(&in) || closed > 1)
		return ERR_SYNTAX;
	*state = found;
	return ERR_OK;
}

void signer_crl_encode(struct buf *out, uint8_t generation, uint64_t known)
{
	buf_put_u8(out, generation);
	buf_put_u64(out, known);
}

enum err signer_crl_decode(struct cursor in, uint8_t *generation, uint64_t *known)
{
	uint8_t of = cursor_u8(&in);
	uint64_t found = cursor_u64(&in);

	if (finish(&in))
		return ERR_SYNTAX;
	*generation = of;
	*known = found;
	return ERR_OK;
}

void signer_crl_part_encode(struct buf *out, const struct signer_crl_part *part)
{
	CHECK(part->len < IPC_PAYLOAD_MAX);
	buf_put_u8(out, part->last ? 1 : 0);
	buf_put(out, part->bytes, part->len);
}

enum err signer_crl_part_decode(struct cursor in, struct signer_crl_part *part)
{
	uint8_t last = cursor_u8(&in);

	if (in.err || last > 1)
		return ERR_SYNTAX;
	part->last = last;
	part->len = cursor_left(&in);
	part->bytes = cursor_bytes(&in, part->len);
	return ERR_OK;
}
