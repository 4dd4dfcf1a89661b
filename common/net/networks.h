/*
 * Lists of networks ("192.0.2.0/24", "2001:db8::/32", single addresses) and who is in them.
 *
 * Pure. The lists are the administrator's; the addresses that are asked about are anybody's.
 */
#ifndef FIRSTRING_NET_NETWORKS_H
#define FIRSTRING_NET_NETWORKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/err.h"

enum { NETWORKS_MAX = 64 };

struct network {
	int family; /* AF_INET, AF_INET6 */
	unsigned bits; /* of the prefix */
	uint8_t address[16];
};

struct networks {
	struct network items[NETWORKS_MAX];
	size_t count;
};

/* ERR_SYNTAX: neither an address nor one with a prefix length, or bits are set behind the prefix.
 */
MUST_CHECK enum err network_parse(const char *text, struct network *network);
/* Reads a list. On failure `why` (>= 160 bytes) says which item is wrong. */
MUST_CHECK enum err networks_parse(
    const char *const *texts, size_t count, struct networks *networks, char *why, size_t why_len);

/* 1 when the address is in one of them. An IPv4 address is never in an IPv6 network. */
int networks_hold(const struct networks *networks, const struct sockaddr_storage *address);

/* The address's bytes, 4 or 16 of them; NULL for another family. */
const uint8_t *address_bytes(const struct sockaddr_storage *address, size_t *len);

#endif
