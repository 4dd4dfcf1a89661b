/*
 * /v1/links: what a one-time link is for, and setting a password by it.
 *
 * Who asks is anybody that has the link's token, 256 random bits, which is sent in the body: a URL
 * ends in logs and histories.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/secret.h"
#include "portal-api/json/bind.h"
#include "portal-api/json/rows.h"
#include "portal-api/people/password_policy.h"
#include "portal-api/people/people.h"
#include "portal-api/people/secrets.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

struct link {
	const char *token, *password; /* of the document */
	uint8_t digest[SHA256_LEN];
};

static const struct bind_field FIELDS[] = {
    {.name = "token",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct link, token),
	.min = 1,
	.max = 256},
    {.name = "password",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct link, password),
	.min = 1,
	.max = 1024},
};

/* Reads `count` of the fields and asks whom the link is for. */
static void begin(struct request *request, size_t count, request_done_fn *done)
{
	struct link *link = calloc(1, sizeof(*link));
	CHECK(link);
	request->state = link;
	request->state_free = free;
	if (bind_object(request->document, FIELDS, count, link, &request->problem.errors) !=
	    ERR_OK) {
		request_fail_fields(request);
		return;
	}
	if (link_digest(link->token, strlen(link->token), link->digest) != ERR_OK) {
		request_fail_outcome(request, "link_not_valid");
		return;
	}
	struct pg_params *params = pg_params_new();
	pg_param_bytea(params, link->digest, sizeof(link->digest));
	request_query(request, &(struct pg_call){&query_user_link_show, params}, 1, done);
}

static const struct row_field SHOWN[] = {
    {"email", "email", ROW_TEXT},
    {"display_name", "display_name", ROW_TEXT},
    {"expires_at", "expires_at", ROW_TIME},
};

static void on_shown(struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	if (row_count(results[0]) == 0)
		request_fail_outcome(request, "link_not_valid");
	else
		request_reply_json(request, 200,
		    row_object(results[0], 0, SHOWN, sizeof(SHOWN) / sizeof(SHOWN[0])));
}

void link_show(struct request *request)
{
	begin(request, 1, on_shown);
}

static void on_used(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "used") == 0)
		request_reply_empty(request);
	else
		request_fail_outcome(request, outcome);
}

static void use(int matches, const char *hash, void *ctx)
{
	struct request *request = ctx;
	const struct link *link = request->state;
	(void)matches;
	struct pg_params *params = pg_params_new();
	pg_param_bytea(params, link->digest, sizeof(link->digest));
	pg_param_text(params, hash);
	pg_param_text(params, exchange_peer(request->exchange)->text);
	pg_param_text(params, exchange_request_id(request->exchange));
	request_effect(request, &(struct pg_call){&query_user_link_use, params}, 1, on_used);
}

static void on_found(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	const struct link *link = request->state;
	CHECK(count == 1);
	if (row_count(rows) == 0) {
		request_fail_outcome(request, "link_not_valid");
		return;
	}
	const char *problem = person_password_problem(link->password, strlen(link->password),
	    row_text(rows, 0, row_column(rows, "email")),
	    row_text(rows, 0, row_column(rows, "display_name")));
	if (problem)
		request_fail_field(request, "password", "bad_password", "The password %s", problem);
	else if (hasher_hash(request->portal->hasher, link->password, strlen(link->password), use,
		     request) != ERR_OK)
		fail_hasher_full(request);
}

void link_use(struct request *request)
{
	begin(request, sizeof(FIELDS) / sizeof(FIELDS[0]), on_found);
}
