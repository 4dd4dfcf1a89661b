/* Growing byte strings and bounded readers, each with a sticky error. Pure but for malloc. */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/secret.h"

enum { BUF_CAPACITY_MIN = 64 };

void buf_init(struct buf *buf, size_t max)
{
	*buf = (struct buf){.max = max};
}

void buf_free(struct buf *buf)
{
	free(buf->bytes);
	*buf = (struct buf){.max = buf->max};
}

void buf_wipe(struct buf *buf)
{
	if (buf->bytes != NULL)
		bytes_wipe(buf->bytes, buf->capacity);
	buf_free(buf);
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	buf->err = ERR_OK;
	if (buf->bytes != NULL)
		buf->bytes[0] = 0;
}

/* Room for `len` more bytes and a NUL; 0 when the bound forbids it. The old bytes are wiped when
 * they move, since some buffers carry secrets. */
static int buf_reserve(struct buf *buf, size_t len)
{
	size_t max = buf->max != 0 ? buf->max : BUF_MAX_DEFAULT;

	if (buf->err != ERR_OK)
		return 0;
	if (len > max || buf->len > max - len) {
		buf->err = ERR_TOO_LONG;
		return 0;
	}
	size_t need = buf->len + len + 1;
	if (buf->bytes != NULL && need <= buf->capacity)
		return 1;
	size_t capacity = buf->capacity != 0 ? buf->capacity : BUF_CAPACITY_MIN;
	while (capacity < need)
		capacity *= 2;
	uint8_t *bytes = malloc(capacity);
	CHECK(bytes != NULL);
	if (buf->bytes != NULL) {
		memcpy(bytes, buf->bytes, buf->len);
		bytes_wipe(buf->bytes, buf->len);
		free(buf->bytes);
	}
	buf->bytes = bytes;
	buf->capacity = capacity;
	return 1;
}

void buf_put(struct buf *buf, const void *bytes, size_t len)
{
	if (!buf_reserve(buf, len))
		return;
	if (len > 0)
		memcpy(buf->bytes + buf->len, bytes, len);
	buf->len += len;
	buf->bytes[buf->len] = 0;
}

void buf_put_str(struct buf *buf, const char *text)
{
	buf_put(buf, text, strlen(text));
}

void buf_put_u8(struct buf *buf, uint8_t value)
{
	buf_put(buf, &value, 1);
}

void buf_put_u16(struct buf *buf, uint16_t value)
{
	buf_put(buf, (uint8_t[]){(uint8_t)(value >> 8), (uint8_t)value}, 2);
}

void buf_put_u32(struct buf *buf, uint32_t value)
{
	buf_put_u16(buf, (uint16_t)(value >> 16));
	buf_put_u16(buf, (uint16_t)value);
}

void buf_put_u64(struct buf *buf, uint64_t value)
{
	buf_put_u32(buf, (uint32_t)(value >> 32));
	buf_put_u32(buf, (uint32_t)value);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	CHECK(len >= 0);
	if (!buf_reserve(buf, (size_t)len))
		return;
	va_start(args, format);
	vsnprintf((char *)buf->bytes + buf->len, (size_t)len + 1, format, args);
	va_end(args);
	buf->len += (size_t)len;
}

void buf_drop_front(struct buf *buf, size_t len)
{
	CHECK(len <= buf->len);
	if (len == 0)
		return;
	memmove(buf->bytes, buf->bytes + len, buf->len - len);
	buf->len -= len;
	buf->bytes[buf->len] = 0;
}

char *buf_take(struct buf *buf, size_t *len)
{
	if (buf->bytes == NULL) {
		buf_clear(buf);
		buf_put(buf, "", 0);
	}
	char *bytes = (char *)buf->bytes;
	if (len != NULL)
		*len = buf->len;
	*buf = (struct buf){.max = buf->max};
	return bytes;
}

struct cursor cursor_of(const void *bytes, size_t len)
{
	static const uint8_t nothing;
	const uint8_t *next = bytes != NULL ? bytes : &nothing;

	return (struct cursor){.next = next, .end = next + (bytes != NULL ? len : 0)};
}

size_t cursor_left(const struct cursor *cursor)
{
	return (size_t)(cursor->end - cursor->next);
}

const uint8_t *cursor_bytes(struct cursor *cursor, size_t len)
{
	if (cursor->err != ERR_OK || cursor_left(cursor) < len) {
		if (cursor->err == ERR_OK)
			cursor->err = ERR_SYNTAX;
		return NULL;
	}
	const uint8_t *bytes = cursor->next;
	cursor->next += len;
	return bytes;
}

static uint64_t cursor_uint(struct cursor *cursor, size_t len)
{
	const uint8_t *bytes = cursor_bytes(cursor, len);
	uint64_t value = 0;

	for (size_t i = 0; bytes != NULL && i < len; i++)
		value = value << 8 | bytes[i];
	return value;
}

uint8_t cursor_u8(struct cursor *cursor)
{
	return (uint8_t)cursor_uint(cursor, 1);
}

uint16_t cursor_u16(struct cursor *cursor)
{
	return (uint16_t)cursor_uint(cursor, 2);
}

uint32_t cursor_u32(struct cursor *cursor)
{
	return (uint32_t)cursor_uint(cursor, 4);
}

uint64_t cursor_u64(struct cursor *cursor)
{
	return cursor_uint(cursor, 8);
}
