/*
 * Fuzz target: what factory-line and the auditor read. A list of phones, the answer of a batch call
 * (cut in two, it must give the same lines), heads of the audit chain and frames that carry them.
 */
#include <stdlib.h>
#include <string.h>

#include "factory-ca/line/answer_stream.h"
#include "factory-ca/line/labels.h"
#include "factory-ca/line/phones.h"
#include "factory-ca/signer/protocol_audit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_list(const char *text, size_t len)
{
	const struct mac first = {{0, 0x15, 0x65, 0, 0, 0}};
	struct line_phones phones = {0};
	char why[PHONES_WHY_LEN];
	struct buf label = {0};
	size_t i;

	if (phones_from_csv(text, len, NULL, &phones, why) != ERR_OK &&
	    phones_from_csv(text, len, &first, &phones, why) != ERR_OK)
		return;
	for (i = 0; i < phones.count; i++) {
		CHECK(phones_find(&phones, &phones.items[i].mac) == &phones.items[i]);
		label_put_csv(&label, &phones.items[i], "model");
		label_put_zpl(&label, &phones.items[i], "model", NULL);
	}
	buf_free(&label);
	phones_free(&phones);
}

static enum err keep_line(const char *line, size_t len, void *ctx)
{
	buf_put(ctx, line, len);
	buf_put_str(ctx, "\n");
	return ERR_OK;
}

static enum err feed(const uint8_t *bytes, size_t len, size_t cut, struct buf *lines)
{
	struct answer_stream stream = {0};
	enum err err = answer_stream_feed(&stream, bytes, cut, keep_line, lines);

	if (!err)
		err = answer_stream_feed(&stream, bytes + cut, len - cut, keep_line, lines);
	answer_stream_free(&stream);
	return err;
}

static void check_answer(const uint8_t *bytes, size_t len)
{
	struct buf whole = {0}, cut = {0};
	enum err err = feed(bytes, len, 0, &whole), again = feed(bytes, len, len / 2, &cut);

	CHECK((err == ERR_OK) == (again == ERR_OK));
	if (!err)
		CHECK(whole.len == cut.len &&
		      (whole.len == 0 || memcmp(whole.bytes, cut.bytes, cut.len) == 0));
	buf_free(&whole);
	buf_free(&cut);
}

static void check_heads(const uint8_t *bytes, size_t len)
{
	struct signed_audit_head head;
	struct signer_audit_head_is answer;
	struct signer_audit_end end;
	struct buf again = {0};

	if (audit_head_parse_line((const char *)bytes, len, &head) == ERR_OK) {
		audit_head_put_line(&again, &head);
		CHECK(again.len == len + 1);
	}
	buf_clear(&again);
	if (signer_audit_head_is_decode(cursor_of(bytes, len), &answer) == ERR_OK) {
		signer_audit_head_is_encode(&again, &answer);
		CHECK(again.len == len && memcmp(again.bytes, bytes, len) == 0);
	}
	buf_clear(&again);
	if (signer_audit_head_decode(cursor_of(bytes, len), &end) == ERR_OK) {
		signer_audit_head_encode(&again, &end);
		CHECK(again.len == len && memcmp(again.bytes, bytes, len) == 0);
	}
	buf_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	CHECK(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	check_list(text, size);
	check_answer(data, size);
	check_heads(data, size);
	free(text);
	return 0;
}
