/*
 * Fuzz target: whatever a client sends as a JSON body, it is bound or every fault is told in a
 * problem document that is JSON itself.
 *
 * The input is the body, bound as a profile is.
 */
#include <jansson.h>

#include "common/base/err.h"
#include "portal-api/json/bind.h"
#include "portal-api/profiles/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_problem(const struct problem *problem)
{
	struct buf out = {0};
	problem_write(problem, 0, "0123456789abcdef", &out);
	json_t *document =
	    json_loadb((const char *)out.bytes, out.len, JSON_REJECT_DUPLICATES, NULL);
	CHECK(json_is_object(document));
	CHECK(json_array_size(json_object_get(document, "errors")) <= FIELD_ERRORS_MAX);
	json_decref(document);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const domains[] = {"itsp.example"};
	json_t *document = NULL;
	struct profile profile = {0};
	struct problem problem = {0};
	char why[PROBLEM_DETAIL_MAX] = "";

	if (json_parse_object((const char *)data, size, &document, why, sizeof why) != ERR_OK) {
		CHECK(!document && why[0]);
		problem_set(&problem, PROBLEM_BAD_JSON, "%s", why);
		check_problem(&problem);
		return 0;
	}
	if (profile_bind(document, &profile, &problem.errors) != ERR_OK ||
	    profile_check_urls(&profile, domains, 1, &problem.errors) != ERR_OK) {
		CHECK(problem.errors.count > 0);
		problem_set(&problem, PROBLEM_INVALID, "%zu values", problem.errors.count);
		check_problem(&problem);
	} else {
		CHECK(profile.name && profile.provisioning_url);
	}
	json_decref(document);
	return 0;
}
