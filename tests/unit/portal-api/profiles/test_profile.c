/* What a provisioning profile may be. */
#include <string.h>

#include "portal-api/profiles/profile.h"
#include "tests/lib/unit.h"

#define URL "\"provisioning_url\":\"https://prov.itsp.example/{mac}\""

static const char *const DOMAINS[] = {"itsp.example", "other.example"};

static enum err read(const char *text, struct profile *profile, struct field_errors *errors)
{
	static json_t *document; /* the profile borrows from it */
	json_decref(document);
	document = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(document);
	enum err err = profile_bind(document, profile, errors);
	return err ? err : profile_check_urls(profile, DOMAINS, COUNT(DOMAINS), errors);
}

START_TEST(the_least_profile_is_direct_and_always)
{
	struct profile profile = {0};
	struct field_errors errors = {0};
	ck_assert_int_eq(read("{\"name\":\"p\"," URL "}", &profile, &errors), ERR_OK);
	ck_assert_str_eq(profile.delivery, "direct");
	ck_assert_str_eq(profile.redelivery, "always");
	ck_assert_int_eq(profile.window_hours, 0);
	ck_assert_ptr_null(profile.trust_anchors);
}
END_TEST

static const char *const GOOD[] = {
    "{\"name\":\"p\"," URL ",\"redelivery\":\"once\",\"purge_after_delivery\":true}",
    "{\"name\":\"p\"," URL ",\"purge_after_delivery\":false}",
    "{\"name\":\"p\"," URL ",\"password_length\":12}",
    "{\"name\":\"p\"," URL ",\"password_length\":64}",
    "{\"name\":\"p\"," URL ",\"password_length\":null}",
    "{\"name\":\"p\"," URL ",\"delivery\":\"staged\",\"redelivery\":\"always\"}",
    "{\"name\":\"p\"," URL ",\"redelivery\":\"window\",\"window_hours\":24}",
    "{\"name\":\"p\"," URL ",\"fallback_urls\":[\"https://b.other.example:8443/x?m={MAC}\"]}",
    "{\"name\":\"p\"," URL ",\"fallback_urls\":[],\"trust_anchors\":null,\"window_hours\":null}",
};

START_TEST(profiles_that_are_fine)
{
	struct profile profile = {0};
	struct field_errors errors = {0};
	ck_assert_int_eq(read(GOOD[_i], &profile, &errors), ERR_OK);
}
END_TEST

#define WITH_URL(url) "{\"name\":\"p\",\"provisioning_url\":\"" url "\"}"

static const struct {
	const char *text, *field, *code;
} WRONG[] = {
    {"{" URL "}", "name", "required"},
    {"{\"name\":\"p\"}", "provisioning_url", "required"},
    {"{\"name\":\"p\"," URL ",\"window_hours\":5}", "window_hours", "not_used"},
    {"{\"name\":\"p\"," URL ",\"redelivery\":\"window\"}", "window_hours", "required"},
    {"{\"name\":\"p\"," URL ",\"purge_after_delivery\":true}", "purge_after_delivery", "not_used"},
    {"{\"name\":\"p\"," URL ",\"purge_after_delivery\":1}", "purge_after_delivery", "wrong_type"},
    {"{\"name\":\"p\"," URL ",\"password_length\":11}", "password_length", "out_of_range"},
    {"{\"name\":\"p\"," URL ",\"password_length\":65}", "password_length", "out_of_range"},
    {"{\"name\":\"p\"," URL ",\"redelivery\":\"never\"}", "redelivery", "not_one_of"},
    {"{\"name\":\"p\"," URL ",\"trust_anchors\":\"x\"}", "trust_anchors", "bad_certificate"},
    {"{\"name\":\"p\"," URL
     ",\"trust_anchors\":\"-----BEGIN CERTIFICATE-----\\nAA\\n-----END CERTIFICATE-----\"}",
	"trust_anchors", "bad_certificate"},
    {"{\"name\":\"p\"," URL ",\"id\":\"x\"}", "id", "unknown_field"},
    {"{\"name\":\"p\"," URL ",\"fallback_urls\":[\"http://b.itsp.example/\"]}", "fallback_urls[0]",
	"not_https"},
    {WITH_URL("http://prov.itsp.example/"), "provisioning_url", "not_https"},
    {WITH_URL("tftp://prov.itsp.example/"), "provisioning_url", "not_https"},
    {WITH_URL("javascript:alert(1)"), "provisioning_url", "not_https"},
    {WITH_URL("https://user@prov.itsp.example/"), "provisioning_url", "user_info"},
    {WITH_URL("https://169.254.169.254/"), "provisioning_url", "address_literal"},
    {WITH_URL("https://[::1]/"), "provisioning_url", "address_literal"},
    {WITH_URL("https://itsp.example.evil.example/"), "provisioning_url", "host_not_approved"},
    {WITH_URL("https://notitsp.example/"), "provisioning_url", "host_not_approved"},
    {WITH_URL("https://{mac}.itsp.example/"), "provisioning_url", "bad_field"},
    {WITH_URL("https://prov.itsp.example/{password}"), "provisioning_url", "bad_field"},
};

START_TEST(what_is_wrong_is_told_by_field_and_code)
{
	struct profile profile = {0};
	struct field_errors errors = {0};
	ck_assert_int_ne(read(WRONG[_i].text, &profile, &errors), ERR_OK);
	ck_assert_uint_eq(errors.count, 1);
	ck_assert_str_eq(errors.items[0].field, WRONG[_i].field);
	ck_assert_str_eq(errors.items[0].code, WRONG[_i].code);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("profile");
	TCase *tests = tcase_create("profile");
	tcase_add_test(tests, the_least_profile_is_direct_and_always);
	tcase_add_loop_test(tests, profiles_that_are_fine, 0, COUNT(GOOD));
	tcase_add_loop_test(tests, what_is_wrong_is_told_by_field_and_code, 0, COUNT(WRONG));
	suite_add_tcase(suite, tests);
	return unit_run(suite);
}
