/*
 * What was shown once with an import, made anew: a phone's claim code, its password. Each answer
 * holds the secret and is kept for no replay; the database gets a hash of it.
 */
#include <stdlib.h>
#include <string.h>

#include "common/answer/password.h"
#include "common/base/claim_code.h"
#include "common/base/secret.h"
#include "common/base/text.h"
#include "common/pki/digest.h"
#include "portal-api/http/request.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

/* The phone's document with its new secret; takes it. */
static void reply(struct request *request, json_t *document)
{
	struct mac mac;
	char text[MAC_TEXT_LEN + 1];
	CHECK(
	    mac_parse(request->match.params[0], strlen(request->match.params[0]), &mac) == ERR_OK);
	mac_format(&mac, text);
	json_object_set_new(document, "mac", json_string(text));
	request->holds_secret = 1;
	request_set_location(request, "/v1/admin/devices/%s", text);
	request_reply_json(request, 201, document);
}

/* Whether the phone got another one; else that is answered. */
static int is_renewed(struct request *request, const struct pg_rows *rows)
{
	const char *outcome = row_text(rows, 0, row_column(rows, "outcome"));
	if (strcmp(outcome, "renewed") == 0)
		return 1;
	request_fail_outcome(request, outcome);
	return 0;
}

static void code_free(void *state)
{
	bytes_wipe(state, sizeof(struct claim_code));
	free(state);
}

static void on_code(struct request *request, const struct pg_rows *const *results, size_t count)
{
	char text[CLAIM_CODE_TEXT_LEN + 1];
	CHECK(count == 1);
	if (!is_renewed(request, results[0]))
		return;
	claim_code_format(request->state, text);
	reply(request,
	    json_pack("{ss sI}", "claim_code", text, "claim_code_epoch",
		(json_int_t)row_int(results[0], 0, row_column(results[0], "claim_code_epoch"))));
	bytes_wipe(text, sizeof(text));
}

void device_claim_code_renew(struct request *request)
{
	struct mac mac;
	if (request_mac(request, 0, &mac))
		return;
	struct claim_code *code = calloc(1, sizeof(*code));
	uint8_t bits[(CLAIM_CODE_BITS + 7) / 8];
	CHECK(code);
	request->state = code;
	request->state_free = code_free;
	random_fill(bits, sizeof(bits));
	claim_code_from_bits(bits, code);
	bytes_wipe(bits, sizeof(bits));
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &mac);
	pg_param_text(params, code->symbols);
	request_param_actor(request, params);
	request_effect(
	    request, &(struct pg_call){&query_device_claim_code_renew, params}, 1, on_code);
}

static void password_free(void *state)
{
	secret_free(state);
	free(state);
}

static void on_credentials(
    struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct secret *password = request->state;
	CHECK(count == 1);
	if (is_renewed(request, results[0]))
		reply(
		    request, json_pack("{ss ss}", "user",
				 row_text(results[0], 0, row_column(results[0], "credential_user")),
				 "password", (const char *)password->bytes));
}

void device_credentials_renew(struct request *request)
{
	struct mac mac;
	uint8_t digest[SHA256_LEN];
	if (request_mac(request, 0, &mac))
		return;
	struct secret *password = calloc(1, sizeof(*password));
	CHECK(password);
	request->state = password;
	request->state_free = password_free;
	CHECK(password_generate(DEVICE_PASSWORD_LEN, password) == ERR_OK);
	sha256(password->bytes, password->len, digest);
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, &mac);
	pg_param_bytea(params, digest, sizeof(digest));
	request_param_actor(request, params);
	request_effect(
	    request, &(struct pg_call){&query_device_credentials_renew, params}, 1, on_credentials);
}
