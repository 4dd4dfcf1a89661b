/*
 * One HTTP request at the front, from its route to its one answer: who asks, may he, and the ways
 * to answer. Private to factory-ca/front; runs in its workers.
 *
 * A call lives until its exchange is answered; every callback that a handler waits for finds it
 * there. After call_answer_* (or exchange_end) it is gone.
 */
#ifndef FIRSTRING_FACTORY_CA_FRONT_CALL_H
#define FIRSTRING_FACTORY_CA_FRONT_CALL_H

#include "common/db/pg.h"
#include "common/net/router.h"
#include "common/net/server.h"
#include "common/pki/digest.h"
#include "factory-ca/front/front.h"
#include "factory-ca/front/order.h"
#include "factory-ca/front/request.h"

struct call;
typedef void call_handler_fn(struct call *call);

/* The target of a route. */
struct call_target {
	enum operation operation;
	call_handler_fn *handle; /* called once the caller is allowed */
	int is_est; /* refusals are text/plain */
};

struct call {
	struct front *front;
	struct exchange *exchange;
	const struct call_target *target;
	struct router_match match;
	struct caller caller;
	struct fingerprint fingerprint; /* of the caller's certificate */
	struct order order; /* after call_load_order */
	call_handler_fn *on_order;
	void *work; /* the handler's own; freed by release_work when the exchange ends */
	void (*release_work)(void *work);
};

extern const struct server_handler CALL_SERVER_HANDLER; /* its ctx is a struct front */

/* Loads the order of the path's first parameter, answers 404 or 403 itself, else goes on. */
void call_load_order(struct call *call, call_handler_fn *on_order);

/* Appends actor_kind, actor_id, source_ip and request_id, as audited statements end. */
void call_put_actor(const struct call *call, struct pg_params *params);

void call_answer_json(struct call *call, int status, const struct buf *body);
void call_answer_bytes(
    struct call *call, int status, const char *content_type, const void *bytes, size_t len);
/* A refusal: problem+json (RFC 9457), or text/plain on EST's paths. Logs it. `detail` may quote the
 * request: it is escaped. */
void call_refuse(struct call *call, int status, const char *code, const char *detail);
/* 503 with Retry-After: something that we need is away. `what` is for the log. */
void call_unavailable(struct call *call, const char *what);
/* The answer to a failed submission: 503, or 500 where it is our own mistake. */
void call_database_failed(struct call *call, const struct pg_error *error);

#endif
