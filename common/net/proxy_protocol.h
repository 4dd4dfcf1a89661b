/*
 * The PROXY protocol (haproxy's proxy-protocol.txt), versions 1 and 2: who the client of a load
 * balancer is.
 *
 * Pure. A listener either requires the header or forbids it: it is never guessed, because whoever
 * may send one may name any address. What a balancer says of TLS and names (TLVs) is not read.
 */
#ifndef FIRSTRING_NET_PROXY_PROTOCOL_H
#define FIRSTRING_NET_PROXY_PROTOCOL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/base/err.h"

/* Room for version 2 with some TLVs; version 1 has at most 107 bytes. */
enum { PROXY_PROTOCOL_MAX = 536 };

struct proxy_header {
	size_t len; /* of the header; what follows is the client's */
	int has_source; /* 0: the balancer speaks for itself (LOCAL, UNKNOWN) */
	struct sockaddr_storage source; /* AF_INET or AF_INET6 with port */
};

/* Reads a header at the start of bytes. ERR_MORE: so far it is one; ERR_SYNTAX: it is none;
 * ERR_TOO_LONG: above PROXY_PROTOCOL_MAX. */
MUST_CHECK enum err proxy_protocol_parse(
    const void *bytes, size_t len, struct proxy_header *header);

/* 1 when the bytes begin as a PROXY header does: neither TLS nor a request of ours does so. */
int proxy_protocol_begins(const void *bytes, size_t len);

#endif
