/*
 * Private to the HTTP reader: the sets of characters of RFC 9110, RFC 9112 and RFC 3986.
 */
#ifndef FIRSTRING_NET_HTTP1_CHARS_H
#define FIRSTRING_NET_HTTP1_CHARS_H

#include <string.h>

static inline int is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static inline int is_alnum(unsigned char c)
{
	return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* tchar, RFC 9110 section 5.6.2. */
static inline int is_token_char(unsigned char c)
{
	return is_alnum(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Any byte that may stand within a line: field-vchar, SP and HTAB, RFC 9110 section 5.5. */
static inline int is_line_char(unsigned char c)
{
	return c == '\t' || (c >= 0x20 && c != 0x7f);
}

/* pchar, '/' and '?' but for '%', RFC 3986 section 3.3 and 3.4. */
static inline int is_target_char(unsigned char c)
{
	return is_alnum(c) || (c != 0 && strchr("-._~!$&'()*+,;=:@/?", c) != NULL);
}

/* uri-host and port, RFC 3986 section 3.2: their characters, not their structure. */
static inline int is_host_char(unsigned char c)
{
	return is_alnum(c) || (c != 0 && strchr("-._~!$&'()*+,;=:[]%", c) != NULL);
}

/* -1 when it is none. */
static inline int hex_digit(unsigned char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

#endif
