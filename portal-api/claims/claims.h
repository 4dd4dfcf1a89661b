/* What the handlers of claims share: the document, and the way from a password to a sealed one. */
#ifndef FIRSTRING_PORTAL_CLAIMS_CLAIMS_H
#define FIRSTRING_PORTAL_CLAIMS_CLAIMS_H

#include "common/base/claim_code.h"
#include "portal-api/claims/carry.h"
#include "portal-api/http/request.h"
#include "portal-api/json/rows.h"

/* The claim as its holder sees it: columns of the view claim_document. */
enum { CLAIM_FIELD_COUNT = 13 };
extern const struct row_field claim_fields[CLAIM_FIELD_COUNT];

/* Answers with the claim in that row. */
void claim_reply(struct request *request, int status, const struct pg_rows *rows, size_t row);

/* The code as typed off a label; NULL: none was sent. What is wrong is added to `errors`. */
void claim_code_read(const char *text, struct claim_code *code, struct field_errors *errors);

/* Answers for an outcome of claim_check and its like that is not a success; the row also tells
 * retry_after_s. */
void claim_refuse(struct request *request, const struct mac *mac, const struct pg_rows *rows,
    size_t row, const char *outcome);

/* A call of claim_get. */
struct pg_call claim_read_call(const struct mac *mac);
struct pg_call profile_read_call(const char *profile_id);

/* What a row of a profile says; borrowed from it. */
void carry_take_profile(struct carry *carry, const struct pg_rows *profile, size_t row);

/*
 * The admin password for a phone: the one supplied, when it is good enough, else a new one; in
 * either case one that the format can carry along with the profile. `carry` is complete but for the
 * password. ERR_REFUSED with errors added.
 */
MUST_CHECK enum err claim_password(const struct portal *portal, const struct carry *carry,
    const char *format_name, const char *supplied, struct secret *password,
    struct field_errors *errors);

/*
 * What depends on the model, for a claim to be: its id and its sealed password, from a row of what
 * tells of the profile and of a check that tells model, format, serial_number, admin_user and
 * password_alphabet; they may be the same. -1 when a problem was answered.
 */
MUST_CHECK int claim_prepare(struct request *request, const struct mac *mac,
    const struct pg_rows *profile, const struct pg_rows *checked, size_t row, const char *supplied,
    struct uuid *claim_id, struct buf *sealed);

/* Seals for that claim. */
void claim_seal(const struct portal *portal, const struct mac *mac, const uint8_t claim_id[16],
    const struct secret *password, struct buf *sealed);
/* Opens a sealed column; 0 when it is null. Logs and returns -1 when it does not open. */
MUST_CHECK int claim_open(const struct request *request, const struct mac *mac,
    const uint8_t claim_id[16], const struct pg_rows *rows, const char *column,
    struct secret *password);

#endif
