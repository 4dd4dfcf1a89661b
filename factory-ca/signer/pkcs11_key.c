/* Keys in a token: found, looked at, made; see pkcs11.h. */
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/pki/der.h"
#include "factory-ca/signer/pkcs11.h"

enum {
	LABEL_LEN = PKCS11_PREFIX_MAX + 32,
	HMAC_KEY_LEN = 32,
	POINT_MAX = 1 + 2 * PKCS11_COORDINATE_MAX,
};

static void label_of(const struct pkcs11 *token, enum ca_key key, char label[LABEL_LEN + 1])
{
	int n = snprintf(label, LABEL_LEN + 1, "%s-%s", token->prefix, ca_key_name(key));

	CHECK(n > 0 && n <= LABEL_LEN);
}

static const char *class_name(CK_OBJECT_CLASS class)
{
	return class == CKO_PRIVATE_KEY ? "private" : class == CKO_PUBLIC_KEY ? "public" : "secret";
}

/* Labels are not unique: exactly one object may have ours. */
static enum err find_object(struct pkcs11 *token, CK_OBJECT_CLASS class, enum ca_key key,
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

	label_of(token, key, label);
	template[1].ulValueLen = strlen(label);
	rv = token->module->C_FindObjectsInit(token->session, template, 2);
	if (rv == CKR_OK) {
		rv = token->module->C_FindObjects(token->session, found, 2, &count);
		token->module->C_FindObjectsFinal(token->session);
	}
	if (rv != CKR_OK)
		return pkcs11_fail(rv, why, "objects cannot be looked for");
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
static enum err get_bytes(struct pkcs11 *token, CK_OBJECT_HANDLE handle, CK_ATTRIBUTE_TYPE type,
    void *bytes, size_t *len, char *why)
{
	CK_ATTRIBUTE attribute = {type, bytes, *len};
	CK_RV rv = token->module->C_GetAttributeValue(token->session, handle, &attribute, 1);

	if (rv != CKR_OK)
		return pkcs11_fail(rv, why, "an attribute of a key cannot be read");
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

static enum err check_attributes(
    struct pkcs11 *token, CK_OBJECT_HANDLE handle, unsigned class, enum ca_key key, char *why)
{
	CK_BBOOL value;
	size_t i, len;
	enum err err;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (!(rules[i].classes & class))
			continue;
		len = sizeof(value);
		err = get_bytes(token, handle, rules[i].type, &value, &len, why);
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

size_t pkcs11_coordinate_len(enum ca_key key)
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
static enum err read_public_key(struct pkcs11 *token, enum ca_key key, uint8_t id[CA_KEY_ID_LEN],
    EVP_PKEY **public_key, char *why)
{
	uint8_t params[16], wanted[16], point[POINT_MAX + 8];
	size_t wanted_len = curve_params(key, wanted), params_len = sizeof(params);
	size_t point_len = sizeof(point), id_len = CA_KEY_ID_LEN;
	CK_OBJECT_HANDLE handle = 0;
	struct der_element octets;
	struct cursor in;
	enum err err = find_object(token, CKO_PUBLIC_KEY, key, &handle, why);

	if (!err)
		err = get_bytes(token, handle, CKA_EC_PARAMS, params, &params_len, why);
	if (!err)
		err = get_bytes(token, handle, CKA_EC_POINT, point, &point_len, why);
	if (!err)
		err = get_bytes(token, handle, CKA_ID, id, &id_len, why);
	if (err)
		return err;
	in = cursor_of(point, point_len);
	octets = der_read(&in, DER_OCTET_STRING);
	if (params_len != wanted_len || memcmp(params, wanted, wanted_len) != 0 || in.err ||
	    cursor_left(&in) || octets.content_len != 1 + 2 * pkcs11_coordinate_len(key) ||
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

enum err pkcs11_find_key(struct pkcs11 *token, enum ca_key key, struct pkcs11_key *found, char *why)
{
	int is_secret = ca_key_algorithm(key) == CA_ALGORITHM_HMAC_SHA256;
	uint8_t id[CA_KEY_ID_LEN] = {0};
	size_t id_len = sizeof(id);
	enum err err = find_object(
	    token, is_secret ? CKO_SECRET_KEY : CKO_PRIVATE_KEY, key, &found->handle, why);

	if (!err)
		err = check_attributes(
		    token, found->handle, is_secret ? IS_SECRET : IS_PRIVATE, key, why);
	if (!err)
		err = get_bytes(token, found->handle, CKA_ID, id, &id_len, why);
	if (!err && !is_secret)
		err = read_public_key(token, key, found->id, &found->public_key, why);
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

static CK_RV generate_pair(
    struct pkcs11 *token, enum ca_key key, char *label, uint8_t id[CA_KEY_ID_LEN])
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

	return token->module->C_GenerateKeyPair(token->session, &mechanism, public_template,
	    sizeof(public_template) / sizeof(public_template[0]), private_template,
	    sizeof(private_template) / sizeof(private_template[0]), &public_handle,
	    &private_handle);
}

static CK_RV generate_secret(struct pkcs11 *token, char *label, uint8_t id[CA_KEY_ID_LEN])
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

	return token->module->C_GenerateKey(
	    token->session, &mechanism, template, sizeof(template) / sizeof(template[0]), &handle);
}

static void destroy_object(struct pkcs11 *token, CK_OBJECT_CLASS class, enum ca_key key)
{
	char why[KEYSTORE_WHY_LEN];
	CK_OBJECT_HANDLE handle = 0;

	if (!find_object(token, class, key, &handle, why))
		token->module->C_DestroyObject(token->session, handle);
}

static enum err check_absent(struct pkcs11 *token, enum ca_key key, char *why)
{
	static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY};
	CK_OBJECT_HANDLE handle;
	enum err err;
	size_t i;

	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		err = find_object(token, classes[i], key, &handle, why);
		if (!err || err == ERR_REFUSED)
			return keystore_say(ERR_EXISTS, why,
			    "the token has a key labelled %s-%s already; it is never overwritten",
			    token->prefix, ca_key_name(key));
		if (err != ERR_NOT_FOUND)
			return err;
	}
	return ERR_OK;
}

enum err pkcs11_make_key(struct pkcs11 *token, enum ca_key key, char *why)
{
	char label[LABEL_LEN + 1];
	uint8_t id[CA_KEY_ID_LEN];
	enum err err = check_absent(token, key, why);
	CK_RV rv;

	if (err)
		return err;
	label_of(token, key, label);
	random_fill(id, sizeof(id));
	rv = ca_key_algorithm(key) == CA_ALGORITHM_HMAC_SHA256
		 ? generate_secret(token, label, id)
		 : generate_pair(token, key, label, id);
	return rv == CKR_OK ? ERR_OK : pkcs11_fail(rv, why, "it makes no key");
}

void pkcs11_destroy_key(struct pkcs11 *token, enum ca_key key)
{
	if (ca_key_algorithm(key) == CA_ALGORITHM_HMAC_SHA256) {
		destroy_object(token, CKO_SECRET_KEY, key);
		return;
	}
	destroy_object(token, CKO_PRIVATE_KEY, key);
	destroy_object(token, CKO_PUBLIC_KEY, key);
}
