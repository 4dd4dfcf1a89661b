/*
 * The bytes of a ledger's records and of its head. Pure: what was written is found again, what was
 * altered is not taken for it. Runs in the signer, over files of its own.
 */
#include <string.h>

#include "factory-ca/signer/ledger_file.h"

enum {
	RECORD_MAGIC = 0x464c5231, /* "FLR1" */
	HEAD_MAGIC = 0x464c4831, /* "FLH1" */
	RECORD_BODY_LEN = LEDGER_RECORD_LEN - SHA256_LEN,
	HEAD_BODY_LEN = LEDGER_HEAD_LEN - SHA256_LEN,
};

static void chain_record(uint8_t chain[SHA256_LEN], const uint8_t body[RECORD_BODY_LEN])
{
	uint8_t both[SHA256_LEN + RECORD_BODY_LEN];

	memcpy(both, chain, SHA256_LEN);
	memcpy(both + SHA256_LEN, body, RECORD_BODY_LEN);
	sha256(both, sizeof(both), chain);
}

static void put_u64(uint8_t *to, uint64_t value)
{
	int i;

	for (i = 0; i < 8; i++)
		to[i] = (uint8_t)(value >> (56 - 8 * i));
}

/* Offsets of the fields in a record; what lies between the last and the hash is zero. */
enum {
	AT_MAGIC = 0,
	AT_SEQUENCE = 4,
	AT_ORDER = 12,
	AT_MAC = AT_ORDER + LEDGER_ORDER_ID_LEN,
	AT_SERIAL = AT_MAC + MAC_LEN,
	AT_NOT_BEFORE = AT_SERIAL + SIGNER_SERIAL_LEN,
	AT_SPKI = AT_NOT_BEFORE + 8,
	AT_TEXT_LEN = AT_SPKI + SHA256_LEN,
	AT_TEXT = AT_TEXT_LEN + 1,
	/* Zero in records of before there was re-keying. */
	AT_REPLACES = AT_TEXT + SIGNER_SERIAL_NUMBER_MAX,
	AT_SERVER_KEYS = AT_REPLACES + SIGNER_SERIAL_LEN,
	AT_STATION = AT_SERVER_KEYS + 1,
	AT_AFTER_UNSENT = AT_STATION + LEDGER_STATION_ID_LEN,
	AT_END = AT_AFTER_UNSENT + 1,
};
_Static_assert((int)AT_END <= (int)RECORD_BODY_LEN, "a record has room for its fields");

void ledger_entry_encode(const struct ledger_entry *entry, uint64_t sequence,
    uint8_t chain[SHA256_LEN], uint8_t record[LEDGER_RECORD_LEN])
{
	size_t text_len = strlen(entry->serial_number);

	CHECK(text_len <= SIGNER_SERIAL_NUMBER_MAX);
	memset(record, 0, LEDGER_RECORD_LEN);
	put_u64(record, (uint64_t)RECORD_MAGIC << 32);
	put_u64(record + AT_SEQUENCE, sequence);
	memcpy(record + AT_ORDER, entry->order_id, LEDGER_ORDER_ID_LEN);
	memcpy(record + AT_MAC, entry->mac.octets, MAC_LEN);
	memcpy(record + AT_SERIAL, entry->serial, SIGNER_SERIAL_LEN);
	put_u64(record + AT_NOT_BEFORE, (uint64_t)entry->not_before_unix_s);
	memcpy(record + AT_SPKI, entry->spki_sha256, SHA256_LEN);
	record[AT_TEXT_LEN] = (uint8_t)text_len;
	memcpy(record + AT_TEXT, entry->serial_number, text_len);
	memcpy(record + AT_REPLACES, entry->replaces, SIGNER_SERIAL_LEN);
	record[AT_SERVER_KEYS] = entry->server_keys;
	memcpy(record + AT_STATION, entry->station_id, LEDGER_STATION_ID_LEN);
	record[AT_AFTER_UNSENT] = entry->after_unsent;
	chain_record(chain, record);
	memcpy(record + RECORD_BODY_LEN, chain, SHA256_LEN);
}

static void copy_out(struct cursor *in, void *to, size_t len)
{
	const uint8_t *bytes = cursor_bytes(in, len);

	if (bytes)
		memcpy(to, bytes, len);
}

enum err ledger_entry_decode(const uint8_t record[LEDGER_RECORD_LEN], uint64_t sequence,
    uint8_t chain[SHA256_LEN], struct ledger_entry *entry)
{
	struct cursor in = cursor_of(record, RECORD_BODY_LEN);
	struct ledger_entry found = {0};
	uint8_t next[SHA256_LEN];
	uint32_t record_magic;
	uint64_t number;
	size_t text_len;

	memcpy(next, chain, SHA256_LEN);
	chain_record(next, record);
	if (memcmp(next, record + RECORD_BODY_LEN, SHA256_LEN) != 0)
		return ERR_SIGNATURE;
	record_magic = cursor_u32(&in);
	number = cursor_u64(&in);
	copy_out(&in, found.order_id, LEDGER_ORDER_ID_LEN);
	copy_out(&in, found.mac.octets, MAC_LEN);
	copy_out(&in, found.serial, SIGNER_SERIAL_LEN);
	found.not_before_unix_s = (int64_t)cursor_u64(&in);
	copy_out(&in, found.spki_sha256, SHA256_LEN);
	text_len = cursor_u8(&in);
	if (record_magic != RECORD_MAGIC || number != sequence ||
	    text_len > SIGNER_SERIAL_NUMBER_MAX)
		return ERR_SYNTAX;
	copy_out(&in, found.serial_number, text_len);
	in = cursor_of(record + AT_REPLACES, AT_END - AT_REPLACES);
	copy_out(&in, found.replaces, SIGNER_SERIAL_LEN);
	found.server_keys = cursor_u8(&in);
	copy_out(&in, found.station_id, LEDGER_STATION_ID_LEN);
	found.after_unsent = cursor_u8(&in);
	memcpy(chain, next, SHA256_LEN);
	*entry = found;
	return ERR_OK;
}

void ledger_head_encode(const struct ledger_head *head, uint8_t bytes[LEDGER_HEAD_LEN])
{
	struct buf out = {0};

	buf_put_u32(&out, HEAD_MAGIC);
	buf_put_u64(&out, head->record_count);
	buf_put(&out, head->record_chain, SHA256_LEN);
	buf_put_u64(&out, head->journal_len);
	buf_put(&out, head->journal_chain, SHA256_LEN);
	buf_put_u64(&out, (uint64_t)head->latest_unix_s);
	CHECK(out.len == HEAD_BODY_LEN);
	memcpy(bytes, out.bytes, HEAD_BODY_LEN);
	sha256(bytes, HEAD_BODY_LEN, bytes + HEAD_BODY_LEN);
	buf_free(&out);
}

enum err ledger_head_decode(const uint8_t bytes[LEDGER_HEAD_LEN], struct ledger_head *head)
{
	struct cursor in = cursor_of(bytes, HEAD_BODY_LEN);
	uint8_t digest[SHA256_LEN];

	sha256(bytes, HEAD_BODY_LEN, digest);
	if (memcmp(digest, bytes + HEAD_BODY_LEN, SHA256_LEN) != 0 || cursor_u32(&in) != HEAD_MAGIC)
		return ERR_SIGNATURE;
	head->record_count = cursor_u64(&in);
	copy_out(&in, head->record_chain, SHA256_LEN);
	head->journal_len = cursor_u64(&in);
	copy_out(&in, head->journal_chain, SHA256_LEN);
	head->latest_unix_s = (int64_t)cursor_u64(&in);
	return ERR_OK;
}
