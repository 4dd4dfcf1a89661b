/* Blobs {u16 length, bytes} and texts {u8 length, bytes}, decoded strictly. Pure. */
#include "factory-ca/signer/protocol_certify.h"

#include <string.h>

#include "common/pki/key_type.h"

static void put_blob(struct buf *out, const struct signer_blob *blob)
{
	CHECK(blob->len <= SIGNER_CSR_MAX);
	buf_put_u16(out, (uint16_t)blob->len);
	buf_put(out, blob->bytes, blob->len);
}

static struct signer_blob get_blob(struct cursor *in, size_t max)
{
	struct signer_blob blob = {.len = cursor_u16(in)};

	blob.bytes = cursor_bytes(in, blob.len);
	if (blob.len > max)
		in->err = ERR_SYNTAX;
	return blob;
}

static enum err finish(const struct cursor *in)
{
	return in->err || cursor_left(in) ? ERR_SYNTAX : ERR_OK;
}

void signer_ocsp_certificate_encode(
    struct buf *out, uint8_t generation, const struct signer_blob *certificate)
{
	buf_put_u8(out, generation);
	put_blob(out, certificate);
}

enum err signer_ocsp_certificate_decode(
    struct cursor in, uint8_t *generation, struct signer_blob *certificate)
{
	uint8_t of = cursor_u8(&in);
	struct signer_blob found = get_blob(&in, SIGNER_CERTIFICATE_MAX);

	if (finish(&in))
		return ERR_SYNTAX;
	*generation = of;
	*certificate = found;
	return ERR_OK;
}

static void put_text(struct buf *out, const char *text, size_t len)
{
	CHECK(len <= UINT8_MAX);
	buf_put_u8(out, (uint8_t)len);
	buf_put(out, text, len);
}

static struct signer_text get_text(struct cursor *in, size_t max)
{
	struct signer_text text = {.len = cursor_u8(in)};
	size_t i;

	text.text = (const char *)cursor_bytes(in, text.len);
	if (text.len > max)
		in->err = ERR_SYNTAX;
	for (i = 0; i < text.len && !in->err; i++)
		if (text.text[i] < ' ' || text.text[i] > '~')
			in->err = ERR_SYNTAX;
	return text;
}

static void copy_word(struct cursor *in, char *to, size_t max)
{
	struct signer_text text = get_text(in, max);

	if (!in->err && !statement_word_is_valid(text.text, text.len, max))
		in->err = ERR_SYNTAX;
	if (!in->err)
		memcpy(to, text.text, text.len);
}

static void get_mac(struct cursor *in, struct mac *mac)
{
	const uint8_t *bytes = cursor_bytes(in, MAC_LEN);

	if (bytes)
		memcpy(mac->octets, bytes, MAC_LEN);
}

void signer_renew_encode(struct buf *out, const struct signer_renew *renew)
{
	put_blob(out, &renew->certificate);
	put_blob(out, &renew->csr);
}

enum err signer_renew_decode(struct cursor in, struct signer_renew *renew)
{
	struct signer_renew found;

	found.certificate = get_blob(&in, SIGNER_CERTIFICATE_MAX);
	found.csr = get_blob(&in, SIGNER_CSR_MAX);
	if (finish(&in) || !found.certificate.len || !found.csr.len)
		return ERR_SYNTAX;
	*renew = found;
	return ERR_OK;
}

void signer_renewed_encode(struct buf *out, const struct signer_renewed *renewed)
{
	put_blob(out, &renewed->certificate);
	put_text(out, renewed->detail, strlen(renewed->detail));
}

enum err signer_renewed_decode(struct cursor in, struct signer_renewed *renewed)
{
	struct signer_renewed found = {.certificate = get_blob(&in, SIGNER_CERTIFICATE_MAX)};
	struct signer_text detail = get_text(&in, SIGNER_DETAIL_MAX);

	if (finish(&in) || (found.certificate.len == 0 && detail.len == 0))
		return ERR_SYNTAX;
	memcpy(found.detail, detail.text, detail.len);
	*renewed = found;
	return ERR_OK;
}

void signer_generate_encode(struct buf *out, const struct signer_generate *generate)
{
	size_t i;

	CHECK(generate->row_count >= 1 && generate->row_count <= SIGNER_GENERATE_ROWS_MAX);
	put_text(out, generate->order, strlen(generate->order));
	put_text(out, generate->station, strlen(generate->station));
	put_blob(out, &generate->station_certificate);
	buf_put_u8(out, (uint8_t)generate->row_count);
	for (i = 0; i < generate->row_count; i++) {
		const struct signer_generate_row *row = &generate->rows[i];

		buf_put(out, row->mac.octets, MAC_LEN);
		put_text(out, row->serial_number.text, row->serial_number.len);
		buf_put_u8(out, row->key_type);
	}
}

enum err signer_generate_decode(struct cursor in, struct signer_generate *generate)
{
	size_t i;

	memset(generate, 0, sizeof(*generate));
	copy_word(&in, generate->order, STATEMENT_REFERENCE_MAX);
	copy_word(&in, generate->station, STATEMENT_NAME_MAX);
	generate->station_certificate = get_blob(&in, SIGNER_CERTIFICATE_MAX);
	generate->row_count = cursor_u8(&in);
	if (generate->row_count < 1 || generate->row_count > SIGNER_GENERATE_ROWS_MAX)
		return ERR_SYNTAX;
	for (i = 0; i < generate->row_count && !in.err; i++) {
		struct signer_generate_row *row = &generate->rows[i];

		get_mac(&in, &row->mac);
		row->serial_number = get_text(&in, SIGNER_SERIAL_NUMBER_MAX);
		row->key_type = cursor_u8(&in);
		if (row->serial_number.len == 0 || row->key_type > KEY_TYPE_COUNT)
			in.err = ERR_SYNTAX;
	}
	return finish(&in);
}

void signer_generated_begin(struct buf *out)
{
	buf_clear(out);
	buf_put_u8(out, 0);
}

void signer_generated_add(struct buf *out, const struct signer_generated_row *row)
{
	CHECK(out->bytes[0] < SIGNER_GENERATE_ROWS_MAX);
	signer_issued_row_put(out, &row->issued);
	put_blob(out, &row->encrypted_key);
	out->bytes[0]++;
}

enum err signer_generated_decode(struct cursor in, struct signer_generated *generated)
{
	size_t i;

	memset(generated, 0, sizeof(*generated));
	generated->row_count = cursor_u8(&in);
	if (generated->row_count > SIGNER_GENERATE_ROWS_MAX)
		return ERR_SYNTAX;
	for (i = 0; i < generated->row_count && !in.err; i++) {
		struct signer_generated_row *row = &generated->rows[i];

		signer_issued_row_get(&in, &row->issued);
		row->encrypted_key = get_blob(&in, SIGNER_ENCRYPTED_KEY_MAX);
		if (issue_outcome_is_success(row->issued.outcome) != (row->encrypted_key.len > 0))
			in.err = ERR_SYNTAX;
	}
	return finish(&in);
}
