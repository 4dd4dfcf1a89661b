/* The portal's metrics, as one table. Runs in the parent before the first fork. */
#include "portal-api/metrics.h"

#include "common/net/metrics.h"
#include "common/net/server.h"
#include "portal-api/http/problem.h"

static const char *const status_classes[] = {"1xx", "2xx", "3xx", "4xx", "5xx", NULL};
static const char *const ocsp_outcomes[] = {
    "good", "revoked", "unknown", "malformed", "internal", "try_later", "unauthorized", NULL};
static const char *refusals[SERVER_REFUSED_COUNT + 1];

static struct metric table[] = {
    [METRIC_ANSWERS] = {.name = "firstring_portal_answers_total",
	.type = METRIC_COUNTER,
	.help = "Answers by class of status.",
	.label = "status",
	.label_values = status_classes},
    [METRIC_PROBLEMS] = {.name = "firstring_portal_problems_total",
	.type = METRIC_COUNTER,
	.help = "Refusals by the code of their problem document.",
	.label = "code"},
    [METRIC_CONNECTIONS_REFUSED] = {.name = "firstring_portal_connections_refused_total",
	.type = METRIC_COUNTER,
	.help = "Connections that ended without an answer, by reason.",
	.label = "reason",
	.label_values = refusals},
    [METRIC_REQUEST_SECONDS] = {.name = "firstring_portal_request_seconds",
	.type = METRIC_HISTOGRAM,
	.help = "From the complete head of a request to its answer."},
    [METRIC_PASSWORD_HASHES] = {.name = "firstring_portal_password_hashes_total",
	.type = METRIC_COUNTER,
	.help = "Passwords of people hashed, to be checked or stored."},
    [METRIC_OCSP] = {.name = "firstring_portal_ocsp_total",
	.type = METRIC_COUNTER,
	.help = "Certificates asked about by OCSP, by status; requests that got none, by reason.",
	.label = "outcome",
	.label_values = ocsp_outcomes},
};

void portal_metrics_init(void)
{
	for (unsigned i = 0; i < SERVER_REFUSED_COUNT; i++)
		refusals[i] = server_refusal_name((enum server_refusal)i);
	table[METRIC_PROBLEMS].label_values = problem_codes();
	metrics_init(table, sizeof(table) / sizeof(table[0]));
}
