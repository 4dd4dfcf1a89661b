/* Media types of request bodies. Pure. */
#ifndef FIRSTRING_PORTAL_HTTP_MEDIA_H
#define FIRSTRING_PORTAL_HTTP_MEDIA_H

#include "common/net/http1.h"
#include "portal-api/operation.h"

/* 1 when a Content-Type value is that type, whatever its case, with no parameter but
 * charset=utf-8 (or header=present, which RFC 4180 gives to text/csv). */
int media_type_is(struct span value, const char *type);
/* For people: "application/json". */
const char *operation_media_type(enum operation_body body);

#endif
