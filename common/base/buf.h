/*
 * Two ways to touch bytes without counting by hand: struct buf grows and is written to,
 * struct cursor reads from bytes that somebody else owns.
 *
 * Both carry a sticky error: after the first failure every further call does nothing, and the
 * caller looks once at the end. Pure but for malloc; out of memory aborts (the parent restarts a
 * worker, state is in PostgreSQL).
 */
#ifndef FIRSTRING_BASE_BUF_H
#define FIRSTRING_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* A growing byte string. Zero-initialise, or buf_init to bound it. `bytes` is always NUL-terminated
 * once something was written (the NUL is not counted), so it can be read as a C string. */
struct buf {
	uint8_t *bytes;
	size_t len;
	size_t capacity;
	size_t max; /* 0: BUF_MAX_DEFAULT */
	enum err err; /* ERR_TOO_LONG once max would be passed */
};

enum { BUF_MAX_DEFAULT = 64 * 1024 * 1024 };

void buf_init(struct buf *buf, size_t max);
/* Frees the bytes; the struct is empty and usable again. */
void buf_free(struct buf *buf);
/* The same, wiping first. For bytes that held a secret. */
void buf_wipe(struct buf *buf);
/* Empties, keeping capacity and clearing the error. */
void buf_clear(struct buf *buf);
void buf_put(struct buf *buf, const void *bytes, size_t len);
void buf_put_str(struct buf *buf, const char *text);
void buf_put_u8(struct buf *buf, uint8_t value);
/* Big-endian. */
void buf_put_u16(struct buf *buf, uint16_t value);
void buf_put_u32(struct buf *buf, uint32_t value);
void buf_put_u64(struct buf *buf, uint64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Removes `len` bytes from the front; len <= buf->len. */
void buf_drop_front(struct buf *buf, size_t len);
/* Gives the bytes (malloc'd, to be freed by the caller; "" never NULL) and empties the buffer. */
char *buf_take(struct buf *buf, size_t *len);

/* A bounded reader over borrowed bytes. */
struct cursor {
	const uint8_t *next;
	const uint8_t *end;
	enum err err; /* ERR_SYNTAX once a read passed the end */
};

struct cursor cursor_of(const void *bytes, size_t len);
size_t cursor_left(const struct cursor *cursor);
/* Each returns 0 / NULL and sets the error when there is not enough left. */
uint8_t cursor_u8(struct cursor *cursor);
uint16_t cursor_u16(struct cursor *cursor);
uint32_t cursor_u32(struct cursor *cursor);
uint64_t cursor_u64(struct cursor *cursor);
const uint8_t *cursor_bytes(struct cursor *cursor, size_t len);

#endif
