/* One row of a claim job; see claim_row.h. Runs in the job worker. */
#include "portal-api/jobs/claim_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int compare_macs(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct mac));
}

/* The phones' MACs in order; the caller frees. */
static struct mac *sorted_macs(const struct claim_row *rows, size_t count, size_t *mac_count)
{
	struct mac *macs = calloc(count + 1, sizeof *macs);
	CHECK(macs);
	*mac_count = 0;
	for (size_t i = 0; i < count; i++)
		if (rows[i].state != ROW_REFUSED)
			macs[(*mac_count)++] = rows[i].mac;
	qsort(macs, *mac_count, sizeof *macs, compare_macs);
	return macs;
}

int claim_rows_share_phone(
    const struct claim_row *a, size_t a_count, const struct claim_row *b, size_t b_count)
{
	size_t a_left, b_left;
	struct mac *a_macs = sorted_macs(a, a_count, &a_left);
	struct mac *b_macs = sorted_macs(b, b_count, &b_left);
	const struct mac *a_next = a_macs, *b_next = b_macs;
	int shared = 0;
	while (a_left > 0 && b_left > 0 && !shared) {
		int order = compare_macs(a_next, b_next);
		shared = order == 0;
		if (order < 0) {
			a_next++;
			a_left--;
		} else {
			b_next++;
			b_left--;
		}
	}
	free(a_macs);
	free(b_macs);
	return shared;
}

static void set_result(
    struct claim_row *row, enum claim_row_state state, const char *code, const char *detail)
{
	row->state = state;
	snprintf(row->code, sizeof row->code, "%s", code);
	snprintf(row->detail, sizeof row->detail, "%s", detail);
}

void claim_row_settle(struct claim_row *row, const char *name)
{
	if (strcmp(name, "created") == 0 || strcmp(name, "same") == 0) {
		set_result(row, ROW_GRANTED, name, "");
	} else if (strcmp(name, "possession_not_proven") == 0) {
		set_result(row, ROW_REFUSED, name, "This does not prove that you hold the phone.");
	} else {
		const struct outcome *outcome = outcome_find(name);
		CHECK(outcome);
		set_result(row, ROW_REFUSED,
		    outcome->code ? outcome->code : problem_code(outcome->kind), outcome->detail);
	}
}

void claim_row_param(const struct claim_row *row, unsigned column, struct pg_params *params)
{
	struct uuid profile;
	CHECK(row->state == ROW_PREPARED);
	CHECK(uuid_parse(row->profile_id, strlen(row->profile_id), &profile) == ERR_OK);
	if (column == 0)
		pg_param_uuid(params, row->claim_id.bytes);
	else if (column == 1)
		pg_param_mac(params, &row->mac);
	else if (column == 2)
		pg_param_text(params, row->has_code ? row->claim_code.symbols : NULL);
	else if (column == 3)
		pg_param_uuid(params, profile.bytes);
	else
		pg_param_bytea(params, row->sealed.bytes, row->sealed.len);
}

void claim_row_refuse(struct claim_row *row)
{
	set_result(row, ROW_REFUSED, "invalid", "A value cannot be stored.");
}

static void make_password(
    struct claim_row *row, const struct portal *portal, const struct pg_rows *rows, size_t at)
{
	struct secret password = {0};
	struct field_errors errors = {0};
	struct carry carry = {.mac = row->mac,
	    .serial_number = row_text(rows, at, row_column(rows, "serial_number")),
	    .model = row_text(rows, at, row_column(rows, "model")),
	    .admin_user = row_text(rows, at, row_column(rows, "admin_user")),
	    .password_alphabet = row_text(rows, at, row_column(rows, "password_alphabet"))};
	carry_take_profile(&carry, rows, at);
	if (claim_password(portal, &carry, row_text(rows, at, row_column(rows, "format")), NULL,
		&password, &errors) != ERR_OK) {
		set_result(row, ROW_REFUSED, errors.items[0].code, errors.items[0].detail);
	} else {
		uuid_random(&row->claim_id);
		buf_clear(&row->sealed);
		claim_seal(portal, &row->mac, row->claim_id.bytes, &password, &row->sealed);
		set_result(row, ROW_PREPARED, "possible", "");
	}
	secret_free(&password);
}

void claim_row_prepare(
    struct claim_row *row, const struct portal *portal, const struct pg_rows *rows, size_t at)
{
	const char *outcome = row_text(rows, at, row_column(rows, "outcome"));
	snprintf(row->profile_id, sizeof row->profile_id, "%s",
	    row_text(rows, at, row_column(rows, "profile_id")));
	if (strcmp(outcome, "possible") == 0)
		make_password(row, portal, rows, at);
	else
		claim_row_settle(row, outcome);
}

void claim_row_judge(struct claim_row *row)
{
	if (mac_parse(row->mac_text, strlen(row->mac_text), &row->mac) != ERR_OK) {
		set_result(row, ROW_REFUSED, "bad_mac", "This is no phone's MAC.");
		return;
	}
	row->has_code = row->code_text && row->code_text[0];
	if (!row->has_code)
		return;
	enum err err = claim_code_parse(row->code_text, strlen(row->code_text), &row->claim_code);
	if (err == ERR_SIGNATURE)
		set_result(row, ROW_REFUSED, "claim_code_mistyped",
		    "A symbol is wrong: read the code on the label again.");
	else if (err)
		set_result(row, ROW_REFUSED, "bad_claim_code",
		    "A claim code has 14 symbols, such as XXXXX-XXXXX-XXXX.");
}
