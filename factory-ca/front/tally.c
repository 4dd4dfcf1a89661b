/* Counts of the line. */
#include "factory-ca/front/tally.h"

#include <stdio.h>

#include "common/base/log.h"
#include "queries_factory-ca.h"

/* The codes, and "existing" in the place of none. */
static void put_kind(struct pg_params *params, unsigned code)
{
	char kind[40];

	if (code == ENROLMENT_CODE_NONE) {
		pg_param_text(params, "existing");
		return;
	}
	snprintf(kind, sizeof(kind), "refused_%s", enrolment_code_name((enum enrolment_code)code));
	pg_param_text(params, kind);
}

static void on_noted(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static struct log_gate gate;

	(void)rows;
	(void)count;
	(void)ctx;
	if (error && log_gate_open(&gate))
		LOG_WARN("tally_lost", log_err(error->err), log_str("message", error->message),
		    log_uint("suppressed", gate.suppressed));
}

void tally_note(const struct call *call, const struct enrolment *rows, size_t count)
{
	struct pg_call query = {.statement = &query_order_tally_add};
	unsigned counts[ENROLMENT_CODE_COUNT] = {0}, code;
	size_t i, any = 0;

	for (i = 0; i < count; i++) {
		if (rows[i].status == ENROLMENT_ERROR)
			counts[rows[i].code]++;
		else if (rows[i].status == ENROLMENT_EXISTING)
			counts[ENROLMENT_CODE_NONE]++;
		else
			continue;
		any++;
	}
	if (any == 0)
		return;
	query.params = pg_params_new();
	pg_param_text(query.params, call->order.terms.reference);
	pg_param_array_begin(query.params, PG_ARRAY_TEXT);
	for (code = 0; code < ENROLMENT_CODE_COUNT; code++)
		if (counts[code])
			put_kind(query.params, code);
	pg_param_array_end(query.params);
	pg_param_array_begin(query.params, PG_ARRAY_INT8);
	for (code = 0; code < ENROLMENT_CODE_COUNT; code++)
		if (counts[code])
			pg_param_int(query.params, counts[code]);
	pg_param_array_end(query.params);
	pg_submit(call->front->pg, &query, 1, on_noted, NULL);
}
