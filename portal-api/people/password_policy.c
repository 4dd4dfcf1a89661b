/* The policy for people's passwords; see password_policy.h. Pure. */
#include "portal-api/people/password_policy.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "common/base/text.h"

/* What the lists of found passwords are full of, at our length or repeated up to it. */
static const char *const WORDS[] = {"password", "passw0rd", "qwertyuiop", "qwerty", "123456789",
    "1234567890", "letmein", "iloveyou", "administrator", "welcome", "firstring"};

static size_t count_characters(const char *text, size_t len)
{
	size_t count = 0;
	for (size_t i = 0; i < len; i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80;
	return count;
}

static int has_few_different(const char *text, size_t len)
{
	uint8_t seen[256] = {0};
	size_t count = 0;
	for (size_t i = 0; i < len; i++) {
		count += !seen[(uint8_t)text[i]];
		seen[(uint8_t)text[i]] = 1;
	}
	return count < 5;
}

/* Little is left when the word is taken away. */
static int is_mostly(const char *password, size_t len, const char *word, size_t word_len)
{
	size_t left = len;
	if (word_len < 4)
		return 0;
	for (size_t i = 0; i + word_len <= len;) {
		if (strncasecmp(password + i, word, word_len) == 0) {
			left -= word_len;
			i += word_len;
		} else {
			i++;
		}
	}
	return left < len && left < 6;
}

const char *person_password_problem(
    const char *password, size_t len, const char *email, const char *name)
{
	if (count_characters(password, len) < PERSON_PASSWORD_MIN)
		return "needs 12 characters or more; a few words in a row are fine.";
	if (len > PERSON_PASSWORD_MAX)
		return "is longer than 128 bytes.";
	if (!text_is_printable_utf8(password, len))
		return "holds a character that cannot be typed everywhere.";
	if (has_few_different(password, len))
		return "repeats a few characters only.";
	for (size_t i = 0; i < sizeof(WORDS) / sizeof(WORDS[0]); i++)
		if (is_mostly(password, len, WORDS[i], strlen(WORDS[i])))
			return "is among those that are tried first.";
	if (is_mostly(password, len, email, strlen(email)) ||
	    is_mostly(password, len, email, strcspn(email, "@")) ||
	    is_mostly(password, len, name, strlen(name)))
		return "is hardly more than your name or address.";
	return NULL;
}
