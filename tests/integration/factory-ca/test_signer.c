/*
 * The real signer behind its real socket, and a front that lies: whatever it asks, nothing is
 * signed but phones, inside orders that operators signed.
 */
#include <check.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "tests/integration/factory-ca/signer_process.h"

static struct signer_process signer;
static EVP_PKEY *phone, *other_phone;
static unsigned orders;

static void set_up(int on_token)
{
	process_new(&signer, on_token);
	orders = 0;
	process_hello(&signer);
	phone = test_key("P-256");
	other_phone = test_key("P-256");
}

static void tear_down(void)
{
	EVP_PKEY_free(phone);
	EVP_PKEY_free(other_phone);
	process_free(&signer);
}

/* Opens an order of 16 phones that no other has, of a fresh first MAC; returns its reference. */
static const char *new_order(char first_mac[MAC_TEXT_LEN + 1])
{
	static char reference[32];
	struct statement statement;

	orders++;
	snprintf(reference, sizeof(reference), "PO-%u", orders);
	snprintf(first_mac, MAC_TEXT_LEN + 1, "001565%04X00", orders);
	statement = test_order(reference, first_mac, 16);
	ck_assert_str_eq(process_order(&signer, &statement), "accepted");
	return reference;
}

static const char *issue_key(
    const char *order, const char *mac, EVP_PKEY *key, struct outcome *outcome)
{
	struct buf csr = {0};
	struct signer_issue_row row;

	test_csr_of(key, mac, "SN-1", &csr);
	row = test_row(mac, "SN-1", &csr);
	process_issue(&signer, order, "line-1", &row, outcome);
	buf_free(&csr);
	return outcome->code;
}

static const char *code_of(const char *order, const char *mac, EVP_PKEY *key)
{
	struct outcome outcome;
	const char *code = issue_key(order, mac, key, &outcome);

	outcome_free(&outcome);
	return code;
}

/* The certificate through the verifiers that ITSPs use. */
static void assert_verifies(const struct buf *der)
{
	X509 *certificate = test_parse(der);
	char path[TEST_PATH], command[4 * TEST_PATH];
	FILE *file;

	test_path(path, signer.folder, "phone.pem");
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(PEM_write_X509(file, certificate), 1);
	fclose(file);
	snprintf(command, sizeof(command),
	    "cd %s && openssl verify -x509_strict -purpose sslclient -crl_check_all -CRLfile "
	    "published/crls.pem -CAfile published/root.pem -untrusted published/issuing.pem "
	    "phone.pem >> log 2>&1",
	    signer.folder);
	ck_assert_int_eq(system(command), 0);
	snprintf(command, sizeof(command),
	    "cd %s && cat phone.pem published/issuing.pem > with-chain.pem && certtool --verify "
	    "--load-ca-certificate published/root.pem --infile with-chain.pem >> log 2>&1",
	    signer.folder);
	ck_assert_int_eq(system(command), 0);
	X509_free(certificate);
}

static const char *const kinds[] = {"P-256", "2048"};

START_TEST(a_phone_gets_its_certificate_and_the_same_again)
{
	EVP_PKEY *key = test_key(kinds[_i]);
	char mac[MAC_TEXT_LEN + 1];
	const char *order = new_order(mac);
	struct outcome first, second;
	X509 *a, *b;

	ck_assert_str_eq(issue_key(order, mac, key, &first), "issued");
	assert_verifies(&first.certificate);
	ck_assert_str_eq(issue_key(order, mac, key, &second), "existing");
	ck_assert_mem_eq(first.row.serial, second.row.serial, SIGNER_SERIAL_LEN);
	a = test_parse(&first.certificate);
	b = test_parse(&second.certificate);
	ck_assert_int_eq(ASN1_TIME_compare(X509_get0_notBefore(a), X509_get0_notBefore(b)), 0);
	ck_assert_int_eq(EVP_PKEY_eq(X509_get0_pubkey(a), key), 1);
	X509_free(a);
	X509_free(b);
	outcome_free(&first);
	outcome_free(&second);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(the_rows_rules_hold)
{
	char mac[MAC_TEXT_LEN + 1], second[MAC_TEXT_LEN + 1], outside[MAC_TEXT_LEN + 1];
	const char *order = new_order(mac);
	EVP_PKEY *p384 = test_key("P-384"), *small = test_key("1024");
	struct outcome outcome;
	struct signer_issue_row row;
	struct buf csr = {0};

	snprintf(second, sizeof(second), "%.11s1", mac);
	snprintf(outside, sizeof(outside), "%.10s10", mac);
	ck_assert_str_eq(code_of(order, mac, phone), "issued");
	ck_assert_str_eq(code_of(order, mac, other_phone), "mac_has_other_key");
	ck_assert_str_eq(code_of(order, second, phone), "key_reused");
	ck_assert_str_eq(code_of(order, outside, other_phone), "out_of_range");
	ck_assert_str_eq(code_of(order, second, p384), "weak_key"); /* not in the order */
	ck_assert_str_eq(code_of(order, second, small), "weak_key");
	ck_assert_str_eq(code_of("NO-SUCH", second, other_phone), "unknown_order");
	/* A row whose CSR is for another phone, by MAC or by serial number. */
	test_csr_of(other_phone, second, "SN-1", &csr);
	row = test_row(mac, "SN-1", &csr);
	process_issue(&signer, order, "line-1", &row, &outcome);
	ck_assert_str_eq(outcome.code, "bad_csr");
	row = test_row(second, "SN-2", &csr);
	process_issue(&signer, order, "line-1", &row, &outcome);
	ck_assert_str_eq(outcome.code, "bad_csr");
	row = test_row(second, "SN/CN=x", &csr);
	process_issue(&signer, order, "line-1", &row, &outcome);
	ck_assert_str_eq(outcome.code, "bad_row");
	csr.bytes[csr.len - 1] ^= 1;
	row = test_row(second, "SN-1", &csr);
	process_issue(&signer, order, "line-1", &row, &outcome);
	ck_assert_str_eq(outcome.code, "bad_csr");
	ck_assert_uint_gt(outcome.row.detail.len, 0);
	ck_assert_str_eq(code_of(order, second, other_phone), "issued");
	buf_free(&csr);
	EVP_PKEY_free(p384);
	EVP_PKEY_free(small);
}
END_TEST

START_TEST(it_never_signs_a_ca_or_a_name_that_was_asked_for)
{
	char mac[MAC_TEXT_LEN + 1], text[256];
	const char *order = new_order(mac);
	const char *subject[] = {
	    "O", "Evil", "OU", "Root", "CN", mac, "serialNumber", "SN-1", NULL};
	EVP_PKEY *key = test_key("P-256");
	const struct test_csr wanted = {.key = key, .subject = subject, .with_extensions = 1};
	struct outcome outcome;
	struct signer_issue_row row;
	struct buf csr = {0};
	X509 *certificate;

	test_csr_make(&wanted, &csr);
	row = test_row(mac, "SN-1", &csr);
	process_issue(&signer, order, "line-1", &row, &outcome);
	ck_assert_str_eq(outcome.code, "issued");
	certificate = test_parse(&outcome.certificate);
	ck_assert_int_eq(X509_check_ca(certificate), 0);
	X509_NAME_oneline(X509_get_subject_name(certificate), text, sizeof(text));
	ck_assert_ptr_null(strstr(text, "Evil"));
	ck_assert_ptr_nonnull(strstr(text, "/O=Example/OU=T1/serialNumber=SN-1/CN="));
	ck_assert_ptr_null(
	    memmem(outcome.certificate.bytes, outcome.certificate.len, "evil.example", 12));
	assert_verifies(&outcome.certificate);
	X509_free(certificate);
	outcome_free(&outcome);
	buf_free(&csr);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(only_an_operators_signature_opens_an_order)
{
	struct statement statement = test_order("FORGED", "0015AA000000", 16);
	struct signed_statement made = {0};
	char why[300];

	ck_assert_int_eq(statement_sign(&statement, signer.station_certificate, signer.operator_key,
			     &made, why, sizeof(why)),
	    ERR_OK);
	ck_assert_str_eq(process_statement(&signer, &made), "bad_signature");
	signed_statement_free(&made);
	ck_assert_int_eq(statement_sign(&statement, signer.operator_certificate,
			     signer.operator_key, &made, why, sizeof(why)),
	    ERR_OK);
	made.text.bytes[made.text.len - 2] = 'x'; /* stations: anx */
	ck_assert_str_eq(process_statement(&signer, &made), "bad_signature");
	signed_statement_free(&made);
	ck_assert_str_eq(code_of("FORGED", "0015AA000000", other_phone), "unknown_order");
}
END_TEST

START_TEST(orders_name_their_stations_and_close)
{
	struct statement statement = test_order("FOR-LINE-2", "0015BB000000", 16);
	struct statement closing = {.type = STATEMENT_ORDER_CLOSE};
	EVP_PKEY *key = test_key("P-256"), *late = test_key("P-256");
	char mac[MAC_TEXT_LEN + 1];
	const char *order;

	strcpy(statement.order.stations[0], "line-2");
	statement.order.station_count = 1;
	ck_assert_str_eq(process_order(&signer, &statement), "accepted");
	ck_assert_str_eq(process_order(&signer, &statement), "existing");
	ck_assert_str_eq(code_of("FOR-LINE-2", "0015BB000000", key), "station_not_allowed");
	order = new_order(mac);
	ck_assert_str_eq(code_of(order, mac, key), "issued");
	strcpy(closing.order.reference, order);
	ck_assert_str_eq(process_order(&signer, &closing), "accepted");
	ck_assert_str_eq(code_of(order, mac, key), "existing");
	mac[MAC_TEXT_LEN - 1] = '1';
	ck_assert_str_eq(code_of(order, mac, late), "order_closed");
	EVP_PKEY_free(key);
	EVP_PKEY_free(late);
}
END_TEST

START_TEST(a_full_frame_is_answered_in_order)
{
	const struct fingerprint fingerprint = {{1}};
	struct statement statement = test_order("BULK", "0015CC000000", 64);
	struct signer_issued issued;
	struct buf payload = {0}, csr = {0};
	struct frame answer = {0};
	char mac[MAC_TEXT_LEN + 1];
	unsigned i, seen = 0;

	ck_assert_str_eq(process_order(&signer, &statement), "accepted");
	signer_issue_begin(&payload, "BULK", "line-1", &fingerprint);
	for (i = 0; i < SIGNER_ROWS_MAX; i++) {
		EVP_PKEY *key = test_key("P-256");
		struct signer_issue_row row;

		snprintf(mac, sizeof(mac), "0015CC0000%02X", i);
		test_csr_of(key, mac, "SN-1", &csr);
		row = test_row(mac, "SN-1", &csr);
		ck_assert_int_eq(signer_issue_add(&payload, &row), ERR_OK);
		EVP_PKEY_free(key);
	}
	process_send(&signer, SIGNER_ISSUE, &payload);
	do {
		ck_assert(process_receive(&signer, &answer));
		ck_assert_uint_eq(answer.type, SIGNER_ISSUED);
		ck_assert_int_eq(signer_issued_decode(frame_cursor(&answer), &issued), ERR_OK);
		for (i = 0; i < issued.row_count; i++) {
			ck_assert_int_eq(issued.rows[i].outcome, ISSUE_ISSUED);
			ck_assert_uint_eq(issued.rows[i].mac.octets[5], seen++);
		}
	} while (!issued.last);
	ck_assert_uint_eq(seen, SIGNER_ROWS_MAX);
	buf_free(&payload);
	buf_free(&csr);
	buf_free(&answer.payload);
}
END_TEST

START_TEST(claim_codes_are_for_phones_of_orders_and_never_change)
{
	char first_mac[MAC_TEXT_LEN + 1];
	struct signer_claim_codes codes = {.row_count = 3};
	struct signer_claim_texts texts;
	struct claim_code code;
	struct buf payload = {0};
	struct frame answer = {0};
	struct outcome outcome;
	const char *order = new_order(first_mac);
	EVP_PKEY *key = test_key("P-256");

	ck_assert_str_eq(issue_key(order, first_mac, key, &outcome), "issued");
	codes.rows[0].mac = codes.rows[1].mac = outcome.row.mac;
	codes.rows[1].epoch = 1;
	codes.rows[2].mac.octets[0] = 0x02; /* no order's */
	signer_claim_codes_encode(&payload, &codes);
	process_ask(&signer, SIGNER_CLAIM_CODES, &payload, &answer);
	ck_assert_uint_eq(answer.type, SIGNER_CLAIM_CODE_TEXTS);
	ck_assert_int_eq(signer_claim_texts_decode(frame_cursor(&answer), &texts), ERR_OK);
	ck_assert(texts.rows[0].known && texts.rows[1].known && !texts.rows[2].known);
	ck_assert_int_eq(
	    claim_code_parse(texts.rows[0].text, strlen(texts.rows[0].text), &code), ERR_OK);
	ck_assert_str_ne(texts.rows[0].text, texts.rows[1].text);
	ck_assert_mem_eq(texts.rows[0].hash, outcome.row.claim_code_hash, SHA256_LEN);
	ck_assert_uint_eq(outcome.row.claim_code_epoch, 0);
	outcome_free(&outcome);
	buf_free(&payload);
	buf_free(&answer.payload);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_crl_can_be_had)
{
	struct buf ask = {0}, crl = {0};
	struct signer_crl_part part = {0};
	struct frame answer = {0};
	const unsigned char *next;
	X509_CRL *parsed;

	signer_crl_encode(&ask, 1, 0);
	process_send(&signer, SIGNER_CRL, &ask);
	buf_free(&ask);
	do {
		ck_assert(process_receive(&signer, &answer));
		ck_assert_uint_eq(answer.type, SIGNER_CRL_PART);
		ck_assert_int_eq(signer_crl_part_decode(frame_cursor(&answer), &part), ERR_OK);
		buf_put(&crl, part.bytes, part.len);
	} while (!part.last);
	next = crl.bytes;
	parsed = d2i_X509_CRL(NULL, &next, (long)crl.len);
	ck_assert_ptr_nonnull(parsed);
	X509_CRL_free(parsed);
	buf_free(&crl);
	buf_free(&answer.payload);
}
END_TEST

/* What a front that was taken over may send; each must cost it the connection, and nobody else. */
static const struct {
	const char *name;
	unsigned type;
	const char *payload;
	size_t len;
} malformed[] = {
    {"no such type", 99, "", 0},
    {"an answer's type", SIGNER_ISSUED, "\0\1", 2},
    {"type 0", 0, "", 0},
    {"an empty issue", SIGNER_ISSUE, "", 0},
    {"rows that are not there", SIGNER_ISSUE, "\x40\x01X\x01Y", 5},
    {"no rows", SIGNER_ISSUE, "\0\x01X\x01Y", 5},
    {"a statement of noise", SIGNER_STATEMENT, "\0\1a\0\1b", 6},
    {"a ping with something in it", SIGNER_PING, "x", 1},
    {"an order with a newline", SIGNER_ORDER_STATE, "\2a\n", 3},
    {"a CRL with something in it", SIGNER_CRL, "please sign this", 16},
    {"a CRL of no generation", SIGNER_CRL, "\0\0\0\0\0\0\0\0\0", 9},
    {"a CRL of a generation that there is not", SIGNER_CRL, "\2\0\0\0\0\0\0\0\0", 9},
    {"a CRL of a generation past the last", SIGNER_CRL, "\xff\0\0\0\0\0\0\0\0", 9},
    {"an unknown version", SIGNER_HELLO, "\xff\xff", 2},
};

static void assert_dropped_and_others_served(const char *what)
{
	struct buf empty = {0};
	struct frame answer = {0};

	ck_assert_msg(!process_receive(&signer, &answer), "%s was answered", what);
	ck_assert_msg(process_log_has(&signer, "ipc_peer_killed"), "%s left no trace", what);
	process_connect(&signer);
	process_hello(&signer);
	process_ask(&signer, SIGNER_PING, &empty, &answer);
	ck_assert_uint_eq(answer.type, SIGNER_PONG);
	buf_free(&answer.payload);
}

START_TEST(a_malformed_frame_costs_the_connection)
{
	struct buf payload = {0};

	buf_put(&payload, malformed[_i].payload, malformed[_i].len);
	process_send(&signer, malformed[_i].type, &payload);
	assert_dropped_and_others_served(malformed[_i].name);
	buf_free(&payload);
}
END_TEST

/* Greeted again where the last frame cost the connection. */
static void assert_still_serves(void)
{
	process_connect(&signer);
	process_hello(&signer);
}

START_TEST(no_request_signs_a_digest)
{
	static const uint8_t digest[48] = {0x9f, 0x86, 0xd0, 0x81, 0x88, 0x4c, 0x7d, 0x65};
	static const size_t lens[] = {20, 32, 48};
	struct frame answer = {0};
	unsigned type;
	size_t i;

	/* Whatever the number of the request: a digest in its place is no request. */
	for (type = 0; type < 128; type++) {
		for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
			struct buf payload = {0};

			buf_put(&payload, digest, lens[i]);
			process_send(&signer, type, &payload);
			ck_assert_msg(
			    !process_receive(&signer, &answer) || answer.type == SIGNER_FAILED,
			    "type %u answered a digest with type %u", type, answer.type);
			assert_still_serves();
			buf_free(&payload);
		}
	}
	buf_free(&answer.payload);
}
END_TEST

/* What a certificate must be whatever was asked for. */
static void assert_is_phone_of(
    const struct signer_issued_row *row, const char *first_mac, EVP_PKEY *key)
{
	struct buf der = {0};
	char cn[64] = "", organisation[64] = "";
	X509 *certificate;
	X509_NAME *subject;

	buf_put(&der, row->certificate, row->certificate_len);
	certificate = test_parse(&der);
	subject = X509_get_subject_name(certificate);
	ck_assert_int_eq(X509_check_ca(certificate), 0);
	ck_assert_int_gt(X509_NAME_get_text_by_NID(subject, NID_commonName, cn, sizeof(cn)), 0);
	ck_assert_int_gt(X509_NAME_get_text_by_NID(
			     subject, NID_organizationName, organisation, sizeof(organisation)),
	    0);
	ck_assert_str_eq(organisation, "Example");
	ck_assert_msg(strncmp(cn, first_mac, MAC_TEXT_LEN - 1) == 0, "signed for %s", cn);
	ck_assert_int_eq(EVP_PKEY_eq(X509_get0_pubkey(certificate), key), 1);
	ck_assert_uint_eq(X509_get_extended_key_usage(certificate), XKU_SSL_CLIENT);
	X509_free(certificate);
	buf_free(&der);
}

START_TEST(whatever_is_changed_in_a_request_a_phone_of_the_order_comes_out)
{
	enum { CHANGES = 1500 };
	const struct fingerprint fingerprint = {{1}};
	char first_mac[MAC_TEXT_LEN + 1];
	const char *order = new_order(first_mac);
	EVP_PKEY *key = test_key("P-256");
	struct buf payload = {0}, csr = {0}, changed = {0};
	struct frame answer = {0};
	struct signer_issued issued;
	struct signer_issue_row row;
	unsigned seed = 4711, i, successes = 0;

	test_csr_of(key, first_mac, "SN-1", &csr);
	row = test_row(first_mac, "SN-1", &csr);
	signer_issue_begin(&payload, order, "line-1", &fingerprint);
	ck_assert_int_eq(signer_issue_add(&payload, &row), ERR_OK);
	for (i = 0; i < CHANGES; i++) {
		unsigned at = (unsigned)rand_r(&seed) % (unsigned)payload.len;

		buf_clear(&changed);
		buf_put(&changed, payload.bytes, payload.len);
		changed.bytes[at] ^= (uint8_t)(1U << (unsigned)rand_r(&seed) % 8);
		process_send(&signer, SIGNER_ISSUE, &changed);
		if (!process_receive(&signer, &answer)) {
			assert_still_serves();
			continue;
		}
		if (answer.type == SIGNER_FAILED)
			continue;
		ck_assert_uint_eq(answer.type, SIGNER_ISSUED);
		ck_assert_int_eq(signer_issued_decode(frame_cursor(&answer), &issued), ERR_OK);
		ck_assert_uint_eq(issued.row_count, 1);
		if (!issue_outcome_is_success(issued.rows[0].outcome))
			continue;
		successes++;
		assert_is_phone_of(&issued.rows[0], first_mac, key);
	}
	/* Where it was the station's certificate, which is for the log, that was changed. */
	ck_assert_uint_gt(successes, 0);
	buf_free(&payload);
	buf_free(&changed);
	buf_free(&csr);
	buf_free(&answer.payload);
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(an_order_is_never_overdrawn)
{
	struct statement statement = test_order("THREE", "0015DD000000", 3);
	char mac[MAC_TEXT_LEN + 1];
	struct outcome outcome;
	int i, issued = 0;

	ck_assert_str_eq(process_order(&signer, &statement), "accepted");
	for (i = 0; i < 8; i++) {
		EVP_PKEY *key = test_key("P-256");

		snprintf(mac, sizeof(mac), "0015DD00000%d", i);
		issued += strcmp(issue_key("THREE", mac, key, &outcome), "issued") == 0;
		outcome_free(&outcome);
		EVP_PKEY_free(key);
	}
	ck_assert_int_eq(issued, 3);
	ck_assert_str_eq(code_of("THREE", "0015DCFFFFFF", other_phone), "out_of_range");
	ck_assert_str_eq(code_of("THREE", "0015DD000003", other_phone), "out_of_range");
}
END_TEST

START_TEST(nothing_is_heard_before_the_greeting)
{
	struct buf empty = {0};

	process_connect(&signer);
	process_send(&signer, SIGNER_PING, &empty);
	assert_dropped_and_others_served("a ping before hello");
	process_connect(&signer);
	process_send_raw(&signer, "\xff\xff\xff\xff\x00\x05\x00\x00\x00\x01", 10);
	assert_dropped_and_others_served("a frame of four gigabytes");
	process_connect(&signer);
	process_send_raw(&signer, "GET / HTTP/1.1\r\n\r\n", 18);
	assert_dropped_and_others_served("HTTP");
}
END_TEST

START_TEST(a_front_that_does_not_read_its_answers_is_cut_off)
{
	/* Each answer has 64 rows of about 60 bytes; the bound on what is unsent is 16 MiB. */
	enum { REQUESTS = 8000 };
	struct signer_claim_codes codes = {.row_count = SIGNER_ROWS_MAX};
	struct buf payload = {0};
	struct frame answer = {0};
	size_t i;

	signer_claim_codes_encode(&payload, &codes);
	for (i = 0; i < REQUESTS; i++)
		process_send(&signer, SIGNER_CLAIM_CODES, &payload);
	while (process_receive(&signer, &answer))
		;
	ck_assert(process_log_has(&signer, "signer_answer_lost"));
	assert_dropped_and_others_served("a front that does not read");
	buf_free(&payload);
	buf_free(&answer.payload);
}
END_TEST

START_TEST(another_user_is_not_heard)
{
	char path[TEST_PATH];
	pid_t child;
	int status = 0;

	if (geteuid() != 0)
		return;
	test_path(path, signer.folder, "signer.sock");
	ck_assert_int_eq(chmod(path, 0666), 0);
	ck_assert_int_eq(chmod(signer.folder, 0711), 0);
	child = fork();
	if (child == 0) {
		struct buf hello = {0};
		struct frame answer = {0};

		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(2);
		signer.fd = -1;
		process_connect(&signer);
		signer_hello_encode(&hello);
		process_send(&signer, SIGNER_HELLO, &hello);
		_exit(process_receive(&signer, &answer) ? 1 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert(process_log_has(&signer, "signer_peer_refused"));
	ck_assert_int_eq(chmod(path, 0600), 0);
}
END_TEST

START_TEST(a_restart_keeps_everything)
{
	char mac[MAC_TEXT_LEN + 1];
	char order[32];
	struct outcome first, second;
	EVP_PKEY *key = test_key("P-256");

	strcpy(order, new_order(mac));
	ck_assert_str_eq(issue_key(order, mac, key, &first), "issued");
	ck_assert_int_eq(process_stop(&signer, SIGTERM), 0);
	process_start(&signer);
	process_hello(&signer);
	ck_assert_str_eq(issue_key(order, mac, key, &second), "existing");
	ck_assert_mem_eq(first.row.serial, second.row.serial, SIGNER_SERIAL_LEN);
	ck_assert_mem_eq(first.row.claim_code_hash, second.row.claim_code_hash, SHA256_LEN);
	ck_assert_str_eq(code_of(order, mac, phone), "mac_has_other_key");
	outcome_free(&first);
	outcome_free(&second);
	EVP_PKEY_free(key);
}
END_TEST

/* The serials of an order's last records, from the ledger's own file. */
static size_t read_serials(uint8_t serials[SIGNER_ROWS_MAX][SIGNER_SERIAL_LEN], size_t before)
{
	char path[TEST_PATH];
	struct buf bytes = {0};
	size_t count, i;

	test_path(path, signer.folder, "state/ledger");
	ck_assert_int_eq(file_read(path, 1 << 24, &bytes), ERR_OK);
	count = (bytes.len - LEDGER_HEADER_LEN) / LEDGER_RECORD_LEN;
	for (i = before; i < count; i++)
		memcpy(serials[i - before],
		    bytes.bytes + LEDGER_HEADER_LEN + i * LEDGER_RECORD_LEN + 34,
		    SIGNER_SERIAL_LEN);
	buf_free(&bytes);
	return count - before;
}

START_TEST(a_kill_between_reserve_and_answer_costs_nothing)
{
	enum { ROWS = 16 };
	const struct fingerprint fingerprint = {{1}};
	static uint8_t serials[SIGNER_ROWS_MAX][SIGNER_SERIAL_LEN];
	struct buf payload = {0}, csr = {0};
	struct signer_issued issued;
	struct frame answer = {0};
	char mac[MAC_TEXT_LEN + 1], order[32];
	size_t before = process_records(&signer), reserved, i;
	int64_t until = clock_monotonic_ms() + SIGNER_ANSWER_MS;

	strcpy(order, new_order(mac));
	signer_issue_begin(&payload, order, "line-1", &fingerprint);
	for (i = 0; i < ROWS; i++) {
		EVP_PKEY *key = test_key("P-256");
		struct signer_issue_row row;

		mac[MAC_TEXT_LEN - 1] = "0123456789ABCDEF"[i];
		test_csr_of(key, mac, "SN-1", &csr);
		row = test_row(mac, "SN-1", &csr);
		ck_assert_int_eq(signer_issue_add(&payload, &row), ERR_OK);
		EVP_PKEY_free(key);
	}
	process_send(&signer, SIGNER_ISSUE, &payload);
	/* As soon as the reservations are in the file: most times before they are signed. */
	while (process_records(&signer) == before)
		ck_assert(clock_monotonic_ms() < until);
	ck_assert_int_eq(process_stop(&signer, SIGKILL), -SIGKILL);
	reserved = read_serials(serials, before);
	ck_assert_uint_eq(reserved, ROWS);
	process_start(&signer);
	process_hello(&signer);
	process_ask(&signer, SIGNER_ISSUE, &payload, &answer);
	ck_assert_uint_eq(answer.type, SIGNER_ISSUED);
	ck_assert_int_eq(signer_issued_decode(frame_cursor(&answer), &issued), ERR_OK);
	ck_assert_uint_eq(issued.row_count, ROWS);
	for (i = 0; i < ROWS; i++) {
		ck_assert_int_eq(issued.rows[i].outcome, ISSUE_EXISTING);
		ck_assert_mem_eq(issued.rows[i].serial, serials[i], SIGNER_SERIAL_LEN);
	}
	ck_assert_uint_eq(process_records(&signer), before + ROWS);
	buf_free(&payload);
	buf_free(&csr);
	buf_free(&answer.payload);
}
END_TEST

START_TEST(an_altered_ledger_stops_it)
{
	char mac[MAC_TEXT_LEN + 1];
	const char *order = new_order(mac);
	EVP_PKEY *key = test_key("P-256");

	ck_assert_str_eq(code_of(order, mac, key), "issued");
	ck_assert_int_eq(process_run(&signer, "signer"), 78); /* one at a time */
	ck_assert(process_log_has(&signer, "another signer"));
	ck_assert_int_eq(process_stop(&signer, SIGTERM), 0);
	test_flip(signer.folder, "state/ledger", -100);
	ck_assert_int_eq(process_run(&signer, "signer"), 78);
	ck_assert(process_log_has(&signer, "was altered"));
	test_flip(signer.folder, "state/ledger", -100);
	process_start(&signer);
	process_hello(&signer);
	ck_assert_str_eq(code_of(order, mac, key), "existing");
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_wrong_passphrase_and_a_key_that_others_can_read_stop_it)
{
	char passphrase[TEST_PATH], key[TEST_PATH];

	test_path(passphrase, signer.folder, "passphrase");
	test_path(key, signer.folder, "state/keys/issuing.key");
	ck_assert_int_eq(process_stop(&signer, SIGTERM), 0);
	ck_assert_int_eq(chmod(key, 0644), 0);
	ck_assert_int_eq(process_run(&signer, "signer"), 78);
	ck_assert(process_log_has(&signer, "has mode 0644"));
	ck_assert_int_eq(chmod(key, 0600), 0);
	ck_assert_int_eq(file_write(passphrase, 0644, "wrong\n", 6), ERR_OK);
	ck_assert_int_eq(process_run(&signer, "signer"), 78);
	ck_assert(process_log_has(&signer, "mode 0600"));
	ck_assert_int_eq(chmod(passphrase, 0600), 0);
	ck_assert_int_eq(process_run(&signer, "signer"), 78);
	ck_assert(process_log_has(&signer, "passphrase is wrong"));
	ck_assert_int_eq(process_run(&signer, "init"), 73);
	ck_assert(process_log_has(&signer, "never overwritten"));
}
END_TEST

START_TEST(a_session_that_died_is_not_noticed)
{
	char mac[MAC_TEXT_LEN + 1];
	const char *order = new_order(mac);
	EVP_PKEY *key = test_key("P-256");

	process_tell_token(&signer, "session-dies");
	ck_assert_str_eq(code_of(order, mac, key), "issued");
	ck_assert(process_log_has(&signer, "token_session_opened_again"));
	ck_assert_str_eq(code_of(order, mac, key), "existing");
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(without_its_token_it_reserves_nothing_and_recovers)
{
	char mac[MAC_TEXT_LEN + 1];
	const char *order = new_order(mac);
	EVP_PKEY *key = test_key("P-256");
	size_t before = process_records(&signer);

	/* The first request loses its session in the middle: its serial is on the ledger. */
	process_tell_token(&signer, "token-is-gone");
	process_tell_token(&signer, "session-dies");
	ck_assert_str_eq(code_of(order, mac, key), "signer_unavailable");
	ck_assert_uint_eq(process_records(&signer), before + 1);
	/* The next one is refused before. */
	mac[MAC_TEXT_LEN - 1] = '1';
	ck_assert_str_eq(code_of(order, mac, phone), "signer_unavailable");
	ck_assert_uint_eq(process_records(&signer), before + 1);
	process_untell_token(&signer, "token-is-gone");
	mac[MAC_TEXT_LEN - 1] = '0';
	ck_assert_str_eq(code_of(order, mac, key), "existing");
	EVP_PKEY_free(key);
}
END_TEST

START_TEST(a_refused_pin_stops_it)
{
	char pin[TEST_PATH];

	test_path(pin, signer.folder, "pin");
	ck_assert_int_eq(process_stop(&signer, SIGTERM), 0);
	ck_assert_int_eq(file_write(pin, 0644, "wrong-pin\n", 10), ERR_OK);
	ck_assert_int_eq(process_run(&signer, "signer"), 78);
	ck_assert(process_log_has(&signer, "mode 0600"));
	ck_assert_int_eq(chmod(pin, 0600), 0);
	ck_assert_int_eq(process_run(&signer, "signer"), 78);
	ck_assert(process_log_has(&signer, "refuses the PIN"));
	ck_assert_int_eq(process_run(&signer, "init"), 73);
	ck_assert(process_log_has(&signer, "never overwritten"));
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

/* Everything, on one kind of key store. */
static int run(int on_token)
{
	Suite *suite = suite_create(on_token ? "signer on a token" : "signer on files");
	TCase *tcase = tcase_create("signer");
	SRunner *runner = srunner_create(suite);
	int failed;

	/* One signer for all, in one process: each test leaves it serving. */
	srunner_set_fork_status(runner, CK_NOFORK);
	tcase_add_loop_test(
	    tcase, a_phone_gets_its_certificate_and_the_same_again, 0, COUNT(kinds));
	tcase_add_test(tcase, the_rows_rules_hold);
	tcase_add_test(tcase, it_never_signs_a_ca_or_a_name_that_was_asked_for);
	tcase_add_test(tcase, only_an_operators_signature_opens_an_order);
	tcase_add_test(tcase, orders_name_their_stations_and_close);
	tcase_add_test(tcase, a_full_frame_is_answered_in_order);
	tcase_add_test(tcase, claim_codes_are_for_phones_of_orders_and_never_change);
	tcase_add_test(tcase, a_crl_can_be_had);
	tcase_add_loop_test(tcase, a_malformed_frame_costs_the_connection, 0, COUNT(malformed));
	tcase_add_test(tcase, no_request_signs_a_digest);
	tcase_add_test(tcase, whatever_is_changed_in_a_request_a_phone_of_the_order_comes_out);
	tcase_add_test(tcase, an_order_is_never_overdrawn);
	tcase_add_test(tcase, nothing_is_heard_before_the_greeting);
	tcase_add_test(tcase, a_front_that_does_not_read_its_answers_is_cut_off);
	tcase_add_test(tcase, another_user_is_not_heard);
	tcase_add_test(tcase, a_restart_keeps_everything);
	tcase_add_test(tcase, a_kill_between_reserve_and_answer_costs_nothing);
	tcase_add_test(tcase, an_altered_ledger_stops_it);
	if (on_token) {
		tcase_add_test(tcase, a_session_that_died_is_not_noticed);
		tcase_add_test(tcase, without_its_token_it_reserves_nothing_and_recovers);
		tcase_add_test(tcase, a_refused_pin_stops_it);
	} else {
		tcase_add_test(tcase, a_wrong_passphrase_and_a_key_that_others_can_read_stop_it);
	}
	suite_add_tcase(suite, tcase);
	set_up(on_token);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	if (failed)
		process_print_log(&signer);
	tear_down();
	srunner_free(runner);
	return failed;
}

int main(void)
{
	int failed = run(0);

	failed += run(1);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
