/* The portal's metrics: indices into the table of metrics.c. */
#ifndef FIRSTRING_PORTAL_METRICS_H
#define FIRSTRING_PORTAL_METRICS_H

enum portal_metric {
	METRIC_ANSWERS, /* by status class: label is status / 100 - 1 */
	METRIC_PROBLEMS, /* by enum problem_kind */
	METRIC_CONNECTIONS_REFUSED, /* by enum server_refusal */
	METRIC_REQUEST_SECONDS,
	METRIC_PASSWORD_HASHES,
	METRIC_OCSP, /* certificates by enum ocsp_verdict, then requests by what went wrong */
};

enum {
	METRIC_OCSP_MALFORMED = 3,
	METRIC_OCSP_INTERNAL,
	METRIC_OCSP_TRY_LATER,
	METRIC_OCSP_UNAUTHORIZED,
};

/* Declares them; once, in the parent, before the first fork. */
void portal_metrics_init(void);

#endif
