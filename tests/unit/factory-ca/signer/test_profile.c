/*
 * The certificate of a phone, read back with OpenSSL's parser and held against the profile; and the
 * CAs above it, verified the way an ITSP does.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "factory-ca/signer/profile.h"
#include "tests/lib/test_factory.h"

#define CRL_URL "http://pki.example/crl/issuing-0.crl"
#define ISSUER_URL "http://pki.example/ca/issuing.cer"

static char folder[TEST_PATH];
static struct keystore *store;
static struct buf root_der, issuing_der;
static X509 *root, *issuing;
static EVP_PKEY *phone;

static void set_up(void)
{
	struct ca_request request = {.kind = CA_CERTIFICATE_ROOT,
	    .organisation = "Example",
	    .common_name = "Device Root CA",
	    .not_before_unix_s = TEST_NOW - 1000};

	test_folder_make(folder);
	store = test_keystore(folder);
	phone = test_key("P-256");
	ck_assert_int_eq(ca_certificate_make(store, &request, &root_der), ERR_OK);
	request.kind = CA_CERTIFICATE_ISSUING;
	request.common_name = "Device Issuing CA 1";
	request.crl_url = "http://pki.example/crl/root.crl";
	request.issuer_url = "http://pki.example/ca/root.cer";
	ck_assert_int_eq(oid_parse(TEST_ARC ".1.1", &request.policy), ERR_OK);
	ck_assert_int_eq(
	    certificate_subject(root_der.bytes, root_der.len, &request.issuer, &request.issuer_len),
	    ERR_OK);
	ck_assert_int_eq(ca_certificate_make(store, &request, &issuing_der), ERR_OK);
	root = test_parse(&root_der);
	issuing = test_parse(&issuing_der);
}

static void tear_down(void)
{
	X509_free(root);
	X509_free(issuing);
	EVP_PKEY_free(phone);
	buf_free(&root_der);
	buf_free(&issuing_der);
	keystore_free(store);
	test_folder_remove(folder);
}

static struct profile make_profile(void)
{
	struct profile profile = {.organisation = "Example",
	    .issuer_algorithm = CA_ALGORITHM_P256,
	    .crl_url = CRL_URL,
	    .issuer_url = ISSUER_URL,
	    .ocsp_url = "http://pki.example/ocsp"};

	ck_assert_int_eq(oid_parse(TEST_ARC ".1.1", &profile.policy), ERR_OK);
	ck_assert_int_eq(oid_parse(TEST_ARC ".3.1", &profile.hardware_type), ERR_OK);
	ck_assert_int_eq(certificate_subject(issuing_der.bytes, issuing_der.len, &profile.issuer,
			     &profile.issuer_len),
	    ERR_OK);
	memcpy(profile.issuer_key_id, ASN1_STRING_get0_data(X509_get0_subject_key_id(issuing)),
	    X509_KEY_ID_LEN);
	return profile;
}

static void put_phone(struct buf *der, EVP_PKEY *key, enum certificate_profile kind)
{
	const struct profile profile = make_profile();
	struct profile_device device = {.kind = kind,
	    .model = "T1",
	    .serial_number = "SN-0001",
	    .mac = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}},
	    .serial = {0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	    .not_before_unix_s = TEST_NOW};
	struct buf spki = {0}, tbs = {0}, again = {0};

	test_spki(key, &spki);
	device.spki = spki.bytes;
	device.spki_len = spki.len;
	ck_assert_int_eq(profile_put_tbs(&tbs, &profile, &device), ERR_OK);
	ck_assert_int_eq(profile_put_tbs(&again, &profile, &device), ERR_OK);
	ck_assert_uint_eq(tbs.len, again.len);
	ck_assert_mem_eq(tbs.bytes, again.bytes, tbs.len);
	ck_assert_int_eq(x509_sign(store, CA_KEY_ISSUING, &tbs, der), ERR_OK);
	buf_free(&spki);
	buf_free(&tbs);
	buf_free(&again);
}

static void print_extension(X509_EXTENSION *extension, char *text, size_t text_len)
{
	BIO *bio = BIO_new(BIO_s_mem());
	int len;

	ck_assert_int_eq(X509V3_EXT_print(bio, extension, 0, 0), 1);
	len = BIO_read(bio, text, (int)text_len - 1);
	text[len > 0 ? len : 0] = '\0';
	BIO_free(bio);
}

/* The extensions in their order, whether critical, and a part of what OpenSSL prints of them. */
static const struct {
	int nid, critical;
	const char *text;
} extensions[] = {
    {NID_basic_constraints, 1, "CA:FALSE"},
    {NID_key_usage, 1, "Digital Signature"},
    {NID_ext_key_usage, 0, "TLS Web Client Authentication"},
    {NID_subject_key_identifier, 0, ":"},
    {NID_authority_key_identifier, 0, ":"},
    {NID_certificate_policies, 0, "Policy: " TEST_ARC ".1.1"},
    {NID_crl_distribution_points, 0, "URI:" CRL_URL},
    {NID_info_access, 0, "CA Issuers - URI:" ISSUER_URL "\nOCSP - URI:http://pki.example/ocsp"},
    {NID_subject_alt_name, 0, "URI:urn:dev:mac:001565fffeaabbcc"},
};
enum { EXTENSION_COUNT = sizeof(extensions) / sizeof(extensions[0]) };

START_TEST(every_field_is_as_the_profile_says)
{
	struct buf der = {0};
	char text[1024];
	X509 *certificate;
	BIGNUM *serial;
	int i;

	put_phone(&der, phone, CERTIFICATE_DEVICE_1);
	certificate = test_parse(&der);
	ck_assert_int_eq(X509_get_version(certificate), 2);
	serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
	ck_assert_int_eq(BN_num_bytes(serial), 16);
	ck_assert(!BN_is_negative(serial));
	BN_free(serial);
	ck_assert_int_eq(X509_get_signature_nid(certificate), NID_ecdsa_with_SHA256);
	X509_NAME_oneline(X509_get_subject_name(certificate), text, sizeof(text));
	ck_assert_str_eq(text, "/O=Example/OU=T1/serialNumber=SN-0001/CN=001565AABBCC");
	ck_assert_int_eq(
	    X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuing)), 0);
	ck_assert_str_eq(
	    (const char *)ASN1_STRING_get0_data(X509_get0_notBefore(certificate)), "270115080000Z");
	ck_assert_str_eq((const char *)ASN1_STRING_get0_data(X509_get0_notAfter(certificate)),
	    "99991231235959Z");
	ck_assert_int_eq(EVP_PKEY_eq(X509_get0_pubkey(certificate), phone), 1);
	ck_assert_int_eq(X509_get_ext_count(certificate), EXTENSION_COUNT);
	for (i = 0; i < EXTENSION_COUNT; i++) {
		X509_EXTENSION *extension = X509_get_ext(certificate, i);

		ck_assert_int_eq(
		    OBJ_obj2nid(X509_EXTENSION_get_object(extension)), extensions[i].nid);
		ck_assert_int_eq(X509_EXTENSION_get_critical(extension), extensions[i].critical);
		print_extension(extension, text, sizeof(text));
		ck_assert_msg(strstr(text, extensions[i].text) != NULL, "%d: %s", i, text);
	}
	ck_assert_uint_lt(der.len, 900);
	X509_free(certificate);
	buf_free(&der);
}
END_TEST

START_TEST(the_other_names_hold_serial_number_and_mac)
{
	static const uint8_t mac[] = {0x04, 0x06, 0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc};
	struct buf der = {0};
	GENERAL_NAMES *names;
	GENERAL_NAME *name;
	X509 *certificate;
	char oid[64];

	put_phone(&der, phone, CERTIFICATE_DEVICE_1);
	certificate = test_parse(&der);
	names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	ck_assert_int_eq(sk_GENERAL_NAME_num(names), 3);
	name = sk_GENERAL_NAME_value(names, 0);
	OBJ_obj2txt(oid, sizeof(oid), name->d.otherName->type_id, 1);
	ck_assert_str_eq(oid, "1.3.6.1.5.5.7.8.4");
	ck_assert_ptr_nonnull(memmem(name->d.otherName->value->value.sequence->data,
	    (size_t)name->d.otherName->value->value.sequence->length, "SN-0001", 7));
	name = sk_GENERAL_NAME_value(names, 1);
	OBJ_obj2txt(oid, sizeof(oid), name->d.otherName->type_id, 1);
	ck_assert_str_eq(oid, "1.3.6.1.5.5.7.8.12");
	ck_assert_int_eq(name->d.otherName->value->type, V_ASN1_OCTET_STRING);
	ck_assert_mem_eq(
	    name->d.otherName->value->value.octet_string->data, mac + 2, sizeof(mac) - 2);
	GENERAL_NAMES_free(names);
	X509_free(certificate);
	buf_free(&der);
}
END_TEST

START_TEST(the_compatible_profile_has_no_other_names)
{
	struct buf der = {0};
	GENERAL_NAMES *names;
	X509 *certificate;

	put_phone(&der, phone, CERTIFICATE_DEVICE_1_COMPAT);
	certificate = test_parse(&der);
	ck_assert_int_eq(X509_get_ext_count(certificate), EXTENSION_COUNT);
	names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	ck_assert_int_eq(sk_GENERAL_NAME_num(names), 1);
	ck_assert_int_eq(sk_GENERAL_NAME_value(names, 0)->type, GEN_URI);
	GENERAL_NAMES_free(names);
	X509_free(certificate);
	buf_free(&der);
}
END_TEST

static const struct {
	const char *key;
	uint32_t usage;
} encrypted_to[] = {
    {"P-256", KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT},
    {"P-384", KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT},
    {"2048", KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT},
};

START_TEST(a_key_that_answers_are_encrypted_to_says_so)
{
	EVP_PKEY *key = test_key(encrypted_to[_i].key);
	struct buf der = {0}, plain = {0};
	X509 *certificate;

	put_phone(&der, key, CERTIFICATE_DEVICE_1_ENCRYPT);
	certificate = test_parse(&der);
	ck_assert_uint_eq(X509_get_key_usage(certificate), encrypted_to[_i].usage);
	ck_assert_int_eq(X509_get_ext_count(certificate), EXTENSION_COUNT);
	X509_free(certificate);
	put_phone(&plain, key, CERTIFICATE_DEVICE_1);
	certificate = test_parse(&plain);
	ck_assert_uint_eq(X509_get_key_usage(certificate), KU_DIGITAL_SIGNATURE);
	X509_free(certificate);
	EVP_PKEY_free(key);
	buf_free(&der);
	buf_free(&plain);
}
END_TEST

/* As an ITSP verifies: strictly, for a client, with CRLs of the whole chain. */
static int verify(X509 *certificate, X509_CRL *root_crl, X509_CRL *issuing_crl, int *error)
{
	X509_STORE *trust = X509_STORE_new();
	X509_STORE_CTX *context = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	int ok;

	X509_STORE_add_cert(trust, root);
	if (root_crl)
		X509_STORE_add_crl(trust, root_crl);
	if (issuing_crl)
		X509_STORE_add_crl(trust, issuing_crl);
	sk_X509_push(chain, issuing);
	X509_STORE_CTX_init(context, trust, certificate, chain);
	X509_STORE_CTX_set_flags(
	    context, X509_V_FLAG_X509_STRICT | X509_V_FLAG_POLICY_CHECK |
			 (root_crl ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0));
	X509_STORE_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT);
	X509_STORE_CTX_set_time(context, 0, (time_t)TEST_NOW + 10);
	ok = X509_verify_cert(context);
	*error = X509_STORE_CTX_get_error(context);
	X509_STORE_CTX_free(context);
	X509_STORE_free(trust);
	sk_X509_free(chain);
	return ok == 1;
}

static X509_CRL *make_crl(enum ca_key key, const struct buf *ca, const uint8_t *revoked)
{
	struct crl_entry entry = {.revoked_unix_s = TEST_NOW, .reason = 1};
	struct crl_request request = {.key = key,
	    .number = 1800000000,
	    .this_update_unix_s = TEST_NOW,
	    .next_update_unix_s = TEST_NOW + 1000};
	const unsigned char *next;
	struct buf der = {0};
	X509_CRL *crl;

	ck_assert_int_eq(
	    certificate_subject(ca->bytes, ca->len, &request.issuer, &request.issuer_len), ERR_OK);
	if (revoked) {
		memcpy(entry.serial, revoked, X509_SERIAL_LEN);
		request.entries = &entry;
		request.entry_count = 1;
	}
	ck_assert_int_eq(crl_make(store, &request, &der), ERR_OK);
	next = der.bytes;
	crl = d2i_X509_CRL(NULL, &next, (long)der.len);
	ck_assert_ptr_nonnull(crl);
	buf_free(&der);
	return crl;
}

static const char *const phones[] = {"P-256", "P-384", "2048", "3072"};

START_TEST(a_strict_verifier_takes_it_and_sees_its_revocation)
{
	static const uint8_t serial[] = {0x40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	EVP_PKEY *key = test_key(phones[_i]);
	X509_CRL *root_crl = make_crl(CA_KEY_ROOT, &root_der, NULL);
	X509_CRL *empty = make_crl(CA_KEY_ISSUING, &issuing_der, NULL);
	X509_CRL *revoking = make_crl(CA_KEY_ISSUING, &issuing_der, serial);
	struct buf der = {0};
	X509 *certificate;
	int error = 0;

	put_phone(&der, key, CERTIFICATE_DEVICE_1);
	certificate = test_parse(&der);
	ck_assert_msg(
	    verify(certificate, NULL, NULL, &error), "%s", X509_verify_cert_error_string(error));
	ck_assert_msg(verify(certificate, root_crl, empty, &error), "%s",
	    X509_verify_cert_error_string(error));
	ck_assert(!verify(certificate, root_crl, revoking, &error));
	ck_assert_int_eq(error, X509_V_ERR_CERT_REVOKED);
	X509_free(certificate);
	X509_CRL_free(root_crl);
	X509_CRL_free(empty);
	X509_CRL_free(revoking);
	EVP_PKEY_free(key);
	buf_free(&der);
}
END_TEST

START_TEST(stations_do_not_chain_to_the_devices_root)
{
	X509 *ca = test_line_access(store);
	X509 *station = test_person(store, ca, phone, "line-1", TEST_STATION_EKU, TEST_NOW + 1000);
	char name[128];
	int error = 0;

	ck_assert(!verify(station, NULL, NULL, &error));
	ck_assert_int_eq(X509_check_issued(ca, station), X509_V_OK);
	ck_assert_int_eq(X509_check_purpose(ca, X509_PURPOSE_SSL_CLIENT, 1), 1);
	ck_assert_int_eq(X509_check_purpose(station, X509_PURPOSE_SSL_CLIENT, 0), 1);
	ck_assert_int_eq(X509_check_purpose(station, X509_PURPOSE_SSL_SERVER, 0), 0);
	X509_NAME_oneline(X509_get_subject_name(station), name, sizeof(name));
	ck_assert_str_eq(name, "/O=Example/CN=line-1");
	X509_free(station);
	X509_free(ca);
}
END_TEST

START_TEST(cas_have_the_constraints_of_their_rank)
{
	char text[256];
	int i, nid;

	ck_assert_int_eq(X509_get_pathlen(root), -1);
	ck_assert_int_eq(X509_get_pathlen(issuing), 0);
	ck_assert_uint_eq(X509_get_key_usage(root), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	ck_assert_uint_eq(X509_get_extended_key_usage(root), UINT32_MAX);
	ck_assert_uint_eq(X509_get_extended_key_usage(issuing), XKU_SSL_CLIENT | XKU_OCSP_SIGN);
	ck_assert_int_eq(X509_self_signed(root, 1), 1);
	ck_assert_int_eq(X509_get_signature_nid(root), NID_ecdsa_with_SHA384);
	for (i = 0; i < X509_get_ext_count(issuing); i++) {
		nid = OBJ_obj2nid(X509_EXTENSION_get_object(X509_get_ext(issuing, i)));
		ck_assert_int_ne(nid, NID_name_constraints);
	}
	print_extension(X509_get_ext(issuing, X509_get_ext_by_NID(issuing, NID_info_access, -1)),
	    text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "root.cer"));
	ck_assert_ptr_null(strstr(text, "OCSP"));
}
END_TEST

START_TEST(names_that_a_regular_expression_would_misread_are_refused)
{
	static const char *const bad[] = {
	    "", " x", "x ", "a,b", "a/b", "a+b", "a\\b", "O=x", "\xc3\xa9", "a\nb"};
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!profile_name_is_valid(bad[i]), "%s", bad[i]);
	ck_assert(profile_name_is_valid("Example Phones (EU) Ltd."));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("profile");
	TCase *tcase = tcase_create("profile");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_unchecked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, every_field_is_as_the_profile_says);
	tcase_add_test(tcase, the_other_names_hold_serial_number_and_mac);
	tcase_add_test(tcase, the_compatible_profile_has_no_other_names);
	tcase_add_loop_test(tcase, a_key_that_answers_are_encrypted_to_says_so, 0,
	    sizeof(encrypted_to) / sizeof(encrypted_to[0]));
	tcase_add_loop_test(tcase, a_strict_verifier_takes_it_and_sees_its_revocation, 0, 4);
	tcase_add_test(tcase, stations_do_not_chain_to_the_devices_root);
	tcase_add_test(tcase, cas_have_the_constraints_of_their_rank);
	tcase_add_test(tcase, names_that_a_regular_expression_would_misread_are_refused);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
