/* EST's encodings. Pure. */
#include "factory-ca/front/est.h"

#include <string.h>
#include <strings.h>

#include "common/base/text.h"
#include "common/pki/der.h"
#include "common/pki/key_type.h"
#include "factory-ca/front/armor.h"
#include "factory-ca/signer/csr.h"

/* 1.2.840.113549.1.7.1 and .2: id-data, id-signedData (RFC 5652 sections 4 and 5.1). */
static const uint8_t OID_DATA[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};
static const uint8_t OID_SIGNED_DATA[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x02};

int est_is_pkcs10(const char *value, size_t len)
{
	static const char type[] = "application/pkcs10";
	size_t type_len = sizeof(type) - 1;

	if (len < type_len || strncasecmp(value, type, type_len) != 0)
		return 0;
	return len == type_len || value[type_len] == ';' || value[type_len] == ' ' ||
	       value[type_len] == '\t';
}

/* Who the phone says it is; the batch call has columns for that, EST has only the subject. 0: it is
 * refused. */
static int take_subject(struct enrolment *enrolment, const struct csr *csr)
{
	if (csr->serial_number[0] == '\0') {
		enrolment_refuse(enrolment, ENROLMENT_BAD_CSR,
		    "the CSR's subject needs serialNumber (2.5.4.5), the device's serial number");
		return 0;
	}
	enrolment->has_mac = 1;
	enrolment->mac = csr->mac;
	memcpy(enrolment->serial_number, csr->serial_number, sizeof(csr->serial_number));
	return 1;
}

/* The body's DER, kept in the enrolment; 0: it is refused. */
static int take_body(const char *body, size_t len, struct enrolment *enrolment)
{
	enum err err;

	enrolment->csr.max = ENROLMENT_CSR_MAX;
	err = armor_read_csr(body, len, &enrolment->csr);
	if (err == ERR_TOO_LONG)
		enrolment_refuse(enrolment, ENROLMENT_BAD_CSR, "the CSR is larger than %d bytes",
		    ENROLMENT_CSR_MAX);
	else if (err != ERR_OK)
		enrolment_refuse(enrolment, ENROLMENT_BAD_CSR,
		    "the body is not the base64 of a PKCS #10 request");
	return err == ERR_OK;
}

void est_read_enroll(const char *body, size_t len, struct enrolment *enrolment)
{
	char why[CSR_WHY_LEN];
	struct csr csr;
	enum err err;

	enrolment->key_type = KEY_TYPE_COUNT;
	if (!take_body(body, len, enrolment))
		return;
	err = csr_parse(enrolment->csr.bytes, enrolment->csr.len, &csr, why);
	if (err != ERR_OK) {
		enrolment_refuse_csr(enrolment, err, why);
	} else if (take_subject(enrolment, &csr)) {
		enrolment->key_type = csr.key_type;
		memcpy(enrolment->spki_sha256, csr.spki_sha256, sizeof(csr.spki_sha256));
	}
}

void est_read_keygen(
    const char *body, size_t len, uint32_t order_key_types, struct enrolment *enrolment)
{
	char why[CSR_WHY_LEN];
	struct csr csr;

	enrolment->server_key = 1;
	enrolment->key_type = KEY_TYPE_COUNT;
	if (!take_body(body, len, enrolment))
		return;
	if (csr_parse_subject(enrolment->csr.bytes, enrolment->csr.len, &csr, why) != ERR_OK)
		enrolment_refuse(enrolment, ENROLMENT_BAD_CSR, "%s", why);
	else if (take_subject(enrolment, &csr) && csr.key_type < KEY_TYPE_COUNT &&
		 order_key_types & 1u << csr.key_type)
		enrolment->key_type = csr.key_type;
}

static void put_part(
    struct buf *out, const char *boundary, const char *smime_type, const struct buf *content)
{
	buf_printf(out,
	    "--%s\r\nContent-Type: application/pkcs7-mime; smime-type=%s\r\n"
	    "Content-Transfer-Encoding: base64\r\n\r\n",
	    boundary, smime_type);
	buf_put(out, content->bytes, content->len);
	buf_put_str(out, "\r\n");
}

void est_write_keygen(const struct est_certificate *certificate, const struct buf *encrypted_key,
    const char *boundary, struct buf *out)
{
	struct buf content = {0};

	base64_encode(&content, encrypted_key->bytes, encrypted_key->len, 64);
	put_part(out, boundary, "server-generated-key", &content);
	buf_clear(&content);
	est_write_certs_only(certificate, 1, &content);
	put_part(out, boundary, "certs-only", &content);
	buf_printf(out, "--%s--\r\n", boundary);
	buf_free(&content);
}

void est_write_certs_only(const struct est_certificate *certificates, size_t count, struct buf *out)
{
	struct buf der = {0};
	size_t content_info, content, signed_data, encapsulated, set, i;

	content_info = der_begin(&der, DER_SEQUENCE);
	der_put_oid(&der, OID_SIGNED_DATA, sizeof(OID_SIGNED_DATA));
	content = der_begin(&der, DER_CONTEXT_CONSTRUCTED(0));
	signed_data = der_begin(&der, DER_SEQUENCE);
	der_put(&der, DER_INTEGER, "\x01", 1);
	der_put(&der, DER_SET, "", 0);
	encapsulated = der_begin(&der, DER_SEQUENCE);
	der_put_oid(&der, OID_DATA, sizeof(OID_DATA));
	der_end(&der, encapsulated);
	set = der_begin(&der, DER_CONTEXT_CONSTRUCTED(0));
	for (i = 0; i < count; i++)
		buf_put(&der, certificates[i].der, certificates[i].len);
	der_end(&der, set);
	der_put(&der, DER_SET, "", 0);
	der_end(&der, signed_data);
	der_end(&der, content);
	der_end(&der, content_info);
	base64_encode(out, der.bytes, der.len, 64);
	if (out->len > 0 && out->bytes[out->len - 1] != '\n')
		buf_put_u8(out, '\n');
	buf_free(&der);
}

enum { CHAIN_MAX = 8 };

/* The base64 between the next pair of armour lines, and the text after it; 0 at the end. */
static int next_block(const char **text, size_t *left, const char **block, size_t *block_len)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	static const char end[] = "-----END CERTIFICATE-----";
	const char *start = memmem(*text, *left, begin, sizeof(begin) - 1);
	const char *stop;

	if (start == NULL)
		return 0;
	start += sizeof(begin) - 1;
	stop = memmem(start, (size_t)(*text + *left - start), end, sizeof(end) - 1);
	if (stop == NULL)
		return 0;
	*block = start;
	*block_len = (size_t)(stop - start);
	*left -= (size_t)(stop - *text);
	*text = stop;
	return 1;
}

enum err est_write_pem_chain(const char *pem, size_t len, struct buf *out)
{
	struct buf ders[CHAIN_MAX] = {0};
	struct est_certificate certificates[CHAIN_MAX];
	const char *block;
	size_t block_len, count = 0, i;
	enum err err = ERR_SYNTAX;

	while (count < CHAIN_MAX && next_block(&pem, &len, &block, &block_len)) {
		if (base64_decode(block, block_len, &ders[count]) != ERR_OK)
			goto out;
		certificates[count].der = ders[count].bytes;
		certificates[count].len = ders[count].len;
		count++;
	}
	if (count == 0)
		goto out;
	est_write_certs_only(certificates, count, out);
	err = ERR_OK;
out:
	for (i = 0; i < CHAIN_MAX; i++)
		buf_free(&ders[i]);
	return err;
}
