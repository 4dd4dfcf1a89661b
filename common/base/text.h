/*
 * Spellings of bytes: hex, base64, numbers. Pure, strict, bounded.
 */
#ifndef FIRSTRING_BASE_TEXT_H
#define FIRSTRING_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/buf.h"
#include "common/base/err.h"

/* Upper-case hex of len bytes and a NUL: text holds 2 * len + 1. */
void hex_encode(const void *bytes, size_t len, char *text);
void hex_encode_lower(const void *bytes, size_t len, char *text);
/* Exactly 2 * len digits of either case. */
MUST_CHECK enum err hex_decode(const char *text, size_t text_len, void *bytes, size_t len);

/* Base64 (RFC 4648 section 4). `columns` > 0 breaks lines with LF (64 for PEM, 76 for MIME). */
void base64_encode(struct buf *out, const void *bytes, size_t len, size_t columns);
/* Accepts any ASCII white space between symbols (RFC 8951 section 2.1); strict padding. */
MUST_CHECK enum err base64_decode(const char *text, size_t text_len, struct buf *out);
/* Base64url without padding (RFC 4648 section 5). */
void base64url_encode(struct buf *out, const void *bytes, size_t len);

/* A decimal of digits only (no sign, no space, no leading zero but "0" itself), at most max. */
MUST_CHECK enum err number_parse(const char *text, size_t len, uint64_t max, uint64_t *number);

/* Reads the code point that `text` begins with; the number of bytes it took, 0 when they are not
 * well-formed UTF-8 (RFC 3629: shortest form, no surrogates). */
size_t utf8_decode(const char *text, size_t len, uint32_t *code_point);

/* 1 when the bytes are well-formed UTF-8 without control characters below 0x20 and 0x7f.
 */
int text_is_printable_utf8(const char *text, size_t len);

/* Fills with bytes of the kernel's CSPRNG (getrandom); aborts if it fails, which it does not. */
void random_fill(void *bytes, size_t len);
/* Uniform in [0, bound), bound > 0. */
uint32_t random_below(uint32_t bound);

#endif
