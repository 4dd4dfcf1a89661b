/*
 * A session's texts: the cookie that a browser keeps, and the token against cross-site requests
 * that is made of it. Only the cookie's SHA-256 is stored. Pure but for the CSPRNG.
 */
#ifndef FIRSTRING_PORTAL_PEOPLE_SESSION_H
#define FIRSTRING_PORTAL_PEOPLE_SESSION_H

#include "common/base/err.h"
#include "common/net/http1.h"
#include "common/pki/digest.h"

enum {
	SESSION_TEXT_LEN = 64, /* 256 random bits as lower-case hex */
	CSRF_TEXT_LEN = 64,
	SESSION_COOKIE_MAX = 192, /* of a Set-Cookie value */
};

/* Writes a new session's text and a NUL. The caller wipes it. */
void session_generate(char text[SESSION_TEXT_LEN + 1]);
void session_digest(const char text[SESSION_TEXT_LEN], uint8_t digest[SHA256_LEN]);
/* The value of X-CSRF-Token that goes with the session. */
void session_csrf_token(const char text[SESSION_TEXT_LEN], char token[CSRF_TEXT_LEN + 1]);
/* Whether what was sent is that value; in constant time. */
int session_csrf_is_right(const char text[SESSION_TEXT_LEN], struct span sent);

/* The session of a Cookie field; ERR_NOT_FOUND when it has none, or none of the right shape. */
MUST_CHECK enum err session_from_cookie(struct span cookie, char text[SESSION_TEXT_LEN + 1]);
/* The Set-Cookie value: __Host-, for https and this host alone, unseen by scripts and never sent
 * along from other sites. NULL takes it back. */
void session_cookie(const char *text, char cookie[SESSION_COOKIE_MAX]);
/* Whether an Origin field names the host that was asked. */
int session_origin_is_own(struct span origin, struct span host);

#endif
