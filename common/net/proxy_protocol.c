/*
 * Reads the PROXY protocol header that a load balancer sends before the client's first byte.
 *
 * Pure. The bytes come from whoever could connect; only the listener's configuration makes them a
 * balancer's. Used by the connection of server.h; it opens no socket and resolves no name.
 */
#include "common/net/proxy_protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"

enum {
	V1_MAX = 107,
	V2_SIGNATURE_LEN = 12,
	V2_FIXED_LEN = 16,
	V2_TCP4 = 0x11,
	V2_TCP6 = 0x21,
	V2_UNSPEC = 0x00,
	V2_LOCAL = 0x20,
	V2_PROXY = 0x21,
};

static const char V1_PREFIX[] = "PROXY ";
static const char V2_SIGNATURE[] = "\r\n\r\n\0\r\nQUIT\n";

static void set_source4(struct proxy_header *header, const void *address, uint16_t port)
{
	struct sockaddr_in source = {.sin_family = AF_INET, .sin_port = htons(port)};
	memcpy(&source.sin_addr, address, sizeof(source.sin_addr));
	memcpy(&header->source, &source, sizeof(source));
	header->has_source = 1;
}

static void set_source6(struct proxy_header *header, const void *address, uint16_t port)
{
	struct sockaddr_in6 source = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	memcpy(&source.sin6_addr, address, sizeof(source.sin6_addr));
	memcpy(&header->source, &source, sizeof(source));
	header->has_source = 1;
}

/* Cuts the next word off a line in which single spaces stand between words. */
static char *next_word(char **rest)
{
	char *word = *rest;
	if (word == NULL || *word == '\0' || *word == ' ')
		return NULL;
	char *space = strchr(word, ' ');
	if (space != NULL)
		*space++ = '\0';
	*rest = space;
	return word;
}

static enum err parse_port(const char *text, uint16_t *port)
{
	uint64_t number = 0;
	if (text == NULL || number_parse(text, strlen(text), UINT16_MAX, &number) != ERR_OK)
		return ERR_SYNTAX;
	*port = (uint16_t)number;
	return ERR_OK;
}

/* "TCP4 <source> <destination> <source port> <destination port>", "TCP6 ...", "UNKNOWN ...". */
static enum err parse_v1_line(char *line, struct proxy_header *header)
{
	char *rest = line;
	const char *family = next_word(&rest);
	if (family == NULL)
		return ERR_SYNTAX;
	if (strcmp(family, "UNKNOWN") == 0)
		return ERR_OK;
	int is_v6 = strcmp(family, "TCP6") == 0;
	if (!is_v6 && strcmp(family, "TCP4") != 0)
		return ERR_SYNTAX;

	const char *source = next_word(&rest), *destination = next_word(&rest);
	const char *source_port = next_word(&rest), *destination_port = next_word(&rest);
	uint8_t address[16], ignored[16];
	uint16_t port = 0, ignored_port = 0;
	int kind = is_v6 ? AF_INET6 : AF_INET;
	if (rest != NULL || destination == NULL || inet_pton(kind, source, address) != 1 ||
	    inet_pton(kind, destination, ignored) != 1 ||
	    parse_port(source_port, &port) != ERR_OK ||
	    parse_port(destination_port, &ignored_port) != ERR_OK)
		return ERR_SYNTAX;
	if (is_v6)
		set_source6(header, address, port);
	else
		set_source4(header, address, port);
	return ERR_OK;
}

static enum err parse_v1(const char *bytes, size_t len, struct proxy_header *header)
{
	size_t window = len < V1_MAX ? len : V1_MAX;
	const char *cr = memchr(bytes, '\r', window);
	if (memchr(bytes, '\0', cr != NULL ? (size_t)(cr - bytes) : window) != NULL)
		return ERR_SYNTAX;
	if (cr == NULL || cr + 1 == bytes + len)
		return len < V1_MAX ? ERR_MORE : ERR_SYNTAX;
	if (cr[1] != '\n')
		return ERR_SYNTAX;

	char line[V1_MAX + 1];
	size_t prefix_len = sizeof(V1_PREFIX) - 1;
	size_t line_len = (size_t)(cr - bytes) - prefix_len;
	memcpy(line, bytes + prefix_len, line_len);
	line[line_len] = '\0';
	header->len = prefix_len + line_len + 2;
	return parse_v1_line(line, header);
}

static enum err parse_v2(const uint8_t *bytes, size_t len, struct proxy_header *header)
{
	if (len < V2_FIXED_LEN)
		return ERR_MORE;
	struct cursor cursor = cursor_of(bytes + V2_SIGNATURE_LEN, len - V2_SIGNATURE_LEN);
	uint8_t command = cursor_u8(&cursor), family = cursor_u8(&cursor);
	size_t body_len = cursor_u16(&cursor);
	if (command != V2_LOCAL && command != V2_PROXY)
		return ERR_SYNTAX;
	if (V2_FIXED_LEN + body_len > PROXY_PROTOCOL_MAX)
		return ERR_TOO_LONG;
	if (cursor_left(&cursor) < body_len)
		return ERR_MORE;
	header->len = V2_FIXED_LEN + body_len;
	if (command == V2_LOCAL || family == V2_UNSPEC)
		return ERR_OK;

	/* source address, destination address, source port, destination port */
	size_t address_len = family == V2_TCP4 ? 4 : 16;
	if ((family != V2_TCP4 && family != V2_TCP6) || body_len < 2 * address_len + 4)
		return ERR_SYNTAX;
	const uint8_t *source = cursor_bytes(&cursor, address_len);
	cursor_bytes(&cursor, address_len);
	uint16_t port = cursor_u16(&cursor);
	if (family == V2_TCP4)
		set_source4(header, source, port);
	else
		set_source6(header, source, port);
	return ERR_OK;
}

static int begins_with(const void *bytes, size_t len, const char *prefix, size_t prefix_len)
{
	return memcmp(bytes, prefix, len < prefix_len ? len : prefix_len) == 0;
}

enum err proxy_protocol_parse(const void *bytes, size_t len, struct proxy_header *header)
{
	struct proxy_header parsed;
	enum err err = ERR_SYNTAX;
	memset(&parsed, 0, sizeof(parsed));
	if (len == 0)
		return ERR_MORE;
	if (begins_with(bytes, len, V1_PREFIX, sizeof(V1_PREFIX) - 1))
		err = len < sizeof(V1_PREFIX) - 1 ? ERR_MORE : parse_v1(bytes, len, &parsed);
	else if (begins_with(bytes, len, V2_SIGNATURE, V2_SIGNATURE_LEN))
		err = parse_v2(bytes, len, &parsed);
	if (err == ERR_OK)
		*header = parsed;
	return err;
}

int proxy_protocol_begins(const void *bytes, size_t len)
{
	return (len >= sizeof(V1_PREFIX) - 1 &&
		   begins_with(bytes, len, V1_PREFIX, sizeof(V1_PREFIX) - 1)) ||
	       (len >= V2_SIGNATURE_LEN && begins_with(bytes, len, V2_SIGNATURE, V2_SIGNATURE_LEN));
}
