/* PEM text cut into certificates; see anchors.h. Pure. */
#include "common/answer/anchors.h"

#include <string.h>

static const char BEGIN[] = "-----BEGIN CERTIFICATE-----";
static const char END[] = "-----END CERTIFICATE-----";

void anchors_read(const char *pem, size_t len, struct anchors *anchors)
{
	/* A PEM file may have come with CRLF. */
	for (size_t i = 0; i < len; i++) {
		if (pem[i] != '\r')
			buf_put_u8(&anchors->pem, (uint8_t)pem[i]);
	}
	buf_put_u8(&anchors->pem, 0);
	char *at = (char *)anchors->pem.bytes;
	while (anchors->count < ANCHORS_MAX && (at = strstr(at, BEGIN)) != NULL) {
		char *end = strstr(at, END);
		if (end == NULL)
			break;
		anchors->items[anchors->count++] = at;
		at = end + sizeof(END) - 1;
		if (*at != '\0')
			*at++ = '\0';
	}
}

void anchors_free(struct anchors *anchors)
{
	buf_free(&anchors->pem);
}
