/*
 * Host names as a provisioning URL may hold them: fully qualified DNS names, nothing that can be
 * read as an address.
 *
 * The text comes from an ITSP's engineer or an administrator: hostile. Pure. It knows the syntax
 * only; who may use which name is url_policy.h's, and no name is ever resolved here.
 */
#ifndef FIRSTRING_ANSWER_URL_HOST_H
#define FIRSTRING_ANSWER_URL_HOST_H

#include <stddef.h>

#include "common/answer/url_policy.h"

enum { URL_HOST_MAX = 253 };

/*
 * URL_OK, URL_ADDRESS or URL_HOST. Labels are letters, digits and inner hyphens (RFC 1123 section
 * 2.1), two labels at least, no final dot. A last label that is a number, decimal or 0x, makes the
 * whole an IPv4 address in every browser and most phones, however it is spelled.
 */
MUST_CHECK enum url_problem url_host_check(const char *host, size_t len);

/*
 * 1 for a name that the public DNS never resolves to a host of its own: special-use names (RFC
 * 6761 and its registry) and ICANN's `internal`. Names under `example` are for documentation and
 * trials, and pass. It knows no public suffixes: co.uk is a name like others.
 */
int url_host_is_special_use(const char *host, size_t len);

#endif
