/*
 * The key store behind PKCS#11 (version 2.40): a hardware module, or SoftHSM. Keys are made in the
 * token and stay there; what comes out are signatures. The only file that knows PKCS#11. The module
 * is the administrator's choice and runs in our process; its answers are still checked: exactly one
 * object of a label, attributes as a CA key must have them, a signature that verifies before the
 * key counts as loaded. Runs in the signer and in the ceremony's commands, on one thread.
 *
 * A token is named by an RFC 7512 URI; "object=" in it is the prefix of our labels ("firstring"
 * when it is absent), so that several factories can share a token: "firstring-issuing". A session
 * that died is opened again, once for each request. A process that initialised a module must not
 * fork any more (asserted here), and should leave by keystore_leave().
 */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <p11-kit/p11-kit.h>
#include <p11-kit/pkcs11.h>
#include <p11-kit/uri.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/pki/der.h"
#include "factory-ca/signer/keystore.h"

enum {
	PREFIX_MAX = 32,
	LABEL_LEN = PREFIX_MAX + 32,
	SLOTS_MAX = 64,
	HMAC_KEY_LEN = 32,
	COORDINATE_MAX = 48, /* of P-384 */
	POINT_MAX = 1 + 2 * COORDINATE_MAX,
};

struct token_key {
	int loaded;
	CK_OBJECT_HANDLE handle;
	uint8_t id[CA_KEY_ID_LEN];
	EVP_PKEY *public_key; /* NULL for a symmetric key */
};

struct keystore_pkcs11 {
	struct keystore base;
	P11KitUri *uri;
	char prefix[PREFIX_MAX + 1];
	struct secret pin;
	int pin_refused; /* never tried again: tokens lock themselves after a few */
	CK_FUNCTION_LIST *module;
	CK_SESSION_HANDLE session;
	int has_session, may_write;
	struct token_key keys[CA_KEY_COUNT];
};

/* Of this process: modules in use now, and whether there ever was one. */
static unsigned modules_in_use;
static int module_was_loaded;

static struct keystore_pkcs11 *token_of(struct keystore *store)
{
	return (struct keystore_pkcs11 *)store;
}

static void refuse_to_fork(void)
{
	/* The child would share sessions and locks that it cannot have (PKCS#11 section 5.4). */
	CHECK(modules_in_use == 0);
}

static void watch_for_forks(void)
{
	if (!module_was_loaded)
		CHECK(pthread_atfork(refuse_to_fork, NULL, NULL) == 0);
	module_was_loaded = 1;
}

void keystore_leave(int status)
{
	if (!module_was_loaded)
		return;
	/* Some modules crash in their exit handlers, long after their work is done. */
	fflush(NULL);
	_exit(status);
}

static enum err token_fail(CK_RV rv, char *why, const char *doing)
{
	enum err err = ERR_CRYPTO;

	if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE)
		err = ERR_SIGNATURE;
	else if (rv == CKR_PIN_LOCKED)
		err = ERR_DENIED;
	else if (rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_DEVICE_REMOVED)
		err = ERR_UNAVAILABLE;
	return keystore_say(err, why, "the token: %s: %s (0x%lx)", doing, p11_kit_strerror(rv), rv);
}

/* --- module, token, session --- */

/* The one slot whose token the URI names. */
static enum err find_slot(struct keystore_pkcs11 *store, CK_SLOT_ID *slot, char *why)
{
	CK_SLOT_ID slots[SLOTS_MAX];
	CK_ULONG count = SLOTS_MAX, i;
	CK_TOKEN_INFO info;
	unsigned found = 0;
	CK_RV rv = store->module->C_GetSlotList(CK_TRUE, slots, &count);

	if (rv != CKR_OK)
		return token_fail(rv, why, "its module lists no slots");
	for (i = 0; i < count; i++) {
		if (store->module->C_GetTokenInfo(slots[i], &info) != CKR_OK ||
		    p11_kit_uri_match_token_info(store->uri, &info) != 1)
			continue;
		*slot = slots[i];
		found++;
	}
	if (found == 0)
		return keystore_say(ERR_UNAVAILABLE, why,
		    "pki.pkcs11_uri: no token of the module fits (%lu are there)", count);
	if (found > 1)
		return keystore_say(ERR_REFUSED, why,
		    "pki.pkcs11_uri: %u tokens fit; name one by its serial= too", found);
	return ERR_OK;
}

static void close_session(struct keystore_pkcs11 *store)
{
	if (store->has_session)
		store->module->C_CloseSession(store->session);
	store->has_session = 0;
}

static enum err log_in(struct keystore_pkcs11 *store, char *why)
{
	CK_RV rv;

	if (store->pin.len == 0)
		return ERR_OK;
	if (store->pin_refused)
		return keystore_say(ERR_SIGNATURE, why,
		    "the token refused this PIN before; it is not tried again, tokens lock");
	rv = store->module->C_Login(
	    store->session, CKU_USER, store->pin.bytes, (CK_ULONG)store->pin.len);
	if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
		return ERR_OK;
	store->pin_refused = rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LOCKED;
	return token_fail(rv, why, "it refuses the PIN of pki.pkcs11_pin_file");
}

/* A session of its own kind, logged in. Read-only but for making keys. */
static enum err open_session(struct keystore_pkcs11 *store, int may_write, char *why)
{
	CK_FLAGS flags = CKF_SERIAL_SESSION | (may_write ? CKF_RW_SESSION : 0);
	CK_SLOT_ID slot = 0;
	enum err err;
	CK_RV rv;

	close_session(store);
	err = find_slot(store, &slot, why);
	if (err)
		return err;
	rv = store->module->C_OpenSession(slot, flags, NULL, NULL, &store->session);
	if (rv != CKR_OK)
		return token_fail(rv, why, "it opens no session");
	store->has_session = 1;
	store->may_write = may_write;
	err = log_in(store, why);
	if (err)
		close_session(store);
	return err;
}

static enum err need_session(struct keystore_pkcs11 *store, int may_write, char *why)
{
	if (store->has_session && (store->may_write || !may_write))
		return ERR_OK;
	return open_session(store, may_write, why);
}

/* --- objects --- */

static void label_of(
    const struct keystore_pkcs11 *store, enum ca_key key, char label[LABEL_LEN + 1])
{
	int n = snprintf(label, LABEL_LEN + 1, "%s-%s", store->prefix, ca_key_name(key));

	CHECK(n > 0 && n <= LABEL_LEN);
}

static const char *class_name(CK_OBJECT_CLASS class)
{
	return class == CKO_PRIVATE_KEY ? "private" : class == CKO_PUBLIC_KEY ? "public" : "secret";
}

/* Labels are not unique: exactly one object may have ours. */
static enum err find_object(struct keystore_pkcs11 *store, CK_OBJECT_CLASS class, enum ca_key key,
    CK_OBJECT_HANDLE *handle, char *why)
{
	char label[LABEL_LEN + 1];
	CK_ATTRIBUTE template[] = {
	    {CKA_CLASS, &class, sizeof(class)},
	    {CKA_LABEL, label, 0},
	};
	CK_OBJECT_HANDLE found[2];
	CK_ULONG count = 0;
	CK_RV rv;

	label_of(store, key, label);
	template[1].ulValueLen = strlen(label);
	rv = store->module->C_FindObjectsInit(store->session, template, 2);
	if (rv == CKR_OK) {
		rv = store->module->C_FindObjects(store->session, found, 2, &count);
		store->module->C_FindObjectsFinal(store->session);
	}
	if (rv != CKR_OK)
		return token_fail(rv, why, "objects cannot be looked for");
	if (count == 0)
		return keystore_say(ERR_NOT_FOUND, why,
		    "the token has no %s key labelled %s (or shows it only after login)",
		    class_name(class), label);
	if (count > 1)
		return keystore_say(ERR_REFUSED, why,
		    "the token has more than one %s key labelled %s: which one is ours cannot be "
		    "known; remove the others",
		    class_name(class), label);
	*handle = found[0];
	return ERR_OK;
}

/* *len is the room and becomes the length. */
static enum err get_bytes(struct keystore_pkcs11 *store, CK_OBJECT_HANDLE handle,
    CK_ATTRIBUTE_TYPE type, void *bytes, size_t *len, char *why)
{
	CK_ATTRIBUTE attribute = {type, bytes, *len};
	CK_RV rv = store->module->C_GetAttributeValue(store->session, handle, &attribute, 1);

	if (rv != CKR_OK)
		return token_fail(rv, why, "an attribute of a key cannot be read");
	*len = attribute.ulValueLen;
	return ERR_OK;
}

enum { IS_PRIVATE = 1, IS_SECRET = 2 };

/* What a key of a CA must be: made in the token, never to be had, for signing alone. */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	const char *name;
	CK_BBOOL wanted;
	unsigned classes;
} rules[] = {
    {CKA_TOKEN, "CKA_TOKEN", CK_TRUE, IS_PRIVATE | IS_SECRET},
    {CKA_PRIVATE, "CKA_PRIVATE", CK_TRUE, IS_PRIVATE | IS_SECRET},
    {CKA_SENSITIVE, "CKA_SENSITIVE", CK_TRUE, IS_PRIVATE | IS_SECRET},
    {CKA_ALWAYS_SENSITIVE, "CKA_ALWAYS_SENSITIVE", CK_TRUE, IS_PRIVATE | IS_SECRET},
    {CKA_EXTRACTABLE, "CKA_EXTRACTABLE", CK_FALSE, IS_PRIVATE | IS_SECRET},
    {CKA_NEVER_EXTRACTABLE, "CKA_NEVER_EXTRACTABLE", CK_TRUE, IS_PRIVATE | IS_SECRET},
    {CKA_SIGN, "CKA_SIGN", CK_TRUE, IS_PRIVATE | IS_SECRET},
    {CKA_DECRYPT, "CKA_DECRYPT", CK_FALSE, IS_PRIVATE | IS_SECRET},
    {CKA_UNWRAP, "CKA_UNWRAP", CK_FALSE, IS_PRIVATE | IS_SECRET},
    {CKA_DERIVE, "CKA_DERIVE", CK_FALSE, IS_PRIVATE | IS_SECRET},
    {CKA_SIGN_RECOVER, "CKA_SIGN_RECOVER", CK_FALSE, IS_PRIVATE},
    {CKA_ENCRYPT, "CKA_ENCRYPT", CK_FALSE, IS_SECRET},
    {CKA_WRAP, "CKA_WRAP", CK_FALSE, IS_SECRET},
};

static enum err check_attributes(struct keystore_pkcs11 *store, CK_OBJECT_HANDLE handle,
    unsigned class, enum ca_key key, char *why)
{
	CK_BBOOL value;
	size_t i, len;
	enum err err;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!(rules[i].classes & class))
			continue;
		len = sizeof(value);
		err = get_bytes(store, handle, rules[i].type, &value, &len, why);
		if (err)
			return err;
		if (len != sizeof(value) || !value != !rules[i].wanted)
			return keystore_say(ERR_DENIED, why,
			    "the token's %s key has %s %s: it is not fit to be a key of a CA",
			    ca_key_name(key), rules[i].name, value ? "true" : "false");
	}
	return ERR_OK;
}

static const char *curve_of(enum ca_key key)
{
	return ca_key_algorithm(key) == CA_ALGORITHM_P384 ? "P-384" : "P-256";
}

static size_t coordinate_of(enum ca_key key)
{
	return ca_key_algorithm(key) == CA_ALGORITHM_P384 ? 48 : 32;
}

/* The object identifier of the curve, DER: CKA_EC_PARAMS. */
static size_t curve_params(enum ca_key key, uint8_t params[16])
{
	static const uint8_t p256[] = {0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
	static const uint8_t p384[] = {0x06, 5, 0x2b, 0x81, 0x04, 0x00, 0x22};
	int is_p384 = ca_key_algorithm(key) == CA_ALGORITHM_P384;
	size_t len = is_p384 ? sizeof(p384) : sizeof(p256);

	memcpy(params, is_p384 ? p384 : p256, len);
	return len;
}

static EVP_PKEY *pkey_of_point(enum ca_key key, uint8_t *point, size_t len)
{
	char p256[] = "P-256", p384[] = "P-384";
	char *curve = strcmp(curve_of(key), p384) == 0 ? p384 : p256;
	OSSL_PARAM params[] = {
	    OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve, 0),
	    OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, len),
	    OSSL_PARAM_construct_end()};
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *made = NULL;

	if (!context || EVP_PKEY_fromdata_init(context) <= 0 ||
	    EVP_PKEY_fromdata(context, &made, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		made = NULL;
	EVP_PKEY_CTX_free(context);
	ERR_clear_error();
	return made;
}

/* The public half: a second object of the same label and id. */
static enum err read_public_key(struct keystore_pkcs11 *store, enum ca_key key,
    uint8_t id[CA_KEY_ID_LEN], EVP_PKEY **public_key, char *why)
{
	uint8_t params[16], wanted[16], point[POINT_MAX + 8];
	size_t wanted_len = curve_params(key, wanted), params_len = sizeof(params);
	size_t point_len = sizeof(point), id_len = CA_KEY_ID_LEN;
	CK_OBJECT_HANDLE handle = 0;
	struct der_element octets;
	struct cursor in;
	enum err err = find_object(store, CKO_PUBLIC_KEY, key, &handle, why);

	if (!err)
		err = get_bytes(store, handle, CKA_EC_PARAMS, params, &params_len, why);
	if (!err)
		err = get_bytes(store, handle, CKA_EC_POINT, point, &point_len, why);
	if (!err)
		err = get_bytes(store, handle, CKA_ID, id, &id_len, why);
	if (err)
		return err;
	in = cursor_of(point, point_len);
	octets = der_read(&in, DER_OCTET_STRING);
	if (params_len != wanted_len || memcmp(params, wanted, wanted_len) != 0 || in.err ||
	    cursor_left(&in) || octets.content_len != 1 + 2 * coordinate_of(key) ||
	    id_len != CA_KEY_ID_LEN)
		return keystore_say(ERR_SYNTAX, why, "the token's %s key is no key of ours on %s",
		    ca_key_name(key), curve_of(key));
	memmove(point, octets.content, octets.content_len);
	*public_key = pkey_of_point(key, point, octets.content_len);
	if (!*public_key)
		return keystore_say(ERR_SYNTAX, why,
		    "the token's %s public key is no point of its curve", ca_key_name(key));
	return ERR_OK;
}

/* Finds the key and looks at it; says nothing yet of whether it signs. */
static enum err find_key(
    struct keystore_pkcs11 *store, enum ca_key key, struct token_key *found, char *why)
{
	int is_secret = ca_key_algorithm(key) == CA_ALGORITHM_HMAC_SHA256;
	uint8_t id[CA_KEY_ID_LEN] = {0};
	size_t id_len = sizeof(id);
	enum err err = find_object(
	    store, is_secret ? CKO_SECRET_KEY : CKO_PRIVATE_KEY, key, &found->handle, why);

	if (!err)
		err = check_attributes(
		    store, found->handle, is_secret ? IS_SECRET : IS_PRIVATE, key, why);
	if (!err)
		err = get_bytes(store, found->handle, CKA_ID, id, &id_len, why);
	if (!err && !is_secret)
		err = read_public_key(store, key, found->id, &found->public_key, why);
	if (!err && is_secret)
		memcpy(found->id, id, sizeof(id));
	if (!err && (id_len != sizeof(id) || memcmp(id, found->id, sizeof(id)) != 0))
		err = keystore_say(ERR_REFUSED, why,
		    "the token's private and public %s keys are not of one pair", ca_key_name(key));
	if (err) {
		EVP_PKEY_free(found->public_key);
		found->public_key = NULL;
	}
	return err;
}

static void forget(struct token_key *key)
{
	EVP_PKEY_free(key->public_key);
	memset(key, 0, sizeof(*key));
}

/* --- signing, through a session that may have died --- */

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
	enum err err = open_session(store, 0, why);
	int i;

	for (i = 0; i < CA_KEY_COUNT && !err; i++) {
		struct token_key *known = &store->keys[i], again = {0};

		if (!known->loaded)
			continue;
		err = find_key(store, (enum ca_key)i, &again, why);
		if (!err && memcmp(again.id, known->id, CA_KEY_ID_LEN) != 0)
			err = keystore_say(ERR_REFUSED, why,
			    "the token has another %s key than before",
			    ca_key_name((enum ca_key)i));
		if (!err)
			known->handle = again.handle;
		EVP_PKEY_free(again.public_key);
	}
	if (err)
		close_session(store);
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

	if (!store->has_session)
		return CKR_SESSION_CLOSED;
	rv = store->module->C_SignInit(store->session, &mechanism, store->keys[key].handle);
	if (rv == CKR_OK)
		rv = store->module->C_Sign(store->session, digest, len, out, out_len);
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
	uint8_t digest[EVP_MAX_MD_SIZE], raw[2 * COORDINATE_MAX];
	size_t coordinate = coordinate_of(key), mark;
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

	if (store->has_session &&
	    store->module->C_GetSessionInfo(store->session, &info) == CKR_OK &&
	    (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS))
		return ERR_OK;
	return reconnect(store) ? ERR_UNAVAILABLE : ERR_OK;
}

/* --- loading and making --- */

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
	struct token_key found = {0};
	enum err err;

	if (store->keys[key].loaded)
		return ERR_OK;
	if (store->pin.len == 0)
		return keystore_say(
		    ERR_DENIED, why, "the token wants a PIN: pki.pkcs11_pin_file names none");
	err = need_session(store, 0, why);
	if (!err)
		err = find_key(store, key, &found, why);
	if (err)
		return err;
	found.loaded = 1;
	store->keys[key] = found;
	err = try_key(store, key, why);
	if (err)
		forget(&store->keys[key]);
	return err;
}

static CK_RV generate_pair(
    struct keystore_pkcs11 *store, enum ca_key key, char *label, uint8_t id[CA_KEY_ID_LEN])
{
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_OBJECT_HANDLE public_handle, private_handle;
	uint8_t params[16];
	size_t params_len = curve_params(key, params);
	CK_ATTRIBUTE public_template[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &no, 1},
	    {CKA_VERIFY, &yes, 1}, {CKA_ENCRYPT, &no, 1}, {CKA_WRAP, &no, 1},
	    {CKA_EC_PARAMS, params, params_len}, {CKA_LABEL, label, strlen(label)},
	    {CKA_ID, id, CA_KEY_ID_LEN}};
	CK_ATTRIBUTE private_template[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1},
	    {CKA_SENSITIVE, &yes, 1}, {CKA_EXTRACTABLE, &no, 1}, {CKA_SIGN, &yes, 1},
	    {CKA_DECRYPT, &no, 1}, {CKA_UNWRAP, &no, 1}, {CKA_DERIVE, &no, 1},
	    {CKA_SIGN_RECOVER, &no, 1}, {CKA_LABEL, label, strlen(label)},
	    {CKA_ID, id, CA_KEY_ID_LEN}};

	return store->module->C_GenerateKeyPair(store->session, &mechanism, public_template,
	    sizeof(public_template) / sizeof(public_template[0]), private_template,
	    sizeof(private_template) / sizeof(private_template[0]), &public_handle,
	    &private_handle);
}

static CK_RV generate_secret(struct keystore_pkcs11 *store, char *label, uint8_t id[CA_KEY_ID_LEN])
{
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_MECHANISM mechanism = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
	CK_OBJECT_HANDLE handle;
	CK_ULONG len = HMAC_KEY_LEN;
	CK_ATTRIBUTE template[] = {{CKA_KEY_TYPE, &type, sizeof(type)}, {CKA_TOKEN, &yes, 1},
	    {CKA_PRIVATE, &yes, 1}, {CKA_SENSITIVE, &yes, 1}, {CKA_EXTRACTABLE, &no, 1},
	    {CKA_SIGN, &yes, 1}, {CKA_VERIFY, &no, 1}, {CKA_ENCRYPT, &no, 1}, {CKA_DECRYPT, &no, 1},
	    {CKA_WRAP, &no, 1}, {CKA_UNWRAP, &no, 1}, {CKA_DERIVE, &no, 1},
	    {CKA_VALUE_LEN, &len, sizeof(len)}, {CKA_LABEL, label, strlen(label)},
	    {CKA_ID, id, CA_KEY_ID_LEN}};

	return store->module->C_GenerateKey(
	    store->session, &mechanism, template, sizeof(template) / sizeof(template[0]), &handle);
}

static void destroy_object(struct keystore_pkcs11 *store, CK_OBJECT_CLASS class, enum ca_key key)
{
	char why[KEYSTORE_WHY_LEN];
	CK_OBJECT_HANDLE handle;

	if (!find_object(store, class, key, &handle, why))
		store->module->C_DestroyObject(store->session, handle);
}

/* Takes back what was made just now: a key that a later step of the ceremony cannot keep. */
static void token_discard(struct keystore *base, enum ca_key key)
{
	struct keystore_pkcs11 *store = token_of(base);

	forget(&store->keys[key]);
	if (!store->has_session || !store->may_write)
		return;
	if (ca_key_algorithm(key) == CA_ALGORITHM_HMAC_SHA256) {
		destroy_object(store, CKO_SECRET_KEY, key);
		return;
	}
	destroy_object(store, CKO_PRIVATE_KEY, key);
	destroy_object(store, CKO_PUBLIC_KEY, key);
}

/* ERR_EXISTS when there is any object that the key could be taken for. */
static enum err check_absent(struct keystore_pkcs11 *store, enum ca_key key, char *why)
{
	static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY};
	CK_OBJECT_HANDLE handle;
	enum err err;
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		err = find_object(store, classes[i], key, &handle, why);
		if (!err || err == ERR_REFUSED)
			return keystore_say(ERR_EXISTS, why,
			    "the token has a key labelled %s-%s already; it is never overwritten",
			    store->prefix, ca_key_name(key));
		if (err != ERR_NOT_FOUND)
			return err;
	}
	return ERR_OK;
}

static enum err token_generate(struct keystore *base, enum ca_key key, char *why)
{
	struct keystore_pkcs11 *store = token_of(base);
	char label[LABEL_LEN + 1];
	uint8_t id[CA_KEY_ID_LEN];
	enum err err;
	CK_RV rv;

	err = need_session(store, 1, why);
	if (!err)
		err = check_absent(store, key, why);
	if (err)
		return err;
	label_of(store, key, label);
	random_fill(id, sizeof(id));
	rv = ca_key_algorithm(key) == CA_ALGORITHM_HMAC_SHA256
		 ? generate_secret(store, label, id)
		 : generate_pair(store, key, label, id);
	if (rv != CKR_OK)
		return token_fail(rv, why, "it makes no key");
	err = token_load(base, key, why);
	if (err)
		token_discard(base, key);
	return err;
}

static enum err token_describe(
    struct keystore *base, enum ca_key key, struct ca_key_info *info, char *why)
{
	struct keystore_pkcs11 *store = token_of(base);
	struct token_key found = {0};
	struct ca_key_info told = {.algorithm = ca_key_algorithm(key)};
	enum err err = need_session(store, 0, why);

	if (!err)
		err = find_key(store, key, &found, why);
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
	if (store->has_session)
		store->module->C_Logout(store->session);
	close_session(store);
	if (store->module) {
		/* Another store of this process may use the same module. */
		if (--modules_in_use == 0)
			p11_kit_module_finalize(store->module);
		p11_kit_module_release(store->module);
	}
	secret_free(&store->pin);
	p11_kit_uri_free(store->uri);
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

/* --- the URI and its module --- */

static enum err read_prefix(struct keystore_pkcs11 *store, char *why)
{
	const CK_ATTRIBUTE *object = p11_kit_uri_get_attribute(store->uri, CKA_LABEL);
	size_t i;

	strcpy(store->prefix, "firstring");
	if (!object)
		return ERR_OK;
	for (i = 0; i < object->ulValueLen; i++)
		if (!strchr("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.",
			((const char *)object->pValue)[i]))
			break;
	if (i == 0 || i < object->ulValueLen || i > PREFIX_MAX)
		return keystore_say(ERR_RANGE, why,
		    "pki.pkcs11_uri: object= is the prefix of our labels: 1 to %d letters, digits, "
		    "'-', '_' and '.'",
		    PREFIX_MAX);
	memcpy(store->prefix, object->pValue, i);
	store->prefix[i] = '\0';
	return ERR_OK;
}

static enum err read_uri(struct keystore_pkcs11 *store, const char *text, char *why)
{
	const char *path;
	int code;

	store->uri = p11_kit_uri_new();
	CHECK(store->uri != NULL);
	code = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, store->uri);
	if (code != P11_KIT_URI_OK || p11_kit_uri_any_unrecognized(store->uri))
		return keystore_say(ERR_SYNTAX, why, "pki.pkcs11_uri is no RFC 7512 URI%s%s",
		    code != P11_KIT_URI_OK ? ": " : " that is understood",
		    code != P11_KIT_URI_OK ? p11_kit_uri_message(code) : "");
	if (p11_kit_uri_get_pin_value(store->uri) || p11_kit_uri_get_pin_source(store->uri))
		return keystore_say(ERR_DENIED, why,
		    "pki.pkcs11_uri: a PIN has no place there; put it into pki.pkcs11_pin_file");
	path = p11_kit_uri_get_module_path(store->uri);
	if (!path || path[0] != '/')
		return keystore_say(ERR_RANGE, why,
		    "pki.pkcs11_uri: name the module by its whole path: "
		    "pkcs11:token=NAME?module-path=/usr/lib/...");
	return read_prefix(store, why);
}

static enum err load_module(struct keystore_pkcs11 *store, char *why)
{
	const char *path = p11_kit_uri_get_module_path(store->uri);
	/* Unmanaged: no wrapper of p11-kit's between us and the module, and no executable memory.
	 */
	CK_FUNCTION_LIST *module = p11_kit_module_load(path, P11_KIT_MODULE_UNMANAGED);
	CK_RV rv;

	if (!module)
		return keystore_say(ERR_NOT_FOUND, why,
		    "the PKCS#11 module %s cannot be loaded: %s", path,
		    p11_kit_message() ? p11_kit_message() : "no reason is known");
	watch_for_forks();
	rv = p11_kit_module_initialize(module);
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		p11_kit_module_release(module);
		return token_fail(rv, why, "its module does not start");
	}
	modules_in_use++;
	store->module = module;
	return ERR_OK;
}

enum err keystore_pkcs11_new(
    const char *uri, const struct secret *pin, struct keystore **store, char *why)
{
	struct keystore_pkcs11 *made = calloc(1, sizeof(*made));
	enum err err;

	CHECK(made != NULL);
	keystore_begin(&made->base, &token_backend);
	err = read_uri(made, uri, why);
	if (!err)
		err = load_module(made, why);
	if (err) {
		token_free(&made->base);
		return err;
	}
	if (pin && pin->len)
		secret_set(&made->pin, pin->bytes, pin->len);
	*store = &made->base;
	return ERR_OK;
}
