/*
 * From a phone's record to the bytes of its file.
 *
 * The record is the database's word, the values in it an ITSP's, checked once when they were stored
 * and again here. The admin password is open only in here. Pure but for the crypto library. Runs in
 * workers.
 */
#ifndef FIRSTRING_REDIRECTOR_ANSWER_H
#define FIRSTRING_REDIRECTOR_ANSWER_H

#include "common/answer/format.h"
#include "common/base/buf.h"
#include "common/base/secret.h"
#include "common/pki/seal.h"
#include "redirector/lookup.h"

/* Appends the body of a claimed phone's file. `stage_url` is NULL for the whole answer; else it is
 * stage one of a staged delivery: our own URL stands in place of the ITSP's, and nothing in the
 * body tells who the ITSP is. On failure nothing is appended and `field` names what the record
 * lacks or the format cannot carry. The caller wipes `out`. */
MUST_CHECK enum err answer_render(const struct format *format, unsigned body,
    const struct lookup_row *row, const struct seal_ring *ring, const char *stage_url,
    struct buf *out, const char **field);

/*
 * The password of the model's other default accounts: letters and digits, derived from the admin
 * password, so that the phone gets the same bytes however often it asks and nobody keeps it.
 * Whoever holds it learns nothing of the admin password (HMAC-SHA256). `other` must be empty.
 */
void answer_other_password(
    const struct mac *mac, const struct secret *admin_password, struct secret *other);

#endif
