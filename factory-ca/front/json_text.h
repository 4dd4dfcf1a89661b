/* JSON strings, written by hand where the document is small and fixed. Pure. */
#ifndef FIRSTRING_FACTORY_CA_FRONT_JSON_TEXT_H
#define FIRSTRING_FACTORY_CA_FRONT_JSON_TEXT_H

#include "common/base/buf.h"

/* Appends "key":"text" with JSON's escapes (RFC 8259 section 7). `text` is UTF-8; `key` a literal.
 */
void json_put_string(struct buf *out, const char *key, const char *text);

#endif
