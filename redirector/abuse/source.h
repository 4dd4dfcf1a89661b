/*
 * Whom a connection counts for: an IPv4 address or an IPv6 /64 as one 64-bit number, and the /24 or
 * /48 around it.
 *
 * Pure. IPv4 stands under ffff:ffff, where no IPv6 source can be (it is multicast); 0 is nobody.
 */
#ifndef FIRSTRING_REDIRECTOR_ABUSE_SOURCE_H
#define FIRSTRING_REDIRECTOR_ABUSE_SOURCE_H

#include <stdint.h>
#include <sys/socket.h>

#include "common/base/err.h"

enum { SOURCE_TEXT_LEN = 48 };

/* 0 for an address of another family, and for the broadcast address. */
uint64_t source_of_address(const struct sockaddr_storage *address);
uint64_t source_network(uint64_t source);
int source_is_ipv4(uint64_t source);

/* "192.0.2.7" or "2001:db8:1:2::/64". */
void source_format(uint64_t source, char text[SOURCE_TEXT_LEN]);
/* "192.0.2.0/24" or "2001:db8:1::/48". */
void source_format_network(uint64_t network, char text[SOURCE_TEXT_LEN]);
/* What source_format writes, or any single address. */
MUST_CHECK enum err source_parse(const char *text, uint64_t *source);

#endif
