/* Opaque cursors: hex of a checksum over list, owner and place, then the place; see cursor.h. */
#include "portal-api/http/cursor.h"

#include <stdint.h>
#include <string.h>

#include "common/base/buf.h"
#include "common/base/text.h"
#include "common/pki/digest.h"

enum { CHECKSUM_LEN = 8 };

static void checksum(const char *list, const char *owner, const char *place, uint8_t *sum)
{
	struct buf buf = {0};
	uint8_t digest[SHA256_LEN];
	buf_put(&buf, list, strlen(list) + 1);
	buf_put(&buf, owner, strlen(owner) + 1);
	buf_put_str(&buf, place);
	sha256(buf.bytes, buf.len, digest);
	memcpy(sum, digest, CHECKSUM_LEN);
	buf_free(&buf);
}

void cursor_format(
    const char *list, const char *owner, const char *place, char text[CURSOR_TEXT_MAX + 1])
{
	uint8_t bytes[CHECKSUM_LEN + CURSOR_PLACE_MAX];
	size_t len = strlen(place);
	CHECK(len <= CURSOR_PLACE_MAX);
	checksum(list, owner, place, bytes);
	memcpy(bytes + CHECKSUM_LEN, place, len);
	hex_encode_lower(bytes, CHECKSUM_LEN + len, text);
}

enum err cursor_parse(
    const char *list, const char *owner, const char *text, char place[CURSOR_PLACE_MAX + 1])
{
	uint8_t bytes[CHECKSUM_LEN + CURSOR_PLACE_MAX + 1], sum[CHECKSUM_LEN];
	size_t text_len = strlen(text);
	size_t len = text_len / 2;
	if (len < CHECKSUM_LEN || len > CHECKSUM_LEN + CURSOR_PLACE_MAX ||
	    hex_decode(text, text_len, bytes, len) != ERR_OK)
		return ERR_SYNTAX;
	bytes[len] = '\0';
	const char *read = (const char *)bytes + CHECKSUM_LEN;
	if (strlen(read) != len - CHECKSUM_LEN)
		return ERR_SYNTAX;
	checksum(list, owner, read, sum);
	if (memcmp(sum, bytes, CHECKSUM_LEN) != 0)
		return ERR_SIGNATURE;
	memcpy(place, read, len - CHECKSUM_LEN + 1);
	return ERR_OK;
}
