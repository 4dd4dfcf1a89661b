/* What a provisioning URL may be: see url_policy.h. Templates come from ITSPs; nothing is resolved
 * or fetched. Pure. */
#include "common/answer/url_policy.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/answer/url_host.h"
#include "common/base/text.h"

static const struct {
	const char *code, *text;
} PROBLEMS[URL_PROBLEM_COUNT] = {
    [URL_OK] = {"ok", "it is fine"},
    [URL_SYNTAX] = {"url_syntax", "is not a URL of RFC 3986: no spaces, control or non-ASCII "
				  "characters, no '#', and '%' only "
				  "before two hex digits"},
    [URL_TOO_LONG] = {"url_too_long", "is longer than 1024 characters"},
    [URL_NOT_HTTPS] = {"not_https", "must begin with https://"},
    [URL_USER_INFO] = {"user_info", "must not hold a user name or password before the host"},
    [URL_ADDRESS] = {"address_literal", "must name a host, not an address or localhost"},
    [URL_HOST] = {"bad_host", "needs a fully qualified host name"},
    [URL_PORT] = {"bad_port", "has a port that is not in 1..65535"},
    [URL_NOT_APPROVED] = {"host_not_approved",
	"names a host that is not in a domain approved for this ITSP"},
    [URL_FIELD] = {"bad_field",
	"may hold {mac}, {MAC}, {serial} and {model} only, and only after the host and port"},
};

const char *url_problem_code(enum url_problem problem)
{
	CHECK(problem < URL_PROBLEM_COUNT);
	return PROBLEMS[problem].code;
}

const char *url_problem_text(enum url_problem problem)
{
	CHECK(problem < URL_PROBLEM_COUNT);
	return PROBLEMS[problem].text;
}

static const char SCHEME[] = "https://";
enum { SCHEME_LEN = sizeof(SCHEME) - 1 };

enum field { FIELD_NONE, FIELD_MAC_LOWER, FIELD_MAC_UPPER, FIELD_SERIAL, FIELD_MODEL };

static const struct {
	const char *text;
	enum field field;
} FIELDS[] = {
    {"{mac}", FIELD_MAC_LOWER},
    {"{MAC}", FIELD_MAC_UPPER},
    {"{serial}", FIELD_SERIAL},
    {"{model}", FIELD_MODEL},
};

/* The field that begins at `text`, and its length with the braces. */
static enum field field_at(const char *text, size_t len, size_t *field_len)
{
	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(FIELDS[0]); i++) {
		size_t each = strlen(FIELDS[i].text);
		if (len >= each && memcmp(text, FIELDS[i].text, each) == 0) {
			*field_len = each;
			return FIELDS[i].field;
		}
	}
	return FIELD_NONE;
}

/* What may stand in path and query besides fields and escapes (RFC 3986 sections 3.3 and 3.4). */
static int is_path_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("-._~!$&'()*+,;=:@/?", c) != NULL);
}

static enum url_problem path_check(const char *path, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (path[i] == '{') {
			size_t field_len;
			if (field_at(path + i, len - i, &field_len) == FIELD_NONE)
				return URL_FIELD;
			i += field_len - 1;
		} else if (path[i] == '}') {
			return URL_FIELD;
		} else if (path[i] == '%') {
			uint8_t octet;
			if (len - i < 3 || hex_decode(path + i + 1, 2, &octet, 1) != ERR_OK)
				return URL_SYNTAX;
			/* An escaped line end is a line end to a phone that decodes too early. */
			if (octet < 0x20 || octet == 0x7f)
				return URL_SYNTAX;
			i += 2;
		} else if (!is_path_character(path[i])) {
			return URL_SYNTAX;
		}
	}
	return URL_OK;
}

static enum url_problem port_check(const char *port, size_t len)
{
	uint64_t number;

	if (number_parse(port, len, UINT16_MAX, &number) != ERR_OK || number == 0)
		return URL_PORT;
	return URL_OK;
}

static enum url_problem authority_check(
    const char *authority, size_t len, const char *const *domains, size_t domain_count)
{
	if (memchr(authority, '@', len) != NULL)
		return URL_USER_INFO;
	if (memchr(authority, '{', len) != NULL || memchr(authority, '}', len) != NULL)
		return URL_FIELD;
	if (len > 0 && authority[0] == '[')
		return URL_ADDRESS;
	const char *colon = memchr(authority, ':', len);
	size_t host_len = colon != NULL ? (size_t)(colon - authority) : len;
	enum url_problem problem = url_host_check(authority, host_len);
	if (problem != URL_OK)
		return problem;
	if (colon != NULL && port_check(colon + 1, len - host_len - 1) != URL_OK)
		return URL_PORT;
	for (size_t i = 0; i < domain_count; i++) {
		if (url_host_matches(authority, host_len, domains[i]))
			return URL_OK;
	}
	return URL_NOT_APPROVED;
}

static size_t authority_len(const char *text, size_t len)
{
	size_t end = 0;

	while (end < len && text[end] != '/' && text[end] != '?' && text[end] != '#' &&
	       text[end] != '\\')
		end++;
	return end;
}

enum url_problem url_policy_check(
    const char *url_template, size_t len, const char *const *domains, size_t domain_count)
{
	if (len > URL_TEMPLATE_MAX)
		return URL_TOO_LONG;
	for (size_t i = 0; i < len; i++) {
		if (url_template[i] <= 0x20 || url_template[i] > 0x7e)
			return URL_SYNTAX;
	}
	if (len < SCHEME_LEN || strncasecmp(url_template, SCHEME, SCHEME_LEN) != 0)
		return URL_NOT_HTTPS;
	const char *authority = url_template + SCHEME_LEN;
	size_t left = len - SCHEME_LEN, end = authority_len(authority, left);
	enum url_problem problem = authority_check(authority, end, domains, domain_count);
	if (problem != URL_OK)
		return problem;
	return path_check(authority + end, left - end);
}

int url_host_matches(const char *host, size_t host_len, const char *domain)
{
	size_t domain_len = strlen(domain);

	if (domain_len == 0 || host_len < domain_len)
		return 0;
	size_t front = host_len - domain_len;
	return strncasecmp(host + front, domain, domain_len) == 0 &&
	       (front == 0 || host[front - 1] == '.');
}

enum err url_domain_normalise(const char *text, size_t len, char *normal)
{
	if (url_host_check(text, len) != URL_OK)
		return ERR_SYNTAX;
	for (size_t i = 0; i < len; i++)
		normal[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 0x20) : text[i];
	normal[len] = '\0';
	return ERR_OK;
}

/* All but the unreserved characters of RFC 3986 section 2.3 are escaped. ERR_SYNTAX for control
 * characters: escaped they would be refused in a template, and no value may bring one in. */
static enum err put_percent_encoded(struct buf *out, const char *text)
{
	CHECK(text != NULL);
	for (; *text != '\0'; text++) {
		char c = *text;
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return ERR_SYNTAX;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		    strchr("-._~", c) != NULL)
			buf_put_u8(out, (uint8_t)c);
		else
			buf_printf(out, "%%%02X", (unsigned)(uint8_t)c);
	}
	return ERR_OK;
}

static enum err put_field(struct buf *out, enum field field, const struct url_fields *fields)
{
	char mac[MAC_TEXT_LEN + 1];

	switch (field) {
	case FIELD_MAC_LOWER:
		mac_format_lower(&fields->mac, mac);
		buf_put_str(out, mac);
		break;
	case FIELD_MAC_UPPER:
		mac_format(&fields->mac, mac);
		buf_put_str(out, mac);
		break;
	case FIELD_SERIAL:
		return put_percent_encoded(out, fields->serial);
	case FIELD_MODEL:
		return put_percent_encoded(out, fields->model);
	case FIELD_NONE:
		break;
	}
	return ERR_OK;
}

enum err url_expand(const char *url_template, const struct url_fields *fields, struct buf *out)
{
	size_t len = strlen(url_template), start = out->len, field_len;
	enum err err = ERR_OK;

	if (len < SCHEME_LEN || strncasecmp(url_template, SCHEME, SCHEME_LEN) != 0)
		return ERR_SYNTAX;
	size_t path = SCHEME_LEN + authority_len(url_template + SCHEME_LEN, len - SCHEME_LEN);
	if (path_check(url_template + path, len - path) != URL_OK)
		return ERR_SYNTAX;
	buf_put_str(out, SCHEME);
	buf_put(out, url_template + SCHEME_LEN, path - SCHEME_LEN);
	for (size_t i = path; err == ERR_OK && i < len; i++) {
		if (url_template[i] != '{') {
			buf_put_u8(out, (uint8_t)url_template[i]);
			continue;
		}
		err = put_field(out, field_at(url_template + i, len - i, &field_len), fields);
		i += field_len - 1;
	}
	if (err == ERR_OK)
		err = out->err;
	if (err != ERR_OK && out->len > start) {
		out->len = start;
		out->bytes[start] = 0;
	}
	return err;
}
