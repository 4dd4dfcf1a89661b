/*
 * What people are handed once: the token of a one-time link, and recovery codes. Only SHA-256s of
 * them are stored: both are random. Pure but for the CSPRNG.
 */
#ifndef FIRSTRING_PORTAL_PEOPLE_SECRETS_H
#define FIRSTRING_PORTAL_PEOPLE_SECRETS_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/pki/digest.h"

enum {
	LINK_TOKEN_LEN = 64, /* 256 random bits as lower-case hex */
	LINK_PATH_MAX = 96,
	RECOVERY_CODES = 10,
	RECOVERY_SYMBOLS = 16, /* 80 random bits */
	RECOVERY_TEXT_LEN = RECOVERY_SYMBOLS + 3, /* in four groups */
};

/* Whether these are hex digits in lower case, the only spelling of what is handed out. */
int is_lower_hex(const char *text, size_t len);

/* Writes the link's path on the portal, its token behind '#', where no server sees it; and what is
 * stored. The caller wipes the path. */
void link_generate(char path[LINK_PATH_MAX], uint8_t digest[SHA256_LEN]);
/* What is stored of a link's token; ERR_SYNTAX for what is none. */
MUST_CHECK enum err link_digest(const char *token, size_t len, uint8_t digest[SHA256_LEN]);

/* Writes "ABCD-EFGH-JKMN-PQRS" and what is stored. The caller wipes the text. */
void recovery_code_generate(char text[RECOVERY_TEXT_LEN + 1], uint8_t digest[SHA256_LEN]);
/* What is stored of a code as people type it: any case, hyphens and spaces ignored, O read as 0, I
 * and L as 1. ERR_SYNTAX for what is none. */
MUST_CHECK enum err recovery_code_digest(const char *text, size_t len, uint8_t digest[SHA256_LEN]);

#endif
