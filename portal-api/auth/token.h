/*
 * Bearer tokens: "fst_" and 48 lower-case hex digits, of which 160 bits are random and the last
 * 32 are a checksum, so that a token that was truncated or mistyped is refused without asking the
 * database. Only the SHA-256 of a token is stored. Pure but for the CSPRNG.
 */
#ifndef FIRSTRING_PORTAL_AUTH_TOKEN_H
#define FIRSTRING_PORTAL_AUTH_TOKEN_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/pki/digest.h"

enum { TOKEN_TEXT_LEN = 4 + 48 };

/* Writes a new token and a NUL. The caller wipes it. */
void token_generate(char text[TOKEN_TEXT_LEN + 1]);
/* ERR_SYNTAX for what is not spelled as a token, ERR_SIGNATURE for a wrong checksum. */
MUST_CHECK enum err token_check(const char *text, size_t len);
/* What is stored. */
void token_digest(const char text[TOKEN_TEXT_LEN], uint8_t digest[SHA256_LEN]);

/*
 * The token in an Authorization field "Bearer TOKEN" (RFC 6750 section 2.1; the scheme in any
 * case). Borrowed. ERR_SYNTAX for another scheme or shape.
 */
MUST_CHECK enum err token_from_authorization(
    const char *value, size_t len, const char **token, size_t *token_len);

#endif
