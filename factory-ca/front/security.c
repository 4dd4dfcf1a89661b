/* Security events of the line. */
#include "factory-ca/front/security.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "factory-ca/front/json_text.h"
#include "queries_factory-ca.h"

static void on_noted(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static struct log_gate gate;

	(void)rows;
	(void)count;
	(void)ctx;
	if (error && log_gate_open(&gate))
		LOG_WARN("security_event_lost", log_err(error->err),
		    log_str("message", error->message), log_uint("suppressed", gate.suppressed));
}

/* The arrays of security_events_insert, in its order. */
enum column {
	COLUMN_AT,
	COLUMN_ID,
	COLUMN_KIND,
	COLUMN_MAC,
	COLUMN_FINGERPRINT,
	COLUMN_SOURCE,
	COLUMN_DETAIL,
	COLUMN_COUNT,
};
static const enum pg_array COLUMN_TYPES[COLUMN_COUNT] = {PG_ARRAY_TIMESTAMPTZ, PG_ARRAY_UUID,
    PG_ARRAY_TEXT, PG_ARRAY_MACADDR, PG_ARRAY_BYTEA, PG_ARRAY_TEXT, PG_ARRAY_TEXT};

static void put_detail(
    struct pg_params *params, const struct call *call, const struct enrolment *row)
{
	struct buf detail = {0};

	buf_put_u8(&detail, '{');
	json_put_string(&detail, "order", call->order.terms.reference);
	buf_put_u8(&detail, ',');
	json_put_string(&detail, "station", call->caller.name);
	buf_put_u8(&detail, ',');
	json_put_string(&detail, "detail", row->detail);
	buf_put_u8(&detail, '}');
	pg_param_text(params, (const char *)detail.bytes);
	buf_free(&detail);
}

static void put_column(struct pg_params *params, enum column column, const struct call *call,
    const struct enrolment *row)
{
	uint8_t id[16];

	switch (column) {
	case COLUMN_AT:
		pg_param_time_us(params, clock_unix_us());
		break;
	case COLUMN_ID:
		random_fill(id, sizeof(id));
		pg_param_uuid(params, id);
		break;
	case COLUMN_KIND:
		pg_param_text(params, enrolment_code_name(row->code));
		break;
	case COLUMN_MAC:
		if (row->has_mac)
			pg_param_mac(params, &row->mac);
		else
			pg_param_null(params);
		break;
	case COLUMN_FINGERPRINT:
		pg_param_bytea(params, NULL, 0); /* of a phone; it has no certificate */
		break;
	case COLUMN_SOURCE:
		pg_param_text(params, exchange_peer(call->exchange)->text);
		break;
	case COLUMN_DETAIL:
		put_detail(params, call, row);
		break;
	case COLUMN_COUNT:
		break;
	}
}

void security_note(const struct call *call, const struct enrolment *rows, size_t count)
{
	struct pg_call query = {.statement = &query_factory_security_events_insert};
	uint32_t key_types = call->order.terms.key_types;
	size_t i, suspicious = 0;
	unsigned column;

	for (i = 0; i < count; i++)
		suspicious += (size_t)enrolment_is_suspicious(&rows[i], key_types);
	if (suspicious == 0)
		return;
	query.params = pg_params_new();
	for (column = 0; column < COLUMN_COUNT; column++) {
		pg_param_array_begin(query.params, COLUMN_TYPES[column]);
		for (i = 0; i < count; i++)
			if (enrolment_is_suspicious(&rows[i], key_types))
				put_column(query.params, (enum column)column, call, &rows[i]);
		pg_param_array_end(query.params);
	}
	pg_submit(call->front->pg, &query, 1, on_noted, NULL);
}
