/* Secrets of webhooks; see secret.h. Runs in portal workers (make, seal) and in the courier (open,
 * sign). */
#include "portal-api/webhooks/secret.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "common/base/text.h"
#include "common/pki/digest.h"

static const char prefix[] = "whsec_";
enum { PREFIX_LEN = sizeof(prefix) - 1, RANDOM_LEN = 32 };

void webhook_secret_make(struct secret *secret)
{
	uint8_t random[RANDOM_LEN];
	random_fill(random, sizeof(random));
	secret_alloc(secret, PREFIX_LEN + 2 * RANDOM_LEN);
	memcpy(secret->bytes, prefix, PREFIX_LEN);
	hex_encode_lower(random, sizeof(random), (char *)secret->bytes + PREFIX_LEN);
	bytes_wipe(random, sizeof(random));
}

static struct seal_binding binding_of(const struct uuid *webhook)
{
	struct seal_binding binding = {0};
	memcpy(binding.claim_id, webhook->bytes, sizeof(binding.claim_id));
	return binding;
}

void webhook_secret_seal(const struct seal_ring *ring, const struct uuid *webhook,
    const struct secret *secret, struct buf *sealed)
{
	struct seal_binding binding = binding_of(webhook);
	CHECK(seal(ring, &binding, secret, sealed) == ERR_OK);
}

enum err webhook_secret_open(const struct seal_ring *ring, const struct uuid *webhook,
    const void *sealed, size_t len, struct secret *secret)
{
	struct seal_binding binding = binding_of(webhook);
	return seal_open(ring, &binding, sealed, len, secret);
}

void webhook_sign(const struct secret *const *secrets, size_t count, int64_t unix_s,
    const void *body, size_t body_len, struct buf *field)
{
	struct buf text = {0};
	uint8_t mac[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	buf_printf(&text, "%" PRId64 ".", unix_s);
	buf_put(&text, body, body_len);
	buf_printf(field, "t=%" PRId64, unix_s);
	for (size_t i = 0; i < count; i++) {
		unsigned len = sizeof(mac);
		CHECK(HMAC(EVP_sha256(), secrets[i]->bytes, (int)secrets[i]->len, text.bytes,
		    text.len, mac, &len));
		hex_encode_lower(mac, sizeof(mac), hex);
		buf_printf(field, ",v1=%s", hex);
	}
	buf_free(&text);
}
