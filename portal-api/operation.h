/*
 * One operation of the API as data: what a route needs to know before its handler runs.
 *
 * The table of all of them is routes.c; the OpenAPI document is tested against it.
 */
#ifndef FIRSTRING_PORTAL_OPERATION_H
#define FIRSTRING_PORTAL_OPERATION_H

#include <stddef.h>
#include <stdint.h>

struct request;

enum operation_audience {
	OPERATION_PUBLIC, /* no token */
	OPERATION_ANYBODY, /* any valid token or session */
	OPERATION_PERSON, /* a session: one's own account */
	OPERATION_ITSP, /* an ITSP's token or person: tenant pool, row-level security */
	OPERATION_MANUFACTURER, /* the manufacturer's token or person: admin pool */
};

enum operation_body {
	BODY_NONE, /* none, or an empty JSON object */
	BODY_JSON, /* application/json: one object */
	BODY_MERGE_PATCH, /* application/merge-patch+json (RFC 7396) or application/json */
	BODY_CSV, /* text/csv */
	BODY_ROWS, /* text/csv or application/x-ndjson */
};

enum operation_flag {
	OPERATION_MUTATES = 1, /* may have an effect: Idempotency-Key is heeded */
	OPERATION_ALL_SCOPES = 2, /* each of the scopes is needed */
};

struct operation {
	const char *id; /* operationId of the OpenAPI document; the log's name of it */
	const char *method, *pattern;
	enum operation_audience audience;
	uint32_t scopes; /* any one of them suffices (or OPERATION_ALL_SCOPES); 0: none is needed */
	enum operation_body body;
	size_t body_max; /* bytes */
	unsigned flags;
	int heeds_if_match; /* what it changes has a version; elsewhere If-Match is refused */
	const char *query; /* names of the query parameters, between spaces; NULL: none */
	void (*handle)(struct request *request);
	/*
	 * Answers again for an Idempotency-Key whose effect is committed but whose answer was not
	 * kept: from request->effect_object, changing nothing. May be `handle` where that holds for
	 * it. NULL: the answer held a secret, which is not shown again.
	 */
	void (*rebuild)(struct request *request);
};

#endif
