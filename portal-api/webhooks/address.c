/* Addresses that may be posted to, by table; see address.h. Pure. */
#include "portal-api/webhooks/address.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

struct block {
	uint8_t bytes[16];
	unsigned bits;
};

/* RFC 6890 and its registry (iana-ipv4-special-registry), multicast and what is above it. */
static const struct block NOT_PUBLIC_4[] = {
    {{0}, 8}, /* this network */
    {{10}, 8}, /* private */
    {{100, 64}, 10}, /* shared, RFC 6598 */
    {{127}, 8}, /* loopback */
    {{169, 254}, 16}, /* link-local, and cloud metadata */
    {{172, 16}, 12}, /* private */
    {{192, 0, 0}, 24}, /* protocol assignments */
    {{192, 0, 2}, 24}, /* documentation */
    {{192, 31, 196}, 24}, /* AS112 */
    {{192, 52, 193}, 24}, /* AMT */
    {{192, 88, 99}, 24}, /* 6to4 relays */
    {{192, 168}, 16}, /* private */
    {{192, 175, 48}, 24}, /* AS112 */
    {{198, 18}, 15}, /* benchmarks */
    {{198, 51, 100}, 24}, /* documentation */
    {{203, 0, 113}, 24}, /* documentation */
    {{224}, 3}, /* multicast, reserved, broadcast */
};

/* Within 2000::/3, the only global unicast space (iana-ipv6-special-registry). */
static const struct block GLOBAL_6 = {{0x20}, 3};
static const struct block NOT_PUBLIC_6[] = {
    {{0x20, 0x01, 0x00}, 23}, /* protocol assignments, Teredo, ORCHID */
    {{0x20, 0x01, 0x0d, 0xb8}, 32}, /* documentation */
    {{0x20, 0x02}, 16}, /* 6to4: carries IPv4 */
    {{0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}, 48}, /* AS112 */
    {{0x3f, 0xff, 0x00}, 20}, /* documentation */
};

static int is_in(const uint8_t *address, const struct block *block)
{
	unsigned whole = block->bits / 8, rest = block->bits % 8;
	if (memcmp(address, block->bytes, whole) != 0)
		return 0;
	return rest == 0 || (address[whole] ^ block->bytes[whole]) >> (8 - rest) == 0;
}

static int is_in_any(const uint8_t *address, const struct block *blocks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is_in(address, &blocks[i]))
			return 1;
	return 0;
}

int address_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		return !is_in_any((const uint8_t *)&in->sin_addr, NOT_PUBLIC_4,
		    sizeof(NOT_PUBLIC_4) / sizeof(NOT_PUBLIC_4[0]));
	}
	if (address->sa_family == AF_INET6) {
		const uint8_t *bytes =
		    ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr;
		return is_in(bytes, &GLOBAL_6) &&
		       !is_in_any(
			   bytes, NOT_PUBLIC_6, sizeof(NOT_PUBLIC_6) / sizeof(NOT_PUBLIC_6[0]));
	}
	return 0;
}

int address_is_loopback(const struct sockaddr *address)
{
	static const struct block loopback = {{127}, 8};
	if (address->sa_family == AF_INET) {
		const struct sockaddr_in *in = (const void *)address;
		return is_in((const uint8_t *)&in->sin_addr, &loopback);
	}
	if (address->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(
		    &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr);
	return 0;
}
