/*
 * Scopes: what a bearer token may do, as bits. Pure.
 *
 * A token belongs either to one ITSP or to the manufacturer (its audience), and a scope to one of
 * the two: a token with a scope of the other audience cannot be made.
 */
#ifndef FIRSTRING_PORTAL_AUTH_SCOPE_H
#define FIRSTRING_PORTAL_AUTH_SCOPE_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum audience { AUDIENCE_ITSP, AUDIENCE_MANUFACTURER };

enum scope {
	SCOPE_CLAIMS_READ = 1 << 0,
	SCOPE_CLAIMS_WRITE = 1 << 1,
	SCOPE_CLAIMS_REVEAL = 1 << 2,
	SCOPE_PROFILES_WRITE = 1 << 3,
	SCOPE_EVENTS_READ = 1 << 4,
	SCOPE_TOKENS_WRITE = 1 << 5,
	SCOPE_ADMIN_READ = 1 << 6,
	SCOPE_ADMIN_WRITE = 1 << 7,
	SCOPE_USERS_WRITE = 1 << 8, /* of people only: no token may make a person that may more */
};
enum { SCOPE_COUNT = 9, SCOPES_TEXT_MAX = 128 };

/* One scope's name such as "claims:read"; `index` is the bit's number. */
const char *scope_name(unsigned index);
/* ERR_NOT_FOUND for a name that is no scope. */
MUST_CHECK enum err scope_parse(const char *name, size_t len, enum scope *scope);
/* The scopes that there are for that audience. */
uint32_t scopes_of_audience(enum audience audience);
/* Those of them that a token may hold. */
uint32_t scopes_of_tokens(enum audience audience);
/* The names in the set, joined by spaces (RFC 6749 section 3.3). */
void scopes_format(uint32_t scopes, char text[SCOPES_TEXT_MAX]);

#endif
