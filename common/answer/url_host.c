/* The syntax of host names, internationalised ones included (RFC 5890, RFC 3492). Pure. */
#include "common/answer/url_host.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

enum { LABEL_MAX = 63 };

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The parameters of RFC 3492 section 5. */
enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS = 72, FIRST = 0x80 };

/* RFC 3492 section 6.1. */
static uint32_t punycode_adapt(uint32_t delta, uint32_t points, int first_time)
{
	uint32_t k = 0;

	delta = first_time ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t punycode_threshold(uint32_t k, uint32_t bias)
{
	if (k <= bias)
		return T_MIN;
	return k - bias >= T_MAX ? T_MAX : k - bias;
}

/* One generalised variable-length integer (section 3.3); 0 when it is cut or overflows. */
static int punycode_delta(const char **next, const char *end, uint32_t bias, uint32_t *delta)
{
	uint32_t weight = 1, value = 0;

	for (uint32_t k = BASE;; k += BASE) {
		if (*next == end)
			return 0;
		char c = *(*next)++;
		uint32_t digit =
		    is_digit(c) ? (uint32_t)(c - '0') + 26 : (uint32_t)((c | 0x20) - 'a');
		if (digit >= BASE || digit > (UINT32_MAX - value) / weight)
			return 0;
		value += digit * weight;
		uint32_t threshold = punycode_threshold(k, bias);
		if (digit < threshold) {
			*delta = value;
			return 1;
		}
		if (weight > UINT32_MAX / (BASE - threshold))
			return 0;
		weight *= BASE - threshold;
	}
}

/* Whether what follows "xn--" decodes (section 6.2) to a label that needed encoding. */
static int punycode_is_valid(const char *text, size_t len)
{
	const char *hyphen = memrchr(text, '-', len);
	uint32_t points = hyphen != NULL ? (uint32_t)(hyphen - text) : 0;
	const char *next = hyphen != NULL ? hyphen + 1 : text, *end = text + len;
	uint32_t code_point = FIRST, position = 0, bias = BIAS;

	if (next == end || hyphen == text)
		return 0;
	for (int first_time = 1; next < end; first_time = 0) {
		uint32_t delta;
		if (!punycode_delta(&next, end, bias, &delta) || delta > UINT32_MAX - position)
			return 0;
		uint32_t sum = position + delta;
		points++;
		bias = punycode_adapt(delta, points, first_time);
		if (sum / points > 0x10ffff - code_point)
			return 0;
		code_point += sum / points;
		position = sum % points + 1;
		if (code_point >= 0xd800 && code_point <= 0xdfff)
			return 0;
	}
	return 1;
}

static int label_is_valid(const char *label, size_t len)
{
	if (len == 0 || len > LABEL_MAX || label[0] == '-' || label[len - 1] == '-')
		return 0;
	for (size_t i = 0; i < len; i++) {
		if (!is_letter(label[i]) && !is_digit(label[i]) && label[i] != '-')
			return 0;
	}
	/* RFC 5890 section 2.3.1: "--" in the third place is reserved, and given out to "xn" alone.
	 */
	if (len < 4 || label[2] != '-' || label[3] != '-')
		return 1;
	return strncasecmp(label, "xn", 2) == 0 && punycode_is_valid(label + 4, len - 4);
}

/* 4294967295, 0x7f000001, 0x: what inet_aton reads as a part of an IPv4 address. */
static int label_is_number(const char *label, size_t len)
{
	int hex = len >= 2 && label[0] == '0' && (label[1] | 0x20) == 'x';

	for (size_t i = hex ? 2 : 0; i < len; i++) {
		char low = label[i] | 0x20;
		if (!is_digit(label[i]) && !(hex && low >= 'a' && low <= 'f'))
			return 0;
	}
	return len > 0;
}

static int is_this_host(const char *host, size_t len, const char *last, size_t last_len)
{
	return (last_len == 9 && strncasecmp(last, "localhost", 9) == 0) ||
	       (len == 21 && strncasecmp(host, "localhost.localdomain", 21) == 0);
}

int url_host_is_special_use(const char *host, size_t len)
{
	static const char *const names[] = {
	    "alt", "arpa", "internal", "invalid", "local", "localhost", "onion", "test"};
	const char *dot = memrchr(host, '.', len);
	const char *last = dot != NULL ? dot + 1 : host;
	size_t last_len = len - (size_t)(last - host);

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strlen(names[i]) == last_len && strncasecmp(last, names[i], last_len) == 0)
			return 1;
	}
	return 0;
}

enum url_problem url_host_check(const char *host, size_t len)
{
	if (len == 0)
		return URL_HOST;
	if (host[0] == '[' || memchr(host, ':', len) != NULL)
		return URL_ADDRESS;
	size_t last_len = len;
	if (host[len - 1] == '.')
		last_len--; /* "127.0.0.1." is still an address before it is a bad name */
	const char *dot = memrchr(host, '.', last_len);
	const char *last = dot != NULL ? dot + 1 : host;
	last_len -= (size_t)(last - host);
	if (label_is_number(last, last_len) || is_this_host(host, len, last, last_len))
		return URL_ADDRESS;
	if (len > URL_HOST_MAX || dot == NULL)
		return URL_HOST;
	for (size_t start = 0; start <= len;) {
		const char *stop = memchr(host + start, '.', len - start);
		size_t label_len = stop != NULL ? (size_t)(stop - host) - start : len - start;
		if (!label_is_valid(host + start, label_len))
			return URL_HOST;
		start += label_len + 1;
	}
	return URL_OK;
}
