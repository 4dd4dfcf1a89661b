/* What the handlers of profiles share (resources/profiles.c, resources/profile_preview.c). */
#ifndef FIRSTRING_PORTAL_PROFILES_HANDLERS_H
#define FIRSTRING_PORTAL_PROFILES_HANDLERS_H

#include "portal-api/http/request.h"
#include "portal-api/profiles/profile.h"

/* The ITSP's approved domains, for profile_refuse_urls. */
struct pg_call profile_domains_call(const struct request *request);
/* Answers and returns non-zero when a URL is not one of the ITSP's. */
MUST_CHECK int profile_refuse_urls(
    struct request *request, const struct profile *profile, const struct pg_rows *domains);
/* A new object of what may be written of the profile in the first row, for profile_bind. */
json_t *profile_writable(const struct pg_rows *rows);

#endif
