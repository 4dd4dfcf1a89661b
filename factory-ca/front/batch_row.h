/*
 * One line of the batch call, in and out: JSON to struct enrolment and back (NDJSON, RFC 8259).
 *
 * Reads what a station sent: strictly, and telling what is wrong with which key, because somebody
 * stands at the line and waits. Pure; runs in the front's workers; of the CSR it looks
 * at subject and key, not at the signature.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_BATCH_ROW_H
#define FIRSTRING_FACTORY_CA_FRONT_BATCH_ROW_H

#include <stddef.h>

#include "common/base/buf.h"
#include "factory-ca/front/enrolment.h"

enum { BATCH_LINE_MAX = 16 * 1024, BATCH_ROWS_MAX = 10000 };

/* 1 when the line holds nothing but white space: no row. */
int batch_row_is_blank(const char *line, size_t len);

/*
 * Reads {"mac","serial_number","csr"}: all three, nothing else, none twice; or, for a key that the
 * signer makes, {"mac","serial_number","key":"server"} and perhaps "key_type". On anything wrong
 * the enrolment becomes an error (bad_row; bad_csr or weak_key for what the CSR holds) with a
 * detail; as much of the MAC as could be read is kept for the answer.
 */
void batch_row_read(const char *line, size_t len, struct enrolment *enrolment);

/* Appends the answer's line with its LF; also the document of one device. */
void batch_row_write(const struct enrolment *enrolment, struct buf *out);

#endif
