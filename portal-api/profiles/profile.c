/* What a provisioning profile may be; see profile.h. Pure. */
#include "portal-api/profiles/profile.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "common/answer/password.h"
#include "common/answer/url_policy.h"
#include "portal-api/json/bind.h"

static const char *const deliveries[] = {"direct", "staged", NULL};
static const char *const redeliveries[] = {"always", "once", "window", NULL};

#define OFFSET(member) offsetof(struct profile, member)

static const struct bind_field fields[] = {
    {.name = "name",
	.type = BIND_NAME,
	.flags = BIND_REQUIRED,
	.offset = OFFSET(name),
	.min = 1,
	.max = 128},
    {.name = "provisioning_url",
	.type = BIND_TEXT,
	.flags = BIND_REQUIRED | BIND_URL,
	.offset = OFFSET(provisioning_url),
	.min = 1,
	.max = 64 * 1024},
    {.name = "fallback_urls",
	.type = BIND_TEXTS,
	.flags = BIND_NULLABLE | BIND_URL,
	.offset = OFFSET(fallback_urls),
	.max = PROFILE_FALLBACKS_MAX,
	.item_max = 64 * 1024},
    {.name = "trust_anchors",
	.type = BIND_LINES,
	.flags = BIND_NULLABLE,
	.offset = OFFSET(trust_anchors),
	.min = 1,
	.max = 64 * 1024},
    {.name = "delivery",
	.type = BIND_WORD,
	.flags = BIND_NULLABLE,
	.offset = OFFSET(delivery),
	.words = deliveries},
    {.name = "redelivery",
	.type = BIND_WORD,
	.flags = BIND_NULLABLE,
	.offset = OFFSET(redelivery),
	.words = redeliveries},
    {.name = "window_hours",
	.type = BIND_INT,
	.flags = BIND_NULLABLE,
	.offset = OFFSET(window_hours),
	.min = 1,
	.max = 8760},
    {.name = "purge_after_delivery",
	.type = BIND_BOOL,
	.flags = BIND_NULLABLE,
	.offset = OFFSET(purge_after_delivery)},
    {.name = "password_length",
	.type = BIND_INT,
	.flags = BIND_NULLABLE,
	.offset = OFFSET(password_length),
	.min = PASSWORD_LEN_MIN,
	.max = PASSWORD_LEN_MAX},
};

/* 1 to TRUST_ANCHORS_MAX certificates and nothing between them but white space. */
static int are_certificates(const char *pem)
{
	static const char begin[] = "-----BEGIN CERTIFICATE-----";
	static const char end[] = "-----END CERTIFICATE-----";
	int count = 0;
	for (;;) {
		pem += strspn(pem, " \t\r\n");
		if (!*pem)
			return count > 0;
		const char *stop = strstr(pem, end);
		if (strncmp(pem, begin, strlen(begin)) != 0 || !stop || ++count > TRUST_ANCHORS_MAX)
			return 0;
		stop += strlen(end);
		BIO *bio = BIO_new_mem_buf(pem, (int)(stop - pem));
		X509 *certificate = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
		int good = certificate != NULL;
		X509_free(certificate);
		BIO_free(bio);
		ERR_clear_error();
		if (!good)
			return 0;
		pem = stop;
	}
}

enum err profile_bind(const json_t *document, struct profile *profile, struct field_errors *errors)
{
	struct profile bound = {.delivery = "direct", .redelivery = "always"};
	size_t before = errors->count;
	if (bind_object(document, fields, sizeof(fields) / sizeof(fields[0]), &bound, errors))
		return ERR_SYNTAX;
	int is_window = strcmp(bound.redelivery, "window") == 0;
	if (is_window && bound.window_hours == 0)
		field_error_add(errors, "window_hours", "required",
		    "redelivery window needs the number of hours.");
	if (!is_window && bound.window_hours != 0)
		field_error_add(
		    errors, "window_hours", "not_used", "This goes with redelivery window only.");
	if (bound.purge_after_delivery && strcmp(bound.redelivery, "always") == 0)
		field_error_add(errors, "purge_after_delivery", "not_used",
		    "With redelivery always a phone may come for its password at any time; take "
		    "once or window.");
	if (bound.trust_anchors && !are_certificates(bound.trust_anchors))
		field_error_add(errors, "trust_anchors", "bad_certificate",
		    "This must be 1 to %d PEM certificates and nothing else.", TRUST_ANCHORS_MAX);
	if (errors->count > before)
		return ERR_SYNTAX;
	*profile = bound;
	return ERR_OK;
}

static void check_url(const char *field, const char *url, const char *const *domains,
    size_t domain_count, struct field_errors *errors)
{
	enum url_problem problem = url_policy_check(url, strlen(url), domains, domain_count);
	if (problem != URL_OK)
		field_error_add(errors, field, url_problem_code(problem), "The URL %s.",
		    url_problem_text(problem));
}

enum err profile_check_urls(const struct profile *profile, const char *const *domains,
    size_t domain_count, struct field_errors *errors)
{
	size_t before = errors->count;
	check_url("provisioning_url", profile->provisioning_url, domains, domain_count, errors);
	for (size_t i = 0; i < json_array_size(profile->fallback_urls); i++) {
		char field[32];
		snprintf(field, sizeof(field), "fallback_urls[%zu]", i);
		check_url(field, json_string_value(json_array_get(profile->fallback_urls, i)),
		    domains, domain_count, errors);
	}
	return errors->count == before ? ERR_OK : ERR_REFUSED;
}
