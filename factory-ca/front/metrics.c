/* The front's metrics table. Declared before the first fork; every worker adds to it. */
#include "factory-ca/front/metrics.h"

#include "factory-ca/signer/protocol_audit.h"

static const char *const STATUS_LABELS[] = {"200", "201", "204", "400", "401", "403", "404", "405",
    "409", "413", "415", "503", "other", NULL};
static const int STATUSES[] = {200, 201, 204, 400, 401, 403, 404, 405, 409, 413, 415, 503};
enum { STATUS_COUNT = sizeof(STATUSES) / sizeof(STATUSES[0]) };

static const char *const REFUSAL_LABELS[] = {"none", "certificate_required",
    "not_a_line_certificate", "certificate_not_live", "wrong_role", "station_not_on_order", NULL};
_Static_assert(sizeof(REFUSAL_LABELS) / sizeof(REFUSAL_LABELS[0]) == REQUEST_REFUSAL_COUNT + 1,
    "a label for each refusal");

static const char *const CONNECTION_LABELS[] = {
    "handshake", "certificate", "timeout", "syntax", "proxy", "reset", "banned", NULL};
_Static_assert(sizeof(CONNECTION_LABELS) / sizeof(CONNECTION_LABELS[0]) == SERVER_REFUSED_COUNT + 1,
    "a label for each way to end");

static const char *const CODE_LABELS[] = {"none", "bad_row", "bad_csr", "weak_key", "out_of_range",
    "order_full", "order_closed", "mac_has_other_key", "key_reused", "revoked", NULL};
_Static_assert(sizeof(CODE_LABELS) / sizeof(CODE_LABELS[0]) == ENROLMENT_CODE_COUNT + 1,
    "a label for each row code");

static const char *const STATEMENT_LABELS[] = {"order_open", "order_close", "order_extend", "rekey",
    "revoke", "operator_remove", "ledger_restore", NULL};
_Static_assert(sizeof(STATEMENT_LABELS) / sizeof(STATEMENT_LABELS[0]) == STATEMENT_TYPE_COUNT + 1,
    "a label for each type");

static const char *const HEAD_LABELS[] = {
    "signed", "same", "backwards", "fork", "unavailable", "not_kept", NULL};
_Static_assert(sizeof(HEAD_LABELS) / sizeof(HEAD_LABELS[0]) == AUDIT_HEAD_OUTCOME_COUNT + 3,
    "a label for each outcome, for no answer, and for a head that could not be kept");

static const char *const EXPIRY_LABELS[] = {"station", "operator", "server", "issuing_ca",
    "line_access_ca", "root_crl", "issuing_crl", "ocsp_responder", NULL};
_Static_assert(sizeof(EXPIRY_LABELS) / sizeof(EXPIRY_LABELS[0]) == EXPIRY_KIND_COUNT + 1,
    "a label for each kind");

const struct metric FRONT_METRICS[FRONT_METRIC_COUNT] = {
    [FRONT_ANSWERS] = {"firstring_factory_answers_total", METRIC_COUNTER, "HTTP answers by status",
	"status", STATUS_LABELS},
    [FRONT_REFUSALS] = {"firstring_factory_refusals_total", METRIC_COUNTER,
	"Requests refused for who asked", "reason", REFUSAL_LABELS},
    [FRONT_CONNECTIONS_REFUSED] = {"firstring_factory_connections_refused_total", METRIC_COUNTER,
	"Connections that ended without an answer", "reason", CONNECTION_LABELS},
    [FRONT_ROWS_ISSUED] = {"firstring_factory_certificates_issued_total", METRIC_COUNTER,
	"Certificates issued and on record", NULL, NULL},
    [FRONT_ROWS_EXISTING] = {"firstring_factory_certificates_existing_total", METRIC_COUNTER,
	"Certificates that were on record and were given again", NULL, NULL},
    [FRONT_ROWS_REFUSED] = {"firstring_factory_rows_refused_total", METRIC_COUNTER,
	"Enrolments refused, by row code", "code", CODE_LABELS},
    [FRONT_BATCHES_CUT] = {"firstring_factory_batches_cut_total", METRIC_COUNTER,
	"Batch answers cut short, for the station to repeat", NULL, NULL},
    [FRONT_RETRIES] = {"firstring_factory_group_retries_total", METRIC_COUNTER,
	"Groups of rows tried again because database or signer was away", NULL, NULL},
    [FRONT_GROUP_TIME] = {"firstring_factory_group_seconds", METRIC_HISTOGRAM,
	"Time from a group's start until its rows are durable", NULL, NULL},
    [FRONT_ORDERS_OPENED] = {"firstring_factory_orders_opened_total", METRIC_COUNTER,
	"Production orders opened", NULL, NULL},
    [FRONT_ORDERS_CLOSED] = {"firstring_factory_orders_closed_total", METRIC_COUNTER,
	"Production orders closed", NULL, NULL},
    [FRONT_STATEMENTS_REFUSED] = {"firstring_factory_statements_refused_total", METRIC_COUNTER,
	"Operators' statements refused", NULL, NULL},
    [FRONT_STATEMENTS_RECORDED] = {"firstring_factory_statements_total", METRIC_COUNTER,
	"Operators' statements accepted and on record, repetitions too", "act", STATEMENT_LABELS},
    [FRONT_CRLS_PUBLISHED] = {"firstring_factory_crls_published_total", METRIC_COUNTER,
	"CRLs of the issuing CA put on record", NULL, NULL},
    [FRONT_CRL_NEXT_UPDATE] = {"firstring_factory_crl_next_update_seconds", METRIC_GAUGE,
	"When the published CRL is past its nextUpdate, in seconds since 1970", NULL, NULL},
    [FRONT_AUDIT_CHAINED] = {"firstring_factory_audit_rows_chained_total", METRIC_COUNTER,
	"Rows of the audit log chained", NULL, NULL},
    [FRONT_AUDIT_UNCHAINED] = {"firstring_factory_audit_rows_unchained", METRIC_GAUGE,
	"Rows of the audit log that wait to be chained", NULL, NULL},
    [FRONT_AUDIT_OLDEST_UNCHAINED] = {"firstring_factory_audit_oldest_unchained_seconds",
	METRIC_GAUGE, "Age of the oldest row that waits to be chained", NULL, NULL},
    [FRONT_AUDIT_HEADS] = {"firstring_factory_audit_heads_total", METRIC_COUNTER,
	"Heads of the audit chain asked of the signer, by what it did", "outcome", HEAD_LABELS},
    [FRONT_AUDIT_HEAD_AGE] = {"firstring_factory_audit_head_age_seconds", METRIC_GAUGE,
	"Time since the signer last vouched for the end of the audit chain", NULL, NULL},
    [FRONT_EXPIRES] = {"firstring_factory_expires_seconds", METRIC_GAUGE,
	"When the first of its kind ends, in seconds since 1970; 0: there is none", "what",
	EXPIRY_LABELS},
};

unsigned front_metric_status_label(int status)
{
	unsigned i;

	for (i = 0; i < STATUS_COUNT; i++)
		if (STATUSES[i] == status)
			return i;
	return STATUS_COUNT;
}
