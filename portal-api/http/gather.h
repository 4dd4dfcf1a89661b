/*
 * One question of the database for many requests: those that come while the answer to the last one
 * is awaited are asked together, in one transaction that waits for the disk once.
 *
 * Who comes alone goes at once. Each request has a row of the answer of its own; where the database
 * refuses them all, which may be the fault of one, each is asked for alone. Only requests of one
 * tenant go together, where the question is a tenant's. Runs in a portal worker.
 */
#ifndef FIRSTRING_PORTAL_HTTP_GATHER_H
#define FIRSTRING_PORTAL_HTTP_GATHER_H

#include "portal-api/http/request.h"

enum { GATHER_MAX = 64 }; /* requests in one question */

/* A question. */
struct gathering {
	/* Which question of a request it is, from 0. A later one waits, once, for requests that are
	 * about to come as far: so those that came apart go together. */
	unsigned stage;
	int is_tenants; /* asked as the tenant: of one ITSP at a time */
	int is_effect; /* a lost answer leaves its outcome unknown */
	/* The one call for all; its answer has a row for each request, in their order. */
	struct pg_call (*ask)(struct request *const *requests, size_t count);
	/* Row `row` is this request's; borrowed until it returns. */
	void (*answered)(struct request *request, const struct pg_rows *rows, size_t row);
	/* Asks for this one alone. NULL: a failure is nobody's own, and all are told of it. */
	void (*alone)(struct request *request);
};

struct gatherer;

struct gatherer *gatherer_new(struct event_base *base);
/* Those who wait are told that the portal is not available. Before the pools are freed. */
void gatherer_close(struct gatherer *gatherer);
/* After the pools are freed. */
void gatherer_free(struct gatherer *gatherer);

/* Ends on `answered`, `alone` or a failure that is answered here; never called back from within.
 * The gathering is static. */
void request_gather(struct request *request, const struct gathering *gathering);

#endif
