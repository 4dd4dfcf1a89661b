/* The names of the kinds of keys that a phone may have. Pure. */
#include "common/pki/key_type.h"

#include <string.h>

static const char *const NAMES[KEY_TYPE_COUNT] = {
    [KEY_P256] = "p256",
    [KEY_P384] = "p384",
    [KEY_RSA2048] = "rsa2048",
    [KEY_RSA3072] = "rsa3072",
};

const char *key_type_name(enum key_type type)
{
	CHECK(type < KEY_TYPE_COUNT);
	return NAMES[type];
}

enum err key_type_parse(const char *text, size_t len, enum key_type *type)
{
	for (unsigned i = 0; i < KEY_TYPE_COUNT; i++) {
		if (strlen(NAMES[i]) == len && memcmp(NAMES[i], text, len) == 0) {
			*type = (enum key_type)i;
			return ERR_OK;
		}
	}
	return ERR_SYNTAX;
}
