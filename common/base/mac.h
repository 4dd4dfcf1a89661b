/*
 * MAC addresses (EUI-48): the name of a phone everywhere in Firstring.
 *
 * Pure. Parses what people and phones type; prints the one canonical spelling.
 */
#ifndef FIRSTRING_BASE_MAC_H
#define FIRSTRING_BASE_MAC_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum { MAC_LEN = 6, MAC_TEXT_LEN = 12 };

struct mac {
	uint8_t octets[MAC_LEN];
};

/*
 * Accepts exactly: 001565AABBCC, 00:15:65:aa:bb:cc, 00-15-65-aa-bb-cc, 0015.65aa.bbcc, in any
 * case; nothing before or after. ERR_SYNTAX otherwise. Refuses multicast and all-zero addresses
 * with ERR_RANGE: no phone has one.
 */
MUST_CHECK enum err mac_parse(const char *text, size_t len, struct mac *mac);

/* Only the canonical spelling: 12 upper-case hex digits. What a certificate's CN must hold. */
MUST_CHECK enum err mac_parse_canonical(const char *text, size_t len, struct mac *mac);

/*
 * The first and the last address that begin with 1 to 12 hex digits of either case; separators
 * (: - .) may stand between digits or at the end, as in a spelling half typed. ERR_SYNTAX
 * otherwise.
 */
MUST_CHECK enum err mac_prefix_parse(
    const char *text, size_t len, struct mac *first, struct mac *last);

/* 12 upper-case hex digits and a NUL. */
void mac_format(const struct mac *mac, char text[MAC_TEXT_LEN + 1]);
/* 12 lower-case hex digits and a NUL. */
void mac_format_lower(const struct mac *mac, char text[MAC_TEXT_LEN + 1]);

/* The address as a number, for ranges: 0x001565aabbcc. */
uint64_t mac_to_uint(const struct mac *mac);
/* ERR_RANGE above 2^48 - 1. */
MUST_CHECK enum err mac_from_uint(uint64_t number, struct mac *mac);

int mac_equal(const struct mac *a, const struct mac *b);

#endif
