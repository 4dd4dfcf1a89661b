/*
 * Which provisioning URLs may be stored, and how one phone's URL is made of a profile's template.
 *
 * The template comes from an ITSP's engineer: not trusted to be safe. Pure. https only, no
 * user-info, no address literal, an approved host, fields only after the authority part.
 */
#ifndef FIRSTRING_ANSWER_URL_POLICY_H
#define FIRSTRING_ANSWER_URL_POLICY_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/mac.h"

enum { URL_TEMPLATE_MAX = 1024 };

enum url_problem {
	URL_OK,
	URL_SYNTAX, /* no URL of RFC 3986, a control or non-ASCII character, a space, a fragment */
	URL_TOO_LONG, /* above URL_TEMPLATE_MAX */
	URL_NOT_HTTPS, /* another scheme, plain-text ones included */
	URL_USER_INFO, /* user@host */
	URL_ADDRESS, /* an IPv4 or IPv6 literal in any spelling, or localhost */
	URL_HOST, /* not a fully qualified host name; a bad label; xn-- that is not valid */
	URL_PORT,
	URL_NOT_APPROVED, /* the host is not one of the ITSP's domains, nor below one */
	URL_FIELD, /* unknown, nested or unclosed field; or a field before the path */
	URL_PROBLEM_COUNT,
};

/* A stable code such as "not_https", for the field error; and a sentence for people. */
const char *url_problem_code(enum url_problem problem);
const char *url_problem_text(enum url_problem problem);

/* Checks a template against the approved domains (host suffixes, matched on label boundaries,
 * case-insensitive). */
MUST_CHECK enum url_problem url_policy_check(
    const char *url_template, size_t len, const char *const *domains, size_t domain_count);

/* 1 when `host` is `domain` or ends in a dot and it. */
int url_host_matches(const char *host, size_t host_len, const char *domain);

/* A domain as an administrator types it: lower-cased into `normal` (>= 254 bytes); ERR_SYNTAX for
 * what cannot be one, single labels included. */
MUST_CHECK enum err url_domain_normalise(const char *text, size_t len, char *normal);

/* What a template's fields stand for. */
struct url_fields {
	struct mac mac; /* {mac} lower, {MAC} upper */
	const char *serial, *model; /* not NULL; percent-encoded where needed, without controls */
};
/* Appends the phone's own URL, its scheme in lower case. The template passed url_policy_check once;
 * ERR_SYNTAX and nothing appended where it would not any more. */
MUST_CHECK enum err url_expand(
    const char *url_template, const struct url_fields *fields, struct buf *out);

#endif
