/*
 * What the signer signs of the audit log: at this time the chain ended in this row. Pure.
 *
 * One line of text, so that it can be kept in a table, in a file, on paper:
 *
 *     firstring audit head v1 seq=1234 row=<hex> at=2017-05-01T12:34:56Z issuer=<hex>
 * previous=<hex>
 *
 * issuer is the SHA-256 of the certificate whose key signs, previous that of the head before this
 * one (zeros for a signer's first): heads are a chain themselves, so that none can be left out. The
 * text begins with no byte that DER begins with, so that a signature over it is none over a
 * certificate or a CRL. In a file the signature follows: " signature=<hex>".
 */
#ifndef FIRSTRING_FACTORY_CA_AUDIT_HEAD_H
#define FIRSTRING_FACTORY_CA_AUDIT_HEAD_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/pki/digest.h"

enum { AUDIT_HEAD_TEXT_MAX = 320, AUDIT_HEAD_SIGNATURE_MAX = 160, AUDIT_HEAD_LINE_MAX = 700 };

struct audit_head {
	uint64_t chain_seq; /* 1.. */
	uint8_t row_hash[SHA256_LEN];
	int64_t at_unix_s;
	struct fingerprint issuer;
	uint8_t previous[SHA256_LEN];
};

/* A head and who answers for it. */
struct signed_audit_head {
	char text[AUDIT_HEAD_TEXT_MAX + 1]; /* "" : none */
	uint8_t signature[AUDIT_HEAD_SIGNATURE_MAX]; /* ECDSA with SHA-256, DER */
	size_t signature_len;
};

void audit_head_write(const struct audit_head *head, char text[AUDIT_HEAD_TEXT_MAX + 1]);
/* ERR_SYNTAX for anything but exactly what audit_head_write() writes. */
MUST_CHECK enum err audit_head_parse(const char *text, size_t len, struct audit_head *head);
/* What the next head calls `previous`. */
void audit_head_digest(const char *text, uint8_t digest[SHA256_LEN]);

/* A line of the file, with its newline; and back, without it. */
void audit_head_put_line(struct buf *out, const struct signed_audit_head *head);
MUST_CHECK enum err audit_head_parse_line(
    const char *line, size_t len, struct signed_audit_head *head);

#endif
