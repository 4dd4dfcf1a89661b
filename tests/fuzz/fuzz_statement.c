/*
 * Fuzz target: what operators sign, as its canonical text and in the binary form of a signed
 * statement. A text that is read prints as exactly what was read; bytes that are decoded encode
 * to the same.
 */
#include <string.h>

#include "common/base/err.h"
#include "factory-ca/statement.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t len)
{
	struct statement statement;
	struct buf again = {0};
	char why[256] = "";

	if (statement_parse(text, len, &statement, why, sizeof(why)) != ERR_OK) {
		CHECK(why[0] != '\0');
		return;
	}
	CHECK(statement_print(&statement, &again, why, sizeof(why)) == ERR_OK);
	CHECK(again.len == len && memcmp(again.bytes, text, len) == 0);
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct signed_statement signed_statement = {0};
	char name[STATEMENT_NAME_MAX + 1];
	struct buf again = {0};
	size_t i;

	check_text((const char *)data, size);
	if (signed_statement_decode(cursor_of(data, size), &signed_statement) != ERR_OK)
		return 0;
	CHECK(signed_statement.signature_count >= 1 &&
	      signed_statement.signature_count <= STATEMENT_SIGNATURES_MAX);
	check_text((const char *)signed_statement.text.bytes, signed_statement.text.len);
	for (i = 0; i < signed_statement.signature_count; i++) {
		statement_signer_name(&signed_statement.by[i], name);
		CHECK(name[0] == '\0' ||
		      statement_word_is_valid(name, strlen(name), STATEMENT_NAME_MAX));
	}
	signed_statement_encode(&again, &signed_statement);
	CHECK(again.len == size && memcmp(again.bytes, data, size) == 0);
	buf_free(&again);
	signed_statement_free(&signed_statement);
	return 0;
}
