/* The messages of protocol_certify.h: what is encoded is decoded, what is cut or padded is not. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/pki/key_type.h"
#include "factory-ca/signer/protocol_certify.h"

static const uint8_t BYTES[] = {1, 2, 3, 4, 5};
static const struct signer_blob BLOB = {BYTES, sizeof(BYTES)};

static void put_ocsp(struct buf *out)
{
	signer_ocsp_certificate_encode(out, 3, &BLOB);
}

static enum err get_ocsp(struct cursor in)
{
	struct signer_blob blob;
	uint8_t generation = 0;
	enum err err = signer_ocsp_certificate_decode(in, &generation, &blob);

	if (!err)
		ck_assert_uint_eq(generation, 3);
	if (!err)
		ck_assert_uint_eq(blob.len, sizeof(BYTES));
	return err;
}

static void put_renew(struct buf *out)
{
	const struct signer_renew renew = {BLOB, BLOB};

	signer_renew_encode(out, &renew);
}

static enum err get_renew(struct cursor in)
{
	struct signer_renew renew;
	enum err err = signer_renew_decode(in, &renew);

	if (!err)
		ck_assert_mem_eq(renew.csr.bytes, BYTES, sizeof(BYTES));
	return err;
}

static void put_renewed(struct buf *out)
{
	const struct signer_renewed renewed = {.detail = "no"};

	signer_renewed_encode(out, &renewed);
}

static enum err get_renewed(struct cursor in)
{
	struct signer_renewed renewed;
	enum err err = signer_renewed_decode(in, &renewed);

	if (!err)
		ck_assert_str_eq(renewed.detail, "no");
	return err;
}

static void put_generate(struct buf *out)
{
	struct signer_generate generate = {
	    .order = "PO", .station = "line-1", .station_certificate = BLOB, .row_count = 2};

	generate.rows[0].serial_number = generate.rows[1].serial_number =
	    (struct signer_text){"SN", 2};
	generate.rows[0].key_type = KEY_RSA2048;
	generate.rows[1].key_type = KEY_TYPE_COUNT;
	signer_generate_encode(out, &generate);
}

static enum err get_generate(struct cursor in)
{
	struct signer_generate generate;
	enum err err = signer_generate_decode(in, &generate);

	if (!err) {
		ck_assert_str_eq(generate.order, "PO");
		ck_assert_str_eq(generate.station, "line-1");
		ck_assert_uint_eq(generate.row_count, 2);
		ck_assert_uint_eq(generate.rows[0].key_type, KEY_RSA2048);
	}
	return err;
}

static void put_generated(struct buf *out)
{
	const struct signer_generated_row good = {.issued = {.outcome = ISSUE_ISSUED,
						      .certificate = BYTES,
						      .certificate_len = 5,
						      .claim_code = "ABCDE-FGHJK-LMNP"},
	    .encrypted_key = BLOB};
	const struct signer_generated_row bad = {
	    .issued = {.outcome = ISSUE_ORDER_FULL, .detail = {"full", 4}}};

	signer_generated_begin(out);
	signer_generated_add(out, &good);
	signer_generated_add(out, &bad);
}

static enum err get_generated(struct cursor in)
{
	struct signer_generated generated;
	enum err err = signer_generated_decode(in, &generated);

	if (!err) {
		ck_assert_uint_eq(generated.row_count, 2);
		ck_assert_int_eq(generated.rows[1].issued.outcome, ISSUE_ORDER_FULL);
	}
	return err;
}

static const struct {
	void (*put)(struct buf *out);
	enum err (*get)(struct cursor in);
} messages[] = {{put_ocsp, get_ocsp}, {put_renew, get_renew}, {put_renewed, get_renewed},
    {put_generate, get_generate}, {put_generated, get_generated}};

START_TEST(whole_or_not_at_all)
{
	struct buf out = {0};
	size_t i;

	messages[_i].put(&out);
	ck_assert_int_eq(messages[_i].get(cursor_of(out.bytes, out.len)), ERR_OK);
	for (i = 0; i < out.len; i++)
		ck_assert_int_eq(messages[_i].get(cursor_of(out.bytes, i)), ERR_SYNTAX);
	buf_put_u8(&out, 0);
	ck_assert_int_eq(messages[_i].get(cursor_of(out.bytes, out.len)), ERR_SYNTAX);
	buf_free(&out);
}
END_TEST

START_TEST(a_success_without_its_key_is_malformed)
{
	const struct signer_generated_row keyless = {.issued = {.outcome = ISSUE_ISSUED,
							 .certificate = BYTES,
							 .certificate_len = 5,
							 .claim_code = "ABCDE-FGHJK-LMNP"}};
	struct signer_generated generated;
	struct buf out = {0};

	signer_generated_begin(&out);
	signer_generated_add(&out, &keyless);
	ck_assert_int_eq(
	    signer_generated_decode(cursor_of(out.bytes, out.len), &generated), ERR_SYNTAX);
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("protocol_certify");
	TCase *tcase = tcase_create("messages");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, whole_or_not_at_all, 0, 5);
	tcase_add_test(tcase, a_success_without_its_key_is_malformed);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
