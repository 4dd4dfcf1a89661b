/*
 * Admin passwords: what is strong enough, and how one is made (ITSPA rule R14). Pure but for the
 * CSPRNG.
 */
#ifndef FIRSTRING_ANSWER_PASSWORD_H
#define FIRSTRING_ANSWER_PASSWORD_H

#include <stddef.h>

#include "common/base/err.h"
#include "common/base/secret.h"

enum { PASSWORD_LEN_MIN = 12, PASSWORD_LEN_DEFAULT = 16, PASSWORD_LEN_MAX = 64 };

/* `length` letters and digits with at least one of each class (upper, lower, digit), every such
 * string equally likely. ERR_RANGE outside 12..64. The secret must be empty. */
MUST_CHECK enum err password_generate(size_t length, struct secret *password);
/* The same of the characters that a model can type (NULL: all); ERR_REFUSED when they lack a class.
 */
MUST_CHECK enum err password_generate_of(
    const char *alphabet, size_t length, struct secret *password);
/* Whether an alphabet has letters of both cases and digits, and nothing else. */
int password_alphabet_is_good(const char *alphabet);

enum password_problem {
	PASSWORD_OK,
	PASSWORD_SHORT,
	PASSWORD_LONG,
	PASSWORD_CLASSES, /* not upper, lower and digit */
	PASSWORD_SYMBOL, /* a character other than letters and digits, which some phone cannot type
			  */
	PASSWORD_GUESSABLE, /* holds the MAC or serial, a run such as 123456, or few distinct
			       characters */
};
const char *password_problem_code(enum password_problem problem);
const char *password_problem_text(enum password_problem problem);
/* One that an ITSP supplied. `serial` may be NULL. */
MUST_CHECK enum password_problem password_check(
    const char *password, size_t len, const char *mac_text, const char *serial);

#endif
