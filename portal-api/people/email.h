/* A person's address, as a name to sign in with. Pure. */
#ifndef FIRSTRING_PORTAL_PEOPLE_EMAIL_H
#define FIRSTRING_PORTAL_PEOPLE_EMAIL_H

#include <stddef.h>

#include "common/base/err.h"

enum { EMAIL_MAX = 254 /* RFC 5321 section 4.5.3.1.3 */ };

/* Any text in lower case, as it is compared; cut at EMAIL_MAX bytes. Returns the length. */
size_t email_fold(const char *text, size_t len, char email[EMAIL_MAX + 1]);
/*
 * Something, one @, something; no space, quotes or brackets, ASCII only; in lower case. Whether it
 * is anybody's is not for us to find out: nothing is sent there. ERR_SYNTAX, ERR_TOO_LONG.
 */
MUST_CHECK enum err email_parse(const char *text, size_t len, char email[EMAIL_MAX + 1]);

#endif
