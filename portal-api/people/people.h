/*
 * What the resources of people share: their own account's document, second factors sealed, new
 * sessions. Runs in a portal worker.
 */
#ifndef FIRSTRING_PORTAL_PEOPLE_PEOPLE_H
#define FIRSTRING_PORTAL_PEOPLE_PEOPLE_H

#include "portal-api/http/request.h"
#include "portal-api/people/totp.h"

/* The call for the account of a session, and the document made of its one row. */
struct pg_call account_call(const char session[SESSION_TEXT_LEN]);
json_t *account_document(const struct request *request, const char session[SESSION_TEXT_LEN],
    const struct pg_rows *rows);

/* Adds a session's digest. */
void session_param(struct pg_params *params, const char session[SESSION_TEXT_LEN]);

/* A second factor as it is stored, bound to its person. */
void second_factor_seal(const struct request *request, const char *user_id,
    const uint8_t secret[TOTP_SECRET_LEN], struct buf *sealed);
/* ERR_NOT_FOUND when the ring lacks the key; ERR_SIGNATURE when it was altered. Logged. */
MUST_CHECK enum err second_factor_open(const struct request *request, const char *user_id,
    const struct buf *sealed, uint8_t secret[TOTP_SECRET_LEN]);

/* 429 with Retry-After. */
void fail_too_many_attempts(struct request *request, int64_t wait_s);
/* The same, where an account's codes of the authenticator are not looked at for a while. */
void fail_too_many_codes(struct request *request, int64_t wait_s);
/* 503: more sign-ins at once than can be worked on. */
void fail_hasher_full(struct request *request);

#endif
