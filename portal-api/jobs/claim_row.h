/*
 * One row of a claim job on its way: judged, checked, prepared, claimed. The database is asked for
 * many at once (batch.c).
 *
 * What it says is an ITSP's; who may claim what is decided by the database, as in PUT
 * /v1/claims/{mac}, and what the model can carry by the same code.
 */
#ifndef FIRSTRING_PORTAL_JOBS_CLAIM_ROW_H
#define FIRSTRING_PORTAL_JOBS_CLAIM_ROW_H

#include "common/base/claim_code.h"
#include "common/base/mac.h"
#include "common/db/row.h"
#include "portal-api/http/uuid.h"
#include "portal-api/portal.h"

enum claim_row_state {
	ROW_WAITING, /* nothing was done, or the database was away: to be tried again */
	ROW_PREPARED, /* it would be granted; everything that its claim is made of is here */
	ROW_GRANTED,
	ROW_REFUSED,
	ROW_NOTED, /* its result is on record */
};

/* The detail of a row whose outcome is rolled_back. */
#define CLAIM_ROW_ROLLED_BACK "Nothing is claimed, because of another row."

enum { ROW_CODE_MAX = 48, ROW_DETAIL_MAX = 256 };

struct claim_row {
	int64_t line;
	char *mac_text, *code_text, *profile; /* as given; code_text NULL: none */
	enum claim_row_state state;
	char code[ROW_CODE_MAX], detail[ROW_DETAIL_MAX]; /* the result */
	struct mac mac;
	struct claim_code claim_code;
	int has_code;
	struct uuid claim_id;
	char profile_id[UUID_TEXT_LEN + 1];
	struct buf sealed;
};

void claim_row_free(struct claim_row *row);
/* Whether a phone is in both; of rows that were judged, those that were not refused. */
int claim_rows_share_phone(
    const struct claim_row *a, size_t a_count, const struct claim_row *b, size_t b_count);

/* Judges what is written, without the database; the row is refused where it is not right. */
void claim_row_judge(struct claim_row *row);
/* Takes what claims_check says of it in row `at`: it is prepared, granted ("same") or refused. */
void claim_row_prepare(
    struct claim_row *row, const struct portal *portal, const struct pg_rows *rows, size_t at);
/* The database refused a value of this row. */
void claim_row_refuse(struct claim_row *row);
/* Sets the result for an outcome of claim_put or claim_check. */
void claim_row_settle(struct claim_row *row, const char *outcome);
/* One of what a prepared row's claim is made of, in the order of claim_job_rows_take: claim_id,
 * mac, claim_code, profile_id, sealed. */
void claim_row_param(const struct claim_row *row, unsigned column, struct pg_params *params);

#endif
