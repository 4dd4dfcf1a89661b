/* Which verified certificates are a phone: everything that OpenSSL lets through and we do not. */
#include <openssl/err.h>
#include <stdlib.h>

#include "common/pki/device_id.h"
#include "tests/lib/certificates.h"
#include "tests/lib/unit.h"

enum key { P256, P384, P521, RSA1024, RSA2048, RSA3072, RSA4096, ED25519, KEYS };

static const char *const KEY_NAMES[KEYS] = {
    "p256", "p384", "p521", "rsa1024", "rsa2048", "rsa3072", "rsa4096", "ed25519"};
static EVP_PKEY *keys[KEYS], *ca_key;
static X509 *ca;

static void keys_make(void)
{
	for (size_t i = 0; i < KEYS; i++)
		keys[i] = key_make(KEY_NAMES[i]);
	ca_key = key_make("p256");
	ca = certificate_make(&(struct recipe){.common_names = {"Issuing CA"},
				  .basic_constraints = "critical,CA:TRUE,pathlen:0",
				  .key_usage = "critical,keyCertSign,cRLSign",
				  .key = ca_key},
	    NULL, NULL);
}

static void keys_free(void)
{
	for (size_t i = 0; i < KEYS; i++)
		EVP_PKEY_free(keys[i]);
	EVP_PKEY_free(ca_key);
	X509_free(ca);
}

#define PHONE .common_names = {"001565AABBCC"}

static const struct {
	const char *what;
	struct recipe recipe;
	enum key key;
	enum device_id_reason reason;
} CASES[] = {
    {"the default phone", {PHONE, PHONE_EXTENSIONS}, P256, DEVICE_ID_OK},
    {"P-384", {PHONE, PHONE_EXTENSIONS}, P384, DEVICE_ID_OK},
    {"RSA 2048", {PHONE, PHONE_EXTENSIONS}, RSA2048, DEVICE_ID_OK},
    {"RSA 3072", {PHONE, PHONE_EXTENSIONS}, RSA3072, DEVICE_ID_OK},
    {"a PrintableString CN", {PHONE, .common_name_type = V_ASN1_PRINTABLESTRING, PHONE_EXTENSIONS},
	P256, DEVICE_ID_OK},
    {"more usages than needed",
	{PHONE, .basic_constraints = "CA:FALSE", .key_usage = "digitalSignature,keyAgreement",
	    .ext_key_usage = "serverAuth,clientAuth"},
	P256, DEVICE_ID_OK},
    {"the longest serial",
	{PHONE, PHONE_EXTENSIONS, .serial = "7fffffffffffffffffffffffffffffffffffffff"}, P256,
	DEVICE_ID_OK},

    {"no EKU", {PHONE, .basic_constraints = "critical,CA:FALSE", .key_usage = "digitalSignature"},
	P256, DEVICE_ID_NOT_CLIENT},
    {"serverAuth only",
	{PHONE, .basic_constraints = "critical,CA:FALSE", .key_usage = "digitalSignature",
	    .ext_key_usage = "serverAuth"},
	P256, DEVICE_ID_NOT_CLIENT},
    {"anyExtendedKeyUsage is not clientAuth",
	{PHONE, .basic_constraints = "critical,CA:FALSE", .key_usage = "digitalSignature",
	    .ext_key_usage = "anyExtendedKeyUsage"},
	P256, DEVICE_ID_NOT_CLIENT},
    {"a station's private EKU",
	{PHONE, .basic_constraints = "critical,CA:FALSE", .key_usage = "digitalSignature",
	    .ext_key_usage = "1.3.6.1.4.1.55555.1"},
	P256, DEVICE_ID_NOT_CLIENT},
    {"a CA",
	{PHONE, .basic_constraints = "critical,CA:TRUE",
	    .key_usage = "digitalSignature,keyCertSign", .ext_key_usage = "clientAuth"},
	P256, DEVICE_ID_IS_CA},
    {"no basicConstraints", {PHONE, .key_usage = "digitalSignature", .ext_key_usage = "clientAuth"},
	P256, DEVICE_ID_IS_CA},
    {"no keyUsage", {PHONE, .basic_constraints = "CA:FALSE", .ext_key_usage = "clientAuth"}, P256,
	DEVICE_ID_KEY_USAGE},
    {"no digitalSignature",
	{PHONE, .basic_constraints = "CA:FALSE", .key_usage = "keyEncipherment",
	    .ext_key_usage = "clientAuth"},
	P256, DEVICE_ID_KEY_USAGE},
    {"serial zero", {PHONE, PHONE_EXTENSIONS, .serial = "0"}, P256, DEVICE_ID_SERIAL},
    {"a negative serial", {PHONE, PHONE_EXTENSIONS, .serial = "-40"}, P256, DEVICE_ID_SERIAL},
    {"a serial of 21 octets, the first a sign",
	{PHONE, PHONE_EXTENSIONS, .serial = "80ffffffffffffffffffffffffffffffffffffff"}, P256,
	DEVICE_ID_SERIAL},
    {"a serial of 21 octets",
	{PHONE, PHONE_EXTENSIONS, .serial = "40ffffffffffffffffffffffffffffffffffffff01"}, P256,
	DEVICE_ID_SERIAL},

    {"no CN", {PHONE_EXTENSIONS}, P256, DEVICE_ID_COMMON_NAME},
    {"two CNs", {.common_names = {"001565AABBCC", "001565AABBCD"}, PHONE_EXTENSIONS}, P256,
	DEVICE_ID_COMMON_NAME},
    {"the same CN twice", {.common_names = {"001565AABBCC", "001565AABBCC"}, PHONE_EXTENSIONS},
	P256, DEVICE_ID_COMMON_NAME},
    {"colons", {.common_names = {"00:15:65:AA:BB:CC"}, PHONE_EXTENSIONS}, P256,
	DEVICE_ID_COMMON_NAME},
    {"lower case", {.common_names = {"001565aabbcc"}, PHONE_EXTENSIONS}, P256,
	DEVICE_ID_COMMON_NAME},
    {"11 digits", {.common_names = {"001565AABBC"}, PHONE_EXTENSIONS}, P256, DEVICE_ID_COMMON_NAME},
    {"14 digits", {.common_names = {"001565AABBCC00"}, PHONE_EXTENSIONS}, P256,
	DEVICE_ID_COMMON_NAME},
    {"a generic certificate", {.common_names = {"phone.example"}, PHONE_EXTENSIONS}, P256,
	DEVICE_ID_COMMON_NAME},
    {"format text", {.common_names = {"%s%s%s%s%s%s"}, PHONE_EXTENSIONS}, P256,
	DEVICE_ID_COMMON_NAME},
    {"SQL", {.common_names = {"' or 1=1; --"}, PHONE_EXTENSIONS}, P256, DEVICE_ID_COMMON_NAME},
    {"a multicast address", {.common_names = {"01005E000001"}, PHONE_EXTENSIONS}, P256,
	DEVICE_ID_COMMON_NAME},
    {"no address", {.common_names = {"000000000000"}, PHONE_EXTENSIONS}, P256,
	DEVICE_ID_COMMON_NAME},
    {"a BMPString CN", {PHONE, .common_name_type = V_ASN1_BMPSTRING, PHONE_EXTENSIONS}, P256,
	DEVICE_ID_COMMON_NAME},

    {"RSA 1024", {PHONE, PHONE_EXTENSIONS}, RSA1024, DEVICE_ID_WEAK_KEY},
    {"RSA 4096", {PHONE, PHONE_EXTENSIONS}, RSA4096, DEVICE_ID_WEAK_KEY},
    {"P-521", {PHONE, PHONE_EXTENSIONS}, P521, DEVICE_ID_WEAK_KEY},
    {"Ed25519", {PHONE, PHONE_EXTENSIONS}, ED25519, DEVICE_ID_WEAK_KEY},
};

/* As it comes from the network: encoded and parsed again. */
static X509 *sent(const struct recipe *recipe, enum key key)
{
	struct recipe whole = *recipe;
	unsigned char *der = NULL;

	whole.key = keys[key];
	X509 *made = certificate_make(&whole, ca, ca_key);
	int len = i2d_X509(made, &der);
	ck_assert_int_gt(len, 0);
	const unsigned char *next = der;
	X509 *parsed = d2i_X509(NULL, &next, len);
	ck_assert_ptr_nonnull(parsed);
	OPENSSL_free(der);
	X509_free(made);
	return parsed;
}

START_TEST(a_certificate_is_judged_by_the_profile)
{
	struct device_id id, before;
	X509 *certificate = sent(&CASES[_i].recipe, CASES[_i].key);

	memset(&id, 0x55, sizeof id);
	before = id;
	enum device_id_reason reason = device_id_from_certificate(certificate, X509_V_OK, &id);
	ck_assert_msg(
	    reason == CASES[_i].reason, "%s: %s", CASES[_i].what, device_id_reason_name(reason));
	if (reason != DEVICE_ID_OK)
		ck_assert_mem_eq(&id, &before, sizeof id);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	X509_free(certificate);
}
END_TEST

START_TEST(a_phone_is_its_mac_and_fingerprint)
{
	struct device_id id;
	struct fingerprint expected;
	unsigned char *der = NULL;
	char mac[MAC_TEXT_LEN + 1];
	X509 *certificate = sent(&(struct recipe){PHONE, PHONE_EXTENSIONS}, P256);

	ck_assert_int_eq(device_id_from_certificate(certificate, X509_V_OK, &id), DEVICE_ID_OK);
	mac_format(&id.mac, mac);
	ck_assert_str_eq(mac, "001565AABBCC");
	int len = i2d_X509(certificate, &der);
	sha256(der, (size_t)len, expected.bytes);
	ck_assert_mem_eq(id.fingerprint.bytes, expected.bytes, SHA256_LEN);
	OPENSSL_free(der);
	X509_free(certificate);
}
END_TEST

START_TEST(nothing_is_a_phone_that_was_not_verified)
{
	struct device_id id;
	X509 *certificate = sent(&(struct recipe){PHONE, PHONE_EXTENSIONS}, P256);

	ck_assert_int_eq(
	    device_id_from_certificate(NULL, X509_V_OK, &id), DEVICE_ID_NO_CERTIFICATE);
	ck_assert_int_eq(device_id_from_certificate(certificate, X509_V_ERR_CERT_HAS_EXPIRED, &id),
	    DEVICE_ID_NOT_VERIFIED);
	ck_assert_int_eq(device_id_from_certificate(certificate, -1, &id), DEVICE_ID_NOT_VERIFIED);
	X509_free(certificate);
}
END_TEST

START_TEST(a_malformed_extension_is_refused)
{
	struct device_id id;
	X509 *made = certificate_make(
	    &(struct recipe){PHONE, PHONE_EXTENSIONS, .key = keys[P256]}, ca, ca_key);
	X509_EXTENSION *extension =
	    X509_get_ext(made, X509_get_ext_by_NID(made, NID_key_usage, -1));
	ASN1_OCTET_STRING *garbage = ASN1_OCTET_STRING_new();

	ck_assert_int_eq(ASN1_OCTET_STRING_set(garbage, (const unsigned char *)"\x03\x7f", 2), 1);
	ck_assert_int_eq(X509_EXTENSION_set_data(extension, garbage), 1);
	ck_assert_int_gt(X509_sign(made, ca_key, EVP_sha256()), 0);
	ck_assert_int_ne(device_id_from_certificate(made, X509_V_OK, &id), DEVICE_ID_OK);
	ck_assert_uint_eq(ERR_peek_error(), 0);
	ASN1_OCTET_STRING_free(garbage);
	X509_free(made);
}
END_TEST

static const struct {
	const char *common_name;
	int nid;
	const char *prefix;
	enum device_id_reason reason;
} LAYOUTS[] = {
    {"001565AABBCC", NID_commonName, "", DEVICE_ID_OK},
    {"00:15:65:aa:bb:cc", NID_commonName, "", DEVICE_ID_OK},
    {"CP-8841-SEP001565AABBCC", NID_commonName, "SEP", DEVICE_ID_OK},
    {"SEP001565aabbcc", NID_commonName, "SEP", DEVICE_ID_OK},
    {"SEPIA-SEP001565AABBCC", NID_commonName, "SEP", DEVICE_ID_OK},
    {"CP-8841-SEP001565AABBCC", NID_commonName, "", DEVICE_ID_COMMON_NAME},
    {"CP-8841-001565AABBCC", NID_commonName, "SEP", DEVICE_ID_COMMON_NAME},
    {"CP-SEP001565AABBCC-x", NID_commonName, "SEP", DEVICE_ID_COMMON_NAME},
    {"SEP", NID_commonName, "SEP", DEVICE_ID_COMMON_NAME},
    {"SE", NID_commonName, "SEP", DEVICE_ID_COMMON_NAME},
    {"001565AABBCC", NID_stateOrProvinceName, "", DEVICE_ID_COMMON_NAME},
    {"001565AABBCC", NID_organizationName, "", DEVICE_ID_COMMON_NAME}, /* "Example" */
};

START_TEST(another_layout_says_where_the_mac_stands)
{
	const struct device_id_layout layout = {LAYOUTS[_i].nid, LAYOUTS[_i].prefix};
	X509 *certificate = sent(
	    &(struct recipe){.common_names = {LAYOUTS[_i].common_name}, PHONE_EXTENSIONS}, P256);
	struct device_id id;

	enum device_id_reason reason = device_id_with_layout(certificate, X509_V_OK, &layout, &id);
	ck_assert_msg(reason == LAYOUTS[_i].reason, "%s: %s", LAYOUTS[_i].common_name,
	    device_id_reason_name(reason));
	if (reason == DEVICE_ID_OK)
		ck_assert_uint_eq(mac_to_uint(&id.mac), 0x001565aabbcc);
	X509_free(certificate);
}
END_TEST

START_TEST(every_reason_has_a_name)
{
	for (int i = 0; i < DEVICE_ID_REASON_COUNT; i++) {
		for (int j = 0; j < i; j++)
			ck_assert_str_ne(device_id_reason_name((enum device_id_reason)i),
			    device_id_reason_name((enum device_id_reason)j));
	}
	ck_assert_str_eq(device_id_reason_name(DEVICE_ID_NOT_CLIENT), "not_client");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("device_id");
	TCase *tests = tcase_create("device_id");

	tcase_set_timeout(tests, 60);
	tcase_add_unchecked_fixture(tests, keys_make, keys_free);
	tcase_add_loop_test(tests, a_certificate_is_judged_by_the_profile, 0, COUNT(CASES));
	tcase_add_test(tests, a_phone_is_its_mac_and_fingerprint);
	tcase_add_test(tests, nothing_is_a_phone_that_was_not_verified);
	tcase_add_test(tests, a_malformed_extension_is_refused);
	tcase_add_loop_test(tests, another_layout_says_where_the_mac_stands, 0, COUNT(LAYOUTS));
	tcase_add_test(tests, every_reason_has_a_name);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
