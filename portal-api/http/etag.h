/* Entity tags (RFC 9110 section 8.8.3): a version in quotes. Pure. */
#ifndef FIRSTRING_PORTAL_HTTP_ETAG_H
#define FIRSTRING_PORTAL_HTTP_ETAG_H

#include "common/base/err.h"
#include "common/net/http1.h"

enum { ETAG_ANY = -1, ETAG_NONE = 0 };

/*
 * An If-Match value: ETAG_ANY for "*", the version for one of our tags, ETAG_NONE for a tag that
 * no version has (another's, or a weak one, which If-Match never matches: section 13.1.1).
 * ERR_SYNTAX for what is no tag, a list included.
 */
MUST_CHECK enum err etag_parse(struct span value, int *version);

#endif
