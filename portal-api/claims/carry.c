/* Whether a format can carry a claim's values; see carry.h. Pure. */
#include "portal-api/claims/carry.h"

#include <string.h>

#include "common/answer/url_policy.h"

/* Stands for what the redirector makes up for a model's other accounts: letters and digits. */
static const char OTHER_PASSWORD[] = "Aa0Bb1Cc2Dd3Ee4F";

static void blame(const struct carry *carry, const char *value, struct field_errors *errors)
{
	if (strcmp(value, "admin_password") == 0)
		field_error_add(errors, "admin_password", "not_representable",
		    "The answer format of model %s cannot carry this password.", carry->model);
	else
		field_error_add(errors, carry->is_profile_change ? value : "profile_id",
		    "not_representable",
		    "The answer format of model %s cannot carry the %s of this phone.",
		    carry->model, value);
}

enum err carry_check(
    const struct format *format, const struct carry *carry, struct field_errors *errors)
{
	struct url_fields fields = {carry->mac, carry->serial_number, carry->model};
	struct buf url = {0}, fallbacks[CARRY_FALLBACKS_MAX] = {{0}};
	const char *fallback_texts[CARRY_FALLBACKS_MAX], *refused = "provisioning_url";
	struct answer_values values = {.mac = carry->mac,
	    .serial_number = carry->serial_number,
	    .model = carry->model,
	    .fallback_urls = fallback_texts,
	    .fallback_count = carry->fallback_count,
	    .admin_user = carry->admin_user,
	    .admin_password = carry->admin_password,
	    .other_password = OTHER_PASSWORD};
	enum err err;

	if (carry->is_staged && !format_can_stage(format)) {
		field_error_add(errors, carry->is_profile_change ? "delivery" : "profile_id",
		    "cannot_stage",
		    "Phones of model %s cannot be made to ask again: staged delivery is not for "
		    "them.",
		    carry->model);
		return ERR_REFUSED;
	}
	CHECK(carry->fallback_count <= CARRY_FALLBACKS_MAX);
	err = url_expand(carry->provisioning_url, &fields, &url);
	values.provisioning_url = (const char *)url.bytes;
	for (size_t i = 0; !err && i < carry->fallback_count; i++) {
		refused = "fallback_urls";
		err = url_expand(carry->fallback_urls[i], &fields, &fallbacks[i]);
		fallback_texts[i] = (const char *)fallbacks[i].bytes;
	}
	if (!err)
		err = format_check_values(format, &values, &refused);
	if (err) {
		blame(carry, refused, errors);
		err = ERR_REFUSED;
	}
	buf_free(&url);
	for (size_t i = 0; i < carry->fallback_count; i++)
		buf_free(&fallbacks[i]);
	return err;
}
