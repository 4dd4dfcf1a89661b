/*
 * /v1/session: signing in, out, and who is signed in.
 *
 * What is typed is anybody's. An address that nobody has, one without a password, and a wrong
 * password take the same steps and get the same answer; the password is hashed in every case. The
 * attempt is counted before it is made (sql: sign_in_begin) and slows down its source alone. Wrong
 * codes of the authenticator are counted by account as well, against strangers: not where the
 * person has signed in before, and not against recovery codes.
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "portal-api/json/bind.h"
#include "portal-api/people/email.h"
#include "portal-api/people/people.h"
#include "portal-api/people/secrets.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

enum { PASSWORD_MAX = 1024, CODE_MAX = 32 };

struct sign_in {
	struct {
		const char *email, *password, *code; /* of the document */
	} body;
	uint8_t account_hash[SHA256_LEN];
	int has_user;
	char user_id[UUID_TEXT_LEN + 1], itsp_id[UUID_TEXT_LEN + 1];
	char password_hash[HASHER_HASH_MAX]; /* "": none */
	struct buf sealed, resealed;
	int64_t code_wait_s;
	int64_t step; /* -1: none */
	int by_recovery_code;
	uint8_t recovery_hash[SHA256_LEN];
	char session[SESSION_TEXT_LEN + 1];
	const char *reason; /* of the refusal, for the audit log */
};

static const struct bind_field FIELDS[] = {
    {.name = "email",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct sign_in, body.email),
	.min = 1,
	.max = EMAIL_MAX},
    {.name = "password",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED,
	.offset = offsetof(struct sign_in, body.password),
	.min = 1,
	.max = PASSWORD_MAX},
    {.name = "code",
	.type = BIND_TEXT,
	.flags = BIND_NULLABLE,
	.offset = offsetof(struct sign_in, body.code),
	.min = 1,
	.max = CODE_MAX},
};

static void sign_in_free(void *state)
{
	struct sign_in *sign_in = state;
	buf_wipe(&sign_in->sealed);
	buf_wipe(&sign_in->resealed);
	bytes_wipe(sign_in, sizeof(*sign_in));
	free(sign_in);
}

/* --- How it ends --- */

static void on_refused(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct sign_in *sign_in = request->state;
	(void)results;
	CHECK(count == 1);
	if (strcmp(sign_in->reason, "second_factor_needed") != 0)
		request_fail(request, PROBLEM_SIGN_IN_REFUSED,
		    "The address, the password or the code is not right.");
	else if (sign_in->body.code)
		fail_too_many_codes(request, sign_in->code_wait_s);
	else
		request_fail(request, PROBLEM_SECOND_FACTOR_NEEDED,
		    "Send the code of the authenticator, or a recovery code, as well.");
}

static void refuse(struct request *request, const char *reason)
{
	struct sign_in *sign_in = request->state;
	struct pg_params *params = pg_params_new();
	sign_in->reason = reason;
	pg_param_text(params, sign_in->has_user ? sign_in->user_id : NULL);
	pg_param_bytea(params, sign_in->account_hash, sizeof(sign_in->account_hash));
	pg_param_text(params, reason);
	request_param_actor(request, params);
	request_effect(request, &(struct pg_call){&query_sign_in_refuse, params}, 1, on_refused);
}

static void on_finished(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct sign_in *sign_in = request->state;
	CHECK(count == 2);
	if (strcmp(row_text(results[0], 0, row_column(results[0], "outcome")), "signed_in") != 0) {
		refuse(request, sign_in->by_recovery_code ? "wrong_recovery_code"
				: sign_in->step >= 0      ? "wrong_code"
							  : "refused");
		return;
	}
	memcpy(request->principal.id, sign_in->user_id, sizeof(sign_in->user_id));
	request->principal.is_person = 1;
	session_cookie(sign_in->session, request->set_cookie);
	request_reply_json(request, 200, account_document(request, sign_in->session, results[1]));
}

static void finish(struct request *request)
{
	struct sign_in *sign_in = request->state;
	struct pg_params *params = pg_params_new();
	session_generate(sign_in->session);
	pg_param_text(params, sign_in->user_id);
	pg_param_bytea(params, sign_in->account_hash, sizeof(sign_in->account_hash));
	pg_param_text(params, sign_in->password_hash);
	session_param(params, sign_in->session);
	pg_param_int(params, request->portal->config->session_lifetime_ms / 1000);
	if (sign_in->step >= 0)
		pg_param_int(params, sign_in->step);
	else
		pg_param_null(params);
	pg_param_bytea(params, sign_in->by_recovery_code ? sign_in->recovery_hash : NULL,
	    sizeof(sign_in->recovery_hash));
	pg_param_bytea(
	    params, sign_in->resealed.len ? sign_in->resealed.bytes : NULL, sign_in->resealed.len);
	pg_param_text(params, "user");
	pg_param_text(params, sign_in->user_id);
	pg_param_text(params, exchange_peer(request->exchange)->text);
	pg_param_text(params, exchange_request_id(request->exchange));
	const struct pg_call calls[] = {
	    {&query_sign_in_finish, params}, account_call(sign_in->session)};
	request_effect(request, calls, 2, on_finished);
}

/* --- The checks --- */

/* Whether the code is one of this moment; seals its secret anew where the ring has a newer key. */
static enum err check_authenticator(struct request *request)
{
	struct sign_in *sign_in = request->state;
	uint8_t secret[TOTP_SECRET_LEN];
	const char *code = sign_in->body.code;
	enum err err = second_factor_open(request, sign_in->user_id, &sign_in->sealed, secret);
	if (err)
		return err;
	err = totp_find_step(secret, code, strlen(code), clock_unix_s(), &sign_in->step);
	unsigned key_id = (unsigned)sign_in->sealed.bytes[0] << 8 | sign_in->sealed.bytes[1];
	if (!err && key_id != seal_ring_current(request->portal->ring))
		second_factor_seal(request, sign_in->user_id, secret, &sign_in->resealed);
	bytes_wipe(secret, sizeof(secret));
	return err;
}

static void check_second_factor(struct request *request)
{
	struct sign_in *sign_in = request->state;
	const char *code = sign_in->body.code;
	sign_in->by_recovery_code =
	    code && recovery_code_digest(code, strlen(code), sign_in->recovery_hash) == ERR_OK;
	if (!code || (sign_in->code_wait_s > 0 && !sign_in->by_recovery_code))
		refuse(request, "second_factor_needed");
	else if (sign_in->by_recovery_code || check_authenticator(request) == ERR_OK)
		finish(request);
	else
		refuse(request, "wrong_code");
}

static void on_verified(int matches, const char *hash, void *ctx)
{
	struct request *request = ctx;
	const struct sign_in *sign_in = request->state;
	(void)hash;
	if (!matches || !sign_in->has_user)
		refuse(request, "wrong_password");
	else if (sign_in->sealed.len > 0)
		check_second_factor(request);
	else
		finish(request);
}

static void take_row(struct sign_in *sign_in, const struct pg_rows *rows)
{
	int sealed = row_column(rows, "second_factor_sealed");
	int hash = row_column(rows, "password_hash");
	sign_in->has_user = !row_is_null(rows, 0, row_column(rows, "user_id"));
	if (!sign_in->has_user)
		return;
	memcpy(sign_in->user_id, row_text(rows, 0, row_column(rows, "user_id")), UUID_TEXT_LEN);
	sign_in->code_wait_s = row_int(rows, 0, row_column(rows, "code_wait_s"));
	if (!row_is_null(rows, 0, hash)) {
		const char *text = row_text(rows, 0, hash);
		CHECK(strlen(text) < sizeof(sign_in->password_hash));
		memcpy(sign_in->password_hash, text, strlen(text) + 1);
	}
	if (!row_is_null(rows, 0, sealed))
		row_bytes(rows, 0, sealed, &sign_in->sealed);
}

static void on_begun(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct sign_in *sign_in = request->state;
	int64_t wait_s = row_int(results[0], 0, row_column(results[0], "wait_s"));
	CHECK(count == 1);
	if (wait_s > 0) {
		fail_too_many_attempts(request, wait_s);
		return;
	}
	take_row(sign_in, results[0]);
	if (hasher_verify(request->portal->hasher,
		sign_in->password_hash[0] ? sign_in->password_hash : NULL, sign_in->body.password,
		strlen(sign_in->body.password), on_verified, request) != ERR_OK)
		fail_hasher_full(request);
}

void session_create(struct request *request)
{
	char email[EMAIL_MAX + 1];
	size_t len;
	struct sign_in *sign_in = calloc(1, sizeof(*sign_in));
	CHECK(sign_in);
	sign_in->step = -1;
	request->state = sign_in;
	request->state_free = sign_in_free;
	if (bind_object(request->document, FIELDS, sizeof(FIELDS) / sizeof(FIELDS[0]), sign_in,
		&request->problem.errors) != ERR_OK) {
		request_fail_fields(request);
		return;
	}
	len = email_fold(sign_in->body.email, strlen(sign_in->body.email), email);
	sha256(email, len, sign_in->account_hash);
	struct pg_params *params = pg_params_new();
	pg_param_text(params, email);
	pg_param_bytea(params, sign_in->account_hash, sizeof(sign_in->account_hash));
	pg_param_text(params, exchange_peer(request->exchange)->text);
	request_query(request, &(struct pg_call){&query_sign_in_begin, params}, 1, on_begun);
}

/* --- Who is signed in, and out --- */

static void on_account(struct request *request, const struct pg_rows *const *results, size_t count)
{
	CHECK(count == 1);
	if (row_count(results[0]) == 0)
		request_fail_outcome(request, "not_signed_in");
	else
		request_reply_json(request, 200,
		    account_document(request, request->principal.session, results[0]));
}

void session_get(struct request *request)
{
	const struct pg_call call = account_call(request->principal.session);
	request_query(request, &call, 1, on_account);
}

static void on_ended(struct request *request, const struct pg_rows *const *results, size_t count)
{
	(void)results;
	CHECK(count == 1);
	session_cookie(NULL, request->set_cookie);
	request_reply_empty(request);
}

void session_end(struct request *request)
{
	struct pg_params *params = pg_params_new();
	session_param(params, request->principal.session);
	request_param_actor(request, params);
	request_effect(request, &(struct pg_call){&query_session_end, params}, 1, on_ended);
}
