/*
 * Why a certificate was revoked: the CRLReason of RFC 5280 section 5.3.1, by the name that
 * statements, the database and the command line use. Pure.
 *
 * Left out: certificateHold and removeFromCRL (a revocation here is for good), the CAs' own
 * compromises and aACompromise.
 */
#ifndef FIRSTRING_PKI_REVOCATION_H
#define FIRSTRING_PKI_REVOCATION_H

#include <stddef.h>

#include "common/base/err.h"

/* The values are those of CRLReason. */
enum revocation_reason {
	REVOCATION_UNSPECIFIED = 0,
	REVOCATION_KEY_COMPROMISE = 1,
	REVOCATION_AFFILIATION_CHANGED = 3,
	REVOCATION_SUPERSEDED = 4,
	REVOCATION_CESSATION_OF_OPERATION = 5,
	REVOCATION_PRIVILEGE_WITHDRAWN = 9,
};

/* "unspecified", "keyCompromise", ...; for a value that is none of these, NULL. */
const char *revocation_reason_name(enum revocation_reason reason);
/* ERR_SYNTAX: no such name. */
MUST_CHECK enum err revocation_reason_parse(
    const char *text, size_t len, enum revocation_reason *reason);

/* All names with commas, for messages. */
#define REVOCATION_REASON_NAMES                                                                    \
	"unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation, "       \
	"privilegeWithdrawn"

#endif
