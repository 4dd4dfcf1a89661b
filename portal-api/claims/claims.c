/* What the handlers of claims share; see claims.h. Runs in a portal worker, which holds the
 * sealing ring; passwords are in memory only while one request needs them. */
#include "portal-api/claims/claims.h"

#include <string.h>

#include "common/answer/password.h"
#include "common/base/log.h"
#include "queries_portal-api.h"

const struct row_field claim_fields[CLAIM_FIELD_COUNT] = {
    {"mac", "mac", ROW_MAC},
    {"model", "model", ROW_TEXT},
    {"serial_number", "serial_number", ROW_TEXT},
    {"profile_id", "profile_id", ROW_TEXT},
    {"state", "state", ROW_TEXT},
    {"claimed_at", "claimed_at", ROW_TIME},
    {"contacted_at", "contacted_at", ROW_TIME},
    {"contacted_before_claim", "contacted_before_claim", ROW_BOOL},
    {"delivered_at", "delivered_at", ROW_TIME},
    {"armed_at", "armed_at", ROW_TIME},
    {"once_started_at", "once_started_at", ROW_TIME},
    {"pending_since", "pending_since", ROW_TIME},
    {"version", "version", ROW_INT},
};

void claim_reply(struct request *request, int status, const struct pg_rows *rows, size_t row)
{
	request->etag_version = (int)row_int(rows, row, row_column(rows, "version"));
	request_reply_json(request, status, row_object(rows, row, claim_fields, CLAIM_FIELD_COUNT));
}

void claim_code_read(const char *text, struct claim_code *code, struct field_errors *errors)
{
	enum err err = text ? claim_code_parse(text, strlen(text), code) : ERR_OK;
	if (err == ERR_SIGNATURE)
		field_error_add(errors, "claim_code", "claim_code_mistyped",
		    "A symbol is wrong: read the code on the label again.");
	else if (err)
		field_error_add(errors, "claim_code", "bad_claim_code",
		    "A claim code has 14 symbols, such as XXXXX-XXXXX-XXXX.");
}

void claim_refuse(struct request *request, const struct mac *mac, const struct pg_rows *rows,
    size_t row, const char *outcome)
{
	char text[MAC_TEXT_LEN + 1];
	if (strcmp(outcome, "rate_limited") == 0) {
		request->retry_after_s =
		    (unsigned)row_int(rows, row, row_column(rows, "retry_after_s"));
		request_fail(request, PROBLEM_TOO_MANY_WRONG_CODES,
		    "Too many wrong claim codes in the last hour: codes are looked at again in %u "
		    "minutes.",
		    (request->retry_after_s + 59) / 60);
		return;
	}
	if (strcmp(outcome, "possession_not_proven") != 0) {
		request_fail_outcome(request, outcome);
		return;
	}
	/* The same words whether the phone is unknown, free or somebody's. */
	mac_format(mac, text);
	request_fail(request, PROBLEM_POSSESSION_NOT_PROVEN,
	    "This does not prove that you hold the phone %s: send the claim code of its label, "
	    "or have the manufacturer note its shipment to you.",
	    text);
}

struct pg_call claim_read_call(const struct mac *mac)
{
	struct pg_params *params = pg_params_new();
	pg_param_mac(params, mac);
	return (struct pg_call){&query_claim_get, params};
}

struct pg_call profile_read_call(const char *profile_id)
{
	struct pg_params *params = pg_params_new();
	pg_param_text(params, profile_id);
	return (struct pg_call){&query_profile_get, params};
}

static void add_fallback(const char *url, void *ctx)
{
	struct carry *carry = ctx;
	CHECK(carry->fallback_count < CARRY_FALLBACKS_MAX);
	carry->fallback_urls[carry->fallback_count++] = url;
}

void carry_take_profile(struct carry *carry, const struct pg_rows *profile, size_t row)
{
	carry->provisioning_url = row_text(profile, row, row_column(profile, "provisioning_url"));
	row_strings(profile, row, row_column(profile, "fallback_urls"), add_fallback, carry);
	carry->is_staged =
	    strcmp(row_text(profile, row, row_column(profile, "delivery")), "staged") == 0;
	int length = row_column(profile, "password_length");
	carry->password_length =
	    row_is_null(profile, row, length) ? 0 : (size_t)row_int(profile, row, length);
}

static enum err take_supplied(const struct carry *carry, const char *supplied,
    struct secret *password, struct field_errors *errors)
{
	char mac[MAC_TEXT_LEN + 1];
	mac_format(&carry->mac, mac);
	enum password_problem problem =
	    password_check(supplied, strlen(supplied), mac, carry->serial_number);
	if (problem != PASSWORD_OK) {
		field_error_add(errors, "admin_password", password_problem_code(problem),
		    "The password %s.", password_problem_text(problem));
		return ERR_REFUSED;
	}
	if (carry->password_alphabet && carry->password_alphabet[0] &&
	    supplied[strspn(supplied, carry->password_alphabet)]) {
		field_error_add(errors, "admin_password", "password_not_typeable",
		    "Phones of model %s can be given these characters only: %s", carry->model,
		    carry->password_alphabet);
		return ERR_REFUSED;
	}
	secret_set(password, supplied, strlen(supplied));
	return ERR_OK;
}

/* A new one that the model can type. */
static enum err make_password(
    const struct carry *carry, size_t length, struct secret *password, struct field_errors *errors)
{
	const char *alphabet = carry->password_alphabet;
	enum err err =
	    password_generate_of(alphabet && alphabet[0] ? alphabet : NULL, length, password);
	if (err)
		field_error_add(errors, "profile_id", "no_password",
		    "No strong password can be made of what phones of model %s can type.",
		    carry->model);
	return err;
}

static int blames_password(const struct field_errors *errors)
{
	return errors->count > 0 && strcmp(errors->items[0].field, "admin_password") == 0;
}

enum err claim_password(const struct portal *portal, const struct carry *carry,
    const char *format_name, const char *supplied, struct secret *password,
    struct field_errors *errors)
{
	struct carry whole = *carry;
	struct field_errors first = {0};
	const struct format *format = format_set_find(portal->formats, format_name);
	if (!format) {
		LOG_ERROR("format_missing", log_str("format", format_name),
		    log_str("model", carry->model));
		field_error_add(errors, "profile_id", "no_format",
		    "The answer format of model %s is not installed here.", carry->model);
		return ERR_REFUSED;
	}
	if (supplied) {
		if (take_supplied(carry, supplied, password, errors) != ERR_OK)
			return ERR_REFUSED;
		whole.admin_password = (const char *)password->bytes;
		return carry_check(format, &whole, errors);
	}
	size_t length = carry->password_length ? carry->password_length
					       : (size_t)portal->config->password_length;
	if (make_password(carry, length, password, errors) != ERR_OK)
		return ERR_REFUSED;
	whole.admin_password = (const char *)password->bytes;
	if (carry_check(format, &whole, &first) == ERR_OK)
		return ERR_OK;
	/* Some models keep shorter passwords than the portal's length; a profile's own is kept to.
	 */
	if (carry->password_length && blames_password(&first)) {
		field_error_add(errors, "profile_id", "password_length",
		    "Phones of model %s cannot keep a password of %zu characters, as the profile "
		    "asks for.",
		    carry->model, length);
		return ERR_REFUSED;
	}
	secret_free(password);
	if (make_password(carry, PASSWORD_LEN_MIN, password, errors) != ERR_OK)
		return ERR_REFUSED;
	whole.admin_password = (const char *)password->bytes;
	return carry_check(format, &whole, errors);
}

static struct seal_binding binding_of(const struct mac *mac, const uint8_t claim_id[16])
{
	struct seal_binding binding = {.mac = *mac};
	memcpy(binding.claim_id, claim_id, sizeof(binding.claim_id));
	return binding;
}

void claim_seal(const struct portal *portal, const struct mac *mac, const uint8_t claim_id[16],
    const struct secret *password, struct buf *sealed)
{
	struct seal_binding binding = binding_of(mac, claim_id);
	CHECK(seal(portal->ring, &binding, password, sealed) == ERR_OK);
}

int claim_prepare(struct request *request, const struct mac *mac, const struct pg_rows *profile,
    const struct pg_rows *checked, size_t row, const char *supplied, struct uuid *claim_id,
    struct buf *sealed)
{
	struct secret password = {0};
	struct carry carry = {.mac = *mac,
	    .serial_number = row_text(checked, row, row_column(checked, "serial_number")),
	    .model = row_text(checked, row, row_column(checked, "model")),
	    .admin_user = row_text(checked, row, row_column(checked, "admin_user")),
	    .password_alphabet = row_text(checked, row, row_column(checked, "password_alphabet"))};
	carry_take_profile(&carry, profile, row);
	enum err err = claim_password(request->portal, &carry,
	    row_text(checked, row, row_column(checked, "format")), supplied, &password,
	    &request->problem.errors);
	if (!err) {
		uuid_random(claim_id);
		claim_seal(request->portal, mac, claim_id->bytes, &password, sealed);
	}
	secret_free(&password);
	if (!err)
		return 0;
	request_fail_fields(request);
	return -1;
}

int claim_open(const struct request *request, const struct mac *mac, const uint8_t claim_id[16],
    const struct pg_rows *rows, const char *column, struct secret *password)
{
	struct seal_binding binding = binding_of(mac, claim_id);
	struct buf sealed = {0};
	int index = row_column(rows, column);
	if (row_is_null(rows, 0, index))
		return 0;
	row_bytes(rows, 0, index, &sealed);
	enum err err =
	    seal_open(request->portal->ring, &binding, sealed.bytes, sealed.len, password);
	buf_free(&sealed);
	if (!err)
		return 0;
	LOG_ERROR("sealed_password_does_not_open", log_mac("mac", mac), log_str("column", column),
	    log_err(err), log_str("request_id", exchange_request_id(request->exchange)));
	return -1;
}
