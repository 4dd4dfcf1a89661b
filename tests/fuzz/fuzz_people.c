/*
 * What strangers type or send before they are anybody: cookies, origins, codes, links, addresses,
 * passwords. What is taken must be of the one shape that was handed out.
 */
#include <stdlib.h>
#include <string.h>

#include "portal-api/people/email.h"
#include "portal-api/people/password_policy.h"
#include "portal-api/people/secrets.h"
#include "portal-api/people/session.h"
#include "portal-api/people/totp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_session(struct span text)
{
	char session[SESSION_TEXT_LEN + 1];
	if (session_from_cookie(text, session) == ERR_OK) {
		CHECK(strlen(session) == SESSION_TEXT_LEN);
		CHECK(memmem(text.text, text.len, session, SESSION_TEXT_LEN) != NULL);
		CHECK(!session_csrf_is_right(session, text));
	}
	if (session_origin_is_own(text, (struct span){"portal.example", 14}))
		CHECK(text.len == strlen("https://portal.example"));
}

static void check_codes(const char *text, size_t len)
{
	uint8_t digest[SHA256_LEN], secret[TOTP_SECRET_LEN] = {0};
	int64_t step = -1;
	if (totp_find_step(secret, text, len, 1000000000, &step) == ERR_OK)
		CHECK(len >= TOTP_DIGITS && step >= 33333332 && step <= 33333334);
	else
		CHECK(step == -1);
	if (recovery_code_digest(text, len, digest) == ERR_OK)
		CHECK(len >= RECOVERY_SYMBOLS);
	if (link_digest(text, len, digest) == ERR_OK)
		CHECK(len == LINK_TOKEN_LEN);
}

static void check_words(const char *text, size_t len)
{
	char email[EMAIL_MAX + 1];
	if (email_parse(text, len, email) == ERR_OK) {
		const char *at = strchr(email, '@');
		CHECK(strlen(email) == len && at && at != email && !strchr(at + 1, '@') && at[1]);
		for (const char *c = email; *c; c++)
			CHECK(*c > ' ' && *c < 0x7f && !(*c >= 'A' && *c <= 'Z'));
	}
	if (!person_password_problem(text, len, "ada@example.net", "Ada"))
		CHECK(len >= PERSON_PASSWORD_MIN && len <= PERSON_PASSWORD_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* As the callers have it: text of a document ends in a NUL. */
	char *text = malloc(size + 1);
	CHECK(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	check_session((struct span){text, size});
	check_codes(text, size);
	check_words(text, strlen(text));
	free(text);
	return 0;
}
