/* The table of the redirector's metrics. Pure but for the shared memory. */
#include "redirector/metrics.h"

#include "common/answer/decide.h"
#include "common/net/metrics.h"
#include "common/net/server.h"
#include "common/pki/device_id.h"
#include "redirector/abuse/abuse.h"
#include "redirector/handshake_cause.h"

static const char *answer_labels[DECIDE_REASON_COUNT + 1];
static const char *refusal_labels[SERVER_REFUSED_COUNT + 1];
static const char *certificate_labels[DEVICE_ID_REASON_COUNT + 1];

static const char *alarm_labels[ABUSE_ALARM_COUNT + 1];

static const char *handshake_labels[HANDSHAKE_CAUSE_COUNT + 1];
static const char *const ABUSE_LABELS[] = {"source", "network", "certificate", NULL};

static const struct metric METRICS[METRIC_COUNT] = {
    [METRIC_ANSWERS] = {.name = "firstring_redirector_answers_total",
	.help = "Requests by what was decided.",
	.label = "reason",
	.label_values = answer_labels},
    [METRIC_CONNECTIONS_REFUSED] = {.name = "firstring_redirector_connections_refused_total",
	.help = "Connections that ended without an answer.",
	.label = "cause",
	.label_values = refusal_labels},
    [METRIC_CERTIFICATES_REFUSED] = {.name = "firstring_redirector_certificates_refused_total",
	.help = "Verified certificates that are no phone's.",
	.label = "reason",
	.label_values = certificate_labels},
    [METRIC_LOOKUP_SECONDS] = {.name = "firstring_redirector_lookup_seconds",
	.type = METRIC_HISTOGRAM,
	.help = "From asking for a phone's record to having it."},
    [METRIC_LOOKUPS_FAILED] = {.name = "firstring_redirector_lookups_failed_total",
	.help = "Lookups that no database answered."},
    [METRIC_LOOKUPS_STANDBY] = {.name = "firstring_redirector_lookups_standby_total",
	.help = "Phones whose record a standby told while the primary was away."},
    [METRIC_EVENTS_WRITTEN] = {.name = "firstring_redirector_events_written_total",
	.help = "Events made durable."},
    [METRIC_EVENTS_DROPPED] = {.name = "firstring_redirector_events_dropped_total",
	.help = "Events lost because queue and spool were full or the database refused them."},
    [METRIC_EVENTS_SPOOLED] = {.name = "firstring_redirector_events_spooled_total",
	.help = "Events kept in a file while the primary was away; written later, each once."},
    [METRIC_ABUSE_ALARMS] = {.name = "firstring_redirector_abuse_alarms_total",
	.help = "Scans, bans, busy networks and suspected clones.",
	.label = "kind",
	.label_values = alarm_labels},
    [METRIC_HANDSHAKES_FAILED] = {.name = "firstring_redirector_handshakes_failed_total",
	.help = "TLS handshakes that failed, and certificates that did not verify.",
	.label = "cause",
	.label_values = handshake_labels},
    [METRIC_CONNECTIONS_OPEN] = {.name = "firstring_redirector_connections_open",
	.type = METRIC_GAUGE_SUM,
	.help = "Connections of phones."},
    [METRIC_LOOKUPS_WAITING] = {.name = "firstring_redirector_lookups_waiting",
	.type = METRIC_GAUGE_SUM,
	.help = "Phones whose record is being looked up."},
    [METRIC_EVENTS_QUEUED] = {.name = "firstring_redirector_events_queued",
	.type = METRIC_GAUGE_SUM,
	.help = "Events in memory, neither written nor spooled."},
    [METRIC_ABUSE_RECORDS] = {.name = "firstring_redirector_abuse_records",
	.type = METRIC_GAUGE,
	.help = "Sources, networks and certificates that are kept in mind.",
	.label = "of",
	.label_values = ABUSE_LABELS},
    [METRIC_BANS] = {.name = "firstring_redirector_bans",
	.type = METRIC_GAUGE,
	.help = "Bans in force; networks are never banned.",
	.label = "of",
	.label_values = ABUSE_LABELS},
};

void redirector_metrics_init(void)
{
	for (unsigned i = 0; i < DECIDE_REASON_COUNT; i++)
		answer_labels[i] = decide_reason_name((enum decide_reason)i);
	for (unsigned i = 0; i < SERVER_REFUSED_COUNT; i++)
		refusal_labels[i] = server_refusal_name((enum server_refusal)i);
	for (unsigned i = 0; i < DEVICE_ID_REASON_COUNT; i++)
		certificate_labels[i] = device_id_reason_name((enum device_id_reason)i);
	for (unsigned i = 0; i < HANDSHAKE_CAUSE_COUNT; i++)
		handshake_labels[i] = handshake_cause_name((enum handshake_cause)i);
	for (unsigned i = 0; i < ABUSE_ALARM_COUNT; i++)
		alarm_labels[i] = abuse_alarm_name((enum abuse_alarm)i);
	metrics_init(METRICS, METRIC_COUNT);
}
