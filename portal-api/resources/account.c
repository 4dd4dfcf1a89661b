/*
 * /v1/session/...: one's own second factor and password.
 *
 * Both ask for the password again: a browser left open is not enough. A change ends every session
 * of the person; the one that asked goes on under a new id.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/secret.h"
#include "common/base/text.h"
#include "portal-api/json/bind.h"
#include "portal-api/people/password_policy.h"
#include "portal-api/people/people.h"
#include "portal-api/people/secrets.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

enum { PASSWORD_MAX = 1024, PERSON_TEXT_MAX = 512 };

struct account {
	struct {
		const char *password, *current_password, *code; /* of the document */
	} body;
	char email[PERSON_TEXT_MAX + 1], display_name[PERSON_TEXT_MAX + 1];
	char password_hash[HASHER_HASH_MAX];
	struct buf proposed;
	uint8_t secret[TOTP_SECRET_LEN];
	char session[SESSION_TEXT_LEN + 1]; /* the new one */
	char recovery_codes[RECOVERY_CODES][RECOVERY_TEXT_LEN + 1];
	void (*go_on)(struct request *request);
};

#define PASSWORD_FIELD(field)                                                                      \
	{                                                                                          \
		.name = #field, .type = BIND_TEXT, .flags = BIND_REQUIRED,                         \
		.offset = offsetof(struct account, body.field), .min = 1, .max = PASSWORD_MAX      \
	}

static void account_free(void *state)
{
	struct account *account = state;
	buf_wipe(&account->proposed);
	bytes_wipe(account, sizeof(*account));
	free(account);
}

static void copy_column(char *to, size_t size, const struct pg_rows *rows, const char *column)
{
	const char *text = row_text(rows, 0, row_column(rows, column));
	CHECK(strlen(text) < size);
	memcpy(to, text, strlen(text) + 1);
}

static void on_credentials(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct pg_rows *rows = results[0];
	struct account *account = request->state;
	int64_t wait_s = row_int(rows, 0, row_column(rows, "wait_s"));
	int proposed = row_column(rows, "proposed_second_factor_sealed");
	CHECK(count == 1);
	if (row_is_null(rows, 0, row_column(rows, "user_id"))) {
		request_fail_outcome(request, "not_signed_in");
	} else if (wait_s > 0) {
		fail_too_many_attempts(request, wait_s);
	} else {
		copy_column(account->email, sizeof(account->email), rows, "email");
		copy_column(
		    account->display_name, sizeof(account->display_name), rows, "display_name");
		copy_column(
		    account->password_hash, sizeof(account->password_hash), rows, "password_hash");
		if (!row_is_null(rows, 0, proposed))
			row_bytes(rows, 0, proposed, &account->proposed);
		account->go_on(request);
	}
}

/* Reads the body, then the credentials on record, then goes on. */
static void begin(struct request *request, const struct bind_field *fields, size_t count,
    void (*go_on)(struct request *request))
{
	struct account *account = calloc(1, sizeof(*account));
	CHECK(account);
	account->go_on = go_on;
	request->state = account;
	request->state_free = account_free;
	if (bind_object(request->document, fields, count, account, &request->problem.errors) !=
	    ERR_OK) {
		request_fail_fields(request);
		return;
	}
	struct pg_params *params = pg_params_new();
	session_param(params, request->principal.session);
	pg_param_text(params, exchange_peer(request->exchange)->text);
	request_query(
	    request, &(struct pg_call){&query_own_credentials, params}, 1, on_credentials);
}

static void check_password(struct request *request, const char *password, hasher_done_fn *done)
{
	const struct account *account = request->state;
	if (hasher_verify(request->portal->hasher, account->password_hash, password,
		strlen(password), done, request) != ERR_OK)
		fail_hasher_full(request);
}

static void fail_wrong_password(struct request *request)
{
	request_fail(request, PROBLEM_WRONG_PASSWORD, "This is not your password.");
}

/* --- A new second factor --- */

/* The key as authenticators read it; the issuer is a fixed word, the address needs no more escape
 * than what our addresses are made of. */
static json_t *proposal_document(const struct account *account)
{
	char key[TOTP_SECRET_TEXT_LEN + 1], uri[PERSON_TEXT_MAX * 3 + 160];
	size_t len = (size_t)snprintf(uri, sizeof(uri), "otpauth://totp/Firstring:");
	for (const char *c = account->email; *c; c++)
		len += (size_t)snprintf(
		    uri + len, sizeof(uri) - len, strchr("%/?#&+ \"", *c) ? "%%%02X" : "%c", *c);
	totp_secret_text(account->secret, key);
	snprintf(uri + len, sizeof(uri) - len,
	    "?secret=%s&issuer=Firstring&algorithm=SHA1&digits=%d&period=%d", key, TOTP_DIGITS,
	    TOTP_STEP_S);
	json_t *document = json_pack("{ss ss}", "key", key, "uri", uri);
	bytes_wipe(key, sizeof(key));
	bytes_wipe(uri, sizeof(uri));
	return document;
}

static void on_proposed(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "proposed") != 0) {
		request_fail_outcome(request, outcome);
		return;
	}
	request->holds_secret = 1;
	request_reply_json(request, 200, proposal_document(request->state));
}

static void propose(int matches, const char *hash, void *ctx)
{
	struct request *request = ctx;
	struct account *account = request->state;
	struct buf sealed = {0};
	(void)hash;
	if (!matches) {
		fail_wrong_password(request);
		return;
	}
	random_fill(account->secret, sizeof(account->secret));
	second_factor_seal(request, request->principal.id, account->secret, &sealed);
	struct pg_params *params = pg_params_new();
	session_param(params, request->principal.session);
	pg_param_text(params, account->password_hash);
	pg_param_bytea(params, sealed.bytes, sealed.len);
	request_param_actor(request, params);
	buf_wipe(&sealed);
	request_effect(
	    request, &(struct pg_call){&query_own_second_factor_propose, params}, 1, on_proposed);
}

static void check_before_proposing(struct request *request)
{
	const struct account *account = request->state;
	check_password(request, account->body.password, propose);
}

void second_factor_propose(struct request *request)
{
	static const struct bind_field fields[] = {PASSWORD_FIELD(password)};
	begin(request, fields, 1, check_before_proposing);
}

static void on_confirmed(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct account *account = request->state;
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	json_t *codes = json_array();
	CHECK(count == 1);
	if (strcmp(outcome, "confirmed") != 0) {
		json_decref(codes);
		request_fail_outcome(request, outcome);
		return;
	}
	for (size_t i = 0; i < RECOVERY_CODES; i++)
		json_array_append_new(codes, json_string(account->recovery_codes[i]));
	session_cookie(account->session, request->set_cookie);
	request->holds_secret = 1;
	request_reply_json(request, 200, json_pack("{so}", "recovery_codes", codes));
}

static void add_recovery_codes(struct account *account, struct pg_params *params)
{
	uint8_t digest[SHA256_LEN];
	pg_param_array_begin(params, PG_ARRAY_BYTEA);
	for (size_t i = 0; i < RECOVERY_CODES; i++) {
		recovery_code_generate(account->recovery_codes[i], digest);
		pg_param_bytea(params, digest, sizeof(digest));
	}
	pg_param_array_end(params);
}

static void confirm(struct request *request)
{
	struct account *account = request->state;
	int64_t step;
	if (account->proposed.len == 0) {
		request_fail_outcome(request, "nothing_proposed");
		return;
	}
	if (second_factor_open(
		request, request->principal.id, &account->proposed, account->secret) != ERR_OK) {
		request_fail(request, PROBLEM_INTERNAL,
		    "The proposed second factor does not open: begin again.");
		return;
	}
	if (totp_find_step(account->secret, account->body.code, strlen(account->body.code),
		clock_unix_s(), &step) != ERR_OK) {
		request_fail_field(request, "code", "wrong_code",
		    "This is not the code that the authenticator shows now.");
		return;
	}
	session_generate(account->session);
	struct pg_params *params = pg_params_new();
	session_param(params, request->principal.session);
	session_param(params, account->session);
	pg_param_bytea(params, account->proposed.bytes, account->proposed.len);
	pg_param_int(params, step);
	add_recovery_codes(account, params);
	request_param_actor(request, params);
	request_effect(
	    request, &(struct pg_call){&query_own_second_factor_confirm, params}, 1, on_confirmed);
}

void second_factor_confirm(struct request *request)
{
	static const struct bind_field fields[] = {{.name = "code",
	    .type = BIND_TEXT,
	    .flags = BIND_REQUIRED,
	    .offset = offsetof(struct account, body.code),
	    .min = 1,
	    .max = 32}};
	begin(request, fields, 1, confirm);
}

/* --- A new password --- */

static void on_changed(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct account *account = request->state;
	const char *outcome = row_text(results[0], 0, row_column(results[0], "outcome"));
	CHECK(count == 1);
	if (strcmp(outcome, "changed") != 0) {
		request_fail_outcome(request, outcome);
		return;
	}
	session_cookie(account->session, request->set_cookie);
	request_reply_empty(request);
}

static void change(int matches, const char *hash, void *ctx)
{
	struct request *request = ctx;
	struct account *account = request->state;
	(void)matches;
	session_generate(account->session);
	struct pg_params *params = pg_params_new();
	session_param(params, request->principal.session);
	session_param(params, account->session);
	pg_param_text(params, account->password_hash);
	pg_param_text(params, hash);
	request_param_actor(request, params);
	request_effect(
	    request, &(struct pg_call){&query_own_password_change, params}, 1, on_changed);
}

static void hash_new_password(int matches, const char *hash, void *ctx)
{
	struct request *request = ctx;
	const struct account *account = request->state;
	const char *password = account->body.password;
	(void)hash;
	if (!matches) {
		fail_wrong_password(request);
		return;
	}
	const char *problem = person_password_problem(
	    password, strlen(password), account->email, account->display_name);
	if (problem)
		request_fail_field(request, "password", "bad_password", "The password %s", problem);
	else if (hasher_hash(request->portal->hasher, password, strlen(password), change,
		     request) != ERR_OK)
		fail_hasher_full(request);
}

static void check_before_changing(struct request *request)
{
	const struct account *account = request->state;
	check_password(request, account->body.current_password, hash_new_password);
}

void own_password_change(struct request *request)
{
	static const struct bind_field fields[] = {
	    PASSWORD_FIELD(current_password), PASSWORD_FIELD(password)};
	begin(request, fields, 2, check_before_changing);
}
