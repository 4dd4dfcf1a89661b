/* What the front counts: one table, read by Prometheus. Every refusal adds to one of these. */
#ifndef FIRSTRING_FACTORY_CA_FRONT_METRICS_H
#define FIRSTRING_FACTORY_CA_FRONT_METRICS_H

#include "common/net/metrics.h"
#include "common/net/server.h"
#include "factory-ca/front/enrolment.h"
#include "factory-ca/front/expiry.h"
#include "factory-ca/front/request.h"

enum front_metric {
	FRONT_ANSWERS, /* by status */
	FRONT_REFUSALS, /* by enum request_refusal */
	FRONT_CONNECTIONS_REFUSED, /* by enum server_refusal */
	FRONT_ROWS_ISSUED,
	FRONT_ROWS_EXISTING,
	FRONT_ROWS_REFUSED, /* by enum enrolment_code */
	FRONT_BATCHES_CUT,
	FRONT_RETRIES,
	FRONT_GROUP_TIME,
	FRONT_ORDERS_OPENED,
	FRONT_ORDERS_CLOSED,
	FRONT_STATEMENTS_REFUSED,
	FRONT_STATEMENTS_RECORDED, /* by enum statement_type */
	FRONT_CRLS_PUBLISHED,
	FRONT_CRL_NEXT_UPDATE,
	FRONT_AUDIT_CHAINED,
	FRONT_AUDIT_UNCHAINED,
	FRONT_AUDIT_OLDEST_UNCHAINED,
	FRONT_AUDIT_HEADS, /* by outcome */
	FRONT_AUDIT_HEAD_AGE,
	FRONT_EXPIRES, /* by enum expiry_kind */
	FRONT_METRIC_COUNT,
};

extern const struct metric FRONT_METRICS[FRONT_METRIC_COUNT];

/* The label of FRONT_ANSWERS for an HTTP status. */
unsigned front_metric_status_label(int status);

#endif
