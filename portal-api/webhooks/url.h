/* Which URLs a webhook may have. The address is looked at when it is posted to. Pure. */
#ifndef FIRSTRING_PORTAL_WEBHOOKS_URL_H
#define FIRSTRING_PORTAL_WEBHOOKS_URL_H

#include "portal-api/http/problem.h"

/* https, a fully qualified host name, no user-info, no address literal; with `allow_loopback` also
 * localhost. ERR_REFUSED with an error on the field `url`. */
MUST_CHECK enum err webhook_url_check(
    const char *url, int allow_loopback, struct field_errors *errors);

#endif
