/* Events as bytes: u32 length, u64 of SHA-256 over what follows, the fields in order. Pure. */
#include "redirector/event_record.h"

#include <string.h>

static void put_text(struct buf *out, const char *text)
{
	size_t len = strlen(text);

	buf_put_u8(out, (uint8_t)len);
	buf_put(out, text, len);
}

void event_record_put(const struct event_record *record, struct buf *out)
{
	struct buf fields = {.max = EVENT_RECORD_MAX};
	uint8_t digest[SHA256_LEN];

	buf_put_u8(&fields, record->type);
	buf_put_u64(&fields, (uint64_t)record->at_us);
	buf_put(&fields, record->id, sizeof record->id);
	buf_put(&fields, record->mac.octets, sizeof record->mac.octets);
	put_text(&fields, record->kind);
	put_text(&fields, record->source);
	put_text(&fields, record->detail);
	buf_put_u8(&fields, record->has_claim);
	buf_put(&fields, record->claim_id, sizeof record->claim_id);
	buf_put_u64(&fields, (uint64_t)record->password_version);
	buf_put(&fields, record->fingerprint.bytes, sizeof record->fingerprint.bytes);
	CHECK(fields.err == ERR_OK);
	sha256(fields.bytes, fields.len, digest);
	buf_put_u32(out, (uint32_t)fields.len);
	buf_put(out, digest, EVENT_FRAME_LEN - 4);
	buf_put(out, fields.bytes, fields.len);
	buf_free(&fields);
}

static void take_bytes(struct cursor *cursor, void *bytes, size_t len)
{
	const uint8_t *found = cursor_bytes(cursor, len);

	if (found != NULL)
		memcpy(bytes, found, len);
}

static void take_text(struct cursor *cursor, char *text, size_t size)
{
	size_t len = cursor_u8(cursor);

	if (len >= size) {
		cursor->err = ERR_SYNTAX;
		return;
	}
	take_bytes(cursor, text, len);
	if (strnlen(text, size) != len)
		cursor->err = ERR_SYNTAX;
}

static enum err take_fields(struct cursor cursor, struct event_record *record)
{
	struct event_record read = {.type = cursor_u8(&cursor)};

	read.at_us = (int64_t)cursor_u64(&cursor);
	take_bytes(&cursor, read.id, sizeof read.id);
	take_bytes(&cursor, read.mac.octets, sizeof read.mac.octets);
	take_text(&cursor, read.kind, sizeof read.kind);
	take_text(&cursor, read.source, sizeof read.source);
	take_text(&cursor, read.detail, sizeof read.detail);
	read.has_claim = cursor_u8(&cursor);
	take_bytes(&cursor, read.claim_id, sizeof read.claim_id);
	read.password_version = (int64_t)cursor_u64(&cursor);
	take_bytes(&cursor, read.fingerprint.bytes, sizeof read.fingerprint.bytes);
	if (cursor.err != ERR_OK || cursor_left(&cursor) > 0 ||
	    (read.type != EVENT_DEVICE && read.type != EVENT_SECURITY))
		return ERR_SYNTAX;
	*record = read;
	return ERR_OK;
}

enum err event_record_take(
    const uint8_t *bytes, size_t len, struct event_record *record, size_t *used)
{
	struct cursor cursor = cursor_of(bytes, len);
	uint8_t digest[SHA256_LEN];

	if (len < EVENT_FRAME_LEN)
		return ERR_MORE;
	size_t fields_len = cursor_u32(&cursor);
	const uint8_t *checksum = cursor_bytes(&cursor, EVENT_FRAME_LEN - 4);
	if (fields_len == 0 || fields_len > EVENT_RECORD_MAX)
		return ERR_SYNTAX;
	if (cursor_left(&cursor) < fields_len)
		return ERR_MORE;
	const uint8_t *fields = cursor_bytes(&cursor, fields_len);
	sha256(fields, fields_len, digest);
	if (memcmp(digest, checksum, EVENT_FRAME_LEN - 4) != 0)
		return ERR_SIGNATURE;
	enum err err = take_fields(cursor_of(fields, fields_len), record);
	if (err == ERR_OK)
		*used = EVENT_FRAME_LEN + fields_len;
	return err;
}
