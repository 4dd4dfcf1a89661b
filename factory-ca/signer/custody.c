/*
 * Splitting, sealing and putting together. Share files come from custodians' sticks, opened shares
 * over the signer's socket: both are decoded strictly. Pure but for randomness; runs in the signer
 * and in the commands around keys.
 */
#include "factory-ca/signer/custody.h"

#include <libgfshare.h>
#include <string.h>

#include "common/base/text.h"
#include "factory-ca/signer/sealed.h"

static const char magic[] = "firstring share 1\n";

enum {
	MAGIC_LEN = sizeof(magic) - 1,
	HEADER_LEN =
	    MAGIC_LEN + CUSTODY_SET_LEN + 3 + SHA256_LEN + 3 + SEALED_SALT_LEN + SEALED_NONCE_LEN,
	FILE_LEN = HEADER_LEN + SEALED_KEK_LEN + SEALED_TAG_LEN,
};
_Static_assert((int)FILE_LEN <= (int)CUSTODY_SHARE_MAX, "a share fits its file");

struct share_seal {
	unsigned log2_n;
	uint8_t salt[SEALED_SALT_LEN], nonce[SEALED_NONCE_LEN];
};

void custody_share_free(struct custody_share *share)
{
	secret_free(&share->value);
	memset(share, 0, sizeof(*share));
}

/* Not the key and not invertible: it only tells whether the right key came out. */
static void kek_digest(const struct secret *kek, uint8_t digest[SHA256_LEN])
{
	static const char purpose[] = "firstring custody";

	hmac_sha256(kek->bytes, kek->len, purpose, sizeof(purpose), digest);
}

static void fill_random(unsigned char *bytes, unsigned len)
{
	random_fill(bytes, len);
}

/* The library has none of its own, and needs it to put together, too: it overwrites what it frees.
 */
static void use_own_randomness(void)
{
	gfshare_fill_rand = fill_random;
}

static int numbers_are_valid(unsigned number, unsigned threshold, unsigned count)
{
	return threshold >= 2 && threshold <= count && count <= CUSTODIANS_MAX && number >= 1 &&
	       number <= count;
}

enum err custody_split(
    const struct secret *kek, unsigned threshold, unsigned count, struct custody_share shares[])
{
	unsigned char numbers[CUSTODIANS_MAX];
	uint8_t set[CUSTODY_SET_LEN];
	gfshare_ctx *context;
	unsigned i;

	CHECK(kek->len == SEALED_KEK_LEN);
	if (!numbers_are_valid(1, threshold, count))
		return ERR_RANGE;
	for (i = 0; i < count; i++)
		numbers[i] = (unsigned char)(i + 1);
	use_own_randomness();
	context = gfshare_ctx_init_enc(numbers, count, (unsigned char)threshold, SEALED_KEK_LEN);
	CHECK(context != NULL);
	gfshare_ctx_enc_setsecret(context, kek->bytes);
	random_fill(set, sizeof(set));
	for (i = 0; i < count; i++) {
		struct custody_share *share = &shares[i];

		memset(share, 0, sizeof(*share));
		memcpy(share->set, set, sizeof(set));
		share->number = numbers[i];
		share->threshold = (uint8_t)threshold;
		share->count = (uint8_t)count;
		kek_digest(kek, share->kek_sha256);
		secret_alloc(&share->value, SEALED_KEK_LEN);
		gfshare_ctx_enc_getshare(context, (unsigned char)i, share->value.bytes);
	}
	gfshare_ctx_free(context);
	return ERR_OK;
}

static void put_head(struct buf *out, const struct custody_share *share)
{
	buf_put(out, share->set, CUSTODY_SET_LEN);
	buf_put_u8(out, share->number);
	buf_put_u8(out, share->threshold);
	buf_put_u8(out, share->count);
	buf_put(out, share->kek_sha256, SHA256_LEN);
}

static void get_bytes(struct cursor *in, uint8_t *to, size_t len)
{
	const uint8_t *bytes = cursor_bytes(in, len);

	if (bytes)
		memcpy(to, bytes, len);
}

static enum err get_head(struct cursor *in, struct custody_share *share)
{
	get_bytes(in, share->set, CUSTODY_SET_LEN);
	share->number = cursor_u8(in);
	share->threshold = cursor_u8(in);
	share->count = cursor_u8(in);
	get_bytes(in, share->kek_sha256, SHA256_LEN);
	return in->err || !numbers_are_valid(share->number, share->threshold, share->count)
		   ? ERR_SYNTAX
		   : ERR_OK;
}

enum err custody_share_seal(const struct custody_share *share, const struct secret *passphrase,
    unsigned scrypt_log2_n, struct buf *out)
{
	struct share_seal seal;
	struct secret kek = {0};
	struct buf file = {0};
	enum err err;

	random_fill(seal.salt, sizeof(seal.salt));
	random_fill(seal.nonce, sizeof(seal.nonce));
	buf_put(&file, magic, MAGIC_LEN);
	put_head(&file, share);
	buf_put_u8(&file, (uint8_t)scrypt_log2_n);
	buf_put_u8(&file, SEALED_SCRYPT_R);
	buf_put_u8(&file, SEALED_SCRYPT_P);
	buf_put(&file, seal.salt, sizeof(seal.salt));
	buf_put(&file, seal.nonce, sizeof(seal.nonce));
	CHECK(file.len == HEADER_LEN);
	err = sealed_derive(passphrase, seal.salt, scrypt_log2_n, &kek);
	if (!err)
		err = sealed_put(&kek, seal.nonce, &file, &share->value, &file);
	if (!err)
		buf_put(out, file.bytes, file.len);
	secret_free(&kek);
	buf_free(&file);
	return err;
}

static enum err parse(
    const void *bytes, size_t len, struct custody_share *share, struct share_seal *seal)
{
	struct cursor in = cursor_of(bytes, len);
	const uint8_t *begin = cursor_bytes(&in, MAGIC_LEN);
	unsigned r, p;
	enum err err;

	memset(share, 0, sizeof(*share));
	if (len != FILE_LEN || !begin || memcmp(begin, magic, MAGIC_LEN) != 0)
		return ERR_SYNTAX;
	err = get_head(&in, share);
	seal->log2_n = cursor_u8(&in);
	r = cursor_u8(&in);
	p = cursor_u8(&in);
	get_bytes(&in, seal->salt, SEALED_SALT_LEN);
	get_bytes(&in, seal->nonce, SEALED_NONCE_LEN);
	if (err || in.err || r != SEALED_SCRYPT_R || p != SEALED_SCRYPT_P ||
	    seal->log2_n < KEYSTORE_SCRYPT_LOG2_N_MIN || seal->log2_n > KEYSTORE_SCRYPT_LOG2_N)
		return ERR_SYNTAX;
	return ERR_OK;
}

enum err custody_share_describe(const void *bytes, size_t len, struct custody_share *share)
{
	struct share_seal seal;
	struct custody_share found;
	enum err err = parse(bytes, len, &found, &seal);

	if (!err)
		*share = found;
	return err;
}

enum err custody_share_open(
    const void *bytes, size_t len, const struct secret *passphrase, struct custody_share *share)
{
	const uint8_t *file = bytes;
	struct secret kek = {0};
	struct custody_share found;
	struct share_seal seal;
	enum err err = parse(bytes, len, &found, &seal);

	if (!err)
		err = sealed_derive(passphrase, seal.salt, seal.log2_n, &kek);
	if (!err)
		err = sealed_open(&kek, seal.nonce, file, HEADER_LEN, file + HEADER_LEN,
		    SEALED_KEK_LEN, &found.value);
	if (!err)
		*share = found;
	secret_free(&kek);
	return err;
}

void custody_share_encode(struct buf *out, const struct custody_share *share)
{
	CHECK(share->value.len == SEALED_KEK_LEN);
	put_head(out, share);
	buf_put(out, share->value.bytes, SEALED_KEK_LEN);
}

enum err custody_share_decode(struct cursor in, struct custody_share *share)
{
	struct custody_share found = {0};
	enum err err = get_head(&in, &found);
	const uint8_t *value = cursor_bytes(&in, SEALED_KEK_LEN);

	if (err || !value || cursor_left(&in))
		return ERR_SYNTAX;
	secret_set(&found.value, value, SEALED_KEK_LEN);
	*share = found;
	return ERR_OK;
}

enum err custody_give(struct custody *custody, struct custody_share *share, char *why)
{
	const struct custody_share *first = &custody->given[0];
	enum err err = ERR_OK;
	size_t i;

	if (custody->count > 0 && (memcmp(first->set, share->set, CUSTODY_SET_LEN) != 0 ||
				      first->threshold != share->threshold))
		err = keystore_say(ERR_REFUSED, why,
		    "the share of custodian %u is of another split than those given before",
		    share->number);
	for (i = 0; i < custody->count && !err; i++)
		if (custody->given[i].number == share->number)
			err = keystore_say(ERR_EXISTS, why,
			    "custodian %u has given a share already; another one must come",
			    share->number);
	if (!err) {
		CHECK(custody->count < CUSTODIANS_MAX);
		custody->given[custody->count++] = *share;
		memset(share, 0, sizeof(*share));
	}
	custody_share_free(share);
	return err;
}

int custody_is_complete(const struct custody *custody)
{
	return custody->count > 0 && custody->count >= custody->given[0].threshold;
}

enum err custody_combine(struct custody *custody, struct secret *kek, char *why)
{
	unsigned char numbers[CUSTODIANS_MAX];
	struct secret together = {0};
	uint8_t digest[SHA256_LEN];
	enum err err = ERR_OK;
	gfshare_ctx *context;
	size_t i;

	CHECK(custody_is_complete(custody));
	for (i = 0; i < custody->count; i++)
		numbers[i] = custody->given[i].number;
	use_own_randomness();
	context = gfshare_ctx_init_dec(numbers, (unsigned)custody->count, SEALED_KEK_LEN);
	CHECK(context != NULL);
	for (i = 0; i < custody->count; i++)
		gfshare_ctx_dec_giveshare(context, (unsigned char)i, custody->given[i].value.bytes);
	secret_alloc(&together, SEALED_KEK_LEN);
	gfshare_ctx_dec_extract(context, together.bytes);
	gfshare_ctx_free(context);
	kek_digest(&together, digest);
	if (!bytes_equal_constant_time(digest, custody->given[0].kek_sha256, SHA256_LEN)) {
		err = keystore_say(ERR_SIGNATURE, why,
		    "the shares do not give the key: one of them is not what its custodian got; "
		    "all must be given again");
		secret_free(&together);
	}
	custody_forget(custody);
	if (!err)
		*kek = together;
	return err;
}

void custody_forget(struct custody *custody)
{
	size_t i;

	for (i = 0; i < custody->count; i++)
		custody_share_free(&custody->given[i]);
	custody->count = 0;
}
