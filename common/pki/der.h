/*
 * DER (X.690), just enough to read a CSR and to write a certificate of a fixed profile.
 *
 * The reader takes hostile bytes: definite minimal lengths only, nothing past the end, sticky
 * error. OpenSSL's X.509 API costs five times as much for the same two jobs. Pure.
 */
#ifndef FIRSTRING_PKI_DER_H
#define FIRSTRING_PKI_DER_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_ENUMERATED = 0x0a,
	DER_UTF8_STRING = 0x0c,
	DER_PRINTABLE_STRING = 0x13,
	DER_IA5_STRING = 0x16,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};
/* Context-specific tags. */
#define DER_CONTEXT(number) (0x80 | (number))
#define DER_CONTEXT_CONSTRUCTED(number) (0xa0 | (number))

/* One element: its content, and the whole encoding with tag and length. Borrowed. */
struct der_element {
	uint8_t tag;
	const uint8_t *content;
	size_t content_len;
	const uint8_t *whole;
	size_t whole_len;
};

/* Reads the next element of any tag; ERR in the cursor on malformed input or at the end. */
struct der_element der_read_any(struct cursor *in);
/* The same, and the tag must be `tag`. */
struct der_element der_read(struct cursor *in, uint8_t tag);
/* The tag of the next element without reading it; 0 at the end or after an error. */
uint8_t der_peek(const struct cursor *in);
/* A cursor over the element's content. */
struct cursor der_enter(const struct der_element *element);

/* Writing: children are written between begin and end; the length is put in place by end. */
size_t der_begin(struct buf *out, uint8_t tag);
void der_end(struct buf *out, size_t mark);
void der_put(struct buf *out, uint8_t tag, const void *content, size_t len);
void der_put_oid(struct buf *out, const uint8_t *content, size_t len);
/* An unsigned big-endian integer: leading zeros dropped, a sign octet added where needed. */
void der_put_uint(struct buf *out, const void *bytes, size_t len);
/* UTCTime up to 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). */
void der_put_time(struct buf *out, int64_t unix_s);
/* A BIT STRING with no unused bits. */
void der_put_bit_string(struct buf *out, const void *bytes, size_t len);

#endif
