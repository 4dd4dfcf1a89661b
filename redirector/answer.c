/* Opens, expands, derives and renders what one phone is told. See answer.h. */
#include "redirector/answer.h"

#include <string.h>

#include "common/answer/anchors.h"
#include "common/answer/password.h"
#include "common/answer/url_policy.h"
#include "common/pki/digest.h"

enum { ALPHABET_LEN = 62 };

void answer_other_password(
    const struct mac *mac, const struct secret *admin_password, struct secret *other)
{
	static const char ALPHABET[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	static const char LABEL[] = "firstring other accounts v1";
	uint8_t message[sizeof(LABEL) + MAC_LEN + 1], digest[SHA256_LEN];
	uint8_t *counter = &message[sizeof(message) - 1];
	size_t len = 0;

	memcpy(message, LABEL, sizeof(LABEL));
	memcpy(message + sizeof(LABEL), mac->octets, MAC_LEN);
	secret_alloc(other, PASSWORD_LEN_DEFAULT);
	for (*counter = 0; len < PASSWORD_LEN_DEFAULT; ++*counter) {
		hmac_sha256(
		    admin_password->bytes, admin_password->len, message, sizeof(message), digest);
		/* Octets past the last whole multiple of 62 would favour some symbols. */
		for (size_t i = 0; i < SHA256_LEN && len < PASSWORD_LEN_DEFAULT; i++) {
			if (digest[i] < 256 / ALPHABET_LEN * ALPHABET_LEN)
				other->bytes[len++] = (uint8_t)ALPHABET[digest[i] % ALPHABET_LEN];
		}
		/* Some firmware wants all three classes. */
		if (len == PASSWORD_LEN_DEFAULT &&
		    password_check((const char *)other->bytes, len, NULL, NULL) != PASSWORD_OK &&
		    *counter < UINT8_MAX - 1)
			len = 0;
	}
	bytes_wipe(digest, sizeof(digest));
}

/* Expands the claim's URLs into `urls`: the first one, then the fallbacks. */
static enum err expand_urls(const struct lookup_row *row, struct buf *urls, const char **field)
{
	struct url_fields fields = {
	    .mac = row->mac, .serial = row->serial_number, .model = row->model};

	*field = "provisioning_url";
	enum err err = url_expand((const char *)row->provisioning_url.bytes, &fields, &urls[0]);
	for (size_t i = 0; err == ERR_OK && i < row->fallback_count; i++) {
		*field = "fallback_urls";
		err = url_expand((const char *)row->fallback_urls[i].bytes, &fields, &urls[i + 1]);
	}
	return err;
}

static enum err open_passwords(const struct lookup_row *row, const struct seal_ring *ring,
    struct secret *admin, struct secret *other)
{
	struct seal_binding binding = {.mac = row->mac};

	memcpy(binding.claim_id, row->claim_id, sizeof(binding.claim_id));
	enum err err =
	    seal_open(ring, &binding, row->sealed_password.bytes, row->sealed_password.len, admin);
	if (err == ERR_OK)
		answer_other_password(&row->mac, admin, other);
	return err;
}

/* What an ITSP's profile adds to the values; what they borrow stands in `texts`. */
struct profile_texts {
	struct buf urls[1 + LOOKUP_FALLBACKS_MAX];
	struct anchors anchors;
	const char *fallbacks[LOOKUP_FALLBACKS_MAX];
};

static enum err take_profile(const struct lookup_row *row, struct profile_texts *texts,
    struct answer_values *values, const char **field)
{
	enum err err = expand_urls(row, texts->urls, field);

	if (err != ERR_OK)
		return err;
	for (size_t i = 0; i < row->fallback_count; i++)
		texts->fallbacks[i] = (const char *)texts->urls[i + 1].bytes;
	anchors_read(
	    (const char *)row->trust_anchors.bytes, row->trust_anchors.len, &texts->anchors);
	values->trust_anchors = texts->anchors.items;
	values->trust_anchor_count = texts->anchors.count;
	values->provisioning_url = (const char *)texts->urls[0].bytes;
	values->fallback_urls = texts->fallbacks;
	values->fallback_count = row->fallback_count;
	return ERR_OK;
}

enum err answer_render(const struct format *format, unsigned body, const struct lookup_row *row,
    const struct seal_ring *ring, const char *stage_url, struct buf *out, const char **field)
{
	struct secret admin = {0}, other = {0};
	struct profile_texts texts = {0};
	struct answer_values values = {.mac = row->mac,
	    .serial_number = row->serial_number,
	    .model = row->model,
	    .admin_user = row->admin_user,
	    .provisioning_url = stage_url};
	enum err err = ERR_OK;

	/* A master file carries no secret, so none is opened for it. */
	if (!format_body_delivers(format, body))
		return format_render(format, body, &values, out, field);
	*field = "admin_password";
	if ((err = open_passwords(row, ring, &admin, &other)) != ERR_OK)
		goto out;
	if (stage_url != NULL)
		body = format_stage_one_body(format, body);
	else if ((err = take_profile(row, &texts, &values, field)) != ERR_OK)
		goto out;
	values.admin_password = (const char *)admin.bytes;
	values.other_password = (const char *)other.bytes;
	err = format_render(format, body, &values, out, field);
out:
	secret_free(&admin);
	secret_free(&other);
	for (size_t i = 0; i < sizeof(texts.urls) / sizeof(texts.urls[0]); i++)
		buf_free(&texts.urls[i]);
	anchors_free(&texts.anchors);
	return err;
}
