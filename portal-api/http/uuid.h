/* UUIDs (RFC 9562): random ones made, the 36-character spelling read. Pure but for the CSPRNG. */
#ifndef FIRSTRING_PORTAL_HTTP_UUID_H
#define FIRSTRING_PORTAL_HTTP_UUID_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum { UUID_LEN = 16, UUID_TEXT_LEN = 36 };

struct uuid {
	uint8_t bytes[UUID_LEN];
};

/* Version 4: 122 random bits. */
void uuid_random(struct uuid *uuid);
/* Lower case with hyphens, and a NUL. */
void uuid_format(const struct uuid *uuid, char text[UUID_TEXT_LEN + 1]);
/* That spelling in any case; ERR_SYNTAX otherwise. */
MUST_CHECK enum err uuid_parse(const char *text, size_t len, struct uuid *uuid);

#endif
