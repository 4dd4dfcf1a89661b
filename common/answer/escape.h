/*
 * The escapings that answer formats declare, and what each of them can carry.
 *
 * Values come from ITSPs. After escape_put no value ends the line, string, attribute or element
 * that it stands in; what an escaping has no spelling for is refused before, by escape_can_carry,
 * and never dropped or replaced. Pure.
 */
#ifndef FIRSTRING_ANSWER_ESCAPE_H
#define FIRSTRING_ANSWER_ESCAPE_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"

enum escaping {
	ESCAPE_XML, /* text of an XML 1.0 element */
	ESCAPE_XML_ATTRIBUTE, /* the value of an attribute, in either kind of quotes */
	ESCAPE_JSON, /* inside a string of RFC 8259 */
	ESCAPE_LINE, /* the rest of a line of "key = value" text: has no escapes at all */
	ESCAPE_QUOTED_LINE, /* the same between double quotes */
	ESCAPE_COUNT,
};

/* "xml", "xml-attribute", "json", "line", "quoted-line". */
const char *escape_name(enum escaping escaping);
MUST_CHECK enum err escape_parse(const char *text, size_t len, enum escaping *escaping);

/*
 * Text must be well-formed UTF-8 without control characters (JSON spells line feeds); the line
 * escapings carry printable ASCII only, without a space at either end, and no quote or backslash
 * where quoted.
 */
int escape_can_carry(enum escaping escaping, const char *text, size_t len);

/* Appends the text escaped. Only for what escape_can_carry. */
void escape_put(enum escaping escaping, const char *text, size_t len, struct buf *out);

#endif
