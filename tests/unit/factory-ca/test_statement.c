/* Statements: one text for one meaning, and a signature that only an operator can make. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/test_factory.h"

static const char full[] = "firstring statement 1\n"
			   "type: order-open\n"
			   "reference: PO-1\n"
			   "model: T1\n"
			   "profile: device-1\n"
			   "key-types: p256,rsa2048\n"
			   "first-mac: 001565AA0000\n"
			   "quantity: 1000\n"
			   "opens: 2027-01-01T00:00:00Z\n"
			   "closes: none\n"
			   "stations: line-1,line-2\n";

START_TEST(what_is_printed_is_parsed_and_printed_again)
{
	struct statement statement;
	struct buf out = {0};
	char why[200] = "";

	ck_assert_int_eq(
	    statement_parse(full, sizeof(full) - 1, &statement, why, sizeof(why)), ERR_OK);
	ck_assert_int_eq(statement.type, STATEMENT_ORDER_OPEN);
	ck_assert_uint_eq(statement.order.quantity, 1000);
	ck_assert_uint_eq(statement.order.station_count, 2);
	ck_assert_int_eq(statement.order.opens_unix_s, 1798761600);
	ck_assert_int_eq(statement.order.closes_unix_s, STATEMENT_NO_TIME);
	ck_assert_int_eq(statement_print(&statement, &out, why, sizeof(why)), ERR_OK);
	ck_assert_str_eq((char *)out.bytes, full);
	buf_free(&out);
}
END_TEST

START_TEST(stations_are_sorted_when_printed)
{
	struct statement statement = test_order("PO-1", "001565000000", 1);
	struct buf out = {0};
	char why[200] = "";

	strcpy(statement.order.stations[0], "b");
	strcpy(statement.order.stations[1], "a");
	statement.order.station_count = 2;
	ck_assert_int_eq(statement_print(&statement, &out, why, sizeof(why)), ERR_OK);
	ck_assert_ptr_nonnull(strstr((char *)out.bytes, "stations: a,b\n"));
	buf_free(&out);
}
END_TEST

/* Each replaces one piece of the full text by another. */
static const struct {
	const char *piece, *by;
} bad_texts[] = {
    {"statement 1", "statement 2"},
    {"order-open", "order-steal"},
    {"reference: PO-1", "reference: "},
    {"reference: PO-1", "reference: PO 1"},
    {"reference: PO-1", "reference: PO-1\nreference: PO-2"},
    {"model: T1\n", ""},
    {"device-1", "device-9"},
    {"p256,rsa2048", "rsa2048,p256"},
    {"p256,rsa2048", "p256,p256"},
    {"p256,rsa2048", "p256,"},
    {"p256,rsa2048", ""},
    {"p256,rsa2048", "p521"},
    {"001565AA0000", "001565aa0000"},
    {"001565AA0000", "00:15:65:AA:00:00"},
    {"001565AA0000", "010000000000"},
    {"001565AA0000", "00FFFFFFFFFF"},
    {"quantity: 1000", "quantity: 0"},
    {"quantity: 1000", "quantity: 01000"},
    {"quantity: 1000", "quantity: -1"},
    {"quantity: 1000", "quantity: 16777217"},
    {"2027-01-01T00:00:00Z", "2027-01-01T01:00:00+01:00"},
    {"2027-01-01T00:00:00Z", "2027-01-01T00:00:00.5Z"},
    {"2027-01-01T00:00:00Z", "tomorrow"},
    {"closes: none", "closes: 2026-01-01T00:00:00Z"},
    {"line-1,line-2", "line-2,line-1"},
    {"line-1,line-2", "line-1,line-1"},
    {"line-1,line-2", "line-1,any"},
    {"line-1,line-2", ""},
    {"line-1,line-2\n", "line-1,line-2"},
    {"line-1,line-2\n", "line-1,line-2\n\n"},
    {"line-1,line-2\n", "line-1,line-2\r\n"},
};

START_TEST(any_other_spelling_is_refused_with_a_reason)
{
	const char *at = strstr(full, bad_texts[_i].piece);
	struct statement statement;
	char text[1024], why[200] = "";
	size_t before;

	ck_assert_ptr_nonnull(at);
	before = (size_t)(at - full);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)before, full, bad_texts[_i].by,
	    at + strlen(bad_texts[_i].piece));
	ck_assert_int_eq(
	    statement_parse(text, strlen(text), &statement, why, sizeof(why)), ERR_SYNTAX);
	ck_assert_str_ne(why, "");
}
END_TEST

START_TEST(orders_overlap_when_they_share_a_mac)
{
	struct statement a = test_order("A", "001565000010", 16);
	struct statement before = test_order("B", "001565000000", 16);
	struct statement across = test_order("C", "00156500001F", 1);
	struct statement after = test_order("D", "001565000020", 1);

	ck_assert(!statement_orders_overlap(&a.order, &before.order));
	ck_assert(statement_orders_overlap(&a.order, &across.order));
	ck_assert(statement_orders_overlap(&across.order, &a.order));
	ck_assert(!statement_orders_overlap(&a.order, &after.order));
}
END_TEST

/* One operator of one factory, for the tests of signatures. */
static char folder[TEST_PATH];
static struct keystore *store;
static X509 *ca, *operator_certificate, *station_certificate, *expired;
static EVP_PKEY *operator_key;

static void set_up(void)
{
	test_folder_make(folder);
	store = test_keystore(folder);
	ca = test_line_access(store);
	operator_key = test_key("P-256");
	operator_certificate =
	    test_person(store, ca, operator_key, "ann", TEST_OPERATOR_EKU, TEST_NOW + 1000);
	station_certificate =
	    test_person(store, ca, operator_key, "line-1", TEST_STATION_EKU, TEST_NOW + 1000);
	expired = test_person(store, ca, operator_key, "ann", TEST_OPERATOR_EKU, TEST_NOW - 1);
}

static void tear_down(void)
{
	X509_free(ca);
	X509_free(operator_certificate);
	X509_free(station_certificate);
	X509_free(expired);
	EVP_PKEY_free(operator_key);
	keystore_free(store);
	test_folder_remove(folder);
}

static struct signed_statement sign(X509 *certificate)
{
	struct statement statement = test_order("PO-1", "001565000000", 10);
	struct signed_statement made = {0};
	char why[300] = "";

	ck_assert_int_eq(
	    statement_sign(&statement, certificate, operator_key, &made, why, sizeof(why)), ERR_OK);
	return made;
}

static enum err verify(const struct signed_statement *made, X509 *under)
{
	struct statement statement;
	char why[300] = "";
	enum err err = statement_verify(
	    made, under, TEST_OPERATOR_EKU, TEST_NOW, &statement, why, sizeof(why));

	if (err)
		ck_assert_str_ne(why, "");
	else
		ck_assert_str_eq(statement.order.reference, "PO-1");
	return err;
}

START_TEST(an_operators_signature_counts)
{
	struct signed_statement made = sign(operator_certificate), again = {0};
	char name[STATEMENT_NAME_MAX + 1];
	struct buf bytes = {0};

	ck_assert_int_eq(verify(&made, ca), ERR_OK);
	signed_statement_encode(&bytes, &made);
	ck_assert_int_eq(
	    signed_statement_decode(cursor_of(bytes.bytes, bytes.len), &again), ERR_OK);
	ck_assert_int_eq(verify(&again, ca), ERR_OK);
	statement_signer_name(&again.by[0], name);
	ck_assert_str_eq(name, "ann");
	signed_statement_free(&again);
	ck_assert_int_eq(
	    signed_statement_decode(cursor_of(bytes.bytes, bytes.len - 1), &again), ERR_SYNTAX);
	buf_put_u8(&bytes, 0);
	ck_assert_int_eq(
	    signed_statement_decode(cursor_of(bytes.bytes, bytes.len), &again), ERR_SYNTAX);
	buf_free(&bytes);
	signed_statement_free(&made);
}
END_TEST

/* The other kinds of statements, each as it is printed. */
static const char *const other_texts[] = {
    "firstring statement 1\ntype: order-close\nreference: PO-1\n",
    "firstring statement 1\ntype: order-extend\nreference: PO-1\nquantity: 1200\ncloses: none\n",
    "firstring statement 1\ntype: rekey\nmac: 001565AA0001\ngrant: "
    "00112233445566778899AABBCCDDEEFF\n"
    "reason: display replaced\n",
    "firstring statement 1\ntype: revoke\nmac: 001565AA0001\n"
    "serial: 40112233445566778899AABBCCDDEEFF\nreason: keyCompromise\nnote: \n",
    "firstring statement 1\ntype: revoke\nmac: 001565AA0001\n"
    "serial: 40112233445566778899AABBCCDDEEFF\nreason: superseded\nnote: lost: by the \"post\"\n",
    "firstring statement 1\ntype: operator-remove\noperator: "
    "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF\n",
    "firstring statement 1\ntype: ledger-restore\nrecords: 123456\nrecord-chain: "
    "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF\njournal-chain: "
    "10112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF\nwitness-chain: "
    "0000000000000000000000000000000000000000000000000000000000000000\n",
};

START_TEST(every_kind_prints_as_it_was_read)
{
	const char *text = other_texts[_i];
	struct statement statement;
	struct buf out = {0};
	char why[200] = "";

	ck_assert_msg(
	    statement_parse(text, strlen(text), &statement, why, sizeof(why)) == ERR_OK, "%s", why);
	ck_assert_int_eq(statement_print(&statement, &out, why, sizeof(why)), ERR_OK);
	ck_assert_str_eq((char *)out.bytes, text);
	ck_assert_int_eq(
	    statement_parse(text, strlen(text) - 1, &statement, why, sizeof(why)), ERR_SYNTAX);
	buf_free(&out);
}
END_TEST

/* Each replaces a piece of the texts above. */
static const struct {
	int text;
	const char *piece, *by;
} bad_others[] = {
    {1, "1200", "0"},
    {1, "closes: none", "closes: never"},
    {2, "00112233445566778899AABBCCDDEEFF", "00112233445566778899aabbccddeeff"},
    {2, "00112233445566778899AABBCCDDEEFF", "0011"},
    {2, "display replaced", ""},
    {2, "display replaced", " display"},
    {2, "001565AA0001", "010000000000"},
    {3, "keyCompromise", "certificateHold"},
    {3, "keyCompromise", "KeyCompromise"},
    {3, "note: ", "note: \xff"},
    {3, "note: \n", ""},
    {5, "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF", "ann"},
    {6, "123456", "-1"},
    {6, "123456", "0123456"},
    {6, "10112233445566778899AABBCCDDEEFF", "1011"},
    {6, "witness-chain", "witness"},
};

START_TEST(other_spellings_of_the_other_kinds_are_refused)
{
	const char *text = other_texts[bad_others[_i].text];
	const char *at = strstr(text, bad_others[_i].piece);
	struct statement statement;
	struct buf bad = {0};
	char why[200] = "";

	ck_assert_ptr_nonnull(at);
	buf_put(&bad, text, (size_t)(at - text));
	buf_put_str(&bad, bad_others[_i].by);
	buf_put_str(&bad, at + strlen(bad_others[_i].piece));
	ck_assert_int_eq(
	    statement_parse((char *)bad.bytes, bad.len, &statement, why, sizeof(why)), ERR_SYNTAX);
	ck_assert_str_ne(why, "");
	buf_free(&bad);
}
END_TEST

START_TEST(two_signatures_are_of_two_people)
{
	EVP_PKEY *bobs_key = test_key("P-256");
	X509 *bob = test_person(store, ca, bobs_key, "bob", TEST_OPERATOR_EKU, TEST_NOW + 1000);
	X509 *ann_again =
	    test_person(store, ca, bobs_key, "ann", TEST_OPERATOR_EKU, TEST_NOW + 1000);
	struct signed_statement made = sign(operator_certificate), again = {0};
	struct buf bytes = {0};
	char why[200] = "";

	ck_assert_int_eq(
	    statement_sign_too(&made, operator_certificate, operator_key, why, sizeof(why)),
	    ERR_EXISTS);
	ck_assert_int_eq(
	    statement_sign_too(&made, ann_again, bobs_key, why, sizeof(why)), ERR_EXISTS);
	ck_assert_int_eq(
	    statement_sign_too(&made, bob, operator_key, why, sizeof(why)), ERR_SIGNATURE);
	ck_assert_int_eq(statement_sign_too(&made, bob, bobs_key, why, sizeof(why)), ERR_OK);
	ck_assert_uint_eq(made.signature_count, 2);
	ck_assert_int_eq(verify(&made, ca), ERR_OK);
	ck_assert_int_eq(statement_sign_too(&made, bob, bobs_key, why, sizeof(why)), ERR_EXISTS);
	signed_statement_encode(&bytes, &made);
	ck_assert_int_eq(
	    signed_statement_decode(cursor_of(bytes.bytes, bytes.len), &again), ERR_OK);
	ck_assert_int_eq(verify(&again, ca), ERR_OK);
	/* Ann's signature twice is one. */
	buf_clear(&again.by[1].certificate);
	buf_put(&again.by[1].certificate, made.by[0].certificate.bytes, made.by[0].certificate.len);
	buf_clear(&again.by[1].signature);
	buf_put(&again.by[1].signature, made.by[0].signature.bytes, made.by[0].signature.len);
	ck_assert_int_eq(verify(&again, ca), ERR_SIGNATURE);
	/* Nor does a second one that is altered let the first stand alone. */
	made.by[1].signature.bytes[made.by[1].signature.len - 1] ^= 1;
	ck_assert_int_eq(verify(&made, ca), ERR_SIGNATURE);
	signed_statement_free(&made);
	signed_statement_free(&again);
	buf_free(&bytes);
	X509_free(bob);
	X509_free(ann_again);
	EVP_PKEY_free(bobs_key);
}
END_TEST

START_TEST(nobody_elses_does)
{
	struct signed_statement made = sign(station_certificate);
	X509 *other_ca = test_person(store, ca, operator_key, "x", TEST_OPERATOR_EKU, TEST_NOW + 9);

	ck_assert_int_eq(verify(&made, ca), ERR_SIGNATURE); /* a station */
	signed_statement_free(&made);
	made = sign(expired);
	ck_assert_int_eq(verify(&made, ca), ERR_SIGNATURE);
	signed_statement_free(&made);
	made = sign(operator_certificate);
	ck_assert_int_eq(verify(&made, other_ca), ERR_SIGNATURE); /* another CA's */
	made.text.bytes[made.text.len - 2] ^= 1; /* an altered text */
	ck_assert_int_eq(verify(&made, ca), ERR_SIGNATURE);
	signed_statement_free(&made);
	made = sign(operator_certificate);
	made.by[0].signature.bytes[made.by[0].signature.len - 1] ^= 1;
	ck_assert_int_eq(verify(&made, ca), ERR_SIGNATURE);
	signed_statement_free(&made);
	made = sign(operator_certificate);
	buf_clear(&made.by[0].certificate);
	buf_put_str(&made.by[0].certificate, "no certificate");
	ck_assert_int_eq(verify(&made, ca), ERR_SIGNATURE);
	signed_statement_free(&made);
	X509_free(other_ca);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
	Suite *suite = suite_create("statement");
	TCase *texts = tcase_create("texts"), *signatures = tcase_create("signatures");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(texts, what_is_printed_is_parsed_and_printed_again);
	tcase_add_test(texts, stations_are_sorted_when_printed);
	tcase_add_loop_test(
	    texts, any_other_spelling_is_refused_with_a_reason, 0, COUNT(bad_texts));
	tcase_add_loop_test(texts, every_kind_prints_as_it_was_read, 0, COUNT(other_texts));
	tcase_add_loop_test(
	    texts, other_spellings_of_the_other_kinds_are_refused, 0, COUNT(bad_others));
	tcase_add_test(texts, orders_overlap_when_they_share_a_mac);
	tcase_add_unchecked_fixture(signatures, set_up, tear_down);
	tcase_set_timeout(signatures, 60);
	tcase_add_test(signatures, an_operators_signature_counts);
	tcase_add_test(signatures, two_signatures_are_of_two_people);
	tcase_add_test(signatures, nobody_elses_does);
	suite_add_tcase(suite, texts);
	suite_add_tcase(suite, signatures);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
