/*
 * A row of the audit log as the chain sees it: its canonical encoding and its hash. Pure.
 *
 * The database chains (audit_chain() of sql/migrations/0034), the auditor recomputes with this
 * file: two implementations of one definition, which is in sql/README.md.
 */
#ifndef FIRSTRING_FACTORY_CA_AUDIT_ROW_H
#define FIRSTRING_FACTORY_CA_AUDIT_ROW_H

#include <stdint.h>

#include "common/pki/digest.h"

/* In the order of the encoding. */
enum audit_field {
	AUDIT_ACTOR_KIND,
	AUDIT_ACTOR_ID,
	AUDIT_SOURCE_IP,
	AUDIT_REQUEST_ID,
	AUDIT_ACTION,
	AUDIT_OBJECT_KIND,
	AUDIT_OBJECT_ID,
	AUDIT_ITSP_ID,
	AUDIT_BEFORE,
	AUDIT_AFTER,
	AUDIT_FIELD_COUNT,
};
/* The column's name: "actor_kind", ... */
const char *audit_field_name(enum audit_field field);

struct audit_content {
	int64_t id;
	int64_t at_unix_us;
	const char *fields[AUDIT_FIELD_COUNT]; /* UTF-8; NULL: SQL null */
};

/* Where a row stands, and the hash that it has there. */
struct audit_place {
	int64_t chain_seq;
	uint8_t prev_hash[SHA256_LEN], row_hash[SHA256_LEN];
};

/* The hash of that content at chain_seq behind prev_hash. */
void audit_row_hash(const struct audit_content *content, int64_t chain_seq,
    const uint8_t prev_hash[SHA256_LEN], uint8_t hash[SHA256_LEN]);

#endif
