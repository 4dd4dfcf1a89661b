/*
 * Heads of the audit chain as text. What is parsed may come from a file or table that somebody
 * altered; whether a signature holds is for the caller to find out. Pure.
 */
#include "factory-ca/audit_head.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/text.h"

static const char signature_word[] = " signature=";

void audit_head_write(const struct audit_head *head, char text[AUDIT_HEAD_TEXT_MAX + 1])
{
	char row[2 * SHA256_LEN + 1], issuer[2 * SHA256_LEN + 1], previous[2 * SHA256_LEN + 1];
	char at[CLOCK_TEXT_LEN + 1];
	int len;

	hex_encode_lower(head->row_hash, SHA256_LEN, row);
	hex_encode_lower(head->issuer.bytes, SHA256_LEN, issuer);
	hex_encode_lower(head->previous, SHA256_LEN, previous);
	clock_format_s(head->at_unix_s, at);
	len = snprintf(text, AUDIT_HEAD_TEXT_MAX + 1,
	    "firstring audit head v1 seq=%" PRIu64 " row=%s at=%s issuer=%s previous=%s",
	    head->chain_seq, row, at, issuer, previous);
	CHECK(len > 0 && len <= AUDIT_HEAD_TEXT_MAX);
}

/* Takes `word` and the value up to the next space or the end. */
static struct cursor take_value(struct cursor *in, const char *word)
{
	size_t word_len = strlen(word);
	const uint8_t *found = cursor_bytes(in, word_len), *start = in->next;

	if (!found || memcmp(found, word, word_len) != 0)
		in->err = ERR_SYNTAX;
	while (!in->err && in->next < in->end && *in->next != ' ')
		in->next++;
	return cursor_of(start, in->err ? 0 : (size_t)(in->next - start));
}

static void take_hash(struct cursor *in, const char *word, uint8_t hash[SHA256_LEN])
{
	struct cursor value = take_value(in, word);

	if (hex_decode((const char *)value.next, cursor_left(&value), hash, SHA256_LEN))
		in->err = ERR_SYNTAX;
}

enum err audit_head_parse(const char *text, size_t len, struct audit_head *head)
{
	char again[AUDIT_HEAD_TEXT_MAX + 1];
	struct cursor in = cursor_of(text, len), value;
	struct audit_head found = {0};
	int64_t at_us = 0;

	value = take_value(&in, "firstring audit head v1 seq=");
	if (number_parse(
		(const char *)value.next, cursor_left(&value), INT64_MAX, &found.chain_seq) ||
	    found.chain_seq == 0)
		in.err = ERR_SYNTAX;
	take_hash(&in, " row=", found.row_hash);
	value = take_value(&in, " at=");
	if (clock_parse((const char *)value.next, cursor_left(&value), &at_us))
		in.err = ERR_SYNTAX;
	found.at_unix_s = at_us / 1000000;
	take_hash(&in, " issuer=", found.issuer.bytes);
	take_hash(&in, " previous=", found.previous);
	if (in.err)
		return ERR_SYNTAX;
	/* One spelling only. */
	audit_head_write(&found, again);
	if (strlen(again) != len || memcmp(again, text, len) != 0)
		return ERR_SYNTAX;
	*head = found;
	return ERR_OK;
}

void audit_head_digest(const char *text, uint8_t digest[SHA256_LEN])
{
	sha256(text, strlen(text), digest);
}

void audit_head_put_line(struct buf *out, const struct signed_audit_head *head)
{
	char hex[2 * AUDIT_HEAD_SIGNATURE_MAX + 1];

	CHECK(head->signature_len <= AUDIT_HEAD_SIGNATURE_MAX);
	hex_encode_lower(head->signature, head->signature_len, hex);
	buf_printf(out, "%s%s%s\n", head->text, signature_word, hex);
}

enum err audit_head_parse_line(const char *line, size_t len, struct signed_audit_head *head)
{
	const char *mark = memmem(line, len, signature_word, strlen(signature_word));
	struct signed_audit_head found = {0};
	struct audit_head parsed;
	const char *hex;
	size_t text_len, hex_len;

	if (!mark)
		return ERR_SYNTAX;
	text_len = (size_t)(mark - line);
	hex = mark + strlen(signature_word);
	hex_len = len - text_len - strlen(signature_word);
	if (text_len > AUDIT_HEAD_TEXT_MAX || audit_head_parse(line, text_len, &parsed) ||
	    hex_len == 0 || hex_len % 2 || hex_len / 2 > AUDIT_HEAD_SIGNATURE_MAX ||
	    hex_decode(hex, hex_len, found.signature, hex_len / 2))
		return ERR_SYNTAX;
	memcpy(found.text, line, text_len);
	found.signature_len = hex_len / 2;
	*head = found;
	return ERR_OK;
}
