/*
 * Answer formats: what a vendor's phones ask for and understand, as data.
 *
 * A format file (redirector/formats/NAME.format) is a head of "key: value" lines and one or more
 * template bodies, each begun by a line "--- BODY"; redirector/formats/README.md is its reference.
 * It is written by us and checked at load; the values put into it come from ITSPs and are escaped
 * by the format's one declared escaping. Pure: text in, struct out.
 */
#ifndef FIRSTRING_ANSWER_FORMAT_H
#define FIRSTRING_ANSWER_FORMAT_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/mac.h"

struct format;

/* ERR_SYNTAX with `why` = "yealink.format:12:7: ..." when the file is not right. */
MUST_CHECK enum err format_parse(const char *name, const char *text, size_t len,
    struct format **format, char *why, size_t why_len);
void format_free(struct format *format);
const char *format_name(const struct format *format);
const char *format_content_type(const struct format *format);
/* 1 when the format can make the phone fetch again, so that `staged` delivery works. */
int format_can_stage(const struct format *format);
/* What stage one renders in place of a body: the same, where the format does not name another. */
unsigned format_stage_one_body(const struct format *format, unsigned body);
/* The first body that delivers. */
unsigned format_settings_body(const struct format *format);

/* Bodies are numbered from 0; the first is at 0. */
unsigned format_body_count(const struct format *format);
/* 1 when the body carries the admin password and the URL, so that giving it is a delivery. A body
 * carries both or neither (ITSPA rule R7); a master file that names the next file carries neither.
 */
int format_body_delivers(const struct format *format, unsigned body);

/* What a phone's answer is made of. All text; borrowed. */
struct answer_values {
	struct mac mac;
	const char *serial_number;
	const char *model;
	const char *provisioning_url; /* expanded */
	const char *const *fallback_urls; /* expanded */
	size_t fallback_count;
	const char *admin_user; /* NULL: "admin" */
	const char *admin_password;
	const char *other_password; /* for the model's other default accounts; told to nobody */
	const char *const *trust_anchors; /* PEM, one certificate each */
	size_t trust_anchor_count;
};

/* 1 when some body tells the phone this value, named as the member of struct answer_values: formats
 * of phones that know no fallback URLs or trust anchors have no place for them. */
int format_tells(const struct format *format, const char *value);

/* Which of a format's files a path names. */
enum file_kind {
	FILE_OWN, /* the phone's own file: `body` tells which */
	FILE_COMMON, /* a file that all phones of a model ask for */
	FILE_UNKNOWN, /* anything else; answered like a common file */
};

/* Whether the format's `own` patterns make this path the phone's own; `body` (else untouched) gets
 * the index to render. `path` is decoded, `query` is not. */
enum file_kind format_match(const struct format *format, const struct mac *mac, const char *path,
    const char *query, size_t query_len, unsigned *body);

/* Appends the rendered body. ERR_REFUSED with `field` set to the name of the member of struct
 * answer_values that the format cannot carry ("provisioning_url", "admin_password", ...); nothing
 * is appended then. ERR_TOO_LONG when `out` is full. */
MUST_CHECK enum err format_render(const struct format *format, unsigned body,
    const struct answer_values *values, struct buf *out, const char **field);

/* Whether every body can be rendered: what the portal asks when a value is stored. Errors and
 * `field` as format_render. */
MUST_CHECK enum err format_check_values(
    const struct format *format, const struct answer_values *values, const char **field);

#endif
