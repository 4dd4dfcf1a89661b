/*
 * DER in its two suits of armour: PEM (RFC 7468) and bare base64 (RFC 8951 section 2.1). Pure.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_ARMOR_H
#define FIRSTRING_FACTORY_CA_FRONT_ARMOR_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/*
 * A certification request as stations send it: PEM ("CERTIFICATE REQUEST", or the older "NEW
 * CERTIFICATE REQUEST"), or the base64 of its DER with white space anywhere. Appends to `der`,
 * whose max bounds it. ERR_SYNTAX: neither; ERR_TOO_LONG.
 */
MUST_CHECK enum err armor_read_csr(const char *text, size_t len, struct buf *der);

/* Appends "-----BEGIN CERTIFICATE-----", 64 columns, and the end line with its LF. */
void armor_write_certificate(struct buf *out, const void *der, size_t len);

#endif
