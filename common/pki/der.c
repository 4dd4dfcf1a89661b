/*
 * DER (X.690): reader and writer. The reader takes hostile bytes and trusts none of them; the
 * writer is ours and aborts on what only our own mistake can bring about. Pure. It knows no
 * schema: what stands where is the business of csr.c and profile.c.
 */
#include "common/pki/der.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"

/* The length octets of X.690 section 10.1: definite, and the shortest form. Four octets of length
 * are more than any input that we read can have. */
static size_t read_length(struct cursor *in)
{
	uint8_t first = cursor_u8(in);
	size_t octets, length = 0, i;

	if (first < 0x80)
		return first;
	octets = first & 0x7f;
	if (octets == 0 || octets > 4) {
		in->err = ERR_SYNTAX;
		return 0;
	}
	for (i = 0; i < octets; i++)
		length = length << 8 | cursor_u8(in);
	if (length < 0x80 || length >> (8 * (octets - 1)) == 0)
		in->err = ERR_SYNTAX;
	return length;
}

struct der_element der_read_any(struct cursor *in)
{
	const struct der_element nothing = {0};
	struct der_element element = {0};

	if (in->err)
		return nothing;
	element.whole = in->next;
	element.tag = cursor_u8(in);
	/* Multi-byte tags and the reserved tag 0 (end-of-contents) stand in nothing we read. */
	if ((element.tag & 0x1f) == 0x1f || element.tag == 0)
		in->err = ERR_SYNTAX;
	element.content_len = read_length(in);
	element.content = cursor_bytes(in, element.content_len);
	if (in->err)
		return nothing;
	element.whole_len = (size_t)(in->next - element.whole);
	return element;
}

struct der_element der_read(struct cursor *in, uint8_t tag)
{
	const struct der_element nothing = {0};
	struct der_element element = der_read_any(in);

	if (!in->err && element.tag != tag)
		in->err = ERR_SYNTAX;
	return in->err ? nothing : element;
}

uint8_t der_peek(const struct cursor *in)
{
	return in->err || in->next == in->end ? 0 : *in->next;
}

struct cursor der_enter(const struct der_element *element)
{
	struct cursor cursor = cursor_of(element->content, element->content_len);

	/* An element that was not read has nothing to enter: the error goes on. */
	if (!element->whole)
		cursor.err = ERR_SYNTAX;
	return cursor;
}

/* The octets that a length takes after the first one: 0 for the short form. */
static size_t long_form_octets(size_t len)
{
	size_t octets = 0;

	if (len < 0x80)
		return 0;
	for (; len; len >>= 8)
		octets++;
	return octets;
}

size_t der_begin(struct buf *out, uint8_t tag)
{
	buf_put_u8(out, tag);
	buf_put_u8(out, 0);
	return out->len;
}

void der_end(struct buf *out, size_t mark)
{
	static const uint8_t room[sizeof(size_t)];
	size_t len, octets, i;

	if (out->err)
		return;
	CHECK(mark >= 2 && mark <= out->len);
	len = out->len - mark;
	octets = long_form_octets(len);
	if (octets == 0) {
		out->bytes[mark - 1] = (uint8_t)len;
		return;
	}
	buf_put(out, room, octets);
	if (out->err)
		return;
	memmove(out->bytes + mark + octets, out->bytes + mark, len);
	out->bytes[mark - 1] = (uint8_t)(0x80 | octets);
	for (i = 0; i < octets; i++)
		out->bytes[mark + i] = (uint8_t)(len >> (8 * (octets - 1 - i)));
}

void der_put(struct buf *out, uint8_t tag, const void *content, size_t len)
{
	size_t octets = long_form_octets(len);

	buf_put_u8(out, tag);
	if (octets == 0) {
		buf_put_u8(out, (uint8_t)len);
	} else {
		buf_put_u8(out, (uint8_t)(0x80 | octets));
		while (octets-- > 0)
			buf_put_u8(out, (uint8_t)(len >> (8 * octets)));
	}
	buf_put(out, content, len);
}

void der_put_oid(struct buf *out, const uint8_t *content, size_t len)
{
	der_put(out, DER_OID, content, len);
}

void der_put_uint(struct buf *out, const void *bytes, size_t len)
{
	const uint8_t *number = bytes;
	size_t mark;

	while (len > 1 && number[0] == 0) {
		number++;
		len--;
	}
	CHECK(len > 0);
	mark = der_begin(out, DER_INTEGER);
	if (number[0] & 0x80)
		buf_put_u8(out, 0);
	buf_put(out, number, len);
	der_end(out, mark);
}

void der_put_time(struct buf *out, int64_t unix_s)
{
	const int64_t year_1950 = -631152000, year_2050 = 2524608000;
	char text[CLOCK_TEXT_LEN + 1], digits[16];
	size_t i, len = 0;
	int is_utc = unix_s >= year_1950 && unix_s < year_2050;

	/* "2017-05-01T12:34:56Z" without its punctuation is a GeneralizedTime. */
	clock_format_s(unix_s, text);
	for (i = 0; text[i] && len < sizeof(digits); i++)
		if ((text[i] >= '0' && text[i] <= '9') || text[i] == 'Z')
			digits[len++] = text[i];
	CHECK(len == 15);
	if (is_utc)
		der_put(out, DER_UTC_TIME, digits + 2, len - 2);
	else
		der_put(out, DER_GENERALIZED_TIME, digits, len);
}

void der_put_bit_string(struct buf *out, const void *bytes, size_t len)
{
	size_t mark = der_begin(out, DER_BIT_STRING);

	buf_put_u8(out, 0);
	buf_put(out, bytes, len);
	der_end(out, mark);
}
