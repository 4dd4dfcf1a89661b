/*
 * The part of the vocabulary of protocol.h that is about the audit log: the front says where the
 * chain ends, the signer signs a head of its own making, or refuses. Pure.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_PROTOCOL_AUDIT_H
#define FIRSTRING_FACTORY_CA_SIGNER_PROTOCOL_AUDIT_H

#include "factory-ca/audit_head.h"
#include "factory-ca/signer/protocol.h"

struct signer_audit_end {
	uint64_t chain_seq; /* 1.. */
	uint8_t row_hash[SHA256_LEN];
};
void signer_audit_head_encode(struct buf *out, const struct signer_audit_end *end);
MUST_CHECK enum err signer_audit_head_decode(struct cursor in, struct signer_audit_end *end);

enum audit_head_outcome {
	AUDIT_HEAD_SIGNED = 0, /* `last` is new */
	AUDIT_HEAD_SAME = 1, /* the chain ends where `last`, signed before, says */
	AUDIT_HEAD_BACKWARDS = 2, /* refused: `last` names a later row */
	AUDIT_HEAD_FORK = 3, /* refused: `last` names another hash for this row */
	AUDIT_HEAD_OUTCOME_COUNT,
};
/* "signed", "same", "backwards", "fork". */
const char *audit_head_outcome_name(enum audit_head_outcome outcome);

/* The front keeps both heads: the answer that brought `before` may have been lost. */
struct signer_audit_head_is {
	enum audit_head_outcome outcome;
	struct signed_audit_head before, last; /* text "" where there is none */
};
void signer_audit_head_is_encode(struct buf *out, const struct signer_audit_head_is *answer);
MUST_CHECK enum err signer_audit_head_is_decode(
    struct cursor in, struct signer_audit_head_is *answer);

#endif
