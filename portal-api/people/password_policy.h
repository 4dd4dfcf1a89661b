/* What a person's password may be (NIST SP 800-63B section 5.1.1.2: length, not composition). Pure.
 */
#ifndef FIRSTRING_PORTAL_PEOPLE_PASSWORD_POLICY_H
#define FIRSTRING_PORTAL_PEOPLE_PASSWORD_POLICY_H

#include <stddef.h>

enum { PERSON_PASSWORD_MIN = 12, PERSON_PASSWORD_MAX = 128 /* bytes */ };

/* NULL when it is fine, else what is wrong, to follow on "The password ". `email` and `name` are
 * the person's: others know them. */
const char *person_password_problem(
    const char *password, size_t len, const char *email, const char *name);

#endif
