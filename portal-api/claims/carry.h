/*
 * Whether a phone's model can be told what an ITSP wants it told. Pure.
 *
 * The answer is rendered here, at claim time, by the very code and format that the redirector uses:
 * what a format cannot carry is refused now, not at the phone's first boot.
 */
#ifndef FIRSTRING_PORTAL_CLAIMS_CARRY_H
#define FIRSTRING_PORTAL_CLAIMS_CARRY_H

#include "common/answer/format.h"
#include "portal-api/http/problem.h"

enum { CARRY_FALLBACKS_MAX = 8 };

struct carry {
	struct mac mac;
	const char *serial_number, *model;
	const char *admin_user; /* NULL: the format's default */
	const char *password_alphabet; /* what the model can type; NULL or "": letters and digits */
	size_t password_length; /* of those that are made, as the profile says; 0: the portal's */
	const char *provisioning_url; /* the profile's template */
	const char *fallback_urls[CARRY_FALLBACKS_MAX];
	size_t fallback_count;
	int is_staged; /* the profile's delivery */
	int is_profile_change; /* it is the profile that is being stored, not the claim */
	const char *admin_password;
};

/* ERR_REFUSED with an error added. What a profile says is blamed on `profile_id`, which is what
 * the request names, or on the profile's own field where that is what is stored. */
MUST_CHECK enum err carry_check(
    const struct format *format, const struct carry *carry, struct field_errors *errors);

#endif
