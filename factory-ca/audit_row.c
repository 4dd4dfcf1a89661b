/*
 * The canonical encoding of an audit row. Its input comes from a database that may have been
 * tampered with: nothing in it is believed, everything is hashed. Pure.
 */
#include "factory-ca/audit_row.h"

#include <string.h>

#include "common/base/buf.h"

static const char domain[] = "firstring audit row v1";

const char *audit_field_name(enum audit_field field)
{
	static const char *const names[AUDIT_FIELD_COUNT] = {"actor_kind", "actor_id", "source_ip",
	    "request_id", "action", "object_kind", "object_id", "itsp_id", "before", "after"};

	CHECK(field < AUDIT_FIELD_COUNT);
	return names[field];
}

void audit_row_hash(const struct audit_content *content, int64_t chain_seq,
    const uint8_t prev_hash[SHA256_LEN], uint8_t hash[SHA256_LEN])
{
	struct buf bytes = {0};
	int i;

	buf_put_str(&bytes, domain);
	buf_put(&bytes, prev_hash, SHA256_LEN);
	buf_put_u64(&bytes, (uint64_t)chain_seq);
	buf_put_u64(&bytes, (uint64_t)content->id);
	buf_put_u64(&bytes, (uint64_t)content->at_unix_us);
	for (i = 0; i < AUDIT_FIELD_COUNT; i++) {
		const char *text = content->fields[i];

		buf_put_u8(&bytes, text ? 1 : 0);
		if (!text)
			continue;
		buf_put_u32(&bytes, (uint32_t)strlen(text));
		buf_put_str(&bytes, text);
	}
	CHECK(bytes.err == ERR_OK);
	sha256(bytes.bytes, bytes.len, hash);
	buf_free(&bytes);
}
