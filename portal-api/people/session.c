/* Cookies and tokens against cross-site requests; see session.h. Pure but for the CSPRNG. */
#include "portal-api/people/session.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/secret.h"
#include "common/base/text.h"
#include "portal-api/people/secrets.h"

static const char NAME[] = "__Host-firstring";
static const char CSRF_CONTEXT[] = "firstring csrf v1";

void session_generate(char text[SESSION_TEXT_LEN + 1])
{
	uint8_t bytes[SESSION_TEXT_LEN / 2];
	random_fill(bytes, sizeof(bytes));
	hex_encode_lower(bytes, sizeof(bytes), text);
	bytes_wipe(bytes, sizeof(bytes));
}

void session_digest(const char text[SESSION_TEXT_LEN], uint8_t digest[SHA256_LEN])
{
	sha256(text, SESSION_TEXT_LEN, digest);
}

void session_csrf_token(const char text[SESSION_TEXT_LEN], char token[CSRF_TEXT_LEN + 1])
{
	uint8_t digest[SHA256_LEN];
	hmac_sha256(text, SESSION_TEXT_LEN, CSRF_CONTEXT, sizeof(CSRF_CONTEXT) - 1, digest);
	hex_encode_lower(digest, sizeof(digest), token);
}

int session_csrf_is_right(const char text[SESSION_TEXT_LEN], struct span sent)
{
	char token[CSRF_TEXT_LEN + 1];
	session_csrf_token(text, token);
	return sent.len == CSRF_TEXT_LEN &&
	       bytes_equal_constant_time(sent.text, token, CSRF_TEXT_LEN);
}

enum err session_from_cookie(struct span cookie, char text[SESSION_TEXT_LEN + 1])
{
	const char *at = cookie.text, *end = cookie.text + cookie.len;
	const size_t name_len = sizeof(NAME) - 1;
	while (at < end) {
		const char *stop = memchr(at, ';', (size_t)(end - at));
		if (!stop)
			stop = end;
		size_t len = (size_t)(stop - at);
		if (len == name_len + 1 + SESSION_TEXT_LEN && memcmp(at, NAME, name_len) == 0 &&
		    at[name_len] == '=') {
			memcpy(text, at + name_len + 1, SESSION_TEXT_LEN);
			text[SESSION_TEXT_LEN] = '\0';
			return is_lower_hex(text, SESSION_TEXT_LEN) ? ERR_OK : ERR_NOT_FOUND;
		}
		at = stop + (stop < end);
		while (at < end && *at == ' ')
			at++;
	}
	return ERR_NOT_FOUND;
}

void session_cookie(const char *text, char cookie[SESSION_COOKIE_MAX])
{
	static const char attributes[] = "Path=/; Secure; HttpOnly; SameSite=Strict";
	int len = snprintf(cookie, SESSION_COOKIE_MAX, "%s=%s; %s%s", NAME, text ? text : "",
	    attributes, text ? "" : "; Max-Age=0");
	CHECK(len > 0 && len < SESSION_COOKIE_MAX);
}

int session_origin_is_own(struct span origin, struct span host)
{
	static const char scheme[] = "https://";
	const size_t scheme_len = sizeof(scheme) - 1;
	return host.len > 0 && origin.len == scheme_len + host.len &&
	       memcmp(origin.text, scheme, scheme_len) == 0 &&
	       strncasecmp(origin.text + scheme_len, host.text, host.len) == 0;
}
