/*
 * Answer formats: what a vendor's phones ask for and understand, as data.
 *
 * A format file (redirector/formats/NAME.format) is a head of "key: value" lines, a line "---", and
 * one or more template bodies; see redirector/formats/README.md. It is written by us and checked at
 * load; the values put into it come from ITSPs and are escaped by the format's one declared
 * escaping. Pure: text in, struct out.
 */
#ifndef FIRSTRING_ANSWER_FORMAT_H
#define FIRSTRING_ANSWER_FORMAT_H

#include <stddef.h>

#include "common/base/buf.h"
#include "common/base/err.h"
#include "common/base/mac.h"

struct format;

/* ERR_SYNTAX with `why` = "yealink.format:12: ..." when the file is not right. */
MUST_CHECK enum err format_parse(const char *name, const char *text, size_t len,
    struct format **format, char *why, size_t why_len);
void format_free(struct format *format);
const char *format_name(const struct format *format);
const char *format_content_type(const struct format *format);
/* 1 when the format can make the phone fetch again, so that `staged` delivery works. */
int format_can_stage(const struct format *format);

/* What a phone's answer is made of. All text; borrowed. */
struct answer_values {
	struct mac mac;
	const char *serial_number;
	const char *model;
	const char *provisioning_url; /* expanded */
	const char *const *fallback_urls;
	size_t fallback_count;
	const char *admin_password;
	const char
	    *other_password; /* for the model's other default accounts; random, told to nobody */
};

/* Which of a format's files a path names. */
enum file_kind {
	FILE_OWN, /* the phone's own file: `body` tells which */
	FILE_COMMON, /* a file that all phones of a model ask for, or anything else: the common 404
		      */
	FILE_OTHER_MAC /* another phone's MAC: 403, decided without the database */
};

/* Looks for a MAC in path and query, of any format: FILE_OTHER_MAC when one is there that is not
 * `mac`, else FILE_COMMON. From path and certificate alone. `path` is decoded, `query` is not. */
enum file_kind request_check_mac(
    const struct mac *mac, const char *path, const char *query, size_t query_len);

/* Whether the format's `own` patterns make this path the phone's own; `body` gets the index to
 * render. */
enum file_kind format_match(const struct format *format, const struct mac *mac, const char *path,
    const char *query, size_t query_len, unsigned *body);

/* Appends the rendered body. ERR_REFUSED with `field` set to the name of the value that the format
 * cannot carry ("provisioning_url", "admin_password", ...); nothing is appended then. The portal
 * calls it to refuse such a value when it is stored. */
MUST_CHECK enum err format_render(const struct format *format, unsigned body,
    const struct answer_values *values, struct buf *out, const char **field);

#endif
