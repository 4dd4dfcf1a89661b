/*
 * Keys that the signer makes for phones, and stations that it renews, asked for by a front that
 * lies: no key is ever encrypted to anybody but a station that an officer made, and a renewed
 * station is a station and nothing else.
 */
#include <check.h>
#include <openssl/cms.h>
#include <stdlib.h>
#include <string.h>

#include "factory-ca/signer/ledger.h"
#include "factory-ca/signer/protocol_certify.h"
#include "tests/integration/factory-ca/signer_process.h"

static struct signer_process signer;

static void set_up(int on_token)
{
	struct statement order = test_order("KEYS", "001565000000", 64);

	process_new(&signer, on_token);
	process_hello(&signer);
	CHECK(strcmp(process_order(&signer, &order), "accepted") == 0);
}

static void der_of(X509 *certificate, struct buf *der)
{
	unsigned char *bytes = NULL;
	int len = i2d_X509(certificate, &bytes);

	CHECK(len > 0);
	buf_clear(der);
	buf_put(der, bytes, (size_t)len);
	OPENSSL_free(bytes);
}

static void put_generate(
    const char *mac, const char *station, const struct buf *recipient, struct buf *payload)
{
	struct signer_generate ask = {.order = "KEYS",
	    .station_certificate = {recipient->bytes, recipient->len},
	    .row_count = 1};

	ask.rows[0].serial_number = (struct signer_text){"SN", 2};
	ask.rows[0].key_type = KEY_TYPE_COUNT;
	CHECK(mac_parse(mac, strlen(mac), &ask.rows[0].mac) == ERR_OK);
	snprintf(ask.station, sizeof(ask.station), "%s", station);
	signer_generate_encode(payload, &ask);
}

/* Asks for a key for one MAC; the answer is the caller's. */
static void generate(
    const char *mac, const char *station, const struct buf *recipient, struct frame *answer)
{
	struct buf payload = {0};

	put_generate(mac, station, recipient, &payload);
	process_ask(&signer, SIGNER_GENERATE, &payload, answer);
	buf_free(&payload);
}

static void assert_refused(const char *station, X509 *recipient)
{
	struct frame answer = {0};
	struct signer_failed failed;
	struct buf der = {0};

	der_of(recipient, &der);
	generate("001565000020", station, &der, &answer);
	ck_assert_uint_eq(answer.type, SIGNER_FAILED);
	ck_assert_int_eq(signer_failed_decode(frame_cursor(&answer), &failed), ERR_OK);
	ck_assert_int_eq(failed.failure, SIGNER_FAILURE_STATION_NOT_ALLOWED);
	buf_free(&answer.payload);
	buf_free(&der);
}

static EVP_PKEY *decrypt(const struct signer_blob *message, X509 *certificate, EVP_PKEY *key)
{
	const unsigned char *next = message->bytes;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &next, (long)message->len);
	BIO *plain = BIO_new(BIO_s_mem());
	EVP_PKEY *found = NULL;

	ck_assert_ptr_nonnull(cms);
	if (CMS_decrypt(cms, key, certificate, NULL, plain, 0) == 1)
		found = d2i_PrivateKey_bio(plain, NULL);
	BIO_free(plain);
	CMS_ContentInfo_free(cms);
	return found;
}

START_TEST(a_key_is_the_stations_alone)
{
	struct signer_generated generated;
	struct frame answer = {0};
	struct buf der = {0}, certificate_der = {0};
	X509 *certificate;
	EVP_PKEY *key, *stranger = test_key("P-256");

	der_of(signer.station_certificate, &der);
	generate("001565000000", "line-1", &der, &answer);
	ck_assert_uint_eq(answer.type, SIGNER_GENERATED);
	ck_assert_int_eq(signer_generated_decode(frame_cursor(&answer), &generated), ERR_OK);
	ck_assert_int_eq(generated.rows[0].issued.outcome, ISSUE_ISSUED);
	buf_put(&certificate_der, generated.rows[0].issued.certificate,
	    generated.rows[0].issued.certificate_len);
	certificate = test_parse(&certificate_der);
	key = decrypt(
	    &generated.rows[0].encrypted_key, signer.station_certificate, signer.operator_key);
	ck_assert_ptr_nonnull(key);
	ck_assert_int_eq(EVP_PKEY_eq(key, X509_get0_pubkey(certificate)), 1);
	ck_assert_ptr_null(
	    decrypt(&generated.rows[0].encrypted_key, signer.station_certificate, stranger));
	EVP_PKEY_free(key);
	EVP_PKEY_free(stranger);
	X509_free(certificate);
	buf_free(&der);
	buf_free(&certificate_der);
	buf_free(&answer.payload);
}
END_TEST

START_TEST(no_other_certificate_is_a_recipient)
{
	struct keystore *other = NULL;
	char folder[TEST_PATH];
	X509 *other_ca, *forged;

	test_folder_make(folder);
	other = test_keystore(folder);
	other_ca = test_line_access(other);
	forged = test_person(
	    other, other_ca, signer.operator_key, "line-1", TEST_STATION_EKU, clock_unix_s() + 100);
	assert_refused("line-1", signer.operator_certificate);
	assert_refused("ann", signer.operator_certificate);
	assert_refused("line-2", signer.station_certificate); /* another's name */
	assert_refused("line-1", forged); /* another CA's */
	assert_refused("line-1", other_ca);
	X509_free(forged);
	X509_free(other_ca);
	keystore_free(other);
	test_folder_remove(folder);
}
END_TEST

/* NULL: refused, with a sentence. */
static X509 *renew(X509 *certificate, EVP_PKEY *key, const char *const *subject)
{
	const struct test_csr wanted = {.key = key, .subject = subject};
	struct signer_renewed renewed;
	struct frame answer = {0};
	struct buf der = {0}, csr = {0}, payload = {0}, made = {0};
	struct signer_renew ask;
	X509 *found = NULL;

	der_of(certificate, &der);
	test_csr_make(&wanted, &csr);
	ask = (struct signer_renew){{der.bytes, der.len}, {csr.bytes, csr.len}};
	signer_renew_encode(&payload, &ask);
	process_ask(&signer, SIGNER_STATION_RENEW, &payload, &answer);
	ck_assert_uint_eq(answer.type, SIGNER_STATION_RENEWED);
	ck_assert_int_eq(signer_renewed_decode(frame_cursor(&answer), &renewed), ERR_OK);
	buf_put(&made, renewed.certificate.bytes, renewed.certificate.len);
	if (made.len)
		found = test_parse(&made);
	else
		ck_assert_str_ne(renewed.detail, "");
	buf_free(&der);
	buf_free(&csr);
	buf_free(&payload);
	buf_free(&made);
	buf_free(&answer.payload);
	return found;
}

START_TEST(a_renewed_station_is_a_station_and_no_recipient_by_a_new_key)
{
	static const char *const subject[] = {"O", "Example", "CN", "line-1", NULL};
	static const char *const other[] = {"O", "Example", "CN", "line-2", NULL};
	static const char *const longer[] = {"O", "Example", "CN", "line-1", "OU", "x", NULL};
	static const char *const operators[] = {"O", "Example", "CN", "ann", NULL};
	EVP_PKEY *mine = test_key("P-256"), *rsa = test_key("2048");
	X509 *same = renew(signer.station_certificate, signer.operator_key, subject);
	X509 *fresh = renew(signer.station_certificate, mine, subject);

	ck_assert_ptr_nonnull(same);
	ck_assert_ptr_nonnull(fresh);
	ck_assert_uint_eq(X509_get_key_usage(same), KU_DIGITAL_SIGNATURE | KU_KEY_AGREEMENT);
	ck_assert_uint_eq(X509_get_key_usage(fresh), KU_DIGITAL_SIGNATURE);
	ck_assert(line_certificate_has_usage(fresh, TEST_STATION_EKU));
	ck_assert(!line_certificate_has_usage(fresh, TEST_OPERATOR_EKU));
	ck_assert_int_eq(X509_check_ca(fresh), 0);
	assert_refused("line-1", fresh);
	ck_assert_ptr_null(renew(signer.station_certificate, mine, other));
	ck_assert_ptr_null(renew(signer.station_certificate, mine, longer));
	ck_assert_ptr_null(renew(signer.station_certificate, rsa, subject));
	ck_assert_ptr_null(renew(signer.operator_certificate, mine, operators));
	X509_free(same);
	X509_free(fresh);
	EVP_PKEY_free(mine);
	EVP_PKEY_free(rsa);
}
END_TEST

/* "issued", or the code of row or request. */
static const char *generated_code(const char *mac)
{
	struct signer_generated generated;
	struct signer_failed failed;
	struct frame answer = {0};
	struct buf der = {0};
	const char *code;

	der_of(signer.station_certificate, &der);
	generate(mac, "line-1", &der, &answer);
	if (answer.type == SIGNER_FAILED) {
		ck_assert_int_eq(signer_failed_decode(frame_cursor(&answer), &failed), ERR_OK);
		code = signer_failure_code(failed.failure);
	} else {
		ck_assert_uint_eq(answer.type, SIGNER_GENERATED);
		ck_assert_int_eq(
		    signer_generated_decode(frame_cursor(&answer), &generated), ERR_OK);
		code = issue_outcome_code(generated.rows[0].issued.outcome);
	}
	buf_free(&answer.payload);
	buf_free(&der);
	return code;
}

START_TEST(a_token_that_is_away_uses_up_no_phones_keys)
{
	static const char mac[] = "001565000030";
	size_t before = process_records(&signer);
	int i;

	/* The first request loses its session in the middle: its serial is on the ledger. */
	process_tell_token(&signer, "token-is-gone");
	process_tell_token(&signer, "session-dies");
	ck_assert_str_eq(generated_code(mac), "signer_unavailable");
	ck_assert_uint_eq(process_records(&signer), before + 1);
	/* What follows, as a front repeats it, is refused before. */
	for (i = 0; i < 10; i++)
		ck_assert_str_eq(generated_code(mac), "signer_unavailable");
	ck_assert_uint_eq(process_records(&signer), before + 1);
	process_untell_token(&signer, "token-is-gone");
	/* The key that never left is none of those that a phone may have. */
	for (i = 0; i < LEDGER_SERVER_KEYS_MAX; i++)
		ck_assert_str_eq(generated_code(mac), "issued");
	ck_assert_str_eq(generated_code(mac), "mac_has_other_key");
	ck_assert_uint_eq(process_records(&signer), before + 1 + LEDGER_SERVER_KEYS_MAX);
}
END_TEST

static const unsigned types[] = {
    SIGNER_GENERATE, SIGNER_STATION_RENEW, SIGNER_OCSP_CERTIFICATE, SIGNER_CRL};

START_TEST(a_malformed_frame_costs_the_connection)
{
	struct frame answer = {0};
	struct buf payload = {0};

	buf_put_u8(&payload, 1);
	process_send(&signer, types[_i], &payload);
	ck_assert_int_eq(process_receive(&signer, &answer), 0);
	buf_free(&payload);
	close(signer.fd);
	process_connect(&signer);
	process_hello(&signer);
}
END_TEST

START_TEST(without_a_responders_key_there_is_no_responder)
{
	const struct signer_blob none = {0};
	struct signer_failed failed;
	struct frame answer = {0};
	struct buf payload = {0};

	signer_ocsp_certificate_encode(&payload, 1, &none);
	process_ask(&signer, SIGNER_OCSP_CERTIFICATE, &payload, &answer);
	ck_assert_uint_eq(answer.type, SIGNER_FAILED);
	ck_assert_int_eq(signer_failed_decode(frame_cursor(&answer), &failed), ERR_OK);
	buf_free(&payload);
	buf_free(&answer.payload);
}
END_TEST

/* --- the clock ------------------------------------------------------------------------------ */

static void put_issue(struct buf *payload)
{
	const struct fingerprint fingerprint = {{1}};
	struct buf csr = {0};
	struct signer_issue_row row;

	test_csr_of(signer.operator_key, "001565000031", "SN", &csr);
	row = test_row("001565000031", "SN", &csr);
	signer_issue_begin(payload, "KEYS", "line-1", &fingerprint);
	ck_assert_int_eq(signer_issue_add(payload, &row), ERR_OK);
	buf_free(&csr);
}

static void put_key(struct buf *payload)
{
	struct buf der = {0};

	der_of(signer.station_certificate, &der);
	put_generate("001565000032", "line-1", &der, payload);
	buf_free(&der);
}

static void put_crl(struct buf *payload)
{
	signer_crl_encode(payload, 1, 0);
}

static void put_responder(struct buf *payload)
{
	const struct signer_blob none = {0};

	signer_ocsp_certificate_encode(payload, 1, &none);
}

static void put_renewal(struct buf *payload)
{
	static const char *const subject[] = {"O", "Example", "CN", "line-1", NULL};
	const struct test_csr wanted = {.key = signer.operator_key, .subject = subject};
	struct buf der = {0}, csr = {0};
	struct signer_renew ask;

	der_of(signer.station_certificate, &der);
	test_csr_make(&wanted, &csr);
	ask = (struct signer_renew){{der.bytes, der.len}, {csr.bytes, csr.len}};
	signer_renew_encode(payload, &ask);
	buf_free(&der);
	buf_free(&csr);
}

/* Everything that puts a time into what it signs, and the answer when it does. */
static const struct {
	const char *name;
	void (*put)(struct buf *payload);
	unsigned type, answer;
} dated[] = {
    {"a certificate", put_issue, SIGNER_ISSUE, SIGNER_ISSUED},
    {"a key", put_key, SIGNER_GENERATE, SIGNER_GENERATED},
    {"a CRL", put_crl, SIGNER_CRL, SIGNER_CRL_PART},
    {"a responder's certificate", put_responder, SIGNER_OCSP_CERTIFICATE,
	SIGNER_OCSP_CERTIFICATE_IS},
    {"a station's certificate", put_renewal, SIGNER_STATION_RENEW, SIGNER_STATION_RENEWED},
};

/* Each of them is answered like that, or refused because the signer cannot do it now. */
static void assert_dated(int is_refused)
{
	struct signer_failed failed;
	struct frame answer = {0};
	size_t i;

	for (i = 0; i < sizeof(dated) / sizeof(dated[0]); i++) {
		struct buf payload = {0};

		dated[i].put(&payload);
		process_ask(&signer, dated[i].type, &payload, &answer);
		ck_assert_msg(answer.type == (is_refused ? SIGNER_FAILED : dated[i].answer),
		    "%s: answered with type %u", dated[i].name, answer.type);
		if (is_refused) {
			ck_assert_int_eq(
			    signer_failed_decode(frame_cursor(&answer), &failed), ERR_OK);
			ck_assert_int_eq(failed.failure, SIGNER_FAILURE_UNAVAILABLE);
		}
		buf_free(&payload);
	}
	buf_free(&answer.payload);
}

static void name_a_responder(void)
{
	char path[TEST_PATH];
	struct buf text = {0}, config = {0};
	BIO *pem = BIO_new(BIO_s_mem());
	char *bytes;
	long len;

	ck_assert_int_eq(PEM_write_bio_PUBKEY(pem, signer.operator_key), 1);
	len = BIO_get_mem_data(pem, &bytes);
	test_path(path, signer.folder, "ocsp.pub");
	ck_assert_int_eq(file_write(path, 0644, bytes, (size_t)len), ERR_OK);
	BIO_free(pem);
	test_path(path, signer.folder, "factory-ca.yaml");
	ck_assert_int_eq(file_read(path, 10000, &text), ERR_OK);
	buf_put_str(&config, "pki:\n  ocsp_public_key: ocsp.pub\n");
	buf_put(&config, text.bytes + strlen("pki:\n"), text.len - strlen("pki:\n"));
	ck_assert_int_eq(file_write(path, 0600, config.bytes, config.len), ERR_OK);
	buf_free(&text);
	buf_free(&config);
}

static void start_again(void)
{
	ck_assert_int_eq(process_stop(&signer, SIGTERM), 0);
	process_start(&signer);
	process_hello(&signer);
}

/* Puts a phone on the ledger as a signer does whose clock is a year and a day ahead. */
static void issue_in_a_year(void)
{
	static const uint8_t spki[SHA256_LEN] = {1};
	struct ledger_claim claim = {.order = "KEYS", .serial_number = "SN", .spki_sha256 = spki};
	char state[TEST_PATH], why[LEDGER_WHY_LEN] = "", detail[SIGNER_DETAIL_MAX + 1];
	X509 *ca = process_line_access(&signer);
	const struct ledger_config config = {
	    .folder = state, .line_access_ca = ca, .operator_eku = TEST_OPERATOR_EKU};
	struct ledger_grant grant;
	struct ledger *ledger = NULL;

	test_path(state, signer.folder, "state");
	ck_assert_int_eq(process_stop(&signer, SIGTERM), 0);
	ck_assert_msg(ledger_open(&config, &ledger, why) == ERR_OK, "%s", why);
	ck_assert_int_eq(mac_parse("001565000033", 12, &claim.mac), ERR_OK);
	ck_assert_int_eq(
	    ledger_reserve(ledger, &claim, clock_unix_s() + 366 * 86400, &grant, detail),
	    ISSUE_ISSUED);
	ck_assert_int_eq(ledger_commit(ledger), ERR_OK);
	ledger_free(ledger);
	X509_free(ca);
	process_start(&signer);
	process_hello(&signer);
}

START_TEST(a_clock_a_year_back_dates_nothing)
{
	struct statement order = test_order("LATER", "0015AA000000", 4);
	struct buf empty = {0};
	struct frame answer = {0};
	size_t records;

	name_a_responder();
	start_again();
	assert_dated(0);
	issue_in_a_year();
	ck_assert(process_log_has(&signer, "clock_behind_ledger"));
	records = process_records(&signer);
	assert_dated(1);
	ck_assert_str_eq(process_order(&signer, &order), "signer_unavailable");
	ck_assert_uint_eq(process_records(&signer), records);
	/* It is there, and says what is wrong. */
	process_ask(&signer, SIGNER_PING, &empty, &answer);
	ck_assert_uint_eq(answer.type, SIGNER_PONG);
	buf_free(&answer.payload);
}
END_TEST

/* Everything on files; on a token what a token can do. */
static int run(int on_token)
{
	Suite *suite = suite_create(on_token ? "signer_keys on a token" : "signer_keys");
	TCase *tcase = tcase_create("keys");
	SRunner *runner = srunner_create(suite);
	int failed;

	/* One signer for all, in one process: each test leaves it serving. */
	srunner_set_fork_status(runner, CK_NOFORK);
	tcase_add_test(tcase, a_key_is_the_stations_alone);
	if (on_token) {
		tcase_add_test(tcase, a_token_that_is_away_uses_up_no_phones_keys);
	} else {
		tcase_add_test(tcase, no_other_certificate_is_a_recipient);
		tcase_add_test(tcase, a_renewed_station_is_a_station_and_no_recipient_by_a_new_key);
		tcase_add_loop_test(tcase, a_malformed_frame_costs_the_connection, 0, 4);
		tcase_add_test(tcase, without_a_responders_key_there_is_no_responder);
		/* The last: its ledger is not of this time. */
		tcase_add_test(tcase, a_clock_a_year_back_dates_nothing);
	}
	suite_add_tcase(suite, tcase);
	set_up(on_token);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	if (failed)
		process_print_log(&signer);
	process_free(&signer);
	srunner_free(runner);
	return failed;
}

int main(void)
{
	int failed = run(0);

	failed += run(1);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
