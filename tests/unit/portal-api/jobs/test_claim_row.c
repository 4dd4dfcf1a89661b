/* Rows of claim jobs: what is judged without the database, and whether two batches share a phone.
 */
#include <string.h>

#include "portal-api/jobs/claim_row.h"
#include "tests/lib/unit.h"

static struct claim_row row(const char *mac)
{
	struct claim_row made = {.mac_text = strdup(mac), .profile = strdup("p")};
	ck_assert_ptr_nonnull(made.mac_text);
	ck_assert_ptr_nonnull(made.profile);
	claim_row_judge(&made);
	return made;
}

static const struct {
	const char *a[3], *b[3];
	int shared;
} BATCHES[] = {
    {{"001565000001", "001565000002", "001565000003"}, {"001565000004", "001565000005"}, 0},
    {{"001565000003", "001565000001"}, {"001565000002", "001565000004", "001565000001"}, 1},
    {{"001565000009"}, {"00:15:65:00:00:09"}, 1},
    {{"001565000001", "001565000001"}, {"001565000002"}, 0},
    {{"nonsense", "001565000001"}, {"nonsense", "001565000002"}, 0},
    {{"nonsense"}, {"nonsense"}, 0},
};

START_TEST(batches_share_a_phone_or_not)
{
	struct claim_row a[3], b[3];
	size_t a_count = 0, b_count = 0;
	for (; a_count < 3 && BATCHES[_i].a[a_count]; a_count++)
		a[a_count] = row(BATCHES[_i].a[a_count]);
	for (; b_count < 3 && BATCHES[_i].b[b_count]; b_count++)
		b[b_count] = row(BATCHES[_i].b[b_count]);
	ck_assert_int_eq(claim_rows_share_phone(a, a_count, b, b_count), BATCHES[_i].shared);
	ck_assert_int_eq(claim_rows_share_phone(b, b_count, a, a_count), BATCHES[_i].shared);
	while (a_count > 0)
		claim_row_free(&a[--a_count]);
	while (b_count > 0)
		claim_row_free(&b[--b_count]);
}
END_TEST

START_TEST(what_is_written_is_judged)
{
	struct claim_row good = row("00:15:65:00:00:01"), bad = row("nonsense");
	ck_assert_int_eq(good.state, ROW_WAITING);
	ck_assert_int_eq(good.has_code, 0);
	ck_assert_int_eq(bad.state, ROW_REFUSED);
	ck_assert_str_eq(bad.code, "bad_mac");
	claim_row_free(&good);
	claim_row_free(&bad);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("claim_row");
	TCase *tests = tcase_create("claim_row");
	tcase_add_loop_test(tests, batches_share_a_phone_or_not, 0, COUNT(BATCHES));
	tcase_add_test(tests, what_is_written_is_judged);
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
