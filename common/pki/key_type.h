/*
 * The kinds of keys a phone may have: P-256, P-384, RSA 2048 and 3072. Nothing else is accepted.
 */
#ifndef FIRSTRING_PKI_KEY_TYPE_H
#define FIRSTRING_PKI_KEY_TYPE_H

#include <stddef.h>

#include "common/base/err.h"

enum key_type { KEY_P256, KEY_P384, KEY_RSA2048, KEY_RSA3072, KEY_TYPE_COUNT };

/* "p256", "p384", "rsa2048", "rsa3072". */
const char *key_type_name(enum key_type type);
MUST_CHECK enum err key_type_parse(const char *text, size_t len, enum key_type *type);

#endif
