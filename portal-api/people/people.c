/* What the resources of people share; see people.h. */
#include "portal-api/people/people.h"

#include <string.h>

#include "common/base/log.h"
#include "common/base/secret.h"
#include "portal-api/json/rows.h"
#include "portal-api/people/role.h"
#include "queries_portal-api.h"

void session_param(struct pg_params *params, const char session[SESSION_TEXT_LEN])
{
	uint8_t digest[SHA256_LEN];
	session_digest(session, digest);
	pg_param_bytea(params, digest, sizeof(digest));
}

struct pg_call account_call(const char session[SESSION_TEXT_LEN])
{
	struct pg_params *params = pg_params_new();
	session_param(params, session);
	return (struct pg_call){&query_own_account, params};
}

static json_t *scopes_json(uint32_t scopes)
{
	json_t *names = json_array();
	for (unsigned i = 0; i < SCOPE_COUNT; i++)
		if (scopes & 1u << i)
			json_array_append_new(names, json_string(scope_name(i)));
	return names;
}

json_t *account_document(
    const struct request *request, const char session[SESSION_TEXT_LEN], const struct pg_rows *rows)
{
	static const struct row_field user_fields[] = {
	    {"id", "id", ROW_TEXT},
	    {"email", "email", ROW_TEXT},
	    {"display_name", "display_name", ROW_TEXT},
	    {"role", "role", ROW_TEXT},
	};
	static const struct row_field itsp_fields[] = {
	    {"id", "itsp_id", ROW_TEXT},
	    {"name", "itsp_name", ROW_TEXT},
	    {"suspended", "itsp_suspended", ROW_BOOL},
	};
	static const struct row_field factor_fields[] = {
	    {"set_at", "second_factor_at", ROW_TIME},
	    {"recovery_codes_left", "recovery_codes_left", ROW_INT},
	};
	static const struct row_field session_fields[] = {
	    {"expires_at", "session_expires_at", ROW_TIME}};
	char csrf[CSRF_TEXT_LEN + 1];
	int is_itsps = !row_is_null(rows, 0, row_column(rows, "itsp_id"));
	int is_required = request->portal->config->second_factor == SECOND_FACTOR_REQUIRED;
	int is_missing = row_is_null(rows, 0, row_column(rows, "second_factor_at"));
	uint32_t scopes = is_required && is_missing
			      ? 0
			      : role_scopes(row_text(rows, 0, row_column(rows, "role")));
	json_t *factor =
	    row_object(rows, 0, factor_fields, sizeof(factor_fields) / sizeof(factor_fields[0]));
	json_object_set_new(factor, "required", json_boolean(is_required));
	session_csrf_token(session, csrf);
	json_t *document = json_pack("{ss so so so so ss}", "kind",
	    is_itsps ? "itsp" : "manufacturer", "user",
	    row_object(rows, 0, user_fields, sizeof(user_fields) / sizeof(user_fields[0])), "itsp",
	    is_itsps
		? row_object(rows, 0, itsp_fields, sizeof(itsp_fields) / sizeof(itsp_fields[0]))
		: json_null(),
	    "scopes", scopes_json(scopes), "second_factor", factor, "csrf_token", csrf);
	json_object_update_new(document, row_object(rows, 0, session_fields, 1));
	return document;
}

static struct seal_binding binding_of(const char *user_id)
{
	struct seal_binding binding = {.purpose = SEAL_SECOND_FACTOR};
	struct uuid id;
	CHECK(uuid_parse(user_id, strlen(user_id), &id) == ERR_OK);
	memcpy(binding.claim_id, id.bytes, sizeof(binding.claim_id));
	return binding;
}

void second_factor_seal(const struct request *request, const char *user_id,
    const uint8_t secret[TOTP_SECRET_LEN], struct buf *sealed)
{
	struct seal_binding binding = binding_of(user_id);
	struct secret plain = {0};
	secret_set(&plain, secret, TOTP_SECRET_LEN);
	CHECK(seal(request->portal->ring, &binding, &plain, sealed) == ERR_OK);
	secret_free(&plain);
}

enum err second_factor_open(const struct request *request, const char *user_id,
    const struct buf *sealed, uint8_t secret[TOTP_SECRET_LEN])
{
	struct seal_binding binding = binding_of(user_id);
	struct secret plain = {0};
	enum err err =
	    seal_open(request->portal->ring, &binding, sealed->bytes, sealed->len, &plain);
	if (!err && plain.len != TOTP_SECRET_LEN)
		err = ERR_SIGNATURE;
	if (err)
		LOG_ERROR("second_factor_does_not_open", log_str("user_id", user_id), log_err(err));
	else
		memcpy(secret, plain.bytes, TOTP_SECRET_LEN);
	secret_free(&plain);
	return err;
}

void fail_too_many_attempts(struct request *request, int64_t wait_s)
{
	request->retry_after_s = (unsigned)wait_s;
	request_fail(request, PROBLEM_TOO_MANY_ATTEMPTS,
	    "Too many attempts from where you are. Try again in %lld seconds.", (long long)wait_s);
}

void fail_too_many_codes(struct request *request, int64_t wait_s)
{
	request->retry_after_s = (unsigned)wait_s;
	request_fail(request, PROBLEM_TOO_MANY_ATTEMPTS,
	    "Too many wrong codes were sent for this account. Sign in where you have signed in "
	    "before, "
	    "or with a recovery code, or wait for %lld minutes. If they were not yours, somebody "
	    "knows "
	    "your password: change it.",
	    (long long)(wait_s + 59) / 60);
}

void fail_hasher_full(struct request *request)
{
	request_fail_busy(request, PROBLEM_UNAVAILABLE,
	    "Too many people sign in at this moment. Nothing was changed; try again.");
}
