/*
 * Does a request name another phone? Decided from its path and query and the certificate's MAC
 * alone: no format, no database. The text is the Internet's. Pure.
 */
#ifndef FIRSTRING_ANSWER_REQUEST_MAC_H
#define FIRSTRING_ANSWER_REQUEST_MAC_H

#include <stddef.h>

#include "common/base/mac.h"

/*
 * 1 when a MAC that is not `mac` stands in path or query, in any of the usual spellings. Digits
 * alone count as a MAC as a whole word, with letters before or behind ("cfg001565aabbcc.xml"), but
 * not inside a longer number or hash. What begins with four zero octets is no phone:
 * "000000000000.cfg" and "y000000000028.cfg" are files for everybody. `path` is decoded, `query` is
 * not. `named` (may be NULL) is then that MAC.
 */
int request_names_other_mac(const struct mac *mac, const char *path, const char *query,
    size_t query_len, struct mac *named);

/* 1 when the query has a parameter `mac` (any case) with this MAC in one of the usual spellings. */
int request_query_has_mac(const struct mac *mac, const char *query, size_t query_len);

#endif
