/* Blobs {u16 length, bytes}, decoded strictly. Pure. */
#include "factory-ca/signer/protocol_certify.h"

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

void signer_ocsp_certificate_encode(struct buf *out, const struct signer_blob *certificate)
{
	put_blob(out, certificate);
}

enum err signer_ocsp_certificate_decode(struct cursor in, struct signer_blob *certificate)
{
	struct signer_blob found = get_blob(&in, SIGNER_CERTIFICATE_MAX);

	if (finish(&in))
		return ERR_SYNTAX;
	*certificate = found;
	return ERR_OK;
}
