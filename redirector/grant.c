/* Asks the primary for leave to deliver. What comes from the network here is a token, of which only
 * the hash leaves. */
#include "redirector/grant.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/text.h"
#include "common/db/row.h"
#include "queries_redirector.h"
#include "redirector/primary.h"

enum { TOKEN_VALID_S = 24 * 3600 };

struct grants {
	struct primary *primary;
};

/* One question on its way. */
struct question {
	grant_fn *done;
	void *ctx;
};

static enum grant grant_parse(const char *outcome)
{
	static const struct {
		const char *name;
		enum grant grant;
	} OUTCOMES[] = {{"granted", GRANT_GIVEN}, {"staged", GRANT_GIVEN},
	    {"repeated", GRANT_REPEATED}, {"locked", GRANT_LOCKED},
	    {"not_staged", GRANT_NOT_STAGED}, {"changed", GRANT_CHANGED}};

	for (size_t i = 0; i < sizeof(OUTCOMES) / sizeof(OUTCOMES[0]); i++) {
		if (strcmp(OUTCOMES[i].name, outcome) == 0)
			return OUTCOMES[i].grant;
	}
	CHECK(0);
}

static void on_outcome(
    const struct pg_error *error, const struct pg_rows *const *rows, size_t count, void *ctx)
{
	static struct log_gate gate;
	struct question *question = ctx;
	enum grant grant = GRANT_UNAVAILABLE;

	(void)count;
	if (error == NULL)
		grant = grant_parse(row_text(rows[0], 0, row_column(rows[0], "outcome")));
	else if (log_gate_open(&gate))
		LOG_WARN("delivery_not_granted", log_err(error->err),
		    log_str("message", error->message), log_uint("suppressed", gate.suppressed));
	question->done(grant, question->ctx);
	free(question);
}

static void ask(struct grants *grants, const struct pg_statement *statement,
    struct pg_params *params, grant_fn *done, void *ctx)
{
	struct question *question = calloc(1, sizeof *question);

	CHECK(question != NULL);
	question->done = done;
	question->ctx = ctx;
	primary_submit(
	    grants->primary, &(struct pg_call){statement, params}, 1, on_outcome, question);
}

static struct pg_params *claim_params(const struct grant_request *request)
{
	struct pg_params *params = pg_params_new();

	pg_param_uuid(params, request->claim_id);
	pg_param_int(params, request->claim_version);
	pg_param_int(params, request->password_version);
	return params;
}

static void put_token(struct pg_params *params, const struct grant_request *request)
{
	uint8_t hash[SHA256_LEN];

	if (request->token == NULL) {
		pg_param_null(params);
		pg_param_null(params);
		return;
	}
	sha256(request->token, DECIDE_TOKEN_LEN, hash);
	pg_param_bytea(params, hash, sizeof hash);
	pg_param_bytea(params, request->fingerprint->bytes, SHA256_LEN);
}

static void put_event(struct pg_params *params, const struct grant_request *request)
{
	uint8_t event_id[16];

	random_fill(event_id, sizeof event_id);
	pg_param_uuid(params, event_id);
	pg_param_text(params, request->source);
}

void grant_delivery(
    struct grants *grants, const struct grant_request *request, grant_fn *done, void *ctx)
{
	struct pg_params *params = claim_params(request);

	if (request->is_once)
		pg_param_int(params, request->grace_s);
	else
		pg_param_null(params);
	put_token(params, request);
	put_event(params, request);
	ask(grants, &query_delivery_advance, params, done, ctx);
}

void grant_stage(
    struct grants *grants, const struct grant_request *request, grant_fn *done, void *ctx)
{
	struct pg_params *params = claim_params(request);

	CHECK(request->token != NULL);
	pg_param_bool(params, request->is_once);
	put_token(params, request);
	pg_param_int(params, TOKEN_VALID_S);
	put_event(params, request);
	ask(grants, &query_delivery_stage, params, done, ctx);
}

struct grants *grants_new(struct event_base *base, const char *const *conninfos, size_t count,
    int prepare, unsigned deadline_ms)
{
	struct grants *grants = calloc(1, sizeof *grants);

	CHECK(grants != NULL);
	grants->primary = primary_new(base, conninfos, count, prepare, deadline_ms);
	return grants;
}

void grants_free(struct grants *grants)
{
	if (grants == NULL)
		return;
	primary_free(grants->primary);
	free(grants);
}
