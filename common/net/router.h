/*
 * From method and path to a route, by a table. Pure.
 *
 * Patterns are literal segments and {name} segments: "/v1/claims/{mac}/reveal". A daemon's table
 * is what its OpenAPI document is tested against.
 */
#ifndef FIRSTRING_NET_ROUTER_H
#define FIRSTRING_NET_ROUTER_H

#include "common/net/http1.h"

enum { ROUTER_PARAMS_MAX = 4, ROUTER_PARAM_LEN = 128 };

struct route {
	const char *method;
	const char *pattern;
	const void *target; /* the daemon's own description of the operation */
};

struct router_match {
	const struct route *route; /* NULL: see the result */
	char params[ROUTER_PARAMS_MAX][ROUTER_PARAM_LEN]; /* decoded, in the pattern's order */
	size_t param_count;
	char allow[64]; /* with ROUTER_METHOD: "GET, PUT", for the Allow field */
};

enum router_result { ROUTER_FOUND, ROUTER_PATH, ROUTER_METHOD };

/* ROUTER_PATH: no pattern fits (404); ROUTER_METHOD: one does, not with this method (405). HEAD
 * matches GET. A segment that does not decode, or is longer than ROUTER_PARAM_LEN - 1, fits
 * nothing. */
enum router_result router_match(const struct route *routes, size_t count,
    const struct http1_head *head, struct router_match *match);

#endif
