/*
 * The key store behind PKCS#11: keys are made in the token and stay there; what comes out are
 * signatures. A key counts as loaded once a signature of it has verified. A session that died is
 * opened again, once for each request. Runs in the signer and in the ceremony's commands, on one
 * thread; what it asks of the token is in pkcs11.h.
 */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/pki/der.h"
#include "factory-ca/signer/pkcs11.h"

struct keystore_pkcs11 {
	struct keystore base;
	struct pkcs11 token;
	struct pkcs11_key keys[CA_KEY_COUNT];
};

static struct keystore_pkcs11 *token_of(struct keystore *store)
{
	return (struct keystore_pkcs11 *)store;
}

static void forget(struct pkcs11_key *key)
{
	EVP_PKEY_free(key->public_key);
	memset(key, 0, sizeof(*key));
}

static int session_is_gone(CK_RV rv)
{
	switch (rv) {
	case CKR_SESSION_HANDLE_INVALID:
	case CKR_SESSION_CLOSED:
	case CKR_USER_NOT_LOGGED_IN:
	case CKR_DEVICE_REMOVED:
	case CKR_DEVICE_ERROR:
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_KEY_HANDLE_INVALID:
	case CKR_OBJECT_HANDLE_INVALID:
		return 1;
	default:
		return 0;
	}
}

/* A new session, and every loaded key found again: the same key, by its id. */
static enum err reconnect(struct keystore_pkcs11 *store)
{
	static struct log_gate gate;
	char why[KEYSTORE_WHY_LEN] = "";
	enum err err = pkcs11_open_session(&store->token, 0, why);
	int i;

	for (i = 0; i < CA_KEY_COUNT && !err; i++) {
		struct pkcs11_key *known = &store->keys[i], again = {0};

		if (!known->loaded)
			continue;
		err = pkcs11_find_key(&store->token, (enum ca_key)i, &again, why);
		if (!err && memcmp(again.id, known->id, CA_KEY_ID_LEN) != 0)
			err = keystore_say(ERR_REFUSED, why,
			    "the token has another %s key than before",
			    ca_key_name((enum ca_key)i));
		if (!err)
			known->handle = again.handle;
		EVP_PKEY_free(again.public_key);
	}
	if (err)
		pkcs11_close_session(&store->token);
	if (!err)
		LOG_INFO("token_session_opened_again");
	else if (log_gate_open(&gate))
		LOG_ERROR("token_unavailable", log_str("detail", why), log_err(err));
	return err;
}

static CK_RV sign_once(struct keystore_pkcs11 *store, enum ca_key key, CK_MECHANISM_TYPE type,
    uint8_t digest[], size_t len, uint8_t *out, CK_ULONG *out_len)
{
	CK_MECHANISM mechanism = {type, NULL, 0};
	CK_RV rv;

	if (!store->token.has_session)
		return CKR_SESSION_CLOSED;
	rv = store->token.module->C_SignInit(
	    store->token.session, &mechanism, store->keys[key].handle);
	if (rv == CKR_OK)
		rv = store->token.module->C_Sign(store->token.session, digest, len, out, out_len);
	return rv;
}

/* *out_len is the room and becomes the length. */
static enum err sign_raw(struct keystore_pkcs11 *store, enum ca_key key, CK_MECHANISM_TYPE type,
    uint8_t digest[], size_t len, uint8_t *out, CK_ULONG *out_len)
{
	CK_ULONG room = *out_len;
	CK_RV rv = sign_once(store, key, type, digest, len, out, out_len);

	CHECK(store->keys[key].loaded);
	if (session_is_gone(rv)) {
		LOG_WARN("token_session_lost", log_str("reason", p11_kit_strerror(rv)));
		if (reconnect(store))
			return ERR_UNAVAILABLE;
		*out_len = room;
		rv = sign_once(store, key, type, digest, len, out, out_len);
	}
	if (rv == CKR_OK)
		return ERR_OK;
	LOG_ERROR("token_does_not_sign", log_str("key", ca_key_name(key)),
	    log_str("reason", p11_kit_strerror(rv)), log_uint("code", rv));
	return ERR_CRYPTO;
}

static enum err token_sign(
    struct keystore *base, enum ca_key key, const void *bytes, size_t len, struct buf *signature)
{
	const EVP_MD *md = ca_key_algorithm(key) == CA_ALGORITHM_P384 ? EVP_sha384() : EVP_sha256();
	uint8_t digest[EVP_MAX_MD_SIZE], raw[2 * PKCS11_COORDINATE_MAX];
	size_t coordinate = pkcs11_coordinate_len(key), mark;
	CK_ULONG raw_len = sizeof(raw);
	unsigned digest_len = 0;
	enum err err;

	if (EVP_Digest(bytes, len, digest, &digest_len, md, NULL) != 1)
		return ERR_CRYPTO;
	err = sign_raw(token_of(base), key, CKM_ECDSA, digest, digest_len, raw, &raw_len);
	if (!err && raw_len != 2 * coordinate)
		err = ERR_CRYPTO;
	if (err)
		return err;
	/* PKCS#11 gives r and s; X.509 wants SEQUENCE { r, s } (RFC 3279 section 2.2.3). */
	mark = der_begin(signature, DER_SEQUENCE);
	der_put_uint(signature, raw, coordinate);
	der_put_uint(signature, raw + coordinate, coordinate);
	der_end(signature, mark);
	return signature->err;
}

static enum err token_hmac(struct keystore *base, enum ca_key key, const void *bytes, size_t len,
    uint8_t digest[SHA256_LEN])
{
	CK_ULONG digest_len = SHA256_LEN;
	uint8_t input[256];
	enum err err;

	CHECK(len <= sizeof(input));
	memcpy(input, bytes, len);
	err = sign_raw(token_of(base), key, CKM_SHA256_HMAC, input, len, digest, &digest_len);
	return !err && digest_len != SHA256_LEN ? ERR_CRYPTO : err;
}

static EVP_PKEY *token_public_key(struct keystore *base, enum ca_key key)
{
	return token_of(base)->keys[key].public_key;
}

/* Before serials are reserved: is there a session that can sign? */
static enum err token_check(struct keystore *base)
{
	struct keystore_pkcs11 *store = token_of(base);
	CK_SESSION_INFO info;

	if (store->token.has_session &&
	    store->token.module->C_GetSessionInfo(store->token.session, &info) == CKR_OK &&
	    (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS))
		return ERR_OK;
	return reconnect(store) ? ERR_UNAVAILABLE : ERR_OK;
}

/* A signature that the public half does not verify would be a key of somebody else's. */
static enum err try_key(struct keystore_pkcs11 *store, enum ca_key key, char *why)
{
	static const char text[] = "firstring: a key is tried before it is used";
	const EVP_MD *md = ca_key_algorithm(key) == CA_ALGORITHM_P384 ? EVP_sha384() : EVP_sha256();
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	struct buf signature = {0};
	uint8_t digest[SHA256_LEN];
	enum err err;

	if (ca_key_algorithm(key) == CA_ALGORITHM_HMAC_SHA256)
		err = token_hmac(&store->base, key, text, sizeof(text), digest);
	else
		err = token_sign(&store->base, key, text, sizeof(text), &signature);
	if (!err && signature.len > 0 &&
	    (!context ||
		EVP_DigestVerifyInit(context, NULL, md, NULL, store->keys[key].public_key) != 1 ||
		EVP_DigestVerify(context, signature.bytes, signature.len,
		    (const unsigned char *)text, sizeof(text)) != 1))
		err = ERR_CRYPTO;
	EVP_MD_CTX_free(context);
	buf_free(&signature);
	ERR_clear_error();
	if (err)
		return keystore_say(err, why,
		    "the token's %s key makes no signature that its public key verifies",
		    ca_key_name(key));
	return ERR_OK;
}

static enum err token_load(struct keystore *base, enum ca_key key, char *why)
{
	struct keystore_pkcs11 *store = token_of(base);
	struct pkcs11_key found = {0};
	enum err err;

	if (store->keys[key].loaded)
		return ERR_OK;
	if (store->token.pin.len == 0)
		return keystore_say(
		    ERR_DENIED, why, "the token wants a PIN: pki.pkcs11_pin_file names none");
	err = pkcs11_need_session(&store->token, 0, why);
	if (!err)
		err = pkcs11_find_key(&store->token, key, &found, why);
	if (err)
		return err;
	found.loaded = 1;
	store->keys[key] = found;
	err = try_key(store, key, why);
	if (err)
		forget(&store->keys[key]);
	return err;
}

/* Takes back what was made just now: a key that a later step of the ceremony cannot keep. */
static void token_discard(struct keystore *base, enum ca_key key)
{
	struct keystore_pkcs11 *store = token_of(base);

	forget(&store->keys[key]);
	if (store->token.has_session && store->token.may_write)
		pkcs11_destroy_key(&store->token, key);
}

static enum err token_generate(struct keystore *base, enum ca_key key, char *why)
{
	struct pkcs11 *token = &token_of(base)->token;
	enum err err = pkcs11_need_session(token, 1, why);

	if (!err)
		err = pkcs11_make_key(token, key, why);
	if (err)
		return err;
	err = token_load(base, key, why);
	if (err)
		token_discard(base, key);
	return err;
}

static enum err token_describe(
    struct keystore *base, enum ca_key key, struct ca_key_info *info, char *why)
{
	struct keystore_pkcs11 *store = token_of(base);
	struct pkcs11_key found = {0};
	struct ca_key_info told = {.algorithm = ca_key_algorithm(key)};
	enum err err = pkcs11_need_session(&store->token, 0, why);

	if (!err)
		err = pkcs11_find_key(&store->token, key, &found, why);
	if (!err && found.public_key)
		err = keystore_spki_digest(found.public_key, told.spki_sha256);
	if (!err) {
		memcpy(told.id, found.id, sizeof(told.id));
		*info = told;
	}
	EVP_PKEY_free(found.public_key);
	return err;
}

static void token_free(struct keystore *base)
{
	struct keystore_pkcs11 *store = token_of(base);
	int i;

	for (i = 0; i < CA_KEY_COUNT; i++)
		forget(&store->keys[i]);
	pkcs11_close(&store->token);
	free(store);
}

static const struct keystore_backend token_backend = {
    .generate = token_generate,
    .discard = token_discard,
    .load = token_load,
    .describe = token_describe,
    .check = token_check,
    .sign = token_sign,
    .hmac = token_hmac,
    .public_key = token_public_key,
    .free = token_free,
};

enum err keystore_pkcs11_new(
    const char *uri, const struct secret *pin, struct keystore **store, char *why)
{
	struct keystore_pkcs11 *made = calloc(1, sizeof(*made));
	enum err err;

	CHECK(made != NULL);
	keystore_begin(&made->base, &token_backend);
	err = pkcs11_open(&made->token, uri, pin, why);
	if (err)
		token_free(&made->base);
	else
		*store = &made->base;
	return err;
}
