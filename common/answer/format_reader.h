/* Reading the lines of a format file, with places for errors. For format.c and format_body.c. */
#ifndef FIRSTRING_ANSWER_FORMAT_READER_H
#define FIRSTRING_ANSWER_FORMAT_READER_H

#include "common/answer/format_internal.h"

struct format_reader {
	struct format *format;
	const char *start, *next, *end; /* into format->text */
	char *why;
	size_t why_len;
};

/* ERR_SYNTAX, with "NAME.format:LINE:COLUMN: ..." in `why`; `at` points into the text. */
__attribute__((format(printf, 3, 4))) enum err format_error(
    const struct format_reader *reader, const char *at, const char *sentence, ...);

/* Reads template text up to the next line that begins with "---" or the end. */
MUST_CHECK enum err format_read_body(struct format_reader *reader, struct body *body);

#endif
