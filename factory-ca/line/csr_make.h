/* The CSR of a phone whose key we hold, as a row of the batch call. Pure. */
#ifndef FIRSTRING_FACTORY_CA_LINE_CSR_MAKE_H
#define FIRSTRING_FACTORY_CA_LINE_CSR_MAKE_H

#include <openssl/evp.h>

#include "common/base/buf.h"
#include "common/pki/key_type.h"
#include "factory-ca/line/phones.h"

/* Appends PKCS#10 (DER) with CN = MAC and serialNumber, signed with the key. */
void csr_make(const struct line_phone *phone, EVP_PKEY *key, struct buf *der);
/* A CSR from a file, PEM or DER, as DER. ERR_SYNTAX. */
MUST_CHECK enum err csr_from_file(const struct buf *file, struct buf *der);
/* Appends {"mac","serial_number","key":"server","key_type"} and LF. */
void csr_put_server_row(const struct line_phone *phone, enum key_type type, struct buf *rows);
/* Appends {"mac","serial_number","csr"} and LF. */
void csr_put_row(const struct line_phone *phone, const struct buf *der, struct buf *rows);

#endif
