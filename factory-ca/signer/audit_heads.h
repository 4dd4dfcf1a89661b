/*
 * The signer's memory of the audit chain: the last head that it signed, on disk before it leaves.
 *
 * The front is not believed: a chain that has become shorter, or that ends in another row than it
 * did, gets no signature. That the rows before are the same is for `audit verify` to find out.
 * Runs in the signer.
 */
#ifndef FIRSTRING_FACTORY_CA_SIGNER_AUDIT_HEADS_H
#define FIRSTRING_FACTORY_CA_SIGNER_AUDIT_HEADS_H

#include "factory-ca/signer/keystore.h"
#include "factory-ca/signer/protocol_audit.h"

enum {
	AUDIT_HEADS_WHY_LEN = KEYSTORE_WHY_LEN,
	AUDIT_HEAD_RENEW_S = 3600, /* a chain that rests gets a new head that often */
};

struct audit_heads;

/* Opens, or makes, `audit.head` in the state folder. ERR_SIGNATURE: altered. */
MUST_CHECK enum err audit_heads_open(
    const char *folder, struct audit_heads **heads, char why[AUDIT_HEADS_WHY_LEN]);
/* The last head that the signer of this folder signed, for who may read it; text "" : none yet. */
MUST_CHECK enum err audit_heads_read_last(
    const char *folder, struct signed_audit_head *head, char why[AUDIT_HEADS_WHY_LEN]);
void audit_heads_free(struct audit_heads *heads);

/* Signs with the issuing key, or says why not. ERR_UNAVAILABLE: disk or clock; nothing leaves. */
MUST_CHECK enum err audit_heads_sign(struct audit_heads *heads, struct keystore *store,
    enum ca_key key, const struct fingerprint *issuer, const struct signer_audit_end *end,
    int64_t now_unix_s, struct signer_audit_head_is *answer);

#endif
