/*
 * What a provisioning profile may be: from a JSON document to checked values. Pure.
 *
 * The document is an ITSP's. Nothing but https to an approved host gets through (ITSPA rule R6).
 */
#ifndef FIRSTRING_PORTAL_PROFILES_PROFILE_H
#define FIRSTRING_PORTAL_PROFILES_PROFILE_H

#include <jansson.h>
#include <stdint.h>

#include "portal-api/http/problem.h"

enum { PROFILE_FALLBACKS_MAX = 8, TRUST_ANCHORS_MAX = 8 };

/* Borrowed from the document. */
struct profile {
	const char *name, *provisioning_url;
	json_t *fallback_urls; /* NULL: none */
	const char *trust_anchors; /* PEM; NULL: none */
	const char *delivery, *redelivery;
	int64_t window_hours; /* 0: none */
	int purge_after_delivery;
	int64_t password_length; /* 0: the portal's */
};

/* Binds and checks what needs nothing but the document. */
MUST_CHECK enum err profile_bind(
    const json_t *document, struct profile *profile, struct field_errors *errors);
/* Checks the URLs against the ITSP's approved domains. */
MUST_CHECK enum err profile_check_urls(const struct profile *profile, const char *const *domains,
    size_t domain_count, struct field_errors *errors);

#endif
