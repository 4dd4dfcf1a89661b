/*
 * POST /v1/profiles/preview: the answer that a phone would get, rendered by the redirector's own
 * code and formats, for a profile that is stored or only thought of.
 *
 * The phone is one of the tenant's own, or made up. The admin password in it always is made up: no
 * secret is opened here, and nothing is changed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/answer/anchors.h"
#include "common/answer/password.h"
#include "common/answer/url_policy.h"
#include "portal-api/claims/claims.h"
#include "portal-api/json/bind.h"
#include "portal-api/profiles/handlers.h"
#include "portal-api/resources/resources.h"
#include "queries_portal-api.h"

/* As long as the longest; cut to how long one would be. */
static const char MADE_UP_PASSWORD[] =
    "MadeUp4ThisPreviewMadeUp4ThisPreviewMadeUp4ThisPreviewMadeUp4Thi";
_Static_assert(sizeof MADE_UP_PASSWORD == PASSWORD_LEN_MAX + 1, "any length can be shown");

static const char MADE_UP_OTHER[] = "Aa0Bb1Cc2Dd3Ee4F",
		  MADE_UP_STAGE_URL[] = "https://redirector.invalid/s/TOKEN/",
		  MADE_UP_SERIAL[] = "SN00000001";
static const struct mac MADE_UP_MAC = {{0x00, 0x15, 0x65, 0xaa, 0xbb, 0xcc}};

struct preview_body {
	const char *profile_id, *mac, *model, *serial_number;
	json_t *profile;
};

static const struct bind_field body_fields[] = {
    {.name = "profile_id", .type = BIND_UUID, .offset = offsetof(struct preview_body, profile_id)},
    {.name = "profile", .type = BIND_OBJECT, .offset = offsetof(struct preview_body, profile)},
    {.name = "mac", .type = BIND_TEXT, .offset = offsetof(struct preview_body, mac), .max = 32},
    {.name = "model", .type = BIND_TEXT, .offset = offsetof(struct preview_body, model), .max = 64},
    {.name = "serial_number",
	.type = BIND_TEXT,
	.offset = offsetof(struct preview_body, serial_number),
	.max = 64},
};

struct preview {
	struct preview_body body;
	struct mac mac;
	json_t *document; /* of the profile, where it is a stored one */
	struct profile profile; /* borrowed from a document */
	struct carry carry; /* borrowed from the rows */
	char password[sizeof MADE_UP_PASSWORD];
	struct buf url, fallbacks[CARRY_FALLBACKS_MAX];
	const char *fallback_texts[CARRY_FALLBACKS_MAX];
	struct anchors anchors;
};

static void preview_free(void *state)
{
	struct preview *preview = state;
	json_decref(preview->document);
	buf_free(&preview->url);
	for (size_t i = 0; i < CARRY_FALLBACKS_MAX; i++)
		buf_free(&preview->fallbacks[i]);
	anchors_free(&preview->anchors);
	free(preview);
}

/* The values of the answer; carry_check has passed, so that none is refused. */
static struct answer_values values_of(struct preview *preview)
{
	const struct carry *carry = &preview->carry;
	const struct url_fields fields = {carry->mac, carry->serial_number, carry->model};
	const char *pem = preview->profile.trust_anchors;
	CHECK(url_expand(carry->provisioning_url, &fields, &preview->url) == ERR_OK);
	for (size_t i = 0; i < carry->fallback_count; i++) {
		CHECK(
		    url_expand(carry->fallback_urls[i], &fields, &preview->fallbacks[i]) == ERR_OK);
		preview->fallback_texts[i] = (const char *)preview->fallbacks[i].bytes;
	}
	if (pem)
		anchors_read(pem, strlen(pem), &preview->anchors);
	return (struct answer_values){.mac = carry->mac,
	    .serial_number = carry->serial_number,
	    .model = carry->model,
	    .provisioning_url = (const char *)preview->url.bytes,
	    .fallback_urls = preview->fallback_texts,
	    .fallback_count = carry->fallback_count,
	    .admin_user = carry->admin_user,
	    .admin_password = carry->admin_password,
	    .other_password = MADE_UP_OTHER,
	    .trust_anchors = preview->anchors.items,
	    .trust_anchor_count = preview->anchors.count};
}

static json_t *rendered(
    const struct format *format, unsigned body, const struct answer_values *values)
{
	struct buf text = {0};
	const char *field;
	json_t *made = json_null();
	if (format_render(format, body, values, &text, &field) == ERR_OK)
		made = json_stringn((const char *)text.bytes, text.len);
	buf_free(&text);
	return made ? made : json_null();
}

/* What the profile says and phones of this format are not told. */
static json_t *left_out(const struct format *format, const struct answer_values *values)
{
	json_t *names = json_array();
	if (values->fallback_count > 0 && !format_tells(format, "fallback_urls"))
		json_array_append_new(names, json_string("fallback_urls"));
	if (values->trust_anchor_count > 0 && !format_tells(format, "trust_anchors"))
		json_array_append_new(names, json_string("trust_anchors"));
	return names;
}

static void reply(struct request *request, const struct format *format)
{
	struct preview *preview = request->state;
	struct answer_values values = values_of(preview);
	unsigned settings = format_settings_body(format);
	char mac[MAC_TEXT_LEN + 1];
	json_t *fallbacks = json_array(), *stage_one = json_null();
	for (size_t i = 0; i < values.fallback_count; i++)
		json_array_append_new(fallbacks, json_string(values.fallback_urls[i]));
	json_t *body = rendered(format, settings, &values), *unsaid = left_out(format, &values);
	if (preview->carry.is_staged) {
		values.provisioning_url = MADE_UP_STAGE_URL;
		values.fallback_count = values.trust_anchor_count = 0;
		stage_one = rendered(format, format_stage_one_body(format, settings), &values);
	}
	mac_format(&values.mac, mac);
	request_reply_json(request, 200,
	    json_pack("{ss ss ss ss ss so ss sI so so so}", "mac", mac, "model", values.model,
		"format", format_name(format), "content_type", format_content_type(format),
		"provisioning_url", (const char *)preview->url.bytes, "fallback_urls", fallbacks,
		"admin_password", preview->password, "password_length",
		(json_int_t)strlen(preview->password), "body", body, "stage_one", stage_one,
		"left_out", unsaid));
}

/* Takes the phone; 0 when there is none such. */
static int take_phone(struct preview *preview, const struct pg_rows *phones)
{
	struct carry *carry = &preview->carry;
	if (row_count(phones) == 0)
		return 0;
	int is_own = !row_is_null(phones, 0, row_column(phones, "mac"));
	carry->mac = preview->body.mac ? preview->mac : MADE_UP_MAC;
	carry->serial_number = MADE_UP_SERIAL;
	if (is_own)
		carry->serial_number = row_text(phones, 0, row_column(phones, "serial_number"));
	else if (preview->body.serial_number)
		carry->serial_number = preview->body.serial_number;
	carry->model = row_text(phones, 0, row_column(phones, "model"));
	carry->admin_user = row_text(phones, 0, row_column(phones, "admin_user"));
	return 1;
}

static void take_profile(struct preview *preview)
{
	const struct profile *profile = &preview->profile;
	struct carry *carry = &preview->carry;
	carry->provisioning_url = profile->provisioning_url;
	carry->fallback_count = json_array_size(profile->fallback_urls);
	for (size_t i = 0; i < carry->fallback_count; i++)
		carry->fallback_urls[i] =
		    json_string_value(json_array_get(profile->fallback_urls, i));
	carry->is_staged = strcmp(profile->delivery, "staged") == 0;
	carry->is_profile_change = 1;
	carry->admin_password = preview->password;
}

/* As claim_password: the profile's length is kept to, and the portal's as far as the model can. */
static enum err check(struct request *request, const struct format *format)
{
	struct preview *preview = request->state;
	struct field_errors first = {0};
	int64_t wanted = preview->profile.password_length;
	size_t length = (size_t)(wanted ? wanted : request->portal->config->password_length);
	memcpy(preview->password, MADE_UP_PASSWORD, length);
	if (carry_check(format, &preview->carry, &first) == ERR_OK)
		return ERR_OK;
	if (!wanted)
		preview->password[PASSWORD_LEN_MIN] = '\0';
	return carry_check(format, &preview->carry, &request->problem.errors);
}

static void show(struct request *request, const struct pg_rows *phones)
{
	struct preview *preview = request->state;
	if (!take_phone(preview, phones)) {
		request_fail_field(request, preview->body.model ? "model" : "mac", "unknown_phone",
		    preview->body.model
			? "There is no such model."
			: "This is none of your phones: name a model for a made-up one.");
		return;
	}
	const char *name = row_text(phones, 0, row_column(phones, "format"));
	const struct format *format = format_set_find(request->portal->formats, name);
	if (!format) {
		request_fail_field(request, "model", "no_format",
		    "The answer format of model %s is not installed here.", preview->carry.model);
		return;
	}
	take_profile(preview);
	if (check(request, format) != ERR_OK)
		request_fail_fields(request);
	else
		reply(request, format);
}

static void on_stored(struct request *request, const struct pg_rows *const *results, size_t count)
{
	struct preview *preview = request->state;
	CHECK(count == 2);
	if (row_count(results[0]) == 0) {
		request_fail_outcome(request, "unknown_profile");
		return;
	}
	preview->document = profile_writable(results[0]);
	if (profile_bind(preview->document, &preview->profile, &request->problem.errors))
		request_fail_fields(request);
	else
		show(request, results[1]);
}

static void on_proposed(struct request *request, const struct pg_rows *const *results, size_t count)
{
	const struct preview *preview = request->state;
	CHECK(count == 2);
	if (profile_refuse_urls(request, &preview->profile, results[0]) == 0)
		show(request, results[1]);
}

static int read_body(struct request *request, struct preview *preview)
{
	const struct preview_body *body = &preview->body;
	struct field_errors *errors = &request->problem.errors;
	if (bind_object(request->document, body_fields,
		sizeof(body_fields) / sizeof(body_fields[0]), &preview->body, errors) == ERR_OK) {
		if (!body->profile == !body->profile_id)
			field_error_add(errors, "profile", "required",
			    "Say one of: profile (as in POST /v1/profiles), profile_id.");
		if (!body->mac && !body->model)
			field_error_add(errors, "mac", "required",
			    "Say which phone: mac of one of yours, or model for a made-up one.");
		if (body->mac && mac_parse(body->mac, strlen(body->mac), &preview->mac) != ERR_OK)
			field_error_add(errors, "mac", "bad_mac", "This must be a phone's MAC.");
	}
	if (errors->count == 0 && body->profile &&
	    profile_bind(body->profile, &preview->profile, errors) != ERR_OK)
		CHECK(errors->count > 0);
	if (errors->count == 0)
		return 0;
	request_fail_fields(request);
	return -1;
}

void profile_preview(struct request *request)
{
	struct preview *preview = calloc(1, sizeof(*preview));
	CHECK(preview);
	request->state = preview;
	request->state_free = preview_free;
	if (read_body(request, preview))
		return;
	struct pg_params *params = pg_params_new();
	if (preview->body.mac)
		pg_param_mac(params, &preview->mac);
	else
		pg_param_null(params);
	pg_param_text(params, preview->body.model);
	const struct pg_call calls[] = {preview->body.profile
					    ? profile_domains_call(request)
					    : profile_read_call(preview->body.profile_id),
	    {&query_preview_phone, params}};
	request_query(request, calls, 2, preview->body.profile ? on_proposed : on_stored);
}
