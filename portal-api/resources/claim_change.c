/*
 * PATCH /v1/claims/{mac}, POST /v1/claims/{mac}/rotate and /rearm: changing one's own claim.
 *
 * A new password becomes pending: the next answer to the phone delivers it. A re-arm makes one only
 * where the old one was purged, so that the phone that comes is not turned away.
 */
#include <stdlib.h>
#include <string.h>

#include "portal-api/claims/claims.h"
#include "portal-api/json/bind.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

struct patch_body {
	const char *profile_id, *admin_password;
	int suspended; /* -1: absent */
};

static const struct bind_field body_fields[] = {
    {.name = "profile_id", .type = BIND_UUID, .offset = offsetof(struct patch_body, profile_id)},
    {.name = "admin_password",
	.type = BIND_TEXT,
	.offset = offsetof(struct patch_body, admin_password),
	.max = 256},
    {.name = "suspended", .type = BIND_BOOL, .offset = offsetof(struct patch_body, suspended)},
};

/* A change on its way: the claim is read, its profile is read, the change is stored. */
struct changing {
	struct mac mac;
	int version; /* expected */
	struct patch_body body; /* borrowed from the document */
	int makes_password; /* a new one, whether supplied or not */
	const struct pg_statement *statement;
	uint8_t claim_id[UUID_LEN];
	char *model, *serial_number, *format, *password_alphabet;
	struct buf sealed;
};

static void changing_free(void *state)
{
	struct changing *changing = state;
	free(changing->model);
	free(changing->serial_number);
	free(changing->format);
	free(changing->password_alphabet);
	buf_free(&changing->sealed);
	free(changing);
}

static struct changing *changing_new(struct request *request)
{
	struct changing *changing = calloc(1, sizeof(*changing));
	CHECK(changing);
	changing->body.suspended = -1;
	request->state = changing;
	request->state_free = changing_free;
	return changing;
}

static void on_changed(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "updated") == 0 || strcmp(outcome, "same") == 0 ||
	    strcmp(outcome, "rotated") == 0 || strcmp(outcome, "rearmed") == 0)
		claim_reply(request, 200, results[0], 0);
	else
		request_fail_outcome(request, outcome);
}

static void add_sealed(struct pg_params *params, const struct changing *changing)
{
	if (changing->sealed.len == 0) {
		pg_param_null(params);
		pg_param_null(params);
		return;
	}
	pg_param_uuid(params, changing->claim_id);
	pg_param_bytea(params, changing->sealed.bytes, changing->sealed.len);
}

static void store(struct request *request)
{
	const struct changing *changing = request->state;
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &changing->mac);
	request_param_version(params, changing->version);
	if (changing->statement == &query_claim_patch) {
		pg_param_text(params, changing->body.profile_id);
		if (changing->body.suspended < 0)
			pg_param_null(params);
		else
			pg_param_bool(params, changing->body.suspended);
	}
	/* What functions took later stands at the end. */
	if (changing->statement != &query_claim_rearm)
		add_sealed(params, changing);
	request_param_actor(request, params);
	if (changing->statement == &query_claim_rearm)
		add_sealed(params, changing);
	request_effect(request, &(struct pg_call){changing->statement, params}, 1, on_changed);
}

static void on_profile(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct changing *changing = request->state;
	struct secret password = {0};
	CHECK(count == 1);
	if (row_count(results[0]) == 0) {
		request_fail_outcome(request, "unknown_profile");
		return;
	}
	struct carry carry = {.mac = changing->mac,
	    .serial_number = changing->serial_number,
	    .model = changing->model,
	    .password_alphabet = changing->password_alphabet};
	carry_take_profile(&carry, results[0], 0);
	enum err err = claim_password(request->portal, &carry, changing->format,
	    changing->body.admin_password, &password, &request->problem.errors);
	if (!err && changing->makes_password)
		claim_seal(request->portal, &changing->mac, changing->claim_id, &password,
		    &changing->sealed);
	secret_free(&password);
	if (err)
		request_fail_fields(request);
	else
		store(request);
}

static char *copy_column(const struct pg_rows *rows, const char *column)
{
	char *copy = strdup(row_text(rows, 0, row_column(rows, column)));
	CHECK(copy);
	return copy;
}

static void on_claim(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct changing *changing = request->state;
	const struct pg_rows *rows = results[0];
	CHECK(count == 1);
	if (row_count(rows) == 0) {
		request_fail_outcome(request, "not_found");
		return;
	}
	if (changing->version >= 0 &&
	    changing->version != (int)row_int(rows, 0, row_column(rows, "version"))) {
		request_fail_outcome(request, "version_mismatch");
		return;
	}
	if (changing->statement == &query_claim_rotate)
		changing->makes_password = 1;
	if (changing->statement == &query_claim_rearm) {
		if (!row_bool(rows, 0, row_column(rows, "password_purged"))) {
			store(request);
			return;
		}
		changing->makes_password = 1;
	}
	row_uuid(rows, 0, row_column(rows, "claim_id"), changing->claim_id);
	changing->model = copy_column(rows, "model");
	changing->serial_number = copy_column(rows, "serial_number");
	changing->format = copy_column(rows, "format");
	changing->password_alphabet = copy_column(rows, "password_alphabet");
	const struct pg_call call = profile_read_call(
	    changing->body.profile_id ? changing->body.profile_id
				      : row_text(rows, 0, row_column(rows, "profile_id")));
	request_query(request, &call, 1, on_profile);
}

static void read_claim(struct request *request)
{
	const struct changing *changing = request->state;
	const struct pg_call call = claim_read_call(&changing->mac);
	request_query(request, &call, 1, on_claim);
}

void claim_patch(struct request *request)
{
	struct changing *changing = changing_new(request);
	if (request_mac(request, 0, &changing->mac) ||
	    request_if_match(request, &changing->version))
		return;
	if (bind_object(request->document, body_fields,
		sizeof(body_fields) / sizeof(body_fields[0]), &changing->body,
		&request->problem.errors)) {
		request_fail_fields(request);
		return;
	}
	changing->statement = &query_claim_patch;
	changing->makes_password = changing->body.admin_password != NULL;
	if (changing->body.profile_id || changing->makes_password)
		read_claim(request);
	else
		store(request);
}

/* Both need the claim first. */
static void change_by(struct request *request, const struct pg_statement *statement)
{
	struct changing *changing = changing_new(request);
	if (request_mac(request, 0, &changing->mac) ||
	    request_if_match(request, &changing->version))
		return;
	changing->statement = statement;
	read_claim(request);
}

void claim_rotate(struct request *request)
{
	change_by(request, &query_claim_rotate);
}

void claim_rearm(struct request *request)
{
	change_by(request, &query_claim_rearm);
}
