/*
 * Fuzz target: MACs and claim codes. What is accepted has one canonical spelling, which is accepted
 * and means the same.
 */
#include <string.h>

#include "common/base/claim_code.h"
#include "common/base/mac.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_mac(const char *text, size_t len)
{
	struct mac mac, again;
	char canonical[MAC_TEXT_LEN + 1];

	if (mac_parse(text, len, &mac) != ERR_OK) {
		CHECK(mac_parse_canonical(text, len, &mac) != ERR_OK);
		return;
	}
	mac_format(&mac, canonical);
	CHECK(strlen(canonical) == MAC_TEXT_LEN);
	CHECK(mac_parse_canonical(canonical, MAC_TEXT_LEN, &again) == ERR_OK);
	CHECK(mac_equal(&mac, &again));
	CHECK(mac_from_uint(mac_to_uint(&mac), &again) == ERR_OK && mac_equal(&mac, &again));
}

static void check_claim_code(const char *text, size_t len)
{
	struct claim_code code, again;
	char printed[CLAIM_CODE_TEXT_LEN + 1];

	if (claim_code_parse(text, len, &code) != ERR_OK)
		return;
	claim_code_format(&code, printed);
	CHECK(strlen(printed) == CLAIM_CODE_TEXT_LEN);
	CHECK(claim_code_parse(printed, CLAIM_CODE_TEXT_LEN, &again) == ERR_OK);
	CHECK(memcmp(&code, &again, sizeof code) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_mac((const char *)data, size);
	check_claim_code((const char *)data, size);
	return 0;
}
