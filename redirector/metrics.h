/* What the redirector counts; see the table in metrics.c for what each means. */
#ifndef FIRSTRING_REDIRECTOR_METRICS_H
#define FIRSTRING_REDIRECTOR_METRICS_H

enum redirector_metric {
	METRIC_ANSWERS, /* by enum decision_reason */
	METRIC_CONNECTIONS_REFUSED, /* by enum server_refusal */
	METRIC_CERTIFICATES_REFUSED, /* by enum device_id_reason */
	METRIC_LOOKUP_SECONDS,
	METRIC_LOOKUPS_FAILED,
	METRIC_LOOKUPS_STANDBY,
	METRIC_EVENTS_WRITTEN,
	METRIC_EVENTS_DROPPED,
	METRIC_ABUSE_ALARMS, /* by enum abuse_alarm */
	METRIC_ABUSE_RECORDS, /* 0 sources, 1 networks, 2 certificates */
	METRIC_BANS, /* 0 sources, 1 networks, 2 certificates */
	METRIC_EVENTS_SPOOLED,
	METRIC_HANDSHAKES_FAILED, /* by enum handshake_cause */
	METRIC_CONNECTIONS_OPEN,
	METRIC_LOOKUPS_WAITING,
	METRIC_EVENTS_QUEUED,
	METRIC_COUNT,
};

/* Declares them; once, before the first fork. */
void redirector_metrics_init(void);

#endif
