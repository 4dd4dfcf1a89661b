/*
 * How many requests a principal may make: a token bucket for each, in the worker's memory.
 *
 * A fixed table: when many principals come in a minute, the one that asked longest ago is
 * forgotten, which errs on the side of serving. Pure but for its memory; the clock is the caller's.
 */
#ifndef FIRSTRING_PORTAL_HTTP_RATE_H
#define FIRSTRING_PORTAL_HTTP_RATE_H

#include <stdint.h>

struct rates;

struct rate_limit {
	unsigned per_s, burst;
};

struct rates *rates_new(const struct rate_limit *limit);
/* Takes one request of `id` (a UUID's text) at `now_ms`; 0, or the seconds to wait. */
unsigned rates_take(struct rates *rates, const char *id, uint64_t now_ms);
void rates_free(struct rates *rates);

#endif
