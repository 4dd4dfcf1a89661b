/*
 * Which addresses a webhook may be posted to: those of the Internet at large, so that nobody makes
 * us knock at doors inside (server-side request forgery). Pure.
 */
#ifndef FIRSTRING_PORTAL_WEBHOOKS_ADDRESS_H
#define FIRSTRING_PORTAL_WEBHOOKS_ADDRESS_H

#include <sys/socket.h>

/* 1 for a public unicast address; not private, loopback, link-local, shared, reserved, multicast,
 * for documentation, nor IPv6 that carries an IPv4 one (IANA's special-purpose registries). */
int address_is_public(const struct sockaddr *address);
/* 1 for 127.0.0.0/8 and ::1. */
int address_is_loopback(const struct sockaddr *address);

#endif
