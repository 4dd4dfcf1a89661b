/*
 * The clock, so that tests can set it. Pure files never call it: they are given the time.
 */
#ifndef FIRSTRING_BASE_CLOCK_H
#define FIRSTRING_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

enum { CLOCK_TEXT_LEN = 24 }; /* "2017-05-01T12:34:56.789Z" */

int64_t clock_unix_s(void);
int64_t clock_unix_us(void);
int64_t clock_monotonic_ms(void);

/* Fixes both clocks at unix_us until called with a negative value. For tests. */
void clock_set_fake(int64_t unix_us);

/* RFC 3339 in UTC with milliseconds; what lies outside the years 0..9999 shows as their end. */
void clock_format_ms(int64_t unix_us, char text[CLOCK_TEXT_LEN + 1]);
/* RFC 3339 in UTC with whole seconds: "2017-05-01T12:34:56Z". */
void clock_format_s(int64_t unix_s, char text[CLOCK_TEXT_LEN + 1]);
/* Reads RFC 3339 with any offset and fraction (cut to microseconds), "T" or a space between date
 * and time. ERR_RANGE: well-formed, but no such time in the years 0..9999 (or a leap second). */
MUST_CHECK enum err clock_parse(const char *text, size_t len, int64_t *unix_us);

#endif
