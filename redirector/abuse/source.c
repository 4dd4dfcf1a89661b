/* Addresses as numbers, and back. Pure. */
#include "redirector/abuse/source.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"

static const uint64_t IPV4 = UINT64_C(0xffffffff00000000);
/* ::/64, where loopback is: 0 is taken. */
static const uint64_t ZERO_PREFIX = UINT64_C(0xfffffffe00000000);

static uint64_t source_of_ipv6(const uint8_t address[16])
{
	struct cursor cursor = cursor_of(address, 8);
	uint64_t prefix = cursor_u64(&cursor);

	/* Multicast is nobody's address. */
	if (address[0] == 0xff)
		return 0;
	return prefix != 0 ? prefix : ZERO_PREFIX;
}

uint64_t source_of_address(const struct sockaddr_storage *address)
{
	const void *any = address;

	if (address->ss_family == AF_INET) {
		uint32_t v4 = ntohl(((const struct sockaddr_in *)any)->sin_addr.s_addr);
		return v4 != INADDR_BROADCAST ? IPV4 | v4 : 0;
	}
	if (address->ss_family == AF_INET6)
		return source_of_ipv6(((const struct sockaddr_in6 *)any)->sin6_addr.s6_addr);
	return 0;
}

int source_is_ipv4(uint64_t source)
{
	return source >= IPV4;
}

uint64_t source_network(uint64_t source)
{
	return source_is_ipv4(source) ? source & ~UINT64_C(0xff) : source & ~UINT64_C(0xffff);
}

static void format(uint64_t source, const char *suffix4, const char *suffix6, char *text)
{
	uint64_t number = source == ZERO_PREFIX ? 0 : source;
	uint8_t bytes[16] = {0};
	int is_v4 = source_is_ipv4(source);

	for (size_t i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> (56 - 8 * i));
	/* An address and its suffix fit: 39 + 3 letters at most. */
	CHECK(inet_ntop(is_v4 ? AF_INET : AF_INET6, is_v4 ? bytes + 4 : bytes, text,
		  SOURCE_TEXT_LEN - 4) != NULL);
	strcat(text, is_v4 ? suffix4 : suffix6);
}

void source_format(uint64_t source, char text[SOURCE_TEXT_LEN])
{
	format(source, "", "/64", text);
}

void source_format_network(uint64_t network, char text[SOURCE_TEXT_LEN])
{
	format(network, "/24", "/48", text);
}

enum err source_parse(const char *text, uint64_t *source)
{
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct sockaddr_storage v4 = {.ss_family = AF_INET};
	void *any = &v4;
	char address[INET6_ADDRSTRLEN];
	uint8_t v6[16];
	uint64_t found = 0;

	if (len >= sizeof(address))
		return ERR_SYNTAX;
	memcpy(address, text, len);
	address[len] = '\0';
	if (slash == NULL &&
	    inet_pton(AF_INET, address, &((struct sockaddr_in *)any)->sin_addr) == 1)
		found = source_of_address(&v4);
	else if ((slash == NULL || strcmp(slash, "/64") == 0) &&
		 inet_pton(AF_INET6, address, v6) == 1)
		found = source_of_ipv6(v6);
	if (found == 0)
		return ERR_SYNTAX;
	*source = found;
	return ERR_OK;
}
