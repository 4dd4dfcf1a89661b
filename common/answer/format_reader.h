/* Reading the lines of a format file, with places for errors. For format.c, format_pattern.c and
 * format_body.c. */
#ifndef FIRSTRING_ANSWER_FORMAT_READER_H
#define FIRSTRING_ANSWER_FORMAT_READER_H

#include "common/answer/format_internal.h"

struct format_reader {
	struct format *format;
	const char *start, *next, *end; /* into format->text */
	char *why;
	size_t why_len;
	struct part stage_body, stage_one_body; /* as named; empty: no such line */
};

/* ERR_SYNTAX, with "NAME.format:LINE:COLUMN: ..." in `why`; `at` points into the text. */
__attribute__((format(printf, 3, 4))) enum err format_error(
    const struct format_reader *reader, const char *at, const char *sentence, ...);

int part_is(struct part part, const char *word);
/* Cuts the first word off `rest`. */
struct part part_take_word(struct part *rest);

/* Adds the pattern PATTERN [-> BODY]; `/` is a path that ends so. The body is found once all have
 * been read: its name is put into `body_name`. */
MUST_CHECK enum err format_read_pattern(struct format_reader *reader, struct part value,
    enum file_kind kind, int needs_no_mac, struct part *body_name);

/* Reads template text up to the next line that begins with "---" or the end. */
MUST_CHECK enum err format_read_body(struct format_reader *reader, struct body *body);

#endif
