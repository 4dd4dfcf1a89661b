/*
 * The binder: from a JSON body to a C struct, by a table of fields.
 *
 * The body comes from the Internet. What is not in the table is refused (no field can be assigned
 * that a route does not name), so are duplicate keys, deep nesting, NUL and lone surrogates. Every
 * field that is wrong is told by its path and a stable code. Pure.
 */
#ifndef FIRSTRING_PORTAL_JSON_BIND_H
#define FIRSTRING_PORTAL_JSON_BIND_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "portal-api/http/problem.h"

enum { JSON_DEPTH_MAX = 8 };

/* The type of the bound member. Borrowed from the document. */
enum bind_type {
	BIND_TEXT, /* const char *: printable UTF-8 of min..max bytes */
	BIND_NAME, /* const char *: the same, no space at either end */
	BIND_LINES, /* const char *: the same, line breaks allowed (PEM) */
	BIND_WORD, /* const char *: one of `words` */
	BIND_UUID, /* const char *: a UUID's text */
	BIND_BOOL, /* int */
	BIND_INT, /* int64_t: min..max */
	BIND_TIME, /* int64_t: RFC 3339, microseconds since 1970 */
	BIND_TEXTS, /* json_t *: an array of min..max texts of at most item_max bytes */
	BIND_OBJECT, /* json_t *: an object, for a table of its own */
	BIND_MACS, /* json_t *: an array of min..max MACs in any spelling */
};

enum bind_flag {
	BIND_REQUIRED = 1, /* absent is an error */
	BIND_NULLABLE = 2, /* null is the same as absent */
	/* Texts are URLs: "HTTPS:" becomes "https:" in the document, which RFC 3986 section 3.1
	 * calls the same. */
	BIND_URL = 4,
};

struct bind_field {
	const char *name;
	enum bind_type type;
	unsigned flags;
	size_t offset; /* of the member in the bound struct */
	int64_t min, max;
	size_t item_max;
	const char *const *words; /* NULL-terminated */
};

/*
 * Parses a body that must be one JSON object. On success *document is the caller's (json_decref);
 * on failure `detail` is told what is wrong, with line and column.
 */
MUST_CHECK enum err json_parse_object(
    const char *text, size_t len, json_t **document, char *detail, size_t detail_len);

/*
 * Binds an object. Members of absent fields are left untouched: set their defaults before. What is
 * wrong is added to `errors`; ERR_SYNTAX when there was anything. Values of BIND_URL fields may be
 * replaced.
 */
MUST_CHECK enum err bind_object(const json_t *object, const struct bind_field *fields, size_t count,
    void *bound, struct field_errors *errors);

#endif
