/* Matches addresses against the administrator's lists of networks. Pure. */
#include "common/net/networks.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"

/* 1 when both begin with the same `bits` bits. */
static int same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;
	uint8_t mask = (uint8_t)(0xff << (8 - rest));

	return memcmp(a, b, whole) == 0 && (rest == 0 || (a[whole] & mask) == (b[whole] & mask));
}

enum err network_parse(const char *text, struct network *network)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char address[INET6_ADDRSTRLEN];
	struct network parsed = {.family = memchr(text, ':', len) != NULL ? AF_INET6 : AF_INET};
	uint64_t bits = parsed.family == AF_INET ? 32 : 128;

	if (len >= sizeof(address))
		return ERR_SYNTAX;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(parsed.family, address, parsed.address) != 1 ||
	    (slash != NULL && number_parse(slash + 1, strlen(slash + 1), bits, &bits) != ERR_OK))
		return ERR_SYNTAX;
	parsed.bits = (unsigned)bits;
	for (unsigned bit = parsed.bits; bit < 8 * sizeof(parsed.address); bit++) {
		if (parsed.address[bit / 8] & (0x80 >> bit % 8))
			return ERR_SYNTAX;
	}
	*network = parsed;
	return ERR_OK;
}

enum err networks_parse(
    const char *const *texts, size_t count, struct networks *networks, char *why, size_t why_len)
{
	networks->count = 0;
	if (count > NETWORKS_MAX) {
		snprintf(why, why_len, "at most %d networks", NETWORKS_MAX);
		return ERR_RANGE;
	}
	for (size_t i = 0; i < count; i++) {
		if (network_parse(texts[i], &networks->items[i]) != ERR_OK) {
			snprintf(why, why_len,
			    "\"%.60s\" is no address and no network such as 192.0.2.0/24 or "
			    "2001:db8::/32 (bits behind the prefix must be zero)",
			    texts[i]);
			return ERR_SYNTAX;
		}
	}
	networks->count = count;
	return ERR_OK;
}

const uint8_t *address_bytes(const struct sockaddr_storage *address, size_t *len)
{
	const void *any = address;

	if (address->ss_family == AF_INET) {
		*len = 4;
		return (const uint8_t *)&((const struct sockaddr_in *)any)->sin_addr;
	}
	if (address->ss_family == AF_INET6) {
		*len = 16;
		return ((const struct sockaddr_in6 *)any)->sin6_addr.s6_addr;
	}
	return NULL;
}

int networks_hold(const struct networks *networks, const struct sockaddr_storage *address)
{
	size_t len = 0;
	const uint8_t *bytes = address_bytes(address, &len);

	for (size_t i = 0; bytes != NULL && i < networks->count; i++) {
		const struct network *network = &networks->items[i];
		if (network->family == address->ss_family &&
		    same_prefix(network->address, bytes, network->bits))
			return 1;
	}
	return 0;
}
