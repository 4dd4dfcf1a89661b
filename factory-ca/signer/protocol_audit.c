/* Payloads of SIGNER_AUDIT_HEAD and its answer; each end takes the other's bytes for hostile. Pure;
 * runs in both processes. */
#include "factory-ca/signer/protocol_audit.h"

#include <string.h>

const char *audit_head_outcome_name(enum audit_head_outcome outcome)
{
	static const char *const names[] = {"signed", "same", "backwards", "fork"};

	CHECK(outcome < AUDIT_HEAD_OUTCOME_COUNT);
	return names[outcome];
}

void signer_audit_head_encode(struct buf *out, const struct signer_audit_end *end)
{
	buf_put_u64(out, end->chain_seq);
	buf_put(out, end->row_hash, SHA256_LEN);
}

enum err signer_audit_head_decode(struct cursor in, struct signer_audit_end *end)
{
	struct signer_audit_end found = {.chain_seq = cursor_u64(&in)};
	const uint8_t *hash = cursor_bytes(&in, SHA256_LEN);

	if (!hash || cursor_left(&in) || found.chain_seq == 0 || found.chain_seq > INT64_MAX)
		return ERR_SYNTAX;
	memcpy(found.row_hash, hash, SHA256_LEN);
	*end = found;
	return ERR_OK;
}

static void put_head(struct buf *out, const struct signed_audit_head *head)
{
	buf_put_u16(out, (uint16_t)strlen(head->text));
	buf_put_str(out, head->text);
	buf_put_u16(out, (uint16_t)head->signature_len);
	buf_put(out, head->signature, head->signature_len);
}

static void get_head(struct cursor *in, struct signed_audit_head *head)
{
	size_t text_len = cursor_u16(in), signature_len;
	const uint8_t *text = cursor_bytes(in, text_len), *signature;
	struct audit_head parsed;

	signature_len = cursor_u16(in);
	signature = cursor_bytes(in, signature_len);
	if (in->err || text_len > AUDIT_HEAD_TEXT_MAX || signature_len > AUDIT_HEAD_SIGNATURE_MAX ||
	    (text_len == 0) != (signature_len == 0) ||
	    (text_len && audit_head_parse((const char *)text, text_len, &parsed))) {
		in->err = ERR_SYNTAX;
		return;
	}
	memcpy(head->text, text, text_len);
	memcpy(head->signature, signature, signature_len);
	head->signature_len = signature_len;
}

void signer_audit_head_is_encode(struct buf *out, const struct signer_audit_head_is *answer)
{
	buf_put_u8(out, (uint8_t)answer->outcome);
	put_head(out, &answer->before);
	put_head(out, &answer->last);
}

enum err signer_audit_head_is_decode(struct cursor in, struct signer_audit_head_is *answer)
{
	struct signer_audit_head_is found = {0};
	uint8_t outcome = cursor_u8(&in);

	get_head(&in, &found.before);
	get_head(&in, &found.last);
	if (in.err || cursor_left(&in) || outcome >= AUDIT_HEAD_OUTCOME_COUNT || !*found.last.text)
		return ERR_SYNTAX;
	found.outcome = outcome;
	*answer = found;
	return ERR_OK;
}
