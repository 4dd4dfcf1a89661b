/* Making and judging admin passwords. Pure but for the kernel's CSPRNG; an ITSP's password is
 * judged as it came and kept nowhere. */
#include "common/answer/password.h"

#include <string.h>

#include "common/base/mac.h"
#include "common/base/text.h"

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

enum { RUN_LEN = 6, DISTINCT_MIN = 6, SERIAL_LEN_MIN = 4 };

static int is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static int is_upper(char c)
{
	return c >= 'A' && c <= 'Z';
}

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int has_all_classes(const char *text, size_t len)
{
	int upper = 0, lower = 0, digit = 0;

	for (size_t i = 0; i < len; i++) {
		upper |= is_upper(text[i]);
		lower |= is_lower(text[i]);
		digit |= is_digit(text[i]);
	}
	return upper && lower && digit;
}

int password_alphabet_is_good(const char *alphabet)
{
	return alphabet[strspn(alphabet, ALPHABET)] == '\0' &&
	       has_all_classes(alphabet, strlen(alphabet));
}

enum err password_generate(size_t length, struct secret *password)
{
	return password_generate_of(ALPHABET, length, password);
}

enum err password_generate_of(const char *alphabet, size_t length, struct secret *password)
{
	const char *letters = alphabet ? alphabet : ALPHABET;
	unsigned count = (unsigned)strlen(letters);
	if (!password_alphabet_is_good(letters))
		return ERR_REFUSED;
	if (length < PASSWORD_LEN_MIN || length > PASSWORD_LEN_MAX)
		return ERR_RANGE;
	secret_alloc(password, length);
	/* Drawing the whole string again, not mending it, keeps all that are left equally likely.
	 */
	do {
		for (size_t i = 0; i < length; i++)
			password->bytes[i] = (uint8_t)letters[random_below(count)];
	} while (!has_all_classes((const char *)password->bytes, length));
	return ERR_OK;
}

static const struct {
	const char *code, *text;
} PROBLEMS[] = {
    [PASSWORD_OK] = {"ok", "it is fine"},
    [PASSWORD_SHORT] = {"password_short", "needs at least 12 characters"},
    [PASSWORD_LONG] = {"password_long", "must not have more than 64 characters"},
    [PASSWORD_CLASSES] = {"password_classes",
	"needs an upper-case letter, a lower-case letter and a digit"},
    [PASSWORD_SYMBOL] = {"password_symbol", "must be of the letters A-Z, a-z and digits only"},
    [PASSWORD_GUESSABLE] = {"password_guessable",
	"must not hold the MAC, the serial number or a run such as 123456, and needs six different "
	"characters"},
};

const char *password_problem_code(enum password_problem problem)
{
	CHECK(problem <= PASSWORD_GUESSABLE);
	return PROBLEMS[problem].code;
}

const char *password_problem_text(enum password_problem problem)
{
	CHECK(problem <= PASSWORD_GUESSABLE);
	return PROBLEMS[problem].text;
}

static char lower_of(char c)
{
	return is_upper(c) ? (char)(c | 0x20) : c;
}

static int holds(const char *text, size_t len, const char *part, size_t part_len)
{
	for (size_t i = 0; part_len <= len && i <= len - part_len; i++) {
		size_t same = 0;
		while (same < part_len && lower_of(text[i + same]) == lower_of(part[same]))
			same++;
		if (same == part_len)
			return 1;
	}
	return 0;
}

/* The whole MAC in any spelling, or its half that is not the maker's (the last six digits). */
static int holds_mac(const char *text, size_t len, const char *mac_text)
{
	struct mac mac;
	char digits[MAC_TEXT_LEN + 1];

	if (mac_text == NULL || mac_parse(mac_text, strlen(mac_text), &mac) != ERR_OK)
		return 0;
	mac_format(&mac, digits);
	return holds(text, len, digits + MAC_TEXT_LEN / 2, MAC_TEXT_LEN / 2);
}

/* Six in a row that ascend, descend, repeat, or lie side by side on a keyboard. */
static int has_run(const char *text, size_t len)
{
	static const char *const ROWS[] = {"qwertyuiop", "asdfghjkl", "zxcvbnm"};
	size_t length = 1;
	int step = 0;

	for (size_t i = 1; i < len; i++) {
		int now = lower_of(text[i]) - lower_of(text[i - 1]);
		if (now < -1 || now > 1)
			length = 1;
		else
			length = length > 1 && now == step ? length + 1 : 2;
		step = now;
		if (length == RUN_LEN)
			return 1;
	}
	for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
		for (const char *keys = ROWS[i]; strlen(keys) >= RUN_LEN; keys++) {
			if (holds(text, len, keys, RUN_LEN))
				return 1;
		}
	}
	return 0;
}

static size_t count_distinct(const char *text, size_t len)
{
	size_t count = 0;

	for (size_t i = 0; i < len; i++)
		count += memchr(text, text[i], i) == NULL;
	return count;
}

enum password_problem password_check(
    const char *password, size_t len, const char *mac_text, const char *serial)
{
	size_t serial_len = serial != NULL ? strlen(serial) : 0;

	if (len < PASSWORD_LEN_MIN)
		return PASSWORD_SHORT;
	if (len > PASSWORD_LEN_MAX)
		return PASSWORD_LONG;
	for (size_t i = 0; i < len; i++) {
		if (!is_upper(password[i]) && !is_lower(password[i]) && !is_digit(password[i]))
			return PASSWORD_SYMBOL;
	}
	if (!has_all_classes(password, len))
		return PASSWORD_CLASSES;
	if (holds_mac(password, len, mac_text) || has_run(password, len) ||
	    count_distinct(password, len) < DISTINCT_MIN)
		return PASSWORD_GUESSABLE;
	if (serial_len >= SERIAL_LEN_MIN && holds(password, len, serial, serial_len))
		return PASSWORD_GUESSABLE;
	return PASSWORD_OK;
}
