/* One row of a claim job; see claim_row.h. Runs in the job worker. */
#include "portal-api/jobs/claim_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/secret.h"
#include "portal-api/claims/claims.h"
#include "portal-api/http/outcome.h"
#include "queries_portal-api.h"

void claim_row_free(struct claim_row *row)
{
	if (row->code_text)
		bytes_wipe(row->code_text, strlen(row->code_text));
	bytes_wipe(&row->claim_code, sizeof row->claim_code);
	free(row->mac_text);
	free(row->code_text);
	free(row->profile);
	buf_free(&row->sealed);
}

struct pg_call job_tenant_call(const struct job_actor *actor)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, actor->itsp_id);
	return (struct pg_call){&query_tenant_set, params};
}

void job_param_actor(const struct job_actor *actor, struct pg_params *params)
{
	pg_param_text(params, actor->kind);
	pg_param_text(params, actor->id);
	pg_param_null(params);
	pg_param_text(params, actor->job_id);
}

static void set_result(
    struct claim_row *row, enum claim_row_state state, const char *code, const char *detail)
{
	row->state = state;
	snprintf(row->code, sizeof row->code, "%s", code);
	snprintf(row->detail, sizeof row->detail, "%s", detail);
}

static void step(struct claim_row *row)
{
	row->on_step(row, row->ctx);
}

void claim_row_settle(struct claim_row *row, const char *name)
{
	if (strcmp(name, "created") == 0 || strcmp(name, "same") == 0) {
		set_result(row, ROW_GRANTED, name, "");
	} else if (strcmp(name, "rolled_back") == 0) {
		set_result(row, ROW_REFUSED, name, "Nothing is claimed, because of another row.");
	} else if (strcmp(name, "possession_not_proven") == 0) {
		set_result(row, ROW_REFUSED, name, "This does not prove that you hold the phone.");
	} else {
		const struct outcome *outcome = outcome_find(name);
		CHECK(outcome);
		set_result(row, ROW_REFUSED,
		    outcome->code ? outcome->code : problem_code(outcome->kind), outcome->detail);
	}
}

/* A failure of the database leaves the row waiting; a value that it refuses is the row's fault. */
static void fail(struct claim_row *row, const struct pg_error *error)
{
	static struct log_gate gate;
	int is_rows = error->err == ERR_REFUSED || error->err == ERR_EXISTS;
	if (log_gate_open(&gate))
		LOG_WARN("claim_job_row_failed", log_str("job", row->actor->job_id),
		    log_int("line", row->line), log_err(error->err),
		    log_str("sqlstate", error->sqlstate), log_str("message", error->message),
		    log_uint("suppressed", gate.suppressed));
	if (is_rows)
		set_result(row, ROW_REFUSED, "invalid", "A value cannot be stored.");
	else
		row->state = ROW_WAITING;
	step(row);
}

static void prepare(struct claim_row *row, const struct pg_rows *rows)
{
	struct secret password = {0};
	struct field_errors errors = {0};
	struct carry carry = {.mac = row->mac,
	    .serial_number = row_text(rows, 0, row_column(rows, "serial_number")),
	    .model = row_text(rows, 0, row_column(rows, "model")),
	    .admin_user = row_text(rows, 0, row_column(rows, "admin_user"))};
	carry_take_profile(&carry, rows);
	if (claim_password(row->portal, &carry, row_text(rows, 0, row_column(rows, "format")), NULL,
		&password, &errors) != ERR_OK) {
		set_result(row, ROW_REFUSED, errors.items[0].code, errors.items[0].detail);
	} else {
		uuid_random(&row->claim_id);
		buf_clear(&row->sealed);
		claim_seal(row->portal, &row->mac, row->claim_id.bytes, &password, &row->sealed);
		set_result(row, ROW_PREPARED, "possible", "");
	}
	secret_free(&password);
}

static void on_checked(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct claim_row *row = ctx;
	if (error) {
		fail(row, error);
		return;
	}
	CHECK(count == 2);
	const struct pg_rows *rows = results[1];
	const char *outcome = row_text(rows, 0, row_column(rows, "outcome"));
	snprintf(row->profile_id, sizeof row->profile_id, "%s",
	    row_text(rows, 0, row_column(rows, "profile_id")));
	if (strcmp(outcome, "possible") == 0)
		prepare(row, rows);
	else
		claim_row_settle(row, outcome);
	step(row);
}

/* What is written, without the database. */
static int is_well_formed(struct claim_row *row)
{
	if (mac_parse(row->mac_text, strlen(row->mac_text), &row->mac) != ERR_OK) {
		set_result(row, ROW_REFUSED, "bad_mac", "This is no phone's MAC.");
		return 0;
	}
	row->has_code = row->code_text && row->code_text[0];
	if (!row->has_code)
		return 1;
	enum err err = claim_code_parse(row->code_text, strlen(row->code_text), &row->claim_code);
	if (err == ERR_SIGNATURE)
		set_result(row, ROW_REFUSED, "claim_code_mistyped",
		    "A symbol is wrong: read the code on the label again.");
	else if (err)
		set_result(row, ROW_REFUSED, "bad_claim_code",
		    "A claim code has 14 symbols, such as XXXXX-XXXXX-XXXX.");
	return err == ERR_OK;
}

int claim_row_check(struct claim_row *row, const struct portal *portal,
    const struct job_actor *actor, void (*on_step)(struct claim_row *row, void *ctx), void *ctx)
{
	row->portal = portal;
	row->actor = actor;
	row->on_step = on_step;
	row->ctx = ctx;
	if (!is_well_formed(row))
		return 0;
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &row->mac);
	pg_param_text(params, row->has_code ? row->claim_code.symbols : NULL);
	pg_param_text(params, row->profile);
	pg_param_int(params, portal->config->wrong_codes_per_hour);
	job_param_actor(actor, params);
	const struct pg_call calls[] = {job_tenant_call(actor), {&query_claim_check_named, params}};
	pg_submit(portal->tenant, calls, 2, on_checked, row);
	return 1;
}

static void on_taken(
    const struct pg_error *error, const struct pg_rows *const *results, size_t count, void *ctx)
{
	struct claim_row *row = ctx;
	if (error) {
		fail(row, error);
		return;
	}
	CHECK(count == 2);
	claim_row_settle(row, row_text(results[1], 0, row_column(results[1], "outcome")));
	step(row);
}

void claim_row_take(struct claim_row *row)
{
	CHECK(row->state == ROW_PREPARED);
	struct pg_params *params = pg_params_new();
	pg_param_uuid(params, row->claim_id.bytes);
	pg_param_mac(params, &row->mac);
	pg_param_text(params, row->has_code ? row->claim_code.symbols : NULL);
	pg_param_text(params, row->profile_id);
	pg_param_bytea(params, row->sealed.bytes, row->sealed.len);
	pg_param_int(params, row->portal->config->wrong_codes_per_hour);
	job_param_actor(row->actor, params);
	const struct pg_call calls[] = {job_tenant_call(row->actor), {&query_claim_put, params}};
	pg_submit(row->portal->tenant, calls, 2, on_taken, row);
}
