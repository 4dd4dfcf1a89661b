/* What factory-line says to the engineer: sentences on stderr, and what to do about refusals. */
#ifndef FIRSTRING_FACTORY_CA_LINE_SAY_H
#define FIRSTRING_FACTORY_CA_LINE_SAY_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "factory-ca/line/config.h"

/* "factory-line: ..." with a newline; the progress bar makes room. Any thread. */
void line_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What to do about a row code, beside what the code says; never NULL. */
const char *line_advice(const char *code);
/* Why no connection came about, ERR_SIGNATURE or ERR_DENIED, and the option to look at. */
enum { LINE_IDENTITY_LEN = 1024 };
void line_explain_identity(
    const struct line_config *config, enum err err, const char *why, char text[LINE_IDENTITY_LEN]);

struct line_progress {
	size_t total, before, done, refused; /* before: done in earlier runs; done: in this one */
	int64_t elapsed_ms;
	int is_away; /* the factory does not answer */
};
/* Shows progress: a bar on a terminal, else a line each ten seconds. Main thread. */
void line_progress_show(const struct line_progress *progress);
/* Ends the bar. */
void line_progress_end(const struct line_progress *progress);

#endif
